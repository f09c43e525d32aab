"""The worker's side of a run in other processes: what is kept of a run, and one element's run.

A worker gets the plan and all that task runs share once; a task run travels as the numbers of its
segment, element and attempt, with the blocks of its upstreams. It answers with a block, which stays
on the worker, and a small record for the driver.
"""

from __future__ import annotations

import copy
import os
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefectlite.engine.claims import Claims
from prefectlite.engine.messages import EXPANDED, SUCCEEDED
from prefectlite.engine.plan import Link, Plan, PlannedEdge, PlannedTask, Segment, link_between
from prefectlite.engine.portable import Apart, pack_state, packed_apart, portable_exception
from prefectlite.engine.reporting import traceback_of
from prefectlite.engine.result import Result
from prefectlite.engine.segment_run import all_finished, run_segment
from prefectlite.engine.state import Mapped, State, Success
from prefectlite.engine.task_run import RunScope, TaskRun
from prefectlite.engine.upstream import Items, element_state, flat_item, summarise
from prefectlite.engine.usage import Begun, begun, used
from prefectlite.utilities.secrets import remember_secret

WHOLE = -1
Feeds = Mapping[tuple[int, Link], Any]
Change = tuple[str, str | None, float, int, str | None]


@dataclass(slots=True)
class SharedRun:
    """What every process that takes part in a run knows of it; pickled once for each of them.

    `known` holds the states that are there beforehand, by task index; `wanted` the tasks whose
    values the caller wants back whatever their size, and `return_limit` the size in bytes up to
    which it gets the others'. `prelude` does, when it is unpickled, what the rest needs to be read.
    """

    prelude: Any
    key: str
    plan: Plan
    scope: RunScope
    known: Mapping[int, State]
    wanted: frozenset[int]
    returned: frozenset[int]
    return_limit: int
    log_level: int
    driver_process: int = field(default_factory=os.getpid)
    # what elements here have found of known upstreams; each process has its own
    items: dict[int, Items] = field(default_factory=dict, repr=False)
    # and where its elements take locations, once some do
    claims: Claims | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.prelude, self.key, self.plan, self.scope, self.known, self.wanted)
        others = (self.returned, self.return_limit, self.log_level, self.driver_process)
        return SharedRun, (*fields, *others)


@dataclass(slots=True)
class LinkRecord:
    """How one task run of a segment went.

    `changes` are the changes of state: class, message, time, run count and the traceback of a
    failure; None stands for the usual Running and Success. `left_size` is the size of a value that
    did not come along, and `kept` whether the block holds it for the caller. `used` is the
    processor time of the last attempt in seconds, and the peak of the process's memory in bytes.
    """

    task: int
    began: float
    ended: float
    run_count: int
    changes: list[Change] | None
    state: Any = field(repr=False)
    left_size: int | None
    kept: bool
    used: tuple[float, int] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.task, self.began, self.ended, self.run_count, self.changes, self.state)
        return LinkRecord, (*fields, self.left_size, self.kept, self.used)


@dataclass(slots=True)
class RunRecord:
    """How one submission went, for the driver."""

    segment: int
    element: int
    attempt: int
    reached: int
    deferred: bool = False
    links: list[LinkRecord] = field(default_factory=list)
    summary: Any = None
    due: float | None = None
    unloadable: str | None = None
    # what is to be raised on the driver, where the user asked for that
    raised: BaseException | None = None

    def goes_on(self, segment: Segment) -> bool:
        """Whether it stopped between two tasks, the first of which has finished."""
        if self.summary is not None or not self.links or not self.reached:
            return False
        return self.links[-1].task == segment.tasks[self.reached - 1]

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.segment, self.element, self.attempt, self.reached, self.deferred, self.links)
        return RunRecord, (*fields, self.summary, self.due, self.unloadable, self.raised)


@dataclass(slots=True)
class Block:
    """What stays on the worker: the last state for those downstream, values for the caller."""

    # Dask shows the arguments of a function that fails in its log
    tail: Any = field(default=None, repr=False)
    kept: dict[int, State] | None = field(default=None, repr=False)
    # whether all that is kept is small, so that it may be copied to travel
    light: bool = False
    # what the elements of a map over the tail's value have found, in this process
    items: dict[int, Items] | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.light or not self.kept:
            return Block, (self.tail, self.kept)
        # the driver asks for what a user may never look at, so it travels as bytes; but once only
        tail = self.tail
        last = tail[0] if type(tail) is tuple else tail
        same = None
        for task, state in self.kept.items():
            if state is last or (type(tail) is tuple and state._held is last):
                same = task
        packed = {task: packed_apart(state) for task, state in self.kept.items()}
        return _joined, (packed, same, tail if same is None else None)

    def state(self) -> State:
        """The last task's state."""
        if type(self.tail) is tuple:
            return Success(SUCCEEDED, self.tail[0])
        state: State = self.tail
        return state


