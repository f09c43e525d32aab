"""Rules of dateutil whose days are up to the kind of the year: there are 28 kinds.

dateutil goes through all days of each year, or of each month of it, anew; here it is asked once for
each kind of year. So rules with few days in a year cost what others do.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.moments import wall_time

if TYPE_CHECKING:
    from dateutil.rrule import rrulebase

__all__ = ["by_years"]

Day = tuple[int, int]
# What a rule can say about its days.
PARTS = ("bymonth", "bymonthday", "byyearday", "byweekno", "byweekday")
# How far from Easter a day is of the same year, whenever Easter is.
NEAR_EASTER = range(-80, 240)


def by_years(rule: rrulebase, lower: datetime) -> Iterator[datetime] | None:
    """Give the occurrences of a rule of years or months, or of one of days that names some.

    Args:
        rule: the rule.
        lower: the date that matters: those of earlier years can be missing.

    Returns:
        None if this is another rule, one that is to be asked itself.
    """
    from dateutil.rrule import DAILY, MONTHLY, YEARLY, rrule

    if type(rule) is not rrule:
        return None
    parts: Any = rule
    names_days = any(parts._original_rule.get(part) for part in PARTS)
    if parts._freq == DAILY:
        fits = parts._interval == 1 and names_days and not parts._bysetpos
    elif parts._freq == MONTHLY:
        fits = not parts._bysetpos
    else:
        # one time a day: else positions are not those of days
        fits = parts._freq == YEARLY and (not parts._bysetpos or len(parts._timeset) == 1)
    if parts._byeaster:
        fits = fits and not names_days and all(n in NEAR_EASTER for n in parts._byeaster)
    return _occurrences(parts, wall_time(lower).year - 1) if fits else None


def _occurrences(parts: Any, first_year: int) -> Iterator[datetime]:
    start: datetime = parts._dtstart
    times: tuple[time, ...] = parts._timeset
    until: datetime | None = parts._until
    count: int | None = parts._count
    years = _Years(parts)
    begin = start.year if count is not None else max(start.year, first_year)
    for year in range(begin, datetime.max.year + 1):
        for month, day in years.days(year):
            for at_time in times:
                at = datetime.combine(date(year, month, day), at_time)
                if at < start:
                    continue
                if until is not None and at > until:
                    return
                if count is not None:
                    count -= 1
                    if count < 0:
                        return
                yield at


class _Years:
    """The days of each year that match."""

    def __init__(self, parts: Any) -> None:
        from dateutil.rrule import MONTHLY, YEARLY

        self._rule = parts
        self._start: datetime = parts._dtstart
        self._every_years: int = parts._interval if parts._freq == YEARLY else 1
        self._every_months: int = parts._interval if parts._freq == MONTHLY else 1
        self._known: dict[tuple[int, bool, bool], list[Day]] = {}

    def days(self, year: int) -> Iterator[Day]:
        """Months and days of those of one year, in order."""
        if (year - self._start.year) % self._every_years:
            return
        if self._rule._byeaster:
            found = list(_around_easter(year, self._rule._byeaster))
        else:
            found = self._of_kind(year)
        months = (year - self._start.year) * 12 - self._start.month
        for month, day in found:
            if not (months + month) % self._every_months:
                yield month, day

    def _of_kind(self, year: int) -> list[Day]:
        # the year before it tells where its first week begins
        kind = (date(year, 1, 1).weekday(), calendar.isleap(year), calendar.isleap(year - 1))
        found = self._known.get(kind)
        if found is None:
            found = self._known[kind] = list(self._asked(year))
        return found

    def _asked(self, year: int) -> Iterator[Day]:
        from dateutil.rrule import MONTHLY, YEARLY, rrule

        rule = self._rule
        parts = dict(rule._original_rule)
        # also where it is that of the rule's beginning
        parts["bymonthday"] = (*rule._bymonthday, *rule._bynmonthday) or None
        if not any(parts.get(part) for part in PARTS if part != "bymonth"):
            parts["byweekday"] = range(7)
        months = rule._bymonth
        if rule._freq == MONTHLY and months is None:
            # the second Friday is that of the month, not of the year
            months = range(1, 13)
        parts |= {"bymonth": months, "byhour": 0, "byminute": 0, "bysecond": 0}
        # and no other year
        one_year = datetime.max.year
        asked = rrule(YEARLY, datetime(year, 1, 1), one_year, wkst=rule._wkst, **parts)
        for at in asked:
            yield at.month, at.day


def _around_easter(year: int, offsets: list[int]) -> Iterator[Day]:
    from dateutil.easter import easter

    sunday = easter(year)
    for offset in sorted(offsets):
        day = sunday + timedelta(days=offset)
        yield day.month, day.day
