"""The processes of the server: ``python -m prefectlite.serving.child`` reads a file or runs a flow.

What to do comes as a line of JSON on the standard input, which stays open: when it ends, the server
is gone, and this process ends as well.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import traceback
from collections import deque
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefectlite.engine.storage.files import write_file

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["inspect_file", "main", "run_flow_of"]

SUCCESS, FAILED, NOT_FINISHED = 0, 1, 3
# So many events are kept of those that were missed, for a server that makes up for them.
MISSED_KEPT = 1000


def main() -> int:
    """Do what the standard input says; the exit status says how it went."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_server, daemon=True).start()
    if order["do"] == "inspect":
        found = inspect_file(order)
        write_file(order["report"], [json.dumps(found).encode()])
        return SUCCESS
    return run_flow_of(order)


def _end_with_server() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        continue
    # the run ends as Cancelled, as it does when the server itself asks for it
    os.kill(os.getpid(), signal.SIGTERM)


def inspect_file(order: dict[str, Any]) -> dict[str, Any]:
    """Execute a file, and say which flows it has and when they are due.

    Args:
        order: ``path``, ``source`` (the file with its text), ``now`` (seconds since 1970),
            ``handled`` (by name and number of a flow: its last event that was seen to) and
            ``limit`` (how many events to tell).

    Returns:
        ``error``, a text or None; ``flows``, for each its ``name``, ``number``, ``error`` and
        ``has_schedule``, and if it has one ``missed`` (events up to now), ``missed_count``,
        ``events`` and ``has_more``.
    """
    try:
        flows = _flows_of(order)
    except BaseException as error:
        return {"error": _told(error, order["path"]), "flows": []}
    return {"error": None, "flows": [_described(flow, n, order) for flow, n in _numbered(flows)]}


def _numbered(flows: list[Flow]) -> list[tuple[Flow, int]]:
    seen: dict[str, int] = {}
    numbered = []
    for flow in flows:
        number = seen.get(flow.name, 0)
        seen[flow.name] = number + 1
        numbered.append((flow, number))
    return numbered


def _flows_of(order: dict[str, Any]) -> list[Flow]:
    """Execute the file; a run that it starts at its top level is left out."""
    from prefectlite.cli.flow_file import execute, flows_in
    from prefectlite.core.flow import Flow
    from prefectlite.engine.state import Pending

    def run(flow: Flow, *_: Any, **__: Any) -> Pending:
        if order["do"] == "inspect":
            flow.logger.info("The file runs this flow itself: left out, since it is served")
        return Pending("Not run: the flow is served.")

    flow_class: Any = Flow
    original = Flow.run
    flow_class.run = run
    try:
        source = Path(order["source"]).read_bytes()
        return flows_in(execute(Path(order["path"]), main_block=False, source=source))
    finally:
        flow_class.run = original


def _described(flow: Flow, number: int, order: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": flow.name, "number": number, "error": None}
    told["has_schedule"] = flow.schedule is not None
    if flow.schedule is None:
        return told
    try:
        told.update(_events_of(flow, number, order))
    except Exception as error:
        told["error"] = f"its schedule cannot be followed: {_told(error, order['path'])}"
    return told


def _events_of(flow: Flow, number: int, order: dict[str, Any]) -> dict[str, Any]:
    from prefectlite.schedules.upcoming import upcoming

    now, limit = order["now"], order["limit"]
    since = order["handled"].get(f"{flow.name}#{number}", now)
    missed: deque[tuple[float, str | None]] = deque(maxlen=MISSED_KEPT)
    missed_count = 0
    events: list[tuple[float, str | None]] = []
    unset: set[str] = set()
    has_more = False
    for event in upcoming(flow.schedule, datetime.fromtimestamp(since, timezone.utc)):
        at = event.start_time.timestamp()
        if at > now and len(events) == limit:
            has_more = True
            break
        told = (at, _pickled(event.parameter_defaults))
        if at <= now:
            missed_count += 1
            missed.append(told)
            continue
        if not events:
            unset = _without_value(flow, event.parameter_defaults)
        events.append(told)
    if unset:
        raise ValueError(
            f"it needs values for {', '.join(sorted(unset))}, and its clocks give none. Add them "
            f"to the clock's parameter_defaults, or give the parameter a default."
        )
    return {
        "missed": list(missed),
        "missed_count": missed_count,
        "events": events,
        "has_more": has_more,
    }


def _without_value(flow: Flow, given: dict[str, Any]) -> set[str]:
    return {
        parameter.name
        for parameter in flow.parameters()
        if parameter.required and parameter.name not in given
    }


def _pickled(values: dict[str, Any]) -> str | None:
    if not values:
        return None
    import cloudpickle

    return base64.b64encode(cloudpickle.dumps(values)).decode()


def run_flow_of(order: dict[str, Any]) -> int:
    """Execute a file and run one of its flows.

    Args:
        order: ``path``, ``source``, ``name`` and ``number`` of the flow, ``at`` (seconds since
            1970), ``parameters`` (pickled, or None) and ``report`` (the file to say in how it
            ended).

    Returns:
        The exit status: 0 success, 1 failed, 3 not finished, such as paused.
    """
    import pickle

    import pendulum

    try:
        flow = next(
            flow
            for flow, number in _numbered(_flows_of(order))
            if (flow.name, number) == (order["name"], order["number"])
        )
        values = pickle.loads(base64.b64decode(order["parameters"])) if order["parameters"] else {}
        start = pendulum.from_timestamp(order["at"])
        state = flow.run(
            parameters=values, run_on_schedule=False, context={"scheduled_start_time": start}
        )
    except BaseException as error:
        traceback.print_exc()
        told = {"state": "Failed", "message": _told(error, order["path"])}
        write_file(order["report"], [json.dumps(told).encode()])
        return FAILED
    assert state is not None
    told = {"state": type(state).__name__, "message": state.message or ""}
    write_file(order["report"], [json.dumps(told).encode()])
    if not state.is_finished():
        return NOT_FINISHED
    return SUCCESS if state.is_successful() else FAILED


def _told(error: BaseException, path: str) -> str:
    """An error in one line, with the line of the user's file that it comes from."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    if isinstance(error, SyntaxError) and error.lineno:
        lines = [error.lineno]
    where = f" (line {lines[-1]})" if lines else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
