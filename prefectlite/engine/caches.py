"""Caches: values of tasks with `cache_for`, used again until they expire.

Within a process they are in `context.caches`. Where a value is stored, a small record next to the
results of its store says what it was made from, so that other processes find it too: the folder
`.prefectlite-caches/<cache key>` has one for each combination of inputs and parameters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefectlite.engine.cache_validators import hash_inputs
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.result import Result
from prefectlite.engine.state import Cached, Mapped, State, Success
from prefectlite.engine.targets import is_plain_store, result_of
from prefectlite.exceptions import ResultError
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.core.task import Task
    from prefectlite.engine.plan import PlannedTask
    from prefectlite.engine.results.stored_result import StoredResult
    from prefectlite.engine.task_run import TaskRun

FOLDER = ".prefectlite-caches"
# of more records only the newest are looked at
MOST_RECORDS = 1000


def remember(caches: dict[str, list[State]], task: Task, state: State) -> None:
    """Keep the Cached states of a task with `cache_for` for later runs in this process.

    Only when the run is over: tasks that run beside one another, such as the elements of a map,
    do not take one another's values, which the usual validator would let pass.

    Args:
        caches: Cached states by cache key.
        task: The task.
        state: The state it came to.
    """
    if task.cache_for is None:
        return
    for each in state.map_states if isinstance(state, Mapped) else [state]:
        if each._cached:
            caches.setdefault(cache_key(task), []).append(each)


def cache_key(task: Task) -> str:
    """The name under which a task's cached states are found again."""
    return task.cache_key or task.name


def check_cache(run: TaskRun) -> State | None:
    """Stop with a cached state that the task's validator lets pass."""
    if run.scope.only_looks:
        return run.state
    task = run.planned.task
    if task.cache_for is None:
        return None
    parameters = context.get("parameters", {})
    for candidate in _candidates(run):
        if not task.cache_validator(candidate, run.inputs, parameters):
            continue
        try:
            return candidate.load_result(candidate._result)
        except ResultError as error:
            get_logger("TaskRunner").warning(
                "Task %r: its cached result cannot be read and is computed again: %s",
                run.full_name,
                error,
            )
    get_logger("TaskRunner").warning(
        "Task %r: Can't use cache because it is now invalid", run.full_name
    )
    return None


def _candidates(run: TaskRun) -> Iterator[Cached]:
    """The cached states of a task: those of this process, then those with a record."""
    yield from (context.get("caches") or {}).get(cache_key(run.planned.task), [])
    store = _store_of(run)
    if store is not None:
        yield from _recorded(run, store)


def _store_of(run: TaskRun) -> StoredResult | None:
    if run.scope.checkpointing is False or run.planned.task.checkpoint is False:
        return None
    result: Any = result_of(run.planned.task, run.scope.flow_result)
    return result if result is not None and is_plain_store(result) else None


def _recorded(run: TaskRun, store: StoredResult) -> Iterator[Cached]:
    folder = _folder(run.planned)
    same = f"{folder}/{_name(hash_inputs(run.inputs), context.get('parameters', {}))}"
    try:
        names = store.listing(folder)
        others = [f"{folder}/{name}" for name in names if f"{folder}/{name}" != same]
        likely = [same] if len(others) < len(names) else []
        records = []
        for data in store.fetch_many([*likely, *others[:MOST_RECORDS]]):
            record = _record(data)
            if record is not None and record.get("run") != _this_run():
                records.append(record)
    except Exception as error:
        get_logger("TaskRunner").debug("The records of caches cannot be read: %r", error)
        return
    # the one for just these inputs comes first in any case
    first = records[: len(likely)]
    for record in first + sorted(records[len(first) :], key=lambda r: -r["time"]):
        located = store.copy()
        located.value, located.location = None, record["location"]
        located._formatter = None
        expires = datetime.fromtimestamp(record["expires"], timezone.utc)
        yield Cached(
            record["message"],
            result=located,
            hashed_inputs=record["hashed_inputs"],
            cached_parameters=record["parameters"],
            cached_result_expiration=expires,
        )


def _this_run() -> str | None:
    run: str | None = context.get("flow_run_id")
    return run


def _record(data: bytes | Exception) -> dict[str, Any] | None:
    """A record as it was written, unless it is damaged or over."""
    if isinstance(data, Exception):
        return None
    try:
        record: dict[str, Any] = json.loads(data)
        return record if record["expires"] > time.time() and record["location"] else None
    except (ValueError, TypeError, KeyError):
        return None


def _folder(planned: PlannedTask) -> str:
    return f"{FOLDER}/{quote(cache_key(planned.task), safe='')}"


def _name(hashed_inputs: dict[str, str], parameters: Any) -> str:
    return f"{hash_inputs({'all': [hashed_inputs, parameters]})['all']}.json"


def keep_for_later(run: TaskRun) -> State | None:
    """Turn the Success of a task with `cache_for` to Cached, with a record where it is stored."""
    task, state = run.planned.task, run.state
    if task.cache_for is None or type(state) is not Success:
        return None
    parameters = context.get("parameters", {})
    hashed = hash_inputs(run.inputs)
    now = time.time()
    expires = now + task.cache_for.total_seconds()
    _write_record(
        run,
        state,
        {
            "run": _this_run(),
            "time": now,
            "expires": expires,
            "hashed_inputs": hashed,
            "parameters": parameters,
            "location": None,
            "message": state.message or SUCCEEDED,
        },
    )
    return Cached(
        state.message,
        result=state._result,
        hashed_inputs=hashed,
        cached_parameters=parameters,
        cached_result_expiration=datetime.fromtimestamp(expires, timezone.utc),
    )


def _write_record(run: TaskRun, state: State, record: dict[str, Any]) -> None:
    store, held = _store_of(run), state._held
    if store is None or not isinstance(held, Result) or held.location is None:
        return
    record["location"] = held.location
    try:
        data = json.dumps(record).encode()
        if json.loads(data)["parameters"] != record["parameters"]:
            raise ValueError("the parameters are not those any more once they were JSON")
        name = _name(record["hashed_inputs"], record["parameters"])
        store._store(f"{_folder(run.planned)}/{name}", [data])
    except Exception as error:
        # the value is stored and the run is fine: only other processes will not find the value
        get_logger("TaskRunner").warning(
            "Task %r: its cached result will be known in this process only: %s",
            run.full_name,
            error,
        )
