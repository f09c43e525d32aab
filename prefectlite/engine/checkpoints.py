"""What a task run reads before it runs and keeps after it: targets, checkpoints, caches."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefectlite.core.parameter import DateTimeParameter, Parameter
from prefectlite.engine.cache_validators import hash_inputs
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.portable import admit
from prefectlite.engine.state import Cached, Failed, State, Success
from prefectlite.exceptions import ResultReadError
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.engine.plan import PlannedTask
    from prefectlite.engine.result import Result
    from prefectlite.engine.task_run import TaskRun


def template_values(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What targets and names may refer to: context, parameters and inputs; inputs win."""
    return {**context.__dict__, **context.get("parameters", {}), **inputs}


def result_of(run: TaskRun) -> Result | None:
    """The Result that says where this task run's value is kept; the flow's where it has none."""
    task = run.planned.task
    result: Result | None = task.result if task.result is not None else run.scope.flow_result
    if result is not None and task.result is None and task.target:
        result = result.copy()
        result.location, result._formatter = (
            (task.target, None) if isinstance(task.target, str) else (None, task.target)
        )
    return result


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


def check_target(run: TaskRun) -> State | None:
    """Stop as Cached where a readable result stands at the target."""
    task = run.planned.task
    if not task.target:
        return None
    result = result_of(run)
    if result is None:
        raise ValueError(
            f"Task {run.full_name!r} has a target but no result to say where it is kept: give the "
            "task or the flow a result=, such as LocalResult(dir=...)."
        )
    if run.scope.checkpointing is False:
        return None
    values = template_values(run.inputs)
    if not result.exists(result.location or "", **values) if result._formatter is None else False:
        return None
    located = result.format(**values)
    location = str(located.location)
    if result._formatter is not None and not located.exists(location, **values):
        return None
    try:
        read = located.read(location)
    except ResultReadError as error:
        get_logger("TaskRunner").warning(
            "Task %r: the result at its target cannot be read and is computed again: %s",
            run.full_name,
            error,
        )
        return None
    return Cached(
        f"Result found at task target {location}",
        result=read,
        cached_parameters=context.get("parameters", {}),
    )


def store(run: TaskRun, value: Any) -> State:
    """The Success of a returned value, stored first where it is to be checkpointed."""
    if run.scope.leaves_process:
        refused = admit(value, run.full_name)
        if refused is not None:
            return Failed(f"Error during execution of task: {refused!r}", result=refused)
    result = result_of(run)
    if result is None:
        return Success(SUCCEEDED, value)
    if not is_checkpointed(run):
        return Success(SUCCEEDED, result.from_value(value))
    result = _with_place(run, result)
    try:
        return Success(SUCCEEDED, result.write(value, **template_values(run.inputs)))
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
