"""The values that an earlier run stored: which are there, which can be read, and which were it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.checkpoints import place_in_run_folder, run_folder
from prefectlite.engine.events import StateChange
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.portable import RemoteResult
from prefectlite.engine.result import Result
from prefectlite.engine.seals import check_seal
from prefectlite.runs.history import WHOLE, History
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

# so many values are read at a time to see whether they are whole
READ_AT_ONCE = 256
# a folder is listed if so many of its values are asked for, else each by itself
WORTH_A_LISTING = 3


class KeptResult(RemoteResult):
    """The Result of a value that an earlier run stored; read when somebody looks, and kept then.

    Args:
        explanation: What to say to somebody who asks for a value that is nowhere.
        store: The Result that reads it from its location, if it was stored.
    """

    def __init__(self, explanation: str, store: Result | None = None) -> None:
        self._read: tuple[Any] | None = None
        super().__init__(explanation, store)

    @property
    def value(self) -> Any:
        """The value, read from where it is stored."""
        if self._read is None:
            self._read = (super().value,)
        return self._read[0]

    @value.setter
    def value(self, value: Any) -> None:
        """The value is elsewhere: a Result sets this only when it is made."""
        if value is not None:
            raise AttributeError("the value of a result of an earlier run cannot be set")

    def __getstate__(self) -> dict[str, Any]:
        # who gets it reads it where it is
        return {**self.__dict__, "_read": None}


class StoredValues:
    """Reads the values that the tasks of a flow stored.

    Args:
        flow: The flow.
        plan: Its plan.
    """

    def __init__(self, flow: Flow, plan: Plan) -> None:
        self._plan = plan
        self._flow_result: Result | None = flow.result
        self._listings: dict[tuple[int, str], Mapping[str, int] | None] = {}

    def store_of(self, task: int) -> Result | None:
        """The Result that reads a task's values, if it has one."""
        result: Result | None = self._plan.tasks[task].task.result
        return self._flow_result if result is None else result

    def located(self, task: int, location: str) -> Result:
        """A Result whose value is read from a location when somebody looks."""
        store = self.store_of(task)
        assert store is not None
        store = store.copy()
        store.location, store._formatter = location, None
        return KeptResult("", store)

    # what the journal does not tell

    def find_untold(self, history: History) -> None:
        """Add the values of task runs that a killed driver stored, or its workers, at the end.

        Their locations are known beforehand, where results name none of their own.
        """
        for planned in self._plan.tasks:
            if not _has_place_in_run_folder(planned):
                continue
            store = self.store_of(planned.index)
            if store is None or not _is_listable(store) or store.location or store._formatter:
                continue
            self._find_untold_of(planned, store, history)

    def _find_untold_of(self, planned: PlannedTask, store: Result, history: History) -> None:
        ends = history.ends[planned.index]
        length = history.lengths.get(planned.index)
        if planned.mapped and history.ended_as_a_whole(planned.index):
            return
        wanted = 1 if not planned.mapped else length
        if wanted is not None and sum(end.location is not None for end in ends.values()) >= wanted:
            return
        for run_id in history.run_ids:
            folder = run_folder(run_id)
            names = self._listing(store, folder) or {}
            for element in _elements_named(planned, names):
                end = ends.get(element)
                is_told = end is not None and end.state in ("Success", "Cached", "Skipped")
                if is_told or not names[_name_of(planned, element)]:
                    continue
                location = _full_location(store, f"{folder}/{_name_of(planned, element)}")
                ends[element] = StateChange(
                    run_id,
                    planned.name,
                    planned.slug,
                    element if planned.mapped else None,
                    1 if end is None else end.attempt,
                    "Success",
                    0.0,
                    None,
                    location,
                    SUCCEEDED,
                )

    def _listing(self, store: Any, folder: str) -> Mapping[str, int] | None:
        key = (id(store), folder)
        if key not in self._listings:
            try:
                filesystem = getattr(store, "filesystem", None)
                if filesystem is not None:
                    # a listing of an earlier moment would not have what workers wrote since
                    filesystem.invalidate_cache()
                self._listings[key] = store.listing(folder)
            except Exception as error:
                get_logger("runs").warning(
                    "What is in %r cannot be listed, so it is looked for one by one: %s",
                    folder,
                    error,
                )
                self._listings[key] = None
        return self._listings[key]

    # what the journal tells

    def unreadable(self, task: int, located: Mapping[int, Any], check: bool) -> set[int]:
        """Which values are not there, or cannot be read.

        Args:
            task: The task.
            located: Locations by element.
            check: Whether to read them, to see whether they are whole.
        """
        if not located:
            return set()
        store = self.store_of(task)
        if store is None:
            return set(located)
        if check and _is_listable(store):
            return self._damaged(task, store, located)
        missing = self._missing(store, located)
        if check:
            missing |= {
                e for e, place in located.items() if e not in missing and not _reads(store, place)
            }
        for element in missing:
            self._warn(task, element, located[element], "it is not there, or cannot be read")
        return missing

    def _damaged(self, task: int, store: Any, located: Mapping[int, str]) -> set[int]:
        damaged = set()
        elements = sorted(located)
        for start in range(0, len(elements), READ_AT_ONCE):
            some = elements[start : start + READ_AT_ONCE]
            found = store.fetch_many([located[element] for element in some])
            for element, data in zip(some, found, strict=True):
                reason = data if isinstance(data, Exception) else _damage(store, data)
                if reason is not None:
                    damaged.add(element)
                    self._warn(task, element, located[element], reason)
        return damaged

    def _missing(self, store: Any, located: Mapping[int, str]) -> set[int]:
        by_folder: dict[str, list[int]] = {}
        for element, location in located.items():
            by_folder.setdefault(posixpath.dirname(location), []).append(element)
        missing = set()
        for folder, elements in by_folder.items():
            names = None
            if _is_listable(store) and len(elements) >= WORTH_A_LISTING:
                names = self._listing(store, folder)
            for element in elements:
                if names is not None:
                    is_there = names.get(posixpath.basename(located[element]), 0) > 0
                else:
                    is_there = _exists(store, located[element])
                if not is_there:
                    missing.add(element)
        return missing

    def _warn(self, task: int, element: int, location: str, reason: object) -> None:
        planned = self._plan.tasks[task]
        name = planned.run_name(element if planned.mapped else None)
        get_logger("runs").warning(
            "Task %r: the result at %r cannot be used: %s", name, location, reason
        )


