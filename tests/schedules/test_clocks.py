"""Clocks: which events they give, and what they refuse."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from dateutil import rrule

from prefectlite.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefectlite.schedules.clocks import (
    Clock,
    ClockEvent,
    CronClock,
    DatesClock,
    IntervalClock,
    RRuleClock,
)

NEW_YORK = "America/New_York"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = pendulum.datetime(2020, 1, 1)


def times(clock: Clock, after: Any, n: int = 3) -> list[str]:
    return [event.start_time.isoformat() for event in islice(clock.events(after), n)]


class TestEvents:
    def test_equal_in_everything(self) -> None:
        assert ClockEvent(START) == ClockEvent(START, {})
        assert ClockEvent(START) == START
        assert ClockEvent(START) != ClockEvent(START, {"x": 1})
        assert ClockEvent(START) != ClockEvent(START, labels=["a"])
        assert ClockEvent(START) != 5

    def test_ordered_by_time_alone(self) -> None:
        later = ClockEvent(START + HOUR, {"x": 1})
        assert ClockEvent(START) < later
        assert later > ClockEvent(START)
        assert later > START
        assert ClockEvent(START) < START + HOUR
        assert not ClockEvent(START) < ClockEvent(START, {"x": 1})

    def test_not_comparable_with_anything_else(self) -> None:
        with pytest.raises(TypeError):
            assert ClockEvent(START) < 5  # type: ignore[operator]
        with pytest.raises(TypeError):
            hash(ClockEvent(START))


class TestClock:
    def test_naive_dates_are_utc(self) -> None:
        clock = Clock(datetime(2020, 1, 1), datetime(2020, 1, 2))
        assert clock.start_date == START
        assert clock.end_date == START + DAY
        # pendulum has naive dates of its own class
        assert Clock(START.naive()).start_date == START

    @pytest.mark.parametrize("value", ["2020-01-01", date(2020, 1, 1), 5])
    def test_dates_must_have_a_time(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"start_date must be a datetime"):
            Clock(start_date=value)

    def test_has_no_events_by_itself(self) -> None:
        with pytest.raises(NotImplementedError):
            Clock().events()


class TestIntervals:
    def test_from_the_start_date_on(self) -> None:
        clock = IntervalClock(HOUR, START)
        assert times(clock, START - DAY, 2) == [
            "2020-01-01T00:00:00+00:00",
            "2020-01-01T01:00:00+00:00",
        ]
        assert times(clock, START, 1) == ["2020-01-01T01:00:00+00:00"]
        assert times(clock, datetime(2020, 1, 31), 1) == ["2020-01-31T01:00:00+00:00"]

    def test_counted_from_2019_without_a_start(self) -> None:
        assert times(IntervalClock(timedelta(days=97)), START, 1) == ["2020-01-24T00:00:00+00:00"]

    def test_up_to_the_end_date(self) -> None:
        clock = IntervalClock(HOUR, START, START + 2 * HOUR)
        assert len(times(clock, START - DAY, 9)) == 3
        assert times(clock, START + 2 * HOUR) == []

    def test_days_keep_the_time_of_day(self) -> None:
        clock = IntervalClock(DAY, pendulum.datetime(2020, 3, 7, 2, 30, tz=NEW_YORK))
        assert times(clock, pendulum.datetime(2020, 3, 7, 12), 3) == [
            "2020-03-08T03:30:00-04:00",
            "2020-03-09T02:30:00-04:00",
            "2020-03-10T02:30:00-04:00",
        ]

    def test_a_time_shown_twice_is_the_later_one(self) -> None:
        clock = IntervalClock(DAY, pendulum.datetime(2020, 10, 31, 1, 30, tz=NEW_YORK))
        assert times(clock, pendulum.datetime(2020, 10, 31, 12), 1) == ["2020-11-01T01:30:00-05:00"]

    def test_hours_of_the_first_day_are_time_that_passes(self) -> None:
        clock = IntervalClock(6 * HOUR, pendulum.datetime(2020, 3, 7, 20, tz=NEW_YORK))
        assert times(clock, pendulum.datetime(2020, 3, 8, 5, 30), 4) == [
            "2020-03-08T03:00:00-04:00",
            "2020-03-08T09:00:00-04:00",
            "2020-03-08T15:00:00-04:00",
            "2020-03-08T20:00:00-04:00",
        ]

    def test_zones_of_the_standard_library(self) -> None:
        clock = IntervalClock(DAY, datetime(2020, 3, 7, 2, 30, tzinfo=ZoneInfo(NEW_YORK)))
        assert times(clock, pendulum.datetime(2020, 3, 8, 12), 1) == ["2020-03-09T02:30:00-04:00"]
        fixed = IntervalClock(DAY, datetime(2020, 3, 7, 2, tzinfo=timezone(timedelta(hours=-5))))
        assert times(fixed, pendulum.datetime(2020, 3, 8, 12), 1) == ["2020-03-09T02:00:00-05:00"]

    def test_ends_before_the_year_10000(self) -> None:
        clock = IntervalClock(timedelta(days=1000), START)
        assert len(list(clock.events(START))) == 2914

    @pytest.mark.parametrize("interval", [timedelta(0), -HOUR])
    def test_must_be_longer_than_nothing(self, interval: timedelta) -> None:
        with pytest.raises(ValueError, match="greater than 0"):
            IntervalClock(interval)

    @pytest.mark.parametrize("interval", [60, "1h", None])
    def test_must_be_a_timedelta(self, interval: Any) -> None:
        with pytest.raises(TypeError, match="must be a timedelta"):
            IntervalClock(interval)

    def test_refuses_a_moment_that_is_none(self) -> None:
        with pytest.raises(ValueError, match="`after`"):
            IntervalClock(HOUR).events("2020-01-01")  # type: ignore[arg-type]


class TestCron:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("0 0 * * *", "2020-01-02T00:00:00+00:00"),
            ("*/20 * * * *", "2020-01-01T00:20:00+00:00"),
            ("0 0 L * *", "2020-01-31T00:00:00+00:00"),
            ("0 0 * * 5#2", "2020-01-10T00:00:00+00:00"),
            ("0 0 * * L5", "2020-01-31T00:00:00+00:00"),
            ("0 0 29 2 *", "2020-02-29T00:00:00+00:00"),
            ("0 12 * * mon-fri", "2020-01-01T12:00:00+00:00"),
            ("0 0 15W * *", "2020-01-15T00:00:00+00:00"),
            ("@monthly", "2020-02-01T00:00:00+00:00"),
            ("* * * * * */20", "2020-01-01T00:00:20+00:00"),
        ],
    )
    def test_next_time(self, line: str, expected: str) -> None:
        assert times(CronClock(line, START), START, 1) == [expected]

    def test_the_start_date_can_be_an_event(self) -> None:
        assert times(CronClock("0 0 * * *", START), START - DAY, 1) == ["2020-01-01T00:00:00+00:00"]

    def test_either_day_or_both(self) -> None:
        either = CronClock("0 0 1 * 1", START)
        both = CronClock("0 0 1 * 1", START, day_or=False)
        assert times(either, START, 2) == ["2020-01-06T00:00:00+00:00", "2020-01-13T00:00:00+00:00"]
        assert times(both, START, 1) == ["2020-06-01T00:00:00+00:00"]

    def test_when_clocks_are_set_forward(self) -> None:
        start = pendulum.datetime(2020, 3, 1, tz=NEW_YORK)
        after = pendulum.datetime(2020, 3, 8, 4, 30)
        assert times(CronClock("30 2 * * *", start), after, 2) == [
            "2020-03-08T03:00:00-04:00",
            "2020-03-09T02:30:00-04:00",
        ]
        assert times(CronClock("0 * * * *", start), after, 4) == [
            "2020-03-08T00:00:00-05:00",
            "2020-03-08T01:00:00-05:00",
            "2020-03-08T03:00:00-04:00",
            "2020-03-08T04:00:00-04:00",
        ]

    def test_when_clocks_are_set_back(self) -> None:
        start = pendulum.datetime(2020, 3, 1, tz=NEW_YORK)
        assert times(CronClock("30 1 * * *", start), pendulum.datetime(2020, 11, 1, 3, 30), 2) == [
            "2020-11-01T01:30:00-05:00",
            "2020-11-02T01:30:00-05:00",
        ]

    def test_a_thousand_at_once_and_all(self) -> None:
        clock = CronClock("* * * * *", START)
        assert len(list(clock.events(START))) == 1000
        assert len(list(islice(clock.all_events(START), 2000))) == 2000

    @pytest.mark.parametrize(
        "line", ["", "bad", "* * * *", "60 * * * *", "0 25 * * *", "@reboot", "0 0 * * 5#6"]
    )
    def test_bad_line(self, line: str) -> None:
        with pytest.raises(ValueError, match="Invalid cron string"):
            CronClock(line)

    def test_not_a_line(self) -> None:
        with pytest.raises(TypeError, match="must be a string"):
            CronClock(None)  # type: ignore[arg-type]

    def test_a_day_that_never_comes(self) -> None:
        with pytest.raises(ValueError, match=r"'0 0 31 2 \*' has no event"):
            CronSchedule("0 0 31 2 *").next(1)


class TestRules:
    def test_naive_rules_are_utc(self) -> None:
        rule = rrule.rrule(rrule.DAILY, dtstart=datetime(2000, 1, 1, 9))
        assert times(RRuleClock(rule), START, 1) == ["2020-01-01T09:00:00+00:00"]
        assert times(RRuleClock(rule, START, START + DAY), START - DAY, 5) == [
            "2020-01-01T09:00:00+00:00"
        ]

    def test_rules_in_a_zone(self) -> None:
        begin = pendulum.datetime(2000, 1, 1, 2, 30, tz=NEW_YORK)
        clock = RRuleClock(rrule.rrule(rrule.DAILY, dtstart=begin))
        assert times(clock, pendulum.datetime(2020, 3, 7, 12), 2) == [
            "2020-03-08T03:30:00-04:00",
            "2020-03-09T02:30:00-04:00",
        ]

    def test_counted_rules_end(self) -> None:
        rule = rrule.rrule(rrule.HOURLY, count=5, dtstart=datetime(2020, 1, 1))
        assert len(list(RRuleClock(rule).events(START + HOUR))) == 3

    @pytest.mark.parametrize("frequency", [rrule.WEEKLY, rrule.DAILY, rrule.HOURLY])
    @pytest.mark.parametrize("interval", [1, 3, 7])
    def test_a_later_beginning_changes_nothing(self, frequency: int, interval: int) -> None:
        rule = rrule.rrule(
            frequency, interval=interval, byweekday=(0, 2, 6), dtstart=datetime(2019, 2, 5, 3, 7)
        )
        after = datetime(2020, 6, 1)
        expected = [at.isoformat() + "+00:00" for at in islice(rule.xafter(after), 50)]
        assert times(RRuleClock(rule), after, 50) == expected

    def test_a_set_of_rules(self) -> None:
        rules = rrule.rruleset()
        rules.rrule(rrule.rrule(rrule.DAILY, dtstart=datetime(2020, 1, 1)))
        rules.exdate(datetime(2020, 1, 2))
        assert times(RRuleClock(rules), START, 1) == ["2020-01-03T00:00:00+00:00"]

    def test_a_text_is_no_rule(self) -> None:
        with pytest.raises(TypeError, match="rrulestr"):
            RRuleClock("FREQ=DAILY")  # type: ignore[arg-type]


class TestDates:
    def test_in_order(self) -> None:
        clock = DatesClock([START + DAY, START, datetime(2020, 1, 3)])
        assert times(clock, START - DAY, 9) == [
            "2020-01-01T00:00:00+00:00",
            "2020-01-02T00:00:00+00:00",
            "2020-01-03T00:00:00+00:00",
        ]
        assert (clock.start_date, clock.end_date) == (START, START + 2 * DAY)

    def test_at_least_one(self) -> None:
        with pytest.raises(ValueError, match="at least one date"):
            DatesClock([])


@pytest.mark.parametrize(
    "schedule",
    [
        IntervalSchedule(pendulum.datetime(2020, 1, 1, tz=NEW_YORK), HOUR),
        CronSchedule("0 12 * * *", pendulum.datetime(2020, 1, 1, tz=NEW_YORK)),
        RRuleSchedule(rrule.rrule(rrule.DAILY, dtstart=datetime(2020, 1, 1))),
    ],
    ids=["interval", "cron", "rule"],
)
def test_schedules_pickle(schedule: Any) -> None:
    again = pickle.loads(pickle.dumps(schedule))
    assert again.next(5, after=START) == schedule.next(5, after=START)
