"""Where a run's states are kept on the driver: one a task, and one an element of a mapped task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefectlite.engine.plan import Plan, PlannedEdge, PlannedTask
from prefectlite.engine.portable import RemoteResult
from prefectlite.engine.result import LateResult, Result
from prefectlite.engine.state import Mapped, Pending, State
from prefectlite.engine.upstream import Items, ItemsOfElements, element_state, value_of


class MappedResult(Result):
    """The values of a mapped task's elements as one list, made when somebody looks."""

    def __init__(self, states: list[State]) -> None:
        self._states = states
        super().__init__()

    @property
    def value(self) -> Any:
        """The list of the elements' values."""
        return [state.result for state in self._states]

    @value.setter
    def value(self, value: Any) -> None:
        """Values belong to the elements: a Result sets this only when it is made."""
        if value is not None:
            raise AttributeError("the value of a mapped task is that of its elements")


def result_of_elements(states: list[State]) -> Result:
    """The Result of a mapped task: the list of its elements' values.

    Args:
        states: The elements' states.
    """
    kinds = {type(state._held) for state in states}
    if RemoteResult in kinds:
        return MappedResult(states)
    if LateResult in kinds:
        return LateResult(lambda: [state.result for state in states])
    return Result([state.result for state in states])


class TaskStates:
    """The states of a run, by task index and element.

    Args:
        plan: The run's plan.
        given: States that the caller passed in, by task index.
    """

    def __init__(self, plan: Plan, given: dict[int, State]) -> None:
        self.plan = plan
        self.given = given
        # the state of a task that is not mapped, and of a mapped task as a whole
        self.parents: list[State | None] = [None] * len(plan.tasks)
        self._elements: list[list[State] | None] = [None] * len(plan.tasks)
        self._items: dict[int, Items] = {}
        self._flat_items: dict[int, ItemsOfElements] = {}

    def expand(self, task: int, length: int) -> None:
        """Make room for the elements of a mapped task."""
        given = self.given.get(task)
        # one for all that have not begun: a million elements need no million objects for that
        pending = given if given is not None and given._pending else Pending()
        states = list(given.map_states[:length]) if isinstance(given, Mapped) else []
        states += [pending] * (length - len(states))
        self._elements[task] = states

    def collapse(self, task: int) -> None:
        """A mapped task's handlers ended it as a whole: it has no elements."""
        self._elements[task] = None

    def elements(self, task: int) -> list[State]:
        """The states of a mapped task's elements: the list itself, not a copy."""
        states = self._elements[task]
        return [] if states is None else states

    def set(self, task: int, element: int, state: State) -> None:
        """Put the state of a run in place."""
        states = self._elements[task]
        if states is None:
            self.parents[task] = state
        else:
            states[element] = state

    def get(self, task: int, element: int) -> State:
        """The state of a run; Pending, or what the caller passed in, where it has not begun."""
        states = self._elements[task]
        if states is not None:
            return states[element]
        return self.whole(task)

    def initial(self, tasks: Sequence[int], element: int) -> dict[int, State]:
        """The states that runs of these tasks start from, where it is not a bare Pending."""
        states = {task: self.get(task, element) for task in tasks}
        return {task: state for task, state in states.items() if type(state) is not Pending}

    def whole(self, task: int) -> State:
        """The state of a task, of all its elements if it is mapped."""
        state = self.parents[task]
        if state is None:
            return self.given.get(task) or Pending()
        return state

    def upstream(self, planned: PlannedTask, element: int) -> list[State]:
        """What a run sees of its upstreams: one state for each of its edges."""
        if not planned.mapped:
            return [self.whole(edge.upstream) for edge in planned.edges]
        return [self.seen(edge, element) for edge in planned.edges]

    def seen(self, edge: PlannedEdge, element: int) -> State:
        """What an element of a mapped task sees through one of the task's edges."""
        states = self._elements[edge.upstream]
        if not edge.mapped or states is None:
            return element_state(edge, self.whole(edge.upstream), element, self._items)
        if not edge.flattened:
            return states[element]
        items = self._flat_items.get(edge.upstream)
        if items is None:
            items = self._flat_items[edge.upstream] = ItemsOfElements(states)
        return items.at(element)

    def why_unmappable(self, planned: PlannedTask) -> str:
        """A sentence that names the task and argument at fault, and the way out."""
        for edge in planned.edges:
            state = self.whole(edge.upstream)
            if edge.mapped and state._successful and not isinstance(state, Mapped):
                value = value_of(state)
                if isinstance(value, dict) or not hasattr(value, "__getitem__"):
                    return (
                        f" Task {planned.name!r} maps argument {edge.key!r} over the result of "
                        f"task {self.plan.tasks[edge.upstream].name!r}, which is of type "
                        f"{type(value).__name__} and cannot be indexed from 0: return a list from "
                        f"it, or wrap the argument in unmapped()."
                    )
        return ""
