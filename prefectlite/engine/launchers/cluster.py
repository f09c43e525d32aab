"""Submit runs to a Dask cluster with their upstreams' futures, and learn how they went.

Values stay on the workers. What a run came to arrives as a small record in a message; futures are
looked at only for those that died with their worker.
"""

from __future__ import annotations

import pickle
import time
import uuid
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefectlite.core.task import annotations_of
from prefectlite.engine.events import Event, Finished, GoesOn, Release, Submit, Waiting
from prefectlite.engine.feeding import Picked
from prefectlite.engine.launchers.batches import WINDOW, ElementQueue
from prefectlite.engine.launchers.feeds import Feeds
from prefectlite.engine.launchers.losses import Losses
from prefectlite.engine.launchers.records import RecordKeeper
from prefectlite.engine.launchers.shipping import explain_unloadable, pack_run
from prefectlite.engine.plan import Segment
from prefectlite.engine.portable import RemoteResult, is_here, size_of
from prefectlite.engine.remote import Block, RunRecord
from prefectlite.engine.remote_dask import credentials_of, identity, run_batch, run_element
from prefectlite.engine.state import State
from prefectlite.exceptions import ExecutorError, SchedulerLostError
from prefectlite.executors.dask import LOST
from prefectlite.executors.dask_resources import resources_of
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed.client import Future

    from prefectlite.engine.driver import Driver
    from prefectlite.executors.dask import DaskExecutor

# a known value of more bytes becomes one future instead of going to every worker
LITERAL_BYTES = 1 << 20
# more than any segment's depth
DEEPEST = 1 << 20
NO_WORKERS_SECONDS = 30.0
LOOK_SECONDS = 1.0
# a future that is done and has not been told of for so long is taken for lost; before it is told
# of, its files are put on the disk, which may be slow
UNTOLD_SECONDS = 10.0


@dataclass(slots=True)
class _Rows:
    """Runs that go to the cluster in one call."""

    runs: list[tuple[int, int]]
    keys: list[Any]
    cells: list[list[Any]]
    shared: dict[str, Any]
    options: dict[str, Any]


def _numbers(elements: list[int]) -> Collection[int]:
    """Elements in a form in which Dask does not look for futures, one by one."""
    first, last = elements[0], elements[-1]
    if last - first == len(elements) - 1:
        return range(first, last + 1)
    return array("l", elements)


