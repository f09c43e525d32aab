"""Submit runs to a Dask cluster with their upstreams' futures, and learn how they went.

Values stay on the workers. What a run came to arrives as a small record in a message; futures are
looked at only for those that died with their worker.
"""

from __future__ import annotations

import pickle
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.events import Deferred, Event, Finished, Lost, Release, Submit, Waiting
from prefectlite.engine.launchers.records import RecordKeeper
from prefectlite.engine.launchers.shipping import explain_unloadable, pack_run
from prefectlite.engine.plan import Link, Segment
from prefectlite.engine.portable import size_of
from prefectlite.engine.remote import WHOLE, Block, RunRecord, gather_blocks
from prefectlite.engine.remote_dask import identity, run_element
from prefectlite.engine.run_state import flat_items
from prefectlite.engine.state import Failed, State
from prefectlite.engine.upstream import summarise
from prefectlite.exceptions import ExecutorError, WorkerLostError
from prefectlite.executors.dask import LOST, resources_of
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed.client import Future

    from prefectlite.engine.driver import Driver
    from prefectlite.executors.dask import DaskExecutor

# a known value of more bytes becomes one future instead of going to every worker
LITERAL_BYTES = 1 << 20
# how often a submission that got lost is sent again before its task run fails
MOST_LOST = 2
NO_WORKERS_SECONDS = 30.0


