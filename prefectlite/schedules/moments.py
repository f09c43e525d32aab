"""Moments in time zones, by way of pendulum, which is loaded when it is used."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pendulum import DateTime

__all__ = [
    "at_fixed_time",
    "at_wall_time",
    "has_fixed_offset",
    "moment",
    "pendulum_class",
    "utc_time",
    "wall_time",
]

NO_TIME = timedelta(0)


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


def pendulum_class() -> type[DateTime]:
    """The class of the moments; its constructor makes one from its parts without a check."""
    from pendulum import DateTime

    return DateTime


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


def at_wall_time(zone: tzinfo, wall: datetime, make: type[DateTime]) -> DateTime:
    """Return the moment at which clocks of a zone show a time.

    A time that is shown twice means the second one. One that is never shown, because clocks were
    set forward over it, means the moment as long after the change as it lies in the gap: with
    clocks set from 2:00 to 3:00, 2:30 is 3:30.

    Args:
        zone: the time zone.
        wall: the time the clocks show, without a zone.
        make: what :func:`pendulum_class` returned.
    """
    early = zone.utcoffset(wall.replace(tzinfo=zone)) or NO_TIME
    late = zone.utcoffset(wall.replace(tzinfo=zone, fold=1)) or NO_TIME
    if late > early:  # in a gap: before the change the offset was the smaller one
        wall += late - early
    return at_fixed_time(zone, wall.replace(fold=1), make)


def at_fixed_time(zone: tzinfo, shown: datetime, make: type[DateTime]) -> DateTime:
    """Return the moment at which clocks of a zone show a time that is not in a gap.

    Args:
        zone: the time zone.
        shown: the time the clocks show; ``fold`` says which one, where it is shown twice.
        make: what :func:`pendulum_class` returned.
    """
    return make(
        shown.year,
        shown.month,
        shown.day,
        shown.hour,
        shown.minute,
        shown.second,
        shown.microsecond,
        zone,
        fold=shown.fold,
    )
