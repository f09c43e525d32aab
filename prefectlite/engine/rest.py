"""What is left of a run whose cluster was lost: the states to go on from."""

from __future__ import annotations

from prefectlite.engine.messages import EXPANDED
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.portable import RemoteResult
from prefectlite.engine.state import Mapped, Pending, State
from prefectlite.engine.task_states import TaskStates

# stands for the elements of a map whose number is not known
ALL = None
Elements = set[int] | None


def states_to_go_on_from(plan: Plan, states: TaskStates) -> dict[int, State]:
    """What finished and whose value can be had, or is needed by nobody, is kept; the rest is not.

    Args:
        plan: The plan of the run that was interrupted.
        states: Its states.

    Returns:
        The states that the rest of the run starts from, by task index; without those that had not
        begun.
    """
    has_readers = {edge.upstream for planned in plan.tasks for edge in planned.edges}
    needed: dict[int, Elements] = {}
    found: dict[int, State] = {}
    for planned in reversed(plan.tasks):
        index = planned.index
        whole = states.whole(index)
        if planned.known:
            found[index] = whole
            continue
        by_element = isinstance(whole, Mapped)
        runs = list(states.elements(index)) if by_element else [whole]
        wanted = needed.get(index, set())
        again = {
            number
            for number, state in enumerate(runs)
            if _is_nowhere(state)
            and (index not in has_readers or wanted is ALL or number in wanted)
        }
        left = again | {number for number, state in enumerate(runs) if not state._finished}
        kept = [Pending() if number in again else state for number, state in enumerate(runs)]
        if by_element:
            found[index] = _mapped(planned, kept)
        elif type(kept[0]) is not Pending:
            found[index] = kept[0]
        if left:
            _need_inputs(plan, planned, left if by_element or not planned.mapped else ALL, needed)
    return found


def _is_nowhere(state: State) -> bool:
    held = state._held
    return state._finished and isinstance(held, RemoteResult) and held.location is None


def _mapped(planned: PlannedTask, states: list[State]) -> State:
    mapped = Mapped(EXPANDED, map_states=states)
    mapped.context = {"tags": sorted(map(str, planned.task.tags))}
    return mapped


def _need_inputs(
    plan: Plan, planned: PlannedTask, left: Elements, needed: dict[int, Elements]
) -> None:
    for edge in planned.edges:
        by_element = planned.mapped and edge.mapped and not edge.flattened
        before = needed.get(edge.upstream, set())
        if not by_element or not plan.tasks[edge.upstream].mapped or left is ALL or before is ALL:
            needed[edge.upstream] = ALL
        else:
            needed[edge.upstream] = before | left
