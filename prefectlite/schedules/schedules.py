"""`Schedule`: the events of clocks, filtered and adjusted; and schedules of one clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.clocks import Clock, ClockEvent, CronClock, IntervalClock, RRuleClock

if TYPE_CHECKING:
    from dateutil.rrule import rrulebase

__all__ = ["CronSchedule", "IntervalSchedule", "RRuleSchedule", "Schedule"]

# Prefect 1 looks at no more in one call of `next`: filters that let nothing through must end.
EVENTS_LOOKED_AT = 10_000

Filters = list[Callable[[datetime], bool]]
Adjustments = list[Callable[[datetime], datetime]]


class Schedule:
    """When a flow runs: the events of its clocks that pass its filters, then adjusted.

    Args:
        clocks: the clocks. Events that are equal in everything are one.
        filters: an event must pass all of these.
        or_filters: an event must pass one of these, if there are any.
        not_filters: an event must pass none of these.
        adjustments: functions that move the events that passed, called in turn.

    Raises:
        TypeError: the clocks are not in a list.

    Example:
        ```python
        Schedule(
            clocks=[IntervalClock(timedelta(hours=1))],
            filters=[is_weekday, between_times(time(9), time(17))],
            not_filters=[between_dates(12, 24, 12, 31)],
        )
        ```
    """

    def __init__(
        self,
        clocks: list[Clock],
        filters: Filters | None = None,
        or_filters: Filters | None = None,
        not_filters: Filters | None = None,
        adjustments: Adjustments | None = None,
    ) -> None:
        if not isinstance(clocks, Iterable):
            raise TypeError(f"clocks should be a list of clocks. Received {clocks!r}.")
        self.clocks = clocks if isinstance(clocks, list | tuple) else list(clocks)
        self.filters = filters or []
        self.or_filters = or_filters or []
        self.not_filters = not_filters or []
        self.adjustments = adjustments or []

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.clocks)} clocks>"

    @property
    def start_date(self) -> datetime | None:
        """The earliest start date of the clocks; None if none has one."""
        dates = [clock.start_date for clock in self.clocks if clock.start_date is not None]
        return min(dates, default=None)

    @property
    def end_date(self) -> datetime | None:
        """The latest end date of the clocks that have one; None if none has."""
        dates = [clock.end_date for clock in self.clocks if clock.end_date is not None]
        return max(dates, default=None)

    def next(self, n: int, after: datetime | None = None, return_events: bool = False) -> list[Any]:
        """Return the next events.

        As in Prefect 1 one call looks at no more than 10,000 events before the filters, and at
        1,000 of each `CronClock`. To have more, ask again after the last one.

        Args:
            n: how many; fewer are returned if there are no more.
            after: the moment after which they are; by default now.
            return_events: whether to return `ClockEvent` objects, which also have the clock's
                parameter defaults and labels, and not only their times.

        Returns:
            A list of ``pendulum.DateTime``, or of events.

        Raises:
            TypeError: ``n`` is no integer.
            ValueError: ``n`` is negative, or ``after`` is no ``datetime.datetime``.

        Example:
            >>> CronSchedule("0 12 * * *").next(1, after=pendulum.datetime(2024, 2, 28, 12))
            [DateTime(2024, 2, 29, 12, 0, 0, tzinfo=Timezone('UTC'))]
        """
        if not (n is None or isinstance(n, int)):
            raise TypeError(f"The number of events must be an integer; received {n!r}.")
        if n is not None and n < 0:
            raise ValueError(f"The number of events must not be negative; received {n}.")
        found = islice(self._next_events(after), n)
        return list(found) if return_events else [event.start_time for event in found]

    def _next_events(self, after: datetime | None) -> Iterator[ClockEvent]:
        previous: ClockEvent | None = None
        looked_at = 0
        for event in heapq.merge(*[clock.events(after) for clock in self.clocks]):
            # As in Prefect 1 the previous one is compared as it was adjusted: an adjustment that
            # moves it to the time of this one makes them the same.
            if event == previous:
                continue
            if looked_at == EVENTS_LOOKED_AT:
                return
            looked_at += 1
            previous = event
            if self.passes(event.start_time):
                previous = self.adjusted(event)
                yield previous

    def passes(self, at: datetime) -> bool:
        """Tell whether the filters let an event through.

        Args:
            at: the event's time, not adjusted.
        """
        for wanted in self.filters:
            if not wanted(at):
                return False
        for unwanted in self.not_filters:
            if unwanted(at):
                return False
        for wanted in self.or_filters:
            if wanted(at):
                return True
        return not self.or_filters

    def adjusted(self, event: ClockEvent) -> ClockEvent:
        """Return an event as the adjustments have it.

        Args:
            event: an event of a clock.
        """
        if not self.adjustments:
            return event
        at = event.start_time
        for adjust in self.adjustments:
            at = adjust(at)
        return ClockEvent(at, event.parameter_defaults, event.labels)


def IntervalSchedule(  # noqa: N802 - Prefect 1's name
    start_date: datetime | None = None,
    interval: timedelta | None = None,
    end_date: datetime | None = None,
) -> Schedule:
    """Return a schedule of one `IntervalClock`.

    Args:
        start_date: the first event, and the time zone; by default 2019-01-01 UTC.
        interval: the time from one event to the next; must be given.
        end_date: the last moment at which there can be an event.

    Raises:
        TypeError: the interval is missing, or no ``timedelta``.
        ValueError: the interval is not longer than nothing.

    Example:
        ``IntervalSchedule(interval=timedelta(minutes=10))``
    """
    return Schedule(clocks=[IntervalClock(interval, start_date, end_date)])  # type: ignore[arg-type]


def CronSchedule(  # noqa: N802 - Prefect 1's name
    cron: str,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    day_or: bool | None = None,
) -> Schedule:
    """Return a schedule of one `CronClock`.

    Args:
        cron: the line of cron.
        start_date: the first moment at which there can be an event, and the time zone.
        end_date: the last moment at which there can be an event.
        day_or: with day of month and day of week given, whether one is enough; by default it is.

    Raises:
        ValueError: the line is not one of cron.

    Example:
        ``CronSchedule("30 8 * * mon-fri", start_date=pendulum.now("Europe/Rome"))``
    """
    return Schedule(clocks=[CronClock(cron, start_date, end_date, day_or=day_or)])


def RRuleSchedule(  # noqa: N802 - Prefect 1's name
    rrule_obj: rrulebase,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
) -> Schedule:
    """Return a schedule of one `RRuleClock`.

    Args:
        rrule_obj: a ``dateutil.rrule.rrule`` or ``rruleset``.
        start_date: the first moment at which there can be an event.
        end_date: the last moment at which there can be an event.

    Raises:
        TypeError: the rule is something else.

    Example:
        ``RRuleSchedule(rrule(WEEKLY, byweekday=(MO, TH), dtstart=datetime(2024, 1, 1, 7)))``
    """
    return Schedule(clocks=[RRuleClock(rrule_obj, start_date, end_date)])
