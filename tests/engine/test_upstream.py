"""What elements see of an upstream's value is found once, not once for each element."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, flatten, task
from tests.clusters import executor_of_kind

LENGTH = 40


class Counted(list[Any]):
    """A list that counts how often somebody went through it."""

    walked = 0

    def __iter__(self) -> Iterator[Any]:
        Counted.walked += 1
        return super().__iter__()

    def __len__(self) -> int:
        Counted.walked += 1
        return super().__len__()


@pytest.fixture(autouse=True)
def _not_walked() -> None:
    Counted.walked = 0


@task
def same(x: int) -> int:
    return x


@pytest.mark.parametrize("kind", ["local", "threads"])
def test_a_flattened_result_is_flattened_once(kind: str) -> None:
    @task
    def lists() -> Counted:
        return Counted([number, number] for number in range(LENGTH))

    with Flow("flat") as flow:
        made = same.map(flatten(lists()))
    state = flow.run(executor=executor_of_kind(kind))
    assert state.result[made].result == [n for n in range(LENGTH) for _ in range(2)]
    assert Counted.walked < LENGTH


@pytest.mark.parametrize("kind", ["local", "threads"])
def test_the_items_of_flattened_elements_are_counted_once(kind: str) -> None:
    @task
    def pair(x: int) -> Counted:
        return Counted([x, x])

    with Flow("flat") as flow:
        made = same.map(flatten(pair.map(list(range(LENGTH)))))
    state = flow.run(executor=executor_of_kind(kind))
    assert state.result[made].result == [n for n in range(LENGTH) for _ in range(2)]
    # each list is asked a few times for its own items, not for those of all elements
    assert Counted.walked < LENGTH * 8


class Told:
    """A list of items that says when it is pickled."""

    def __init__(self, items: list[int], told: str) -> None:
        self.items, self.told = items, told

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> int:
        return self.items[index]

    def __reduce__(self) -> Any:
        with Path(self.told).open("a") as file:
            file.write("x")
        return Told, (self.items, self.told)


def test_a_list_does_not_travel_to_each_element(tmp_path: Any) -> None:
    told = tmp_path / "told"

    @task
    def items(path: str) -> Told:
        return Told(list(range(LENGTH)), path)

    with Flow("items") as flow:
        made = same.map(items(str(told)))
    state = flow.run(executor=executor_of_kind("processes"))
    assert state.result[made].result == list(range(LENGTH))
    assert len(told.read_text()) < 5
