"""Retries, loops, skips, pauses, triggers and signals come out the same on every executor."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pendulum
import pytest

import prefectlite
from prefectlite import Flow, Task, task
from prefectlite.engine import signals
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.engine.result import Result
from prefectlite.engine.state import (
    Failed,
    Finished,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    Skipped,
    State,
    Success,
    TriggerFailed,
)
from prefectlite.executors import Executor
from prefectlite.triggers import all_failed, all_finished, any_failed, manual_only
from tests.executors.conftest import Journal

NOW = timedelta(0)
SOON = timedelta(seconds=0.3)


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


@task
def one() -> int:
    return 1


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def broken() -> None:
    raise ValueError("broken")


# success and failure


def test_results_of_none_and_of_results(executor: Executor) -> None:
    @task
    def nothing() -> None: ...

    @task
    def holder() -> Result:
        return Result(5)

    @task
    def value_of(held: Result) -> Any:
        return held.value

    with Flow("f") as flow:
        none, held = nothing(), holder()
        value = value_of(held)
    state = run(flow, executor)
    assert type(state.result[none]._result) is Result
    assert state.result[none].result is None
    assert state.result[held].result == Result(5)
    assert state.result[value].result == 5


def test_success_and_failure(executor: Executor) -> None:
    with Flow("both") as flow:
        good, bad = add(one(), 2), broken()
    state = run(flow, executor)
    assert state.is_failed()
    assert state.message == "Some reference tasks failed."
    assert state.result[good].result == 3
    assert state.result[good].message == "Task run succeeded."
    assert state.result[bad].message == ("Error during execution of task: ValueError('broken')")
    assert isinstance(state.result[bad].result, ValueError)
    assert state.result[bad].context == {"tags": []}


@pytest.mark.parametrize("fuse", [True, False])
def test_what_follows_a_failure_is_trigger_failed(executor: Executor, fuse: bool) -> None:
    with Flow("after", fuse=fuse) as flow:
        second = add(broken())
        third = add(second)
    state = run(flow, executor)
    for made in (second, third):
        assert isinstance(state.result[made], TriggerFailed)
        assert state.result[made].message == (
            'Trigger was "all_successful" but some of the upstream tasks failed.'
        )


def test_signals_choose_the_state(executor: Executor) -> None:
    @task
    def raising(kind: str) -> None:
        raise getattr(signals, kind)(f"a {kind}", result=7)

    kinds = ["FAIL", "TRIGGERFAIL", "SUCCESS", "SKIP", "VALIDATIONFAIL"]
    with Flow("signals") as flow:
        made = [raising(kind) for kind in kinds]
    state = run(flow, executor)
    for kind, each in zip(kinds, made, strict=True):
        found = state.result[each]
        assert type(found) is getattr(signals, kind)._state_cls
        assert (found.message, found.result) == (f"a {kind}", 7)


def test_endrun_is_exactly_that_state(executor: Executor) -> None:
    @task(max_retries=3, retry_delay=NOW)
    def ends() -> None:
        raise signals.ENDRUN(state=Failed("ended", result=4))

    with Flow("endrun") as flow:
        made = ends()
    state = run(flow, executor)
    assert isinstance(state.result[made], Failed)
    assert (state.result[made].message, state.result[made].result) == ("ended", 4)


def test_an_exception_of_the_users_own_class(executor: Executor) -> None:
    class Mine(Exception):
        pass

    @task
    def raising() -> None:
        raise Mine("of my own")

    with Flow("mine") as flow:
        made = raising()
    error = run(flow, executor).result[made].result
    assert type(error).__name__ == "Mine"
    assert error.args == ("of my own",)


def test_reference_tasks_decide(executor: Executor) -> None:
    with Flow("reference") as flow:
        good = one()
        broken()
        flow.set_reference_tasks([good])
    assert run(flow, executor).is_successful()


# retries


@pytest.mark.parametrize("delay", [NOW, SOON])
@pytest.mark.parametrize("fuse", [True, False])
def test_a_retry_runs_again_with_its_count(
    executor: Executor, journal: Journal, delay: timedelta, fuse: bool
) -> None:
    @task(max_retries=2, retry_delay=delay)
    def flaky(x: int) -> int:
        journal.write(prefectlite.context.task_run_count)
        if prefectlite.context.task_run_count < 3:
            raise ValueError("not yet")
        return x + 10

    with Flow("retry", fuse=fuse) as flow:
        made = flaky(add(1))
        after = add(made)
    state = run(flow, executor)
    assert state.is_successful()
    assert state.result[after].result == 13
    assert journal.lines() == ["1", "2", "3"]


def test_a_retry_waits_for_its_delay(executor: Executor, journal: Journal) -> None:
    @task(max_retries=1, retry_delay=SOON)
    def flaky() -> None:
        journal.write(time.time())
        if prefectlite.context.task_run_count == 1:
            raise ValueError("not yet")

    with Flow("delay") as flow:
        flaky()
    assert run(flow, executor).is_successful()
    first, second = map(float, journal.lines())
    assert second - first >= SOON.total_seconds()


def test_retries_run_out(executor: Executor, journal: Journal) -> None:
    @task(max_retries=2, retry_delay=NOW)
    def hopeless() -> None:
        journal.write("run")
        raise ValueError("never")

    with Flow("hopeless") as flow:
        made = hopeless()
        after = add(made)
    state = run(flow, executor)
    assert isinstance(state.result[made], Failed)
    assert isinstance(state.result[after], TriggerFailed)
    assert len(journal.lines()) == 3


@pytest.mark.parametrize("fuse", [True, False])
def test_elements_retry_by_themselves(executor: Executor, journal: Journal, fuse: bool) -> None:
    @task(max_retries=1, retry_delay=SOON)
    def flaky(x: int) -> int:
        journal.write(x)
        if x % 2 and prefectlite.context.task_run_count == 1:
            raise ValueError("not yet")
        return x

    @task
    def total(values: list[int]) -> int:
        return sum(values)

    with Flow("elements", fuse=fuse) as flow:
        after = add.map(flaky.map([0, 1, 2, 3]))
        end = total(after)
    state = run(flow, executor)
    assert state.result[after].result == [1, 2, 3, 4]
    assert state.result[end].result == 10
    assert sorted(journal.lines()) == ["0", "1", "1", "2", "3", "3"]


def test_retry_on_names_the_exceptions(executor: Executor, journal: Journal) -> None:
    @task(max_retries=2, retry_delay=NOW, retry_on=KeyError)
    def raising(name: str) -> None:
        journal.write(name)
        raise {"key": KeyError, "value": ValueError}[name](name)

    with Flow("retry_on") as flow:
        raising("key"), raising("value")
    run(flow, executor)
    assert sorted(journal.lines()) == ["key", "key", "key", "value"]


def test_the_retry_signal_waits_for_its_start_time(executor: Executor, journal: Journal) -> None:
    @task
    def again() -> int:
        journal.write(time.time())
        if len(journal.lines()) == 1:
            raise signals.RETRY("later", start_time=pendulum.now("utc").add(seconds=1))
        return 5

    with Flow("signal") as flow:
        made = again()
        after = add(made)
    state = run(flow, executor)
    first, second = map(float, journal.lines())
    assert second - first >= 0.95
    assert state.result[after].result == 6


def test_a_flow_runner_does_not_wait_for_retries(executor: Executor) -> None:
    @task(max_retries=1, retry_delay=timedelta(hours=1))
    def flaky() -> int:
        raise ValueError("not yet")

    with Flow("runner") as flow:
        made = flaky()
        after = add(made)
        other = one()
    state = FlowRunner(flow).run(executor=executor, return_tasks=[made, after, other])
    assert isinstance(state, Running)
    retrying = state.result[made]
    assert isinstance(retrying, Retrying)
    assert retrying.run_count == 1
    assert retrying.start_time > pendulum.now("utc").add(minutes=50)
    assert type(state.result[after]) is Pending
    assert state.result[other].result == 1


def test_a_flow_runner_goes_on_with_retries_it_is_given(executor: Executor) -> None:
    @task(max_retries=2, retry_delay=NOW)
    def flaky() -> int:
        count: int = prefectlite.context.task_run_count
        if count == 1:
            raise ValueError("not yet")
        return count

    with Flow("runner") as flow:
        made = flaky()
        after = add(made)
    first = FlowRunner(flow).run(executor=executor, return_tasks=[made, after])
    assert isinstance(first.result[made], Retrying)
    second = FlowRunner(flow).run(
        executor=executor, return_tasks=[made, after], task_states=first.result
    )
    assert second.is_successful()
    assert second.result[after].result == 3


# loops


def test_a_loop_hands_on_its_result(executor: Executor) -> None:
    @task
    def climb(x: int) -> int:
        count = prefectlite.context.get("task_loop_count", 1)
        value: int = prefectlite.context.get("task_loop_result", x)
        if count < 4:
            raise signals.LOOP(result=value * 2)
        return value

    with Flow("loop") as flow:
        made = climb(3)
        after = add(made)
        each = climb.map([1, 2])
    state = run(flow, executor)
    assert state.result[made].result == 24
    assert state.result[after].result == 25
    assert state.result[each].result == [8, 16]


def test_each_round_of_a_loop_has_its_retries(executor: Executor, journal: Journal) -> None:
    @task(max_retries=1, retry_delay=NOW)
    def climb() -> Any:
        count = prefectlite.context.get("task_loop_count", 1)
        runs = prefectlite.context.task_run_count
        journal.write((count, runs))
        if count > 1 and runs == 1:
            raise ValueError("once")
        if count < 3:
            raise signals.LOOP(result=count)
        return prefectlite.context.task_loop_result

    with Flow("loop") as flow:
        made = climb()
    state = run(flow, executor)
    assert state.result[made].result == 2
    assert journal.lines() == ["(1, 1)", "(2, 1)", "(2, 2)", "(3, 1)", "(3, 2)"]


# skips and triggers


@pytest.mark.parametrize("fuse", [True, False])
def test_skips_spread_until_somebody_minds_not(executor: Executor, fuse: bool) -> None:
    @task
    def left_out() -> None:
        raise signals.SKIP("left out")

    @task(skip_on_upstream_skip=False)
    def minds_not(x: Any) -> Any:
        return x

    with Flow("skips", fuse=fuse) as flow:
        made = left_out()
        after = add(made)
        end = minds_not(after)
    state = run(flow, executor)
    assert isinstance(state.result[made], Skipped)
    assert isinstance(state.result[after], Skipped)
    assert "skip_on_upstream_skip=False" in (state.result[after].message or "")
    assert type(state.result[end]) is Success
    assert state.result[end].result is None
    assert state.is_successful()


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (all_finished, "Success"),
        (any_failed, "Success"),
        (all_failed, "TriggerFailed"),
        (lambda states: False, "TriggerFailed"),
    ],
)
def test_triggers(executor: Executor, trigger: Any, expected: str) -> None:
    @task(trigger=trigger)
    def cleanup() -> str:
        return "clean"

    with Flow("triggers") as flow:
        made = cleanup(upstream_tasks=[one(), broken()])
    state = run(flow, executor)
    assert type(state.result[made]).__name__ == expected


def test_a_trigger_sees_edges_and_states(executor: Executor) -> None:
    def looks(states: Any) -> bool:
        found = {edge.upstream_task.name: type(state).__name__ for edge, state in states.items()}
        raise signals.SUCCESS("looked", result=found)

    @task(trigger=looks)
    def after(x: int) -> None:
        raise AssertionError("the trigger has spoken")

    with Flow("trigger") as flow:
        made = after(one(), upstream_tasks=[broken()])
    state = run(flow, executor)
    assert state.result[made].result == {"one": "Success", "broken": "Failed"}


# pauses


def test_a_paused_task_is_resumed_by_its_state(executor: Executor) -> None:
    @task(trigger=manual_only)
    def approve() -> Any:
        return prefectlite.context.get("resume")

    with Flow("pause") as flow:
        made = approve()
        after = add(made)
        other = one()
    state = run(flow, executor)
    assert isinstance(state, Running)
    assert isinstance(state.result[made], Paused)
    assert state.result[made].message == 'Trigger function is "manual_only"'
    assert type(state.result[after]) is Pending
    assert state.result[other].result == 1
    again = {**state.result, made: Resume("go")}
    state = run(flow, executor, task_states=again)
    assert state.is_successful()
    assert state.result[made].result is True
    assert state.result[after].result == 2


def test_a_mapped_task_is_resumed_as_a_whole(executor: Executor) -> None:
    with Flow("pause") as flow:
        made = add.copy(trigger=manual_only).map([1, 2])
    state = run(flow, executor)
    assert [type(element) for element in state.result[made].map_states] == [Paused, Paused]
    state = run(flow, executor, task_states={made: Resume("go")})
    assert state.result[made].result == [2, 3]
    half = Mapped(map_states=[None, Resume("go")])  # type: ignore[list-item]
    state = run(flow, executor, task_states={made: half})
    assert [type(element) for element in state.result[made].map_states] == [Paused, Success]


def test_the_pause_signal_pauses(executor: Executor) -> None:
    @task
    def asks() -> str:
        if not prefectlite.context.get("resume"):
            raise signals.PAUSE("please look")
        return "looked"

    with Flow("pause") as flow:
        made = asks()
    state = run(flow, executor)
    assert isinstance(state.result[made], Paused)
    assert state.result[made].message == "please look"
    state = run(flow, executor, task_states={made: Resume("go")})
    assert state.result[made].result == "looked"


def test_a_paused_element_leaves_its_siblings(executor: Executor) -> None:
    @task
    def asks(x: int) -> int:
        if x == 1 and not prefectlite.context.get("resume"):
            raise signals.PAUSE("look at 1")
        return x

    with Flow("pause") as flow:
        made = asks.map([0, 1, 2])
        after = add.map(made)
    state = run(flow, executor)
    assert [type(each).__name__ for each in state.result[made].map_states] == [
        "Success",
        "Paused",
        "Success",
    ]
    assert [type(each).__name__ for each in state.result[after].map_states] == [
        "Success",
        "Pending",
        "Success",
    ]


# starting in the middle


def test_given_states_are_not_run_again(executor: Executor, journal: Journal) -> None:
    @task
    def counted() -> int:
        journal.write("run")
        return 1

    with Flow("given") as flow:
        given = counted()
        after = add(given)
    state = run(flow, executor, task_states={given: Success("given", result=41)})
    assert state.result[after].result == 42
    assert state.result[given].message == "given"
    assert journal.lines() == []


def test_given_failures_count(executor: Executor) -> None:
    with Flow("given") as flow:
        given = one()
        after = add(given)
    state = run(flow, executor, task_states={given: Failed("given")})
    assert isinstance(state.result[after], TriggerFailed)


def test_given_mapped_states_run_only_what_is_not_finished(
    executor: Executor, journal: Journal
) -> None:
    @task
    def counted(x: int) -> int:
        journal.write(x)
        return x

    with Flow("given") as flow:
        made = counted.map([5, 6, 7])
        after = add.map(made)
    given = Mapped(
        "given", map_states=[Success("kept", result=50), Pending(), Success("kept", result=70)]
    )
    state = run(flow, executor, task_states={made: given})
    assert state.result[after].result == [51, 7, 71]
    assert journal.lines() == ["6"]


def test_a_finished_flow_state_is_returned_as_it_is(executor: Executor, journal: Journal) -> None:
    class Writes(Task):
        def run(self) -> None:
            journal.write("run")

    flow = Flow("finished", tasks=[Writes()])
    for given in (Success("done"), Failed("over")):
        state = FlowRunner(flow).run(state=given, executor=executor)
        assert state is given
        assert isinstance(state, Finished)
    assert journal.lines() == []
