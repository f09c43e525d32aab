"""The driver's look at the targets of a mapped task, before its elements are sent anywhere.

All that can be told on the driver is told there: the location of each element's target, whether two
elements have the same one, and what is there already. Elements whose small values are there need
not be sent to another process only to be found: they come to Cached here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.events import Event, Finished, Submit
from prefectlite.engine.plan import PlannedEdge, PlannedTask, Segment
from prefectlite.engine.portable import RemoteResult
from prefectlite.engine.state import Mapped, State
from prefectlite.engine.storage.paths import fields_of
from prefectlite.engine.targets import (
    HASHES,
    Shelf,
    TargetBook,
    is_plain_store,
    placed,
    result_of,
    with_hashes,
)
from prefectlite.engine.task_run import RunScope, TaskRun, run_pipeline
from prefectlite.engine.upstream import flattened, summarise, value_of
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver

# so much of an upstream value that stayed on the cluster is fetched to fill targets in
FETCHED_BYTES = 4 << 20

# what the context of a task run has and the driver's does not
_ONLY_IN_TASK_RUNS = frozenset(
    {"task_run_name", "task_run_id", "task_run_count", "logger", "resume", "checkpointing"}
    | {"task_loop_count", "task_loop_result"}
)
_VARIES = frozenset({"map_index", "task_full_name", "inputs_hash"})
_UNKNOWN = object()


class Lookup:
    """Looks for the targets of a run's mapped tasks.

    Args:
        driver: The driver of the run.
        settles: Whether elements that are found are to come to Cached here.
    """

    def __init__(self, driver: Driver, settles: bool) -> None:
        self._driver = driver
        self._plan = driver.plan
        self._states = driver.states
        self._settles = settles
        self._book = driver.scope.book = TargetBook()
        self._values: dict[tuple[int, bool], Any] = {}
        self._fillers: dict[int, Callable[[int], dict[str, Any] | None] | None] = {}
        # segments of which elements have found locations only as they ran
        self._late: set[int] = set()
        self._segments = {
            segment.index
            for segment in self._plan.segments
            if segment.mapped
            and any(self._is_looked_for(self._plan.tasks[t]) for t in segment.tasks)
        }

    def _is_looked_for(self, planned: PlannedTask) -> bool:
        return bool(planned.task.target)

    def before(self, submit: Submit) -> tuple[list[Submit], list[Event]]:
        """Look for the targets of elements that are about to be submitted.

        Args:
            submit: The submission.

        Returns:
            What is still to be submitted, and the events of what is not.
        """
        if submit.segment not in self._segments or submit.link or submit.attempt > 1:
            return [submit], []
        segment = self._plan.segments[submit.segment]
        for task in segment.tasks:
            planned = self._plan.tasks[task]
            if self._is_looked_for(planned) and task not in self._states.given:
                try:
                    self._stock(planned, segment, submit.elements)
                except Exception as error:
                    # each task run will meet it too, and say so
                    get_logger("TaskRunner").debug("No look at the targets: %r", error)
        if not self._settles or self._driver.scope.runner_class is not None:
            return [submit], []
        return self._settle(segment, submit)

    # locations

    def finds_late(self, segment: Segment, elements: Sequence[int]) -> bool:
        """Whether elements find a location only as they run; once some do, all others may too.

        Args:
            segment: Whose elements.
            elements: The elements, which are about to be sent.
        """
        if segment.index not in self._segments:
            return False
        if segment.index not in self._late:
            targets = [t for t in segment.tasks if self._is_looked_for(self._plan.tasks[t])]
            if all(self._has_located(task, elements) for task in targets):
                return False
            self._late.add(segment.index)
        return True

    def _has_located(self, task: int, elements: Sequence[int]) -> bool:
        shelf = self._book.shelf(task)
        return task in self._states.given or (
            shelf is not None
            and (shelf.conflict is not None or all(e in shelf.locations for e in elements))
        )

    def _stock(self, planned: PlannedTask, segment: Segment, elements: Sequence[int]) -> None:
        """Fill in and look for the targets of a task's elements, as far as the driver can."""
        result = result_of(planned.task, self._driver.scope.flow_result)
        if result is None:
            return
        shelf = self._book.shelf(planned.index)
        if shelf is None:
            shelf = Shelf(planned, result)
            self._book.add(planned.index, shelf)
        if planned.index not in self._fillers:
            self._fillers[planned.index] = self._filler(planned)
        values_of = self._fillers[planned.index]
        if values_of is None:
            return
        length = self._driver.run_state.runs[segment.index].length or 0
        if length > 1 and isinstance(planned.task.target, str):
            named = fields_of(planned.task.target)
            if not named & (_VARIES | {edge.key for edge in planned.edges if edge.mapped}):
                shelf.all_at_one()
                return
        located = []
        for element in elements:
            values = values_of(element)
            if values is None:
                continue
            owner = f"target of task '{planned.run_name(element)}'"
            shelf.put(element, placed(result, values, owner))
            located.append(element)
        shelf.let_go()
        if shelf.conflict is None and is_plain_store(result):
            shelf.look(located)

    def _filler(self, planned: PlannedTask) -> Callable[[int], dict[str, Any] | None] | None:
        """What gives the values that an element's location is filled in with; None if nothing."""
        task, template = planned.task, planned.task.target
        everything = not isinstance(template, str)
        named = frozenset() if everything else fields_of(template)
        if named & _ONLY_IN_TASK_RUNS:
            return None
        scope = self._driver.scope
        with_inputs = everything or "inputs_hash" in named
        getters: dict[str, Callable[[int], Any]] = {}
        for edge in planned.edges:
            if edge.key is not None and (with_inputs or edge.key in named):
                getters[edge.key] = self._getter(edge, planned)
        base = {
            **context.__dict__,
            **scope.base_context,
            **scope.task_contexts.get(planned.index, {}),
            "task_name": planned.name,
            "task_slug": planned.slug,
            "task_id": planned.slug,
            "task_tags": task.tags,
        }
        parameters = scope.base_context.get("parameters", {})
        if not everything:
            wanted = named | set(getters)
            base = {name: value for name, value in base.items() if name in wanted}
            parameters = {name: value for name, value in parameters.items() if name in wanted}
            missing = named - set(HASHES) - _VARIES - set(getters) - set(planned.constants)
            if missing - set(base) - set(parameters):
                # an error, which the task run makes: it knows all that there is
                return None

        def values_of(element: int) -> dict[str, Any] | None:
            values = dict(base)
            values["map_index"] = element
            values["task_full_name"] = planned.run_name(element)
            values.update(parameters)
            values.update(planned.constants)
            inputs = dict(planned.constants)
            for key, get in getters.items():
                value = get(element)
                if value is _UNKNOWN:
                    return None
                values[key] = inputs[key] = value
            return with_hashes(task, template, values, inputs)

        return values_of

    def _getter(self, edge: PlannedEdge, planned: PlannedTask) -> Callable[[int], Any]:
        """What gives an input's value for an element, where the driver has it."""
        elements = self._states.elements(edge.upstream)
        if edge.mapped and elements and not edge.flattened:
            return lambda element: self._value(elements[element], edge.upstream, element)
        if edge.mapped and elements:
            return self._flat_getter(edge.upstream, elements)
        if elements:
            return lambda element: _UNKNOWN
        if not edge.mapped:
            return lambda element: self._whole(edge)

        def item(element: int) -> Any:
            value = self._whole(edge)
            return value if value is _UNKNOWN else value[element]

        return item

    def _flat_getter(self, upstream: int, elements: list[State]) -> Callable[[int], Any]:
        found = self._values.get((upstream, True))
        if found is None:
            found = []
            for number, state in enumerate(elements):
                items = self._value(state, upstream, number)
                if items is _UNKNOWN or not isinstance(items, (list, tuple)):
                    return lambda element: _UNKNOWN
                found.extend(items)
            self._values[upstream, True] = found
        return lambda element: found[element]

    def _whole(self, edge: PlannedEdge) -> Any:
        key = (edge.upstream, edge.flattened)
        if key not in self._values:
            value = self._value(self._states.whole(edge.upstream), edge.upstream, 0)
            if value is _UNKNOWN:
                return value
            self._values[key] = flattened(value) if edge.flattened else value
        return self._values[key]

    def _value(self, state: State, task: int, element: int) -> Any:
        """A state's value, where it is here or small enough to be fetched."""
        if not state._finished or not state._successful or isinstance(state, Mapped):
            return _UNKNOWN
        held = state._held
        if isinstance(held, RemoteResult):
            if held.size is None or held.size > FETCHED_BYTES:
                return _UNKNOWN
            fetch = getattr(self._driver.launcher, "fetch", None)
            fetched = None if fetch is None else fetch(task, element)
            if fetched is None:
                return _UNKNOWN
            # for good: each element that is found takes its item from here
            state._held = fetched._held
        return value_of(state)

    # elements that need not be sent

    def _settle(self, segment: Segment, submit: Submit) -> tuple[list[Submit], list[Event]]:
        scope = copy.copy(self._driver.scope)
        scope.only_looks = True
        scope.on_change = self._changed if self._driver.reporter.readers else None
        rest: list[int] = []
        submits: list[Submit] = []
        events: list[Event] = []
        for element in submit.elements:
            links = self._links_settled(scope, segment, element)
            if not links:
                rest.append(element)
            elif links == len(segment.tasks):
                last = self._states.get(segment.tail, element)
                summary = summarise(last, segment.measure)
                events.append(Finished(segment.index, element, submit.attempt, (summary,)))
            else:
                self._driver.run_state.runs[segment.index].links[element] = links
                submits.append(Submit(segment.index, (element,), links, submit.attempt))
        if len(rest) == len(submit.elements):
            return [submit], []
        if rest:
            submits.insert(0, Submit(segment.index, rest, submit.link, submit.attempt))
        return submits, events

    def _links_settled(self, scope: RunScope, segment: Segment, element: int) -> int:
        """How many of a segment's tasks are done on an element, without sending it."""
        for position, task in enumerate(segment.tasks):
            planned = self._plan.tasks[task]
            shelf = self._book.shelf(task)
            if shelf is None or task in self._states.given:
                return position
            # a worker reads a large value itself, where it needs it
            if not shelf.has_small(element) and shelf.conflict_of(element) is None:
                return position
            if any(_is_elsewhere(self._states.whole(edge.upstream)) for edge in planned.edges):
                return position
            upstream = self._states.upstream(planned, element)
            if not all(_is_over(state) for state in upstream):
                return position
            if not self._comes_to_an_end(scope, planned, upstream, element):
                return position
        return len(segment.tasks)

    def _comes_to_an_end(
        self, scope: RunScope, planned: PlannedTask, upstream: Sequence[State], element: int
    ) -> bool:
        reporter = self._driver.reporter
        state = run_pipeline(scope, planned, upstream, element)
        if not state._finished:
            return False
        reporter.started(planned, element)
        self._states.set(planned.index, element, state)
        reporter.finished(planned, element, state)
        return True

    def _changed(self, run: TaskRun, state: State) -> None:
        self._driver.reporter.changed(run.planned, run.map_index, state, run.run_count)


