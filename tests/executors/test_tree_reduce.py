"""A reduce that says it is associative runs over parts of its elements, on Dask workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Failed, Skipped, State, TriggerFailed
from prefectlite.triggers import all_finished
from tests.clusters import executor_of_kind

LENGTH = 150


def total_in(folder: Path, **settings: Any) -> Any:
    """A task that adds up, and notes of how many values."""

    @task(associative=True, **settings)
    def total(values: list[int]) -> int:
        # a name of its own for each call, wherever that is
        found = sum(value for value in values if isinstance(value, int))
        (folder / f"{len(values)}-{found}").touch()
        return found

    return total


def calls(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[0]) for path in folder.iterdir())


@task
def double(x: int) -> int:
    return 2 * x


@task
def awkward(x: int) -> int:
    if x == 70:
        raise ValueError("seventy")
    return 2 * x


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "calls"
    made.mkdir()
    return made


def run(flow: Flow, kind: str = "dask") -> State:
    state = flow.run(executor=executor_of_kind(kind))
    assert state is not None
    return state


def test_many_elements_are_reduced_in_parts(folder: Path) -> None:
    with Flow("tree") as flow:
        made = total_in(folder)(double.map(list(range(LENGTH))))
    assert run(flow).result[made].result == LENGTH * (LENGTH - 1)
    # four parts of 32 elements, one of 22, and the five of them
    assert calls(folder) == [5, 22, 32, 32, 32, 32]


def test_batches_are_reduced_in_parts(folder: Path) -> None:
    with Flow("tree") as flow:
        doubled = double.map(list(range(400)), task_args={"batch_size": 5})
        made = total_in(folder)(doubled)
    assert run(flow).result[made].result == 400 * 399
    # 80 futures of five elements each
    assert calls(folder) == [3, 80, 160, 160]


def test_a_task_that_does_not_say_so_sees_all_at_a_time(folder: Path) -> None:
    with Flow("flat") as flow:
        made = total_in(folder).copy(associative=False)(double.map(list(range(LENGTH))))
    assert run(flow).result[made].result == LENGTH * (LENGTH - 1)
    assert calls(folder) == [LENGTH]


@pytest.mark.parametrize("kind", ["local", "threads"])
def test_other_executors_have_nothing_to_gain(folder: Path, kind: str) -> None:
    with Flow("tree") as flow:
        made = total_in(folder)(double.map(list(range(LENGTH))))
    assert run(flow, kind).result[made].result == LENGTH * (LENGTH - 1)
    assert calls(folder) == [LENGTH]


def test_a_failed_element_is_met_by_the_trigger(folder: Path) -> None:
    with Flow("tree") as flow:
        made = total_in(folder)(awkward.map(list(range(LENGTH))))
    state = run(flow)
    assert isinstance(state.result[made], TriggerFailed)


def test_a_trigger_that_counts_sees_all(folder: Path) -> None:
    with Flow("tree") as flow:
        made = total_in(folder, trigger=all_finished)(awkward.map(list(range(LENGTH))))
    assert run(flow).result[made].is_successful()
    assert calls(folder) == [LENGTH]


def test_a_skipped_element_skips_as_ever(folder: Path) -> None:
    from prefectlite.engine.signals import SKIP

    @task
    def skipping(x: int) -> int:
        if x == 3:
            raise SKIP("no")
        return x

    with Flow("tree") as flow:
        made = total_in(folder)(skipping.map(list(range(LENGTH))))
    assert isinstance(run(flow).result[made], Skipped)


def test_an_error_is_the_tasks_own(folder: Path) -> None:
    @task(associative=True)
    def fails(values: list[int]) -> int:
        raise KeyError(f"{len(values)} values")

    with Flow("tree") as flow:
        made = fails(double.map(list(range(LENGTH))))
    state = run(flow).result[made]
    assert isinstance(state, Failed)
    assert str(LENGTH) in str(state.result)


def test_stored_elements_are_read_where_they_are_reduced(folder: Path, tmp_path: Path) -> None:
    kept = double.copy(result=LocalResult(dir=str(tmp_path / "kept")))
    with Flow("tree") as flow:
        made = total_in(folder)(kept.map(list(range(LENGTH))))
    for _ in range(2):
        assert run(flow).result[made].result == LENGTH * (LENGTH - 1)


def test_what_is_not_true_or_false_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Task 'total'.*associative must be True or False"):

        @task(associative="yes")
        def total(values: list[int]) -> int:
            return sum(values)
