"""Run submissions in the processes of a local pool; values come back to the driver."""

from __future__ import annotations

import pickle
import tempfile
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.events import Event, Finished, GoesOn, Lost, Release, Submit, Waiting
from prefectlite.engine.launchers.feeds import FlatPlaces, flat_places
from prefectlite.engine.launchers.records import RecordKeeper
from prefectlite.engine.launchers.shipping import explain_unloadable, pack_run
from prefectlite.engine.plan import Link, Segment
from prefectlite.engine.portable import dumps
from prefectlite.engine.remote import Block, Seen
from prefectlite.engine.remote_process import run_in_process
from prefectlite.engine.state import State
from prefectlite.exceptions import SerializationError, WorkerLostError
from prefectlite.executors.process_pool import Luggage

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver
    from prefectlite.executors.local_dask import LocalDaskExecutor

MOST_LOST = 2


class ProcessLauncher:
    """Serves executors of local processes; the newest submission goes first.

    Args:
        executor: The started executor.
        driver: The driver of the run.
    """

    submit_ahead = False
    settles = True
    most_ahead: int | None = None
    batched: Collection[int] = ()
    eager = False

    def __init__(self, executor: LocalDaskExecutor, driver: Driver) -> None:
        assert executor.processes is not None
        self._pool = executor.processes
        self._driver = driver
        self._plan = driver.plan
        self._inbox = driver.inbox
        self._records = RecordKeeper(driver)
        self._free = executor.slots + 1
        self._waiting: list[Iterator[tuple[Submit, int]]] = []
        self._lost: dict[tuple[int, int], int] = {}
        self._flat: dict[int, FlatPlaces] = {}
        self._claims: tempfile.TemporaryDirectory[str] | None = None
        self.key = uuid.uuid4().hex
        packed = pickle.dumps(pack_run(driver, self.key, all_values=True), protocol=5)
        self._luggage = Luggage(self.key, packed)

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Take the submission; hand over what there are free slots for."""
        self._waiting.append((submit, element) for element in submit.elements)
        return self._fill()

    def _fill(self) -> list[Event]:
        events: list[Event] = []
        while self._free and self._waiting:
            work = next(self._waiting[-1], None)
            if work is None:
                self._waiting.pop()
                continue
            submit, element = work
            try:
                request = self._request(submit, element)
            except Exception as error:
                events.append(self._fail(submit, element, submit.link, self._unsendable(error)))
                continue
            self._free -= 1
            answer = _Answer(self, submit, element)
            self._pool.call(request, self._message, answer, self._luggage)
        return events

    def _request(self, submit: Submit, element: int) -> bytes:
        segment = self._plan.segments[submit.segment]
        feeds = {
            (upstream, link): self._feed(segment, upstream, link, element)
            for upstream, link in segment.inputs
        }
        previous = None
        if submit.link:
            before = segment.tasks[submit.link - 1]
            previous = Block(None, {before: self._driver.states.get(before, element)})
        initial = self._driver.states.initial(segment.tasks[submit.link :], element)
        numbers = (segment.index, element, submit.link, submit.attempt)
        # once a process has died over it, one by one: it is not the first that kills it
        one_link = (submit.segment, element) in self._lost
        shifted = self._driver.scope.shifted.get(segment.head)
        claims = self._claims_for(segment, element)
        arguments = (self.key, *numbers, feeds, previous, initial, one_link, shifted, claims)
        return dumps((run_in_process, arguments))

    def _claims_for(self, segment: Segment, element: int) -> str | None:
        """The folder in which an element takes its location, where that is not known here."""
        lookup = self._driver.lookup
        if lookup is None or not lookup.finds_late(segment, [element]):
            return None
        if self._claims is None:
            self._claims = tempfile.TemporaryDirectory(prefix="prefectlite-")
        return self._claims.name

    def _feed(self, segment: Segment, upstream: int, link: Link, element: int) -> Any:
        states, runs = self._driver.states, self._driver.run_state.runs[upstream]
        tail = self._plan.segments[upstream].tail
        if runs.ended is not None:
            return states.whole(tail)
        if link is Link.ELEMENT:
            return Block(states.get(tail, element))
        if link in (Link.REDUCE, Link.SHARED_MAP):
            return [Block(state) for state in states.elements(tail)]
        if link is Link.FLAT:
            if upstream not in self._flat:
                self._flat[upstream] = flat_places(runs.tails)
            number, item = self._flat[upstream][element]
            return Block(states.get(tail, number)), item
        if link is Link.ITEM:
            # the item, not all of them: the whole value would travel once for each element
            seen: dict[bool, State] = {}
            for edge in self._plan.tasks[segment.head].edges:
                if edge.upstream == tail and edge.mapped:
                    seen[edge.flattened] = states.seen(edge, element)
            return Seen(seen.get(False), seen.get(True))
        return Block(states.whole(tail))

    def _unsendable(self, error: Exception) -> SerializationError:
        return SerializationError(
            f"Its inputs cannot be pickled, so they cannot be sent to another process: {error}. "
            "Pass something that can, or run the flow with LocalExecutor or threads."
        )

    def _message(self, fields: dict[str, Any]) -> None:
        def log() -> Sequence[Event]:
            self._records.log(fields)
            return ()

        self._inbox.put(log)

    def answer(self, submit: Submit, element: int, answer: Any) -> Sequence[Event]:
        """Take what a process answered; in the driver's thread."""
        self._free += 1
        run = (submit.segment, element)
        if isinstance(answer, WorkerLostError):
            self._lost[run] = self._lost.get(run, 0) + 1
            if self._lost[run] <= MOST_LOST:
                return [Lost(*run, submit.attempt)]
            return [self._fail(submit, element, submit.link, answer)]
        block, record = pickle.loads(answer)
        if record.raised is not None:
            raise record.raised
        if record.unloadable is not None:
            planned = self._plan.tasks[self._plan.segments[run[0]].tasks[submit.link]]
            error = explain_unloadable(self._plan, planned, record.unloadable)
            return [self._fail(submit, element, submit.link, error)]
        self._records.keep(record, None, None, block)
        if record.summary is not None:
            return [Finished(*run, submit.attempt, (record.summary,))]
        if record.goes_on(self._plan.segments[run[0]]):
            return [GoesOn(*run, submit.attempt, record.reached)]
        return [Waiting(*run, submit.attempt, record.reached, record.due)]

    def _fail(self, submit: Submit, element: int, link: int, error: Exception) -> Event:
        segment = self._plan.segments[submit.segment]
        planned = self._plan.tasks[segment.tasks[link]]
        name = planned.run_name(element if segment.mapped else None)
        explained = type(error)(f"Task {name!r} could not be run: {error}")
        return self._records.end_as_failed(segment.index, element, link, explained)[1]

    def together(self, segment: int, waiting: int) -> int:
        """Elements go one by one."""
        return 1

    def release(self, release: Release) -> None:
        """Nothing to release: the states are the caller's."""

    def poll(self) -> Sequence[Event]:
        """Use the slots that the last events left free."""
        return self._fill()

    def cancel(self) -> None:
        """Forget what has not begun, and end what has: the pool may go on for other runs."""
        self._waiting.clear()
        self._forget()

    def collect(self) -> None:
        """All states are in place already; the processes may forget the run."""
        self._forget()

    def _forget(self) -> None:
        self._pool.drop(self._luggage)
        if self._claims is not None:
            self._claims.cleanup()


class _Answer:
    """Brings one answer from a thread of the pool to the driver's thread."""

    def __init__(self, launcher: ProcessLauncher, submit: Submit, element: int) -> None:
        self._launcher = launcher
        self._submit = submit
        self._element = element

    def __call__(self, answer: Any) -> None:
        self._launcher._inbox.put(
            lambda: self._launcher.answer(self._submit, self._element, answer)
        )
