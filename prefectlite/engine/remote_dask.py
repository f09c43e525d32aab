"""A run's functions on Dask workers: one element's run, and the messages back to the driver."""

from __future__ import annotations

import copy
import functools
import pickle
import threading
import time
from collections.abc import Awaitable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefectlite.engine.claims import Claims, SchedulerClaims
from prefectlite.engine.feeding import batch_feeds, block_at, element_feeds
from prefectlite.engine.plan import Link
from prefectlite.engine.remote import (
    Block,
    ElementRun,
    RunRecord,
    SharedRun,
    shared_run,
)
from prefectlite.engine.remote_cancel import ends_with_its_run, is_over
from prefectlite.engine.remote_logs import forwarding_logs
from prefectlite.engine.state import State
from prefectlite.engine.storage.credentials import take_over
from prefectlite.engine.storage.files import folders_synced_later, sync_folders
from prefectlite.engine.tree_reduce import reduce_part
from prefectlite.executors.dask_worker import has_more_to_run, installed, this_worker

# records that nobody waits for are sent together, so many seconds after the first of them; later
# while the worker has more to run, for each message costs the scheduler and the driver time too
SOON_SECONDS = 0.02
LATEST_SECONDS = 0.1


def credentials_of(run: str) -> str:
    """The name under which the credentials of a run are installed."""
    return f"{run}-credentials"


def _payload(run: str) -> bytes | None:
    credentials = installed(credentials_of(run))
    if credentials is not None:
        take_over(pickle.loads(credentials))
    return installed(run)


@ends_with_its_run
def run_element(
    segment: int,
    element: int,
    *cells: Any,
    run: str,
    link: int = 0,
    attempt: int = 1,
    urgent: bool = False,
    initial: Mapping[int, State] | None = None,
    literals: tuple[int, ...] = (),
    one_link: bool = False,
    shifted: int | None = None,
    claims: bool = False,
) -> Block:
    """Run one element of a segment on this worker; tell the driver how it went.

    Args:
        segment: The segment's index.
        element: The element.
        *cells: See `element_feeds`; after them the states of `literals`, and where the run goes on
            from a link the block that the run before left.
        run: The run's key.
        link: The position of the first task to run.
        attempt: The number of the submission.
        urgent: Whether the driver waits for the end of this run, as where there are limits.
        initial: The states that tasks start from, by task index.
        literals: The known tasks whose states come as cells.
        one_link: Run the one task only, to find which of a chain it is that kills its worker.
        shifted: See `ElementRun`.
        claims: Whether the scheduler keeps who has which location.
    """
    worker = this_worker()
    outbox = _outbox(worker)
    try:
        shared = shared_run(run, lambda: _payload(run))
    except Exception as error:
        outbox.post(run, [_unloadable(error, segment, element, attempt, link)], urgent=True)
        return Block()
    shared.scope.interrupted = functools.partial(is_over, run)
    planned = shared.plan.segments[segment]
    feeds, rest = element_feeds(planned, cells)
    large = dict(zip(literals, rest, strict=False))
    before = rest[len(literals) :]
    previous = block_at(before[0], before[1].position if before[1:] else None) if before else None
    taken = _claims(shared, worker, run) if claims else None
    with _reporting(shared, run, outbox) as folders:
        running = ElementRun(shared, planned, element, feeds, large, previous, shifted, taken)
        try:
            block, record = running.run(link, attempt, initial, one_link=one_link)
        except Exception as error:
            block, record = Block(), RunRecord(segment, element, attempt, link, raised=error)
    urgent = urgent or _is_urgent(shared, record)
    outbox.post(run, [record], urgent=urgent, folders=folders)
    return block


@ends_with_its_run
def run_batch(
    elements: Collection[int],
    *arguments: Any,
    run: str,
    segment: int,
    literals: tuple[int, ...] = (),
    shifted: int | None = None,
    claims: bool = False,
) -> list[Block]:
    """Run several elements of a segment on this worker, one after the other.

    Args:
        elements: The elements.
        *arguments: See `batch_feeds`; after them the states of `literals`.
        run: The run's key.
        segment: The segment's index.
        literals: The known tasks whose states come as arguments.
        shifted: See `ElementRun`.
        claims: Whether the scheduler keeps who has which location.

    Returns:
        One block an element.
    """
    worker = this_worker()
    outbox = _outbox(worker)
    try:
        shared = shared_run(run, lambda: _payload(run))
    except Exception as error:
        records = [_unloadable(error, segment, element, 1, 0) for element in elements]
        outbox.post(run, records, urgent=True)
        return [Block() for _ in elements]
    shared.scope.interrupted = functools.partial(is_over, run)
    planned = shared.plan.segments[segment]
    feeds, rest = batch_feeds(planned, elements, arguments)
    large = dict(zip(literals, rest, strict=True))
    blocks, records, scope = [], [], copy.copy(shared.scope)
    taken = _claims(shared, worker, run) if claims else None
    with _reporting(shared, run, outbox) as folders:
        for element, feed in zip(elements, feeds, strict=True):
            try:
                running = ElementRun(shared, planned, element, feed, large, None, shifted, taken)
                block, record = running.run(0, 1, None, scope)
            except Exception as error:
                block, record = Block(), RunRecord(segment, element, 1, 0, raised=error)
            blocks.append(block)
            records.append(record)
    outbox.post(run, records, urgent=True, folders=folders)
    return blocks


