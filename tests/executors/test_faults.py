"""Workers, schedulers and users that go away in the middle of a run."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dask
import pytest

import prefectlite
from prefectlite import Flow, task, triggers
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Failed, State, Success, TriggerFailed
from prefectlite.exceptions import ExecutorError, WorkerLostError
from prefectlite.executors import DaskExecutor, LocalDaskExecutor
from tests.executors.conftest import Journal
from tests.executors.scripts import (
    EXECUTORS,
    ROOT,
    output_when_interrupted,
    processes_with,
    start_script,
    wait_for,
)


def run(flow: Flow, executor: Any, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


@contextlib.contextmanager
def small_cluster(**settings: Any) -> Iterator[DaskExecutor]:
    """A cluster of its own, whose workers are started again when they die."""
    from distributed import LocalCluster

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*Port .* is already in use")
        cluster = LocalCluster(
            **{"n_workers": 2, "threads_per_worker": 1, "silence_logs": 50, **settings},
            dashboard_address=":0",
        )
    with cluster:
        yield DaskExecutor(cluster.scheduler_address)


@contextlib.contextmanager
def two_workers(kind: str, allowed_failures: int) -> Iterator[Any]:
    """Two processes; on Dask so many deaths of its worker are not a task's fault yet."""
    if kind != "dask":
        yield LocalDaskExecutor(scheduler="processes", num_workers=2)
        return
    settings = {"distributed.scheduler.allowed-failures": allowed_failures}
    with dask.config.set(settings), small_cluster() as executor:
        yield executor


# workers


