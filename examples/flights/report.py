"""What is printed at the end: the tables, and what was computed and what came from targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prefectlite import Flow, Task
from prefectlite.engine.state import Mapped, State

Format = Callable[[Any], str]

MINUTES: Format = "{:.1f}".format
SHARE: Format = "{:.1%}".format
NUMBER: Format = "{:,}".format

# The columns of the tables that are printed: their headings and how their values are written.
COLUMNS: dict[str, tuple[str, Format | None]] = {
    "carrier": ("carrier", None),
    "origin": ("from", None),
    "dest": ("to", None),
    "name": ("name", None),
    "flights": ("flights", NUMBER),
    "departure_delay": ("departs behind, min", MINUTES),
    "arrival_delay": ("lands behind, min", MINUTES),
    "share_late": ("late", SHARE),
    "share_late_wet": ("late when wet", SHARE),
    "share_cancelled": ("cancelled", SHARE),
    "mean_seats": ("seats", MINUTES),
}


@dataclass(frozen=True)
class TaskCount:
    """How many runs of a task were computed, came from targets, and did neither."""

    name: str
    computed: int
    from_targets: int
    failed: int


def count_runs(flow: Flow, state: State) -> list[TaskCount]:
    """Return a count for each task that has a target, in the order of the flow."""
    return [
        count_task(task, state.result[task])
        for task in flow.sorted_tasks()
        if task.target is not None
    ]


def count_task(task: Task, state: State) -> TaskCount:
    """Count one task's runs: its elements if it is mapped."""
    runs = state.map_states if isinstance(state, Mapped) else [state]
    from_targets = sum(run.is_cached() for run in runs)
    successful = sum(run.is_successful() for run in runs)
    return TaskCount(task.name, successful - from_targets, from_targets, len(runs) - successful)


def describe_runs(counts: list[TaskCount]) -> str:
    """Return a line a task and one for all: what was computed and what came from targets."""
    width = max(len(count.name) for count in counts)
    lines = [
        f"  {count.name:<{width}}  {count.computed:>6,} computed  "
        f"{count.from_targets:>6,} from targets"
        + (f"  {count.failed:>6,} failed" * bool(count.failed))
        for count in counts
    ]
    computed = sum(count.computed for count in counts)
    from_targets = sum(count.from_targets for count in counts)
    if any(count.failed for count in counts):
        summary = "Not everything succeeded: the states of what failed are listed above."
    elif not computed:
        summary = f"Everything ({from_targets:,} results) was taken from the targets."
    else:
        summary = f"{computed:,} results computed, {from_targets:,} taken from the targets."
    return "\n".join([*lines, summary])


def describe_table(table: pd.DataFrame) -> str:
    """Return a table as text, with the columns of COLUMNS that it has."""
    flat = table.reset_index() if table.index.names != [None] else table
    kept = [name for name in COLUMNS if name in flat.columns]
    written = pd.DataFrame(
        {
            COLUMNS[name][0]: flat[name].map(COLUMNS[name][1] or str, na_action="ignore")
            for name in kept
        }
    )
    text: str = written.fillna("-").to_string(index=False)
    return text


def describe_delays(carriers: pd.DataFrame, routes: pd.DataFrame, late_minutes: int) -> str:
    """Return the table of delays by carrier and the given routes, as text.

    `routes` begins with the worst route; `late_minutes` is what counts as late.
    """
    flights = carriers["flights"].sum()
    return "\n".join(
        [
            f"Delays of {flights:,} flights by carrier (late: {late_minutes} minutes or more)",
            describe_table(carriers.sort_values("share_late", ascending=False)),
            "",
            f"The {len(routes)} routes that are late most often",
            describe_table(routes),
        ]
    )
