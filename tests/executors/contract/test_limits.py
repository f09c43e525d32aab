"""No more runs at work at a time than the limits of a run allow."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.state import Failed, State
from prefectlite.executors import DaskExecutor, Executor, LocalExecutor
from prefectlite.utilities.configuration import set_temporary_config
from tests.clusters import cluster, started_executor

AT_ONCE = ["threads", "processes", "dask"]


class Stay:
    """Files of the runs that are at work, and how many each of them saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def at_work(self, name: str, seconds: float = 0.05) -> int:
        """Be at work for a while; return how many of that name are."""
        here = self.folder / f"{name}-{time.monotonic_ns()}"
        here.touch()
        time.sleep(seconds)
        seen = len(list(self.folder.glob(f"{name}-*")))
        here.unlink()
        return seen


@pytest.fixture
def stay(tmp_path: Path) -> Stay:
    return Stay(tmp_path)


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


def test_a_tag_limits_the_tasks_that_have_it(executor: Executor, stay: Stay) -> None:
    @task(tags=["db"], max_retries=1, retry_delay=timedelta(0.3 / 86400))
    def query(x: int) -> int:
        if x == 1 and prefectlite.context.task_run_count == 1:
            raise ValueError("once")
        return stay.at_work("db")

    @task(tags=["db", "slow"])
    def other(x: int) -> int:
        return stay.at_work("db")

    @task
    def free(x: int) -> int:
        return x

    with Flow("limited") as flow:
        queried = query.map(list(range(4)))
        alone = other(1)
        after = free.map(queried)
    state = run(flow, executor, task_concurrency={"db": 1})
    assert state.result[after].result == [1] * 4
    assert state.result[alone].result == 1


@pytest.mark.parametrize("kind", AT_ONCE)
def test_those_that_wait_hold_up_nobody_else(kind: str, stay: Stay) -> None:
    @task(name="one at a time")
    def limited(x: int) -> int:
        return stay.at_work("limited", 0.3)

    @task
    def free(x: int) -> int:
        return stay.at_work("free", 0)

    changes: list[Any] = []
    with Flow("free") as flow:
        first = limited.map([1, 2, 3])
        second = free.map([1, 2, 3])
    limits = {"one at a time": 1}
    state = run(flow, started_executor(kind), task_concurrency=limits, readers=[changes.append])
    assert state.result[first].result == [1, 1, 1]
    ended = [change.task for change in changes if change.state == "Success" and change.map_index]
    assert ended.index("one at a time") > ended.index("free")
    assert state.result[second].is_successful()


@pytest.mark.parametrize("kind", AT_ONCE)
def test_all_runs_together_are_limited(kind: str, stay: Stay) -> None:
    @task
    def first(x: int) -> int:
        return stay.at_work("any")

    @task
    def second(x: int) -> int:
        return max(x, stay.at_work("any"))

    @task
    def largest(xs: list[int]) -> int:
        return max(xs)

    with Flow("all", fuse=False) as flow:
        end = largest(second.map(first.map(list(range(4)))))
    assert run(flow, started_executor(kind), max_in_flight=1).result[end].result == 1


def test_batches_and_fused_chains_are_limited(stay: Stay) -> None:
    @task(tags=["db"], batch_size=3)
    def first(x: int) -> int:
        return stay.at_work("db", 0.02)

    @task
    def second(x: int) -> int:
        return x + 10 * stay.at_work("behind", 0.02)

    with Flow("fused") as flow:
        ends = second.map(first.map(list(range(8))))
    executor = DaskExecutor(cluster().scheduler_address)
    state = run(flow, executor, task_concurrency={"db": 1})
    assert state.result[ends].result == [11] * 8
    with set_temporary_config({"engine.task_concurrency.db": 1}):
        assert run(flow, executor).result[ends].result == [11] * 8


def test_what_cannot_be_a_limit_is_refused() -> None:
    @task
    def one() -> int:
        return 1

    with Flow("refused") as flow:
        one()
    for settings in (
        {"task_concurrency": {"two": 1}},
        {"task_concurrency": {"one": 0}},
        {"task_concurrency": {"one": "1"}},
        {"max_in_flight": 0},
    ):
        state = run(flow, LocalExecutor(), **settings)
        assert isinstance(state, Failed)
        assert isinstance(state.result, ValueError)
    with set_temporary_config({"engine.task_concurrency": {"two": 1}}):
        assert run(flow, LocalExecutor(), task_concurrency={"one": 2}).is_successful()