def test_a_worker_killed_in_mid_map_costs_nothing_that_was_stored(
    journal: Journal, tmp_path: Path
) -> None:
    folder = tmp_path / "results"

    @task(target="{map_index}.pkl", result=LocalResult(dir=str(folder)))
    def slow(x: int) -> int:
        journal.write(f"{x} {os.getpid()}")
        time.sleep(0.3)
        return x * 10

    @task
    def add(x: int) -> int:
        return x + 1

    @task
    def total(values: list[int]) -> int:
        return sum(values)

    with Flow("killed") as flow:
        made = slow.map(list(range(12)))
        end = total(add.map(made))

    def kill_one() -> None:
        wait_for(lambda: len(list(folder.glob("*.pkl"))) >= 4)
        os.kill(int(journal.lines()[-1].split()[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    with small_cluster() as executor:
        killer.start()
        state = run(flow, executor)
        killer.join()
    assert state.is_successful(), state.message
    assert state.result[made].result == [x * 10 for x in range(12)]
    assert state.result[end].result == sum(x * 10 + 1 for x in range(12))
    # at most the one that was running, and one that had not been stored yet
    assert len(journal.lines()) <= 14


def test_a_worker_killed_after_values_were_made_has_them_made_again(journal: Journal) -> None:
    @task
    def source(x: int) -> tuple[int, int]:
        journal.write(f"{x} {os.getpid()}")
        return x, os.getpid()

    @task
    def waits(made: list[tuple[int, int]]) -> int:
        if len(journal.lines()) <= 4:
            # all sources are done: the worker that does not run this task goes
            for _, process in made:
                if process != os.getpid():
                    os.kill(process, signal.SIGKILL)
                    break
            time.sleep(0.5)
        return len(made)

    @task
    def total(made: list[tuple[int, int]], count: int) -> int:
        return sum(x for x, _ in made) + count

    with Flow("recomputed") as flow:
        made = source.map([1, 2, 3, 4])
        end = total(made, waits(made))
    with small_cluster() as executor:
        state = run(flow, executor)
    assert state.is_successful(), state.message
    assert state.result[end].result == 14


@pytest.mark.parametrize("batch_size", [None, 2])
def test_values_that_were_stored_are_not_made_again_after_their_worker_died(
    batch_size: int | None, journal: Journal, tmp_path: Path
) -> None:
    # no target: the place is the engine's own
    @task(result=LocalResult(dir=str(tmp_path)), batch_size=batch_size)
    def source(x: int) -> tuple[int, int]:
        journal.write(f"{x} {os.getpid()}")
        return x, os.getpid()

    @task
    def kills() -> int:
        # not by an input: what comes as one is on this worker as well
        wait_for(lambda: len(list(tmp_path.rglob("source-1-*"))) == 4)
        others = {int(line.split()[1]) for line in journal.lines()} - {os.getpid()}
        if others:
            os.kill(others.pop(), signal.SIGKILL)
            time.sleep(0.5)
        return len(others)

    @task
    def total(made: list[tuple[int, int]], others: int) -> int:
        return sum(x for x, _ in made)

    with Flow("stored", fuse=False) as flow:
        made = source.map([1, 2, 3, 4])
        end = total(made, kills())
    with small_cluster() as executor:
        state = run(flow, executor)
    assert state.is_successful(), state.message
    assert state.result[end].result == 10
    assert len(journal.lines()) == 4


@pytest.mark.parametrize("kind", ["processes", "dask"])
@pytest.mark.parametrize("fuse", [True, False])
def test_a_task_that_kills_its_worker_fails_alone_by_name(kind: str, fuse: bool) -> None:
    @task
    def deadly(x: int) -> int:
        if x == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    @task
    def add(x: int) -> int:
        return x + 1

    @task(trigger=triggers.all_finished)
    def report(values: list[Any]) -> list[str]:
        return [type(value).__name__ for value in values]

    with Flow("deadly", fuse=fuse) as flow:
        made = deadly.map([0, 1, 2, 3])
        after = add.map(made)
        end = report(after)
    with two_workers(kind, allowed_failures=1) as executor:
        state = run(flow, executor)
        with Flow("normal") as normal:
            add.map([1, 2])
        assert run(normal, executor).is_successful()
    states = state.result[made].map_states
    assert [type(each) for each in states] == [Success, Failed, Success, Success]
    assert "'deadly[1]'" in str(states[1].message)
    assert isinstance(states[1].result, WorkerLostError)
    assert [type(each) for each in state.result[after].map_states] == [
        Success,
        TriggerFailed,
        Success,
        Success,
    ]
    assert state.result[end].result == ["int", "TRIGGERFAIL", "int", "int"]


@pytest.mark.parametrize("kind", ["processes", "dask"])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_of_a_chain_the_task_fails_that_kills_its_worker(
    kind: str, batch_size: int | None, tmp_path: Path
) -> None:
    @task(result=LocalResult(dir=str(tmp_path)), batch_size=batch_size)
    def first(x: int) -> int:
        return x

    @task(batch_size=batch_size)
    def deadly(x: int) -> int:
        if x == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    @task(batch_size=batch_size, trigger=triggers.all_finished)
    def after(x: Any) -> str:
        return type(x).__name__

    with Flow("deadly") as flow:
        one = first.map([0, 1, 2])
        made = deadly.map(one)
        end = after.map(made)
    with two_workers(kind, allowed_failures=0) as executor:
        state = run(flow, executor)
    assert state.result[one].result == [0, 1, 2]
    assert [type(each) for each in state.result[made].map_states] == [Success, Failed, Success]
    assert "'deadly[1]'" in str(state.result[made].map_states[1].message)
    assert state.result[end].result == ["int", "WorkerLostError", "int"]


def test_a_retry_whose_chain_goes_further_when_it_is_made_again(tmp_path: Path) -> None:
    failed = tmp_path / "failed"

    @task
    def first() -> int:
        return 1

    @task(max_retries=1, retry_delay=timedelta(seconds=2))
    def second(x: int) -> int:
        if not failed.exists():
            failed.write_text(str(os.getpid()))
            raise ValueError("only at first")
        return x + 1

    def kill() -> None:
        wait_for(failed.exists)
        # the retry waits, and what it goes on from is on this worker alone
        time.sleep(0.5)
        os.kill(int(failed.read_text()), signal.SIGKILL)

    with Flow("further") as flow:
        end = second(first())
    killer = threading.Thread(target=kill)
    with small_cluster() as executor:
        killer.start()
        state = run(flow, executor)
        killer.join()
    assert state.is_successful(), state.message
    assert state.result[end].result == 2


def test_a_single_task_that_kills_its_worker(journal: Journal) -> None:
    @task
    def deadly() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 1

    @task
    def after(x: int) -> int:
        return x

    @task
    def apart() -> int:
        return 5

    with Flow("deadly", fuse=False) as flow:
        made = deadly()
        end, other = after(made), apart()
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), small_cluster() as on:
        state = run(flow, on)
    assert "'deadly'" in str(state.result[made].message)
    assert isinstance(state.result[end], TriggerFailed)
    assert state.result[other].result == 5


def test_a_result_too_large_for_the_workers_memory() -> None:
    @task
    def large(x: int) -> Any:
        return b"x" * 900_000_000 if x == 1 else x

    with Flow("memory") as flow:
        made = large.map([0, 1, 2])
    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.pause": False,
    }
    with dask.config.set(settings), small_cluster(n_workers=1, memory_limit="500MB") as on:
        state = run(flow, on)
    states = state.result[made].map_states
    assert isinstance(states[1], Failed)
    assert "'large[1]'" in str(states[1].message)
    assert "memory" in str(states[1].message)
    assert [each.result for each in (states[0], states[2])] == [0, 2]


# the scheduler


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def real_cluster() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and a worker as a user starts them; yields the address and the scheduler."""
    address = f"tcp://127.0.0.1:{(port := free_port())}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": ROOT}
    dask_command = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker_command = [sys.executable, "-m", "distributed.cli.dask_worker"]
    scheduler = subprocess.Popen(
        [*dask_command, "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
        env=environment,
        **quiet,  # type: ignore[call-overload]
    )
    worker = subprocess.Popen(
        [*worker_command, address, "--nthreads", "1", "--no-dashboard"],
        env=environment,
        **quiet,  # type: ignore[call-overload]
    )
    try:
        yield address, scheduler
    finally:
        for process in (worker, scheduler):
            process.terminate()
        for process in (worker, scheduler):
            process.wait(20)


def test_a_scheduler_that_dies_ends_the_run_and_says_so(
    real_cluster: tuple[str, subprocess.Popen[bytes]], journal: Journal
) -> None:
    address, scheduler = real_cluster

    @task
    def slow(x: int) -> int:
        journal.write("began")
        time.sleep(60 if x else 0)
        return x

    with Flow("lost scheduler") as flow:
        slow.map([0, 1, 1])

    def kill() -> None:
        wait_for(lambda: len(journal.lines()) >= 2)
        time.sleep(0.3)
        scheduler.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    state = run(flow, DaskExecutor(address))
    killer.join()
    assert state.is_failed()
    assert isinstance(state.result, ExecutorError)
    assert "scheduler was lost" in str(state.message)
    assert "'lost scheduler'" in str(state.message)
    # and this process goes on as if nothing had been
    with Flow("normal") as normal:
        made = slow(0)
    assert run(normal, LocalDaskExecutor()).result[made].result == 0


def test_a_cluster_without_workers_waits_for_one(
    real_cluster: tuple[str, subprocess.Popen[bytes]],
) -> None:
    # the worker needs longer than the scheduler: the run begins without any
    address, _ = real_cluster

    @task
    def one() -> int:
        return 1

    with Flow("waits") as flow:
        made = one()
    assert run(flow, DaskExecutor(address)).result[made].result == 1


# the user

SCRIPT = """
import signal, sys, time
from pathlib import Path
from prefectlite import Flow, task, unmapped
from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

folder = Path(sys.argv[1])
# what a shell starts in the background ignores it, and so does all that this starts
signal.signal(signal.SIGINT, signal.default_int_handler)

@task
def quick(x):
    return x

@task
def slow(x):
    (folder / f"began-{x}").touch()
    time.sleep(60)
    (folder / f"late-{x}").touch()

@task
def after(x):
    (folder / "after").touch()

with Flow("interrupted") as flow:
    made = quick.map([1, 2])
    after.map(slow.map([1, 2, 3, 4], upstream_tasks=[unmapped(made)]))

if __name__ == "__main__":
    state = flow.run(executor=EXECUTOR)
    print("STATE", type(state).__name__, state.message)
    print("QUICK", [type(s).__name__ for s in state.result[made].map_states])
    print("SLOW", {type(s).__name__ for t, s in state.result.items() if t.name == "after"})
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_as_cancelled_and_leaves_no_process(
    kind: str, number: signal.Signals, tmp_path: Path
) -> None:

    def interrupt(process: subprocess.Popen[str]) -> None:
        # a terminal sends Ctrl-C to all processes in front; kill sends SIGTERM to one
        if number is signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)

    output = output_when_interrupted(SCRIPT, kind, tmp_path, interrupt)
    assert "STATE Cancelled" in output, output
    assert "QUICK ['Success', 'Success']" in output, output
    names = {path.name for path in tmp_path.iterdir()}
    assert not {name for name in names if name.startswith("late")}
    assert "after" not in names


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_a_driver_that_is_killed_leaves_no_process(kind: str, tmp_path: Path) -> None:
    process, mark = start_script(
        SCRIPT, kind, tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: list(tmp_path.glob("began-*")))
    assert len(processes_with(mark)) > 1
    process.kill()
    process.wait(10)
    wait_for(lambda: not processes_with(mark))


def test_the_context_is_clean_after_all_that() -> None:
    assert "task_name" not in prefectlite.context
    assert "flow_run_id" not in prefectlite.context
