"""What every executor offers by itself: start, submit, wait, pickling, a name."""

from __future__ import annotations

import concurrent.futures
import logging
import operator
import os
import pickle
import threading
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.exceptions import ExecutorError
from prefectlite.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor
from prefectlite.utilities.debug import raise_on_exception
from tests.clusters import EXECUTORS, executor_of_kind

NAMES = {
    "local": "LocalExecutor",
    "sync": "LocalDaskExecutor",
    "threads": "LocalDaskExecutor",
    "processes": "LocalDaskExecutor",
    "dask": "DaskExecutor",
}


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each executor in turn, not started yet."""
    return executor_of_kind(request.param)


def test_submit_and_wait(executor: Executor) -> None:
    with executor.start():
        assert executor.wait(executor.submit(operator.add, 1, 2)) == 3


def test_wait_takes_structures(executor: Executor) -> None:
    with executor.start():
        made = [executor.submit(operator.neg, number) for number in range(3)]
        assert executor.wait(made) == [0, -1, -2]
        pair = {"one": executor.submit(operator.neg, 1), "two": executor.submit(operator.neg, 2)}
        assert executor.wait(pair) == {"one": -1, "two": -2}


def test_what_was_submitted_stands_for_its_value(executor: Executor) -> None:
    with executor.start():
        one = executor.submit(operator.add, 1, 2)
        assert executor.wait(executor.submit(operator.mul, one, 10)) == 30


def test_submit_passes_keywords_and_takes_a_description(executor: Executor) -> None:
    with executor.start():
        made = executor.submit(int, "11", base=2, extra_context={"task_name": "parse"})
        assert executor.wait(made) == 3


def test_an_error_of_the_function_is_the_callers(executor: Executor) -> None:
    with executor.start(), pytest.raises(ZeroDivisionError):
        executor.wait(executor.submit(operator.truediv, 1, 0))


def test_an_executor_can_be_started_again(executor: Executor) -> None:
    for _ in range(2):
        with executor.start():
            assert executor.wait(executor.submit(abs, -1)) == 1


def test_starting_inside_a_start_keeps_it(executor: Executor) -> None:
    with executor.start():
        with executor.start():
            assert executor.wait(executor.submit(abs, -1)) == 1
        assert executor.wait(executor.submit(abs, -2)) == 2


def test_an_executor_pickles_before_and_during_its_use(executor: Executor) -> None:
    for _ in range(2):
        again = pickle.loads(pickle.dumps(executor))
        assert type(again) is type(executor)
        assert again.kind == executor.kind
        with again.start():
            assert again.wait(again.submit(abs, -3)) == 3
    with executor.start():
        again = pickle.loads(pickle.dumps(executor))
    with again.start():
        assert again.wait(again.submit(abs, -3)) == 3


@pytest.mark.parametrize("kind", EXECUTORS)
def test_repr_names_the_class(kind: str) -> None:
    assert repr(executor_of_kind(kind)) == f"<Executor: {NAMES[kind]}>"


def test_where_functions_run() -> None:
    here = (os.getpid(), threading.get_ident())
    local = LocalExecutor()
    with local.start():
        assert local.wait(local.submit(os.getpid)) == here[0]
        assert local.wait(local.submit(threading.get_ident)) == here[1]
    processes = LocalDaskExecutor(scheduler="processes", num_workers=2)
    with processes.start():
        assert processes.wait(processes.submit(os.getpid)) != here[0]


class Pool(LocalExecutor):
    """An executor of a user's own, as Prefect 1 lets one write them."""

    def __init__(self, pool: type[concurrent.futures.Executor]) -> None:
        super().__init__()
        self.pool = pool(1)
        self.described: list[Any] = []

    def submit(self, fn: Any, *args: Any, extra_context: Any = None, **kwargs: Any) -> Any:
        self.described.append(extra_context)
        return self.pool.submit(fn, *args, **kwargs)

    def wait(self, futures: Any) -> Any:
        return futures.result()