def _is_listable(store: Result) -> bool:
    """Whether a store is one of prefectlite's own, read in its own way."""
    from prefectlite.engine.results.stored_result import StoredResult

    return isinstance(store, StoredResult) and type(store).read is StoredResult.read


def _has_place_in_run_folder(planned: PlannedTask) -> bool:
    task = planned.task
    # handlers may have made another state of it, and a cache has a validator
    return not (planned.known or task.target or task.state_handlers or task.cache_for)


def _name_of(planned: PlannedTask, element: int) -> str:
    return place_in_run_folder(planned.slug, element if planned.mapped else None)


def _elements_named(planned: PlannedTask, names: Mapping[str, int]) -> Sequence[int]:
    if not planned.mapped:
        return [WHOLE] if _name_of(planned, WHOLE) in names else []
    before = f"{place_in_run_folder(planned.slug, None)}-"
    found = (name.removeprefix(before) for name in names if name.startswith(before))
    return [int(index) for index in found if index.isdecimal()]


def _full_location(store: Any, location: str) -> str:
    """The location as a result that was written bears it."""
    kept: str = store._kept_as(location)
    return kept


def _exists(store: Any, location: str) -> bool:
    try:
        # a template's braces are quoted: the location is one already
        return bool(store.is_there(location) if _is_listable(store) else store.exists(location))
    except Exception:
        return False


def _reads(store: Result, location: str) -> bool:
    try:
        store.read(location)
    except Exception:
        return False
    return True


def _damage(store: Result, data: bytes) -> Exception | None:
    try:
        check_seal(store.serializer, data)
    except ValueError as error:
        return error
    return None
