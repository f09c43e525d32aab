"""Lines of cron: croniter reads them, and the times that they name are made here.

That is some fifty times faster than asking croniter for one time after the other. What happens on
days when clocks are changed is the same.
"""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.moments import WallClock

if TYPE_CHECKING:
    from pendulum import DateTime

__all__ = ["CronLine"]

MINUTE, HOUR, DAY, MONTH, DAY_OF_WEEK, SECOND, YEAR = range(7)
BOUNDS = {MINUTE: (0, 59), HOUR: (0, 23), MONTH: (1, 12), SECOND: (0, 59)}
ANY = ["*"]
# What croniter has for the last day of the month, and for the last Friday of the month.
LAST = "l"
YEARS_WITHOUT_A_MATCH = 50
ONE_MINUTE = timedelta(minutes=1)


class CronLine:
    """A line of cron, read.

    Args:
        text: the line.
        day_or: whether the day of the month or that of the week is enough, where both are given.

    Raises:
        TypeError: it is no text.
        ValueError: it is not a line of cron.
    """

    def __init__(self, text: str, day_or: bool) -> None:
        from croniter import croniter

        if not isinstance(text, str):
            raise TypeError(f"A cron line must be a string; received {text!r}.")
        try:
            read = croniter(text)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise ValueError(
                f"Invalid cron string: {text}. A line has five fields (minute, hour, day of the "
                f"month, month, day of the week), such as '30 8 * * mon-fri'. ({error})"
            ) from None
        self.text = text
        fields = [ANY if "*" in field else field for field in read.expanded]
        named = len(fields) > YEAR and fields[YEAR] != ANY
        self._years = frozenset(fields[YEAR]) if named else None
        self._months = frozenset(_values(fields, MONTH))
        self._hours = _values(fields, HOUR)
        self._minutes = _values(fields, MINUTE)
        self._seconds = _values(fields, SECOND) if len(fields) > SECOND else [0]
        self._any_hour = fields[HOUR] == ANY
        self._days = _Days(fields, read.nth_weekday_of_month, read.nearest_weekday, day_or)

    def moments(self, first: datetime, zone: tzinfo) -> Iterator[DateTime]:
        """Give the moments at which clocks of a zone show the line's times, in order.

        A time that is shown twice is the second one. A time that clocks are set forward over is
        left out if the line is for all hours, else it is the first minute after the change.

        Args:
            first: the time on the wall to begin with, included, without a zone.
            zone: the time zone, one of pendulum's.

        Raises:
            ValueError: no day of the next fifty years matches.
        """
        if self._days.has_an_idle_side(self._months):
            raise ValueError(
                f"The cron line {self.text!r} has no event: its day of the month or that of the "
                f"week never matches, because of what the other one says with `W` or `#`."
            )
        clocks = WallClock(zone)
        last = datetime.min
        for day in self._matching_days(first):
            if clocks.is_steady(day):
                for wall in self._times(day, first):
                    yield clocks.of(wall)
                continue
            for wall in self._times(day, first):
                shown = _after_the_gap(wall, clocks)
                # several of the gap are one, as are those and one that the line names itself
                if wall > last and (shown == wall or not self._any_hour):
                    last = shown
                    yield clocks.of(shown)

    def _matching_days(self, first: datetime) -> Iterator[datetime]:
        """The days that match, from that of a time on the wall on."""
        year, month = first.year, first.month
        begin = first.replace(hour=0, minute=0, second=0, microsecond=0)
        latest = year
        while year <= datetime.max.year:
            if month in self._months and (self._years is None or year in self._years):
                for number in self._days.of_month(*monthrange(year, month)):
                    day = datetime(year, month, number)
                    if day >= begin:
                        latest = year
                        yield day
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            if year > latest + YEARS_WITHOUT_A_MATCH:
                raise ValueError(
                    f"The cron line {self.text!r} has no event in the {YEARS_WITHOUT_A_MATCH} "
                    f"years from {latest} on. Does it name a day that its months do not have?"
                )

    def _times(self, day: datetime, first: datetime) -> Iterator[datetime]:
        """The times of one day that are not before a time on the wall."""
        whole = first <= day
        for hour in self._hours:
            if not whole and hour < first.hour:
                continue
            for minute in self._minutes:
                for second in self._seconds:
                    at = datetime(day.year, day.month, day.day, hour, minute, second)
                    if whole or at >= first:
                        yield at


