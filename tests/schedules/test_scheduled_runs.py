"""`flow.run` follows the flow's schedule, in real time."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

import pendulum
import pytest

import prefectlite
from prefectlite import Flow, Parameter, context, task
from prefectlite.engine.state import Success
from prefectlite.schedules import CronSchedule, Schedule
from prefectlite.schedules.clocks import DatesClock

# Seconds in which a flow is made and its run begun, also on a busy machine.
FIRST = 0.8


def soon(*seconds: float, **parameters: Any) -> DatesClock:
    now = pendulum.now("UTC")
    dates: list[datetime] = [now + timedelta(seconds=FIRST + s) for s in seconds]
    return DatesClock(dates, parameter_defaults=parameters)


def noting(clocks: list[Any], body: Any = None) -> tuple[Flow, list[Any]]:
    seen: list[Any] = []

    @task
    def note(x: int) -> None:
        seen.append((x, context.scheduled_start_time, time.time()))
        if body:
            body()

    with Flow("scheduled", schedule=Schedule(clocks)) as flow:
        note(Parameter("x", default=0))
    return flow, seen


def test_each_event_at_its_time() -> None:
    clock = soon(0, 0.3, x=5)
    flow, seen = noting([clock])
    state = flow.run()
    assert state is not None
    assert state.is_successful()
    assert [(x, due) for x, due, _ in seen] == [(5, date) for date in clock.dates]
    assert all(due.timestamp() <= at for _, due, at in seen)


def test_a_clocks_values_win() -> None:
    flow, seen = noting([soon(0, x=5)])
    flow.run(x=9)
    assert seen[0][0] == 5


def test_two_events_at_one_time_both_run() -> None:
    at = pendulum.now("UTC") + timedelta(seconds=FIRST)
    flow, seen = noting([DatesClock([at], parameter_defaults={"x": x}) for x in (1, 2)])
    flow.run()
    assert sorted(x for x, *_ in seen) == [1, 2]


def test_events_during_a_run_are_left_out() -> None:
    flow, seen = noting([soon(0, 0.1, 1.5)], body=lambda: time.sleep(0.4))
    flow.run()
    assert len(seen) == 2


def test_a_failed_run_does_not_end_it() -> None:
    flow, seen = noting([soon(0, 0.6)], body=lambda: 1 / 0)
    state = flow.run()
    assert state is not None
    assert state.is_failed()
    assert len(seen) == 2


def test_each_run_begins_as_scheduled(caplog: pytest.LogCaptureFixture) -> None:
    flow, _ = noting([soon(0)])
    changes: list[Any] = []
    flow.state_handlers.append(lambda flow, old, new: changes.append(old) or new)
    logger = logging.getLogger("prefectlite")
    logger.propagate = True
    try:
        flow.run(state=Success("left out, since the schedule says when to begin"))
    finally:
        logger.propagate = False
    assert type(changes[0]).__name__ == "Scheduled"
    assert changes[0].start_time == flow.schedule.clocks[0].dates[0]
    assert "Waiting for next scheduled run at" in caplog.text


def test_no_events_left() -> None:
    flow, seen = noting([soon(-5)])
    with pytest.raises(ValueError, match="no more scheduled runs"):
        flow.run()
    assert seen == []


def test_once_if_wanted() -> None:
    flow, seen = noting([soon(-5, x=5)])
    flow.run(run_on_schedule=False)
    prefectlite.config.flows.run_on_schedule = False
    flow.run()
    assert [x for x, *_ in seen] == [0, 0]
    prefectlite.config.flows.run_on_schedule = True
    with pytest.raises(ValueError, match="no more scheduled runs"):
        flow.run()


def test_required_parameters_are_asked_for_as_in_prefect() -> None:
    with Flow("needs", schedule=CronSchedule("0 0 * * *")) as flow:
        Parameter("x")()
    with pytest.raises(ValueError, match="required parameters: x"):
        flow.run()


def test_what_is_no_schedule() -> None:
    flow = Flow("odd", schedule="0 0 * * *")
    with pytest.raises(TypeError, match="must be a prefectlite"):
        flow.run()
