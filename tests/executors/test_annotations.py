"""What a task asks of Dask's scheduler, by an argument."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.engine.plan import compile_flow
from prefectlite.executors import DaskExecutor
from tests.clusters import executor_of_kind


@pytest.fixture(scope="module")
def two_kinds() -> Iterator[Any]:
    """A cluster of two workers, of which one has what is asked for."""
    from distributed import SpecCluster
    from distributed.nanny import Nanny
    from distributed.scheduler import Scheduler

    nanny = {"nthreads": 1, "dashboard_address": None}
    cluster = SpecCluster(
        scheduler={"cls": Scheduler, "options": {"dashboard_address": ":0", "port": 0}},
        workers={
            "plain": {"cls": Nanny, "options": nanny},
            "special": {"cls": Nanny, "options": {**nanny, "resources": {"GPU": 1}}},
        },
    )
    yield cluster
    cluster.close()


def where() -> str:
    from distributed import get_worker

    return str(get_worker().name)


@pytest.mark.parametrize(
    "annotations",
    [
        {"resources": {"GPU": 1}},
        {"workers": ["special"]},
        {"workers": "special", "allow_other_workers": False},
    ],
)
def test_runs_go_where_they_are_to_go(two_kinds: Any, annotations: dict[str, Any]) -> None:
    @task(annotations=annotations)
    def place(x: int) -> str:
        return where()

    with Flow("places") as flow:
        single = place(1)
        mapped = place.map(list(range(6)))
        batched = place.map(list(range(6)), task_args={"batch_size": 3})
    state = flow.run(executor=DaskExecutor(two_kinds.scheduler_address))
    assert state.result[single].result == "special"
    assert state.result[mapped].result == ["special"] * 6
    assert state.result[batched].result == ["special"] * 6


def test_a_tag_and_an_argument_are_both_looked_at(two_kinds: Any) -> None:
    @task(tags=["dask-resource:GPU=1"], annotations={"priority": 5, "retries": 1})
    def place() -> str:
        return where()

    with Flow("places") as flow:
        made = place()
    state = flow.run(executor=DaskExecutor(two_kinds.scheduler_address))
    assert state.result[made].result == "special"


def test_others_are_not_fused_with_it() -> None:
    @task
    def one() -> int:
        return 1

    @task(annotations={"priority": 1})
    def two(x: int) -> int:
        return x

    with Flow("chain") as flow:
        two(two(one()))
    plan = compile_flow(flow)
    assert [len(segment.tasks) for segment in plan.segments] == [1, 2]
    assert "other workers" in next(iter(plan.not_fused.values()))


@pytest.mark.parametrize("kind", ["local", "threads", "processes"])
def test_other_executors_do_not_look_at_them(kind: str) -> None:
    @task(annotations={"resources": {"GPU": 1}})
    def one() -> int:
        return 1

    with Flow("one") as flow:
        made = one()
    assert flow.run(executor=executor_of_kind(kind)).result[made].result == 1


@pytest.mark.parametrize(
    ("annotations", "error", "told"),
    [
        ({"gpu": 1}, ValueError, "unknown annotation 'gpu'.*resources"),
        ({"resources": "GPU"}, TypeError, "'resources' must be a dictionary"),
        ({"workers": 5}, TypeError, "'workers' must be the address"),
        ({"priority": "high"}, TypeError, "'priority' must be a number"),
    ],
)
def test_what_dask_would_not_understand_is_refused(
    annotations: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=f"Task 'one'.*{told}"):

        @task(annotations=annotations)
        def one() -> int:
            return 1
