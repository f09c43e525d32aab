"""Clocks: each makes the events of one rule, in order of time, from a given moment on.

All of them take a first and a last moment between which they have events, values for the
parameters of the runs they cause, and labels. The time zone of ``start_date`` is that of the
events, and decides what a day is where clocks are set forward and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.cron import CronLine
from prefectlite.schedules.moments import WallClock, moment, utc_time, wall_time
from prefectlite.schedules.rules import occurrences

if TYPE_CHECKING:
    from dateutil.rrule import rrulebase
    from pendulum import DateTime

__all__ = ["Clock", "ClockEvent", "CronClock", "DatesClock", "IntervalClock", "RRuleClock"]

# Intervals without a start date are counted from here.
FIRST_START = (2019, 1, 1)
ONE_SECOND = timedelta(seconds=1)
TWO_DAYS = timedelta(days=2)
# Prefect 1 asks a line of cron for no more at once.
EVENTS_OF_CRON = 1000


class ClockEvent:
    """One moment at which a flow is to run.

    Events are ordered by their times alone; they are equal if parameters and labels are, too. An
    event can be compared with a date and time.

    Args:
        start_time: when.
        parameter_defaults: values for the flow's parameters in this run.
        labels: the clock's labels.

    Example:
        >>> event = flow.schedule.next(1, return_events=True)[0]
        >>> event.start_time, event.parameter_defaults
    """

    def __init__(
        self,
        start_time: datetime,
        parameter_defaults: dict[str, Any] | None = None,
        labels: list[str] | None = None,
    ) -> None:
        self.start_time = start_time
        self.parameter_defaults = parameter_defaults or {}
        self.labels = labels

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.start_time},{self.labels},{self.parameter_defaults}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ClockEvent):
            return (
                self.start_time == other.start_time
                and self.parameter_defaults == other.parameter_defaults
                and self.labels == other.labels
            )
        if isinstance(other, datetime):
            return self.start_time == other
        return NotImplemented

    def __lt__(self, other: ClockEvent | datetime) -> bool:
        if isinstance(other, ClockEvent):
            return self.start_time < other.start_time
        if isinstance(other, datetime):
            return self.start_time < other
        return NotImplemented

    def __gt__(self, other: ClockEvent | datetime) -> bool:
        if isinstance(other, ClockEvent):
            return self.start_time > other.start_time
        if isinstance(other, datetime):
            return self.start_time > other
        return NotImplemented


class Clock:
    """What all clocks have; one of your own needs the method :meth:`events`.

    Args:
        start_date: the first moment at which there can be an event; without a time zone it is
            taken as UTC. None: no first moment.
        end_date: the last moment at which there can be an event; None: no last one.
        parameter_defaults: values for the flow's parameters in the runs of this clock; they win
            over those given to ``flow.run``, as in Prefect 1.
        labels: texts that its events carry.

    Raises:
        ValueError: a date that is no ``datetime.datetime``.

    Example:
        ``IntervalClock(timedelta(hours=6), parameter_defaults={"region": "north"})``
    """

    def __init__(
        self,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: dict[str, Any] | None = None,
        labels: list[str] | None = None,
    ) -> None:
        named = f"{type(self).__name__}'s"
        self.start_date = None if start_date is None else moment(start_date, f"{named} start_date")
        self.end_date = None if end_date is None else moment(end_date, f"{named} end_date")
        self.parameter_defaults = parameter_defaults or {}
        self.labels = labels

    def events(self, after: datetime | None = None) -> Iterable[ClockEvent]:
        """Give the events later than a moment, in order.

        Args:
            after: the moment, not included; by default now.

        Raises:
            NotImplementedError: the class does not say.
        """
        raise NotImplementedError("A class of clocks must have a method `events(after)`.")

    def all_events(self, after: datetime | None = None) -> Iterable[ClockEvent]:
        """Give the events that :meth:`events` gives, and those beyond the number it stops at.

        Args:
            after: the moment, not included; by default now.
        """
        return self.events(after)

    def _events(self, moments: Iterable[datetime]) -> Iterator[ClockEvent]:
        end, defaults, labels = self.end_date, self.parameter_defaults, self.labels
        try:
            if end is None:
                for at in moments:
                    yield ClockEvent(at, defaults, labels)
                return
            near: datetime | None = None
            for at in moments:
                # Dates of one zone are compared as their clocks show them, which is fast, and
                # right but for a day on which clocks are changed.
                if near is None or at.tzinfo is not near.tzinfo:
                    near = end.astimezone(at.tzinfo) - TWO_DAYS
                if at >= near and at > end:
                    return
                yield ClockEvent(at, defaults, labels)
        except OverflowError:
            return  # the year 10,000: there are no later dates


def _after(after: datetime | None) -> DateTime:
    if after is None:
        import pendulum

        return pendulum.now("UTC")
    return moment(after, "The argument `after`")


class IntervalClock(Clock):
    """An event at the start date, and one after each interval from there on.

    The first day's events follow by time that passes. Those a day or more after the start follow
    by the clocks of the start date's time zone: an interval of a day keeps its time of day when
    clocks are set forward or back, and one of an hour has no event more or less on that day than
    clocks show full hours.

    Args:
        interval: the time from one event to the next, longer than nothing.
        start_date: the first event, and the time zone; by default 2019-01-01 UTC.
        end_date: the last moment at which there can be an event.
        parameter_defaults: values for the flow's parameters in the runs of this clock.
        labels: texts that its events carry.

    Raises:
        TypeError: the interval is no ``timedelta``.
        ValueError: the interval is not longer than nothing.

    Example:
        ``IntervalClock(timedelta(days=1), pendulum.datetime(2024, 1, 1, 8, tz="Europe/Rome"))``
    """

    def __init__(
        self,
        interval: timedelta,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: dict[str, Any] | None = None,
        labels: list[str] | None = None,
    ) -> None:
        if not isinstance(interval, timedelta):
            raise TypeError(
                f"Interval must be a timedelta. Received {interval!r}; "
                f"write e.g. timedelta(minutes=10)."
            )
        if interval.total_seconds() <= 0:
            raise ValueError(f"Interval must be greater than 0. Received {interval!r}.")
        self.interval = interval
        super().__init__(start_date, end_date, parameter_defaults, labels)

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """Give the events later than a moment, in order; see :meth:`Clock.events`.

        Args:
            after: the moment, not included; by default now.
        """
        return self._events(self._moments(_after(after)))

    def _moments(self, after: DateTime) -> Iterator[datetime]:
        start = self.start_date
        if start is None:
            import pendulum

            start = pendulum.datetime(*FIRST_START)
        zone = start.tzinfo
        assert zone is not None
        clocks = WallClock(zone)
        interval = timedelta(seconds=self.interval.total_seconds())
        begin = utc_time(start)
        # Counted by the time that has passed, as in Prefect 1. Where clocks have been set back
        # since the start and not forward again, the events of the first hour are missing; the
        # other way round, an event at `after` itself can be the first.
        passed = interval * max(0, (utc_time(after) - begin) // interval + 1)
        while not passed.days:
            at = clocks.when_utc(begin + passed)
            if at >= after:
                yield at
            passed += interval
        wall, lower = wall_time(start) + passed, wall_time(after.astimezone(zone))
        if not clocks.is_steady(lower):
            # what clocks show does not tell what is later
            lower += TWO_DAYS
            while wall < lower:
                at = clocks.at(wall)
                if at >= after:
                    yield at
                wall += interval
        if wall < lower:
            wall += interval * -((wall - lower) // interval)
        while True:
            yield clocks.at(wall)
            wall += interval


class CronClock(Clock):
    """Events at the times that a line of cron names, in the start date's time zone.

    A time that clocks show twice is the later one, once. A time that clocks are set forward over is
    the first moment after the change, where the line names hours.

    Args:
        cron: minute, hour, day of the month, month, day of the week; also names such as
            ``@daily``, and seconds as a sixth field.
        start_date: the first moment at which there can be an event, and the time zone; by default
            there is no first one, and the zone is UTC.
        end_date: the last moment at which there can be an event.
        parameter_defaults: values for the flow's parameters in the runs of this clock.
        labels: texts that its events carry.
        day_or: with both days given, whether one of them is enough, which is the default, or both
            must agree.

    Raises:
        ValueError: the line is not one of cron.

    Example:
        ``CronClock("30 8 * * mon-fri", start_date=pendulum.now("Europe/Rome"))``
    """

    def __init__(
        self,
        cron: str,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: dict[str, Any] | None = None,
        labels: list[str] | None = None,
        day_or: bool | None = None,
    ) -> None:
        self.cron = cron
        self.day_or = True if day_or is None else day_or
        CronLine(cron, bool(self.day_or))
        super().__init__(start_date, end_date, parameter_defaults, labels)

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """Give the next 1,000 events later than a moment, in order; see :meth:`Clock.events`.

        Args:
            after: the moment, not included; by default now.

        Raises:
            ValueError: no day of the next fifty years matches the line.
        """
        return islice(self.all_events(after), EVENTS_OF_CRON)

    def all_events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """Give all events later than a moment; see :meth:`Clock.all_events`.

        Args:
            after: the moment, not included; by default now.
        """
        import pendulum

        # Lines of cron name whole seconds: the next one is at least a second later.
        first = _after(after) + ONE_SECOND
        zone = pendulum.timezone("UTC") if self.start_date is None else self.start_date.tzinfo
        assert zone is not None
        if self.start_date is not None and self.start_date > first:
            first = self.start_date
        line = CronLine(self.cron, bool(self.day_or))
        begin = wall_time((first - ONE_SECOND).astimezone(zone)) + timedelta(microseconds=1)
        return self._events(at for at in line.moments(begin, zone) if at >= first)


class DatesClock(Clock):
    """Events at given moments.

    Args:
        dates: the moments, at least one, in any order; one without a time zone is taken as UTC.
        parameter_defaults: values for the flow's parameters in the runs of this clock.
        labels: texts that its events carry.

    Raises:
        ValueError: there are none, or one of them is no ``datetime.datetime``.

    Example:
        ``DatesClock([pendulum.datetime(2024, 2, 29), pendulum.datetime(2024, 12, 31)])``
    """

    def __init__(
        self,
        dates: list[datetime],
        parameter_defaults: dict[str, Any] | None = None,
        labels: list[str] | None = None,
    ) -> None:
        self.dates = dates if isinstance(dates, list | tuple) else list(dates)
        if not self.dates:
            raise ValueError("DatesClock needs at least one date; received none.")
        self._moments = sorted(moment(date, "Each of DatesClock's dates") for date in self.dates)
        super().__init__(self._moments[0], self._moments[-1], parameter_defaults, labels)

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """Give the events later than a moment, in order; see :meth:`Clock.events`.

        Args:
            after: the moment, not included; by default now.
        """
        since = _after(after)
        return self._events(date for date in self._moments if date > since)


class RRuleClock(Clock):
    """Events at the times of a recurrence rule of dateutil.

    Args:
        rrule_obj: a ``dateutil.rrule.rrule`` or ``rruleset``. Where its dates have no time zone
            they are taken as UTC, and the other dates are compared as their clocks show them.
        start_date: the first moment at which there can be an event.
        end_date: the last moment at which there can be an event.
        parameter_defaults: values for the flow's parameters in the runs of this clock.
        labels: texts that its events carry.

    Raises:
        TypeError: the rule is something else, such as its text; ``rrulestr`` makes a rule of it.

    Example:
        ``RRuleClock(rrule(MONTHLY, byweekday=FR(-1), dtstart=datetime(2024, 1, 1, 17)))``
    """

    def __init__(
        self,
        rrule_obj: rrulebase,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: dict[str, Any] | None = None,
        labels: list[str] | None = None,
    ) -> None:
        from dateutil.rrule import rrulebase

        if not isinstance(rrule_obj, rrulebase):
            raise TypeError(
                f"rrule_obj must be an rrule or rruleset, got: {rrule_obj!r}. "
                f"For a text, use dateutil.rrule.rrulestr(...)."
            )
        self.rrule_obj = rrule_obj
        super().__init__(start_date, end_date, parameter_defaults, labels)

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """Give the events later than a moment, in order; see :meth:`Clock.events`.

        Args:
            after: the moment, not included; by default now.
        """
        since, included = _after(after), False
        if self.start_date is not None and self.start_date > since:
            since, included = self.start_date, True
        return self._events(occurrences(self.rrule_obj, since, included))
