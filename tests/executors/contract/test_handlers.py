"""State handlers of tasks, parents, elements and flows see the same changes on every executor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Task, task
from prefectlite.engine import signals
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.engine.state import Failed, Mapped, Pending, Retrying, State, Success
from prefectlite.executors import Executor, LocalExecutor
from tests.executors.conftest import Journal


@task
def one() -> int:
    return 1


@task
def double(x: int) -> int:
    return 2 * x


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


def watching(journal: Journal) -> Any:
    def watch(task: Task, old: State, new: State) -> None:
        index = prefectlite.context.get("map_index")
        name = task.name if index is None else f"{task.name}[{index}]"
        journal.write(f"{name}: {type(old).__name__} -> {type(new).__name__}")

    return watch


def test_a_task_that_runs(executor: Executor, journal: Journal) -> None:
    with Flow("handlers") as flow:
        task(lambda: 1, name="runs", state_handlers=[watching(journal)])()
    run(flow, executor)
    assert journal.lines() == ["runs: Pending -> Running", "runs: Running -> Success"]


def test_a_task_that_retries(executor: Executor, journal: Journal) -> None:
    @task(max_retries=1, retry_delay=timedelta(0), state_handlers=[watching(journal)])
    def flaky() -> None:
        if prefectlite.context.task_run_count == 1:
            raise ValueError("once")

    with Flow("handlers") as flow:
        flaky()
    run(flow, executor)
    assert [line.removeprefix("flaky: ") for line in journal.lines()] == [
        "Pending -> Running",
        "Running -> Failed",
        "Failed -> Retrying",
        "Retrying -> Running",
        "Running -> Success",
    ]


def test_a_task_that_does_not_get_to_run(executor: Executor, journal: Journal) -> None:
    @task
    def broken() -> None:
        raise ValueError("broken")

    @task
    def left_out() -> None:
        raise signals.SKIP("left out")

    watch = watching(journal)
    with Flow("handlers") as flow:
        double.copy(name="failed", state_handlers=[watch])(broken())
        double.copy(name="skipped", state_handlers=[watch])(left_out())
    run(flow, executor)
    assert sorted(journal.lines()) == [
        "failed: Pending -> TriggerFailed",
        "skipped: Pending -> Skipped",
    ]


def test_a_mapped_parent_and_its_elements(executor: Executor, journal: Journal) -> None:
    with Flow("handlers") as flow:
        double.copy(name="each", state_handlers=[watching(journal)]).map([1, 2])
    run(flow, executor)
    lines = journal.lines()
    assert lines[0] == "each: Pending -> Mapped"
    assert sorted(lines[1:]) == [
        "each[0]: Pending -> Running",
        "each[0]: Running -> Success",
        "each[1]: Pending -> Running",
        "each[1]: Running -> Success",
    ]


@pytest.mark.parametrize("fuse", [True, False])
def test_a_handler_may_end_a_map(executor: Executor, fuse: bool) -> None:
    def ends(task: Task, old: State, new: State) -> State | None:
        return Failed("no elements today") if isinstance(new, Mapped) else None

    with Flow("handlers", fuse=fuse) as flow:
        each = double.copy(state_handlers=[ends]).map([1, 2])
        after = double.map(each)
    state = run(flow, executor)
    assert isinstance(state.result[each], Failed)
    assert state.result[each].message == "no elements today"
    assert isinstance(state.result[after], Failed)


def test_a_handler_may_replace_the_state(executor: Executor) -> None:
    def replaces(task: Task, old: State, new: State) -> State | None:
        return Success("replaced", result=50) if new.is_successful() else None

    with Flow("handlers") as flow:
        made = one.copy(state_handlers=[replaces])()
        after = double(made)
    state = run(flow, executor)
    assert state.result[made].message == "replaced"
    assert state.result[after].result == 100


def test_a_handler_may_keep_a_task_from_running(executor: Executor, journal: Journal) -> None:
    def stops(task: Task, old: State, new: State) -> State | None:
        return Failed("stopped") if new.is_running() else None

    @task(state_handlers=[stops])
    def never() -> None:
        journal.write("ran")

    with Flow("handlers") as flow:
        made = never()
    state = run(flow, executor)
    assert isinstance(state.result[made], Failed)
    assert state.result[made].message == "stopped"
    assert journal.lines() == []


def test_handlers_get_what_the_one_before_returned(executor: Executor, journal: Journal) -> None:
    def first(task: Task, old: State, new: State) -> State | None:
        return Success("first", result=1) if new.is_successful() else None

    def second(task: Task, old: State, new: State) -> None:
        journal.write(new.message)

    with Flow("handlers") as flow:
        one.copy(state_handlers=[first, second])()
    run(flow, executor)
    assert journal.lines()[-1] == "first"


def test_a_handler_that_raises_a_signal(executor: Executor) -> None:
    def skips(task: Task, old: State, new: State) -> None:
        if new.is_running():
            raise signals.SKIP("not today")

    with Flow("handlers") as flow:
        made = one.copy(state_handlers=[skips])()
    state = run(flow, executor)
    assert state.result[made].is_skipped()
    assert state.result[made].message == "not today"


def test_a_handler_that_returns_no_state(executor: Executor) -> None:
    with Flow("handlers") as flow:
        made = one.copy(state_handlers=[lambda task, old, new: 5])()
    state = run(flow, executor)
    message = state.result[made].message
    assert "Unexpected error while calling state handlers" in message
    assert "must return a State" in message


def test_on_failure_is_called_for_each_failure(executor: Executor, journal: Journal) -> None:
    def failed(task: Task, state: State) -> None:
        journal.write(f"{task.name}: {state.message}")

    @task(on_failure=failed, max_retries=1, retry_delay=timedelta(0))
    def broken() -> None:
        raise ValueError("broken")

    with Flow("on_failure") as flow:
        broken()
    run(flow, executor)
    line = "broken: Error during execution of task: ValueError('broken')"
    assert journal.lines() == [line, line]


def test_task_runner_handlers_see_every_task(executor: Executor, journal: Journal) -> None:
    def watch(runner: Any, old: State, new: State) -> None:
        journal.write(f"{runner.task.name}: {type(old).__name__} -> {type(new).__name__}")

    with Flow("runner") as flow:
        double(one())
    FlowRunner(flow).run(executor=executor, task_runner_state_handlers=[watch])
    assert journal.lines() == [
        "one: Pending -> Running",
        "one: Running -> Success",
        "double: Pending -> Running",
        "double: Running -> Success",
    ]


def test_flow_handlers_run_in_the_driver(executor: Executor) -> None:
    seen: list[str] = []

    def watch(flow: Flow, old: State, new: State) -> None:
        seen.append(f"{flow.name}: {type(old).__name__} -> {type(new).__name__}")

    with Flow("watched", state_handlers=[watch]) as flow:
        one()
    run(flow, executor)
    assert seen == ["watched: Scheduled -> Running", "watched: Running -> Success"]


def test_flow_on_failure(executor: Executor) -> None:
    seen: list[str | None] = []

    @task
    def broken() -> None:
        raise ValueError("broken")

    with Flow("failing", on_failure=lambda flow, state: seen.append(state.message)) as flow:
        broken()
    run(flow, executor)
    assert seen == ["Some reference tasks failed."]


def test_the_terminal_state_handler_has_the_last_word(executor: Executor) -> None:
    seen: list[set[str]] = []

    def last(flow: Flow, state: State, states: set[State]) -> State:
        seen.append({type(each).__name__ for each in states})
        return Failed("overruled")

    with Flow("terminal", terminal_state_handler=last) as flow:
        made = one()
        double.map([1, 2])
    state = run(flow, executor)
    assert state.is_failed()
    assert state.message == "overruled"
    assert seen == [{"Success"}]
    assert state.result[made].result == 1


@pytest.mark.parametrize("returned", [5, Failed])
def test_a_terminal_state_handler_returns_a_state(returned: Any) -> None:
    with Flow("terminal", terminal_state_handler=lambda *_: returned) as flow:
        one()
    with pytest.raises(TypeError, match=r"flow 'terminal' returned .* must return a State"):
        flow.run(executor=LocalExecutor())


def test_a_handler_may_send_a_task_back_to_retry(executor: Executor) -> None:
    def again(task: Task, old: State, new: State) -> State | None:
        if new.is_successful() and prefectlite.context.task_run_count < 3:
            return Retrying("again", start_time=None, run_count=prefectlite.context.task_run_count)
        return None

    with Flow("again") as flow:
        made = task(lambda: prefectlite.context.task_run_count, state_handlers=[again])()
    state = FlowRunner(flow).run(executor=executor, return_tasks=[made])
    assert isinstance(state.result[made], Retrying)


def test_a_handler_may_leave_a_task_pending(executor: Executor) -> None:
    def unsure(task: Task, old: State, new: State) -> State | None:
        return Pending("unsure") if new.is_successful() else None

    with Flow("pending") as flow:
        made = one.copy(state_handlers=[unsure])()
        after = double(made)
    state = run(flow, executor)
    assert state.is_running()
    assert (type(state.result[made]), state.result[made].message) == (Pending, "unsure")
    assert type(state.result[after]) is Pending
