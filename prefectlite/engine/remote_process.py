"""One element's run in a process of the local pool."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

from prefectlite.engine.claims import FolderClaims
from prefectlite.engine.portable import dumps
from prefectlite.engine.remote import Block, ElementRun, Feeds, RunRecord, forget_run, shared_run
from prefectlite.engine.remote_logs import forwarding_logs
from prefectlite.engine.state import State
from prefectlite.engine.storage.credentials import take_over
from prefectlite.executors.process_pool import on_drop, send_message, take_luggage

# what the run is goes with its luggage
on_drop(forget_run)


def _payload(run: str) -> bytes | None:
    packed = take_luggage(run)
    if packed is None:
        return None
    payload, credentials = pickle.loads(packed)
    take_over(credentials)
    return bytes(payload)


def run_in_process(
    run: str,
    segment: int,
    element: int,
    link: int,
    attempt: int,
    feeds: Feeds,
    previous: Block | None,
    initial: Mapping[int, State] | None,
    one_link: bool = False,
    shifted: int | None = None,
    claims: str | None = None,
) -> bytes:
    """Run one element of a segment.

    Args:
        run: The run's key, and the name of the luggage with the pickled `SharedRun` and its
            credentials.
        segment: The segment's index.
        element: The element.
        link: The position of the first task to run.
        attempt: The number of the submission.
        feeds: See `ElementRun`.
        previous: See `ElementRun`.
        initial: The states that tasks start from, by task index.
        one_link: Run the one task only, to find which of a chain it is that kills its process.
        shifted: See `ElementRun`.
        claims: The folder in which elements take their locations.

    Returns:
        The pickled block and record.
    """
    try:
        shared = shared_run(run, lambda: _payload(run))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return dumps((None, RunRecord(segment, element, attempt, link, unloadable=reason)))
    with forwarding_logs(shared, send_message):
        planned = shared.plan.segments[segment]
        taken = FolderClaims(claims) if claims else None
        running = ElementRun(shared, planned, element, feeds, None, previous, shifted, taken)
        try:
            block, record = running.run(link, attempt, initial, one_link=one_link)
        except Exception as error:
            block, record = Block(), RunRecord(segment, element, attempt, link, raised=error)
    return dumps((block, record))