class ClusterLauncher:
    """Serves the Dask executor.

    Args:
        executor: The started executor.
        driver: The driver of the run.
    """

    submit_ahead = True
    eager = False
    settles = True
    most_ahead: int | None = WINDOW
    batched: Collection[int]

    def __init__(self, executor: DaskExecutor, driver: Driver) -> None:
        self._executor = executor
        self._driver = driver
        self._plan = driver.plan
        self._token = uuid.uuid4().hex
        self.key = f"prefectlite-{self._token}"
        self._feeds = Feeds(driver, executor, self.key)
        self._queues: dict[int, ElementQueue] = {}
        self._batch_sizes = {
            segment.index: segment.batch_size or executor.batch_size
            for segment in driver.plan.segments
            if segment.mapped
        }
        self._kept = {
            segment.index
            for segment in driver.plan.segments
            if driver.plan.tasks[segment.tail].task.runs_once
        }
        # Neither batches nor values that the driver keeps can be waited for by one future each.
        batched = {index for index, size in self._batch_sizes.items() if size is not None}
        self.batched = batched | self._kept
        self._flying: dict[tuple[int, int], Future[Any]] = {}
        self._previous: dict[tuple[int, int], Any] = {}
        self._losses = Losses(driver, executor, self._feeds, self._flying, self._fail)
        self._silent: set[tuple[int, int]] = set()
        self._literals: dict[int, Future[Any]] = {}
        # rows to be sent together, by what they must have in common; and of which segments
        self._rows: dict[Any, _Rows] = {}
        self._unsent: set[int] = set()
        self._counted = 0.0
        self._last_slots = 0
        self._looked = self._heard = self._seen = time.monotonic()
        self._warned = False
        self._next_look = 0.0
        self._records = RecordKeeper(driver)
        driver.reporter.lines.hold()
        self._install()

    def _install(self) -> None:
        """Put the run on the workers, its large literals on the cluster as one future each."""
        states = self._driver.states
        large = {
            planned.index
            for planned in self._plan.tasks
            if planned.known
            # what is stored is read by who needs it, and not here to be sent
            and not isinstance(states.whole(planned.index)._held, RemoteResult)
            and size_of(states.whole(planned.index).result) > LITERAL_BYTES
        }
        payload, credentials = pack_run(self._driver, self.key, without=large)
        self._executor.listen(self.key, self._take)
        # whether the scheduler keeps who has which location, once that is asked
        self._claims: bool | None = None
        self._credentials = credentials_of(self.key) if credentials else None
        if self._credentials is not None:
            self._executor.install(self._credentials, pickle.dumps(credentials))
        self._executor.install(self.key, payload)
        for task in large:
            name = f"{self._plan.tasks[task].name}-{self._token}"
            literal = states.whole(task)
            self._literals[task] = self._executor.send(identity, [name], [[literal]], {})[0]

    # submitting

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Send runs with the futures of what they depend on, or have them wait for their turn."""
        segment = self._plan.segments[submit.segment]
        waits_its_turn = segment.mapped and not self._driver.run_state.runs[segment.index].ahead
        alone = submit.link or submit.attempt > 1 or self._initial(segment, submit) is not None
        if not waits_its_turn or alone:
            self._send(segment, submit)
        elif segment.index in self._driver.limited:
            self._send_as_it_is(segment, list(submit.elements))
        else:
            queue = self._queue(segment.index)
            queue.put(submit.elements)
            self._send_from(segment, queue)
        return ()

    def together(self, segment: int, waiting: int) -> int:
        """How many elements of a limited segment go in one future."""
        if self._batch_sizes[segment] is None:
            return 1
        return self._queue(segment).next_size(waiting, self._slots())

    def _queue(self, segment: int) -> ElementQueue:
        queue = self._queues.get(segment)
        if queue is None:
            queue = self._queues[segment] = ElementQueue(self._batch_sizes[segment])
        return queue

    def _send_as_it_is(self, segment: Segment, elements: list[int]) -> None:
        if len(elements) == 1:
            self._send(segment, Submit(segment.index, elements))
        else:
            self._send_batch(segment, elements)

    def _send_from(self, segment: Segment, queue: ElementQueue) -> None:
        """Send what a segment's queue lets go: single elements together, batches one by one."""
        batches = queue.take(self._slots())
        single = [batch[0] for batch in batches if len(batch) == 1]
        if single:
            self._send(segment, Submit(segment.index, single))
        for batch in batches:
            if len(batch) > 1:
                self._send_batch(segment, batch)

    def _send_batch(self, segment: Segment, elements: list[int]) -> None:
        self._send_upstreams(segment)
        literals = self._literals_of(segment)
        arguments = self._feeds.batch(segment, elements)
        arguments += [self._literals[task] for task in literals]
        shared = {"run": self.key, "segment": segment.index, "literals": tuple(literals)}
        self._tell_of_elements(segment, elements, shared)
        key = (self._group(segment), elements[0], "batch", len(elements))
        (future,) = self._executor.send(
            run_batch,
            [key],
            [[_numbers(elements)], *([a] for a in arguments)],
            shared,
            **self._options(segment),
        )
        for position, element in enumerate(elements):
            self._feeds.put(segment.index, element, future, position)
            self._flying[segment.index, element] = future

    def _send(self, segment: Segment, submit: Submit) -> None:
        elements = submit.elements
        self._send_upstreams(segment)
        numbers = [[segment.index] * len(elements), elements]
        columns: list[Sequence[Any]] = [*numbers, *self._feeds.columns(segment, elements)]
        shared: dict[str, Any] = {"run": self.key}
        self._tell_of_elements(segment, elements, shared)
        if segment.index in self._driver.limited:
            shared["urgent"] = True
        literals = self._literals_of(segment)
        if literals:
            shared["literals"] = tuple(literals)
            columns.extend([self._literals[task]] * len(elements) for task in literals)
        if submit.link:
            block, position = self._before(segment, elements[0], submit.link)
            columns.append([block])
            if position is not None:
                columns.append([Picked(position)])
        if submit.link or submit.attempt > 1:
            shared.update(link=submit.link, attempt=submit.attempt)
            if self._losses.is_on_trial((segment.index, elements[0])):
                shared["one_link"] = True
        initial = self._initial(segment, submit)
        if initial is None and len(elements) == 1:
            self._send_soon(segment, submit, columns, shared)
            return
        if initial is None:
            self._send_rows(segment, submit, columns, shared)
            return
        for row, element in enumerate(elements):
            one = Submit(segment.index, (element,), submit.link, submit.attempt)
            cells = [[column[row]] for column in columns]
            self._send_rows(segment, one, cells, {**shared, "initial": initial[row]})

    def _tell_of_elements(
        self, segment: Segment, elements: Sequence[int], shared: dict[str, Any]
    ) -> None:
        """Tell what the workers must know of elements to see to their targets."""
        driver = self._driver
        shifted = driver.scope.shifted.get(segment.head)
        if shifted is not None:
            shared["shifted"] = shifted
        if driver.lookup is None or not driver.lookup.finds_late(segment, elements):
            return
        if self._claims is None:
            self._claims = self._executor.keep_claims(self.key)
        if self._claims:
            shared["claims"] = True

    def _before(self, segment: Segment, element: int, link: int) -> Any:
        """What carries the state before the link that a run goes on from: here, or elsewhere."""
        before = segment.tasks[link - 1]
        state = self._driver.states.get(before, element)
        handle = self._previous.get((segment.index, element))
        if handle is not None and not is_here(state):
            return handle
        return Block(None, {before: state}), None

    def _send_rows(
        self,
        segment: Segment,
        submit: Submit,
        columns: Sequence[Sequence[Any]],
        shared: dict[str, Any],
    ) -> None:
        group = self._group(segment)
        keys = [(group, element, submit.attempt) for element in submit.elements]
        futures = self._executor.send(run_element, keys, columns, shared, **self._options(segment))
        for element, future in zip(submit.elements, futures, strict=True):
            self._feeds.put(segment.index, element, future, None)
            self._flying[segment.index, element] = future

    def _send_soon(
        self,
        segment: Segment,
        submit: Submit,
        columns: Sequence[Sequence[Any]],
        shared: dict[str, Any],
    ) -> None:
        """Send one run together with the others that the same events lead to.

        A call to Dask costs as much for one run as for many.
        """
        options = self._options(segment)
        alike = (len(columns), repr(sorted(options.items())), repr(sorted(shared.items())))
        rows = self._rows.get(alike)
        if rows is None:
            rows = self._rows[alike] = _Rows([], [], [], shared, options)
        if not self._unsent:
            self._driver.inbox.put(self._send_rest)
        self._unsent.add(segment.index)
        element = submit.elements[0]
        rows.runs.append((segment.index, element))
        rows.keys.append((self._group(segment), element, submit.attempt))
        rows.cells.append([column[0] for column in columns])

    def _send_upstreams(self, segment: Segment) -> None:
        """Send what waits to be sent, where a segment needs the futures of it."""
        if self._unsent and any(upstream in self._unsent for upstream, _ in segment.inputs):
            self._send_rest()

    def _send_rest(self) -> Sequence[Event]:
        """Send all that waits to be sent."""
        waiting, self._rows = self._rows, {}
        self._unsent.clear()
        for rows in waiting.values():
            columns = [list(column) for column in zip(*rows.cells, strict=True)]
            futures = self._executor.send(
                run_element, rows.keys, columns, rows.shared, **rows.options
            )
            for run, future in zip(rows.runs, futures, strict=True):
                self._feeds.put(*run, future, None)
                self._flying[run] = future
        return ()

    def _group(self, segment: Segment) -> str:
        """What Dask's dashboard groups a segment's futures under: the name of its first task."""
        name = self._plan.tasks[segment.head].name
        return f"{name}-{self._token[:24]}{segment.index:08x}"

    def _options(self, segment: Segment) -> dict[str, Any]:
        task = self._plan.tasks[segment.head].task
        asked = dict(annotations_of(task))
        resources = {**(resources_of(task.tags) or {}), **asked.pop("resources", {})}
        # what a user asks for counts for more than how deep in the flow a segment is
        priority = segment.depth + asked.pop("priority", 0) * DEEPEST
        return {**asked, "priority": priority, "resources": resources or None}

    def _slots(self) -> int:
        """How many futures the workers run at a time; asked for now and then only."""
        now = time.monotonic()
        if now - self._counted > 5.0 or not self._last_slots:
            self._counted = now
            self._last_slots = self._executor.slots
        return max(self._last_slots, 1)

    def _literals_of(self, segment: Segment) -> list[int]:
        if not self._literals:
            return []
        wanted = {edge.upstream for task in segment.tasks for edge in self._plan.tasks[task].edges}
        return sorted(wanted & self._literals.keys())

    def _initial(self, segment: Segment, submit: Submit) -> list[dict[int, State]] | None:
        """The states to start from, where they are more than Pending."""
        states, tasks = self._driver.states, segment.tasks[submit.link :]
        if submit.attempt == 1 and not any(task in states.given for task in tasks):
            return None
        found = [states.initial(tasks, element) for element in submit.elements]
        return found if any(found) else None

    # what comes back

    def _take(self, message: bytes) -> None:
        self._driver.inbox.put(lambda: self._read(message))

    def _read(self, message: bytes) -> Sequence[Event]:
        worker, letters = pickle.loads(message)
        self._heard = time.monotonic()
        events: list[Event] = []
        for letter in letters:
            if isinstance(letter, list):
                self._came_back(letter)
                for record in letter:
                    events.extend(self._answer(record, worker))
            else:
                self._records.log(letter)
        events.extend(self._losses.next_trial())
        return events

    def _came_back(self, records: list[RunRecord]) -> None:
        """Let the next elements of the segment go in the place of those that are done."""
        index = records[0].segment
        queue = self._queues.get(index)
        if queue is None or records[0].attempt > 1:
            return
        links = [link for record in records for link in record.links]
        queue.measured(len(records), max(links[-1].ended - links[0].began, 0.0) if links else 0.0)
        for record in records:
            queue.is_over(record.element)
        self._send_from(self._plan.segments[index], queue)

    def _answer(self, record: RunRecord, worker: str) -> Sequence[Event]:
        run = (record.segment, record.element)
        run_state = self._driver.run_state
        if run not in self._flying or run_state.attempt(*run) != record.attempt:
            self._losses.came_late(record)
            return ()
        self._flying.pop(run)
        goes_on = record.goes_on(self._plan.segments[run[0]])
        self._losses.answered(run, goes_on)
        handle = self._feeds.get(*run)
        self._silent.discard(run)
        if record.raised is not None:
            raise record.raised
        if record.unloadable is not None:
            return [self._fail(run, record.reached, self._unloadable(record))]
        if record.deferred:
            return self._losses.met_unfinished(run, record.reached)
        self._records.keep(record, handle, worker)
        if record.summary is not None:
            if record.segment in self._kept:
                # from here on the value comes from the driver, whatever happens to the worker
                self._feeds.drop(record.segment, (record.element,))
            return [Finished(*run, record.attempt, (record.summary,))]
        if record.reached:
            self._previous[run] = handle
        if goes_on:
            return [GoesOn(*run, record.attempt, record.reached)]
        return [Waiting(*run, record.attempt, record.reached, record.due)]

    def _unloadable(self, record: RunRecord) -> ExecutorError:
        segment = self._plan.segments[record.segment]
        planned = self._plan.tasks[segment.tasks[record.reached]]
        return explain_unloadable(self._plan, planned, str(record.unloadable))

    def _fail(self, run: tuple[int, int], link: int, error: Exception) -> Event:
        """End one task run as Failed on the driver; what follows in its segment runs on."""
        state, event = self._records.end_as_failed(*run, link, error)
        task = self._plan.segments[run[0]].tasks[link]
        block = Block(state, {task: state})
        if isinstance(event, Finished):
            key = f"failed-{uuid.uuid4().hex}"
            (future,) = self._executor.send(identity, [key], [[block]], {})
            self._feeds.put(*run, future, None)
        else:
            self._previous[run] = (block, None)
        return event

    def fetch(self, task: int, element: int) -> State | None:
        """The state of a task's run with its value, where that stayed on the cluster."""
        segment = self._plan.segment_of[task]
        handle, position = self._feeds.get(segment, element)
        if task != self._plan.segments[segment].tail or isinstance(handle, Block):
            return None
        try:
            block = self._executor.fetch_one(handle)
        except Exception:
            return None
        block = block if position is None else block[position]
        return None if block.tail is None else block.state()

    # what does not come back

    def poll(self) -> Sequence[Event]:
        """Look for futures that died, and for a scheduler that is gone."""
        self._driver.reporter.lines.flush()
        now = time.monotonic()
        if now - self._looked < max(0.2, len(self._flying) * 1e-5):
            return ()
        self._looked = now
        self._check_scheduler()
        if self._flying and now - self._heard > 1.0:
            self._look_for_workers(now)
        events: list[Event] = []
        silent = set()
        for run, future in list(self._flying.items()):
            status = future.status
            if status == "finished":
                silent.add(run)
                if run in self._silent and now - self._heard > UNTOLD_SECONDS:
                    events.extend(self._is_lost(run, None))
            elif status in LOST:
                events.extend(self._is_lost(run, future))
        self._silent = silent
        events.extend(self._losses.next_trial())
        events.extend(self._losses.next_tries())
        self._losses.retry_the_bereft()
        self._losses.free_the_stuck(now - self._heard)
        return events

    def _check_scheduler(self) -> None:
        trouble = self._executor.trouble()
        if trouble:
            raise SchedulerLostError(
                f"{trouble}. The run of flow {self._plan.flow_name!r} ends here with "
                f"{len(self._flying)} task runs unfinished; start it again once the scheduler is "
                "back: what was checkpointed is not run again."
            )

    def _look_for_workers(self, now: float) -> None:
        """Warn of a cluster without fit workers, and give up where a time is set for that."""
        silence, limit = now - self._heard, self._executor.worker_timeout
        if not limit and (self._warned or silence <= NO_WORKERS_SECONDS):
            return
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        missing = self._executor.missing(self._flying.values())
        if missing is None:
            self._warned = self._warned or silence > NO_WORKERS_SECONDS
            self._seen = now
            return
        alone = now - max(self._seen, self._heard)
        waiting = f"{len(self._flying)} task runs of flow {self._plan.flow_name!r}"
        if limit and alone > limit:
            raise ExecutorError(
                f"{waiting} waited {alone:.0f} seconds for a worker: the cluster at "
                f"{self._executor.place()} has {missing}. Start workers, or give them more time by "
                "worker_timeout=; what was checkpointed is not run again."
            )
        if not self._warned and silence > NO_WORKERS_SECONDS:
            self._warned = True
            get_logger("DaskExecutor").warning(
                "%s wait for a worker: the cluster has %s yet.", waiting, missing
            )

    def _is_lost(self, run: tuple[int, int], future: Future[Any] | None) -> Sequence[Event]:
        self._flying.pop(run)
        queue = self._queues.get(run[0])
        if queue is not None and self._driver.run_state.attempt(*run) == 1:
            queue.is_over(run[1])
            self._send_from(self._plan.segments[run[0]], queue)
        return self._losses.lost(run, future)

    # the end

    def release(self, release: Release) -> None:
        """Let the cluster forget blocks that nobody reads any more."""
        self._feeds.drop(release.segment, release.elements)
        for element in release.elements:
            self._previous.pop((release.segment, element), None)

    def cancel(self) -> None:
        """Have nobody run what is still on its way."""
        self._rows.clear()
        for queue in self._queues.values():
            queue.clear()
        self._executor.cancel(self._flying.values())
        self._close()

    def collect(self) -> None:
        """Fetch the values that the caller wants back."""
        self._records.collect(self._executor)
        self._check_scheduler()
        self._close()

    def _close(self) -> None:
        self._driver.reporter.lines.flush()
        self._executor.stop_listening(self.key)
        self._executor.uninstall(self.key)
        if self._credentials is not None:
            self._executor.uninstall(self._credentials)
        for holder in (self._feeds, self._flying, self._previous, self._literals):
            holder.clear()
