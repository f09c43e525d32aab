"""The journal of one run while it goes on: takes its changes of state, and has them written."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prefectlite._version import __version__
from prefectlite.engine.active_runs import FlowRun
from prefectlite.engine.events import StateChange
from prefectlite.engine.plan import Plan
from prefectlite.engine.reporting import is_empty
from prefectlite.engine.result import Result
from prefectlite.engine.state import Mapped, Scheduled, State
from prefectlite.runs.description import describe
from prefectlite.runs.entries import Encoder
from prefectlite.runs.format import CARRIED, END, HEADER, MAJOR, MINOR, record
from prefectlite.runs.lock import Lock
from prefectlite.runs.parameters import packed_parameters, scrubber, secret_texts
from prefectlite.runs.places import CANCEL, END_FILE, RunFolder, folder_name, runs_folder
from prefectlite.runs.retention import look_for_old_runs
from prefectlite.runs.writer import writer
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.executors.base import Executor

# failures are on the disk before anything else happens, what finished well at the latest after
SYNC_SECONDS = 1.0
CANCEL_SECONDS = 1.0
# a run that stores values waits for the beginning of its journal, so long at most
BEGIN_SECONDS = 5.0
# a journal that cannot be written is tried again, and keeps so much in memory until then
RETRY_SECONDS = 5.0
MOST_BYTES_KEPT = 64 << 20

_DATES = ("date", "scheduled_start_time", "yesterday", "today", "tomorrow")


class Journal:
    """Writes one run's journal.

    Args:
        folder: The run's folder.
        header: Makes the header's fields; called in the writing thread.
        run: The run, to be told of a request to cancel it.
        carried: States that the run starts from.
        start: The Unix time of its start.
        secrets: Texts that must not be written.
    """

    def __init__(
        self,
        folder: RunFolder,
        header: Callable[[], dict[str, Any]],
        run: FlowRun,
        carried: Callable[[], list[StateChange]],
        start: float,
        secrets: set[str],
    ) -> None:
        self.folder = folder
        self.step_seconds = folder.flush_seconds
        self.has_ended = False
        # set once the beginning is written, or cannot be
        self.has_begun = threading.Event()
        self.changes: deque[StateChange] = deque()
        # the engine's threads do no more than this
        self.take = self.changes.append
        self._header = header
        self._run = run
        self._carried = carried
        self._start = start
        self._scrub = scrubber(secrets)
        self._encoder: Encoder | None = None
        self._lock = Lock(folder, run.flow_run_id)
        self._holds = False
        self._unwritten: list[bytes] = []
        self._gave_up = False
        self._needs_sync = self._is_unsynced = False
        self._synced = self._looked = time.monotonic()
        self._retry = 0.0
        self._warned = False
        self._final: State | None = None

    def wait_until_begun(self) -> None:
        """Wait until the journal names the run, or cannot be written.

        A value that is stored before that would not be found again if the process were killed.
        """
        if not self.has_begun.is_set() and not writer.is_this_thread():
            writer.hurry(self)
            self.has_begun.wait(BEGIN_SECONDS)

    def end(self, final: State | None) -> None:
        """The run has ended; None where it ended by an exception."""
        self._final = final
        self.has_ended = True
        writer.hurry(self)

    def step(self) -> bool:
        """Write what there is; called by the writing thread only."""
        ends = self.has_ended
        try:
            self._gather(ends)
            # what can be written again by now is not lost because the run ends before the next try
            if self._unwritten and (ends or time.monotonic() >= self._retry):
                self._write(ends)
            if not self._warned:
                self._look_around(ends)
        except Exception as error:
            self._degrade(error)
        if ends:
            self._close()
        return not ends

    def _gather(self, ends: bool) -> None:
        """Turn what came in to records."""
        if self._gave_up:
            self.changes.clear()
            return
        records = []
        if self._encoder is None:
            header = self._header()
            numbers = {task[0]: number for number, task in enumerate(header["tasks"])}
            self._encoder = Encoder(numbers, self._start, self._scrub)
            records.append(record(HEADER, header))
            # those that the run starts from, and the word that these are all
            records.extend(self._encoder.take(change) for change in self._carried())
            records += [self._encoder.flush(), record(CARRIED)]
        encoder, changes = self._encoder, self.changes
        for _ in range(len(changes)):
            change = changes.popleft()
            if change.traceback is not None or change.state in _FAILURES:
                self._needs_sync = True
            records.append(encoder.take(change))
        records.append(encoder.flush())
        if ends:
            records.append(record(END, self._end_fields()))
            self._needs_sync = True
        data = b"".join(records)
        if data:
            self._unwritten.append(data)
            if sum(map(len, self._unwritten)) > MOST_BYTES_KEPT and len(self._unwritten) > 1:
                # what comes after a gap could not be read, so it ends here
                self._unwritten.pop()
                self._gave_up = True

    def _write(self, ends: bool) -> None:
        if not self._holds:
            self._lock.begin()
            self._holds = True
        now = time.monotonic()
        sync = self._needs_sync or now - self._synced >= SYNC_SECONDS
        self.folder.append(b"".join(self._unwritten), sync)
        self._unwritten.clear()
        self.has_begun.set()
        self._is_unsynced = not sync
        if sync:
            self._needs_sync, self._synced = False, now
        if ends:
            self.folder.put(END_FILE, record(END, self._end_fields()))
        if self._warned:
            self._warned = False
            get_logger("runs").info("The journal in %s is written again.", self.folder.place)

    def _look_around(self, ends: bool) -> None:
        """Say that this process is there, and look for a request to cancel the run."""
        now = time.monotonic()
        if self._is_unsynced and now - self._synced >= SYNC_SECONDS:
            self.folder.sync()
            self._is_unsynced, self._synced = False, now
        if ends or now - self._looked < CANCEL_SECONDS:
            return
        self._looked = now
        self._lock.step()
        if CANCEL in self.folder.names():
            self.folder.remove(CANCEL)
            get_logger("runs").warning("Run %s is asked to end.", self._run.flow_run_id)
            self._run.cancel()

    def _end_fields(self) -> dict[str, Any]:
        final = self._final
        message = None if final is None or final.message is None else str(final.message)
        return {
            "state": None if final is None else type(final).__name__,
            "message": None if message is None else self._scrub(message),
            "ended": time.time() - self._start,
        }

    def _degrade(self, error: Exception) -> None:
        """Say once that the journal is not written, and go on without."""
        self._retry = time.monotonic() + RETRY_SECONDS
        self.has_begun.set()
        if not self._warned:
            self._warned = True
            get_logger("runs").warning(
                "The journal of run %s cannot be written to %s: %s. The run goes on; if it is "
                "interrupted, it can be resumed from what was written before.",
                self._run.flow_run_id,
                self.folder.place,
                error,
            )

    def _close(self) -> None:
        self._lock.release()
        self.folder.close()
        if self._warned:
            # the folder is in no state to be tidied, and that was said
            return
        try:
            look_for_old_runs()
        except Exception as error:
            get_logger("runs").warning("Old runs could not be removed: %r", error)


_FAILURES = frozenset({"Failed", "TimedOut", "TriggerFailed", "ValidationFailed", "Retrying"})


def open_journal(
    plan: Plan,
    given: Mapping[int, State],
    values: Mapping[str, Any],
    executor: Executor,
    run: FlowRun,
) -> Journal | None:
    """Begin the journal of a run.

    Args:
        plan: The run's plan.
        given: The states it starts from, by task index.
        values: The context of the run.
        executor: Where it runs.
        run: The run.

    Returns:
        The journal; None where `runs.journal` of the configuration says that there is none.
    """
    settings = context.config.get("runs") or {}
    if not settings.get("journal", True):
        return None
    start = time.time()
    secrets = secret_texts({"secrets": context.get("secrets")}) | secret_texts(values)
    # the driver puts the states of elements that run in the place of those that were given
    start_states = {
        task: list(state.map_states) if isinstance(state, Mapped) else state
        for task, state in given.items()
    }
    parents = {task: state for task, state in given.items() if isinstance(state, Mapped)}

    def header() -> dict[str, Any]:
        return {
            "format": [MAJOR, MINOR],
            "run": run.flow_run_id,
            "started": start,
            **describe(plan),
            "parameters": packed_parameters(values.get("parameters") or {}, secrets),
            "dates": {name: str(values[name]) for name in _DATES if name in values},
            "executor": type(executor).__name__,
            "versions": _versions(),
            "host": socket.gethostname(),
            "process": os.getpid(),
            "resumes": values.get("resumes"),
        }

    def carried() -> list[StateChange]:
        return list(_carried(plan, start_states, parents, run.flow_run_id, start))

    runs = runs_folder()
    journal = Journal(
        runs.open(folder_name(run.flow_run_id, start)), header, run, carried, start, secrets
    )
    # a short run is over by then, and does not share the interpreter with its journal
    writer.add(journal, journal.step_seconds)
    return journal


def stores_values(plan: Plan, flow_result: Result | None) -> bool:
    """Whether a run may store values.

    Args:
        plan: The run's plan.
        flow_result: Where tasks without a result of their own keep their values.
    """
    if context.config.flows.checkpointing is False:
        return False
    return any(
        (flow_result if planned.task.result is None else planned.task.result) is not None
        for planned in plan.tasks
        if not planned.known
    )


def _versions() -> dict[str, str]:
    versions = {"prefectlite": __version__, "python": sys.version.split()[0]}
    for name in ("dask", "distributed"):
        module = sys.modules.get(name)
        if module is not None:
            versions[name] = str(getattr(module, "__version__", "?"))
    return versions


def _carried(
    plan: Plan,
    states: Mapping[int, Any],
    parents: Mapping[int, Mapped],
    run_id: str,
    moment: float,
) -> Any:
    """Changes that say which states a run starts from."""
    for task, found in states.items():
        planned = plan.tasks[task]
        name, slug = planned.name, planned.slug
        if task in parents:
            parent = StateChange(run_id, name, slug, None, 1, "Mapped", moment)
            parent.message = parents[task].message
            if all(state._finished for state in found):
                # else the map is expanded once more, and only then is its length known for sure
                parent.length = len(found)
            yield parent
        elements = enumerate(found) if task in parents else ((None, found),)
        for index, state in elements:
            if not state._finished and not isinstance(state, Scheduled):
                continue
            yield _carried_change(state, StateChange(run_id, name, slug, index, 1, "", moment))


def _carried_change(state: State, change: StateChange) -> StateChange:
    change.state = type(state).__name__
    change.message = None if state.message is None else str(state.message)
    change.attempt = getattr(state, "run_count", 1)
    held = state._held
    if isinstance(state, Scheduled):
        change.due = state.start_timestamp
    elif held is None:
        change.empty = True
    elif isinstance(held, Result):
        change.location, change.empty = held.location, is_empty(held)
    return change
