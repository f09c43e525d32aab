"""Moments in time zones, by way of pendulum, which is loaded when it is used."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pendulum import DateTime

__all__ = [
    "WallClock",
    "has_fixed_offset",
    "moment",
    "utc_time",
    "wall_time",
]

NO_TIME = timedelta(0)
FIRST_DAY, LAST_DAY = datetime.min.toordinal(), datetime.max.toordinal()


def moment(value: Any, name: str = "A date and time") -> DateTime:
    """Return a date and time as pendulum has it; without a time zone it is taken as UTC.

    Args:
        value: a ``datetime.datetime``.
        name: what it is, for the error.

    Raises:
        ValueError: it is something else, such as a string or a date without a time.
    """
    import pendulum

    if isinstance(value, pendulum.DateTime) and value.tzinfo is not None:
        return value
    if not isinstance(value, datetime):
        raise ValueError(
            f"{name} must be a datetime.datetime; received {value!r}. "
            f"For a text, use pendulum.parse(...)."
        )
    zone: Any = value.tzinfo
    if zone is None:
        # said for pendulum's own naive dates, which it would leave as they are
        value = value.replace(tzinfo=timezone.utc)
    elif hasattr(zone, "localize") and zone.zone is None:
        # an offset of pytz, which pendulum takes for a zone without a name
        value = value.replace(tzinfo=timezone(value.utcoffset() or NO_TIME))
    found: DateTime = pendulum.instance(value)
    return found


def wall_time(value: datetime) -> datetime:
    """What a clock on the wall of that place shows: a plain date and time without a zone."""
    return datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
    )


def utc_time(value: datetime) -> datetime:
    """What a clock on the wall shows in UTC at that moment, without a zone."""
    return wall_time(value) - (value.utcoffset() or NO_TIME)


def has_fixed_offset(zone: tzinfo) -> bool:
    """Whether clocks of a zone are never set forward or back."""
    from pendulum.tz.timezone import FixedTimezone

    return isinstance(zone, FixedTimezone | timezone) or str(zone) in ("UTC", "Etc/UTC", "GMT")


class WallClock:
    """The clocks of one time zone: the moments at which they show given times.

    Args:
        zone: one of pendulum's time zones.
    """

    def __init__(self, zone: tzinfo) -> None:
        from pendulum import DateTime

        self._zone = zone
        # its constructor makes one from its parts without a check
        self._make = DateTime
        self._is_fixed = has_fixed_offset(zone)
        # the days last looked at, and what was found
        self._from = self._to = 0
        self._steady = True

    def is_steady(self, wall: datetime) -> bool:
        """Tell whether clocks are not set forward or back on a day, nor on the one before it.

        Args:
            wall: a time of that day.
        """
        if self._is_fixed:
            return True
        day = wall.toordinal()
        if not self._from <= day <= self._to:
            # No clocks have been changed twice within three days.
            self._from, self._to = day, day + 1
            self._steady = self._same(day - 1, day + 2)
            if not self._steady:
                self._to = day
                self._steady = self._same(day - 1, day + 1)
        return self._steady

    def _same(self, first: int, last: int) -> bool:
        before = datetime.fromordinal(max(first, FIRST_DAY))
        after = datetime.fromordinal(min(last, LAST_DAY))
        return self._zone.utcoffset(before) == self._zone.utcoffset(after)

    def gap(self, wall: datetime) -> timedelta:
        """How far clocks are set forward over a time; nothing if they show it.

        Args:
            wall: the time, without a zone.
        """
        early = self._zone.utcoffset(wall.replace(fold=0)) or NO_TIME
        late = self._zone.utcoffset(wall.replace(fold=1)) or NO_TIME
        # Before clocks are set forward the offset is the smaller one. Where they are set back the
        # time is shown twice.
        return max(late - early, NO_TIME)

    def at(self, wall: datetime) -> DateTime:
        """Return the moment at which the clocks show a time.

        A time that is shown twice means the second one. One that is never shown, because clocks
        were set forward over it, means the moment as long after the change as it lies in the gap:
        with clocks set from 2:00 to 3:00, 2:30 is 3:30.

        Args:
            wall: the time, without a zone.
        """
        if not self.is_steady(wall):
            wall += self.gap(wall)
        return self.of(wall)

    def of(self, wall: datetime, fold: int = 1) -> DateTime:
        """Return the moment at which the clocks show a time that is in no gap.

        Args:
            wall: the time.
            fold: which one is meant where it is shown twice, 0 or 1.
        """
        return self._make(
            wall.year,
            wall.month,
            wall.day,
            wall.hour,
            wall.minute,
            wall.second,
            wall.microsecond,
            self._zone,
            fold=fold,
        )

    def when_utc(self, utc: datetime) -> DateTime:
        """Return the moment at which clocks in UTC show a time.

        Args:
            utc: the time, without a zone.
        """
        shown = self._zone.fromutc(utc.replace(tzinfo=self._zone))
        return self.of(shown, shown.fold)
