"""A run as its journal tells it: states, timings, tracebacks, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prefectlite.engine.events import StateChange
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.result import Result
from prefectlite.engine.state import Mapped, Pending, Retrying, Scheduled, State, Success
from prefectlite.runs.description import CONSTANT, PARAMETER
from prefectlite.runs.entries import CHANGE, EMPTY_SUCCESS, FLOW, SUCCESS, WHOLE, Decoder, usage_in
from prefectlite.runs.format import (
    CARRIED,
    CHANGES,
    END,
    HEADER,
    Damage,
    RecordReader,
    check_version,
)
from prefectlite.runs.lock import holder_of
from prefectlite.runs.parameters import unpacked_parameters
from prefectlite.runs.places import END_FILE, RunFolder

_CLASSES: dict[str, type[State]] = {}


@dataclass(frozen=True, slots=True)
class Timing:
    """When one attempt of a task run began and ended, and where.

    Attributes:
        slug, map_index: The task run; `map_index` is None for one that is not an element.
        attempt: Which attempt, from 1.
        began, ended: Unix times in seconds; `ended` is None where it never did.
        worker: The address of the worker; None in process.
        state: The name of the state the attempt came to; "Running" where it never ended.
        processor: The processor time that its thread took, in seconds; None where it never ended,
            took less than a millisecond, or an older version wrote the journal.
        memory: The most memory that its process had had by its end, in bytes; None likewise.
    """

    slug: str
    map_index: int | None
    attempt: int
    began: float
    ended: float | None
    worker: str | None
    state: str
    processor: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a list of runs says of each.

    Attributes:
        run_id: The run's identifier, `flow_run_id` in its context.
        flow_name: The flow's name.
        started, ended: Unix times in seconds; `ended` is None where the run was not seen to end.
        state: The name of the final state; None as long as there is none.
        message: That state's message.
        resumes: The run that this one goes on from, or None.
        held_by: "process N on host H" where a process is at work on it, or None.
        place: Where its journal is.
    """

    run_id: str
    flow_name: str
    started: float
    ended: float | None
    state: str | None
    message: str | None
    resumes: str | None
    held_by: str | None
    place: str

    @property
    def status(self) -> str:
        """The final state, or "Running", or "Interrupted" where nobody is at work on it."""
        return self.state or ("Running" if self.held_by else "Interrupted")


class Run:
    """One run, read from its journal.

    Attributes:
        info: What a list of runs says of it.
        header: The journal's header; empty where it is damaged. See docs/journal.md.
        parameters: The values of the flow's parameters.
        left_out: The parameters that the journal does not hold, and why.
        damage: Where and why the journal is not believed from some byte on, or None.

    Example:
        ```python
        run = prefectlite.runs.load("last")
        [t for t in run.timings if t.state == "Failed"]
        ```
    """

    def __init__(self, folder: RunFolder, run_id: str) -> None:
        self.place = folder.place
        records = RecordReader(folder.journal())
        self.header: dict[str, Any] = {}
        self.is_complete_copy = False
        self._blocks: list[list[Any]] = []
        end: dict[str, Any] = {}
        for fields in records:
            if fields[0] == HEADER and not self.header:
                self.header = fields[1]
                check_version(self.header, folder.place)
            elif fields[0] == CHANGES:
                self._blocks.append(fields)
            elif fields[0] == CARRIED:
                self.is_complete_copy = True
            elif fields[0] == END:
                end = fields[1]
        self.damage: Damage | None = records.damage
        if not self.header:
            self._blocks.clear()
        header = self.header
        self.info = _info(run_id, header, end, holder_of(folder), folder.place)
        self.parameters, self.left_out = unpacked_parameters(header.get("parameters") or {})
        self.tasks: list[list[Any]] = header.get("tasks") or []

    def __repr__(self) -> str:
        info = self.info
        return f"<Run {info.run_id} of flow {info.flow_name!r}: {info.status}>"

    @property
    def run_id(self) -> str:
        """The run's identifier."""
        return self.info.run_id

    @property
    def flow_name(self) -> str:
        """The flow's name."""
        return self.info.flow_name

    def _decoder(self) -> Decoder:
        names = [(str(task[0]), str(task[1])) for task in self.tasks]
        return Decoder(self.run_id, self.info.started, names)

    def changes(self) -> Iterator[StateChange]:
        """Every change of state, task run by task run in the order in which they ended."""
        decoder = self._decoder()
        for block in self._blocks:
            decoder.texts.extend(block[1])
            for entry in block[2]:
                yield from decoder.changes(entry)

    @cached_property
    def latest(self) -> dict[str, dict[int | None, StateChange]]:
        """The last change of each task run: by the task's slug, then by map index or None."""
        found: dict[str, dict[int | None, StateChange]] = {}
        decoder = self._decoder()
        by_task = [found.setdefault(str(task[0]), {}) for task in self.tasks]
        names = [(str(task[1]), str(task[0])) for task in self.tasks]
        start, run_id = self.info.started, self.run_id
        for block in self._blocks:
            decoder.texts.extend(block[1])
            for entry in block[2]:
                kind = entry[0]
                if kind in (SUCCESS, EMPTY_SUCCESS):
                    # by far the most frequent ones, so without the way of `Decoder.changes`
                    task, index = entry[1], entry[2]
                    map_index = None if index == WHOLE else index
                    by_task[task][map_index] = StateChange(
                        run_id,
                        names[task][0],
                        names[task][1],
                        map_index,
                        entry[5],
                        "Success",
                        start + entry[3] + entry[4],
                        decoder.text(entry[6]),
                        decoder.location(entry[7], entry[8]) if len(entry) > 8 else None,
                        SUCCEEDED,
                        None,
                        None,
                        None,
                        kind == EMPTY_SUCCESS,
                        *usage_in(entry, 9),
                    )
                elif kind == CHANGE and entry[1] != FLOW:
                    for change in decoder.changes(entry):
                        by_task[entry[1]][change.map_index] = change
        return {slug: runs for slug, runs in found.items() if runs}

    @cached_property
    def states(self) -> dict[str, State]:
        """The state of each task by its slug; a mapped one's holds those of its elements.

        A value that was stored is not in its state, but its location is:
        `states["total-1"]._result.location`.
        """
        found: dict[str, State] = {}
        for task in self.tasks:
            runs = self.latest.get(str(task[0]))
            if runs:
                found[str(task[0])] = _state_of_task(runs)
            elif task[2] == PARAMETER and task[1] in self.parameters:
                found[str(task[0])] = Success(SUCCEEDED, result=self.parameters[task[1]])
            elif task[2] == CONSTANT:
                found[str(task[0])] = Success()
            else:
                found[str(task[0])] = Pending()
        return found

    @cached_property
    def timings(self) -> list[Timing]:
        """Every attempt of every task run, in the order in which they ended."""
        began: dict[tuple[str | None, int | None], StateChange] = {}
        found = []
        for change in self.changes():
            if change.slug is None:
                continue
            key = (change.slug, change.map_index)
            if change.state == "Running":
                began[key] = change
                continue
            start = began.pop(key, None)
            if start is not None:
                found.append(_timing(start, change))
        found.extend(_timing(start, None) for start in began.values())
        return found

    @cached_property
    def tracebacks(self) -> dict[tuple[str, int | None], str]:
        """The traceback of each task run's last failure, by slug and map index."""
        return {
            (change.slug, change.map_index): change.traceback
            for change in self.changes()
            if change.traceback is not None and change.slug is not None
        }

    def counts(self) -> dict[str, int]:
        """How many task runs are in each state; a mapped task counts by its elements."""
        found: dict[str, int] = {}
        for runs in self.latest.values():
            for index, change in runs.items():
                if index is not None or change.state != "Mapped":
                    found[change.state] = found.get(change.state, 0) + 1
        return found


