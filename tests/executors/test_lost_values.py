"""Values that die with their worker, at moments at which Dask does not make them again."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dask
import pytest

from prefectlite import Flow, task
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.executors import DaskExecutor, dask_calls
from tests.executors.conftest import Journal
from tests.executors.scripts import wait_for
from tests.executors.test_faults import small_cluster, two_workers

LARGE = b"x" * 10_000


@contextlib.contextmanager
def workers_named(*names: str) -> Iterator[DaskExecutor]:
    """A cluster with a worker a name, each with the resource of that name."""
    from distributed import Nanny, Scheduler, SpecCluster

    def options(name: str) -> dict[str, Any]:
        return {"nthreads": 1, "resources": {name: 1}, "silence_logs": 50, "dashboard": False}

    settings = {
        "distributed.scheduler.allowed-failures": 0,
        # a cluster of this kind gives a worker up that does not start again soon
        "distributed.deploy.lost-worker-timeout": "10m",
    }
    no_dashboard = {"dashboard": False, "dashboard_address": ":0"}
    with (
        dask.config.set(settings),
        SpecCluster(
            scheduler={"cls": Scheduler, "options": no_dashboard},
            workers={name: {"cls": Nanny, "options": options(name)} for name in names},
            silence_logs=50,
        ) as cluster,
    ):
        yield DaskExecutor(cluster.scheduler_address)


def processes_of(journal: Journal, name: str) -> list[int]:
    """The processes in which a task has run, in order."""
    lines = [line.split() for line in journal.lines()]
    return [int(process) for each, process in lines if each == name]


def kill_those_that_have_values(journal: Journal) -> None:
    """Kill workers so that a value is lost while what it is made from has failed for good."""
    wait_for(lambda: bool(processes_of(journal, "elsewhere")))
    time.sleep(0.5)
    # both workers that have the first value die; where it is made again, it fails for good
    os.kill(processes_of(journal, "between")[0], signal.SIGKILL)
    os.kill(processes_of(journal, "source")[0], signal.SIGKILL)
    wait_for(lambda: len(processes_of(journal, "source")) == 2)
    os.kill(processes_of(journal, "source")[1], signal.SIGKILL)
    time.sleep(0.5)
    # and so does the last one that has the second
    os.kill(processes_of(journal, "elsewhere")[0], signal.SIGKILL)
    time.sleep(0.5)
    journal.write("go -")


@pytest.mark.timeout(180)
def test_a_value_that_dies_while_what_it_is_made_from_has_failed(journal: Journal) -> None:
    def made(name: str) -> int:
        journal.write(f"{name} {os.getpid()}")
        return len(processes_of(journal, name))

    @task(tags=["dask-resource:A=1"])
    def source() -> int:
        if made("source") == 2:
            time.sleep(30)
        return 1

    @task(tags=["dask-resource:B=1"])
    def between(x: int) -> int:
        return made("between")

    @task(tags=["dask-resource:D=1"])
    def elsewhere(x: int) -> bytes:
        made("elsewhere")
        return LARGE

    @task(tags=["dask-resource:B=1"])
    def wanted(x: int) -> bytes:
        return LARGE

    @task(tags=["dask-resource:C=1"])
    def gate() -> int:
        wait_for(lambda: "go -" in journal.lines())
        return 1

    @task(tags=["dask-resource:C=1"])
    def after(x: int, y: int) -> int:
        return x + y

    with Flow("lost", fuse=False) as flow:
        first = source()
        second = between(first)
        kept = wanted(first), elsewhere(second)
        opened = gate()
        ends = after(first, opened), after(second, 0, upstream_tasks=[opened])
    killer = threading.Thread(target=kill_those_that_have_values, args=[journal])
    with workers_named("A", "B", "C", "D") as executor:
        killer.start()
        state = flow.run(executor=executor)
        killer.join()
    assert state is not None
    assert state.is_successful(), state.message
    assert [state.result[end].result for end in ends] == [2, 2]
    # too large to come to the driver before the end
    assert [state.result[each].result for each in kept] == [LARGE, LARGE]


@task
def deadly(x: int) -> int:
    if x in (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@task
def add(x: int) -> int:
    return x + 1


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_those_that_are_tried_alone_wait_for_no_place(kind: str) -> None:
    with Flow("limited") as flow:
        # two that kill their workers, for one place
        made = deadly.map([0, 1, 2, 3])
        end = add.map(made)
    with two_workers(kind, allowed_failures=0) as executor:
        state = flow.run(executor=executor, max_in_flight=1)
        # a run that does not wait for retries still takes a chain to its end
        once = FlowRunner(flow).run(executor=executor, return_tasks=[end])
    assert state is not None
    for states in (state.result[end].map_states, once.result[end].map_states):
        assert [each.result if each.is_successful() else None for each in states] == [
            1,
            None,
            None,
            4,
        ]


def test_a_value_whose_task_fails_at_first_when_it_is_made_again(journal: Journal) -> None:
    @task(tags=["dask-resource:A=1"], max_retries=3, retry_delay=timedelta(seconds=0.1))
    def source() -> bytes:
        journal.write(os.getpid())
        if len(journal.lines()) in (2, 3):
            raise ValueError("only when it is made again")
        return LARGE

    @task(tags=["dask-resource:B=1"])
    def kills() -> None:
        wait_for(lambda: len(journal.lines()) == 1)
        time.sleep(0.5)
        os.kill(int(journal.lines()[0]), signal.SIGKILL)
        time.sleep(0.5)

    @task(tags=["dask-resource:B=1"])
    def after(x: bytes) -> int:
        return len(x)

    with Flow("unfinished", fuse=False) as flow:
        end = after(source(), upstream_tasks=[kills()])
    with workers_named("A", "B") as executor:
        state = flow.run(executor=executor)
    assert state is not None
    assert state.is_successful(), state.message
    assert state.result[end].result == len(LARGE)
    assert len(journal.lines()) >= 4


def test_a_run_ends_and_the_next_begins_beside_a_frozen_worker(
    records: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    @task
    def process(x: int) -> int:
        time.sleep(0.3)
        return os.getpid()

    @task
    def freeze(found: list[int]) -> int:
        # what the other has to tell is on its way
        time.sleep(0.5)
        other = next(each for each in found if each != os.getpid())
        os.kill(other, signal.SIGSTOP)
        return other

    with Flow("freezes") as flow:
        frozen = freeze(process.map([1, 2, 3, 4]))
    with Flow("next") as following:
        end = add.map([1, 2])
    monkeypatch.setattr(dask_calls, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(dask_calls, "END_SECONDS", 0.5)
    with small_cluster() as executor:
        state = flow.run(executor=executor)
        assert state is not None
        assert state.is_successful(), state.message
        thaw = threading.Timer(2.0, os.kill, (state.result[frozen].result, signal.SIGCONT))
        thaw.start()
        state = following.run(executor=executor)
        thaw.join()
    assert state is not None
    assert state.result[end].result == [2, 3]
    told = [r.getMessage() for r in records if r.levelno == logging.WARNING]
    assert len([each for each in told if "does not answer" in each]) == 1
