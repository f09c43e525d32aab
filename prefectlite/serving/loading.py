"""Reading the served files, each in a process of its own, and what has become of their flows."""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefectlite.engine.storage.files import write_file
from prefectlite.serving.plans import Event, Options, ServedFile, ServedFlow, shown
from prefectlite.serving.processes import Child, end, start_child
from prefectlite.serving.state_file import ServerFolder

__all__ = ["Loader"]

# So many events of a flow are known ahead; the file is read again when few are left.
EVENTS_AHEAD = 200
FEW_EVENTS = 20
# Files that are read at once.
READERS = 2


@dataclass
class _Reading:
    path: Path
    source: Path
    asked: float
    # Only more events are wanted, of flows that are known.
    is_refill: bool
    process: Child | None = None
    report: Path | None = None
    started: float = 0.0


class Loader:
    """Reads files, and keeps the flows of each up to date.

    Args:
        options: the server's options.
        folder: the server's folder.
        log: where to tell what is found.
        files: the served files by path; changed here.
        earlier: what the state file said of flows when the server started, by key.
        missed: called with a flow, the events it missed, and how many there were.
    """

    def __init__(
        self,
        options: Options,
        folder: ServerFolder,
        log: logging.Logger,
        files: dict[Path, ServedFile],
        earlier: dict[str, Any],
        missed: Callable[[ServedFlow, list[Event], int], None],
    ) -> None:
        self.options = options
        self.folder = folder
        self.log = log
        self.files = files
        self.earlier = earlier
        self.missed = missed
        self.readings: list[_Reading] = []

    def ask_for_all(self, now: float) -> None:
        """Read all files of the command line again."""
        paths = self._paths()
        for path in [path for path in self.files if path not in paths]:
            self.log.warning("%s is no longer there", path)
            self._drop(self.files.pop(path).flows.values())
        for path in paths:
            self._ask(path, now)

    def _paths(self) -> list[Path]:
        """The files that are meant, in order; a folder means the Python files in it."""
        found: dict[Path, None] = {}
        for path in self.options.paths:
            inside = sorted(path.glob("*.py")) if path.is_dir() else [path]
            found.update((one.resolve(), None) for one in inside if one.exists())
            if not path.exists():
                self.log.error("%s: there is no such file", path)
        return list(found)

    def _ask(self, path: Path, now: float) -> None:
        served = self.files.setdefault(path, ServedFile(path))
        try:
            text = path.read_bytes()
        except OSError as error:
            self._problem(served, f"it cannot be read: {error}")
            return
        source = self.folder.sources / f"{hashlib.sha256(text).hexdigest()[:32]}.py"
        if not source.exists():
            write_file(str(source), [text])
        self.readings = [old for old in self.readings if old.path != path or old.process]
        self.readings.append(_Reading(path, source, now, is_refill=False))

    def ask_for_more(self, now: float) -> None:
        """Read the files again whose flows have few known events left."""
        asked = {reading.path for reading in self.readings}
        for path, file in self.files.items():
            for flow in file.flows.values():
                few = flow.has_more and len(flow.events) <= FEW_EVENTS
                if few and path not in asked and flow.source is not None:
                    asked.add(path)
                    self.readings.append(_Reading(path, flow.source, now, is_refill=True))

    def look(self, now: float) -> bool:
        """Start readings, and take what others have found; whether there was anything new."""
        going_on = [reading for reading in self.readings if reading.process]
        news = False
        for reading in going_on:
            assert reading.process is not None
            if reading.process.poll() is not None:
                self.readings.remove(reading)
                self._take(reading)
                news = True
            elif now - reading.started > self.options.load_timeout:
                end(reading.process, signal.SIGKILL)
        busy = {reading.path for reading in self.readings if reading.process}
        for reading in self.readings:
            if len(busy) < READERS and reading.path not in busy:
                busy.add(reading.path)
                self._start(reading)
        return news

    def stop(self) -> None:
        """End all readings."""
        for reading in self.readings:
            if reading.process:
                end(reading.process, signal.SIGKILL)
                reading.process.wait()
        self.readings.clear()

    def _start(self, reading: _Reading) -> None:
        reading.started = time.time()
        reading.report = self.folder.reports / f"file-{time.monotonic_ns()}.json"
        order = {
            "do": "inspect",
            "path": str(reading.path),
            "source": str(reading.source),
            "now": reading.asked,
            "handled": self._handled(reading.path),
            "limit": EVENTS_AHEAD,
            "report": str(reading.report),
        }
        reading.process = start_child(order, self.options.as_prefect)

    def _handled(self, path: Path) -> dict[str, float]:
        """The last event seen to of each flow of a file, by its name and number."""
        known = {
            key: float(entry["handled"])
            for key, entry in self.earlier.items()
            if entry["file"] == str(path) and entry["handled"]
        }
        by_name = {}
        for key, handled in known.items():
            name, _, number = key.removeprefix(f"{path}::").partition("#")
            by_name[f"{name}#{number or 0}"] = handled
        for flow in self.files[path].flows.values() if path in self.files else ():
            by_name.pop(f"{flow.name}#{flow.number}", None)
        return by_name

    def _take(self, reading: _Reading) -> None:
        served = self.files.get(reading.path)
        if served is None:
            return
        assert reading.report is not None
        assert reading.process is not None
        try:
            found = json.loads(reading.report.read_bytes())
            reading.report.unlink()
        except FileNotFoundError:
            status = reading.process.returncode
            why = f"reading it ended its process (exit status {status})"
            if status == -signal.SIGKILL:
                why = f"reading it took longer than {self.options.load_timeout:g} s"
            found = {"error": why, "flows": []}
        if found["error"]:
            self._problem(served, found["error"])
            return
        if not found["flows"] and not reading.is_refill:
            self._problem(served, "there is no flow in it")
            return
        served.problem = served.problem if reading.is_refill else None
        sources = {flow.source for flow in served.flows.values()}
        if sources == {reading.source} and not reading.is_refill:
            self.log.info("%s: unchanged, %d flows", served.path, len(served.flows))
        described = {}
        for told in found["flows"]:
            flow = ServedFlow(told["name"], reading.path, told["number"], source=reading.source)
            described[flow.key] = told
            self._update(served, flow, told, reading)
        if not reading.is_refill:
            gone = [flow for key, flow in served.flows.items() if key not in described]
            self._drop(gone)
            served.flows = {key: f for key, f in served.flows.items() if key in described}

    def _problem(self, served: ServedFile, why: str) -> None:
        served.problem = why
        kept = f"; what was loaded of it before is kept: {_named(served)}" if served.flows else ""
        self.log.error("%s: %s%s", served.path, why, kept)

    def _drop(self, flows: Iterable[ServedFlow]) -> None:
        for flow in flows:
            self.log.info("%s: removed, it is no longer served", flow)
            flow.events.clear()
            flow.queue.clear()
            flow.due.clear()
            flow.has_more = False

    def _update(
        self, served: ServedFile, flow: ServedFlow, told: dict[str, Any], reading: _Reading
    ) -> None:
        """Take over what a reading says of one flow."""
        old = served.flows.get(flow.key)
        if told["error"]:
            self.log.error("%s: %s%s", flow, told["error"], "; as before" if old else "")
            served.problem = f"flow {flow.name!r}: {told['error']}"
            return
        if not told["has_schedule"]:
            if not reading.is_refill:
                self.log.warning("%s: it has no schedule, and is left out", flow)
            if old is not None:
                self._drop([old])
                del served.flows[flow.key]
            return
        events = [Event(at, parameters) for at, parameters in told["events"]]
        if old is None:
            served.flows[flow.key] = flow
            self._begin(flow, told, reading)
            self._told_next("new", flow, events)
        elif reading.is_refill:
            flow = old
        elif old.source != reading.source:
            self._told_next("changed", old, events)
        flow = served.flows[flow.key]
        flow.source = reading.source
        flow.has_more = told["has_more"]
        flow.events = deque(event for event in events if event.at > flow.handled)
        flow.is_over = not flow.events

    def _begin(self, flow: ServedFlow, told: dict[str, Any], reading: _Reading) -> None:
        """A flow that was not served before, by this process at least."""
        flow.handled = reading.asked
        entry = self.earlier.pop(flow.key, None)
        if entry is None:
            return
        flow.last, flow.counts = entry["last"], dict(entry["counts"])
        for run in entry["running"]:
            self.log.warning(
                "%s: the run of %s was going on when the server ended, and was ended with it",
                flow,
                shown(run["event"]),
            )
            flow.count("ended with the server")
        missed = [Event(at, parameters) for at, parameters in (*entry["queue"], *told["missed"])]
        if missed:
            self.missed(flow, missed, len(entry["queue"]) + told["missed_count"])

    def _told_next(self, what: str, flow: ServedFlow, events: list[Event]) -> None:
        if events:
            self.log.info("%s: %s, next run at %s", flow, what, events[0])
        else:
            self.log.warning("%s: %s, and its schedule has no event left", flow, what)


def _named(served: ServedFile) -> str:
    return ", ".join(flow.name for flow in served.flows.values())
