"""A run that is cancelled from another thread, on every executor."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from prefectlite import Flow, resource_manager, task
from prefectlite.engine.active_runs import active_runs
from prefectlite.engine.events import StateChange
from prefectlite.engine.state import Cancelled, State
from prefectlite.executors import Executor
from tests.clusters import started_executor


class CancelsAt:
    """A reader that cancels the run once a task has come to a state."""

    def __init__(self, task_name: str, state: str) -> None:
        self._wanted = (task_name, state)
        self._threads: list[threading.Thread] = []

    def __call__(self, change: StateChange) -> None:
        if (change.task, change.state) == self._wanted and not self._threads:
            # not from the run's own thread, and when the next task is at work
            timer = threading.Timer(0.5, self._cancel)
            self._threads.append(timer)
            timer.start()

    def _cancel(self) -> None:
        for run in active_runs():
            run.cancel()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@task
def begins() -> int:
    return 1


@task
def sleeps(x: Any) -> Any:
    for _ in range(600):
        time.sleep(0.1)
    return x


@task
def follows(x: Any) -> Any:
    return x


def cancelled(flow: Flow, executor: Executor, reader: CancelsAt) -> State:
    state = flow.run(executor=executor, readers=[reader])
    reader.join()
    assert isinstance(state, Cancelled)
    return state


def test_what_finished_is_kept_and_nothing_more_begins(executor: Executor) -> None:
    with Flow("cancelled") as flow:
        first = begins()
        second = sleeps(first, upstream_tasks=[follows(first)])
        third = follows(second)
    state = cancelled(flow, executor, CancelsAt("begins", "Success"))
    assert state.result[first].result == 1
    assert not state.result[second].is_finished()
    assert not state.result[third].is_finished()
    assert active_runs() == []


class Kept:
    """Writes down what was cleaned up."""

    def __init__(self, path: str) -> None:
        self.path = path

    def setup(self) -> str:
        return "resource"

    def cleanup(self, resource: str) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"cleaned {resource}\n")


def test_a_pool_that_goes_on_has_its_processes_back(tmp_path: Path) -> None:
    @task
    def tells_of_itself(x: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(300)

    with Flow("cancelled") as flow:
        first = begins()
        tells_of_itself(first, upstream_tasks=[follows(first)])
    executor = started_executor("processes")
    cancelled(flow, executor, CancelsAt("begins", "Success"))
    (worker,) = (int(path.name) for path in tmp_path.iterdir())
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
    with Flow("next") as following:
        made = [follows(number) for number in range(4)]
    state = following.run(executor=executor)
    assert [state.result[each].result for each in made] == [0, 1, 2, 3]


def test_a_resource_is_cleaned_up_once(executor: Executor, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Flow("cleaned") as flow, resource_manager(Kept)(str(path)) as resource:
        sleeps(resource, upstream_tasks=[follows(begins(upstream_tasks=[resource]))])
    cancelled(flow, executor, CancelsAt("begins", "Success"))
    assert path.read_text() == "cleaned resource\n"
