"""Filters: functions that say whether an event of a clock is one of the schedule.

Each takes a date and time and returns a truth value. What a filter looks at (the day, the time of
day) is read in the time zone of the event, which is that of its clock's start date; a date and
time without a time zone is taken as UTC. All of them can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from functools import partial

from prefectlite.schedules.moments import moment

__all__ = [
    "at_time",
    "between_dates",
    "between_datetimes",
    "between_times",
    "is_day_of_week",
    "is_month_end",
    "is_month_start",
    "is_weekday",
    "is_weekend",
    "on_date",
    "on_datetime",
]

FAR = 3  # days

Filter = Callable[[datetime], bool]
MonthAndDay = tuple[int, int]


def on_datetime(dt: datetime) -> Filter:
    """Return a filter for events at one moment.

    Args:
        dt: the moment.

    Example:
        ``Schedule(clocks=[clock], not_filters=[on_datetime(pendulum.datetime(2024, 12, 24, 9))])``
    """
    return partial(_on_datetime, wanted=dt)


def _on_datetime(dt: datetime, wanted: datetime) -> bool:
    return not _is_far(dt, wanted) and dt == wanted


def on_date(month: int, day: int) -> Filter:
    """Return a filter for events on a day of each year.

    Args:
        month: 1 to 12.
        day: 1 to 31.

    Example:
        ``on_date(12, 25)``
    """
    return partial(_on_date, wanted=(month, day))


def _on_date(dt: datetime, wanted: MonthAndDay) -> bool:
    return (dt.month, dt.day) == wanted


def at_time(t: time) -> Filter:
    """Return a filter for events at a time of day, to the microsecond.

    Args:
        t: the time of day, without a time zone.

    Example:
        ``at_time(time(9, 30))``
    """
    return partial(_at_time, wanted=t)


def _at_time(dt: datetime, wanted: time) -> bool:
    return dt.time() == wanted


def between_datetimes(start: datetime, end: datetime) -> Filter:
    """Return a filter for events from one moment to another, both included.

    Args:
        start: the first moment, with a time zone.
        end: the last moment, with a time zone.

    Example:
        ``between_datetimes(pendulum.datetime(2024, 7, 1), pendulum.datetime(2024, 8, 31))``
    """
    return partial(_between_datetimes, start=start, end=end)


def _between_datetimes(dt: datetime, start: datetime, end: datetime) -> bool:
    if _is_far(dt, start) and _is_far(dt, end):
        return start.toordinal() < dt.toordinal() < end.toordinal()
    return start <= dt <= end


def _is_far(dt: datetime, other: datetime) -> bool:
    """Whether two dates of any time zones are so far apart that the days alone tell their order.

    To compare them costs some hundred times more where the zones are not the same.
    """
    if dt.tzinfo is None or other.tzinfo is None:
        return False
    return not -FAR < dt.toordinal() - other.toordinal() < FAR


def between_dates(start_month: int, start_day: int, end_month: int, end_day: int) -> Filter:
    """Return a filter for events in a part of each year, its first and last day included.

    Args:
        start_month: month of the first day, 1 to 12.
        start_day: the first day, 1 to 31.
        end_month: month of the last day; before the first day: the part goes over New Year.
        end_day: the last day.

    Example:
        ``between_dates(11, 15, 2, 28)``
    """
    return partial(_between_dates, start=(start_month, start_day), end=(end_month, end_day))


def _between_dates(dt: datetime, start: MonthAndDay, end: MonthAndDay) -> bool:
    day = (dt.month, dt.day)
    if start > end:
        return start <= day or day <= end
    return start <= day <= end


def between_times(start: time, end: time) -> Filter:
    """Return a filter for events in a part of each day, its ends included.

    Args:
        start: the first time of day.
        end: the last time of day; before the first: the part goes over midnight.

    Example:
        ``between_times(time(9), time(17, 30))``
    """
    return partial(_between_times, start=start, end=end)


def _between_times(dt: datetime, start: time, end: time) -> bool:
    at = dt.time()
    if start > end:
        return start <= at or at <= end
    return start <= at <= end


def is_day_of_week(day_of_week: int) -> Filter:
    """Return a filter for events on a day of the week.

    Args:
        day_of_week: 0 is Monday, 6 is Sunday.

    Example:
        ``is_day_of_week(4)`` is for Fridays.
    """
    return partial(_is_day_of_week, wanted=day_of_week)


def _is_day_of_week(dt: datetime, wanted: int) -> bool:
    return dt.weekday() == wanted


def is_weekday(dt: datetime) -> bool:
    """Tell whether a date is one from Monday to Friday.

    Args:
        dt: a date and time.
    """
    return dt.weekday() < 5


def is_weekend(dt: datetime) -> bool:
    """Tell whether a date is a Saturday or a Sunday.

    Args:
        dt: a date and time.
    """
    return dt.weekday() > 4


def is_month_start(dt: datetime) -> bool:
    """Tell whether a date is the first of its month.

    Args:
        dt: a date and time.
    """
    return dt.day == 1


def is_month_end(dt: datetime) -> bool:
    """Tell whether a date is the last of its month.

    Args:
        dt: a date and time.
    """
    return dt.day > 27 and moment(dt).days_in_month == dt.day
