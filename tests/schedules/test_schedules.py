"""Schedules: several clocks, filters, adjustments, and the events that are waited for."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Any

import pendulum
import pytest

from prefectlite.schedules import Schedule, adjustments, filters
from prefectlite.schedules.clocks import CronClock, DatesClock, IntervalClock
from prefectlite.schedules.upcoming import upcoming

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = pendulum.datetime(2020, 5, 1)
DAILY = IntervalClock(DAY, START)


def days(found: list[Any]) -> list[str]:
    return [at.format("MM-DD") for at in found]


class TestNext:
    def test_so_many_after_a_moment(self) -> None:
        assert days(Schedule([DAILY]).next(3, after=START)) == ["05-02", "05-03", "05-04"]
        assert Schedule([DAILY]).next(0) == []
        assert Schedule([]).next(3) == []

    def test_fewer_if_there_are_no_more(self) -> None:
        assert len(Schedule([IntervalClock(DAY, START, START + 2 * DAY)]).next(9, START)) == 2

    def test_events_of_several_clocks(self) -> None:
        noon = IntervalClock(DAY, START + 12 * HOUR, parameter_defaults={"x": 1}, labels=["a"])
        found = Schedule([DAILY, noon]).next(3, after=START, return_events=True)
        assert [event.start_time.hour for event in found] == [12, 0, 12]
        assert [event.parameter_defaults for event in found] == [{"x": 1}, {}, {"x": 1}]
        assert found[0].labels == ["a"]

    def test_equal_events_are_one(self) -> None:
        assert days(Schedule([DAILY, DAILY]).next(2, after=START)) == ["05-02", "05-03"]

    def test_ends_although_filters_let_nothing_through(self) -> None:
        assert Schedule([DAILY], filters=[lambda at: False]).next(1) == []

    @pytest.mark.parametrize(("n", "error"), [(-1, ValueError), (1.5, TypeError), ("a", TypeError)])
    def test_number(self, n: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="number of events"):
            Schedule([DAILY]).next(n)

    def test_first_and_last_dates(self) -> None:
        clocks = [DAILY, IntervalClock(DAY, START - DAY, START), IntervalClock(DAY)]
        assert Schedule(clocks).start_date == START - DAY
        assert Schedule(clocks).end_date == START
        assert Schedule([]).start_date is None

    @pytest.mark.parametrize("clocks", [None, DAILY])
    def test_clocks_are_a_list(self, clocks: Any) -> None:
        with pytest.raises(TypeError, match="list of clocks"):
            Schedule(clocks)


class TestFilters:
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (filters.is_weekday, ["05-04", "05-05"]),
            (filters.is_weekend, ["05-02", "05-03"]),
            (filters.is_month_start, ["06-01", "07-01"]),
            (filters.is_month_end, ["05-31", "06-30"]),
            (filters.is_day_of_week(4), ["05-08", "05-15"]),
            (filters.on_date(12, 25), ["12-25", "12-25"]),
            (filters.on_datetime(pendulum.datetime(2020, 8, 1)), ["08-01"]),
            (filters.at_time(time(0)), ["05-02", "05-03"]),
            (filters.at_time(time(1)), []),
            (filters.between_times(time(23), time(1)), ["05-02", "05-03"]),
            (filters.between_times(time(1), time(23)), []),
            (filters.between_dates(12, 31, 1, 1), ["12-31", "01-01"]),
            (filters.between_dates(7, 4, 7, 4), ["07-04", "07-04"]),
            (
                filters.between_datetimes(
                    pendulum.datetime(2020, 9, 1), pendulum.datetime(2020, 9, 2)
                ),
                ["09-01", "09-02"],
            ),
        ],
    )
    def test_each(self, wanted: Callable[[datetime], bool], expected: list[str]) -> None:
        schedule = pickle.loads(pickle.dumps(Schedule([DAILY], filters=[wanted])))
        assert days(schedule.next(2, after=START)) == expected

    def test_all_one_none(self) -> None:
        schedule = Schedule(
            [DAILY],
            filters=[filters.is_weekday],
            or_filters=[filters.on_date(5, 5), filters.on_date(5, 6), filters.on_date(5, 7)],
            not_filters=[filters.on_date(5, 6)],
        )
        assert days(schedule.next(2, after=START)) == ["05-05", "05-07"]


class TestAdjustments:
    def test_next_weekday(self) -> None:
        assert adjustments.next_weekday(pendulum.datetime(2020, 5, 2, 9)).day == 4
        assert adjustments.next_weekday(pendulum.datetime(2020, 5, 3, 9)).day == 4
        assert adjustments.next_weekday(datetime(2020, 5, 8, 9)).day == 8

    def test_next_weekday_over_a_time_left_out(self) -> None:
        # clocks in St. John's were set from 0:01 to 1:01 on that Sunday
        saturday = pendulum.datetime(2009, 3, 7, 0, 56, tz="America/St_Johns")
        found = adjustments.next_weekday(saturday)
        assert found.isoformat() == "2009-03-09T01:56:00-02:30"

    def test_add_is_time_that_passes(self) -> None:
        eve = pendulum.datetime(2020, 3, 7, 12, tz="America/New_York")
        assert adjustments.add(DAY)(eve).isoformat() == "2020-03-08T13:00:00-04:00"

    def test_after_the_filters(self) -> None:
        schedule = Schedule(
            [DAILY], filters=[filters.is_month_start], adjustments=[adjustments.add(2 * HOUR)]
        )
        found = schedule.next(1, after=START)[0]
        assert (found.month, found.day, found.hour) == (6, 1, 2)


class TestUpcoming:
    def test_beyond_the_limits_of_next(self) -> None:
        schedule = Schedule([CronClock("* * * * *")], filters=[filters.on_date(6, 1)])
        assert schedule.next(1, after=START) == []
        assert days([event.start_time for event in islice(upcoming(schedule, START), 1)]) == [
            "06-01"
        ]

    def test_ends_although_filters_let_nothing_through(self) -> None:
        schedule = Schedule([IntervalClock(HOUR)], filters=[lambda at: False])
        assert list(upcoming(schedule, START)) == []

    @pytest.mark.parametrize("start", [(2020, 1, 7), (2020, 7, 7)])
    @pytest.mark.parametrize("after", [(2021, 1, 9, 8, 30), (2021, 7, 9, 8, 30)])
    def test_none_is_lost_or_twice_in_another_season(
        self, start: tuple[int, ...], after: tuple[int, ...]
    ) -> None:
        zone = "America/New_York"
        clock = IntervalClock(HOUR, pendulum.datetime(*start, 2, 30, tz=zone))
        since = pendulum.datetime(*after, tz=zone)
        found = [event.start_time for event in islice(upcoming(Schedule([clock]), since), 3)]
        assert found == [since + HOUR, since + 2 * HOUR, since + 3 * HOUR]

    def test_no_time_twice_where_clocks_are_set_forward(self) -> None:
        clock = IntervalClock(HOUR, pendulum.datetime(2019, 1, 7, tz="America/New_York"))
        since = pendulum.datetime(2020, 3, 8, 5)
        found = [event.start_time for event in islice(upcoming(Schedule([clock]), since), 5)]
        assert found == sorted(set(found))

    def test_adjusted_to_the_same_time_is_one(self) -> None:
        schedule = Schedule([DAILY], adjustments=[adjustments.next_weekday])
        found = [event.start_time for event in islice(upcoming(schedule, START), 3)]
        assert days(found) == ["05-04", "05-05", "05-06"]

    def test_adjusted_from_before_the_moment(self) -> None:
        schedule = Schedule([DAILY], adjustments=[adjustments.add(9 * HOUR)])
        found = next(upcoming(schedule, START + DAY + HOUR))
        assert found.start_time == START + DAY + 9 * HOUR

    def test_in_order_although_adjusted_out_of_it(self) -> None:
        saturday_noon, sunday_morning = START + DAY + 12 * HOUR, START + 2 * DAY + 8 * HOUR
        clock = DatesClock([saturday_noon, sunday_morning])
        schedule = Schedule([clock], adjustments=[adjustments.next_weekday])
        assert [event.start_time.hour for event in upcoming(schedule, START)] == [8, 12]

    def test_two_clocks_at_one_time_are_two_events(self) -> None:
        clocks = [DatesClock([START + DAY], parameter_defaults={"x": x}) for x in (1, 2)]
        assert len(list(upcoming(Schedule(list(clocks)), START))) == 2

    def test_not_a_schedule(self) -> None:
        with pytest.raises(TypeError, match="must be a prefectlite"):
            next(upcoming("0 0 * * *", START))


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    script = (
        "import sys, prefectlite, prefectlite.schedules, prefectlite.schedules.filters\n"
        "print([m for m in ('pendulum', 'croniter', 'dateutil') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
