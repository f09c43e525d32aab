"""The context and the parameters a run sees."""

from __future__ import annotations

from typing import Any

from compat.harness import case, plain, raises


@case
def context_keys_in_a_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: sorted(p.context.to_dict()), name="a")()
    known = {"caches", "executor"}
    return [key for key in run.state(flow).result[a].result if key not in known]


@case(
    differs="Checkpointing is on for a target or a result of a task's own unless it is switched "
    "off, so its setting has no value by default (promise 1).",
)
def context_values_in_a_run(p: Any, run: Any) -> Any:
    def look(x: int) -> Any:
        c = p.context
        return [
            c.flow_name,
            c.flow_id,
            c.task_name,
            c.task_full_name,
            c.task_slug,
            c.task_id,
            sorted(c.task_tags),
            c.task_run_count,
            c.map_index,
            dict(c.parameters),
            c.checkpointing,
            len(c.today),
            len(c.today_nodash),
            type(c.date).__name__,
            type(c.scheduled_start_time).__name__,
            c.logger.name,
            len(c.flow_run_id),
            len(c.task_run_id),
            len(c.flow_run_name),
            type(c.config).__name__,
            c.yesterday < c.today < c.tomorrow,
        ]

    with p.Flow("the flow") as flow:
        q = p.Parameter("q", default=3)
        p.task(look, name="look", tags=["t", "s"])(q)
        p.task(look, name="each").map([1])
    return run(flow)


@case
def context_given_to_flow_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: [p.context.get("mine"), p.context.today], name="a")()
        p.task(lambda x: p.context.mine, name="b").map([1])
    return [run(flow, context={"mine": 4, "today": "never"}), p.context.get("mine")]


@case
def context_around_flow_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: p.context.get("mine"), name="a")()
    with p.context(mine="outside"):
        return run(flow)


@case
def task_contexts(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: p.context.get("mine"), name="a")()
        b = p.task(lambda x: p.context.get("mine"), name="b").map([1, 2])
        p.task(lambda: p.context.get("mine"), name="c")()
    return [
        run.runner(flow, task_contexts={a: {"mine": 1}, b: {"mine": 2}}),
        run(flow, task_contexts={a: {"mine": 1}}),
    ]


@case
def task_contexts_of_a_foreign_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a")()
    return run.runner(flow, task_contexts={p.Task(name="other"): {"mine": 1}})


@case
def context_change_in_a_task_does_not_leak(p: Any, run: Any) -> Any:
    def change() -> None:
        p.context["leak"] = 1

    with p.Flow("f") as flow:
        a = p.task(change)()
        p.task(lambda: p.context.get("leak"), name="b")(upstream_tasks=[a])
    return [run(flow), p.context.get("leak")]


@case
def parameters_given_default_optional(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q")
        d = p.Parameter("d", default=[1])
        o = p.Parameter("o", required=False)
        n = p.Parameter("n", default=None)
        p.task(lambda **k: k, name="x") if False else None
        p.task(lambda a, b, c, d: [a, b, c, d], name="all")(q, d, o, n)
    return [
        run(flow, parameters={"q": 1}),
        run(flow, parameters={"q": 1, "d": 2, "o": 3, "n": 4}),
        run(flow, q=9),
    ]


@case
def parameters_missing(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.Parameter("q")() if False else flow.add_task(p.Parameter("q"))
        flow.add_task(p.Parameter("r"))
    return [raises(run, flow), run.runner(flow)]


@case
def parameters_unknown(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: sorted(p.context.parameters), name="a")()
    return [raises(run, flow, parameters={"zz": 1}), run.runner(flow, parameters={"zz": 1})]


@case
def parameter_named_like_an_argument_of_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="a")(p.Parameter("state", default=1))
    return run(flow, parameters={"state": 5})


@case
def parameter_result_type(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q", default=1)
        flow.add_task(q)
    state = run.state(flow).result[q]
    return [type(state._result).__name__, state._result.location, plain(state.context)]


@case
def datetime_parameter(p: Any, run: Any) -> Any:
    DateTimeParameter = p.module("core.parameter").DateTimeParameter
    with p.Flow("f") as flow:
        d = DateTimeParameter("d", required=False)
        p.task(lambda x: [type(x).__name__, str(x)], name="a")(d)
    return [run(flow, d="2020-02-03T04:05:06+01:00")["tasks"]["a-1"], run(flow)["tasks"]["a-1"]]


@case
def datetime_parameter_with_bad_text(p: Any, run: Any) -> Any:
    DateTimeParameter = p.module("core.parameter").DateTimeParameter
    with p.Flow("f") as flow:
        d = DateTimeParameter("d", required=False)
        p.task(lambda x: 1, name="a")(d)
    state = run.state(flow, d="not a date")
    return [plain(state.result[d])["type"], run(flow, d="not a date")["tasks"]["a-1"]["type"]]


@case
def unknown_keyword_of_flow_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a")()
    return raises(run, flow, foo=1).get("raised")
