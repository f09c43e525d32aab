"""Going on with a run: what of it can be kept, and what is to be run again.

A task run is kept if it finished well, the flow has not changed in it or before it, and its value
can be read back if somebody needs it. All others are run, and those of a run that failed, together
with what came after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefectlite.core.parameter import Parameter
from prefectlite.core.task import Task
from prefectlite.engine.plan import Plan, PlannedTask, compile_flow
from prefectlite.engine.state import State
from prefectlite.exceptions import JournalError, ParameterError
from prefectlite.runs import open_run
from prefectlite.runs.carried import carried_states
from prefectlite.runs.choice import Choice, choose
from prefectlite.runs.description import changed_tasks, describe, removed_tasks
from prefectlite.runs.fingerprints import value_fingerprint
from prefectlite.runs.history import History
from prefectlite.runs.lock import Lock
from prefectlite.runs.run import Run, wait_for_own_journals
from prefectlite.runs.stored_values import StoredValues
from prefectlite.runs.writer import writer
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

MOST_NAMED = 10


@dataclass(frozen=True)
class Resumption:
    """What a run goes on from.

    Attributes:
        run_id: The run that is resumed.
        parameters: Its parameters, with what was given again laid over them.
        context: Keys for the context: the run it resumes, and its dates.
        task_states: The states of the task runs that are kept, or were to be tried again.
    """

    run_id: str
    parameters: dict[str, Any]
    context: dict[str, Any]
    task_states: dict[Task, State]


class _Hold:
    """The hold on the run that is resumed, kept up by the writing thread."""

    step_seconds = 1.0

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.has_ended = False

    def step(self) -> bool:
        """Say that this process is there."""
        try:
            if self.has_ended:
                self._lock.release()
            else:
                self._lock.step()
        except Exception as error:
            get_logger("runs").debug("The hold on a run could not be kept up: %s", error)
        return not self.has_ended

    def end(self) -> None:
        """Give it up."""
        self.has_ended = True
        writer.hurry(self)


@contextmanager
def resumed(flow: Flow, run_id: str, parameters: Mapping[str, Any]) -> Iterator[Resumption]:
    """Find out what a flow goes on from; the earlier run is held while the block runs.

    Args:
        flow: The flow.
        run_id: The identifier of the run to resume, or "last" for the flow's newest.
        parameters: Values that were given again.

    Raises:
        RunNotFoundError: There is no such run.
        RunHeldError: A process is at work on it.
        JournalError: It is a run of another flow.
        ParameterError: A parameter is needed that the journal does not hold.
    """
    wait_for_own_journals()
    folder, found = open_run(run_id, None, flow.name if run_id == "last" else None)
    lock = Lock(folder, found)
    lock.acquire()
    hold = _Hold(lock)
    writer.add(hold)
    try:
        yield _resumption(flow, Run(folder, found), parameters)
    finally:
        hold.end()


def _resumption(flow: Flow, run: Run, given: Mapping[str, Any]) -> Resumption:
    logger = get_logger("runs")
    if run.damage is not None:
        logger.warning("The journal of run %s is damaged. %s", run.run_id, run.damage)
    if run.header and run.flow_name != flow.name:
        raise JournalError(
            f"Run {run.run_id} is one of flow {run.flow_name!r}, and cannot be resumed by flow "
            f"{flow.name!r}. `prefectlite runs list` shows the runs of each flow."
        )
    plan = compile_flow(flow)
    parameters = _parameters(flow, run, given)
    changed = _changed(plan, run, given)
    history = History(run, plan)
    values = StoredValues(flow, plan)
    choice = choose(plan, history, changed, values)
    _tell(plan, run, changed, choice)
    task_states = carried_states(plan, history, choice, values)
    return Resumption(
        run.run_id,
        parameters,
        {"resumes": run.run_id, **_dates(run)},
        {plan.tasks[index].task: state for index, state in task_states.items()},
    )


def _parameters(flow: Flow, run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the earlier run, with what was given again laid over them."""
    names = {parameter.name: parameter for parameter in flow.parameters()}
    kept = {name: value for name, value in run.parameters.items() if name in names}
    missing = [
        f"{name!r} ({reason})"
        for name, reason in run.left_out.items()
        if name in names and name not in given
    ]
    # a default that the flow still has needs no journal
    missing = [m for m in missing if names[m.split("'")[1]].required]
    if missing:
        raise ParameterError(
            f"The journal of run {run.run_id} does not hold the parameters {', '.join(missing)}: "
            "give them again, flow.run(resume=..., parameters={...})."
        )
    return {**kept, **given}


def _changed(plan: Plan, run: Run, given: Mapping[str, Any]) -> dict[int, str]:
    """Why a task and those after it are run again, by the index of each changed task."""
    if not run.header:
        return {planned.index: "the journal does not tell" for planned in plan.tasks}
    by_slug = changed_tasks(run.header, describe(plan))
    changed = {}
    for planned in plan.tasks:
        reason = by_slug.get(planned.slug)
        if reason is None and isinstance(planned.task, Parameter):
            reason = _parameter_change(run, planned, given)
        if reason is not None:
            changed[planned.index] = reason
    return changed


def _parameter_change(run: Run, planned: PlannedTask, given: Mapping[str, Any]) -> str | None:
    packed = (run.header.get("parameters") or {}).get(planned.name)
    if planned.name not in given or packed is None or packed[1] is None:
        return None
    if value_fingerprint(given[planned.name]) == packed[1]:
        return None
    return "another value was given"


def _tell(plan: Plan, run: Run, changed: Mapping[int, str], choice: Choice) -> None:
    """Say what is kept, what has changed, and which task runs that affects."""
    logger = get_logger("runs")
    kept = sum(len(elements) for elements in choice.kept.values())
    logger.info("Resuming run %s: %s finished task runs are kept.", run.run_id, kept)
    if not run.header:
        return
    removed = removed_tasks(run.header, describe(plan))
    if not changed and not removed:
        return
    told = [f"task {plan.tasks[index].name!r}: {why}" for index, why in changed.items()]
    told += [f"task {slug!r} is gone" for slug in removed]
    again = [
        f"{count} of {plan.tasks[index].name!r}"
        for index, count in choice.outdated.items()
        if count
    ]
    logger.warning(
        "Flow %r has changed since run %s: %s. Task runs that finished, and are run again for it: "
        "%s.",
        plan.flow_name,
        run.run_id,
        _listed(told),
        _listed(again) if again else "none",
    )


def _listed(texts: list[str]) -> str:
    more = len(texts) - MOST_NAMED
    return ", ".join(texts[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _dates(run: Run) -> dict[str, Any]:
    """The dates of the earlier run: templates that name them lead where they led."""
    import pendulum

    dates: dict[str, Any] = {}
    for name, text in (run.header.get("dates") or {}).items():
        if name in ("date", "scheduled_start_time"):
            dates[name] = pendulum.parse(text)
        else:
            dates[name] = text
            dates[f"{name}_nodash"] = text.replace("-", "")
    return dates
