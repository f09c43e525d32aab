"""Carries out one run: events in from the executor and the timers, instructions out.

One thread owns the run state and performs its instructions; what other threads have to say they
put into the inbox.
"""

from __future__ import annotations

import heapq
import queue
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from prefectlite.engine.events import (
    Cancelled,
    Confirmed,
    EndParent,
    Event,
    Expand,
    Finish,
    Instruction,
    Release,
    Started,
    StartTimer,
    Submit,
    Summary,
    TimerDue,
)
from prefectlite.engine.limits import Limits, Turnstile
from prefectlite.engine.lookup import Lookup, joined, lookup_for
from prefectlite.engine.messages import EXPANDED
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.reporting import Reporter
from prefectlite.engine.run_state import Progress, RunState
from prefectlite.engine.shifts import first_shifted
from prefectlite.engine.state import Cancelled as CancelledState
from prefectlite.engine.state import Failed, Mapped, Pending, Skipped, State
from prefectlite.engine.targets import goes_by_index
from prefectlite.engine.task_run import RunScope, call_handlers, run_pipeline
from prefectlite.engine.task_states import TaskStates
from prefectlite.engine.upstream import known_summary, summarise
from prefectlite.exceptions import RunCancelledSignal, SchedulerLostError
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.core.task import Task

# how long the driver sleeps at most before it looks at the executor again
POLL_SECONDS = 0.2


class Launcher(Protocol):
    """Hands the runs of segments to one kind of executor, and brings their outcome back.

    `submit` returns the events that are there at once, those of an executor that runs a
    submission where it stands; the others come by the inbox, as events or as functions that
    return events when the driver's thread calls them.
    """

    submit_ahead: bool
    eager: bool
    # maps of more elements, and these segments, are sent bit by bit
    most_ahead: int | None
    batched: Collection[int]
    # whether an element that need not run is better not sent
    settles: bool

    def submit(self, submit: Submit) -> Sequence[Event]: ...

    def together(self, segment: int, waiting: int) -> int:
        """How many elements of a segment go in one, out of those that wait."""

    def release(self, release: Release) -> None: ...

    def poll(self) -> Sequence[Event]: ...

    def cancel(self) -> None: ...

    def collect(self) -> None: ...


