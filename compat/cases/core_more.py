"""Tasks, edges, states and runners: smaller points that code written for Prefect 1 may look at."""

from __future__ import annotations

import warnings
from typing import Any

from compat.harness import captured_logs, case, describe, plain, raises


def _messages(function: Any) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    texts = [str(warning.message) for warning in caught]
    return [text for text in texts if text.startswith("You are making a copy")]


@case
def refused_where_a_class_is_written(p: Any) -> Any:
    def positional(self: Any, *args: Any) -> None: ...

    def reserved(self: Any, mapped: Any, flow: Any) -> None: ...

    return [
        raises(type, "Mine", (p.Task,), {"run": run}).get("raised")
        for run in (positional, reserved)
    ]


@case
def copies_that_lose_dependencies(p: Any) -> Any:
    task = p.task(lambda x=1: x, name="t")

    def build() -> None:
        with p.Flow("f"):
            first = task(1)
            first(2)
            second = task(first)
            second(3)
            first.map([1])
        second.copy()

    return len(_messages(build))


@case
def messages_of_refused_calls(p: Any) -> Any:
    task = p.task(lambda x=1: x, name="t")
    with p.Flow("f"):
        return [
            raises(task.map, 5),
            raises(lambda: list(task))["text"][:20],
            raises(p.core.edge.Edge, task, task),
            raises(p.engine.signals.signal_from_state, p.engine.state.Running()),
            raises(p.task, max)["text"][:34],
        ]


@case
def count_of_runs_in_scheduled_states(p: Any) -> Any:
    states = p.engine.state
    with p.context(task_run_count=3):
        kinds = (states.Scheduled, states.Paused, states.Resume, states.Retrying, states.Pending)
        return [plain(kind().context) for kind in kinds]


@case
def number_of_elements_is_set(p: Any) -> Any:
    state = p.engine.state.Mapped()
    state.n_map_states = 4
    return state.n_map_states


@case
def results_of_none_and_of_results(p: Any, run: Any) -> Any:
    result = p.module("engine.result").Result
    with p.Flow("f") as flow:
        none = p.task(lambda: None, name="none")()
        held = p.task(lambda: result(5), name="held")()
        value = p.task(lambda x: x.value, name="value")(held)
    state = run.state(flow)
    return [
        [type(state.result[t]._result).__name__, type(state.result[t].result).__name__]
        for t in (none, held, value)
    ]


@case
def a_mapped_task_resumed_as_a_whole(p: Any, run: Any) -> Any:
    manual = p.triggers.manual_only
    with p.Flow("f") as flow:
        made = p.task(lambda x: x, name="t", trigger=manual, state_handlers=[run.handler]).map([1])
    resumed = run.runner(flow, task_states={made: p.engine.state.Resume("go")})
    return [resumed, run.notes]


@case
def runner_of_a_mapped_task(p: Any) -> Any:
    states, seen = p.engine.state, []
    task = p.task(
        lambda x: x,
        name="t",
        tags=["a"],
        state_handlers=[lambda t, old, new: seen.append([type(old).__name__, type(new).__name__])],
    )
    found = []
    for upstream in (states.Success(result=[1, 2]), states.Success(result=5), states.Skipped()):
        edge = p.core.edge.Edge(p.Task(name="items"), task, key="x", mapped=True)
        runner = p.module("engine.task_runner").TaskRunner(task)
        state = runner.run(upstream_states={edge: upstream}, is_mapped_parent=True)
        found.append([type(state).__name__, state.message, plain(state.context)])
    return [found, seen]


@case
def states_a_task_runner_leaves_alone(p: Any) -> Any:
    states = p.engine.state
    runner = p.module("engine.task_runner").TaskRunner(p.task(lambda: 1, name="t"))
    given = [
        states.Looped("l", loop_count=2, result=3),
        states.ClientFailed(state=states.Failed("inner")),
        states.State("base"),
        states.Finished("f"),
    ]
    return [describe(runner.run(state=state)) for state in given]


@case
def none_given_to_an_argument_with_an_attribute(p: Any) -> Any:
    decorate = p.module("utilities.tasks").defaults_from_attrs

    class Mine(p.Task):  # type: ignore[misc,name-defined]
        def __init__(self, a: Any = None, **kwargs: Any) -> None:
            self.a = a
            super().__init__(**kwargs)

        @decorate("a")
        def run(self, a: Any = None) -> Any:
            return a

    return [Mine(1).run(), Mine(1).run(a=None)]


@case
def configuration_fills_in_texts(p: Any) -> Any:
    configuration = p.module("configuration")
    values = {"x": 1, "a": "${x}", "b": "${x}0", "c": "${x}${x}", "d": "v${x}"}
    return plain(dict(configuration.interpolate_config(values)))


@case
def flat_dictionaries_keep_dot_dicts(p: Any) -> Any:
    collections = p.module("utilities.collections")
    flat = collections.dict_to_flatdict({"a": collections.DotDict(b=1), "c": {"d": 2}})
    return [[list(key), type(value).__name__] for key, value in flat.items()]


@case
def items_take_the_result_of_the_whole(p: Any, run: Any, folder: str) -> Any:
    results = p.module("engine.results")
    store = results.LocalResult(dir=folder, location="{task_name}.pkl")
    with p.Flow("f") as flow:
        whole = p.task(lambda: {"a": 1}, name="whole", result=store, checkpoint=True)()
        item, parameter = whole["a"], p.Parameter("q", default={"k": 1})["k"]
    with p.module("utilities.configuration").set_temporary_config({"flows.checkpointing": True}):
        state = run.state(flow)
    return [
        [type(t.result).__name__ for t in (item, parameter)],
        [type(state.result[t]._result).__name__ for t in (item, parameter)],
        item.checkpoint,
    ]


@case
def logs_of_a_task_runner(p: Any) -> Any:
    runner = p.module("engine.task_runner").TaskRunner(p.task(lambda: 1, name="t"))
    with captured_logs(p) as records:
        runner.run(context={"map_index": 3})
        runner.run(state=p.engine.state.Success())
    return records
