"""What a task run reads before it runs and keeps after it: targets, checkpoints, caches."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefectlite.core.parameter import DateTimeParameter, Parameter
from prefectlite.engine.cache_validators import hash_inputs
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.portable import admit
from prefectlite.engine.state import Cached, Failed, State, Success
from prefectlite.engine.targets import location_values, result_of
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.engine.plan import PlannedTask
    from prefectlite.engine.result import Result
    from prefectlite.engine.task_run import TaskRun


def is_checkpointed(run: TaskRun) -> bool:
    """Whether what this task run returns is to be stored.

    `flows.checkpointing` unset: tasks with a target or a result of their own; true: every task
    with a result, the flow's included; false: none. `checkpoint=False` on a task: never.
    """
    task, setting = run.planned.task, run.scope.checkpointing
    if task.checkpoint is False or setting is False or isinstance(task, DateTimeParameter):
        return False
    if setting is None:
        if isinstance(task, Parameter):
            return False
        return task.result is not None or task.target is not None
    return True


def store(run: TaskRun, value: Any) -> State:
    """The Success of a returned value, stored first where it is to be checkpointed."""
    if run.scope.leaves_process:
        refused = admit(value, run.full_name)
        if refused is not None:
            return Failed(f"Error during execution of task: {refused!r}", result=refused)
    result = result_of(run.planned.task, run.scope.flow_result)
    if result is None:
        return Success(SUCCEEDED, value)
    if not is_checkpointed(run):
        return Success(SUCCEEDED, result.from_value(value))
    result = _with_place(run, result)
    try:
        return Success(SUCCEEDED, result.write(value, **location_values(run, result)))
    except Exception as error:
        if context.get("raise_on_exception"):
            raise
        get_logger("TaskRunner").error(
            "Task %r: its result could not be stored: %r", run.full_name, error, exc_info=error
        )
        message = f"Unexpected error: {error!r}. The result of the task could not be stored."
        return Failed(message, result=error)


def run_folder(flow_run_id: str) -> str:
    """The folder for the values of a flow run whose results name no location.

    Args:
        flow_run_id: The flow run's identifier.
    """
    return f"prefect-result-{quote(flow_run_id, safe='')}"


def place_in_run_folder(slug: str, map_index: int | None) -> str:
    """The name of a task run's value in `run_folder`.

    Args:
        slug: The task's slug.
        map_index: The element, or None.
    """
    name = quote(slug, safe="")
    return name if map_index is None else f"{name}-{map_index}"


def _with_place(run: TaskRun, result: Result) -> Result:
    """A result that names no location gets one that can be found again without being told.

    A process that is killed after it stored a value and before it could tell so has not lost it.
    """
    flow_run_id = run.scope.base_context.get("flow_run_id")
    is_placed = result.location is not None or result._formatter is not None
    if is_placed or flow_run_id is None or not hasattr(result, "listing"):
        return result
    placed = result.copy()
    name = place_in_run_folder(run.planned.slug, run.map_index)
    placed.location = f"{run_folder(str(flow_run_id))}/{name}"
    return placed


def remember(caches: dict[str, list[State]] | None, planned: PlannedTask, state: State) -> None:
    """Keep the Cached state of a task with `cache_for` for later runs in this process.

    Args:
        caches: Cached states by cache key; `context.caches` of the flow run.
        planned: The task.
        state: The state its run came to.
    """
    if caches is not None and planned.task.cache_for is not None and state._cached:
        caches.setdefault(cache_key(planned), []).append(state)


def cache_key(planned: PlannedTask) -> str:
    """The name under which a task's cached states are found again."""
    return planned.task.cache_key or planned.name


def check_cache(run: TaskRun) -> State | None:
    """Stop with a cached state that the task's validator lets pass."""
    if run.scope.only_looks:
        return run.state
    task = run.planned.task
    if task.cache_for is None:
        return None
    candidates: list[Cached] = context.get("caches", {}).get(cache_key(run.planned), [])
    validator = task.cache_validator
    for candidate in candidates:
        if validator(candidate, run.inputs, context.get("parameters", {})):
            return candidate.load_result(candidate._result)
    get_logger("TaskRunner").warning(
        "Task %r: Can't use cache because it is now invalid", run.full_name
    )
    return None


def keep_for_later(run: TaskRun) -> State | None:
    """Turn the Success of a task with `cache_for` to Cached."""
    task, state = run.planned.task, run.state
    if task.cache_for is None or type(state) is not Success:
        return None
    return _cached(run, state, task.cache_for)


def _cached(run: TaskRun, state: State, cache_for: timedelta) -> Cached:
    expiration = datetime.fromtimestamp(time.time() + cache_for.total_seconds(), timezone.utc)
    return Cached(
        state.message,
        result=state._result,
        hashed_inputs=hash_inputs(run.inputs),
        cached_parameters=context.get("parameters", {}),
        cached_result_expiration=expiration,
    )
