"""The tables of the flights example computed the short way: from all flights at once, in pandas.

Nothing here comes from examples/flights but the tables of the package as they were read.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from examples.flights.data import table


def joined_flights(months: Iterable[int]) -> pd.DataFrame:
    """Return the flights of the given months with the rain and the seats of each."""
    flights = table("flights")
    flights = flights[flights["month"].isin(list(months))]
    rain = table("weather").groupby(["origin", "time_hour"])["precip"].max().rename("rain")
    seats = table("planes").set_index("tailnum")["seats"].rename("plane_seats")
    return flights.join(rain, on=["origin", "time_hour"]).join(seats, on="tailnum")


def delays_by(keys: list[str], months: Iterable[int], late_minutes: int) -> pd.DataFrame:
    """Return the table of delays for groups of flights that have the same values in `keys`."""
    flights = joined_flights(months)
    landed = flights.dropna(subset=["arr_delay"])
    late = landed[landed["arr_delay"] >= late_minutes]
    departed = flights.dropna(subset=["dep_time"])
    seated = landed.dropna(subset=["plane_seats"])

    def size(rows: pd.DataFrame) -> pd.Series[int]:
        return rows.groupby(keys).size()

    def total(rows: pd.DataFrame, column: str) -> pd.Series[int]:
        return rows.groupby(keys)[column].sum()

    wet_landed, wet_late = landed[landed["rain"] > 0], late[late["rain"] > 0]
    counts = pd.DataFrame(
        {
            "flights": size(flights),
            "cancelled": size(flights[flights["dep_time"].isna()]),
            "diverted": size(departed[departed["arr_delay"].isna()]),
            "departed": size(departed),
            "landed": size(landed),
            "late": size(late),
            "wet_landed": size(wet_landed),
            "wet_late": size(wet_late),
            "departure_minutes": total(departed, "dep_delay"),
            "arrival_minutes": total(landed, "arr_delay"),
            "known_planes": size(seated),
            "seats": total(seated, "plane_seats"),
        }
    )
    counts = counts.fillna(0).astype("int64")
    counts["departure_delay"] = counts["departure_minutes"] / counts["departed"]
    counts["arrival_delay"] = counts["arrival_minutes"] / counts["landed"]
    counts["share_late"] = counts["late"] / counts["landed"]
    counts["share_late_wet"] = counts["wet_late"] / counts["wet_landed"]
    counts["share_cancelled"] = counts["cancelled"] / counts["flights"]
    counts["mean_seats"] = counts["seats"] / counts["known_planes"]
    return counts


def delays_by_carrier(months: Iterable[int], late_minutes: int) -> pd.DataFrame:
    """Return the table by carrier, with the airlines' names."""
    counts = delays_by(["carrier"], months, late_minutes)
    names = dict(table("airlines").itertuples(index=False))
    counts.insert(0, "name", [names[carrier] for carrier in counts.index])
    return counts


def worst_routes(
    months: Iterable[int], late_minutes: int, minimum_flights: int
) -> list[tuple[str, str, float]]:
    """Return origin, destination and share of late flights of the routes flown often enough."""
    routes = delays_by(["origin", "dest"], months, late_minutes)
    routes = routes[routes["flights"] >= minimum_flights]
    found = [
        (origin, dest, row["share_late"], row["arrival_delay"])
        for (origin, dest), row in routes.iterrows()
    ]
    found.sort(key=lambda route: (-route[2], -route[3], route[0], route[1]))
    return [(origin, dest, share) for origin, dest, share, _ in found]
