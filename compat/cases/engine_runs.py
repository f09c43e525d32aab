"""Flow.run and FlowRunner.run: what comes back, and values on their way through a flow."""

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
    return [
        run(flow, task_states={b: p.engine.state.Success("given", result=50)}),
        run.notes_by_name(),
    ]


@case
def flow_run_with_state_finished(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [raises(run, flow, state=p.engine.state.Success("before", result={})), run.notes]


@case
def flow_run_with_return_tasks(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return raises(run, flow, return_tasks=[b])["raised"]


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
    return [
        state.result[a].result,
        state.result[c].result,
        len(state.result),
        sorted(type(k).__name__ for k in state.result),
    ]


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
            "add": x + y,
            "sub": x - y,
            "mul": x * y,
            "div": x / y,
            "floordiv": x // y,
            "mod": x % y,
            "pow": x**y,
            "and": x & y,
            "gt": x > y,
            "ge": x >= y,
            "lt": x < y,
            "le": x <= y,
            "radd": 1 + x,
            "rsub": 1 - x,
            "rmul": 3 * x,
            "rdiv": 14 / x,
            "rfloordiv": 15 // x,
            "rmod": 15 % x,
            "rpow": 2**x,
            "rand": True & x,
            "is_equal": x.is_equal(7),
            "is_not_equal": x.is_not_equal(y),
            "not": x.not_(),
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
