"""What every executor offers by itself: start, submit, wait, pickling, a name."""

from __future__ import annotations

import operator
import os
import pickle
import threading

import pytest

from prefectlite.exceptions import ExecutorError
from prefectlite.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor
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


def test_the_base_class_says_what_is_missing() -> None:
    class Half(Executor):
        pass

    with pytest.raises(NotImplementedError, match=r"Half must define submit\(\)"):
        Half().submit(abs, 1)
    with pytest.raises(NotImplementedError, match=r"Half must define wait\(\)"):
        Half().wait(1)


@pytest.mark.parametrize("scheduler", ["nothing", "", 5, None])
def test_local_dask_refuses_an_unknown_scheduler(scheduler: object) -> None:
    with pytest.raises(ValueError, match="'threads', 'processes'"):
        LocalDaskExecutor(scheduler=scheduler)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheduler", ["Threads", "multiprocessing", "synchronous"])
def test_local_dask_knows_dasks_names(scheduler: str) -> None:
    assert LocalDaskExecutor(scheduler=scheduler).scheduler == scheduler


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
