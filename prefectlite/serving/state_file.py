"""What a server keeps on disk: who it is, what it has seen to, what is going on; and the status."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefectlite.engine.storage.files import write_file
from prefectlite.exceptions import PrefectException
from prefectlite.serving.plans import ServedFile, ServedFlow, shown

__all__ = ["ServerFolder", "status_text"]


class ServerFolder:
    """The folder of one server, below ``<home_dir>/serve``.

    Args:
        home: the home directory of prefectlite.
        name: the server's name.
    """

    def __init__(self, home: Path, name: str) -> None:
        self.name = name
        self.folder = home / "serve" / name
        self.state = self.folder / "state.json"
        self.sources = self.folder / "sources"
        self.reports = self.folder / "reports"
        self._lock: int | None = None

    def take(self) -> None:
        """Make this process the one server of this name.

        Raises:
            PrefectException: there is another one.
        """
        for folder in (self.sources, self.reports):
            folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise PrefectException(
                f"A server named {self.name!r} is running already (process "
                f"{self.read().get('pid', 'unknown')}). End it, or give this one another name "
                f"with --name."
            ) from None
        self._lock = descriptor
        for report in self.reports.iterdir():
            report.unlink(missing_ok=True)

    def is_taken(self) -> bool:
        """Whether a server of this name is running."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def read(self) -> dict[str, Any]:
        """What the server wrote last; empty if it never did, or if it cannot be read."""
        try:
            found = json.loads(self.state.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(
        self, started: float, stopped: float | None, files: Iterable[ServedFile], running: int
    ) -> None:
        """Write down how things are, whole or not at all."""
        files = list(files)
        state = {
            "name": self.name,
            "pid": os.getpid(),
            "started": started,
            "stopped": stopped,
            "saved": time.time(),
            "running": running,
            "flows": {flow.key: _entry(flow) for file in files for flow in file.flows.values()},
            "problems": {str(file.path): file.problem for file in files if file.problem},
        }
        write_file(str(self.state), [json.dumps(state).encode()])


def _entry(flow: ServedFlow) -> dict[str, Any]:
    return {
        "name": flow.name,
        "file": str(flow.path),
        "handled": flow.handled,
        "next": flow.events[0].at if flow.events else None,
        "running": [
            {"event": run.event.at, "process": run.process.pid, "since": run.started}
            for run in flow.running
        ],
        "queue": [[event.at, event.parameters] for event in (*flow.due, *flow.queue)],
        "last": flow.last,
        "counts": flow.counts,
    }


def status_text(folder: ServerFolder) -> str:
    """Describe a server and its flows, for people.

    Args:
        folder: the server's folder.
    """
    state = folder.read()
    if not state:
        return f"No server named {folder.name!r} has run here."
    name = f"Server {folder.name!r}"
    if folder.is_taken():
        lines = [f"{name}: running since {shown(state['started'])}, process {state['pid']}"]
    elif state["stopped"]:
        lines = [f"{name}: not running, ended {shown(state['stopped'])}"]
    else:
        lines = [
            f"{name}: not running, and it did not end by itself; last sign of it "
            f"{shown(state['saved'])}"
        ]
    flows = state["flows"].values()
    lines.append(f"{len(flows)} flows, {sum(len(flow['running']) for flow in flows)} runs going on")
    for path, problem in state["problems"].items():
        lines.append(f"PROBLEM {path}: {problem}")
    for flow in sorted(flows, key=lambda flow: (flow["next"] or float("inf"), flow["name"])):
        lines += ["", *_flow_lines(flow)]
    return "\n".join(lines)


def _flow_lines(flow: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{n} {what}" for what, n in sorted(flow["counts"].items())) or "none yet"
    lines = [
        f"{flow['name']}  ({flow['file']})",
        f"  next: {shown(flow['next']) if flow['next'] else 'none, the schedule is over'}",
    ]
    lines += [
        f"  running: the event of {shown(run['event'])}, process {run['process']}"
        for run in flow["running"]
    ]
    if flow["queue"]:
        lines.append(
            f"  waiting: {len(flow['queue'])} events, from {shown(flow['queue'][0][0])} on"
        )
    last = flow["last"]
    if last:
        lines.append(
            f"  last: the event of {shown(last['event'])} ended as {last['state']} after "
            f"{last['seconds']:.1f} s{': ' + last['message'] if last['message'] else ''}"
        )
    return [*lines, f"  so far: {counts}"]
