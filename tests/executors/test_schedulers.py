"""Clusters that a user started: schedulers that go and come back, no workers, other versions."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import distributed
import pytest

from prefectlite import Flow, task
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Failed, State
from prefectlite.exceptions import ExecutorError, SchedulerLostError
from prefectlite.executors import DaskExecutor
from tests.executors.conftest import Journal
from tests.executors.scripts import wait_for

ROOT = str(Path(__file__).parents[2])


class Cluster:
    """A scheduler and workers at a fixed address, as processes."""

    def __init__(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port: int = listener.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def scheduler(self) -> None:
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port))

    def worker(self, *first_on_path: str) -> None:
        self._start("worker", self.address, "--nthreads", "1", "--no-nanny", path=first_on_path)

    def _start(self, kind: str, *arguments: str, path: tuple[str, ...] = ()) -> None:
        module = f"distributed.cli.dask_{kind}"
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-m", module, *arguments, "--no-dashboard"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([*path, ROOT])},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(20)
        self.processes.clear()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    made.scheduler()
    try:
        yield made
    finally:
        made.kill()


def run(flow: Flow, executor: DaskExecutor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


@contextlib.contextmanager
def in_the_background(function: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_run_goes_on_when_the_scheduler_is_back(
    cluster: Cluster, journal: Journal, tmp_path: Path, batch_size: int | None
) -> None:
    gate = tmp_path / "gate"

    @task
    def numbers() -> list[int]:
        # too large to come along with the outcome: it is lost with the workers
        journal.write("numbers")
        return list(range(100_000))

    @task
    def first(numbers: list[int]) -> list[int]:
        return numbers[:6]

    @task(result=LocalResult(dir=str(tmp_path)), batch_size=batch_size)
    def stored(x: int) -> bytes:
        journal.write(f"stored {x}")
        while x >= 4 and not gate.exists():
            time.sleep(0.05)
        return bytes([x]) * 5000

    @task
    def length(x: bytes) -> int:
        journal.write(f"length {x[0]}")
        return len(x)

    @task
    def total(lengths: list[int], numbers: list[int]) -> int:
        return sum(lengths) + len(numbers)

    with Flow("reconnects") as flow:
        made = numbers()
        end = total(length.map(stored.map(first(made))), made)

    def restart() -> None:
        wait_for(lambda: {"stored 4", "length 3"} <= set(journal.lines()))
        time.sleep(0.5)
        cluster.kill()
        gate.touch()
        cluster.scheduler()
        cluster.worker()

    cluster.worker()
    with in_the_background(restart):
        state = run(flow, DaskExecutor(cluster.address, reconnect=60))
    assert state.is_successful(), state
    assert state.result[end].result == 6 * 5000 + 100_000
    lines = journal.lines()
    assert lines.count("numbers") == 2
    assert [lines.count(f"stored {x}") for x in range(4)] == [1, 1, 1, 1]
    assert [lines.count(f"length {x}") for x in range(4)] == [1, 1, 1, 1]


def test_a_scheduler_that_does_not_come_back_ends_the_run(
    cluster: Cluster, journal: Journal
) -> None:
    @task
    def stays() -> None:
        journal.write("began")
        time.sleep(60)

    with Flow("does not come back") as flow:
        stays()

    def kill() -> None:
        wait_for(journal.lines)
        cluster.kill()

    cluster.worker()
    with in_the_background(kill):
        state = run(flow, DaskExecutor(cluster.address, reconnect=2))
    assert isinstance(state, Failed)
    assert isinstance(state.result, SchedulerLostError)
    assert cluster.address in str(state.message)
    with pytest.raises(ValueError, match="reconnect"):
        DaskExecutor(reconnect=2)


def test_no_worker_for_too_long_ends_the_run_where_that_was_asked_for(cluster: Cluster) -> None:
    @task
    def one() -> int:
        return 1

    with Flow("lonely") as flow:
        one()
    state = run(flow, DaskExecutor(cluster.address, worker_timeout=2))
    assert isinstance(state, Failed)
    assert isinstance(state.result, ExecutorError)
    for said in ("'lonely'", cluster.address, "for a worker", "worker_timeout"):
        assert said in str(state.message)


@pytest.mark.parametrize(("faked", "refused"), [("prefectlite", True), ("cloudpickle", False)])
def test_other_versions_are_named_before_anything_is_sent(
    cluster: Cluster, tmp_path: Path, faked: str, refused: bool, records: list[Any]
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    # the worker's Python imports this at its start
    (folder / "sitecustomize.py").write_text(
        "import distributed.versions as versions\n"
        "def faked(package, real=versions._version_cached):\n"
        f"    return '0.0.1' if package == {faked!r} else real(package)\n"
        "versions._version_cached = faked\n"
    )

    @task
    def touches() -> int:
        (tmp_path / "ran").touch()
        return 1

    with Flow("versions") as flow:
        touches()
    cluster.worker(str(folder))
    with warnings.catch_warnings():
        # Dask's own
        warnings.filterwarnings("ignore", message="Mismatched versions")
        with distributed.Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(1)
    state = run(flow, DaskExecutor(cluster.address))
    said = [record.getMessage() for record in records] + [str(state.message)]
    told = [text for text in said if f"{faked} " in text and "0.0.1 there" in text]
    assert told
    assert "worker tcp://" in told[0]
    assert (tmp_path / "ran").exists() is not refused
    assert isinstance(state.result, ExecutorError) is refused
