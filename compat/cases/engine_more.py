"""Combinations: results that travel, runners, changed flows, values of many types."""

from __future__ import annotations

import datetime
import threading
from datetime import timedelta
from typing import Any

from compat.harness import case, describe_flow, plain, raises


def _checkpointing(p: Any) -> Any:
    settings = p.module("utilities.configuration")
    return settings.set_temporary_config({"flows.checkpointing": True})


@case
def parameter_results_with_checkpointing(p: Any, run: Any) -> Any:
    DateTimeParameter = p.module("core.parameter").DateTimeParameter
    with p.Flow("f") as flow:
        q, d = p.Parameter("q", default={"a": 1}), DateTimeParameter("d", required=False)
        flow.add_task(q)
        flow.add_task(d)
    with _checkpointing(p):
        state = run.state(flow, d="2020-01-01")
    return [
        [
            plain(state.result[t])["type"],
            type(state.result[t]._result).__name__,
            state.result[t]._result.location,
        ]
        for t in (q, d)
    ]


@case
def constant_results_with_checkpointing(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x, name="m").map([1, 2])
    with _checkpointing(p):
        state = run.state(flow)
    source = next(t for t in flow.tasks if t is not m)
    return [type(state.result[source]._result).__name__, state.result[source]._result.location]


@case
def collection_task_results_with_flow_result(p: Any, run: Any, folder: str) -> Any:
    import os

    result = p.module("engine.results").LocalResult(dir=folder, location="{task_slug}.pkl")
    with p.Flow("f", result=result) as flow:
        one = p.task(lambda: 1, name="one")()
        two = p.task(lambda x: x, name="two")([one, 5])
        two + 1
    with _checkpointing(p):
        run.state(flow)
    return sorted(os.listdir(folder))


@case(
    differs="A given state whose result has only a location is read where it is used (design 3, "
    "values).",
)
def upstream_result_locations_are_read_back(p: Any, run: Any, folder: str) -> Any:
    LocalResult = p.module("engine.results").LocalResult
    with p.Flow("f") as flow:
        a = p.task(lambda: [1, 2], name="a", result=LocalResult(dir=folder, location="a.pkl"))()
        b = p.task(lambda x: x, name="b")(a)
    with _checkpointing(p):
        first = run.runner_state(flow)
    located = p.module("engine.result").Result
    stored = LocalResult(dir=folder, location="a.pkl")
    state = p.engine.state.Success("given", result=stored)
    again = run.runner_state(flow, task_states={a: state})
    return [
        describe_flow(flow, first)["tasks"]["b-1"],
        describe_flow(flow, again)["tasks"]["b-1"],
        located.__name__,
        b.name,
    ]


@case
def terminal_states_of_a_branching_flow(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        p.task(lambda x: 1 / 0, name="bad")(a)
        p.task(lambda x: 1, name="good")(a)
    return run(flow)


@case
def reference_tasks_with_running_state(p: Any, run: Any) -> Any:
    def pause() -> None:
        raise p.engine.signals.PAUSE("p")

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        p.task(pause)()
        flow.set_reference_tasks([a])
    return run.runner(flow)


@case
def failed_reference_with_running_terminal(p: Any, run: Any) -> Any:
    def pause() -> None:
        raise p.engine.signals.PAUSE("p")

    with p.Flow("f") as flow:
        a = p.task(lambda: 1 / 0, name="a")()
        p.task(pause, trigger=p.triggers.always_run)(upstream_tasks=[a])
        flow.set_reference_tasks([a])
    return run.runner(flow)


@case
def runner_class_attributes(p: Any, run: Any) -> Any:
    FlowRunner = p.module("engine.flow_runner").FlowRunner
    TaskRunner = p.module("engine.task_runner").TaskRunner
    flow = p.Flow("f")
    runner = FlowRunner(flow)
    task_runner = TaskRunner(p.Task(name="t"))
    return [
        runner.flow is flow,
        runner.task_runner_cls is TaskRunner,
        task_runner.task.name,
        runner.logger.name,
        task_runner.logger.name,
    ]


@case
def flow_runner_state_handlers(p: Any, run: Any) -> Any:
    FlowRunner = p.module("engine.flow_runner").FlowRunner

    def handler(runner: Any, old: Any, new: Any) -> None:
        run.note("runner", type(old).__name__, type(new).__name__)

    with p.Flow("f", state_handlers=[run.handler]) as flow:
        p.task(lambda: 1, name="a")()
    FlowRunner(flow, state_handlers=[handler]).run(executor=run.executor())
    return run.notes


@case
def flow_run_without_an_executor_argument(p: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: threading.current_thread() is threading.main_thread(), name="a")()
    return plain(flow.run().result[a])


@case
def parameters_in_the_context(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q, r = p.Parameter("q", default=1), p.Parameter("r", default=2)
        p.task(lambda a, b: dict(p.context.parameters), name="a")(q, r)
    return [run(flow, q=5), run(flow, parameters={"q": 6})]


@case
def parameters_in_the_given_context(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda a: a, name="a")(p.Parameter("q", default=1))
    return [
        run(flow, context={"parameters": {"q": 4}}),
        run(flow, parameters={"q": 7}, context={"parameters": {"q": 4}}),
    ]


@case
def scheduled_start_time_of_a_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: p.context.scheduled_start_time, name="a")()
    when = run.state(flow).result[a].result
    age = abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds())
    return [type(when).__name__, age < 30, when.tzname()]


@case
def long_chain(p: Any, run: Any) -> Any:
    add = p.task(lambda x: x + 1, name="add")
    with p.Flow("f") as flow:
        value = add(0)
        for _ in range(30):
            value = add(value)
    state = run.state(flow)
    return [type(state).__name__, state.result[value].result]


