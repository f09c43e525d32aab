"""Recurrence rules of dateutil: their occurrences from a moment on, without those long past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.moments import (
    NO_TIME,
    WallClock,
    has_fixed_offset,
    moment,
    utc_time,
    wall_time,
)
from prefectlite.schedules.yearly_rules import by_years

if TYPE_CHECKING:
    from dateutil.rrule import rrulebase
    from pendulum import DateTime

__all__ = ["occurrences"]

TIMES_OF_A_DAY = 1440
HALF_DAY = timedelta(hours=12)
THREE_DAYS = timedelta(days=3)


def occurrences(rule: rrulebase, since: DateTime, included: bool) -> Iterator[DateTime]:
    """Give the occurrences of a rule from a moment on.

    Args:
        rule: the rule. If its dates have no time zone they are taken as UTC, and compared with
            what clocks show at ``since``, in the zone of ``since``.
        since: the moment.
        included: whether an occurrence at that very moment is one of them.
    """
    begun = next(iter(rule), None)
    if begun is None:
        return
    aware = begun.tzinfo is not None
    lower: datetime = since if aware else since.naive()
    to_moment: Callable[[datetime], DateTime] | None = None
    for at in _after(_near(rule, lower), lower, included):
        if to_moment is None or at.tzinfo is not begun.tzinfo:
            begun, to_moment = at, _moments_in(at.tzinfo)
        yield to_moment(at)


def _after(rule: rrulebase, lower: datetime, included: bool) -> Iterator[datetime]:
    """The occurrences later than a date."""
    rule = _by_days(rule)
    found = iter(by_years(rule, lower) or rule)
    # From there on all are, in whatever zone: they are not compared any more.
    sure = wall_time(lower) + THREE_DAYS
    for at in found:
        if at > lower or (included and at == lower):
            yield at
            if wall_time(at) > sure:
                yield from found


def _moments_in(zone: tzinfo | None) -> Callable[[datetime], DateTime]:
    """A function that makes a moment of a date in a time zone."""
    from zoneinfo import ZoneInfo

    import pendulum

    if zone is None:
        return WallClock(pendulum.timezone("UTC")).of
    named = _named_zone(zone)
    if named is not None:
        return WallClock(named).at
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        clocks = WallClock(pendulum.timezone(zone.key))
        return lambda at: clocks.of(at) if clocks.is_steady(at) else _moment_of(at)
    return _Offsets().moment


class _Offsets:
    """Moments of dates whose time zone is known by its offset alone."""

    def __init__(self) -> None:
        self._known: dict[timedelta | None, WallClock] = {}

    def moment(self, at: datetime) -> DateTime:
        offset = at.utcoffset()
        clocks = self._known.get(offset)
        if clocks is not None:
            return clocks.of(at)
        found = _moment_of(at)
        zone = found.tzinfo
        if zone is not None and has_fixed_offset(zone) and found.utcoffset() == offset:
            self._known[offset] = WallClock(zone)
        return found


def _moment_of(at: datetime) -> DateTime:
    """The moment of a date, shown by the clocks that pendulum has for its zone."""
    import pendulum

    shown_in: Any = moment(at).timezone
    return pendulum.instance(at.astimezone(timezone.utc)).in_timezone(shown_in)


def _named_zone(zone: Any) -> tzinfo | None:
    """The zone of pendulum's for one of its own or of pytz's, whose dates name times on the wall.

    A date with another kind of zone is a moment of its own.
    """
    import pendulum

    if isinstance(zone, pendulum.Timezone):
        return zone
    if hasattr(zone, "localize") and zone.zone is not None:
        found: tzinfo = pendulum.timezone(zone.zone)
        return found
    return None


def _near(rule: Any, lower: datetime) -> Any:
    """The same rule from a later date on: dateutil counts up from the first date each time.

    Only where the dates that follow do not depend on how many there were before, and only by whole
    periods.
    """
    from dateutil.rrule import DAILY, HOURLY, MINUTELY, SECONDLY, WEEKLY, rrule, rruleset

    if type(rule) is rruleset:
        return _set_near(rule, lower)
    periods = {
        WEEKLY: timedelta(weeks=1),
        DAILY: timedelta(days=1),
        HOURLY: timedelta(hours=1),
        MINUTELY: timedelta(minutes=1),
        SECONDLY: timedelta(seconds=1),
    }
    parts: Any = rule
    if type(rule) is not rrule or parts._freq not in periods:
        return rule
    period = periods[parts._freq] * parts._interval
    skipped = (_earliest_shown(parts._tzinfo, lower) - wall_time(parts._dtstart)) // period - 1
    if skipped < 2:
        return rule
    dtstart = parts._dtstart + skipped * period
    if parts._count is None:
        return parts.replace(dtstart=dtstart)
    if any(parts._original_rule.values()):
        return rule
    # each period has one
    return parts.replace(dtstart=dtstart, count=max(0, parts._count - skipped))


def _by_days(rule: rrulebase) -> rrulebase:
    """The same rule as one of days, if it is one of hours, minutes or seconds that names times.

    dateutil goes through all minutes of a day to find the two that match.
    """
    from dateutil.rrule import DAILY, HOURLY, rrule

    parts: Any = rule
    if type(rule) is not rrule or parts._freq < HOURLY or parts._interval != 1 or parts._bysetpos:
        return rule
    hours, minutes, seconds = (
        named or range(length)
        for named, length in ((parts._byhour, 24), (parts._byminute, 60), (parts._bysecond, 60))
    )
    if len(hours) * len(minutes) * len(seconds) > TIMES_OF_A_DAY:
        return rule
    return rule.replace(freq=DAILY, byhour=hours, byminute=minutes, bysecond=seconds)


def _set_near(rules: Any, lower: datetime) -> rrulebase:
    from dateutil.rrule import rruleset

    near = rruleset()
    for rule in rules._rrule:
        near.rrule(_near(rule, lower))
    for rule in rules._exrule:
        near.exrule(_near(rule, lower))
    for at in rules._rdate:
        near.rdate(at)
    for at in rules._exdate:
        near.exdate(at)
    return near


def _earliest_shown(zone: tzinfo | None, at: datetime) -> datetime:
    """What clocks of a zone do not show later than at a moment, also if they change about then."""
    if zone is None:
        return wall_time(at)
    utc = utc_time(at)
    offsets = [zone.utcoffset((utc + n * HALF_DAY).replace(tzinfo=zone)) for n in range(-4, 5)]
    return utc + min(offset or NO_TIME for offset in offsets)