class _Days:
    """Which days of a month match: that is up to its length and the weekday it begins with."""

    def __init__(
        self, fields: list[list[Any]], nth: dict[Any, set[Any]], nearest: set[int], day_or: bool
    ) -> None:
        self._found: dict[tuple[int, int], list[int]] = {}
        self._days = None if fields[DAY] == ANY else frozenset(fields[DAY])
        # croniter counts from Sunday, calendar and datetime from Monday
        of_week = fields[DAY_OF_WEEK]
        self._weekdays = None if of_week == ANY else frozenset((day + 6) % 7 for day in of_week)
        self._nth = {(day + 6) % 7: frozenset(which) for day, which in nth.items()}
        self._nearest = nearest
        self._either = day_or and self._days is not None and self._weekdays is not None

    def of_month(self, first_weekday: int, length: int) -> list[int]:
        """The days of such a month, in order."""
        shape = (first_weekday, length)
        found = self._found.get(shape)
        if found is None:
            found = self._found[shape] = sorted(set().union(*self._sides(*shape)))
        return found

    def has_an_idle_side(self, months: Iterable[int]) -> bool:
        """Whether `W` or `#` keep one of two sides from ever matching, which croniter refuses."""
        if not self._either or not (self._nth or self._nearest):
            return False
        lengths = {monthrange(year, month)[1] for month in months for year in (2023, 2024)}
        sides = [self._sides(weekday, length) for weekday in range(7) for length in lengths]
        return not all(any(days) for days in zip(*sides, strict=True))

    def _sides(self, first_weekday: int, length: int) -> list[set[int]]:
        """The days that match; by the day of the month and by that of the week, if one will do."""
        by_number = set(self._by_number(first_weekday, length))
        by_weekday = set(self._by_weekday(first_weekday, length))
        both = by_number & by_weekday
        if not self._either:
            return [both]
        # As croniter has it, what is said by `W` or `#` holds for both sides.
        return [both if self._nth else by_number, both if self._nearest else by_weekday]

    def _by_number(self, first_weekday: int, length: int) -> Iterator[int]:
        if self._nearest:
            for day in self._nearest:
                yield _nearest_weekday(day, first_weekday, length)
            return
        for day in range(1, length + 1):
            days = self._days
            if days is None or day in days or (day == length and LAST in days):
                yield day

    def _by_weekday(self, first_weekday: int, length: int) -> Iterator[int]:
        for day in range(1, length + 1):
            weekday = (first_weekday + day - 1) % 7
            if self._nth:
                which = self._nth.get(weekday, frozenset())
                if (day + 6) // 7 in which or (day + 7 > length and LAST in which):
                    yield day
            elif self._weekdays is None or weekday in self._weekdays:
                yield day


def _after_the_gap(wall: datetime, clocks: WallClock) -> datetime:
    """The first minute from a time on that clocks show; most often it is that time."""
    gap = clocks.gap(wall)
    if not gap:
        return wall
    minutes = range(gap // ONE_MINUTE + 1)
    later = bisect_left(minutes, True, key=lambda n: not clocks.gap(wall + n * ONE_MINUTE))
    return wall + later * ONE_MINUTE


def _nearest_weekday(day: int, first_weekday: int, length: int) -> int:
    """The day from Monday to Friday nearest to a day, in the same month."""
    day = min(day, length)
    weekday = (first_weekday + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


def _values(fields: list[list[Any]], index: int) -> list[int]:
    if fields[index] == ANY:
        low, high = BOUNDS[index]
        return list(range(low, high + 1))
    return sorted(set(fields[index]))
