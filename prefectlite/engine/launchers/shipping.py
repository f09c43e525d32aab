"""Pack a run for other processes, and say who is at fault where it cannot be."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.portable import can_be_pickled, dumps
from prefectlite.engine.remote import SharedRun
from prefectlite.engine.storage.credentials import hand_over
from prefectlite.engine.task_run import RunScope
from prefectlite.exceptions import ExecutorError, SerializationError
from prefectlite.utilities.logging import prefect_logger

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver


def pack_run(
    driver: Driver, key: str, without: Collection[int] = (), all_values: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """Pickle what every process that takes part in a run needs to know of it.

    Args:
        driver: The driver of the run.
        key: The run's key.
        without: Known tasks whose states travel by themselves.
        all_values: Whether every value comes back to the driver.

    Returns:
        The pickled `SharedRun`, and the credentials that are not in it but belong to it, for
        `prefectlite.engine.storage.credentials.take_over`.

    Raises:
        SerializationError: Something in it cannot be pickled; names it and the way out.
    """
    from prefectlite import config

    plan, scope = driver.plan, driver.scope
    tasks = range(len(plan.tasks))
    wanted = driver.wanted
    explicit = wanted if wanted is not None and not driver.wants_all else ()
    alias = sys.modules.get("prefectlite.compat")
    shared = SharedRun(
        prelude=alias.Installed() if alias is not None and alias.is_installed() else None,
        key=key,
        plan=plan,
        scope=_portable_scope(scope),
        known={
            t: driver.states.whole(t) for t in tasks if plan.tasks[t].known and t not in without
        },
        wanted=frozenset(
            t
            for t in tasks
            if all_values or plan.tasks[t].terminal or plan.tasks[t].task in explicit
        ),
        returned=frozenset(t for t in tasks if wanted and plan.tasks[t].task in wanted),
        return_limit=config.engine.return_limit,
        log_level=prefect_logger.getEffectiveLevel(),
    )
    try:
        with hand_over() as credentials:
            return dumps(shared), credentials
    except Exception as error:
        raise _who_is_at_fault(shared, error) from error


def _portable_scope(scope: RunScope) -> RunScope:
    """The scope without what only works in the driver's process."""
    context = {
        name: value
        for name, value in scope.base_context.items()
        if name not in ("logger", "config", "flow")
    }
    return RunScope(
        base_context=context,
        checkpointing=scope.checkpointing,
        flow_result=scope.flow_result,
        task_contexts=scope.task_contexts,
        runner_handlers=scope.runner_handlers,
        in_place=scope.in_place,
        runner_class=scope.runner_class,
        leaves_process=True,
    )


def _who_is_at_fault(shared: SharedRun, error: Exception) -> SerializationError:
    """Name the task, argument, parameter or context key that cannot be pickled."""
    way_out = (
        "Create it inside the task instead of outside, pass something that can be pickled (the "
        "path of a file, not the open file), or run the flow with LocalExecutor or threads."
    )
    for planned in shared.plan.tasks:
        for key, value in planned.constants.items():
            if not can_be_pickled(value):
                return SerializationError(
                    f"Argument {key!r} of task {planned.name!r}, of type {type(value).__name__}, "
                    f"cannot be pickled, so it cannot be sent to another process: {error}. "
                    + way_out
                )
        if planned.index in shared.known and not can_be_pickled(shared.known[planned.index]):
            return SerializationError(
                f"The value of {planned.name!r}, which task arguments refer to, cannot be "
                f"pickled, so it cannot be sent to another process: {error}. {way_out}"
            )
        if not can_be_pickled(planned.task):
            return SerializationError(
                f"Task {planned.name!r} cannot be pickled, so it cannot be sent to another "
                f"process: {error}. Something that it or its function refers to cannot. {way_out}"
            )
    for name, value in shared.scope.base_context.items():
        if not can_be_pickled(value):
            return SerializationError(
                f"The context key {name!r} cannot be pickled, so it cannot be sent to another "
                f"process: {error}. {way_out}"
            )
    return SerializationError(f"The flow cannot be sent to another process: {error}. {way_out}")


def explain_unloadable(plan: Plan, planned: PlannedTask, reason: str) -> ExecutorError:
    """Why a worker could not unpickle the run, and whose module it lacks.

    Args:
        plan: The run's plan.
        planned: The task that was to run.
        reason: What the worker said.
    """
    module = reason.partition("No module named ")[2].strip("'\" ")
    culprits = [task.name for task in plan.tasks if module and _refers_to(task, module)]
    if culprits:
        names = ", ".join(repr(name) for name in dict.fromkeys(culprits))
        return ExecutorError(
            f"Task {planned.name!r} could not be run: the workers have no module {module!r}, "
            f"which task {names} needs. Install it on every worker, or upload it with "
            "client.upload_file()."
        )
    return ExecutorError(
        f"Task {planned.name!r} could not be run: a worker cannot load the flow ({reason}). The "
        "workers need the same packages and versions as the process that runs the flow."
    )


def _refers_to(planned: PlannedTask, module: str) -> bool:
    try:
        pickled = dumps(planned.task)
    except (pickle.PicklingError, TypeError):
        return False
    return module.encode() in pickled
