"""DaskExecutor: temporary clusters, classes by name, adaptive clusters, reports, and what stays."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.engine.state import State
from prefectlite.exceptions import PrefectException
from prefectlite.executors import DaskExecutor
from prefectlite.utilities.configuration import set_temporary_config
from prefectlite.utilities.debug import raise_on_exception
from tests.clusters import cluster, started_executor

IN_PROCESS = {"processes": False, "n_workers": 1, "threads_per_worker": 2}
OWN_PORT = {"dashboard_address": ":0"}


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def double(x: int) -> int:
    return 2 * x


@task
def process() -> int:
    return os.getpid()


def run(flow: Flow, executor: Any, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


def doubling() -> tuple[Flow, Any]:
    with Flow("doubling") as flow:
        made = double.map(double.map(numbers(5)))
    return flow, made


def test_a_temporary_cluster_in_this_process() -> None:
    flow, made = doubling()
    executor = DaskExecutor(cluster_kwargs={**IN_PROCESS, **OWN_PORT})
    for _ in range(2):
        assert run(flow, executor).result[made].result == [0, 4, 8, 12, 16]


def test_a_temporary_cluster_of_processes_by_its_dotted_name() -> None:
    with Flow("processes") as flow:
        made = process()
    executor = DaskExecutor(
        cluster_class="distributed.LocalCluster", cluster_kwargs={"n_workers": 1, **OWN_PORT}
    )
    first, second = (run(flow, executor).result[made].result for _ in range(2))
    assert len({first, second, os.getpid()}) == 3


def test_a_cluster_class_itself() -> None:
    started: list[Any] = []

    def make(**settings: Any) -> Any:
        from distributed import LocalCluster

        started.append(LocalCluster(**{**IN_PROCESS, **OWN_PORT, "silence_logs": 50}, **settings))
        return started[-1]

    flow, made = doubling()
    state = run(flow, DaskExecutor(cluster_class=make))
    assert state.result[made].result == [0, 4, 8, 12, 16]
    assert started[0].status.name == "closed"


def test_a_cluster_class_that_is_not_there() -> None:
    with pytest.raises((ImportError, AttributeError, ValueError), match="nowhere"):
        DaskExecutor(cluster_class="nowhere.at_all.Cluster")


def test_an_adaptive_cluster_that_begins_with_no_worker() -> None:
    flow, made = doubling()
    executor = DaskExecutor(
        cluster_kwargs={"n_workers": 0, "processes": False, **OWN_PORT},
        adapt_kwargs={"minimum": 0, "maximum": 2, "interval": "100ms"},
    )
    assert run(flow, executor).result[made].result == [0, 4, 8, 12, 16]


def test_an_adaptive_cluster_and_a_large_literal() -> None:
    @task
    def length(text: str, x: int) -> int:
        return len(text) + x

    with Flow("literal") as flow:
        made = length.map(x=[1, 2], text=prefectlite.unmapped("x" * 3_000_000))
    executor = DaskExecutor(
        cluster_kwargs={"n_workers": 0, "processes": False, **OWN_PORT},
        adapt_kwargs={"minimum": 0, "maximum": 1, "interval": "100ms"},
    )
    assert run(flow, executor).result[made].result == [3_000_001, 3_000_002]


def test_several_runs_on_one_started_executor() -> None:
    flow, made = doubling()
    executor = started_executor("dask")
    with executor.start():
        for _ in range(3):
            assert run(flow, executor).result[made].result == [0, 4, 8, 12, 16]


def test_two_runs_at_once_on_one_cluster() -> None:
    import threading

    results: dict[int, Any] = {}

    def work(number: int) -> None:
        flow, made = doubling()
        results[number] = run(flow, started_executor("dask")).result[made].result

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [0, 4, 8, 12, 16] for number in range(3)}


def test_a_run_leaves_nothing_on_the_cluster() -> None:
    from distributed import Client

    flow, _ = doubling()
    with Client(cluster().scheduler_address, set_as_default=False) as client:
        run(flow, started_executor("dask"))
        left: Any = None
        for _ in range(50):
            left = client.run_on_scheduler(
                lambda dask_scheduler: (
                    len(dask_scheduler.tasks),
                    [name for name in dask_scheduler.worker_plugins if "prefectlite" in name],
                )
            )
            if left == (0, []):
                break
            time.sleep(0.1)
    assert left == (0, [])


def test_elements_are_futures_named_after_their_task() -> None:
    seen: list[str] = []

    @task
    def watched(x: int) -> str:
        from distributed import get_worker

        key = get_worker().get_current_task()
        return str(key)

    with Flow("names") as flow:
        made = watched.map(numbers(3))
    seen = run(flow, started_executor("dask")).result[made].result
    assert len(set(seen)) == 3
    assert all("watched" in key for key in seen)


def test_a_performance_report_is_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    flow, _ = doubling()
    executor = DaskExecutor(
        cluster_kwargs={**IN_PROCESS, **OWN_PORT}, performance_report_path=str(path)
    )
    assert run(flow, executor).is_successful()
    assert executor.performance_report == path.read_text(encoding="utf-8")
    assert "<html" in executor.performance_report.lower()


def test_resources_are_asked_for_by_tags() -> None:
    @task(tags=["dask-resource:SEAT=1"])
    def seated(x: int) -> int:
        from distributed import get_worker

        return int(get_worker().state.total_resources["SEAT"])

    with Flow("resources") as flow:
        made = seated.map([1, 2])
    settings = {**IN_PROCESS, **OWN_PORT, "resources": {"SEAT": 1}}
    assert run(flow, DaskExecutor(cluster_kwargs=settings)).result[made].result == [1, 1]


# what stays on the workers


def test_large_values_are_never_held_by_the_driver() -> None:
    size = 60_000_000

    @task
    def large() -> bytes:
        return b"x" * size

    @task
    def length(value: bytes, x: int) -> int:
        return len(value) + x

    with Flow("large") as flow:
        value = large()
        made = length.map(prefectlite.unmapped(value), x=numbers(20))
    executor = started_executor("dask")
    run(doubling()[0], executor)
    tracemalloc.start()
    try:
        state = run(flow, executor)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert state.result[made].result == [size + x for x in range(20)]
    assert peak < size / 2
    with pytest.raises(PrefectException, match=r"return_limit.*return_tasks"):
        assert state.result[value].result


def test_the_return_limit_can_be_raised() -> None:
    @task
    def large() -> bytes:
        return b"x" * 2_000_000

    @task
    def length(value: bytes) -> int:
        return len(value)

    with Flow("large") as flow:
        value = large()
        length(value)
    executor = started_executor("dask")
    with set_temporary_config({"engine.return_limit": 10_000_000}):
        assert len(run(flow, executor).result[value].result) == 2_000_000
    state = FlowRunner(flow).run(executor=executor, return_tasks=[value])
    assert len(state.result[value].result) == 2_000_000


def test_states_of_a_cluster_run_can_be_kept(tmp_path: Path) -> None:
    import cloudpickle

    flow, made = doubling()
    state = run(flow, started_executor("dask"))
    again = cloudpickle.loads(cloudpickle.dumps(state.result[made]))
    assert again.result == [0, 4, 8, 12, 16]
    (tmp_path / "values.json").write_text(json.dumps(again.result))


# errors that are to come through


@pytest.mark.parametrize("kind", ["local", "sync", "threads", "processes", "dask"])
def test_raise_on_exception_lets_the_tasks_error_through(kind: str) -> None:
    @task
    def broken(x: int) -> int:
        raise ZeroDivisionError(f"from {x}")

    with Flow("raises") as flow:
        broken.map([7])
    with raise_on_exception(), pytest.raises(ZeroDivisionError, match="from 7"):
        flow.run(executor=started_executor(kind))
    fine, made = doubling()
    assert run(fine, started_executor(kind)).result[made].result == [0, 4, 8, 12, 16]


def _fails_at_first(path: str) -> int:
    if Path(path).exists():
        return 5
    Path(path).touch()
    raise ValueError("only at first")


def test_what_failed_is_made_again_with_what_nobody_holds_any_more(tmp_path: Path) -> None:
    executor = started_executor("dask")
    assert isinstance(executor, DaskExecutor)
    with executor.start():
        cause = executor.submit(_fails_at_first, str(tmp_path / "tried"))
        after = executor.submit(abs, cause)
        assert isinstance(after.exception(), ValueError)
        del cause
        executor.retry([after])
        assert executor.wait(after) == 5


def test_what_a_worker_does_not_have_is_taken_off_it_quietly() -> None:
    executor = DaskExecutor(cluster().scheduler_address)
    with executor.start():
        executor.install("payload", b"")
        # as a worker that is just being started again
        assert executor.client is not None
        executor.client.run(lambda dask_worker: dask_worker.plugins.pop("payload") and None)
        executor.uninstall("payload")


def test_a_scheduler_forgets_what_was_told_of_a_run() -> None:
    @task
    def one(x: int) -> int:
        return x

    with Flow("forgotten") as flow:
        one.map(list(range(20)))

    def kept(dask_scheduler: Any) -> int:
        topics = dask_scheduler._broker._topics.items()
        return sum(len(topic.events) for name, topic in topics if name.startswith("prefectlite-"))

    with Client(cluster().scheduler_address) as client:
        # other tests' runs that were cut off may have left some
        before = client.run_on_scheduler(kept)
        for _ in range(2):
            flow.run(executor=DaskExecutor(cluster().scheduler_address))
        assert client.run_on_scheduler(kept) == before


def test_workers_that_have_not_what_a_task_asks_for_are_no_workers() -> None:
    @task(tags=["dask-resource:GPU=1"])
    def train() -> int:
        return 1

    with Flow("unfit") as flow:
        train()
    state = flow.run(executor=DaskExecutor(cluster().scheduler_address, worker_timeout=0.5))
    assert state is not None
    assert state.is_failed()
    assert "what they ask for" in str(state.message)
