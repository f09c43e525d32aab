"""Maps of elements that take their time: batches of a fixed size and "auto", and full workers."""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

from benchmarks.shapes import add_up, flow_of
from benchmarks.workload import Prepare, Run, Setting, Workload

FIXED_SIZES = (1, 5, 25, 100)
SHORT_AND_LONG = (0.001, 2.0)


def rest(seconds: float) -> int:
    """Take that long without using the processor."""
    time.sleep(seconds)
    return 1


def work(seconds: float) -> int:
    """Take that long and use the processor."""
    end = time.perf_counter() + seconds
    count = 0
    while time.perf_counter() < end:
        count += 1
    return 1


def mixed_seconds(size: int) -> list[float]:
    """Return times from 1 ms to 2 s, most of them short, in an order that is always the same."""
    shortest, longest = SHORT_AND_LONG
    drawn = random.Random(5)
    return [shortest * (longest / shortest) ** drawn.random() for _ in range(size)]


def resting(seconds: float | None, batch_size: int | str) -> Prepare:
    """Return a map of elements that take `seconds`, or each its own time, in batches."""

    def shape(task: Any, size: int) -> Any:
        times = mixed_seconds(size) if seconds is None else [seconds] * size
        return task(add_up)(task(rest, batch_size=batch_size).map(times))

    return flow_of(shape, "cluster")


def duration_workload(name: str, label: str, seconds: float | None, size: int) -> Workload:
    """Return the workload for one duration: "auto", and each fixed size beside it."""
    mean = statistics.mean(mixed_seconds(size)) if seconds is None else seconds
    return Workload(
        f"batches-{name}", f"elements of {label}", (size,), resting(seconds, "auto"),
        unit="element", on_cluster=True, prefect1=False, busy=mean,
        variants={f"batches of {fixed}": resting(seconds, fixed) for fixed in FIXED_SIZES},
        goal="<= 1.1 x the best fixed size",
    )  # fmt: skip


def busy_tasks(task: Any, size: int) -> Any:
    """Elements that keep a processor busy for 0.2 s each, and a sum."""
    return task(add_up)(task(work).map([0.2] * size))


def futures_busy(setting: Setting, size: int) -> Run:
    """`busy_tasks` with futures."""
    from distributed import Client

    def run() -> Any:
        with Client(setting.address) as client:
            done = client.map(work, [0.2] * size, pure=False)
            return client.submit(add_up, done).result()

    return run


WORKLOADS = [
    duration_workload("1ms", "1 ms", 0.001, 2_000),
    duration_workload("10ms", "10 ms", 0.010, 500),
    duration_workload("100ms", "100 ms", 0.100, 100),
    duration_workload("mixed", "1 ms to 2 s", None, 100),
    Workload("busy", "elements that compute for 0.2 s, cluster", (100,),
             flow_of(busy_tasks, "cluster"), futures_busy, "element", on_cluster=True, busy=0.2,
             goal="95% of the workers' time"),
]  # fmt: skip
