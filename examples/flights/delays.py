"""What is computed from the flights: plain functions from tables to tables, in pandas.

Sums are kept as whole numbers until the last step, so the tables come out the same however the
flights are cut into partitions and in whatever order these are added up.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from examples.flights.data import table

GROUPINGS = {
    "carrier": ["carrier"],
    "hour": ["hour"],
    "route": ["origin", "dest"],
}


@cache
def precipitation() -> pd.Series[float]:
    """Return how much it rained or snowed, by `place_and_hour`: indexed once in a process."""
    weather = table("weather")
    return with_unique_index(weather.set_index(place_and_hour(weather))["precip"])


@cache
def seats() -> pd.Series[int]:
    """Return the number of seats by plane."""
    return with_unique_index(table("planes").set_index("tailnum")["seats"])


def with_unique_index(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return the values as they are; a ValueError where two have the same key."""
    if not values.index.is_unique:
        raise ValueError(f"{values.name}: {values.index[values.index.duplicated()][0]!r} is twice")
    return values


def place_and_hour(rows: pd.DataFrame) -> pd.Series[str]:
    """Return one key for the airport and the hour of departure of each row."""
    return rows["origin"] + " " + rows["time_hour"]


def clean_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """Return one row a flight with what the statistics need, joined with weather and planes.

    A flight without a departure time was cancelled; one that departed and has no arrival delay
    was diverted. `wet` says that it rained or snowed at the airport in the hour of departure;
    `seats` is 0 where the plane is not known.
    """
    return pd.DataFrame(
        {
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "hour": flights["hour"],
            "departed": flights["dep_time"].notna(),
            "landed": flights["arr_delay"].notna(),
            "departure_delay": flights["dep_delay"].fillna(0).astype("int64"),
            "arrival_delay": flights["arr_delay"].fillna(0).astype("int64"),
            "seats": flights["tailnum"].map(seats()).fillna(0).astype("int64"),
            "wet": place_and_hour(flights).map(precipitation()).fillna(0) > 0,
        }
    )


def count_delays(cleaned: pd.DataFrame, grouping: str, late_minutes: int) -> pd.DataFrame:
    """Count the flights of each group; one that lands `late_minutes` or more behind is late.

    `grouping` is a key of GROUPINGS.
    """
    landed = cleaned["landed"]
    late = landed & (cleaned["arrival_delay"] >= late_minutes)
    flown_by_known_plane = landed & (cleaned["seats"] > 0)
    counted = pd.DataFrame(
        {
            "flights": 1,
            "cancelled": ~cleaned["departed"],
            "diverted": cleaned["departed"] & ~landed,
            "departed": cleaned["departed"],
            "landed": landed,
            "late": late,
            "wet_landed": landed & cleaned["wet"],
            "wet_late": late & cleaned["wet"],
            "departure_minutes": cleaned["departure_delay"],
            "arrival_minutes": cleaned["arrival_delay"],
            "known_planes": flown_by_known_plane,
            "seats": cleaned["seats"].where(flown_by_known_plane, 0),
        },
        index=cleaned.index,
    ).astype("int64")
    keys = [cleaned[column] for column in GROUPINGS[grouping]]
    return counted.groupby(keys).sum()


def delay_table(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Add the counts of all partitions up, and put means (minutes) and shares (0 to 1) beside them.

    `parts` are results of `count_delays` for one grouping.
    """
    counts = pd.concat(parts)
    counts = counts.groupby(level=list(counts.index.names)).sum()
    return counts.assign(
        departure_delay=counts["departure_minutes"] / counts["departed"],
        arrival_delay=counts["arrival_minutes"] / counts["landed"],
        share_late=counts["late"] / counts["landed"],
        share_late_wet=counts["wet_late"] / counts["wet_landed"],
        share_cancelled=counts["cancelled"] / counts["flights"],
        mean_seats=counts["seats"] / counts["known_planes"],
    )


def name_carriers(carriers: pd.DataFrame) -> pd.DataFrame:
    """Return the table by carrier with the airlines' names as its first column."""
    names = table("airlines").set_index("carrier")["name"]
    named = carriers.copy()
    named.insert(0, "name", names.reindex(carriers.index))
    return named


def rank_routes(routes: pd.DataFrame, minimum_flights: int) -> pd.DataFrame:
    """Return the routes with at least `minimum_flights` flights, the most often late first."""
    names = table("airports").set_index("faa")["name"]
    kept = routes[routes["flights"] >= minimum_flights]
    kept = kept.sort_values(["share_late", "arrival_delay"], ascending=False, kind="stable")
    ranked = kept.reset_index()
    ranked.insert(2, "name", ranked["dest"].map(names))
    return ranked