def _timing(start: StateChange, end: StateChange | None) -> Timing:
    return Timing(
        start.slug or "",
        start.map_index,
        start.attempt,
        start.time,
        None if end is None else end.time,
        start.worker,
        "Running" if end is None else end.state,
        None if end is None else end.processor,
        None if end is None else end.memory,
    )


def _state_of_task(runs: dict[int | None, StateChange]) -> State:
    parent = runs.get(None)
    elements = [index for index in runs if index is not None]
    if not elements:
        assert parent is not None
        if parent.state != "Mapped":
            return state_of(parent)
        return Mapped(parent.message, map_states=[Pending() for _ in range(parent.length or 0)])
    length = max(elements) + 1
    if parent is not None and parent.length is not None:
        length = max(length, parent.length)
    states: list[State] = [Pending() for _ in range(length)]
    for index in elements:
        states[index] = state_of(runs[index])
    return Mapped(None if parent is None else parent.message, map_states=states)


def state_of(change: StateChange) -> State:
    """The state that a change came to.

    Args:
        change: The change. A class of state that is not known here is looked for by what its
            name ends in, and is Pending where there is none.
    """
    if change.state == "Success" and change.location is None:
        return Success(change.message)
    if not _CLASSES:
        _CLASSES.update({c.__name__: c for c in State.children(include_self=True)})
    kind = _CLASSES.get(change.state, Pending)
    state: State = kind(change.message)
    if change.location is not None:
        state._held = Result(location=change.location)
    if isinstance(state, Retrying):
        state.run_count = change.attempt
    if isinstance(state, Scheduled):
        state._start_time = change.due
    if isinstance(state, Mapped) and change.length:
        state._n_map_states = change.length
    return state


def read_info(folder: RunFolder, run_id: str) -> RunInfo:
    """What a list of runs says of one: its header and its end are read, and nothing between."""
    header: dict[str, Any] = {}
    size = 1 << 16
    while True:
        head = folder.head(size)
        for fields in RecordReader(head):
            if fields[0] == HEADER:
                header = fields[1]
            break
        if header or len(head) < size:
            break
        size *= 8
    end: dict[str, Any] = {}
    for fields in RecordReader(folder.get(END_FILE) or b""):
        end = fields[1]
    return _info(run_id, header, end, None if end else holder_of(folder), folder.place)


def _info(
    run_id: str,
    header: dict[str, Any],
    end: dict[str, Any],
    holder: dict[str, Any] | None,
    place: str,
) -> RunInfo:
    started = float(header.get("started") or 0.0)
    held_by = None
    if holder is not None and not end:
        held_by = f"process {holder.get('process')} on host {holder.get('host')}"
    return RunInfo(
        run_id=str(header.get("run") or run_id),
        flow_name=str(header.get("flow") or "?"),
        started=started,
        ended=started + end["ended"] if end.get("ended") is not None else None,
        state=end.get("state") or ("Failed" if end else None),
        message=end.get("message"),
        resumes=header.get("resumes"),
        held_by=held_by,
        place=place,
    )


def wait_for_own_journals(seconds: float = 10.0) -> None:
    """Wait until the runs of this process have their journals, whole if they have ended."""
    from prefectlite.runs.journal import Journal
    from prefectlite.runs.writer import Written, writer

    ended: list[Written] = []
    for written in writer.given():
        if written.has_ended:
            ended.append(written)
        elif isinstance(written, Journal):
            written.wait_until_begun()
    if ended:
        writer.wait_for(ended, seconds)
