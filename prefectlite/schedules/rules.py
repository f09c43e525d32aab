"""Recurrence rules of dateutil: their occurrences from a moment on, without those long past."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from prefectlite.schedules.moments import (
    at_wall_time,
    moment,
    pendulum_class,
    wall_time,
)

if TYPE_CHECKING:
    from dateutil.rrule import rrulebase
    from pendulum import DateTime

__all__ = ["occurrences"]


def occurrences(rule: rrulebase, since: DateTime, included: bool) -> Iterator[DateTime]:
    """Give the occurrences of a rule from a moment on.

    Args:
        rule: the rule. If its dates have no time zone they are taken as UTC, and compared with
            what clocks show at ``since``, in the zone of ``since``.
        since: the moment.
        included: whether an occurrence at that very moment is one of them.
    """
    import pendulum

    begun = next(iter(rule), None)
    if begun is None:
        return
    aware = begun.tzinfo is not None
    lower: datetime = since if aware else since.naive()
    make = pendulum_class()
    for at in _near(rule, lower).xafter(lower, inc=included):
        zone = _named_zone(at.tzinfo)
        if zone is not None:
            yield at_wall_time(zone, wall_time(at), make)
        elif aware:
            shown_in: Any = moment(at).timezone
            yield pendulum.instance(at.astimezone(timezone.utc)).in_timezone(shown_in)
        else:
            yield moment(at)


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


def _near(rule: rrulebase, lower: datetime) -> rrulebase:
    """The same rule from a later date on: dateutil counts up from the first date each time.

    Only where the dates that follow do not depend on how many there were before, and only by whole
    periods.
    """
    from dateutil.rrule import DAILY, HOURLY, MINUTELY, SECONDLY, WEEKLY, rrule

    periods = {
        WEEKLY: timedelta(weeks=1),
        DAILY: timedelta(days=1),
        HOURLY: timedelta(hours=1),
        MINUTELY: timedelta(minutes=1),
        SECONDLY: timedelta(seconds=1),
    }
    parts: Any = rule
    if type(rule) is not rrule or parts._count is not None or parts._freq not in periods:
        return rule
    period = periods[parts._freq] * parts._interval
    # two days' margin: the clocks of two zones differ by less
    skipped = (wall_time(lower) - wall_time(parts._dtstart) - timedelta(days=2)) // period
    if skipped < 2:
        return rule
    return rule.replace(dtstart=parts._dtstart + skipped * period)
