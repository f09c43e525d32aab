"""Checkpoints: which values are stored, where, and what becomes of a run whose value is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefectlite.core.parameter import DateTimeParameter, Parameter
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.portable import admit
from prefectlite.engine.result import Result, ResultNotImplementedError
from prefectlite.engine.results.stored_result import StoredResult
from prefectlite.engine.state import Failed, State, Success
from prefectlite.engine.targets import (
    failed_unexpectedly,
    location_values,
    placed,
    result_of,
    would_mislead,
)
from prefectlite.exceptions import ResultError
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.engine.task_run import TaskRun


def is_checkpointed(run: TaskRun) -> bool:
    """Whether what this task run returns is to be stored.

    `flows.checkpointing` unset: tasks with a target or a result of their own; true: every task
    with a result, the flow's included; false: none. `checkpoint=False` on a task: never.
    """
    task, setting = run.planned.task, run.scope.checkpointing
    if task.checkpoint is False or setting is False:
        return False
    if setting is None:
        if isinstance(task, Parameter) or task.inherits_result:
            return False
        return task.result is not None or task.target is not None
    return True


def store(run: TaskRun, value: Any) -> State:
    """The Success of a returned value, stored first where it is to be checkpointed."""
    if run.scope.leaves_process:
        size = admit(value, run.full_name)
        if isinstance(size, Exception):
            return Failed(f"Error during execution of task: {size!r}", result=size)
        run.scope.admitted = (value, size)
    result = result_of(run.planned.task, run.scope.flow_result)
    if result is None:
        # a Result that a task returns is its value, not what holds it
        return Success(SUCCEEDED, Result(value) if isinstance(value, Result) else value)
    # that no date was given is nothing a date could be read from
    no_date = value is None and isinstance(run.planned.task, DateTimeParameter)
    if no_date or not is_checkpointed(run) or would_mislead(run):
        return Success(SUCCEEDED, result.from_value(value))
    result = _with_place(run, result)
    if run.scope.before_store is not None:
        run.scope.before_store()
    try:
        return Success(SUCCEEDED, result.write(value, **location_values(run, result)))
    except ResultNotImplementedError:
        # a class without a store, such as Result itself, keeps nothing, as in Prefect 1
        return Success(SUCCEEDED, result.from_value(value))
    except Exception as error:
        if context.get("raise_on_exception"):
            raise
        get_logger("TaskRunner").error(
            "Task %r: its result could not be stored: %r", run.full_name, error, exc_info=error
        )
        return failed_unexpectedly(
            error,
            f". The result of task {run.full_name!r} could not be stored{_where(run, result)}, so "
            f"the task run is no success.{_way_out(error)}",
        )


def _where(run: TaskRun, result: Result) -> str:
    """For errors: at which location, filled in where it can be, and with what."""
    try:
        place: str | None = placed(result, location_values(run, result), "")
        if isinstance(result, StoredResult) and place is not None:
            place = result.named(place)
    except Exception:
        place = result.location
    at = f" at {place!r}" if place else ""
    return f"{at} with {type(result.serializer).__name__}"


def _way_out(error: Exception) -> str:
    """What to do where it is the serializer that refuses; our own errors say so themselves."""
    if isinstance(error, (ResultError, OSError)):
        return ""
    return (
        " Return a value that this serializer takes, or give the result another one: "
        "PickleSerializer, the default, takes nearly every value that is no open file, connection "
        "or generator."
    )


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