def _is_over(state: State) -> bool:
    """Whether a state is final, and its value here, or where it can be read if it is needed."""
    if isinstance(state, Mapped):
        return all(_is_over(element) for element in state.map_states)
    return state._finished and not _is_elsewhere(state)


def _is_elsewhere(state: State) -> bool:
    return isinstance(state._held, RemoteResult)


def joined(submits: Sequence[Submit]) -> list[Submit]:
    """Submissions, those of first runs of one segment joined to one: it is looked for at once."""
    found: list[Submit] = []
    first: dict[int, tuple[int, list[int]]] = {}
    for submit in submits:
        if submit.link or submit.attempt > 1:
            found.append(submit)
        elif submit.segment in first:
            place, elements = first[submit.segment]
            elements.extend(submit.elements)
            found[place] = Submit(submit.segment, elements)
        else:
            first[submit.segment] = len(found), list(submit.elements)
            found.append(submit)
    return found


def lookup_for(driver: Driver, settles: bool) -> Lookup | None:
    """The lookup of a run; None where no mapped task has a target.

    Args:
        driver: The driver of the run.
        settles: Whether elements that are found need not be sent.
    """
    if any(planned.mapped and planned.task.target for planned in driver.plan.tasks):
        return Lookup(driver, settles)
    return None
