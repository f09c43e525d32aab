"""The flow: from the list of partitions to the tables of delays.

    list_partitions       a month each
    flatten, clean        a partition each
    count                 a partition each, by carrier, by hour and by route
    combine               all partitions: a table of delays for each
    worst_routes

Every task has a target, and a target's location names the parameters its task depends on. So a
second run takes everything from the targets, other months compute only the partitions that are
new, and another limit for "late" leaves the cleaned partitions as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from examples.flights import delays
from examples.flights.data import MONTHS, Partition, flights_of, partitions_of
from prefectlite import Flow, Parameter, flatten, task, unmapped
from prefectlite.engine.results import LocalResult
from prefectlite.executors import Executor


def months_label(months: Iterable[int]) -> str:
    """Return a name for a choice of months that can be part of a path, as in "01-02-03"."""
    return "-".join(f"{month:02}" for month in months)


def tables_target(months: list[int], split: str, late_minutes: int, **context: Any) -> str:
    """Where the tables are kept."""
    return f"late-{late_minutes}/tables/{split}-{months_label(months)}.pickle"


def worst_target(
    months: list[int], split: str, late_minutes: int, minimum_flights: int, **context: Any
) -> str:
    """Where the ranking of the routes is kept."""
    name = f"{split}-{months_label(months)}-least-{minimum_flights}"
    return f"late-{late_minutes}/worst/{name}.pickle"


@task(target="partitions/{split}-{month}.pickle")
def list_partitions(month: int, split: str) -> list[Partition]:
    """List the partitions of one month: what the other mapped tasks run over."""
    return partitions_of(month, split)


@task(target="clean/{partition}.pickle")
def clean(partition: Partition) -> pd.DataFrame:
    """Read one partition, clean it, and join it with the weather and the planes."""
    return delays.clean_flights(flights_of(partition))


@task(target="late-{late_minutes}/by-{grouping}/{partition}.pickle")
def count(
    partition: Partition, cleaned: pd.DataFrame, grouping: str, late_minutes: int
) -> pd.DataFrame:
    """Count the flights and the delays of one partition by carrier, by hour or by route."""
    return delays.count_delays(cleaned, grouping, late_minutes)


@task(target=tables_target)
def combine(
    carrier: list[pd.DataFrame], hour: list[pd.DataFrame], route: list[pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Reduce the counts of all partitions to three tables of delays."""
    return {
        "carrier": delays.name_carriers(delays.delay_table(carrier)),
        "hour": delays.delay_table(hour),
        "route": delays.delay_table(route),
    }


@task(target=worst_target)
def worst_routes(tables: dict[str, pd.DataFrame], minimum_flights: int) -> pd.DataFrame:
    """Rank the routes that are flown often enough."""
    return delays.rank_routes(tables["route"], minimum_flights)


def build_flow(results: Path, executor: Executor | None = None) -> Flow:
    """Return the flow.

    `results` is the folder under which the targets lie; it is made if it is missing. `executor`
    is where the flow runs: in this process if it is not given.

        build_flow(Path("build/flights")).run(parameters={"months": [1, 2]})
    """
    results.mkdir(parents=True, exist_ok=True)
    with Flow("flights", executor=executor, result=LocalResult(dir=str(results.resolve()))) as flow:
        months = Parameter("months", default=list(MONTHS))
        split = Parameter("split", default="month")
        late_minutes = Parameter("late_minutes", default=15)
        minimum_flights = Parameter("minimum_flights", default=365)

        listed = list_partitions.map(months, split=unmapped(split))
        cleaned = clean.map(flatten(listed))
        counts = {
            grouping: count.map(
                flatten(listed),
                cleaned,
                grouping=unmapped(grouping),
                late_minutes=unmapped(late_minutes),
                task_args={"name": f"count by {grouping}"},
            )
            for grouping in delays.GROUPINGS
        }
        tables = combine(counts["carrier"], counts["hour"], counts["route"])
        worst_routes(tables, minimum_flights)
    return flow
