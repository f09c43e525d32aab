"""Flow.run and FlowRunner.run: what comes back, starting in the middle, contexts, parameters."""

from __future__ import annotations

import datetime
from datetime import timedelta
from typing import Any

from compat.harness import case, describe_flow, plain, raises


def _later(hours: int = 1) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + timedelta(hours=hours)


def _chain(p: Any, run: Any) -> Any:
    with p.Flow("f", state_handlers=[run.handler]) as flow:
        a = p.task(lambda: 1, name="a", state_handlers=[run.handler])()
        b = p.task(lambda x: x + 1, name="b", state_handlers=[run.handler])(a)
        c = p.task(lambda x: x + 1, name="c", state_handlers=[run.handler])(b)
    return flow, a, b, c


@case
def runner_without_return_tasks(p: Any, run: Any) -> Any:
    return run.runner(_chain(p, run)[0], return_tasks=None)


@case
def runner_with_some_return_tasks(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return run.runner(flow, return_tasks=[b])


@case
def runner_with_a_foreign_return_task(p: Any, run: Any) -> Any:
    flow = _chain(p, run)[0]
    return run.runner(flow, return_tasks=[p.Task(name="other")])


@case
def runner_given_a_failed_state(p: Any, run: Any) -> Any:
    flow = _chain(p, run)[0]
    return [run.runner(flow, state=p.engine.state.Failed("before")), run.notes]


@case
def runner_given_a_success_state(p: Any, run: Any) -> Any:
    flow = _chain(p, run)[0]
    return [run.runner(flow, state=p.engine.state.Success("before", result={})), run.notes]


@case
def runner_given_a_running_state(p: Any, run: Any) -> Any:
    flow = _chain(p, run)[0]
    return [run.runner(flow, state=p.engine.state.Running("going")), run.notes]


@case
def runner_given_a_future_schedule(p: Any, run: Any) -> Any:
    flow = _chain(p, run)[0]
    state = p.engine.state.Scheduled("later", start_time=_later())
    return [run.runner(flow, state=state), run.notes]


@case
def runner_given_a_past_schedule(p: Any, run: Any) -> Any:
    flow = _chain(p, run)[0]
    state = p.engine.state.Scheduled("earlier", start_time=_later(-1))
    return [run.runner(flow, state=state), run.notes]


@case
def task_states_success(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Success("given", result=50)}),
            run.notes_by_name()]


@case
def task_states_failed(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Failed("given")}), run.notes_by_name()]


@case
def task_states_skipped(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Skipped("given")}), run.notes_by_name()]


@case
def task_states_running(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Running("given")}), run.notes_by_name()]


