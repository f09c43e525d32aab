"""Targets: where a task run's value is to be, and whether it is there already.

For a mapped task the driver looks for all elements at once: it fills in the locations, refuses
two elements at one location, lists each folder once and reads what is there many at a time. A
task run finds that in its scope's `TargetBook`, or looks by itself where there is none.
"""

from __future__ import annotations

import inspect
import posixpath
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.code_hash import code_hash, inputs_hash
from prefectlite.engine.portable import size_of
from prefectlite.engine.result import ResultNotImplementedError
from prefectlite.engine.results.stored_result import StoredResult
from prefectlite.engine.state import Cached, Failed, State
from prefectlite.engine.storage.paths import called, confine, fields_of, filled
from prefectlite.exceptions import (
    LocationError,
    ResultError,
    ResultNotFoundError,
    ResultReadError,
    StoreUnreachableError,
    UnknownTemplateKeyError,
)
from prefectlite.triggers import all_successful
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.core.task import Task
    from prefectlite.engine.plan import PlannedTask
    from prefectlite.engine.result import Result
    from prefectlite.engine.task_run import RunScope, TaskRun

HASHES = ("inputs_hash", "code_hash")
# so much is read ahead of the elements that need it: many small values, or a few large ones
AHEAD_COUNT = 256
AHEAD_BYTES = 32 << 20
# a Cached state that leaves its process tells the hashes of inputs of up to so many bytes
HASHED_BYTES = 1 << 20


# what tells an element by where it stands in its map
_BY_INDEX = frozenset({"map_index", "task_full_name", "task_run_name"})


def goes_by_index(task: Task) -> bool:
    """Whether a task's target may depend on the place of an element in its map.

    Args:
        task: The task; it has a target.
    """
    target = task.target
    if target is None or isinstance(target, str):
        return bool(fields_of(target or "") & _BY_INDEX)
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return True
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    return takes_all or any(p.name in _BY_INDEX for p in parameters)


def would_mislead(run: TaskRun) -> bool:
    """Whether a target may name another item's value, in this run or in the next one."""
    task = run.planned.task
    return bool(task.target) and run.is_shifted and goes_by_index(task)


