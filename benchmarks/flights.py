"""The job of examples/flights: its flow, and the same written by hand with dask.delayed."""

from __future__ import annotations

import pickle
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.workload import Prepare, Run, Setting, Workload

# The numbers of partitions of a whole year, and how it is cut to get them.
WHOLE_YEARS = {36: "month", 1095: "day", 11864: "carrier"}


def choose(size: int) -> tuple[list[int], str]:
    """Return the months and the split that make `size` partitions: whole years, or 3 a month."""
    if size in WHOLE_YEARS:
        return list(range(1, 13)), WHOLE_YEARS[size]
    if size % 3 or not 3 <= size <= 36:
        whole = ", ".join(f"{number:,}" for number in WHOLE_YEARS)
        raise ValueError(f"flights has no {size} partitions: take 3 for each month, or {whole}.")
    return list(range(1, size // 3 + 1)), "month"


def flights_flow(kept: bool, batch_size: str | None = None) -> Prepare:
    """Return the flow side; `kept` says whether results are written to their targets."""

    def prepare(setting: Setting, size: int) -> Run:
        from examples.flights.flow import build_flow

        months, split = choose(size)
        folder = setting.folder / uuid.uuid4().hex
        executor = setting.api("executors.DaskExecutor")(
            address=setting.address, batch_size=batch_size
        )
        flow = build_flow(folder, executor)
        configured = setting.api("utilities.configuration.set_temporary_config")

        def run() -> Any:
            with configured({"flows.checkpointing": kept}):
                state = flow.run(parameters={"months": months, "split": split})
            if state is None or not state.is_successful():
                raise RuntimeError(f"The flow run did not succeed: {state and state.message}")
            worst = state.result[flow.get_tasks(name="worst_routes")[0]].result
            shutil.rmtree(folder)
            return worst.head(10).values.tolist()

        return run

    return prepare


def kept_at(folder: Path | None, name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Return the value in the file of that name; compute and write it if it is not there."""
    if folder is None:
        return function(*args)
    path = folder / f"{name}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())
    value = function(*args)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))
    return value


def read_and_clean(partition: Any) -> Any:
    """Return the cleaned flights of a partition."""
    from examples.flights.data import flights_of
    from examples.flights.delays import clean_flights

    return clean_flights(flights_of(partition))


def combine(parts: dict[str, list[Any]]) -> dict[str, Any]:
    """Reduce the counts of all partitions to the three tables."""
    from examples.flights import delays

    tables = {grouping: delays.delay_table(counts) for grouping, counts in parts.items()}
    return {**tables, "carrier": delays.name_carriers(tables["carrier"])}


def flights_by_hand(
    client: Any, months: list[int], split: str, folder: Path | None
) -> tuple[dict[str, Any], Any]:
    """Return the tables and the worst routes, computed with dask.delayed on the client's cluster.

    `folder` is where results are kept; None keeps none.
    """
    import dask

    from examples.flights import delays
    from examples.flights.data import partitions_of

    keep = dask.delayed(kept_at)
    listed = dask.compute(
        *(
            keep(folder, f"partitions/{split}-{month}", partitions_of, month, split)
            for month in months
        ),
        scheduler=client,
    )
    counts: dict[str, list[Any]] = {grouping: [] for grouping in delays.GROUPINGS}
    for partition in (partition for month in listed for partition in month):
        cleaned = keep(folder, f"clean/{partition}", read_and_clean, partition)
        for grouping, found in counts.items():
            name = f"late-15/by-{grouping}/{partition}"
            found.append(keep(folder, name, delays.count_delays, cleaned, grouping, 15))
    tables = keep(folder, "late-15/tables", combine, counts)
    worst = keep(folder, "late-15/worst", delays.rank_routes, tables["route"], 365)
    found_tables, found_worst = dask.compute(tables, worst, scheduler=client)
    return found_tables, found_worst


def flights_delayed(kept: bool) -> Prepare:
    """Return the hand-written side."""

    def prepare(setting: Setting, size: int) -> Run:
        from distributed import Client

        months, split = choose(size)
        folder = setting.folder / uuid.uuid4().hex

        def run() -> Any:
            with Client(setting.address) as client:
                _, worst = flights_by_hand(client, months, split, folder if kept else None)
            shutil.rmtree(folder, ignore_errors=True)
            return worst.head(10).values.tolist()

        return run

    return prepare


WORKLOADS = [
    Workload("flights", "the flights job, nothing kept, cluster", (36, 11_864), flights_flow(False),
             flights_delayed(False), unit="partition", on_cluster=True, prefect1=False,
             goal="<= 1.05 x; 0.6 x",
             once_from=11_864, variants={"in batches": flights_flow(False, "auto")}),
    Workload("flights-kept", "the flights job, results kept, cluster", (36,), flights_flow(True),
             flights_delayed(True), unit="partition", on_cluster=True, prefect1=False),
]  # fmt: skip
