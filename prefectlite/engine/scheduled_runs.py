"""Runs of a flow that follow its schedule, one after the other in the caller's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from prefectlite.engine.state import Scheduled, State

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["follow_schedule", "wait_until"]

# A computer that was asleep, or whose clock was set, is noticed after so many seconds.
LONGEST_SLEEP = 30.0


def follow_schedule(
    flow: Flow,
    parameters: Mapping[str, Any] | None,
    run_once: Callable[[Mapping[str, Any], State, datetime], State],
) -> State:
    """Run a flow at each event of its schedule that comes, until there are no more.

    An event that passes while a run goes on is left out. Several events at one time, such as those
    of two clocks with different parameters, are all run, one after the other.

    Args:
        flow: the flow; it has a schedule.
        parameters: values for its parameters. Those of an event's clock win, as in Prefect 1.
        run_once: runs the flow, with the parameters, the state to start from, and the time at
            which it was to start.

    Returns:
        The state of the last run.

    Raises:
        ValueError: the schedule has no event left to begin with.
    """
    from prefectlite.schedules.upcoming import upcoming

    state: State | None = None
    ended = datetime.now(timezone.utc)
    last: datetime | None = None
    for event in upcoming(flow.schedule, ended):
        at = event.start_time
        if at <= ended and at != last:
            continue
        last = at
        wait_until(at, flow)
        state = run_once(
            {**(parameters or {}), **event.parameter_defaults}, Scheduled(start_time=at), at
        )
        ended = datetime.now(timezone.utc)
    if state is None:
        raise ValueError(
            f"Flow has no more scheduled runs. Its schedule's last event is over: give flow "
            f"{flow.name!r} another schedule, or run it once with "
            f"flow.run(run_on_schedule=False)."
        )
    return state


def wait_until(moment: datetime, flow: Flow) -> None:
    """Wait until a moment that is still to come, and say so in the flow's log.

    Args:
        moment: a date and time with a time zone.
        flow: the flow that waits.
    """
    due = moment.timestamp()
    if due > time.time():
        flow.logger.info("Waiting for next scheduled run at %s", moment.isoformat())
    while (left := due - time.time()) > 0:
        time.sleep(min(left, LONGEST_SLEEP))
