"""What the server knows: its options, the events to come, the flows it serves and their runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

__all__ = ["Event", "Options", "Run", "ServedFile", "ServedFlow", "shown"]


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    paths: tuple[Path, ...]
    name: str = "default"
    # What becomes of an event whose flow is still running: skip, queue or allow.
    overlap: str = "skip"
    # What becomes of events that were missed: skip, last or all.
    catch_up: str = "skip"
    # How many runs go on at once.
    workers: int = 4
    # Seconds that runs get to end by themselves when the server ends.
    grace: float = 30.0
    # Seconds after which an event that is due counts as missed.
    late: float = 60.0
    # Seconds that a file may take to be read.
    load_timeout: float = 60.0
    as_prefect: bool = False


@dataclass(frozen=True, order=True)
class Event:
    """A moment at which a flow is due."""

    # Seconds since 1970.
    at: float
    # The clock's values for parameters, pickled, as text; None if there are none.
    parameters: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return shown(self.at)


@dataclass
class Run:
    """One run of a flow in a process of its own."""

    flow: ServedFlow
    event: Event
    process: Any
    started: float
    report: Path


@dataclass
class ServedFlow:
    """A flow that is served, under the file and name by which it is found again."""

    name: str
    path: Path
    # Which of the flows of this name in the file it is, from 0.
    number: int = 0
    # The text of the file as it was loaded, which is what runs.
    source: Path | None = None
    events: deque[Event] = field(default_factory=deque)
    # Whether the schedule has more events than these.
    has_more: bool = False
    # Events that wait for the run before them, and those that wait for a free worker.
    queue: deque[Event] = field(default_factory=deque)
    due: deque[Event] = field(default_factory=deque)
    running: list[Run] = field(default_factory=list)
    # The last event that was run, skipped or told as missed.
    handled: float = 0.0
    last: dict[str, Any] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    is_over: bool = False

    @property
    def key(self) -> str:
        """What the flow is called in the state file."""
        return f"{self.path}::{self.name}" + (f"#{self.number}" if self.number else "")

    def count(self, what: str, by: int = 1) -> None:
        """Count something that happened to this flow."""
        self.counts[what] = self.counts.get(what, 0) + by

    def __str__(self) -> str:
        return f"Flow {self.name!r} ({self.path.name})"


@dataclass
class ServedFile:
    """A file whose flows are served."""

    path: Path
    # Why its text, as it is now, is not what is served; None if it is.
    problem: str | None = None
    flows: dict[str, ServedFlow] = field(default_factory=dict)


def shown(at: float) -> str:
    """A moment as the log and the status show it, in UTC."""
    moment = datetime.fromtimestamp(at, timezone.utc)
    return moment.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
