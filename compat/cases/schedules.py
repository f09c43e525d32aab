"""Clocks, schedules, filters and adjustments: what they accept, and the events they give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from dateutil import rrule

from compat.harness import case, raised_type

NEW_YORK = "America/New_York"
# Prefect takes up to ten seconds for ten years of one schedule, and a case must not take sixty.
EACH = 2


def moment(*parts: int, tz: str = "UTC") -> Any:
    import pendulum

    return pendulum.datetime(*parts, tz=tz)


def described(events: Any) -> list[Any]:
    return [
        [_shown(e.start_time), e.parameter_defaults, e.labels]
        if hasattr(e, "start_time")
        else _shown(e)
        for e in events
    ]


def _shown(at: Any) -> str:
    # not as ISO 8601, which is taken out of observations
    return str(at.strftime("%Y-%m-%d at %H:%M:%S.%f %z"))


def first(clock: Any, after: Any, n: int = 6) -> list[Any]:
    found = []
    for event in clock.events(after=after):
        found.append(event)
        if len(found) == n:
            break
    return described(found)


@case
def events_as_values(p: Any) -> Any:
    event = p.module("schedules.clocks").ClockEvent
    a, b = moment(2020, 1, 1), moment(2020, 1, 2)
    return [
        event(a) == event(a),
        event(a) == event(a, {"x": 1}),
        event(a) == event(a, labels=["x"]),
        event(a, labels=["x", "y"]) == event(a, labels=["y", "x"]),
        event(a) == a,
        event(a) == 5,
        event(a) < event(b),
        event(a) > event(b),
        event(a) < event(a, {"x": 1}),
        event(a) < b,
        event(b) > a,
        raised_type(lambda: hash(event(a))),
        event(a).parameter_defaults,
        event(a).labels,
    ]


@case
def bad_input(p: Any) -> Any:
    clocks = p.module("schedules.clocks")
    schedules = p.module("schedules")
    hour = dt.timedelta(hours=1)
    return [
        raised_type(lambda: clocks.Clock().events()),
        raised_type(lambda: clocks.Clock(start_date="2020-01-01")),
        raised_type(lambda: clocks.Clock(end_date=dt.date(2020, 1, 1))),
        raised_type(lambda: clocks.IntervalClock(dt.timedelta(0))),
        raised_type(lambda: clocks.IntervalClock(-hour)),
        raised_type(lambda: clocks.IntervalClock(60)),
        raised_type(lambda: schedules.IntervalSchedule()),
        raised_type(lambda: clocks.CronClock("bad")),
        raised_type(lambda: clocks.CronClock("* * * *")),
        raised_type(lambda: clocks.CronClock("60 * * * *")),
        raised_type(lambda: schedules.CronSchedule("")),
        raised_type(lambda: clocks.RRuleClock("FREQ=DAILY")),
        raised_type(lambda: clocks.DatesClock([])),
        raised_type(lambda: clocks.DatesClock(None)),
        raised_type(lambda: schedules.Schedule(None)),
        raised_type(lambda: schedules.Schedule(clocks.IntervalClock(hour))),
    ]


@case
def dates_of_a_schedule(p: Any) -> Any:
    clocks = p.module("schedules.clocks")
    schedule = p.module("schedules").Schedule
    day = dt.timedelta(days=1)
    several = [
        clocks.IntervalClock(day, moment(2020, 1, 1)),
        clocks.IntervalClock(day, moment(2019, 1, 1), moment(2022, 1, 1)),
        clocks.IntervalClock(day, None, moment(2023, 1, 1)),
    ]
    return [
        described([schedule(several).start_date, schedule(several).end_date]),
        [schedule([several[2]]).start_date, schedule([several[0]]).end_date],
        [schedule([]).start_date, schedule([]).end_date, schedule([]).next(3)],
    ]


@case
def intervals_over_changes_of_the_clocks(p: Any) -> Any:
    clock = p.module("schedules.clocks").IntervalClock
    found = []
    for hours in (0.5, 1, 2, 6, 23, 24, 25, 48):
        every = dt.timedelta(hours=hours)
        for start in ((2020, 3, 7, 20), (2020, 3, 7, 2, 30), (2020, 10, 31, 1, 30), (2020, 1, 7)):
            begin = moment(*start, tz=NEW_YORK)
            for after in ((2020, 3, 8, 4), (2020, 11, 1, 4), (2021, 7, 9, 12, 30)):
                found.append(first(clock(every, begin), moment(*after)))
    return found


@case
def cron_over_changes_of_the_clocks(p: Any) -> Any:
    clock = p.module("schedules.clocks").CronClock
    found = []
    for line in ("0 0 * * *", "30 2 * * *", "0 * * * *", "*/20 2 * * *", "30 1,2,3 * * *"):
        for zone in (NEW_YORK, "Europe/London", "Australia/Lord_Howe"):
            begin = moment(2020, 1, 1, tz=zone)
            for after in ((2020, 3, 8, 4), (2020, 3, 28, 23), (2020, 4, 4, 12), (2020, 11, 1, 4)):
                found.append(first(clock(line, begin), moment(*after)))
    return found


@case
def either_day_or_both(p: Any) -> Any:
    clock = p.module("schedules.clocks").CronClock
    begin = moment(2020, 1, 1)
    lines = ("0 0 1 * 1", "0 0 1-7 * 1", "0 0 13 * fri", "0 0 L * *", "0 0 * * sat#1", "@weekly")
    return [
        [line, day_or, first(clock(line, begin, day_or=day_or), begin)]
        for line in lines
        for day_or in (None, True, False)
    ]


@case
def rules(p: Any) -> Any:
    clock = p.module("schedules.clocks").RRuleClock
    plain = dt.datetime(2020, 1, 1, 9)
    several = rrule.rruleset()
    several.rrule(rrule.rrule(rrule.DAILY, dtstart=plain))
    several.exdate(dt.datetime(2020, 1, 6, 9))
    given = [
        rrule.rrule(rrule.DAILY, dtstart=plain),
        rrule.rrule(rrule.DAILY, dtstart=plain, count=7),
        rrule.rrule(rrule.WEEKLY, dtstart=plain, interval=2, byweekday=(0, 3)),
        rrule.rrule(rrule.MONTHLY, dtstart=plain, bysetpos=-1, byweekday=(0, 1, 2, 3, 4)),
        rrule.rrule(rrule.HOURLY, dtstart=moment(2020, 1, 1, 2, 30, tz=NEW_YORK), interval=5),
        several,
    ]
    return [
        [first(clock(rule), after), first(clock(rule, moment(2020, 2, 1, tz=NEW_YORK)), after)]
        for rule in given
        for after in (moment(2020, 1, 5), moment(2020, 3, 8, 5))
    ]


@case
def filters_and_adjustments(p: Any) -> Any:
    filters, adjustments = p.module("schedules.filters"), p.module("schedules.adjustments")
    schedule = p.module("schedules").Schedule
    clock = p.module("schedules.clocks").IntervalClock(dt.timedelta(hours=3), moment(2020, 1, 1))
    wanted = [
        filters.is_weekday,
        filters.is_weekend,
        filters.is_month_start,
        filters.is_month_end,
        filters.is_day_of_week(2),
        filters.on_date(2, 29),
        filters.at_time(dt.time(9)),
        filters.on_datetime(moment(2020, 5, 5, 12)),
        filters.between_times(dt.time(6), dt.time(12)),
        filters.between_times(dt.time(21), dt.time(3)),
        filters.between_dates(2, 27, 3, 1),
        filters.between_dates(12, 30, 1, 2),
        filters.between_datetimes(moment(2020, 6, 1), moment(2020, 6, 1, 9)),
    ]
    moved = [
        [adjustments.next_weekday],
        [adjustments.add(dt.timedelta(hours=3))],
        [adjustments.add(dt.timedelta(days=-1)), adjustments.next_weekday],
    ]
    after = moment(2020, 2, 27)
    return [
        [described(schedule([clock], filters=[f]).next(9, after)) for f in wanted],
        [described(schedule([clock], not_filters=[f]).next(9, after)) for f in wanted],
        described(schedule([clock], or_filters=wanted[1:4]).next(20, after)),
        [described(schedule([clock], adjustments=a).next(9, after)) for a in moved],
    ]


@case
def several_clocks_at_one_time(p: Any) -> Any:
    clock = p.module("schedules.clocks").IntervalClock
    schedule = p.module("schedules").Schedule
    begin = moment(2020, 1, 1)
    clocks = [
        clock(dt.timedelta(hours=hours), begin, parameter_defaults={"hours": hours})
        for hours in (3, 2, 4, 6, 8, 12, 1, 2)
    ]
    return [
        described(schedule(clocks).next(60, begin, return_events=True)),
        described(schedule([clocks[0], clocks[0]]).next(5, begin)),
        len(schedule([clock(dt.timedelta(minutes=1), begin)]).next(20_000, begin)),
    ]


@case(
    differs="A run of its own has an id of its own, and no event is lost: of two at one time both "
    "run (Prefect runs one of them)."
)
def two_events_at_one_time_run(p: Any, run: Any) -> Any:
    import pendulum

    clock = p.module("schedules.clocks").DatesClock
    soon = pendulum.now("UTC").add(seconds=1)
    clocks = [clock([soon], parameter_defaults={"x": x}) for x in (1, 2)]
    with p.Flow("f", schedule=p.module("schedules").Schedule(clocks)) as flow:
        p.task(lambda x: run.note(x), name="note")(p.Parameter("x", default=0))
    run.state(flow)
    return run.sorted_notes()


@case
def a_run_follows_the_schedule(p: Any, run: Any) -> Any:
    import pendulum

    clock = p.module("schedules.clocks").DatesClock
    soon = pendulum.now("UTC").add(seconds=1)
    # an event that comes while a run goes on is left out; a run on Dask may take a second
    dates = [soon, soon.add(seconds=3)]
    schedule = p.module("schedules").Schedule([clock(dates, parameter_defaults={"x": 5})])

    def note(x: int) -> None:
        due = p.context.scheduled_start_time
        run.note([x, dates.index(due), type(due).__name__])

    with p.Flow("f", schedule=schedule, state_handlers=[run.handler]) as flow:
        p.task(note, name="note")(p.Parameter("x", default=0))
    return [run(flow), run.notes]


@case
def a_schedule_that_is_over(p: Any, run: Any) -> Any:
    clock = p.module("schedules.clocks").DatesClock([moment(2020, 1, 1)])
    with p.Flow("f", schedule=p.module("schedules").Schedule([clock])) as flow:
        p.task(lambda: 1, name="a")()
    return [raised_type(lambda: run.state(flow)), run(flow, run_on_schedule=False)]


def _ten_years(part: int) -> Callable[..., Any]:
    def events(p: Any) -> Any:
        from compat.random_schedules import events_of

        return [events_of(p, part * EACH + number) for number in range(EACH)]

    events.__name__ = f"ten_years_of_events_{part:02}"
    return events


for _part in range(200 // EACH):
    globals()[f"ten_years_of_events_{_part:02}"] = case(_ten_years(_part))
