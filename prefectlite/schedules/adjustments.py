"""Adjustments: functions that move the time of an event, after the filters have let it pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from prefectlite.schedules.moments import moment

__all__ = ["add", "next_weekday"]

SATURDAY = 5


def add(interval: timedelta) -> Callable[[datetime], datetime]:
    """Return an adjustment that moves each event by an interval.

    Args:
        interval: how far, as time that passes: a day is 24 hours.

    Returns:
        A function of a date and time; it can be pickled.

    Example:
        ``Schedule(clocks=[clock], adjustments=[add(timedelta(hours=2))])``
    """
    return partial(_add, interval=interval)


def _add(dt: datetime, interval: timedelta) -> datetime:
    return moment(dt) + interval


def next_weekday(dt: datetime) -> datetime:
    """Return the same time of day on this day, or on Monday if this is a Saturday or Sunday.

    Args:
        dt: a date and time; without a time zone it is taken as UTC.

    Example:
        >>> next_weekday(datetime(2024, 6, 1, 9)).day
        3
    """
    at = moment(dt)
    # Day by day, as Prefect 1 goes: a time that Sunday's clocks are set forward over stays moved.
    while at.weekday() >= SATURDAY:
        at = at.add(days=1)
    return at
