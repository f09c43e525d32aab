"""Lines of cron: croniter reads them, and says what happens on days when clocks are changed.

On all other days a line names the same times on the wall, which are made here from the fields that
croniter has read: some fifty times faster than asking it for one time after the other.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.moments import at_fixed_time, has_fixed_offset, pendulum_class

if TYPE_CHECKING:
    from pendulum import DateTime

__all__ = ["CronLine"]

MINUTE, HOUR, DAY, MONTH, DAY_OF_WEEK, SECOND = range(6)
BOUNDS = {MINUTE: (0, 59), HOUR: (0, 23), MONTH: (1, 12), SECOND: (0, 59)}
# What croniter has for the last day of the month, and for the last Friday of the month.
LAST = "l"
LAST_DAY = (DAY, LAST)
YEARS_WITHOUT_A_MATCH = 50
ONE_DAY = timedelta(days=1)


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
        self.text = text
        self.day_or = day_or
        try:
            read = croniter(text)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise ValueError(
                f"Invalid cron string: {text}. A line has five fields (minute, hour, day of the "
                f"month, month, day of the week), such as '30 8 * * mon-fri'. ({error})"
            ) from None
        fields = read.expanded
        self.is_plain = _is_plain(fields, read.nth_weekday_of_month) and not read.nearest_weekday
        if self.is_plain:
            self._take(fields, read.nth_weekday_of_month)

    def _take(self, fields: list[list[Any]], nth: dict[int, set[Any]]) -> None:
        # the matching days by the first weekday of a month and its length
        self._numbers: dict[tuple[int, int], list[int]] = {}
        self.months = frozenset(_values(fields, MONTH))
        self.hours = _values(fields, HOUR)
        self.minutes = _values(fields, MINUTE)
        self.seconds = _values(fields, SECOND) if len(fields) > SECOND else [0]
        self.days = None if fields[DAY] == ["*"] else frozenset(fields[DAY])
        of_week = fields[DAY_OF_WEEK]
        # croniter counts from Sunday, calendar and datetime from Monday
        self.weekdays = None if of_week == ["*"] else frozenset((day + 6) % 7 for day in of_week)
        self.nth = {(day + 6) % 7: frozenset(which) for day, which in nth.items()}

    def moments(self, first: datetime, zone: tzinfo) -> Iterator[DateTime]:
        """Give the moments at which clocks of a zone show the line's times, in order.

        Args:
            first: the time on the wall to begin with, included, without a zone.
            zone: the time zone.

        Raises:
            ValueError: no day of the next fifty years matches.
        """
        if not self.is_plain:
            yield from self._asked(first, None, zone)
            return
        make = pendulum_class()
        fixed = has_fixed_offset(zone)
        plain = _plain(zone)
        done = datetime.min
        for day in self._days(first):
            if day < done:
                continue
            if fixed or not _clocks_change(day, plain):
                for at in self._times(day, first):
                    yield at_fixed_time(zone, at, make)
                continue
            done = day + ONE_DAY
            while _clocks_change(done, plain):
                done += ONE_DAY
            yield from self._asked(max(first, day), done, zone)

    def _asked(self, first: datetime, before: datetime | None, zone: tzinfo) -> Iterator[DateTime]:
        """The moments as croniter gives them, between two times on the wall."""
        from croniter import croniter

        make = pendulum_class()
        begin = (first - timedelta(microseconds=1)).replace(tzinfo=_plain(zone), fold=1)
        asked = croniter(self.text, begin, day_or=self.day_or)
        last: DateTime | None = None
        while True:
            wall = asked.get_next(datetime).replace(tzinfo=None)
            if before is not None and wall >= before:
                return
            at = at_fixed_time(zone, wall.replace(fold=1), make)
            # of a time that is shown twice croniter gives both, and both are the later one here
            if last is None or at > last:
                last = at
                yield at

    def _days(self, first: datetime) -> Iterator[datetime]:
        """The days that match, from that of a time on the wall on."""
        year, month = first.year, first.month
        begin = first.replace(hour=0, minute=0, second=0, microsecond=0)
        latest = year
        while year <= datetime.max.year:
            if month in self.months:
                for day in self._days_of_month(year, month):
                    if day >= begin:
                        latest = year
                        yield day
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            if year > latest + YEARS_WITHOUT_A_MATCH:
                raise ValueError(
                    f"The cron line {self.text!r} has no event in the {YEARS_WITHOUT_A_MATCH} "
                    f"years from {latest} on. Does it name a day that its months do not have?"
                )

    def _days_of_month(self, year: int, month: int) -> Iterator[datetime]:
        shape = monthrange(year, month)
        numbers = self._numbers.get(shape)
        if numbers is None:
            numbers = self._numbers[shape] = list(self._matching(*shape))
        for number in numbers:
            yield datetime(year, month, number)

    def _matching(self, first_weekday: int, length: int) -> Iterator[int]:
        """The days that match in a month of this length that begins on this weekday."""
        days, weekdays = self.days, self.weekdays
        either = self.day_or and days is not None and weekdays is not None
        for number in range(1, length + 1):
            weekday = (first_weekday + number - 1) % 7
            of_month = days is None or number in days or (number == length and LAST in days)
            if self.nth:
                which = self.nth.get(weekday, ())
                is_last = number + 7 > length
                of_week = (number + 6) // 7 in which or (is_last and LAST in which)
            else:
                of_week = weekdays is None or weekday in weekdays
            if (of_month or of_week) if either else (of_month and of_week):
                yield number

    def _times(self, day: datetime, first: datetime) -> Iterator[datetime]:
        """The times of one day that are not before a time on the wall."""
        whole = first <= day
        for hour in self.hours:
            if not whole and hour < first.hour:
                continue
            for minute in self.minutes:
                for second in self.seconds:
                    # where a time is shown twice, it is the later one
                    at = datetime(day.year, day.month, day.day, hour, minute, second, fold=1)
                    if whole or at >= first:
                        yield at


def _is_plain(fields: list[list[Any]], nth: dict[Any, set[Any]]) -> bool:
    """Whether the fields say all there is to a line; what is rare is left to croniter."""
    if len(fields) > SECOND + 1:
        return False
    for index, field in enumerate(fields):
        known = [value for value in field if isinstance(value, int) or (index, value) == LAST_DAY]
        if field != ["*"] and len(known) < len(field):
            return False
    return not nth or (fields[DAY] == ["*"] and set(fields[DAY_OF_WEEK]) <= set(nth))


def _values(fields: list[list[Any]], index: int) -> list[int]:
    if fields[index] == ["*"]:
        low, high = BOUNDS[index]
        return list(range(low, high + 1))
    return sorted(set(fields[index]))


def _plain(zone: tzinfo) -> tzinfo:
    """A zone as the standard library has it, which is what croniter reckons with."""
    if has_fixed_offset(zone):
        return zone
    from zoneinfo import ZoneInfo

    return ZoneInfo(str(zone))


def _clocks_change(day: datetime, zone: tzinfo) -> bool:
    """Whether clocks are set forward or back on a day or the one before it."""
    before = (day - ONE_DAY).replace(tzinfo=zone)
    after = (day + ONE_DAY).replace(tzinfo=zone, fold=1)
    return zone.utcoffset(before) != zone.utcoffset(after)