@case
def task_states_scheduled_later(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = p.engine.state.Scheduled("later", start_time=_later())
    return [run.runner(flow, task_states={b: state}), run.notes_by_name()]


@case
def task_states_scheduled_earlier(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = p.engine.state.Scheduled("earlier", start_time=_later(-1))
    return [run.runner(flow, task_states={b: state}), run.notes_by_name()]


@case
def task_states_retrying_counts_on(p: Any, run: Any) -> Any:
    def count() -> int:
        return int(p.context.task_run_count)

    with p.Flow("f") as flow:
        a = p.task(count, state_handlers=[run.handler])()
    state = p.engine.state.Retrying("r", start_time=_later(-1), run_count=4)
    return [run.runner(flow, task_states={a: state}), run.notes]


@case
def task_states_submitted_and_queued(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    states = p.engine.state
    return [
        run.runner(
            flow,
            task_states={
                a: states.Submitted(state=states.Pending("p")),
                b: states.Queued(state=states.Retrying("r", run_count=1)),
            },
        ),
        run.notes_by_name(),
    ]


@case
def task_states_cached(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = p.engine.state.Cached("given", result=20)
    return [run.runner(flow, task_states={b: state}), run.notes_by_name()]


@case
def task_states_mapped_in_the_middle(p: Any, run: Any) -> Any:
    states = p.engine.state
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m", state_handlers=[run.handler]).map([1, 2])
        p.task(lambda x: x, name="r")(m)
    given = states.Mapped("given", map_states=[states.Success("s", result=5), states.Pending("p")])
    return [run.runner(flow, task_states={m: given}), run.notes_by_name()]


@case
def task_states_mapped_by_number(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m", state_handlers=[run.handler]).map([1, 2])
    given = p.engine.state.Mapped("given", n_map_states=2)
    return [run.runner(flow, task_states={m: given}), run.notes_by_name()]


@case
def task_states_success_for_a_mapped_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m").map([1, 2])
        p.task(lambda x: x, name="next").map(m)
        p.task(lambda x: x, name="r")(m)
    return run.runner(flow, task_states={m: p.engine.state.Success("given", result=[7, 8, 9])})


@case
def pause_and_resume(p: Any, run: Any) -> Any:
    def pause(x: int) -> Any:
        if not p.context.get("resume"):
            raise p.engine.signals.PAUSE("wait")
        return [x, p.context.get("resume")]

    with p.Flow("f", state_handlers=[run.handler]) as flow:
        a = p.task(lambda: 1, name="a", state_handlers=[run.handler])()
        b = p.task(pause, state_handlers=[run.handler])(a)
        p.task(lambda x: x, name="c", state_handlers=[run.handler])(b)
    first = run.runner_state(flow)
    again = run.runner_state(flow, state=first, task_states=dict(first.result))
    resumed = run.runner_state(
        flow, state=again, task_states={**again.result, b: p.engine.state.Resume("go")}
    )
    return [describe_flow(flow, state) for state in (first, again, resumed)] + [run.notes]


@case
def manual_only_and_resume(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b = p.task(
            lambda x: x, name="b", trigger=p.triggers.manual_only, state_handlers=[run.handler]
        )(a)
    first = run.runner_state(flow)
    resumed = run.runner_state(
        flow, task_states={**first.result, b: p.engine.state.Resume("go")}
    )
    return [describe_flow(flow, first), describe_flow(flow, resumed), run.notes]


@case
def pause_with_a_past_start_time_resumes_under_flow_run(p: Any, run: Any) -> Any:
    def pause() -> Any:
        if p.context.get("resume"):
            return "resumed"
        run.note("paused")
        raise p.engine.signals.PAUSE("wait", start_time=_later(-1))

    with p.Flow("f") as flow:
        b = p.task(pause, state_handlers=[run.handler])()
    first = run.runner_state(flow)
    second = run.runner_state(flow, task_states=dict(first.result))
    return [describe_flow(flow, first), describe_flow(flow, second), run.notes, b.name]


@case
def retry_first_round_under_the_runner(p: Any, run: Any) -> Any:
    def bad(x: int) -> None:
        raise ValueError("v")

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b = p.task(bad, max_retries=2, retry_delay=timedelta(minutes=5), tags=["t"])(a)
        p.task(lambda x: x, name="c")(b)
        p.task(lambda: 2, name="d")()
    state = run.runner_state(flow)
    retrying = state.result[b]
    seconds = (retrying.start_time - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    return [describe_flow(flow, state), retrying.run_count, 290 < seconds <= 300,
            plain(retrying.context), type(retrying._result).__name__]


@case
def retry_second_round_from_the_first(p: Any, run: Any) -> Any:
    def flaky(x: int) -> Any:
        if p.context.task_run_count == 1:
            raise ValueError("v")
        return [x, p.context.task_run_count]

    with p.Flow("f") as flow:
        a = p.task(lambda: run.note("a ran"), name="a")()
        p.task(flaky, max_retries=2, retry_delay=timedelta(0))(a)
    first = run.runner_state(flow)
    second = run.runner_state(flow, state=first, task_states=dict(first.result))
    return [describe_flow(flow, first), describe_flow(flow, second), run.notes]


@case
def retry_until_it_works(p: Any, run: Any) -> Any:
    def flaky() -> int:
        if p.context.task_run_count < 4:
            raise ValueError(p.context.task_run_count)
        return int(p.context.task_run_count)

    with p.Flow("f") as flow:
        p.task(flaky, max_retries=5, retry_delay=timedelta(0))()
    return run(flow)


@case
def retries_run_out(p: Any, run: Any) -> Any:
    def bad() -> None:
        run.note("run", p.context.task_run_count)
        raise ValueError(p.context.task_run_count)

    with p.Flow("f") as flow:
        p.task(bad, max_retries=2, retry_delay=timedelta(0), state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def retry_on_one_class(p: Any, run: Any) -> Any:
    def bad(kind: str) -> None:
        raise {"v": ValueError, "z": ZeroDivisionError, "u": UnicodeError}[kind](kind)

    with p.Flow("f") as flow:
        p.task(
            bad, max_retries=1, retry_delay=timedelta(0), retry_on=ValueError,
            state_handlers=[run.handler],
        ).map(["v", "z", "u"])
    return [run(flow), run.notes_by_name()]


@case
def retry_on_several_classes(p: Any, run: Any) -> Any:
    def bad(kind: str) -> None:
        raise {"v": ValueError, "z": ZeroDivisionError, "t": TypeError}[kind](kind)

    with p.Flow("f") as flow:
        p.task(
            bad, max_retries=1, retry_delay=timedelta(0), retry_on={ValueError, TypeError},
            state_handlers=[run.handler],
        ).map(["v", "z", "t"])
    return [run(flow), run.notes_by_name()]


@case
def retry_on_and_the_fail_signal(p: Any, run: Any) -> Any:
    def bad() -> None:
        raise p.engine.signals.FAIL("f")

    with p.Flow("f") as flow:
        p.task(bad, max_retries=1, retry_delay=timedelta(0), state_handlers=[run.handler])()
        p.task(
            bad, name="on", max_retries=1, retry_delay=timedelta(0), retry_on=ValueError,
            state_handlers=[run.handler],
        )()
    return [run(flow), run.notes_by_name()]


@case
def retry_signal_goes_beyond_max_retries(p: Any, run: Any) -> Any:
    def go() -> int:
        if p.context.task_run_count < 3:
            raise p.engine.signals.RETRY(f"round {p.context.task_run_count}")
        return int(p.context.task_run_count)

    with p.Flow("f") as flow:
        p.task(go, state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def retry_signal_with_a_start_time(p: Any, run: Any) -> Any:
    def go() -> int:
        if p.context.task_run_count < 2:
            raise p.engine.signals.RETRY("later", start_time=_later(2))
        return 1

    with p.Flow("f") as flow:
        a = p.task(go)()
    state = run.runner_state(flow)
    left = state.result[a].start_time - datetime.datetime.now(datetime.timezone.utc)
    return [describe_flow(flow, state), timedelta(minutes=110) < left, state.result[a].run_count]


@case
def trigger_failure_is_not_retried(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(
            lambda x: 1, name="a", max_retries=2, retry_delay=timedelta(0),
            state_handlers=[run.handler],
        )(bad)
    return [run(flow), run.notes]


@case
def reference_task_decides(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        bad = p.task(lambda x: 1 / 0, name="bad")(a)
    before = run(flow)
    flow.set_reference_tasks([a])
    after = run(flow)
    flow.set_reference_tasks([a, bad])
    return [before, after, run(flow)]


@case
def failure_not_terminal_is_forgotten(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda: 1, name="clean", trigger=p.triggers.always_run)(upstream_tasks=[bad])
    return run(flow)


@case
def reference_skipped_is_success(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        p.task(skip)()
    return run(flow)


@case
def context_keys_in_a_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: sorted(p.context.to_dict()), name="a")()
    known = {"caches", "executor"}
    return [key for key in run.state(flow).result[a].result if key not in known]


@case
def context_values_in_a_run(p: Any, run: Any) -> Any:
    def look(x: int) -> Any:
        c = p.context
        return [c.flow_name, c.flow_id, c.task_name, c.task_full_name, c.task_slug, c.task_id,
                sorted(c.task_tags), c.task_run_count, c.map_index, dict(c.parameters),
                c.checkpointing, len(c.today), len(c.today_nodash), type(c.date).__name__,
                type(c.scheduled_start_time).__name__, c.logger.name, len(c.flow_run_id),
                len(c.task_run_id), len(c.flow_run_name), type(c.config).__name__,
                c.yesterday < c.today < c.tomorrow]

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
    return [run.runner(flow, task_contexts={a: {"mine": 1}, b: {"mine": 2}}),
            run(flow, task_contexts={a: {"mine": 1}})]


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
    return [run(flow, parameters={"q": 1}), run(flow, parameters=dict(q=1, d=2, o=3, n=4)),
            run(flow, q=9)]


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


@case
def flow_run_twice_is_fresh(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: run.note("ran"), name="a")()
    return [run(flow), run(flow), run.notes]


@case
def flow_run_with_its_own_executor(p: Any, run: Any) -> Any:
    with p.Flow("f", executor=run.executor()) as flow:
        p.task(lambda x: x, name="a").map([1, 2])
    return describe_flow(flow, flow.run())


@case
def flow_run_with_task_states(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run(flow, task_states={b: p.engine.state.Success("given", result=50)}), run.notes_by_name()]


@case
def flow_run_with_state_finished(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [raises(run, flow, state=p.engine.state.Success("before", result={})), run.notes]


@case
def flow_run_with_return_tasks(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return run(flow, return_tasks=[b])


@case
def flow_run_with_a_runner_class(p: Any, run: Any) -> Any:
    base = p.module("engine.flow_runner").FlowRunner

    class Mine(base):  # type: ignore[misc,valid-type]
        def initialize_run(self, *args: Any, **kwargs: Any) -> Any:
            run.note("initialize_run")
            return super().initialize_run(*args, **kwargs)

    flow, a, b, c = _chain(p, run)
    return [describe_flow(flow, flow.run(runner_cls=Mine, executor=run.executor()))]


@case
def flow_state_result_keys_are_tasks(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = run.state(flow)
    return [state.result[a].result, state.result[c].result, len(state.result),
            sorted(type(k).__name__ for k in state.result)]


@case
def constants_are_no_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda x, y: [x, y], name="a")(1, {"k": [2]})
    return [run(flow), len(flow.tasks), plain(flow.constants[a])]


@case
def collections_of_tasks_as_arguments(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        one = p.task(lambda: 1, name="one")()
        show = p.task(lambda x: plain(x), name="show")
        show([one, 2, [one]])
        show({"k": one, "l": 5})
        show((one, 2))
        show({one, 3})
    return [run(flow), sorted(flow.slugs.values())]


@case
def operators_at_run_time(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        x, y = p.Parameter("x", default=7), p.Parameter("y", default=2)
        made = {
            "add": x + y, "sub": x - y, "mul": x * y, "div": x / y, "floordiv": x // y,
            "mod": x % y, "pow": x**y, "and": x & y, "gt": x > y, "ge": x >= y,
            "lt": x < y, "le": x <= y, "radd": 1 + x, "rsub": 1 - x, "rmul": 3 * x,
            "rdiv": 14 / x, "rfloordiv": 15 // x, "rmod": 15 % x, "rpow": 2**x,
            "rand": True & x,
            "is_equal": x.is_equal(7), "is_not_equal": x.is_not_equal(y), "not": x.not_(),
            "or_": x.or_(y),
        }
    state = run.state(flow)
    return {name: [task.name, plain(state.result[task].result)] for name, task in made.items()}


@case
def indexing_and_attributes_at_run_time(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        d = p.task(lambda: {"a": [10, 20]}, name="d")()
        first, missing = d["a"][1], d["none"]
        GetItem = p.module("tasks.core.operators").GetItem
        default = GetItem(default="dflt")(task_result=d, key="none")
    state = run.state(flow)
    return [plain(state.result[t]) for t in (first, missing, default)] + [first.name]


@case
def nout_unpacks_at_run_time(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a, b = p.task(lambda: (1, 2), name="two", nout=2)()
        p.task(lambda x, y: [x, y], name="both")(b, a)
    return run(flow)


@case
def diamond(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b, c = p.task(lambda x: x + 1, name="b")(a), p.task(lambda x: x + 2, name="c")(a)
        p.task(lambda x, y: x * y, name="d")(b, c)
    return run(flow)


@case
def task_used_twice_as_argument(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 3, name="a")()
        p.task(lambda x, y: x * y, name="d")(a, a)
    return run(flow)


@case
def keyword_arguments_of_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda a, **rest: [a, plain(rest)], name="kw")(1, b=2, c=3)
    return run(flow)


@case
def wrong_type_of_a_value_fails_in_the_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x + 1, name="a")("text")
    return run(flow)


@case
def task_run_name_string_and_callable(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="a", task_run_name="{x}-{flow_name}")(1)
        p.task(lambda x: x, name="b", task_run_name=lambda **kw: "n")(1)
        p.task(lambda x: x, name="c", task_run_name="{nokey}")(1)
        p.task(lambda x: x, name="d", task_run_name=lambda **kw: 1 / 0)(1)
    return run(flow)


@case
def subflow_run_inside_a_task(p: Any, run: Any) -> Any:
    def outer() -> Any:
        with p.Flow("inner") as inner:
            a = p.task(lambda: 5, name="i")()
        state = inner.run()
        return [type(state).__name__, state.result[a].result]

    with p.Flow("f") as flow:
        p.task(outer)()
    return run(flow)
