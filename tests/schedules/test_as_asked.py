"""Times of cron lines and rules are those that croniter and dateutil give, asked one by one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from croniter import croniter
from dateutil import rrule

from prefectlite.schedules.clocks import CronClock, IntervalClock, RRuleClock

ZONES = [
    "UTC",
    "America/New_York",
    "America/Havana",  # clocks are set forward at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # and once by a day
    "Africa/Casablanca",  # back for a month
]


def asked_of_croniter(line: str, day_or: bool, start: Any, n: int) -> list[str]:
    zone = ZoneInfo(start.timezone_name)
    # clocks show times of the gap as later ones, and of times shown twice the second one counts
    begin = datetime(*start.timetuple()[:6], tzinfo=zone) - timedelta(microseconds=1)
    asked = croniter(line, begin, day_or=day_or)
    found: list[datetime] = []
    while len(found) < n:
        at = asked.get_next(datetime).replace(fold=1)
        if not found or at.astimezone(timezone.utc) > found[-1].astimezone(timezone.utc):
            found.append(at)
    return [at.isoformat() for at in found]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "line",
    [
        "30 2 * * *",
        "*/20 0-3 * * sun",
        "0,30 * * 3 *",
        "15 2 * 3,10 sun",
        "59 23 L * *",
        "0 0 15W * *",
        "0 2 1W 1-4 *",
        "0 2 31W * sat",
        "0 0 * * sun#2",
        "30 1 * * sun#1,L0",
        "0 0 1,15 * mon#1",
        "0 0 29-31 * 6",
        "0 0 30 12 *",
        "30 2 * 3 * */15",
    ],
)
def test_cron_lines(line: str, zone: str) -> None:
    start = pendulum.datetime(2009, 12, 28, tz=zone)
    for day_or in (True, False):
        try:
            expected = asked_of_croniter(line, day_or, start, 60)
        except ValueError:
            with pytest.raises(ValueError, match="has no event"):
                list(CronClock(line, start, day_or=day_or).events(start.subtract(days=9)))
            continue
        events = CronClock(line, start, day_or=day_or).events(start.subtract(days=9))
        assert [event.start_time.isoformat() for event in islice(events, 60)] == expected


def test_cron_lines_with_years() -> None:
    start = pendulum.datetime(2024, 1, 1)
    events = CronClock("0 0 1 1,7 * 0 2024,2026", start).all_events(start.subtract(days=1))
    assert [event.start_time.date().isoformat() for event in islice(events, 4)] == [
        "2024-01-01",
        "2024-07-01",
        "2026-01-01",
        "2026-07-01",
    ]


RULES: list[dict[str, Any]] = [
    {"freq": rrule.YEARLY},
    {"freq": rrule.YEARLY, "interval": 3, "bymonth": 2, "bymonthday": 29},
    {"freq": rrule.YEARLY, "byweekday": rrule.SU(20), "byhour": (1, 2)},
    {"freq": rrule.YEARLY, "byweekno": (1, 53), "byweekday": 0, "wkst": 6},
    {"freq": rrule.YEARLY, "byyearday": (60, -1), "until": datetime(2033, 1, 1)},
    {"freq": rrule.YEARLY, "byeaster": (-2, 39)},
    {"freq": rrule.YEARLY, "byweekday": range(5), "bysetpos": (1, -1)},
    {"freq": rrule.MONTHLY, "interval": 5, "byweekday": rrule.FR(-1)},
    {"freq": rrule.MONTHLY, "byweekday": rrule.FR, "bymonthday": 13},
    {"freq": rrule.MONTHLY, "byweekday": range(5), "bysetpos": -1},
    {"freq": rrule.MONTHLY, "bymonthday": (31, -3), "count": 70},
    {"freq": rrule.WEEKLY, "interval": 2, "byweekday": (1, 6), "wkst": 6},
    {"freq": rrule.WEEKLY, "count": 300},
    {"freq": rrule.DAILY, "bymonth": 1},
    {"freq": rrule.DAILY, "byweekday": range(5), "count": 700},
    {"freq": rrule.HOURLY, "bymonth": (3, 11), "byweekday": 6},
    {"freq": rrule.HOURLY, "count": 20_000},
    {"freq": rrule.MINUTELY, "byhour": (1, 2), "byminute": 30},
    {"freq": rrule.MINUTELY, "interval": 45, "byhour": (1, 2)},
    {"freq": rrule.SECONDLY, "interval": 1800},
]


@pytest.mark.parametrize("rule", RULES, ids=[str(n) for n in range(len(RULES))])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_rules(rule: dict[str, Any], zone: str | None) -> None:
    zoneinfo = None if zone is None else ZoneInfo(zone)
    if rule.get("until") is not None and zone is not None:
        rule = rule | {"until": rule["until"].replace(tzinfo=timezone.utc)}
    made = rrule.rrule(dtstart=datetime(2021, 1, 31, 1, 30, tzinfo=zoneinfo), **rule)
    after = datetime(2022, 3, 13, 4, tzinfo=zoneinfo)
    expected = [
        at.replace(tzinfo=zoneinfo or timezone.utc) for at in islice(made.xafter(after), 60)
    ]
    found = [event.start_time for event in islice(RRuleClock(made).events(after), 60)]
    # not compared as dates: one that is shown twice equals none of another zone
    assert [at.isoformat() for at in found] == [at.isoformat() for at in expected]


def test_sets_of_rules() -> None:
    begin = datetime(2001, 1, 1, 9)
    rules = rrule.rruleset()
    rules.rrule(rrule.rrule(rrule.DAILY, dtstart=begin))
    rules.exrule(rrule.rrule(rrule.WEEKLY, interval=2, byweekday=(0, 3), dtstart=begin))
    rules.rdate(datetime(2024, 1, 2, 10))
    rules.exdate(datetime(2024, 1, 3, 9))
    after = datetime(2024, 1, 1)
    found = [event.start_time.naive() for event in islice(RRuleClock(rules).events(after), 30)]
    assert found == list(islice(rules.xafter(after), 30))


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "Pacific/Apia"])
def test_intervals_about_a_change_of_the_clocks(zone: str) -> None:
    start = pendulum.datetime(2010, 12, 20, 0, 15, tz=zone)
    clock = IntervalClock(timedelta(minutes=30), start)
    every = [event.start_time for event in islice(clock.events(start.subtract(days=1)), 20_000)]
    # From whichever of them one goes on, the same ones follow. Where clocks have been set back
    # since the start the first ones are missing, and the other way round it is itself the first.
    for number in range(100, 19_000, 397):
        later = [event.start_time for event in islice(clock.events(every[number]), 50)]
        behind = every.index(later[0])
        assert number <= behind <= number + 3
        assert later == every[behind : behind + 50]