@ends_with_its_run
def reduce_elements(values: Any, places: Any, run: str, segment: int) -> list[Block]:
    """Run an associative task on this worker over a part of what it reduces, see `reduce_part`."""
    return reduce_part(shared_run(run, lambda: _payload(run)), segment, values, places)


def _claims(shared: SharedRun, worker: Any, run: str) -> Claims:
    """Where elements that run here take locations: a silent scheduler is waited for once by all."""
    claims = shared.claims
    if not isinstance(claims, SchedulerClaims) or claims.worker is not worker:
        claims = shared.claims = SchedulerClaims(worker, run)
    return claims


@contextmanager
def _reporting(shared: SharedRun, run: str, outbox: Outbox) -> Iterator[set[str]]:
    """Send log lines on; gives the folders that the disk must know of before records are sent."""
    with (
        forwarding_logs(shared, lambda fields: outbox.post(run, fields, urgent=False)),
        folders_synced_later() as folders,
    ):
        yield folders


def _unloadable(error: Exception, segment: int, element: int, attempt: int, link: int) -> RunRecord:
    reason = f"{type(error).__name__}: {error}"
    return RunRecord(segment, element, attempt, link, unloadable=reason)


def _is_urgent(shared: SharedRun, record: RunRecord) -> bool:
    """Whether something may wait for this record: a length, a retry, a map, the end of the run.

    Tasks that were sent with this one's future do not: a fan of them is told of in groups.
    """
    segment = shared.plan.segments[record.segment]
    if record.summary is None or segment.measure:
        return True
    if segment.mapped:
        return False
    links = {consumer.link for consumer in segment.consumers}
    return not links or not links <= {Link.PLAIN}


class Outbox:
    """What a worker has to tell drivers, sent in groups over the worker's own connection.

    Args:
        worker: The Dask worker.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self._letters: dict[str, list[Any]] = {}
        self._folders: set[str] = set()
        # when the first of the letters was posted, and whether somebody will look after them
        self._since = 0.0
        self._is_looking = False

    def post(self, run: str, letter: Any, urgent: bool, folders: Collection[str] = ()) -> None:
        """Send a letter to the driver of a run; at once if it is urgent, else soon.

        Args:
            run: The run's key.
            letter: What to send.
            urgent: Whether somebody may wait for it.
            folders: Where it tells of new files: the disk is told of them first, of those of many
                letters at a time.
        """
        loop = self._worker.loop
        with self._lock:
            if not self._letters:
                self._since = time.monotonic()
            self._letters.setdefault(run, []).append(letter)
            self._folders.update(folders)
            if not urgent:
                if not self._is_looking:
                    self._is_looking = True
                    loop.add_callback(loop.call_later, SOON_SECONDS, self._look)
                return
        loop.add_callback(self._flush)

    def _look(self) -> Awaitable[None] | None:
        """Send what there is, unless the worker is busy and there will be more soon."""
        with self._lock:
            waits = time.monotonic() - self._since < LATEST_SECONDS
            if self._letters and waits and has_more_to_run(self._worker):
                self._worker.loop.call_later(SOON_SECONDS, self._look)
                return None
            self._is_looking = False
        return self._flush()

    def _flush(self) -> Awaitable[None] | None:
        with self._lock:
            letters, self._letters = self._letters, {}
            folders, self._folders = self._folders, set()
        if folders:
            return self._send_after_sync(letters, folders)
        self._send(letters)
        return None

    async def _send_after_sync(self, letters: dict[str, list[Any]], folders: set[str]) -> None:
        await self._worker.loop.run_in_executor(None, sync_folders, folders)
        self._send(letters)

    def _send(self, letters: dict[str, list[Any]]) -> None:
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
