"""The events that are to be waited for: what `Schedule.next` gives, without its limits."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from prefectlite.schedules.clocks import ClockEvent
from prefectlite.schedules.schedules import Schedule

__all__ = ["upcoming"]

# A clock that is asked after a change of the clocks can begin an hour or two late (see
# IntervalClock); an event before the moment can be adjusted to a time after it.
LOOK_BACK = timedelta(hours=3)
LOOK_BACK_IF_ADJUSTED = timedelta(days=8)
# Filters that let nothing through for so many events, and so long, are taken to do so for ever.
MISSES = 10_000
TIME_OF_MISSES = timedelta(days=366)


def upcoming(schedule: Any, after: datetime) -> Iterator[ClockEvent]:
    """Give all events of a schedule later than a moment, one by one, in order of their times.

    Each is given once: events at the same time are different only in parameters or labels.

    Args:
        schedule: the schedule, or another object with its method ``next``.
        after: the moment, not included, with a time zone.

    Raises:
        TypeError: it is no schedule.
    """
    if not isinstance(schedule, Schedule):
        yield from _asked_for(schedule, after)
        return
    order = count()
    waiting: list[tuple[datetime, int, ClockEvent]] = []
    last: ClockEvent | None = None
    for at, event in _adjusted_events(schedule, after):
        # What follows is adjusted to no earlier time than its own, so these come first.
        while waiting and waiting[0][0] < at:
            first = heapq.heappop(waiting)[2]
            if first != last:
                yield first
            last = first
        if event is not None and event.start_time > after:
            heapq.heappush(waiting, (event.start_time, next(order), event))
    while waiting:
        first = heapq.heappop(waiting)[2]
        if first != last:
            yield first
        last = first


def _adjusted_events(
    schedule: Schedule, after: datetime
) -> Iterator[tuple[datetime, ClockEvent | None]]:
    """The time of each event and the event as adjusted; None if it does not pass."""
    back = LOOK_BACK_IF_ADJUSTED if schedule.adjustments else LOOK_BACK
    begin = after - back
    previous: ClockEvent | None = None
    misses, last_match = 0, after
    for event in heapq.merge(*[clock.all_events(begin) for clock in schedule.clocks]):
        if event == previous:
            continue
        previous, at = event, event.start_time
        if not schedule.passes(at):
            misses += 1
            if misses > MISSES and at - last_match > TIME_OF_MISSES:
                return
            yield at, None
            continue
        misses, last_match = 0, at
        if schedule.adjustments or at > after:
            yield at, schedule.adjusted(event)


def _asked_for(schedule: Any, after: datetime) -> Iterator[ClockEvent]:
    if not callable(getattr(schedule, "next", None)):
        raise TypeError(
            f"A flow's schedule must be a prefectlite.schedules.Schedule; received {schedule!r}."
        )
    while True:
        found = schedule.next(1, after=after, return_events=True)
        if not found:
            return
        yield found[0]
        after = max(after, found[0].start_time)
