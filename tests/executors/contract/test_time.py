"""Timeouts end the work itself; what waits holds up nobody else."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.events import StateChange
from prefectlite.engine.state import Failed, State, TimedOut, TriggerFailed
from prefectlite.executors import Executor
from tests.clusters import started_executor
from tests.executors.conftest import Journal

AT_ONCE = ["threads", "processes", "dask"]


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


def sleeps(path: Path) -> None:
    time.sleep(2)
    path.write_text("sleep")


def sleeps_in_bits(path: Path) -> None:
    for _ in range(200):
        time.sleep(0.01)
    path.write_text("bits")


def loops(path: Path) -> None:
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pass
    path.write_text("loop")


def hides_errors(path: Path) -> None:
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except Exception:
            continue
    path.write_text("hidden")


def test_a_timeout_leaves_no_late_effect(executor: Executor, tmp_path: Path) -> None:
    bodies = [sleeps, sleeps_in_bits, loops, hides_errors]

    @task(timeout=1)
    def slow(number: int) -> None:
        (tmp_path / f"began {number}").touch()
        bodies[number](tmp_path / f"late {number}")

    @task
    def after(x: Any) -> None:
        """Does not get to run."""

    with Flow("timeout") as flow:
        made = slow.map([0, 1, 2, 3])
        end = after.map(made)
    state = run(flow, executor)
    for each in state.result[made].map_states:
        assert isinstance(each, TimedOut)
        assert each.message == "Task timed out during execution."
    assert all(isinstance(each, TriggerFailed) for each in state.result[end].map_states)
    began = max(path.stat().st_mtime for path in tmp_path.iterdir())
    time.sleep(max(0.0, began + 2.5 - time.time()))
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("late")]


def test_what_is_quick_enough_is_not_touched(executor: Executor) -> None:
    @task(timeout=60)
    def quick(x: int) -> tuple[int, str]:
        return x, prefectlite.context.task_full_name

    with Flow("quick") as flow:
        made = quick.map([1, 2])
    assert run(flow, executor).result[made].result == [(1, "quick[0]"), (2, "quick[1]")]


def test_errors_and_signals_pass_through_a_timeout(executor: Executor) -> None:
    @task(timeout=60)
    def broken() -> None:
        raise ValueError("broken")

    @task(timeout=60)
    def left_out() -> None:
        raise prefectlite.engine.signals.SKIP("left out")

    with Flow("through") as flow:
        failed, skipped = broken(), left_out()
    state = run(flow, executor)
    assert repr(state.result[failed].result) == "ValueError('broken')"
    assert state.result[skipped].is_skipped()


def test_a_timeout_is_retried(executor: Executor, journal: Journal) -> None:
    @task(timeout=1, max_retries=1, retry_delay=timedelta(0))
    def slow_at_first() -> int:
        journal.write("run")
        if prefectlite.context.task_run_count == 1:
            for _ in range(300):
                time.sleep(0.01)
        return 5

    with Flow("again") as flow:
        made = slow_at_first()
    assert run(flow, executor).result[made].result == 5
    assert len(journal.lines()) == 2


def test_a_slot_is_free_again_after_a_timeout(executor: Executor) -> None:
    @task(timeout=1)
    def stuck(x: int) -> None:
        for _ in range(300):
            time.sleep(0.01)

    @task(trigger=prefectlite.triggers.all_finished)
    def after() -> int:
        return 1

    with Flow("slots") as flow:
        made = stuck.map([1, 2])
        end = after(upstream_tasks=[made])
    state = run(flow, executor)
    assert all(isinstance(each, TimedOut) for each in state.result[made].map_states)
    assert state.result[end].result == 1


# order of events instead of seconds


class Events:
    """Collects state changes, and finds when what happened."""

    def __init__(self) -> None:
        self.changes: list[StateChange] = []

    def __call__(self, change: StateChange) -> None:
        self.changes.append(change)

    def times(self, task: str, state: str, attempt: int | None = None) -> list[float]:
        return [
            change.time
            for change in self.changes
            if (change.task, change.state) == (task, state) and attempt in (None, change.attempt)
        ]


@task
def step(x: int) -> int:
    return x + 1


@pytest.mark.parametrize("kind", AT_ONCE)
@pytest.mark.parametrize("fuse", [True, False])
def test_a_branch_does_not_wait_for_another(kind: str, fuse: bool) -> None:
    @task
    def slow() -> list[int]:
        time.sleep(1)
        return [1]

    @task
    def source() -> list[int]:
        return [1, 2, 3, 4]

    events = Events()
    with Flow("branches", fuse=fuse) as flow:
        step.copy(name="behind").map(slow())
        stages = step.copy(name="third").map(step.map(step.map(source())))
    state = run(flow, started_executor(kind), readers=[events])
    assert state.result[stages].result == [4, 5, 6, 7]
    assert len(events.times("third", "Success")) == 4
    assert max(events.times("third", "Success")) < min(events.times("slow", "Success"))


@pytest.mark.parametrize("fuse", [True, False])
def test_an_element_that_retries_holds_up_no_other(executor: Executor, fuse: bool) -> None:
    @task(max_retries=1, retry_delay=timedelta(seconds=0.8))
    def flaky(x: int) -> int:
        if x == 1 and prefectlite.context.task_run_count == 1:
            raise ValueError("once")
        return x

    @task
    def source() -> list[int]:
        return [0, 1, 2, 3]

    events = Events()
    with Flow("retrying", fuse=fuse) as flow:
        after = step.map(flaky.map(source()))
    state = run(flow, executor, readers=[events])
    assert state.result[after].result == [1, 2, 3, 4]
    again = events.times("flaky", "Running", attempt=2)
    assert len(again) == 1
    early = [moment for moment in events.times("step", "Success") if moment < again[0]]
    assert len(early) == 3


def test_retries_wait_together_and_hold_no_slot(executor: Executor) -> None:
    @task(max_retries=1, retry_delay=timedelta(seconds=1.5))
    def flaky(x: int) -> int:
        if prefectlite.context.task_run_count == 1:
            raise ValueError("once")
        return x

    @task
    def source() -> list[int]:
        return list(range(20))

    events = Events()
    with Flow("overlap") as flow:
        made = flaky.map(source())
    state = run(flow, executor, readers=[events])
    assert state.result[made].result == list(range(20))
    rested = events.times("flaky", "Retrying")
    again = events.times("flaky", "Running", attempt=2)
    assert (len(rested), len(again)) == (20, 20)
    assert max(rested) < min(again)


def test_work_that_is_deeper_goes_first() -> None:
    @task
    def first(x: int) -> int:
        return x

    @task
    def source() -> list[int]:
        return list(range(10))

    events = Events()
    with Flow("depth", fuse=False) as flow:
        step.map(first.map(source()))
    run(flow, started_executor("local"), readers=[events])
    # depth first: an element is through before the next one begins
    assert max(events.times("first", "Success")) > min(events.times("step", "Success"))
    order = [c.map_index for c in events.changes if c.state == "Success" and c.task != "source"]
    assert order == [index for index in range(10) for _ in range(2)]


def test_the_event_stream_of_a_task(executor: Executor) -> None:
    @task(max_retries=1, retry_delay=timedelta(0))
    def broken(x: int) -> int:
        raise ValueError("no")

    events = Events()
    with Flow("stream") as flow:
        made = broken.map([1])
        step(5)
    state = run(flow, executor, readers=[events])
    assert isinstance(state.result[made].map_states[0], Failed)
    element = [(c.state, c.attempt) for c in events.changes if c.map_index == 0]
    assert element == [
        ("Running", 1),
        ("Failed", 1),
        ("Retrying", 1),
        ("Running", 2),
        ("Failed", 2),
    ]
    parent = [c for c in events.changes if c.task == "broken" and c.map_index is None]
    assert [(c.state, c.length) for c in parent] == [("Mapped", 1)]
    single = [c for c in events.changes if c.task == "step"]
    assert [c.state for c in single] == ["Running", "Success"]
    assert single[0].slug == flow.slugs[next(iter(flow.get_tasks("step")))]
    assert single[0].time <= single[1].time
    assert len({c.flow_run_id for c in events.changes}) == 1
