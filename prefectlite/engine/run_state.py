"""The state of one run: events in, instructions out.

Pure: no I/O, no clock, no executor, no values. One machine serves every executor. An executor that
resolves dependencies by itself gets a run as soon as what it depends on was *submitted*
(`submit_ahead`), the others as soon as it *finished*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prefectlite.engine.events import (
    UNMAPPABLE,
    Cancelled,
    Confirmed,
    Deferred,
    EndParent,
    Event,
    Expand,
    Finish,
    Finished,
    GoesOn,
    Instruction,
    Lost,
    Release,
    Started,
    StartTimer,
    Submit,
    Summary,
    TimerDue,
    Waiting,
)
from prefectlite.engine.messages import NOTHING_TO_MAP, SKIPPED_UPSTREAM, UNMAPPABLE_RESULT
from prefectlite.engine.plan import Link, Plan, PlannedTask, Segment

MISSING, SUBMITTED, RESTING, DEFERRED, DONE = range(5)


_MAPPED = Summary()


@dataclass(slots=True)
class Runs:
    """The runs of one segment.

    `gate` counts what stands between now and the one run, or for a mapped segment its expansion;
    `missing[i]` what element i alone waits for.
    """

    segment: Segment
    gate: int
    length: int | None = None
    ended: Summary | None = None
    status: bytearray = field(default_factory=bytearray)
    ready: bytearray = field(default_factory=bytearray)
    missing: list[int] | None = None
    unready: int = 0
    unfinished: int = 0
    tails: list[Summary] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    links: dict[int, int] = field(default_factory=dict)
    waits: dict[int, int] = field(default_factory=dict)
    readers: int = 0
    element_readers: list[int] = field(default_factory=list)
    # whether those downstream may be submitted as soon as these runs are
    ahead: bool = False

    @property
    def settled(self) -> bool:
        """Whether no run of the segment is still to come."""
        return self.length is not None and self.unfinished == 0


@dataclass(slots=True, frozen=True)
class Progress:
    """How many tasks of a segment are done on an element, and what the last of them came to."""

    links: int
    tail: Summary


class RunState:
    """Decides what to do next; see the module's docstring.

    Args:
        plan: The run's plan.
        known: The summaries of the plan's known tasks, by task index.
        submit_ahead: Whether the executor takes runs whose upstreams were submitted only.
        waits_for_timers: Whether a run that rests until a time counts as still to come. If not,
            the run ends when nothing else is left.
        releases: Whether `Release` instructions are wanted.
        most_ahead: Maps of more elements are sent bit by bit, so those downstream wait until they
            finish; None for no limit.
        batched: Segments whose elements are sent in batches; the same holds for them.
        progress: How far elements have come in an earlier run, by segment and element.

    Example:
        ```python
        state = RunState(plan, known={})
        state.handle(Started())  # [Submit(segment=0, elements=(0,), link=0, attempt=1)]
        ```
    """

    def __init__(
        self,
        plan: Plan,
        known: Mapping[int, Summary],
        submit_ahead: bool = False,
        waits_for_timers: bool = True,
        releases: bool = False,
        most_ahead: int | None = None,
        batched: Collection[int] = (),
        progress: Mapping[int, Mapping[int, Progress]] | None = None,
    ) -> None:
        self.plan = plan
        self.known = known
        self.submit_ahead = submit_ahead
        self.waits_for_timers = waits_for_timers
        self.releases = releases
        self.most_ahead = most_ahead
        self.batched = batched
        self.progress = progress or {}
        self.cancelled = False
        self.finished = False
        self.active = 0
        self.parents: dict[int, Summary] = {}
        self.runs = [_initial_runs(segment) for segment in plan.segments]
        self._waiters: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._out: list[Instruction] = []

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event; return the instructions that follow from it, in order."""
        self._out = []
        if isinstance(event, Finished):
            self._on_finished(event)
        elif isinstance(event, Waiting):
            self._on_waiting(event)
        elif isinstance(event, Deferred):
            self._on_deferred(event)
        elif isinstance(event, (Lost, GoesOn)):
            self._on_lost(event)
        elif isinstance(event, Confirmed):
            self._on_confirmed(event)
        elif isinstance(event, TimerDue):
            self._on_timer(event)
        elif isinstance(event, Started):
            for runs in self.runs:
                if runs.gate == 0 and runs.length is None:
                    self._open(runs)
        elif isinstance(event, Cancelled):
            self.cancelled = True
        if self.active == 0 and not self.finished:
            self.finished = True
            self._out.append(Finish())
        return self._out

    def attempt(self, segment: int, element: int) -> int:
        """The number of the latest submission of a run, from 1."""
        return self.runs[segment].attempts.get(element, 1)

    def link(self, segment: int, element: int) -> int:
        """The position in its segment of the task that a run goes on with."""
        return self.runs[segment].links.get(element, 0)

    def direct_upstreams(self, segment: int, element: int) -> Iterable[tuple[int, int]]:
        """The runs that a run takes its input from, as segment and element."""
        return self._direct_upstreams(self.runs[segment], element)

    # submitting

    def _open(self, runs: Runs) -> None:
        """All that a segment waited for is there: submit its run, or expand it."""
        if not runs.segment.mapped:
            self._set_length(runs, 1)
            self._submit(runs, (0,))
            return
        self._expand_parents(runs, runs.segment.tasks)

    def _expand_parents(self, runs: Runs, tasks: Sequence[int]) -> None:
        for task in tasks:
            planned = self.plan.tasks[task]
            outcome = parent_outcome(planned, self._views(planned))
            if isinstance(outcome, str):
                self._end_parent(runs, planned, outcome)
                continue
            self.parents[task] = _MAPPED
            self._out.append(Expand(task, outcome, planned.confirms))
            if task == runs.segment.head:
                self._set_length(runs, outcome)
                if planned.confirms:
                    self.active += 1
                    return
        self._expanded(runs)

    def _on_confirmed(self, event: Confirmed) -> None:
        runs = self.runs[event.segment]
        self.active -= 1
        if event.ended is not None:
            self.parents[runs.segment.head] = runs.ended = event.ended
            runs.readers = 0
            self._set_length(runs, 0)
        self._expand_parents(runs, runs.segment.tasks[1:])

    def _end_parent(self, runs: Runs, planned: PlannedTask, reason: str) -> None:
        skipped = reason is SKIPPED_UPSTREAM
        ended = Summary(skipped=skipped, successful=skipped, length=UNMAPPABLE)
        self.parents[planned.index] = ended
        self._out.append(EndParent(planned.index, skipped, reason))
        if planned.index == runs.segment.head:
            self._set_length(runs, 0)
        runs.ended = ended

    def _set_length(self, runs: Runs, length: int) -> None:
        runs.length = runs.unready = runs.unfinished = length
        runs.ahead = (
            self.submit_ahead
            and runs.segment.index not in self.batched
            and (self.most_ahead is None or length <= self.most_ahead)
        )
        runs.status = bytearray(length)
        runs.ready = bytearray(length)
        runs.tails = [_MAPPED] * length
        element_readers = 0
        for consumer in runs.segment.consumers:
            if consumer.link is Link.ELEMENT:
                element_readers += 1
            else:
                runs.readers += 1
        if self.releases:
            runs.element_readers = [element_readers] * length

    def _expanded(self, runs: Runs) -> None:
        assert runs.length is not None
        missing: list[int] | None = None
        for upstream, link in runs.segment.inputs:
            if link is Link.ELEMENT and self.runs[upstream].ended is None:
                missing = missing or [0] * runs.length
                ready = self.runs[upstream].ready
                for element in range(runs.length):
                    if not ready[element]:
                        missing[element] += 1
                if self.releases:
                    self._drop_readers(self.runs[upstream], runs.length)
        runs.missing = missing
        for consumer in runs.segment.consumers:
            if consumer.link is Link.ELEMENT:
                self._close_gate(self.runs[consumer.segment])
        if runs.length == 0:
            self._all_ready(runs)
            self._all_finished(runs)
        else:
            self._submit_free(runs)

    def _drop_readers(self, upstream: Runs, length: int) -> None:
        """Elements that a shorter map does not reach have one reader less."""
        for element in range(length, upstream.length or 0):
            upstream.element_readers[element] -= 1
            self._release_unread(upstream, element)

    def _submit_free(self, runs: Runs) -> None:
        missing, status = runs.missing, runs.status
        assert runs.length is not None
        if missing is None:
            elements: Sequence[int] = range(runs.length)
        else:
            elements = [e for e in range(runs.length) if not missing[e] and status[e] == MISSING]
        if elements:
            self._submit(runs, elements)

    def _submit(self, runs: Runs, elements: Sequence[int]) -> None:
        if self.cancelled:
            return
        done = self.progress.get(runs.segment.index)
        if done:
            self._go_on(runs, elements, done)
            return
        self._submit_fresh(runs, elements)

    def _submit_fresh(self, runs: Runs, elements: Sequence[int]) -> None:
        for element in elements:
            runs.status[element] = SUBMITTED
        self.active += len(elements)
        self._out.append(Submit(runs.segment.index, elements))
        if runs.ahead:
            self._became_ready(runs, elements)

    def _go_on(self, runs: Runs, elements: Sequence[int], done: Mapping[int, Progress]) -> None:
        """Submit what an earlier run left to do: nothing, the rest of a chain, or all of it."""
        fresh = [element for element in elements if element not in done]
        if fresh:
            self._submit_fresh(runs, fresh)
        for element in elements:
            progress = done.get(element)
            if progress is None:
                continue
            runs.status[element] = SUBMITTED
            self.active += 1
            if progress.links == len(runs.segment.tasks):
                self._on_finished(
                    Finished(
                        runs.segment.index,
                        element,
                        self.attempt(runs.segment.index, element),
                        (progress.tail,),
                    )
                )
                continue
            runs.links[element] = progress.links
            self._out.append(Submit(runs.segment.index, (element,), progress.links))
            if runs.ahead:
                self._became_ready(runs, (element,))

    def _submit_again(self, runs: Runs, element: int) -> None:
        if self.cancelled:
            runs.status[element] = MISSING
            return
        runs.status[element] = SUBMITTED
        attempt = runs.attempts[element] = runs.attempts.get(element, 1) + 1
        self.active += 1
        self._out.append(
            Submit(runs.segment.index, (element,), runs.links.get(element, 0), attempt)
        )

    # what a run that is ready, or finished, opens

    def _close_gate(self, runs: Runs) -> None:
        runs.gate -= 1
        if runs.gate == 0:
            self._open(runs)

    def _became_ready(self, runs: Runs, elements: Sequence[int]) -> None:
        ready = runs.ready
        for element in elements:
            ready[element] = 1
        runs.unready -= len(elements)
        for consumer in runs.segment.consumers:
            if consumer.link is Link.PLAIN:
                self._close_gate(self.runs[consumer.segment])
            elif consumer.link is Link.ELEMENT:
                self._elements_ready(self.runs[consumer.segment], elements)
        if runs.unready == 0:
            self._all_ready(runs)

    def _elements_ready(self, runs: Runs, elements: Sequence[int]) -> None:
        missing = runs.missing
        if missing is None or runs.length is None:
            return
        free = []
        for element in elements:
            if element < runs.length:
                missing[element] -= 1
                if missing[element] == 0:
                    free.append(element)
        if free:
            self._submit(runs, free)

    def _all_ready(self, runs: Runs) -> None:
        for consumer in runs.segment.consumers:
            if consumer.link is Link.REDUCE:
                self._close_gate(self.runs[consumer.segment])

    def _all_finished(self, runs: Runs) -> None:
        for consumer in runs.segment.consumers:
            if consumer.link in (Link.ITEM, Link.SHARED, Link.SHARED_MAP, Link.FLAT):
                self._close_gate(self.runs[consumer.segment])
        if self.releases:
            for upstream, link in runs.segment.inputs:
                if link is not Link.ELEMENT:
                    self._drop_reader(self.runs[upstream])

    # events

    def _is_current(self, runs: Runs, element: int, attempt: int) -> bool:
        return runs.status[element] == SUBMITTED and runs.attempts.get(element, 1) == attempt

    def _on_finished(self, event: Finished) -> None:
        runs, element = self.runs[event.segment], event.element
        if not self._is_current(runs, element, event.attempt):
            return
        self.active -= 1
        runs.status[element] = DONE
        runs.unfinished -= 1
        runs.tails[element] = event.links[-1]
        if not runs.ready[element]:
            self._became_ready(runs, (element,))
        if self.releases:
            self._read_inputs(runs, element)
        if runs.unfinished == 0:
            self._all_finished(runs)
        if self._waiters:
            for segment, waiter in self._waiters.pop((event.segment, element), ()):
                self._wake(self.runs[segment], waiter)

    def _on_waiting(self, event: Waiting) -> None:
        runs = self.runs[event.segment]
        if not self._is_current(runs, event.element, event.attempt):
            return
        runs.status[event.element] = RESTING
        runs.links[event.element] = event.link
        if event.due is not None and self.waits_for_timers:
            self._out.append(StartTimer(event.segment, event.element, event.due))
        else:
            self.active -= 1

    def _on_timer(self, event: TimerDue) -> None:
        runs = self.runs[event.segment]
        if runs.status[event.element] == RESTING:
            self.active -= 1
            self._submit_again(runs, event.element)

    def _on_deferred(self, event: Deferred) -> None:
        runs, element = self.runs[event.segment], event.element
        if not self._is_current(runs, element, event.attempt):
            return
        self.active -= 1
        runs.status[element] = DEFERRED
        runs.links[element] = event.link
        waits = 0
        for upstream, element_upstream in self._direct_upstreams(runs, element):
            if self.runs[upstream].status[element_upstream] != DONE:
                waits += 1
                self._waiters.setdefault((upstream, element_upstream), []).append(
                    (event.segment, element)
                )
        if waits:
            runs.waits[element] = waits
        else:
            self._submit_again(runs, element)

    def _direct_upstreams(self, runs: Runs, element: int) -> Iterable[tuple[int, int]]:
        for upstream, link in runs.segment.inputs:
            if link is Link.ELEMENT and self.runs[upstream].ended is None:
                yield upstream, element
            else:
                for other in range(self.runs[upstream].length or 0):
                    yield upstream, other

    def _wake(self, runs: Runs, element: int) -> None:
        if runs.status[element] != DEFERRED:
            return
        runs.waits[element] -= 1
        if runs.waits[element] == 0:
            self._submit_again(runs, element)

    def _on_lost(self, event: Lost | GoesOn) -> None:
        runs = self.runs[event.segment]
        if self._is_current(runs, event.element, event.attempt):
            self.active -= 1
            if isinstance(event, GoesOn):
                runs.links[event.element] = event.link
            self._submit_again(runs, event.element)

    # releasing

    def _read_inputs(self, runs: Runs, element: int) -> None:
        for upstream, link in runs.segment.inputs:
            if link is Link.ELEMENT and self.runs[upstream].ended is None:
                self.runs[upstream].element_readers[element] -= 1
                self._release_unread(self.runs[upstream], element)
        self._release_unread(runs, element)

    def _release_unread(self, runs: Runs, element: int) -> None:
        if not runs.readers and not runs.element_readers[element] and runs.status[element] == DONE:
            self._out.append(Release(runs.segment.index, (element,)))

    def _drop_reader(self, runs: Runs) -> None:
        runs.readers -= 1
        if runs.readers:
            return
        unread = [e for e, readers in enumerate(runs.element_readers) if not readers]
        unread = [e for e in unread if runs.status[e] == DONE]
        if unread:
            self._out.append(Release(runs.segment.index, unread))

    # mapped parents

    def _views(self, planned: PlannedTask) -> list[Summary]:
        """What each edge's upstream looks like to a mapped task that is about to expand."""
        views = []
        for edge in planned.edges:
            upstream = self.plan.tasks[edge.upstream]
            if upstream.known:
                summary = self.known[edge.upstream]
            elif upstream.mapped:
                summary = self._mapped_view(upstream, shared=not edge.mapped)
            else:
                summary = self.runs[self.plan.segment_of[edge.upstream]].tails[0]
            if edge.mapped and edge.flattened and not (upstream.mapped and not upstream.known):
                summary = Summary(summary.skipped, summary.successful, summary.flat_length)
            elif edge.flattened and edge.mapped and summary.length != UNMAPPABLE:
                runs = self.runs[self.plan.segment_of[edge.upstream]]
                summary = Summary(length=sum(flat_items(tail) for tail in runs.tails))
            views.append(summary)
        return views

    def _mapped_view(self, upstream: PlannedTask, shared: bool) -> Summary:
        parent = self.parents[upstream.index]
        if parent is not _MAPPED:
            return parent
        runs = self.runs[self.plan.segment_of[upstream.index]]
        # as in Prefect 1, one skipped element skips a map that all elements are passed to
        skipped = shared and any(tail.skipped for tail in runs.tails)
        return Summary(skipped=skipped, length=runs.length)

    def check(self) -> None:
        """Raise AssertionError where the counters contradict the statuses."""
        submitted = resting = 0
        for runs in self.runs:
            assert runs.gate >= 0, f"negative gate: {runs}"
            if runs.length is None:
                assert not runs.status, f"runs before expansion: {runs}"
                continue
            assert len(runs.status) == runs.length, f"length: {runs}"
            assert runs.unfinished == runs.length - runs.status.count(DONE), f"unfinished: {runs}"
            assert runs.unready == runs.length - sum(runs.ready), f"unready: {runs}"
            assert all(missing >= 0 for missing in runs.missing or ()), f"missing: {runs}"
            assert all(readers >= 0 for readers in runs.element_readers), f"readers: {runs}"
            submitted += runs.status.count(SUBMITTED)
            resting += runs.status.count(RESTING)
        confirming = sum(self.plan.tasks[runs.segment.head].confirms for runs in self.runs)
        assert submitted <= self.active <= submitted + resting + confirming, "active runs"
        if self.finished and not self.cancelled:
            assert submitted == 0, "finished with runs submitted"
            if not resting:
                assert all(runs.settled for runs in self.runs), "finished with runs to come"


def parent_outcome(planned: PlannedTask, views: Sequence[Summary]) -> int | str:
    """How many elements a mapped task has, or why it ends without any.

    A failed upstream is passed over as long as another one can be mapped over; the elements then
    meet it in their trigger. That, and the shortest upstream ending the map, is Prefect 1's rule.
    """
    if planned.task.skip_on_upstream_skip and any(view.skipped for view in views):
        return SKIPPED_UPSTREAM
    mapped = [
        view
        for edge, view in zip(planned.edges, views, strict=True)
        if edge.mapped and view.successful
    ]
    lengths = [UNMAPPABLE if view.length is None else view.length for view in mapped]
    if UNMAPPABLE in lengths:
        return UNMAPPABLE_RESULT
    return min(lengths) if lengths else NOTHING_TO_MAP


def flat_items(tail: Summary) -> int:
    """What one element adds to a flattened map: its items, or itself where it has none to give."""
    if tail.skipped or not tail.successful or tail.length is None or tail.length == UNMAPPABLE:
        return 1
    return tail.length


def _initial_runs(segment: Segment) -> Runs:
    return Runs(segment, gate=len(segment.inputs))