def _joined(packed: dict[int, Apart], same: int | None, tail: Any) -> Block:
    kept = {task: apart.joined() for task, apart in packed.items()}
    return Block(tail if same is None else kept[same], kept, light=True)


@dataclass(slots=True, frozen=True)
class Seen:
    """What an element sees of an upstream that has no elements, chosen where the value is.

    `plain` is for the edges that map over the value, `flat` for those that flatten it first.
    """

    plain: State | None
    flat: State | None

    def __reduce__(self) -> tuple[Any, ...]:
        return Seen, (self.plain, self.flat)


class ElementRun:
    """One submission's run of one element, on a worker.

    Args:
        shared: What the run is.
        segment: Which segment to run.
        element: Which element of it.
        feeds: The blocks of the upstreams: one for each of the segment's inputs, and for a flat
            one the position after it.
        literals: States of known tasks that did not come with the plan, by task index.
        previous: Where the run goes on from a link, the block that the run before left.
        shifted: From which element on the index may be another one in the next run, see
            `RunScope`; None where it is certain.
        claims: Where the driver does not know all targets, see `RunScope`.
    """

    def __init__(
        self,
        shared: SharedRun,
        segment: Segment,
        element: int,
        feeds: Feeds,
        literals: Mapping[int, State] | None = None,
        previous: Block | None = None,
        shifted: int | None = None,
        claims: Claims | None = None,
    ) -> None:
        self.shared = shared
        self.segment = segment
        self.element = element
        self.states: dict[int, State] = {}
        self.records: list[LinkRecord] = []
        self._feeds = feeds
        self._literals = literals
        self._previous = previous
        self._shifted = shifted
        self._claims = claims
        # what the first task run sees, once it has been looked at
        self._seen: list[State] | None = None
        self._scope = shared.scope
        self._changes: list[Change] = []
        self._began = 0.0
        self._begun: Begun | None = None
        self._run_count = 1

    def run(
        self,
        link: int,
        attempt: int,
        initial: Mapping[int, State] | None,
        scope: RunScope | None = None,
        one_link: bool = False,
    ) -> tuple[Block, RunRecord]:
        """Run the segment's tasks from a link on.

        Args:
            link: The position of the first task to run.
            attempt: The number of the submission.
            initial: The states that tasks start from, by task index; Pending where there is none.
            scope: A copy of the run's scope to use, one for the elements that run one after the
                other; its own by default.
            one_link: Run the one task only.

        Returns:
            The block and the record.
        """
        shared, segment = self.shared, self.segment
        if self._previous is not None:
            self.states.update(self._previous.kept or {})
        if link and segment.tasks[link - 1] not in self.states:
            # what it was to go on from died with its worker, and came to another end when it was
            # made again
            link = 0
        record = RunRecord(segment.index, self.element, attempt, link)
        first = shared.plan.tasks[segment.tasks[link]]
        seen = self.upstream(first, self.element)
        if not all_finished(seen):
            record.deferred = True
            return Block(_not_finished()), record
        self._seen = seen
        end = link + 1 if one_link else None
        record.reached = self._run_links(scope or copy.copy(shared.scope), link, end, initial)
        record.links = self.records
        last = self.states[self.records[-1].task]
        if record.reached == len(segment.tasks):
            record.summary = summarise(last, segment.measure)
        else:
            record.due = getattr(last, "start_timestamp", None)
        return self._block(record), record

    def _run_links(
        self, scope: RunScope, link: int, end: int | None, initial: Mapping[int, State] | None
    ) -> int:
        self._scope = scope
        scope.on_change = self._changed
        scope.edges = self._edges
        scope.claims = self._claims
        if self._shifted is not None:
            scope.shifted = dict.fromkeys(self.segment.tasks, self._shifted)
        try:
            return run_segment(
                scope,
                self.shared.plan,
                self.segment,
                self.element,
                link,
                self.upstream,
                lambda task, element: initial.get(task) if initial else None,
                self._begins,
                self._ends,
                end,
            )
        finally:
            # or the two would hold one another, and all values, until the garbage is collected
            scope.on_change = scope.edges = None
            self._scope = self.shared.scope

    def upstream(self, planned: PlannedTask, element: int) -> list[State]:
        """What a task run sees of its upstreams: one state for each of its edges."""
        seen, self._seen = self._seen, None
        return seen or [self._upstream_state(planned, edge) for edge in planned.edges]

    def _upstream_state(self, planned: PlannedTask, edge: PlannedEdge) -> State:
        plan = self.shared.plan
        upstream = plan.tasks[edge.upstream]
        if upstream.known:
            known = self.shared.known.get(edge.upstream)
            if known is None:
                assert self._literals is not None
                known = self._literals[edge.upstream]
            return element_state(edge, known, self.element, self.shared.items)
        if edge.upstream in self.states:
            return self.states[edge.upstream]
        link = link_between(edge, upstream, planned)
        feed = self._feeds[plan.segment_of[edge.upstream], link]
        if isinstance(feed, Seen):
            seen = feed.flat if edge.flattened else feed.plain
            assert seen is not None
            return seen
        if isinstance(feed, State):
            return element_state(edge, feed, self.element, {})
        if link in (Link.REDUCE, Link.SHARED_MAP):
            return Mapped(EXPANDED, map_states=[block.state() for block in feed])
        if link is Link.FLAT:
            block, position = feed
            whole = block if isinstance(block, State) else block.state()
            return whole if position == WHOLE else flat_item(whole, position)
        state: State = feed.state()
        if link is not Link.ITEM:
            return state
        if feed.items is None:
            feed.items = {}
        return element_state(edge, state, self.element, feed.items)

    def _edges(self, planned: PlannedTask) -> list[Any]:
        return [self.shared.plan.edge(planned.index, i) for i in range(len(planned.edges))]

    def _begins(self, planned: PlannedTask, map_index: int | None) -> None:
        self._changes = []
        self._began = time.time()

    def _changed(self, run: TaskRun, state: State) -> None:
        self._run_count = run.run_count
        if state._running:
            self._begun = begun()
        message = None if state.message is None else str(state.message)
        # a traceback does not survive the way to the driver, its text does
        told = traceback_of(state) if state._failed else None
        self._changes.append((type(state).__name__, message, time.time(), run.run_count, told))

    def _ends(self, planned: PlannedTask, map_index: int | None, state: State) -> None:
        name = planned.run_name(map_index)
        if isinstance(state._held, BaseException):
            state._held = portable_exception(state._held, name)
        elif isinstance(state._held, Result) and isinstance(state._held.value, BaseException):
            state._held.value = portable_exception(state._held.value, name)
        self.states[planned.index] = state
        scope = self._scope
        packed, size = pack_state(state, planned.task.runs_once, scope.admitted)
        scope.admitted = None
        usual = [change[0] for change in self._changes] == ["Running", "Success"]
        ended = None if self._begun is None else used(self._begun)
        self._begun = None
        self.records.append(
            LinkRecord(
                task=planned.index,
                began=self._began,
                ended=time.time(),
                run_count=self._run_count,
                changes=None if usual else self._changes,
                state=packed,
                left_size=size,
                kept=size is not None and self._is_returned(planned, size),
                used=ended,
            )
        )

    def _is_returned(self, planned: PlannedTask, size: int) -> bool:
        shared = self.shared
        if planned.index in shared.wanted:
            return True
        return planned.index in shared.returned and size <= shared.return_limit

    def _block(self, record: RunRecord) -> Block:
        """What others may still ask this worker for."""
        segment = self.segment
        block = Block()
        for link in record.links:
            if link.kept:
                state = self.states[link.task]
                small = (link.left_size or 0) <= self.shared.return_limit
                block.light = small and (block.light or not block.kept) and not _is_stored(state)
                block.kept = block.kept or {}
                block.kept[link.task] = state
        if record.reached < len(segment.tasks):
            block.tail = _not_finished()
            block.light = False
            if record.reached:
                before = segment.tasks[record.reached - 1]
                block.kept = {**(block.kept or {}), before: self.states[before]}
        elif segment.consumers:
            small = bool(record.links) and record.links[-1].left_size is None
            block.tail = _light(self.states[segment.tail], small)
        return block


