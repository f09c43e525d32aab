"""Maps whose elements go to the workers in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.shapes import (
    add_up,
    flow_of,
    futures_map,
    futures_of,
    futures_three_maps,
    increment,
)
from benchmarks.workload import Prepare, Run, Setting, Workload

# what a person takes for a batch: 1,000 elements a future cost 0.01 ms an element
BATCH_BY_HAND = 1_000


def map_in_batches(task: Any, size: int, maps: int = 1) -> Any:
    """`maps` chained mapped tasks over `size` numbers, in batches, and a sum."""
    mapped = list(range(size))
    for _ in range(maps):
        mapped = task(increment, batch_size="auto").map(mapped)
    return task(add_up)(mapped)


def three_maps_in_batches(task: Any, size: int) -> Any:
    """Three chained mapped tasks, in batches, and a sum."""
    return map_in_batches(task, size, maps=3)


def increment_all(numbers: Sequence[int]) -> list[int]:
    """Return the next number of each."""
    return [increment(number) for number in numbers]


def add_up_batches(batches: Sequence[Sequence[int]]) -> int:
    """Return the sum of all."""
    return sum(sum(batch) for batch in batches)


def futures_batches(client: Any, size: int) -> Any:
    """The map and the sum with one future for each batch, as a person writes it."""
    numbers = range(size)
    batches = [
        list(numbers[start : start + BATCH_BY_HAND]) for start in range(0, size, BATCH_BY_HAND)
    ]
    return client.submit(add_up_batches, client.map(increment_all, batches))


def million(setting: Setting, size: int) -> Run:
    """The same by hand; the result that a flow keeps of each element is gathered as well."""
    from distributed import Client

    def run() -> Any:
        with Client(setting.address) as client:
            return futures_batches(client, size).result()

    return run


def fork_tasks(task: Any, size: int) -> Any:
    """One map that three others read, and a sum of all."""
    numbers = task(increment).map(list(range(size)))
    sums = [task(add_up)(task(increment).map(numbers)) for _ in range(3)]
    return task(add_up)(sums)


def futures_fork(client: Any, size: int) -> Any:
    """`fork_tasks` with futures."""
    numbers = client.map(increment, range(size))
    maps = [client.map(increment, numbers, pure=False) for _ in range(3)]
    return client.submit(add_up, [client.submit(add_up, each, pure=False) for each in maps])


def workloads() -> list[Workload]:
    """Return the workloads."""
    in_batches: Prepare = flow_of(map_in_batches, "cluster")
    return [
        Workload(
            "map-batches", "a map in batches and a sum, beside single futures", (10_000,),
            in_batches, futures_of(futures_map), "element", on_cluster=True, prefect1=False,
            goal="<= 0.08 x",
        ),
        Workload(
            "three-maps-batches", "three maps in batches and a sum, beside single futures",
            (1_000,), flow_of(three_maps_in_batches, "cluster"), futures_of(futures_three_maps),
            "element", on_cluster=True, prefect1=False, goal="<= 0.05 x",
        ),
        Workload(
            "fork", "a map that three others read, cluster", (1_000,),
            flow_of(fork_tasks, "cluster"), futures_of(futures_fork), "element", on_cluster=True,
        ),
        Workload(
            "million", "a map in batches and a sum, beside batches by hand",
            (10_000, 100_000, 1_000_000), in_batches, million, "element", on_cluster=True,
            prefect1=False, goal="<= 0.05 ms more", once_from=1_000_000,
        ),
    ]  # fmt: skip


WORKLOADS = workloads()