def test_flows_run_by_the_submit_of_an_executor_of_ones_own() -> None:
    with Flow("f") as flow:
        threads = task(lambda x: threading.get_ident(), name="where").map([1, 2])
    executor = Pool(concurrent.futures.ThreadPoolExecutor)
    with executor.pool:
        state = flow.run(executor=executor)
    assert state is not None
    assert threading.get_ident() not in state.result[threads].result
    assert executor.described == [
        {"task_name": "where", "task_tags": set(), "task_index": index} for index in range(2)
    ]


def test_one_that_raises_out_of_a_run_does_not_run_it_again() -> None:
    calls = []
    with Flow("f") as flow:
        task(lambda: calls.append(1) or 1 / 0, name="fails")()
    executor = Pool(concurrent.futures.ThreadPoolExecutor)
    with executor.pool, pytest.raises(ZeroDivisionError), raise_on_exception():
        flow.run(executor=executor)
    assert calls == [1]


def test_one_that_cannot_take_a_run_has_it_run_in_process(caplog: pytest.LogCaptureFixture) -> None:
    with Flow("f") as flow:
        result = task(os.getpid, name="where")()
    executor = Pool(concurrent.futures.ProcessPoolExecutor)
    with executor.pool:
        state = flow.run(executor=executor)
    assert state is not None
    assert state.result[result].result == os.getpid()
    assert "could not call task 'where'" in caplog.text


def test_the_base_class_says_what_is_missing() -> None:
    class Half(Executor):
        pass

    with pytest.raises(NotImplementedError, match=r"Half must define submit\(\)"):
        Half().submit(abs, 1)
    with pytest.raises(NotImplementedError, match=r"Half must define wait\(\)"):
        Half().wait(1)


@pytest.mark.parametrize("scheduler", ["nothing", "", 5, None])
def test_local_dask_refuses_an_unknown_scheduler(scheduler: object) -> None:
    with pytest.raises(ValueError, match=r"Unknown scheduler .*'threads'.*'processes'"):
        LocalDaskExecutor(scheduler=scheduler)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scheduler", "meant"),
    [
        ("Threads", "threads"),
        ("threading", "threads"),
        ("multiprocessing", "processes"),
        ("sync", "synchronous"),
        ("single-threaded", "synchronous"),
    ],
)
def test_local_dask_knows_dasks_names(scheduler: str, meant: str) -> None:
    assert LocalDaskExecutor(scheduler=scheduler).scheduler == meant


def test_what_a_dask_executor_was_given() -> None:
    executor = DaskExecutor(cluster_kwargs={"n_workers": 1})
    assert executor.cluster_kwargs == {"n_workers": 1, "silence_logs": logging.CRITICAL}
    assert executor.adapt_kwargs == {}
    assert DaskExecutor(debug=True).cluster_kwargs == {"silence_logs": logging.WARNING}


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2"])
def test_local_dask_refuses_a_bad_number_of_workers(workers: object) -> None:
    with pytest.raises(ValueError, match="num_workers"):
        LocalDaskExecutor(num_workers=workers)


def test_dask_refuses_an_address_beside_a_cluster() -> None:
    for settings in ({"cluster_class": "distributed.LocalCluster"}, {"cluster_kwargs": {"n": 1}}):
        with pytest.raises(ValueError, match="address"):
            DaskExecutor("tcp://127.0.0.1:1", **settings)  # type: ignore[arg-type]


def test_dask_that_was_not_started_says_so() -> None:
    with pytest.raises(ExecutorError, match=r"executor\.start\(\)"):
        DaskExecutor("tcp://127.0.0.1:1").submit(abs, 1)


def test_processes_forget_runs_that_are_over() -> None:
    @task
    def known() -> int:
        from prefectlite.engine import remote

        return len(remote._runs)

    executor = LocalDaskExecutor(scheduler="processes", num_workers=1)
    found = []
    with executor.start():
        for _ in range(3):
            with Flow("known") as flow:
                made = known()
            found.append(flow.run(executor=executor).result[made].result)
    assert found == [1, 1, 1]