def _is_stored(state: State) -> bool:
    return isinstance(state._held, Result) and state._held.location is not None


def _light(state: State, is_small: bool) -> Any:
    """A state for those downstream: bare where it is the usual one, by location where stored."""
    held = state._held
    if not isinstance(held, Result):
        usual = type(state) is Success and state.message == SUCCEEDED
        return (held,) if usual else state
    if held.location is not None and held.value is not None and not is_small:
        state = copy.copy(state)
        state._held = held.copy()
        state._held.value = None
    return state


def _not_finished() -> State:
    from prefectlite.engine.state import Pending

    return Pending()


_runs: dict[str, SharedRun] = {}
_lock = threading.Lock()


def shared_run(key: str, payload: Callable[[], bytes | None]) -> SharedRun:
    """The run of a key, unpickled on first use in this process.

    Args:
        key: The run's key.
        payload: Gives the pickled run.

    Raises:
        Exception: The run cannot be unpickled here, for want of a module for instance.
    """
    shared = _runs.get(key)
    if shared is None:
        with _lock:
            shared = _runs.get(key)
            if shared is None:
                pickled = payload()
                if pickled is None:
                    raise LookupError(f"this process was never sent the run {key!r}")
                loaded: SharedRun = pickle.loads(pickled)
                remember_secret(loaded.scope.base_context.get("secrets"))
                shared = _runs[key] = loaded
    return shared


def forget_run(key: str) -> None:
    """Drop what this process keeps of a run."""
    _runs.pop(key, None)
