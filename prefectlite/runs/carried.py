"""The states that a resumed run starts from."""

from __future__ import annotations

from prefectlite.engine.events import StateChange
from prefectlite.engine.messages import EXPANDED
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.result import Result
from prefectlite.engine.state import (
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Scheduled,
    Skipped,
    State,
    Success,
)
from prefectlite.runs.choice import Choice
from prefectlite.runs.history import WHOLE, History, class_of
from prefectlite.runs.stored_values import KeptResult, StoredValues


def carried_states(
    plan: Plan, history: History, choice: Choice, values: StoredValues
) -> dict[int, State]:
    """The states of what is kept, and of what was to be tried again; by task index.

    Args:
        plan: The flow as it is now.
        history: What the earlier run left.
        choice: What of it is kept.
        values: What reads the values that were stored.
    """
    states: dict[int, State] = {}
    for planned in plan.tasks:
        if planned.known:
            continue
        found = {
            element: state
            for element, end in history.ends[planned.index].items()
            if (state := _state(planned, element, end, choice, values)) is not None
        }
        if not found:
            continue
        if not planned.mapped or history.ended_as_a_whole(planned.index):
            states[planned.index] = found[WHOLE]
        else:
            states[planned.index] = _mapped(planned, found, history.lengths.get(planned.index))
    return states


def _mapped(planned: PlannedTask, found: dict[int, State], length: int | None) -> State:
    if length is None:
        # the run never told: one more than is known, and the map is not taken for a complete one
        length = max(found) + 2
    pending = Pending()
    elements: list[State] = [found.get(element, pending) for element in range(length)]
    mapped = Mapped(EXPANDED, map_states=elements)
    mapped.context = {"tags": sorted(map(str, planned.task.tags))}
    return mapped


def _state(
    planned: PlannedTask, element: int, end: StateChange, choice: Choice, values: StoredValues
) -> State | None:
    if element in choice.kept[planned.index]:
        state = _finished(planned, element, end, choice, values)
        state.context = {"tags": sorted(map(str, planned.task.tags))}
        return state
    if planned.index in choice.outdated:
        return None
    kind = class_of(end)
    if issubclass(kind, Retrying):
        retrying = Retrying(end.message, run_count=end.attempt)
        retrying._start_time = end.due
        return retrying
    if issubclass(kind, Paused) and end.due is None:
        # who resumes the run says that it is to go on
        return Resume(end.message, context={"task_run_count": end.attempt})
    if issubclass(kind, Scheduled):
        scheduled = Paused(end.message) if issubclass(kind, Paused) else Scheduled(end.message)
        scheduled._start_time = end.due
        return scheduled
    return None


def _finished(
    planned: PlannedTask, element: int, end: StateChange, choice: Choice, values: StoredValues
) -> State:
    if class_of(end)._skipped:
        return Skipped(end.message)
    held: Result | None = None
    if (planned.index, element) in choice.unread:
        held = KeptResult(
            f"The value of task {planned.name!r} was not stored by the run that was resumed, and "
            "nothing that was left to run needed it. To have it in a resumed run, give the task a "
            "result= to be checkpointed."
        )
    elif end.location is not None:
        held = values.located(planned.index, end.location)
    # a state that was found at its target is as good as one that was computed, and stays so
    return Success(end.message, result=held)
