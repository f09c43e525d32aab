"""Which elements of a map may have another index when their flow runs again.

A map over a flattened list has an index for each item of all lists. Where an element that makes
one of the lists failed, it counts as one item; once it succeeds it may have none or ten, and all
that comes after it moves. A target that goes by the index would then name another item's value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefectlite.engine.events import Summary
from prefectlite.engine.plan import Plan, PlannedEdge, PlannedTask
from prefectlite.engine.run_state import Runs, flat_items
from prefectlite.engine.task_states import TaskStates


def first_shifted(
    plan: Plan,
    planned: PlannedTask,
    runs: Sequence[Runs],
    states: TaskStates,
    shifted: Mapping[int, int],
) -> tuple[int | None, str | None]:
    """Find the first element of a map whose index is not certain.

    Args:
        plan: The run's plan.
        planned: The mapped task; what it maps over is over.
        runs: The runs of each segment.
        states: The states of the run.
        shifted: What was found for the tasks before.

    Returns:
        The element, None where all are certain; and the name of the task run that failed, None
        where the uncertainty is that of an upstream map.
    """
    found: list[tuple[int, str | None]] = []
    for edge in planned.edges:
        if not edge.mapped:
            continue
        first = shifted.get(edge.upstream)
        if not edge.flattened:
            if first is not None:
                found.append((first, None))
            continue
        failed, items = _first_failed(plan, edge, runs, states)
        if failed is not None and (first is None or failed < first):
            found.append((items, plan.tasks[edge.upstream].run_name(failed)))
        elif first is not None:
            before = _tails(plan, edge, runs)[:first]
            found.append((sum(flat_items(tail) for tail in before), None))
    return min(found, key=lambda each: each[0]) if found else (None, None)


def _first_failed(
    plan: Plan, edge: PlannedEdge, runs: Sequence[Runs], states: TaskStates
) -> tuple[int | None, int]:
    """The first element that failed, and how many items there are before it."""
    upstream = plan.tasks[edge.upstream]
    if upstream.known:
        elements = states.elements(edge.upstream) or ()
        failed = next((i for i, state in enumerate(elements) if not state._successful), None)
        # how many items those before it have is known to whoever made them
        return failed, 0
    if not upstream.mapped:
        return None, 0
    items = 0
    for element, tail in enumerate(_tails(plan, edge, runs)):
        if not tail.successful:
            return element, items
        items += flat_items(tail)
    return None, items


def _tails(plan: Plan, edge: PlannedEdge, runs: Sequence[Runs]) -> Sequence[Summary]:
    return runs[plan.segment_of[edge.upstream]].tails
