"""The data and the computations of the flights example, without a flow."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from examples.flights import delays
from examples.flights.data import (
    MONTHS,
    SPLITS,
    Partition,
    flights_of,
    partitions_of,
    rows_of,
    table,
)
from tests.examples.reference import delays_by


@pytest.mark.parametrize(("split", "number"), [("month", 36), ("day", 1095), ("carrier", 11864)])
def test_partitions_hold_every_flight_once(split: str, number: int) -> None:
    partitions = [partition for month in MONTHS for partition in partitions_of(month, split)]
    assert len(set(map(str, partitions))) == len(partitions) == number
    rows = [row for positions in rows_of(split).values() for row in positions]
    assert sorted(rows) == list(range(336_776))


@pytest.mark.parametrize("split", list(SPLITS))
def test_a_partition_has_the_flights_its_name_says(split: str) -> None:
    partition = partitions_of(2, split)[-1]
    flights = flights_of(partition)
    assert len(flights) > 0
    for column in SPLITS[split]:
        assert set(flights[column]) == {getattr(partition, column)}


def test_a_partition_is_named_by_what_it_holds() -> None:
    assert str(Partition(month=2, origin="JFK")) == "2013-02-JFK"
    assert str(Partition(month=2, day=3, origin="JFK")) == "2013-02-03-JFK"
    assert f"{Partition(month=2, day=3, origin='JFK', carrier='UA')}" == "2013-02-03-JFK-UA"


def test_an_unknown_month_or_split_is_refused() -> None:
    with pytest.raises(ValueError, match="month is 13"):
        partitions_of(13, "month")
    with pytest.raises(ValueError, match=r"split is 'week'.*month, day, carrier"):
        partitions_of(1, "week")


def test_cleaning_keeps_every_flight_and_leaves_the_table_as_it_was() -> None:
    before = table("flights").copy()
    partition = Partition(month=2, origin="JFK")
    cleaned = delays.clean_flights(flights_of(partition))
    assert len(cleaned) == len(flights_of(partition))
    assert not cleaned.isna().any().any()
    assert_frame_equal(table("flights"), before)


@pytest.mark.parametrize("grouping", list(delays.GROUPINGS))
def test_a_whole_year_in_partitions_equals_the_year_at_once(grouping: str) -> None:
    parts = [
        delays.count_delays(delays.clean_flights(flights_of(partition)), grouping, 15)
        for month in MONTHS
        for partition in partitions_of(month, "month")
    ]
    expected = delays_by(delays.GROUPINGS[grouping], MONTHS, 15)
    assert expected["flights"].sum() == 336_776
    assert_frame_equal(delays.delay_table(parts), expected, check_exact=True)


def test_a_flight_that_never_left_is_cancelled_and_not_late() -> None:
    flights = flights_of(Partition(month=2, origin="JFK"))
    cancelled = flights[flights["dep_time"].isna()]
    counted = delays.count_delays(delays.clean_flights(cancelled), "carrier", late_minutes=0)
    assert counted["cancelled"].sum() == len(cancelled) > 0
    assert counted[["late", "landed", "diverted", "arrival_minutes"]].sum().sum() == 0


def test_routes_flown_too_seldom_are_not_ranked() -> None:
    routes = pd.DataFrame(
        {"flights": [9, 10], "share_late": [0.9, 0.1], "arrival_delay": [50.0, 1.0]},
        index=pd.MultiIndex.from_tuples([("EWR", "BOS"), ("JFK", "LAX")], names=["origin", "dest"]),
    )
    ranked = delays.rank_routes(routes, minimum_flights=10)
    assert list(ranked["dest"]) == ["LAX"]
    assert list(ranked["name"]) == ["Los Angeles Intl"]


def test_every_split_names_columns_of_the_flights() -> None:
    for columns in SPLITS.values():
        assert set(columns) <= set(table("flights").columns)
