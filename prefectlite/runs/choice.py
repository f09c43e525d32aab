"""Which task runs of an earlier run are kept, and which are run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prefectlite.engine.events import StateChange
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.runs.history import History, class_of
from prefectlite.runs.stored_values import StoredValues
from prefectlite.tasks.core.resource_manager import ResourceCleanupTask


class _All:
    """Every element there is, and those of whose number nobody knows."""

    def __contains__(self, element: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


ALL = _All()
NONE: set[int] = set()
Elements = set[int] | _All


@dataclass
class Choice:
    """What is kept.

    Attributes:
        kept: By task index, the elements that are kept; 0 is the run of a task that is not mapped.
        unread: Those of them whose value is nowhere, and is not needed.
        outdated: By task index, how many finished runs are run again because the flow changed.
    """

    kept: dict[int, set[int]] = field(default_factory=dict)
    unread: set[tuple[int, int]] = field(default_factory=set)
    outdated: dict[int, int] = field(default_factory=dict)


def choose(
    plan: Plan, history: History, changed: Mapping[int, str], values: StoredValues
) -> Choice:
    """Choose what is kept.

    Args:
        plan: The flow as it is now.
        history: What the earlier run left; values that it stored without telling are added.
        changed: The tasks that have changed since.
        values: What reads the values that were stored.
    """
    choice = Choice()
    values.find_untold(history)
    _going_down(plan, history, changed, choice)
    _going_up(plan, history, choice, values)
    return choice


def _going_down(plan: Plan, history: History, changed: Mapping[int, str], choice: Choice) -> None:
    """Keep what finished well and comes after nothing that has changed or failed."""
    outdated: set[int] = set()
    again: dict[int, Elements] = {}
    for planned in plan.tasks:
        index, ends = planned.index, history.ends[planned.index]
        upstream = {edge.upstream for edge in planned.edges}
        if planned.known:
            if index in changed:
                outdated.add(index)
            again[index] = NONE
            continue
        if index in changed or upstream & outdated:
            outdated.add(index)
            choice.outdated[index] = sum(_ended_well(end) for end in ends.values())
            choice.kept[index], again[index] = set(), ALL
            continue
        good = {element for element, end in ends.items() if _ended_well(end)}
        failed: set[int] = {e for e, end in ends.items() if class_of(end)._failed}
        for edge in planned.edges:
            before = again[edge.upstream]
            if not before:
                continue
            by_element = planned.mapped and edge.mapped and not edge.flattened
            if by_element and plan.tasks[edge.upstream].mapped and isinstance(before, set):
                failed |= before
            else:
                # one that failed was told to those after it: what they made of it counts no more
                failed |= set(ends)
        choice.kept[index] = good - failed
        again[index] = failed


def _ended_well(end: StateChange) -> bool:
    kind = class_of(end)
    return kind._finished and kind._successful and not kind._mapped


def _going_up(plan: Plan, history: History, choice: Choice, values: StoredValues) -> None:
    """Run again what is needed and cannot be read back."""
    needed: dict[int, Elements] = {}
    has_readers = {edge.upstream for planned in plan.tasks for edge in planned.edges}
    for planned in reversed(plan.tasks):
        index = planned.index
        if planned.known:
            continue
        ends, kept = history.ends[index], choice.kept[index]
        wanted = needed.get(index, NONE)
        located = {e: ends[e].location for e in kept if ends[e].location is not None}
        to_read = [e for e in located if e in wanted]
        to_find = [e for e in located if e not in wanted]
        lost = values.unreadable(index, {e: located[e] for e in to_read}, check=True)
        lost |= values.unreadable(index, {e: located[e] for e in to_find}, check=False)
        nowhere = {e for e in kept if e not in located and not _has_no_value(ends[e])} | lost
        # the value of a task that nothing comes after is what the flow is run for
        again = {e for e in nowhere if e in wanted or index not in has_readers}
        if isinstance(planned.task, ResourceCleanupTask) and _is_open(planned, history, choice):
            again = set(kept)
        kept -= again
        choice.unread |= {(index, e) for e in nowhere - again}
        _need_inputs(plan, planned, history, choice, needed)


def _has_no_value(end: StateChange) -> bool:
    return end.empty or class_of(end)._skipped


def _is_open(planned: PlannedTask, history: History, choice: Choice) -> bool:
    """Whether a resource is set up again: then it is cleaned up again, too."""
    return any(0 not in choice.kept.get(edge.upstream, {0}) for edge in planned.edges if edge.key)


def _need_inputs(
    plan: Plan,
    planned: PlannedTask,
    history: History,
    choice: Choice,
    needed: dict[int, Elements],
) -> None:
    """Note what the runs of a task that are still to come take from those before it."""
    runs = _to_come(planned, history, choice)
    if not runs:
        return
    for edge in planned.edges:
        upstream = plan.tasks[edge.upstream]
        if edge.key is None and not edge.mapped:
            continue
        by_element = planned.mapped and edge.mapped and not edge.flattened and upstream.mapped
        mine: Elements = runs if by_element else ALL
        before = needed.get(edge.upstream, NONE)
        if isinstance(before, _All) or isinstance(mine, _All):
            needed[edge.upstream] = ALL
        else:
            needed[edge.upstream] = before | mine


def _to_come(planned: PlannedTask, history: History, choice: Choice) -> Elements:
    """The elements of a task that are run; ALL where their number is not known."""
    kept = choice.kept[planned.index]
    if not planned.mapped:
        return NONE if kept else {0}
    if history.ended_as_a_whole(planned.index):
        return NONE if kept else ALL
    length = history.lengths.get(planned.index)
    return ALL if length is None else set(range(length)) - kept