class ClusterLauncher:
    """Serves the Dask executor.

    Args:
        executor: The started executor.
        driver: The driver of the run.
    """

    submit_ahead = True
    eager = False

    def __init__(self, executor: DaskExecutor, driver: Driver) -> None:
        self._executor = executor
        self._driver = driver
        self._plan = driver.plan
        self._token = uuid.uuid4().hex
        self.key = f"prefectlite-{self._token}"
        self._handles: dict[int, dict[int, Future[Any]]] = {
            s.index: {} for s in self._plan.segments
        }
        self._flying: dict[tuple[int, int], Future[Any]] = {}
        self._gathered: dict[int, Future[Any]] = {}
        self._previous: dict[tuple[int, int], Any] = {}
        self._lost: dict[tuple[int, int], int] = {}
        self._silent: set[tuple[int, int]] = set()
        self._literals: dict[int, Future[Any]] = {}
        self._flat: dict[int, list[tuple[int, int]]] = {}
        self._looked = self._heard = time.monotonic()
        self._warned = False
        self._records = RecordKeeper(driver)
        self._install()

    def _install(self) -> None:
        """Put the run on the workers, its large literals on the cluster as one future each."""
        states = self._driver.states
        large = {
            planned.index
            for planned in self._plan.tasks
            if planned.known and size_of(states.whole(planned.index).result) > LITERAL_BYTES
        }
        payload = pack_run(self._driver, self.key, without=large)
        self._executor.listen(self.key, self._take)
        self._executor.install(self.key, payload)
        for task in large:
            name = f"{self._plan.tasks[task].name}-{self._token}"
            literal = states.whole(task)
            self._literals[task] = self._executor.send(identity, [name], [[literal]], {})[0]

    # submitting

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Send runs with the futures of what they depend on."""
        segment, elements = self._plan.segments[submit.segment], submit.elements
        columns: list[Sequence[Any]] = [elements]
        for upstream, link in segment.inputs:
            columns.extend(self._feed(upstream, link, elements))
        shared: dict[str, Any] = {"run": self.key, "segment": segment.index}
        literals = self._literals_of(segment)
        if literals:
            shared["literals"] = tuple(literals)
            columns.extend([self._literals[task]] * len(elements) for task in literals)
        if submit.link:
            columns.append([self._previous[segment.index, element] for element in elements])
        if submit.link or submit.attempt > 1:
            shared.update(link=submit.link, attempt=submit.attempt)
        initial = self._initial(segment, submit)
        if initial is None:
            self._send(segment, submit, columns, shared)
            return ()
        for row, element in enumerate(elements):
            one = Submit(segment.index, (element,), submit.link, submit.attempt)
            cells = [[column[row]] for column in columns]
            self._send(segment, one, cells, {**shared, "initial": initial[row]})
        return ()

    def _send(
        self,
        segment: Segment,
        submit: Submit,
        columns: Sequence[Sequence[Any]],
        shared: dict[str, Any],
    ) -> None:
        head = self._plan.tasks[segment.head]
        group = f"{head.name}-{self._token[:24]}{segment.index:08x}"
        futures = self._executor.send(
            run_element,
            [(group, element, submit.attempt) for element in submit.elements],
            columns,
            shared,
            priority=segment.depth,
            resources=resources_of(head.task.tags),
        )
        handles, flying = self._handles[segment.index], self._flying
        for element, future in zip(submit.elements, futures, strict=True):
            handles[element] = flying[segment.index, element] = future

    def _feed(self, upstream: int, link: Link, elements: Sequence[int]) -> list[Sequence[Any]]:
        """The argument columns that carry the blocks of one upstream segment."""
        ended = self._driver.run_state.runs[upstream].ended
        if ended is not None:
            state = self._driver.states.whole(self._plan.segments[upstream].tail)
            return [[state] * len(elements)]
        handles = self._handles[upstream]
        if link is Link.ELEMENT:
            return [[handles[element] for element in elements]]
        if link is Link.REDUCE:
            return [[[handles[element] for element in sorted(handles)]]]
        if link is Link.SHARED_MAP:
            return [[self._gather(upstream)] * len(elements)]
        if link is Link.FLAT:
            places = self._flat_places(upstream)
            blocks = [handles[places[element][0]] for element in elements]
            return [blocks, [places[element][1] for element in elements]]
        return [[handles[0]] * len(elements)]

    def _gather(self, upstream: int) -> Future[Any]:
        """The blocks of all elements as one future, for the many elements that share them."""
        handles = self._handles[upstream]
        key = f"gather-{self._token[:16]}{uuid.uuid4().hex[:16]}"
        blocks = [handles[element] for element in sorted(handles)]
        return self._executor.send(gather_blocks, [key], [[blocks]], {})[0]

    def _flat_places(self, upstream: int) -> list[tuple[int, int]]:
        """For each element of a flattened map: which upstream element, and which item of it."""
        if upstream not in self._flat:
            places = []
            for element, tail in enumerate(self._driver.run_state.runs[upstream].tails):
                count = flat_items(tail)
                whole = not tail.successful or tail.skipped or tail.length in (None, -1)
                places += [(element, WHOLE if whole else item) for item in range(count)]
            self._flat[upstream] = places
        return self._flat[upstream]

    def _literals_of(self, segment: Segment) -> list[int]:
        if not self._literals:
            return []
        wanted = {edge.upstream for task in segment.tasks for edge in self._plan.tasks[task].edges}
        return sorted(wanted & self._literals.keys())

    def _initial(self, segment: Segment, submit: Submit) -> list[State] | None:
        """The states to start from, where they are more than Pending."""
        task = segment.tasks[submit.link]
        if submit.attempt == 1 and task not in self._driver.states.given:
            return None
        return [self._driver.states.get(task, element) for element in submit.elements]

    # what comes back

    def _take(self, message: bytes) -> None:
        self._driver.inbox.put(lambda: self._read(message))

    def _read(self, message: bytes) -> Sequence[Event]:
        worker, letters = pickle.loads(message)
        self._heard = time.monotonic()
        events: list[Event] = []
        for letter in letters:
            if isinstance(letter, RunRecord):
                events.extend(self._answer(letter, worker))
            else:
                self._records.log(letter)
        return events

    def _answer(self, record: RunRecord, worker: str) -> Sequence[Event]:
        run = (record.segment, record.element)
        run_state = self._driver.run_state
        if run not in self._flying or run_state.attempt(*run) != record.attempt:
            return ()
        future = self._flying.pop(run)
        self._silent.discard(run)
        if record.unloadable is not None:
            return [self._fail(run, record.reached, self._unloadable(record))]
        if record.deferred:
            return [Deferred(*run, record.attempt, record.reached)]
        self._records.keep(record, future, worker)
        if record.summary is not None:
            return [Finished(*run, record.attempt, (record.summary,))]
        self._previous[run] = future
        return [Waiting(*run, record.attempt, record.reached, record.due)]

    def _unloadable(self, record: RunRecord) -> ExecutorError:
        segment = self._plan.segments[record.segment]
        planned = self._plan.tasks[segment.tasks[record.reached]]
        return explain_unloadable(self._plan, planned, str(record.unloadable))

    def _fail(self, run: tuple[int, int], link: int, error: Exception) -> Event:
        """End one task run as Failed on the driver; what follows in its segment runs on."""
        segment = self._plan.segments[run[0]]
        task = segment.tasks[link]
        state = Failed(str(error), result=error)
        self._records.failed(task, run[1], state)
        attempt = self._driver.run_state.attempt(*run)
        block = Block(state, {task: state})
        if link == len(segment.tasks) - 1:
            self._handles[run[0]][run[1]] = self._executor.send(
                identity, [f"failed-{uuid.uuid4().hex}"], [[block]], {}
            )[0]
            return Finished(*run, attempt, (summarise(state, segment.measure),))
        self._previous[run] = block
        return Waiting(*run, attempt, link + 1, time.time())

    # what does not come back

    def poll(self) -> Sequence[Event]:
        """Look for futures that died, and for a scheduler that is gone."""
        now = time.monotonic()
        if now - self._looked < max(0.2, len(self._flying) * 1e-5):
            return ()
        self._looked = now
        trouble = self._executor.trouble()
        if trouble:
            raise ExecutorError(
                f"{trouble}. The run of flow {self._plan.flow_name!r} ends here with "
                f"{len(self._flying)} task runs unfinished; start it again once the scheduler is "
                "back: what was checkpointed is not run again."
            )
        if self._flying and now - self._heard > NO_WORKERS_SECONDS and not self._warned:
            self._warn_if_no_workers()
        events: list[Event] = []
        silent = set()
        for run, future in list(self._flying.items()):
            status = future.status
            if status == "finished":
                silent.add(run)
                if run in self._silent and now - self._heard > 2.0:
                    events.append(self._is_lost(run, None))
            elif status in LOST:
                events.append(self._is_lost(run, future))
        self._silent = silent
        return events

    def _warn_if_no_workers(self) -> None:
        self._warned = True
        if not self._executor.has_workers():
            get_logger("DaskExecutor").warning(
                "%s task runs of flow %r wait for a worker: the cluster has none yet.",
                len(self._flying),
                self._plan.flow_name,
            )

    def _is_lost(self, run: tuple[int, int], future: Future[Any] | None) -> Event:
        """A submission ended without an answer: its upstream's fault, a worker's, or its own."""
        self._flying.pop(run)
        attempt = self._driver.run_state.attempt(*run)
        error = future.exception() if future is not None and future.status == "error" else None
        if future is not None and self._upstream_is_lost(run):
            return Deferred(*run, attempt, self._link(run))
        self._lost[run] = self._lost.get(run, 0) + 1
        if error is None and self._lost[run] <= MOST_LOST:
            return Lost(*run, attempt)
        return self._fail(run, self._link(run), self._explain(run, error))

    def _link(self, run: tuple[int, int]) -> int:
        return self._driver.run_state.runs[run[0]].links.get(run[1], 0)

    def _upstream_is_lost(self, run: tuple[int, int]) -> bool:
        runs = self._driver.run_state
        return any(
            other in self._flying and self._flying[other].status in LOST
            for other in runs.direct_upstreams(*run)
        )

    def _explain(self, run: tuple[int, int], error: BaseException | None) -> Exception:
        segment = self._plan.segments[run[0]]
        planned = self._plan.tasks[segment.tasks[self._link(run)]]
        name = planned.name if not segment.mapped else f"{planned.name}[{run[1]}]"
        if type(error).__name__ == "KilledWorker":
            return WorkerLostError(
                f"Task {name!r} was given up: each worker that ran it died ({error}). It ran out "
                "of memory, crashed, or ended its process. Give the workers more memory, return "
                "or read less at a time, or look into the workers' logs."
            )
        return ExecutorError(
            f"Task {name!r} could not be run on the cluster: {error!r}."
            if error is not None
            else f"Task {name!r} got lost on the cluster."
        )

    # the end

    def release(self, release: Release) -> None:
        """Let the cluster forget blocks that nobody reads any more."""
        handles = self._handles[release.segment]
        for element in release.elements:
            handles.pop(element, None)
            self._previous.pop((release.segment, element), None)

    def cancel(self) -> None:
        """Have nobody run what is still on its way."""
        self._executor.cancel(self._flying.values())
        self._close()

    def collect(self) -> None:
        """Fetch the values that the caller wants back."""
        self._records.collect(self._executor)
        self._close()

    def _close(self) -> None:
        self._executor.stop_listening(self.key)
        self._executor.uninstall(self.key)
        for holder in (self._handles, self._flying, self._previous, self._literals):
            holder.clear()
