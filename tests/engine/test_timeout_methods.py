"""Timeouts that end the work: by an exception in its thread, or by the death of its process."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from prefectlite import Flow, Task, context, task
from prefectlite.engine.state import Failed, State, Success, TimedOut
from prefectlite.exceptions import SerializationError, WorkerLostError
from prefectlite.executors import Executor, LocalDaskExecutor, LocalExecutor
from tests.clusters import executor_of_kind

EXECUTORS = {
    "local": LocalExecutor,
    "threads": lambda: LocalDaskExecutor("threads", num_workers=2),
    "processes": lambda: LocalDaskExecutor("processes", num_workers=1),
}


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    return EXECUTORS[request.param]()


def end_of(made: Task, executor: Executor, *args: object) -> State:
    with Flow("timed") as flow:
        run = made(*args)
    state = flow.run(executor=executor)
    assert state is not None
    return state.result[run]


@task(timeout=1, timeout_method="process")
def sum_in_c() -> int:
    return sum(range(10**11))


@task(timeout=1, timeout_method="process")
def starts_a_process(path: str) -> None:
    subprocess.run(["sh", "-c", f"echo $$ > {path}; sleep 60 & sleep 60"], check=False)


def test_c_code_is_ended_with_its_process(executor: Executor) -> None:
    assert type(end_of(sum_in_c, executor)) is TimedOut


def test_what_the_task_started_is_ended_too(executor: Executor, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    assert type(end_of(starts_a_process, executor, str(path))) is TimedOut
    group = int(path.read_text())
    for _ in range(100):
        try:
            os.kill(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the process that the task started is still there")


@pytest.mark.parametrize("method", ["thread", "process"])
def test_busy_python_is_ended(executor: Executor, method: str) -> None:
    @task(timeout=1, timeout_method=method)
    def busy() -> None:
        while True:
            pass

    assert type(end_of(busy, executor)) is TimedOut


def test_a_blocked_call_is_ended_with_its_process(executor: Executor) -> None:
    @task(timeout=1, timeout_method="process")
    def blocked() -> None:
        here, there = socket.socketpair()
        with here, there:
            here.recv(1)

    assert type(end_of(blocked, executor)) is TimedOut


def test_a_process_returns_raises_and_knows_the_context(executor: Executor) -> None:
    @task(timeout=30, timeout_method="process")
    def doubles(x: int) -> tuple[int, str, int]:
        return x * 2, context.task_name, os.getpid()

    @task(timeout=30, timeout_method="process")
    def raises() -> None:
        raise LookupError("not here")

    ended = end_of(doubles, executor, 4)
    assert type(ended) is Success
    assert ended.result[:2] == (8, "doubles")
    assert ended.result[2] != os.getpid()
    failed = end_of(raises, executor)
    assert isinstance(failed.result, LookupError)


def test_what_a_process_cannot_take_or_give_is_refused_by_name() -> None:
    lock = threading.Lock()

    @task(timeout=30, timeout_method="process")
    def takes(x: object) -> None:
        return None

    @task(timeout=30, timeout_method="process")
    def gives() -> object:
        return threading.Lock()

    for state in (end_of(takes, LocalExecutor(), lock), end_of(gives, LocalExecutor())):
        assert isinstance(state, Failed)
        assert isinstance(state.result, SerializationError)
        assert "timeout_method" in str(state.result)


def test_a_process_that_dies_is_named() -> None:
    @task(timeout=30, timeout_method="process")
    def dies() -> None:
        os.kill(os.getpid(), 9)

    state = end_of(dies, LocalExecutor())
    assert isinstance(state.result, WorkerLostError)
    assert "'dies'" in str(state.result)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout_method must be"):
        Task(name="x", timeout=1, timeout_method="magic")


@pytest.mark.parametrize("kind", ["threads", "dask"])
def test_what_cleans_up_is_not_cut_short(kind: str, tmp_path: Path) -> None:
    @task(timeout=1, timeout_method="thread")
    def tidy(folder: str) -> None:
        try:
            time.sleep(0.1)
            while True:
                time.sleep(0.01)
        finally:
            time.sleep(0.7)
            (Path(folder) / "tidied").touch()

    with Flow("tidy") as flow:
        made = tidy(str(tmp_path))
    state = flow.run(executor=executor_of_kind(kind))
    assert isinstance(state.result[made], TimedOut)
    deadline = time.monotonic() + 20
    while not (tmp_path / "tidied").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "tidied").exists()
