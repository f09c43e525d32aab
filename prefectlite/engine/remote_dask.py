"""A run's functions on Dask workers: one element's run, and the messages back to the driver."""

from __future__ import annotations

import pickle
import threading
from typing import Any

from prefectlite.engine.remote import (
    Block,
    ElementRun,
    RunRecord,
    SharedRun,
    shared_run,
)
from prefectlite.engine.remote_logs import forwarding_logs
from prefectlite.engine.state import State
from prefectlite.executors.dask_worker import installed, this_worker

# records that nobody waits for are sent together, at the latest after this many seconds
FLUSH_SECONDS = 0.02


def run_element(
    element: int,
    *feeds: Any,
    run: str,
    segment: int,
    link: int = 0,
    attempt: int = 1,
    initial: State | None = None,
    literals: tuple[int, ...] = (),
) -> Block:
    """Run one element of a segment on this worker; tell the driver how it went.

    Args:
        element: The element.
        *feeds: See `ElementRun`.
        run: The run's key.
        segment: The segment's index.
        link: The position of the first task to run.
        attempt: The number of the submission.
        initial: The state the first task starts from.
        literals: The tasks whose states come last among `feeds`, in this order.
    """
    worker = this_worker()
    try:
        shared = shared_run(run, lambda: installed(run))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        record = RunRecord(segment, element, attempt, link, unloadable=reason)
        _outbox(worker).post(run, record, urgent=True)
        return Block()
    outbox = _outbox(worker)
    planned = shared.plan.segments[segment]
    with forwarding_logs(shared, lambda fields: outbox.post(run, fields, urgent=False)):
        running = ElementRun(shared, planned, element, feeds, literals)
        block, record = running.run(link, attempt, initial)
    outbox.post(run, record, urgent=_is_urgent(shared, record))
    return block


def _is_urgent(shared: SharedRun, record: RunRecord) -> bool:
    """Whether something may wait for this record: a length, a retry, the end of the run."""
    segment = shared.plan.segments[record.segment]
    return record.summary is None or bool(segment.measure) or not segment.mapped


class Outbox:
    """What a worker has to tell drivers, sent in groups over the worker's own connection.

    Args:
        worker: The Dask worker.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self._letters: dict[str, list[Any]] = {}
        self._scheduled = False

    def post(self, run: str, letter: Any, urgent: bool) -> None:
        """Send a letter to the driver of a run; at once if it is urgent, else soon."""
        with self._lock:
            self._letters.setdefault(run, []).append(letter)
            if self._scheduled and not urgent:
                return
            self._scheduled = True
        loop = self._worker.loop
        if urgent:
            loop.add_callback(self._flush)
        else:
            loop.add_callback(loop.call_later, FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        with self._lock:
            letters, self._letters = self._letters, {}
            self._scheduled = False
        for run, group in letters.items():
            message = (self._worker.address, group)
            self._worker.log_event(run, pickle.dumps(message, protocol=5))


_outboxes: dict[str, Outbox] = {}


def _outbox(worker: Any) -> Outbox:
    outbox = _outboxes.get(worker.id)
    if outbox is None:
        outbox = _outboxes.setdefault(worker.id, Outbox(worker))
    return outbox


def identity(value: Any) -> Any:
    """A value as it is; puts a large literal on the cluster as one future."""
    return value
