"""Random schedules over twenty time zones, and ten years of their events.

Runs unchanged on both sides. Events are kept as a number and a digest, so that a difference tells
which schedule to look at: `python -m compat --case ten_years --verbose`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from typing import Any

from dateutil import rrule

ZONES = [
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Moscow",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Asia/Beirut",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]
# One question asks for so many, which is less than a line of cron gives at once.
AT_ONCE = 900
# An interval of twenty minutes has 262,980 events in ten years.
MOST_EVENTS = 5_000


def events_of(p: Any, number: int) -> list[Any]:
    """Ten years of events of one schedule: what it is, how many, and their digest."""
    import pendulum

    chance = random.Random(number)
    clocks = [_clock(p, chance) for _ in range(chance.choice([1, 1, 1, 2, 3]))]
    schedule = _schedule(p, chance, [clock for _, clock in clocks])
    # all of it before 2020: databases of time zones agree on what is long past
    after = pendulum.datetime(2009, 1, 1).add(days=chance.choice([0, chance.randint(0, 360)]))
    stop = after.add(years=10)
    digest, count = hashlib.sha256(), 0
    while count < MOST_EVENTS:
        found = schedule.next(AT_ONCE, after=after, return_events=True)
        for event in found:
            at = event.start_time
            if at <= stop:
                line = [at.timestamp(), str(at.utcoffset()), event.parameter_defaults, event.labels]
                digest.update(repr(line).encode())
                count += 1
        if not found or found[-1].start_time > stop:
            break
        after = found[-1].start_time
    return [[kind for kind, _ in clocks], count, digest.hexdigest()[:16]]


def _schedule(p: Any, chance: random.Random, clocks: list[Any]) -> Any:
    filters, adjustments = p.module("schedules.filters"), p.module("schedules.adjustments")
    known = [
        filters.is_weekday,
        filters.is_weekend,
        filters.is_month_start,
        filters.is_month_end,
        filters.is_day_of_week(2),
        filters.between_times(dt.time(8), dt.time(17)),
        filters.between_times(dt.time(22), dt.time(3)),
        filters.between_dates(11, 1, 2, 28),
    ]
    moves = [
        adjustments.next_weekday,
        adjustments.add(dt.timedelta(hours=5)),
        adjustments.add(dt.timedelta(days=1)),
        adjustments.add(dt.timedelta(minutes=-90)),
    ]
    return p.module("schedules").Schedule(
        clocks,
        filters=chance.sample(known, chance.choice([0, 0, 0, 1])),
        or_filters=chance.sample(known, chance.choice([0, 0, 0, 2])),
        not_filters=chance.sample(known, chance.choice([0, 0, 0, 1])),
        adjustments=chance.sample(moves, chance.choice([0, 0, 0, 1, 2])),
    )


def _clock(p: Any, chance: random.Random) -> tuple[str, Any]:
    import pendulum

    clocks = p.module("schedules.clocks")
    zone = chance.choice(ZONES)
    start = pendulum.datetime(
        chance.randint(2006, 2008),
        chance.randint(1, 12),
        chance.randint(1, 28),
        chance.randint(0, 23),
        chance.choice([0, 0, 15, 30]),
        tz=zone,
    )
    common: dict[str, Any] = {
        "parameter_defaults": chance.choice([None, {"x": chance.randint(0, 3)}]),
        "labels": chance.choice([None, None, ["label"]]),
    }
    kind = chance.choice(["interval", "interval", "cron", "cron", "rule", "dates"])
    if kind == "interval":
        every = _interval(chance)
        return f"{zone} {every}", clocks.IntervalClock(every, start, **common)
    if kind == "cron":
        line, day_or = _cron_line(chance), chance.choice([None, True, False])
        clock = clocks.CronClock(line, start, day_or=day_or, **common)
        return f"{zone} {line} {day_or}", clock
    if kind == "rule":
        rule = _rule(chance, start)
        begin = chance.choice([None, start])
        return f"{zone} {rule}", clocks.RRuleClock(rule, begin, **common)
    dates = [
        start.add(days=chance.randint(0, 3000), hours=chance.randint(0, 23))
        for _ in range(chance.randint(1, 50))
    ]
    return f"{zone} {len(dates)} dates", clocks.DatesClock(dates, **common)


def _interval(chance: random.Random) -> dt.timedelta:
    return chance.choice(
        [
            dt.timedelta(hours=chance.randint(1, 30)),
            dt.timedelta(days=chance.randint(1, 9)),
            dt.timedelta(minutes=chance.randint(20, 400)),
            dt.timedelta(days=chance.randint(0, 3), hours=chance.randint(1, 23)),
            dt.timedelta(seconds=chance.randint(3000, 100_000)),
        ]
    )


def _cron_line(chance: random.Random) -> str:
    # Not more than two an hour: of three Prefect loses one where clocks are set back, and with four
    # it never returns.
    minute = chance.choice([str(chance.randint(0, 59)), "*/30", "5,50", "0,30", "17,43"])
    month = chance.choice(["*", "*", "*", _field(chance, 1, 12)])
    weekday = chance.choice(["*", "*", "*", "0", "1-5", "mon", "sat,sun", "7", "5#2", "L5"])
    day = chance.choice(["*", "*", "1", "15", "1-7", "L", _field(chance, 1, 28)])
    if "#" in weekday or "L" in weekday:
        day = "*"
    return f"{minute} {_field(chance, 0, 23)} {day} {month} {weekday}"


def _field(chance: random.Random, low: int, high: int) -> str:
    begin = chance.randint(low, high - 1)
    return chance.choice(
        [
            "*",
            f"*/{chance.choice([2, 3, 5, 7])}",
            str(begin),
            f"{begin}-{chance.randint(begin + 1, high)}",
            ",".join(str(value) for value in sorted(chance.sample(range(low, high + 1), 3))),
        ]
    )


def _rule(chance: random.Random, start: Any) -> rrule.rrule:
    import pendulum

    zone = chance.choice([None, pendulum.timezone(start.timezone_name)])
    begin = dt.datetime(*start.timetuple()[:5], tzinfo=zone)
    frequency = chance.choice(
        [rrule.HOURLY, rrule.DAILY, rrule.WEEKLY, rrule.MONTHLY, rrule.YEARLY]
    )
    more: dict[str, Any] = {"interval": chance.choice([1, 1, 2, 3])}
    if frequency == rrule.HOURLY:
        more["interval"] = chance.randint(2, 9)
    if chance.random() < 0.4:
        more["byweekday"] = chance.sample(range(7), chance.randint(1, 3))
    if chance.random() < 0.2:
        more["bymonth"] = chance.sample(range(1, 13), 3)
    if chance.random() < 0.1:
        more["count"] = 500
    return rrule.rrule(frequency, dtstart=begin, **more)