@case
def wide_fan_in(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        parts = [p.task(lambda i=i: i, name=f"p{i}")() for i in range(15)]
        total = p.task(lambda values: sum(values), name="total")(parts)
    return plain(run.state(flow).result[total])


@case
def results_of_many_types(p: Any, run: Any) -> Any:
    values = [None, 0, "", [], {}, (), b"x", 1.5, float("inf"), {1}, range(3), ValueError("v"), int]
    with p.Flow("f") as flow:
        made = [
            p.task(lambda v: v, name=f"t{i}")(p.task(lambda v=v: v, name=f"s{i}")())
            for i, v in enumerate(values)
        ]
    state = run.state(flow)
    return [plain(state.result[t].result) for t in made]


@case
def exceptions_that_do_not_pickle_well(p: Any, run: Any) -> Any:
    if run.executor_name == "dask":
        return "not tried"

    def bad() -> None:
        class Odd(Exception):
            def __init__(self, a: int, b: int) -> None:
                super().__init__(f"{a}-{b}")

        raise Odd(1, 2)

    with p.Flow("f") as flow:
        p.task(bad)()
    return run(flow)


@case
def class_task_with_all_features(p: Any, run: Any) -> Any:
    class Mine(p.Task):  # type: ignore[misc,name-defined]
        def __init__(self, factor: int, **kwargs: Any) -> None:
            self.factor = factor
            super().__init__(**kwargs)

        def run(self, x: int, extra: int = 0) -> Any:
            if p.context.task_run_count == 1:
                raise ValueError("first")
            return [self.factor * x + extra, self.name, self.max_retries]

    task = Mine(3, name="mine", max_retries=1, retry_delay=timedelta(0), tags=["t"])
    with p.Flow("f") as flow:
        task(2)
        task.map([1, 2], extra=p.unmapped(100))
    return run(flow)


@case
def task_that_changes_itself(p: Any, run: Any) -> Any:
    class Mine(p.Task):  # type: ignore[misc,name-defined]
        def run(self) -> str:
            return str(self.slug)

    with p.Flow("f") as flow:
        Mine(name="m")()
    return run(flow)


@case
def default_arguments_and_keyword_only(p: Any, run: Any) -> Any:
    def function(a: int, *, b: int = 2, **rest: Any) -> Any:
        return [a, b, plain(rest)]

    with p.Flow("f") as flow:
        p.task(function)(1)
        p.task(function, name="g")(1, b=5, c=6)
        p.task(function, name="h").map([1, 2], b=p.unmapped(3), d=["x", "y"])
    return run(flow)


@case
def set_dependencies_at_run_time(p: Any, run: Any) -> Any:
    flow = p.Flow("f")
    t = p.task(lambda x, y: [x, y], name="t")
    one = p.task(lambda: 1, name="one")
    flow.set_dependencies(t, keyword_tasks={"x": one, "y": [one, 2]})
    return run(flow)


@case
def replaced_task_at_run_time(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        p.task(lambda x: x + 1, name="b")(a)
    flow.replace(a, p.task(lambda: 100, name="new"))
    return run(flow)


@case
def updated_flow_at_run_time(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
    with p.Flow("g") as other:
        p.task(lambda x: x + 1, name="b")(5)
    flow.update(other)
    flow.add_edge(a, next(iter(other.tasks)))
    return run(flow)


@case
def copied_flow_at_run_time(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x + 1, name="b").map([5])
    copied = flow.copy()
    return [run(flow), describe_flow(copied, run.state(copied))]


@case
def saved_flow_at_run_time(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x + 1, name="b").map(p.Parameter("q", default=[5]))
    loaded = p.Flow.load(flow.save(folder + "/flow.pickle"))
    return describe_flow(loaded, run.state(loaded, q=[1, 2]))


@case
def operators_on_mapped_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x, name="m").map([1, 2])
        made = m + [3]
    return plain(run.state(flow).result[made])


@case
def cycle_is_refused_at_run_time(p: Any, run: Any) -> Any:
    flow = p.Flow("f")
    a, b = p.task(lambda x=0: x, name="a"), p.task(lambda x=0: x, name="b")
    flow.add_edge(a, b)
    flow.add_edge(b, a)
    outcome = raises(run.state, flow)
    return outcome.get("raised") or "state"


@case
def is_skipped_flow_result_of_all_skipped(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="b")(p.task(skip)())
    state = run.state(flow)
    return [type(state).__name__, state.message, state.is_skipped()]


@case
def flow_run_state_handler_state_objects(p: Any, run: Any) -> Any:
    def handler(flow: Any, old: Any, new: Any) -> None:
        run.note(
            type(new).__name__,
            isinstance(new.result, dict),
            len(new.result) if isinstance(new.result, dict) else plain(new.result),
        )

    with p.Flow("f", state_handlers=[handler]) as flow:
        p.task(lambda: 1, name="a")()
        p.task(lambda: 2, name="b")()
    run.state(flow)
    return run.notes


@case
def task_handler_sees_result_and_context(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        run.note(type(new).__name__, new.result, plain(new.context), plain(old.context))

    with p.Flow("f") as flow:
        p.task(lambda: 5, name="a", tags=["t"], state_handlers=[handler])()
    run.state(flow)
    return run.notes


@case
def cached_inputs_of_states(p: Any, run: Any) -> Any:
    def flaky(x: int, y: int) -> int:
        raise ValueError("v")

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b = p.task(flaky, max_retries=1, retry_delay=timedelta(hours=1))(a, 2)
        c = p.task(flaky, name="c")(a, 2)
    state = run.runner_state(flow)
    return [sorted(state.result[t].cached_inputs) for t in (a, b, c)]
