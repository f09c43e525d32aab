"""The shapes of flows: a map, three chained maps, a chain and a fan. The tasks do nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks import peers
from benchmarks.workload import Prepare, Run, Setting, Workload


def increment(number: int) -> int:
    """Return the next number."""
    return number + 1


def add_up(numbers: Iterable[int]) -> int:
    """Return the sum."""
    return sum(numbers)


def map_tasks(task: Any, size: int) -> Any:
    """One task mapped over `size` numbers, and a sum."""
    return task(add_up)(task(increment).map(list(range(size))))


def three_map_tasks(task: Any, size: int) -> Any:
    """Three mapped tasks, each over the results of the one before, and a sum."""
    mapped = list(range(size))
    for _ in range(3):
        mapped = task(increment).map(mapped)
    return task(add_up)(mapped)


def chain_tasks(task: Any, size: int) -> Any:
    """`size` tasks in a row."""
    link = task(increment)
    number = 0
    for _ in range(size):
        number = link(number)
    return number


def fan_tasks(task: Any, size: int) -> Any:
    """`size` tasks, each a call of its own, that all depend on one, and a sum."""
    leaf = task(increment)
    root = leaf(0)
    return task(add_up)([leaf(root) for _ in range(size)])


def flow_of(shape: Any, executor: str) -> Prepare:
    """Return the flow side of a shape: `executor` as in `make_executor`."""

    def prepare(setting: Setting, size: int) -> Run:
        with setting.api("Flow")("benchmark") as flow:
            last = shape(setting.api("task"), size)
        runs_on = make_executor(setting, executor)

        def run() -> Any:
            state = flow.run(executor=runs_on)
            if not state.is_successful():
                raise RuntimeError(f"The flow run did not succeed: {state.message}")
            return state.result[last].result

        return run

    return prepare


def make_executor(setting: Setting, name: str) -> Any:
    """Return an executor of this side's library."""
    if name == "process":
        return setting.api("executors.LocalExecutor")()
    if name in ("threads", "processes"):
        return setting.api("executors.LocalDaskExecutor")(scheduler=name, num_workers=2)
    return setting.api("executors.DaskExecutor")(address=setting.address)


def delayed_map(delayed: Any, size: int) -> Any:
    """`map_tasks` with dask.delayed."""
    return delayed(add_up)([delayed(increment)(number) for number in range(size)])


def delayed_chain(delayed: Any, size: int) -> Any:
    """`chain_tasks` with dask.delayed."""
    number = 0
    for _ in range(size):
        number = delayed(increment)(number)
    return number


def delayed_fan(delayed: Any, size: int) -> Any:
    """`fan_tasks` with dask.delayed."""
    root = delayed(increment)(0)
    return delayed(add_up)([delayed(increment)(root) for _ in range(size)])


def delayed_of(shape: Any, scheduler: str) -> Prepare:
    """Return the hand-written side of a shape on one of Dask's local schedulers."""

    def prepare(setting: Setting, size: int) -> Run:
        import dask

        graph = shape(dask.delayed, size)
        workers = {} if scheduler == "sync" else {"num_workers": 2}
        return lambda: graph.compute(scheduler=scheduler, **workers)

    return prepare


def futures_map(client: Any, size: int) -> Any:
    """`map_tasks` with futures."""
    return client.submit(add_up, client.map(increment, range(size)))


def futures_three_maps(client: Any, size: int) -> Any:
    """`three_map_tasks` with futures."""
    mapped: Any = range(size)
    for _ in range(3):
        mapped = client.map(increment, mapped)
    return client.submit(add_up, mapped)


def futures_chain(client: Any, size: int) -> Any:
    """`chain_tasks` with futures."""
    number: Any = 0
    for _ in range(size):
        number = client.submit(increment, number)
    return number


def futures_fan(client: Any, size: int) -> Any:
    """`fan_tasks` with futures."""
    root = client.submit(increment, 0)
    leaves = [client.submit(increment, root, pure=False) for _ in range(size)]
    return client.submit(add_up, leaves)


def futures_of(shape: Any) -> Prepare:
    """Return the hand-written side of a shape on a cluster."""

    def prepare(setting: Setting, size: int) -> Run:
        from distributed import Client

        def run() -> Any:
            # The flow's executor connects as part of its run, so this side does too.
            with Client(setting.address) as client:
                return shape(client, size).result()

        return run

    return prepare


def on_cluster() -> list[Workload]:
    """Return the workloads that run on a cluster."""
    a_map, by_hand = flow_of(map_tasks, "cluster"), futures_of(futures_map)
    return [
        Workload(
            "map", "a map and a sum, cluster", (10_000,), a_map, by_hand,
            "element", on_cluster=True, goal="<= 1.15 x", peers=peers.on_cluster(peers.map_futures),
        ),
        Workload(
            "three-maps", "three chained maps and a sum, cluster", (1_000,),
            flow_of(three_map_tasks, "cluster"), futures_of(futures_three_maps),
            "element", on_cluster=True, goal="<= 0.45 x",
            peers=peers.on_cluster(peers.three_map_futures),
        ),
        Workload(
            "chain", "a chain, cluster", (1_000,), flow_of(chain_tasks, "cluster"),
            futures_of(futures_chain), on_cluster=True, goal="<= 0.03 x",
            peers=peers.on_cluster(peers.chain_futures),
        ),
        Workload(
            "fan", "a fan and a sum, cluster", (1_000,), flow_of(fan_tasks, "cluster"),
            futures_of(futures_fan), on_cluster=True,
            peers=peers.on_cluster(peers.fan_futures),
        ),
        Workload(
            "growth", "growth of a map and a sum, cluster", (1_000, 10_000, 100_000), a_map,
            by_hand, "element", on_cluster=True, prefect1=False, once_from=100_000,
        ),
    ]  # fmt: skip


def on_one_machine() -> list[Workload]:
    """Return the workloads that run in process, on threads and in local processes."""
    shapes = [
        ("map", "a map and a sum", map_tasks, delayed_map, peers.map_futures),
        ("chain", "a chain", chain_tasks, delayed_chain, peers.chain_futures),
        ("fan", "a fan and a sum", fan_tasks, delayed_fan, peers.fan_futures),
    ]
    places = [
        ("process", "in process", "sync", "<= 0.3 x"),
        ("threads", "threads", "threads", "<= 0.5 x"),
        ("processes", "local processes", "processes", ""),
    ]
    return [
        Workload(
            f"{place}-{name}", f"{label}, {where}", (2_000,), flow_of(tasks, place),
            delayed_of(delayed, scheduler), goal=goal,
            peers=peers.on_threads(futures) if place == "threads" else {},
        )
        for place, where, scheduler, goal in places
        for name, label, tasks, delayed, futures in shapes
    ]  # fmt: skip


WORKLOADS = [*on_cluster(), *on_one_machine()]