def template_values(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What targets and names may refer to: context, parameters and inputs; inputs win."""
    return {**context.__dict__, **context.get("parameters", {}), **inputs}


def hashes_named(task: Task, template: str | Callable[..., Any] | None) -> Sequence[str]:
    """Which of `HASHES` a target asks for; a callable does so by the name of an argument."""
    if isinstance(template, str):
        if "_hash" not in template:
            return ()
        named: Any = fields_of(template)
    else:
        try:
            named = inspect.signature(template).parameters if template is not None else ()
        except (TypeError, ValueError):
            return ()
    return [name for name in HASHES if name in named]


def with_hashes(
    task: Task, template: str | Callable[..., Any] | None, values: dict[str, Any], inputs: Any
) -> dict[str, Any]:
    """Add the hashes that a location names to what it is filled in with."""
    for name in hashes_named(task, template):
        if name not in inputs:
            values[name] = code_hash(task) if name == "code_hash" else inputs_hash(inputs)
    return values


def location_values(run: TaskRun, result: Result) -> dict[str, Any]:
    """All that the location of a task run's value may be filled in with."""
    template = result.location if result.location is not None else result._formatter
    return with_hashes(run.planned.task, template, template_values(run.inputs), run.inputs)


def result_of(task: Task, flow_result: Result | None) -> Result | None:
    """The Result that says where a task's values are kept; the flow's where it has none."""
    result: Result | None = task.result if task.result is not None else flow_result
    if result is None or not task.target:
        return result
    location, formatter = (
        (task.target, None) if isinstance(task.target, str) else (None, task.target)
    )
    if result.location != location or result._formatter is not formatter:
        result = result.copy()
        result.location, result._formatter = location, formatter
    return result


def is_plain_store(result: Result) -> bool:
    """Whether a result reads and writes as ours do, so that bytes may be read ahead for it."""
    kind = type(result)
    return (
        isinstance(result, StoredResult)
        and kind.read is StoredResult.read
        and kind.exists is StoredResult.exists
        and kind.write is StoredResult.write
    )


def check_target(run: TaskRun) -> State | None:
    """Stop as Cached where a readable result stands at the target."""
    task = run.planned.task
    if not task.target:
        return None
    result = result_of(task, run.scope.flow_result)
    if result is None:
        raise ResultNotImplementedError(
            f"Task {run.full_name!r} has a target but no result to say where it is kept: give the "
            "task or the flow a result=, such as LocalResult(dir=...)."
        )
    if would_mislead(run):
        return None
    shelf = None
    if run.scope.book is not None and run.map_index is not None:
        shelf = run.scope.book.shelf(run.planned.index)
    if shelf is not None and run.run_count == 1:
        return _look_on_shelf(run, result, shelf)
    location = _locate(run, result)
    _take_location(run, location)
    return _look(run, result, location)


def _take_location(run: TaskRun, location: str) -> None:
    """See to it that no other element has a location that is known only here.

    Raises:
        ResultError: Another one has.
    """
    element, claims = run.map_index, run.scope.claims
    if element is None or claims is None:
        return
    planned = run.planned
    other = claims.take(planned.index, element, location)
    if other != element:
        told = told_same_target(planned, other, element, location, was_not_run(element))
        raise ResultError(told)


def failed_unexpectedly(error: Exception, explanation: str = "") -> Failed:
    """The state of a task run that came to an error which is not its own.

    Args:
        error: The error; where a user's function for a location raised, its own error is told.
        explanation: What to say after it.
    """
    if isinstance(error, LocationError) and isinstance(error.__cause__, Exception):
        explanation = f". {error}{explanation}"
        error = error.__cause__
    # which begins with how Prefect 1 says it
    told = str(error) if isinstance(error, UnknownTemplateKeyError) else repr(error)
    return Failed(f"Unexpected error: {told}{explanation}", result=error)


def _owner(run: TaskRun) -> str:
    return f"target of task {run.full_name!r}"


def _locate(run: TaskRun, result: Result) -> str:
    """The location of a task run's target, filled in.

    Raises:
        UnknownTemplateKeyError: It names a key that there is not.
        ResultError: A callable gave none, or a value takes it out of the folder.
    """
    return placed(result, location_values(run, result), _owner(run))


def placed(result: Result, values: Mapping[str, Any], owner: str) -> str:
    """The location of a result, filled in; of a user's own class too.

    Raises:
        UnknownTemplateKeyError: It names a key that there is not.
        ResultError: A callable gave none, or a value takes it out of the folder.
    """
    if isinstance(result, StoredResult):
        return result.placed(values, owner)
    if isinstance(result.location, str):
        location = filled(result.location, values, owner)
    elif result._formatter is not None:
        location = called(result._formatter, values, owner)
    else:
        return str(result.format(**values).location)
    confine(result.location, location, values, "", owner)
    return location


def _look(run: TaskRun, result: Result, location: str) -> State | None:
    try:
        if not is_plain_store(result) and not result.exists(location):
            return None
        read = result.read(location)
    except ResultNotFoundError:
        return None
    except (ResultReadError, StoreUnreachableError) as error:
        return _unreadable(run, error)
    except (ResultError, NotImplementedError):
        # a library or a secret that is missing says nothing of what is stored
        raise
    except Exception as error:
        return _unreadable(run, ResultReadError(f"The result at {location!r}: {error!r}"))
    return _cached(run, location, read)


def _cached(
    run: TaskRun, location: str, read: Result, parameters: dict[str, Any] | None = None
) -> State:
    state = Cached(
        f"Result found at task target {location}",
        result=read,
        cached_parameters=context.get("parameters", {}) if parameters is None else parameters,
    )
    inputs = run.inputs
    if run.scope.leaves_process:
        inputs = {key: value for key, value in inputs.items() if size_of(value) <= HASHED_BYTES}
    state.hash_when_asked(inputs)
    return state


def _unreadable(run: TaskRun, error: Exception) -> State | None:
    """Warn once, and have the task run; a store that is out of reach is another matter."""
    if isinstance(error, StoreUnreachableError):
        raise error
    if not run.scope.only_looks:
        get_logger("TaskRunner").warning(
            "Task %r: the result at its target cannot be read and is computed again: %s",
            run.full_name,
            error,
        )
    return None


def shelf_with(scope: RunScope, planned: PlannedTask, element: int | None) -> Shelf | None:
    """The shelf on which a small value of an element was found that will be its value.

    Args:
        scope: What the run shares.
        planned: The task.
        element: The element; None where the task is not mapped.

    Returns:
        The shelf; None where there is no such value, or where somebody else is to be asked or told
        before it counts: a trigger, handlers, a function that names the task run.
    """
    book, task = scope.book, planned.task
    if book is None or element is None:
        return None
    shelf = book.shelf(planned.index)
    if shelf is None or not shelf.has_small(element) or shelf.conflict_of(element) is not None:
        return None
    if task.state_handlers or scope.runner_handlers or task.task_run_name is not None:
        return None
    return shelf if task.trigger is all_successful else None


def take_found(run: TaskRun, shelf: Shelf) -> State | None:
    """The Cached state of an element whose small value is on its shelf; None if it is damaged.

    Args:
        run: The element's run, with its inputs.
        shelf: The shelf.
    """
    element = run.map_index
    assert element is not None
    data = shelf.take(element)
    if isinstance(data, Exception):
        return None
    location = shelf.locations[element]
    try:
        read = shelf.result.opened(location, data)
    except ResultReadError:
        # is read again, to be told of
        return None
    return _cached(run, location, read, run.scope.base_context.get("parameters", {}))


def _look_on_shelf(run: TaskRun, result: Result, shelf: Shelf) -> State | None:
    element = run.map_index
    assert element is not None
    conflict = shelf.conflict_of(element)
    if conflict is not None:
        raise ResultError(conflict)
    location = shelf.locations.get(element)
    if location is None:
        location = _locate(run, result)
        conflict = shelf.claim(element, location)
        if conflict is not None:
            raise ResultError(conflict)
        return _look(run, result, location)
    if element in shelf.missing:
        return None
    if element not in shelf.found:
        return _look(run, result, location)
    store = shelf.result
    try:
        data = shelf.take(element)
        if isinstance(data, Exception):
            raise store._unread(location, data) from data
        read = store.opened(location, data)
    except ResultNotFoundError:
        return None
    except (ResultReadError, StoreUnreachableError) as error:
        return _unreadable(run, error)
    return _cached(run, location, read)


def was_not_run(element: int) -> str:
    """What came of an element whose target another one has."""
    return f"element {element} was not run"


def told_same_target(
    planned: PlannedTask, one: int, other: int, location: str, outcome: str
) -> str:
    """That two elements have one target, and which keys would tell them apart.

    Args:
        planned: The task.
        one: An element.
        other: Another one.
        location: Where both have their target.
        outcome: What came of it.
    """
    target = planned.task.target
    named = fields_of(target) if isinstance(target, str) else frozenset()
    mapped = [edge.key for edge in planned.edges if edge.mapped and edge.key]
    suggested = [*(key for key in mapped if key not in named), "map_index"]
    keys = " or ".join(f"{{{key}}}" for key in suggested)
    return (
        f"Elements {one} and {other} of task {planned.name!r} have the same target, {location!r}: "
        f"one would take the other's value for its own, so {outcome}. Add {keys} to the "
        f"target {target!r}."
    )


# a value of more bytes is read where it is needed, and its reading takes a while
SMALL_BYTES = 64 << 10


class Shelf:
    """The targets of one mapped task, as far as its elements are known.

    `locations` holds them filled in, `found` the sizes in bytes of those that are there,
    `missing` the elements whose target is not.
    """

    def __init__(self, planned: PlannedTask, result: Result) -> None:
        self._planned = planned
        # looked into and read from only where it is a plain store
        self.result: Any = result
        self.locations: dict[int, str] = {}
        self.found: dict[int, int] = {}
        self.missing: set[int] = set()
        self.conflict: str | None = None
        self._late: dict[int, str] = {}
        self._at: dict[str, int] = {}
        self._ended_at: dict[str, int] = {}
        self._let_go = 0
        self._listings: dict[str, dict[str, int]] = {}
        self._order: list[int] = []
        self._ahead: dict[int, bytes | Exception] = {}
        self._next = 0
        self._lock = threading.Lock()

    def put(self, element: int, location: str) -> None:
        """Note an element's location; a conflict where another element has the same.

        None of the elements may run then, unless the other one was let go already.
        """
        self.locations[element] = location
        other = self._at.setdefault(location, element)
        if other == element or self.conflict is not None:
            return
        if other in list(self.locations)[: self._let_go]:
            self._late[element] = self._told(other, element, location, was_not_run(element))
        else:
            self.conflict = self._told(other, element, location)

    def has_small(self, element: int) -> bool:
        """Whether a small value is at an element's target."""
        return 0 <= self.found.get(element, -1) <= SMALL_BYTES

    def claim(self, element: int, location: str) -> str | None:
        """Take a location that became known where the element runs.

        Returns:
            Why the element may not have it; None if it may.
        """
        other = self._at.setdefault(location, element)
        if other == element:
            return None
        return self._told(other, element, location, was_not_run(element))

    def found_at(self, element: int, state: State) -> str | None:
        """Note where an element that ran in another process has its value.

        Returns:
            What to warn of: that another element has it there too.
        """
        location = state._held.location if isinstance(state._held, StoredResult) else None
        if location is None or not state._successful:
            return None
        location = state._held.named(location)
        other = self._ended_at.setdefault(location, element)
        if other == element:
            return None
        return self._told(other, element, location, "do not trust the values of the two")

    def let_go(self) -> None:
        """Note that the elements so far may run."""
        self._let_go = len(self.locations)

    def conflict_of(self, element: int) -> str | None:
        """Why an element may not run; None if it may."""
        return self.conflict or self._late.get(element)

    def all_at_one(self) -> None:
        """Note that the template names nothing in which elements differ."""
        target = self._planned.task.target
        self.conflict = self._told(0, 1, target if isinstance(target, str) else "its function")

    def _told(
        self,
        one: int,
        other: int,
        location: str,
        outcome: str = "none of the elements was run",
    ) -> str:
        return told_same_target(self._planned, one, other, location, outcome)

    def look(self, elements: Sequence[int]) -> None:
        """Find out which targets are there, by one listing of each folder.

        Raises:
            Exception: A store cannot be asked.
        """
        for element in elements:
            folder, name = posixpath.split(self.locations[element])
            names = self._listings.get(folder)
            if names is None:
                names = self._listings[folder] = self.result.listing(folder)
            size = names.get(name)
            if size is None:
                self.missing.add(element)
            else:
                self.found[element] = size
                self._order.append(element)

    def take(self, element: int) -> bytes | Exception:
        """The bytes at an element's target, read together with those that follow it."""
        with self._lock:
            data = self._ahead.pop(element, None)
            if data is not None:
                return data
            if element in self._order[self._next : self._next + AHEAD_COUNT]:
                self._read_on()
                data = self._ahead.pop(element, None)
        return self.result.fetch_many([self.locations[element]])[0] if data is None else data

    def _read_on(self) -> None:
        chunk: list[int] = []
        size = 0
        while self._next < len(self._order) and len(chunk) < AHEAD_COUNT and size < AHEAD_BYTES:
            element = self._order[self._next]
            chunk.append(element)
            size += self.found[element]
            self._next += 1
        read = self.result.fetch_many([self.locations[element] for element in chunk])
        self._ahead.update(zip(chunk, read, strict=True))


class TargetBook:
    """The shelves of a run, by task index."""

    def __init__(self) -> None:
        self._shelves: dict[int, Shelf] = {}

    def shelf(self, task: int) -> Shelf | None:
        """The shelf of a mapped task; None where nobody looked for its elements."""
        return self._shelves.get(task)

    def add(self, task: int, shelf: Shelf) -> None:
        """Put a shelf in place."""
        self._shelves[task] = shelf
