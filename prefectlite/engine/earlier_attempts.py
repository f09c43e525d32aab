"""What an attempt of a task run stored before its worker died, or before its answer got lost.

Dask makes a value again that was on a worker that died, and does not tell that it does. Where the
place of the value is known beforehand, the attempt before has left it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefectlite.engine.checkpoints import is_checkpointed, place_in_run_folder, run_folder
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.results.local_result import LocalResult
from prefectlite.engine.results.stored_result import StoredResult
from prefectlite.engine.state import State, Success
from prefectlite.engine.targets import is_plain_store, result_of
from prefectlite.exceptions import ResultError, ResultNotFoundError, ResultReadError
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.engine.task_run import TaskRun


def find_stored(run: TaskRun) -> State | None:
    """Stop as Success where an attempt of this task run has stored its value already.

    Only where a worker can die without the run, and for values without a target: those are looked
    for there. Costs one look into the store for each task run that is checkpointed.
    """
    task, scope = run.planned.task, run.scope
    if not scope.leaves_process or task.target or task.state_handlers or scope.runner_handlers:
        return None
    result = result_of(task, scope.flow_result)
    flow_run_id = scope.base_context.get("flow_run_id")
    if (
        result is None
        or flow_run_id is None
        or result.location is not None
        or result._formatter is not None
        or not isinstance(result, StoredResult)
        or not is_plain_store(result)
        or not is_checkpointed(run)
        # a loop is stored at its end, and looked for at its beginning
        or context.get("task_loop_count")
    ):
        return None
    name = place_in_run_folder(run.planned.slug, run.map_index)
    return _read(run, result, f"{run_folder(str(flow_run_id))}/{name}")


def _read(run: TaskRun, result: StoredResult, location: str) -> State | None:
    try:
        if isinstance(result, LocalResult) and not result.is_there(location):
            # a tenth of what it costs to read in vain; over a network it would be twice as much
            return None
        found = result.read(location)
    except ResultNotFoundError:
        return None
    except ResultReadError as error:
        get_logger("TaskRunner").warning(
            "Task %r: what an earlier attempt stored cannot be read and is computed again: %s",
            run.full_name,
            error,
        )
        return None
    except ResultError as error:
        # whoever may write and not read, or not now, is at the beginning
        get_logger("TaskRunner").debug("Task %r: no look at %r: %s", run.full_name, location, error)
        return None
    found.location = result._kept_as(location)
    return Success(SUCCEEDED, found)