class Driver:
    """One run of a plan.

    Args:
        plan: What to run.
        states: Where the states are kept; holds the known ones already.
        scope: What all task runs share.
        reporter: Told of every change.
        waits: Whether to wait for retries and pauses until they are due; if not, the run ends
            with them as they are.
        limits: How many runs may be at work at a time; None for no limits.
    """

    def __init__(
        self,
        plan: Plan,
        states: TaskStates,
        scope: RunScope,
        reporter: Reporter,
        waits: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self.plan = plan
        self.states = states
        self.scope = scope
        self.reporter = reporter
        self.waits = waits
        self.limits = limits
        # the segments whose runs come to the launcher as they are to be sent
        self.limited: Collection[int] = limits.limited(plan) if limits is not None else ()
        self._turnstile: Turnstile | None = None
        # the tasks whose states the caller wants back, and whether it just did not say which
        self.wanted: Collection[Task] | None = None
        self.wants_all = True
        self.inbox: queue.SimpleQueue[Event | Callable[[], Sequence[Event]]] = queue.SimpleQueue()
        # whether the run goes on where the scheduler of its cluster comes back
        self.outlives_scheduler = False
        self._timers: list[tuple[float, int, int]] = []
        self._over = False
        self.lookup: Lookup | None = None

    def run(self, launcher: Launcher) -> None:
        """Run to the end; the states are in `states` then.

        Args:
            launcher: Hands submissions to the executor.

        Raises:
            KeyboardInterrupt: The user interrupted; what had finished is in `states`.
        """
        self.launcher = launcher
        batched = launcher.batched
        if self.limits is not None and not launcher.eager:
            self._turnstile = Turnstile(self.plan, self.limits, launcher.together)
            batched = {*batched, *self.limits.to_finish_first(self.plan)}
        to_come = [planned for planned in self.plan.tasks if not planned.known]
        edges = [edge for planned in to_come for edge in planned.edges if edge.mapped]
        mapped_over = {edge.upstream for edge in edges}
        flattened_over = {edge.upstream for edge in edges if edge.flattened}
        known = {
            task: known_summary(
                self.states.whole(task), task in mapped_over, task in flattened_over
            )
            for task in range(len(self.plan.tasks))
            if self.plan.tasks[task].known
        }
        self.run_state = RunState(
            self.plan,
            known,
            submit_ahead=launcher.submit_ahead,
            waits_for_timers=self.waits,
            releases=launcher.submit_ahead,
            most_ahead=launcher.most_ahead,
            batched=batched,
            progress=self._progress(),
        )
        self.lookup = lookup_for(self, launcher.settles)
        try:
            self._handle(Started())
            while not self._over:
                self._take_events()
            launcher.collect()
        except BaseException as error:
            self.run_state.handle(Cancelled())
            launcher.cancel()
            if not (self.outlives_scheduler and isinstance(error, SchedulerLostError)):
                self.clean_up()
            raise
        finally:
            self.reporter.lines.flush()

    def clean_up(self) -> None:
        """Run what cleans up after tasks that went well, now that the run ends before its end."""
        for planned in self.plan.tasks:
            if not planned.task.is_cleanup or self.states.whole(planned.index)._finished:
                continue
            upstream = [
                state if state._finished else CancelledState("The flow run was cancelled.")
                for state in self.states.upstream(planned, 0)
            ]
            made = [s for s, edge in zip(upstream, planned.edges, strict=True) if edge.key]
            if all(state._successful and not state._skipped for state in made):
                self.reporter.started(planned, None)
                state = run_pipeline(self.scope, planned, upstream)
                self.states.set(planned.index, 0, state)
                self.reporter.finished(planned, None, state)

    def _progress(self) -> dict[int, dict[int, Progress]]:
        """How far the elements have come whose states the caller passed in."""
        found: dict[int, dict[int, Progress]] = {}
        for segment in self.plan.segments:
            given = [self.states.given.get(task) for task in segment.tasks]
            first = given[0]
            if not isinstance(first, Mapped):
                continue
            for element in range(len(first.map_states)):
                done = _finished_in_front(given, element)
                if done:
                    tail = summarise(done[-1], segment.measure)
                    found.setdefault(segment.index, {})[element] = Progress(len(done), tail)
        return found

    def _end_if_told(self) -> None:
        """End a run whose interrupt was swallowed on its way, by a callback of somebody else's."""
        if self.scope.interrupted():
            raise RunCancelledSignal

    def _take_events(self) -> None:
        self._end_if_told()
        if not self.reporter.lines.holds:
            # before it waits; a launcher that holds all lines has its own moments
            self.reporter.lines.flush()
        timeout = POLL_SECONDS
        if self._timers:
            timeout = min(timeout, max(self._timers[0][0] - time.time(), 0))
        try:
            self._take(self.inbox.get(timeout=timeout))
            while not self._over:
                self._take(self.inbox.get_nowait())
        except queue.Empty:
            pass
        while self._timers and self._timers[0][0] <= time.time():
            _, segment, element = heapq.heappop(self._timers)
            self._handle(TimerDue(segment, element))
        for event in self.launcher.poll():
            self._handle(event)

    def _take(self, item: Event | Callable[[], Sequence[Event]]) -> None:
        for event in item() if callable(item) else (item,):
            self._handle(event)

    def _handle(self, event: Event) -> None:
        """Let the run state decide, and perform what it says; depth first where runs are eager."""
        stack = [self._submits(event)]
        while stack:
            submit = next(stack[-1], None)
            if submit is None:
                stack.pop()
            elif self.launcher.eager and len(submit.elements) > 1:
                stack.append(_one_by_one(submit))
            else:
                self._end_if_told()
                for answer in self.launcher.submit(submit):
                    stack.append(self._submits(answer))

    def _submits(self, event: Event) -> Iterator[Submit]:
        """What an event leads to: all but the submissions is done at once.

        A submission that runs where it stands may need what comes after it in the same list, such
        as room for the elements of the next map.
        """
        if self.lookup is not None:
            submits = self._looked_for(event, self.lookup)
        else:
            submits = []
            self._perform_all(event, submits)
        return iter(submits if self._turnstile is None else self._turnstile.take(submits))

    def _looked_for(self, event: Event, lookup: Lookup) -> list[Submit]:
        """What an event leads to, where elements whose targets are there need not be submitted.

        Such elements are events again; what one round of them leads to is looked for together.
        """
        submits: list[Submit] = []
        events = [event]
        while events:
            wanted: list[Submit] = []
            for each in events:
                self._perform_all(each, wanted)
            events = []
            for submit in joined(wanted):
                left, found = lookup.before(submit)
                submits.extend(left)
                events.extend(found)
        return submits

    def _perform_all(self, event: Event, submits: list[Submit]) -> None:
        """Perform what an event leads to; add the submissions to a list."""
        if self._turnstile is not None:
            self._turnstile.over(event)
        for instruction in self.run_state.handle(event):
            if isinstance(instruction, Submit):
                submits.append(instruction)
                continue
            confirmed = self._perform(instruction)
            if confirmed is not None:
                self._perform_all(confirmed, submits)

    def _perform(self, instruction: Instruction) -> Event | None:
        if isinstance(instruction, Expand):
            return self._expand(instruction)
        if isinstance(instruction, EndParent):
            self._end_parent(instruction)
        elif isinstance(instruction, StartTimer):
            timer = (instruction.due, instruction.segment, instruction.element)
            heapq.heappush(self._timers, timer)
        elif isinstance(instruction, Release):
            self.launcher.release(instruction)
        elif isinstance(instruction, Finish):
            self._over = True
        return None

    def _expand(self, expand: Expand) -> Event | None:
        self.states.expand(expand.task, expand.length)
        self._note_shift(self.plan.tasks[expand.task])
        given = self.states.given.get(expand.task)
        if isinstance(given, Mapped):
            # the caller's state is in place already: no change that handlers could see
            given.map_states = self.states.elements(expand.task)
            state: State = given
            self.reporter.changed(self.plan.tasks[expand.task], None, state, 1)
        else:
            mapped = Mapped(EXPANDED, map_states=self.states.elements(expand.task))
            state = self._parent_state(expand.task, mapped)
        self.states.parents[expand.task] = state
        if not expand.confirm:
            return None
        ended = None
        if not isinstance(state, Mapped):
            self.states.collapse(expand.task)
            ended = Summary(state._skipped, state._successful, length=-1)
        return Confirmed(self.plan.segment_of[expand.task], ended)

    def _note_shift(self, planned: PlannedTask) -> None:
        first, cause = first_shifted(
            self.plan, planned, self.run_state.runs, self.states, self.scope.shifted
        )
        if first is None:
            return
        self.scope.shifted[planned.index] = first
        task = planned.task
        if cause is not None and task.target and goes_by_index(task):
            get_logger("TaskRunner").warning(
                "Task %r: elements from %d on are not looked for, nor stored, at the target %r: "
                "%r failed, and when it succeeds they may have other indexes. Name what tells them "
                "apart in the target, such as an argument.",
                planned.name,
                first,
                task.target,
                cause,
            )

    def _end_parent(self, end: EndParent) -> None:
        planned = self.plan.tasks[end.task]
        message = end.reason
        if end.skipped:
            state: State = Skipped(message)
        else:
            state = Failed(f"{message}{self.states.why_unmappable(planned)}")
            get_logger("TaskRunner").error("Task %r: %s", planned.name, state.message)
        self.states.parents[end.task] = self._parent_state(end.task, state)

    def _parent_state(self, task: int, new: State) -> State:
        """The state of a mapped task as a whole, after its handlers have seen it."""
        planned, reporter = self.plan.tasks[task], self.reporter
        reporter.started(planned, None)
        handlers = [*planned.task.state_handlers, *self.scope.runner_handlers]
        new.context = {"tags": list(planned.task.tags)}
        if handlers:
            values: Mapping[str, Any] = {
                **self.scope.base_context,
                "task_name": planned.name,
                "task_full_name": planned.name,
                "task_slug": planned.slug,
                "task_id": planned.slug,
                "task_tags": planned.task.tags,
                "task_run_count": 1,
                "map_index": None,
            }
            old = self.states.given.get(task) or Pending()
            saved = context.push(values)
            try:
                new = call_handlers(handlers, planned.task, old, new, _log_handler_error)
            finally:
                context.pop(saved)
        reporter.changed(planned, None, new, 1)
        reporter.finished(planned, None, new)
        return new


def _finished_in_front(given: Sequence[State | None], element: int) -> list[State]:
    """The states of one element's tasks up to the first that has not finished."""
    done = []
    for parent in given:
        if not isinstance(parent, Mapped) or element >= len(parent.map_states):
            break
        state = parent.map_states[element]
        if not state._finished or state._cached:
            break
        done.append(state)
    return done


def _log_handler_error(error: Exception) -> None:
    get_logger("TaskRunner").error(
        "Unexpected error while calling state handlers: %r", error, exc_info=error
    )


def _one_by_one(submit: Submit) -> Iterator[Submit]:
    for element in submit.elements:
        yield Submit(submit.segment, (element,), submit.link, submit.attempt)
