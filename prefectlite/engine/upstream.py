"""What a task run sees of its upstreams: whole states, elements, items, and how many there are."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Iterable
from typing import Any

from prefectlite.engine.events import FINISHED, UNMAPPABLE, Summary
from prefectlite.engine.plan import Measure, PlannedEdge
from prefectlite.engine.state import Mapped, State, Success


def value_of(state: State) -> Any:
    """The value of a state, read from its location where it is kept only there."""
    value = state.result
    if value is None and state._result.location is not None and state._successful:
        return state.load_result().result
    return value


def input_value(edge: PlannedEdge, state: State) -> Any:
    """What an edge passes on to `run`: the value, or for a mapped upstream the list of values."""
    if isinstance(state, Mapped):
        if not edge.flattened:
            return [value_of(element) for element in state.map_states]
        return [item for element in state.map_states for item in _items(element)]
    value = value_of(state)
    if edge.flattened and not edge.mapped and state._successful:
        return flattened(value)
    return value


class ItemsOfValue:
    """The states that elements of a map over one value see, an item each.

    Args:
        state: The state with the value.
        flatten: Whether the map is over the items of the value's items.
    """

    __slots__ = ("_state", "_value")

    def __init__(self, state: State, flatten: bool) -> None:
        self._state = state
        value = value_of(state)
        self._value = flattened(value) if flatten else value

    def at(self, index: int) -> State:
        """What element `index` sees."""
        return item_state(self._state, self._value[index])


class ItemsOfElements:
    """The states that elements of a map over flattened elements see, an item of one of them each.

    Args:
        states: The states of the upstream's elements, all finished.
    """

    __slots__ = ("_numbers", "_positions", "_states")

    def __init__(self, states: list[State]) -> None:
        self._states = states
        # which element and which of its items; an element without items stands for itself
        self._numbers, self._positions = array("l"), array("l")
        for number, state in enumerate(states):
            count = _item_count(state)
            count = 1 if count == UNMAPPABLE else count
            self._numbers.extend([number] * count)
            self._positions.extend(range(count))

    def at(self, index: int) -> State:
        """What element `index` sees."""
        return flat_item(self._states[self._numbers[index]], self._positions[index])


Items = ItemsOfValue | ItemsOfElements


def element_state(edge: PlannedEdge, state: State, index: int, known: dict[int, Items]) -> State:
    """The upstream state that element `index` of a map sees of a whole upstream state.

    A failed upstream is met by each element's trigger; as an argument it is None, as in Prefect 1.

    Args:
        edge: The edge from the upstream.
        state: The upstream's state.
        index: The element.
        known: What was found for the elements before: a value is read, and its items are counted,
            once for all elements. Kept by whoever keeps the state.
    """
    if not edge.mapped:
        return state
    if not state._successful:
        return item_state(state, None)
    elements = state.map_states if isinstance(state, Mapped) else None
    if elements is not None and not edge.flattened:
        return elements[index]
    key = 2 * edge.upstream + edge.flattened
    items = known.get(key)
    if items is None:
        items = known[key] = (
            ItemsOfValue(state, edge.flattened) if elements is None else ItemsOfElements(elements)
        )
    return items.at(index)


def item_state(state: State, item: Any) -> State:
    """A state like the given one, with one item of its value for result."""
    if type(state) is Success:
        return Success(state.message, item)
    made = copy.copy(state)
    made.result = item
    return made


def flat_item(state: State, position: int) -> State:
    """Item `position` of one element, or the element itself where it has no items."""
    if _item_count(state) == UNMAPPABLE:
        return state
    value = value_of(state)
    try:
        item = value[position] if not isinstance(value, dict) else list(value)[position]
    except TypeError:
        item = list(value)[position]
    return item_state(state, item)


def flattened(value: Any) -> Any:
    """A value flattened by one level; as it is where one of its items cannot be iterated over."""
    try:
        return [item for inner in value for item in inner]
    except TypeError:
        return value


def summarise(state: State, measure: Measure) -> Summary:
    """What the run state machine needs to know of a finished state."""
    if type(state) is Success and not measure:
        return FINISHED
    summary = Summary(state._skipped, state._successful)
    if measure and state._successful:
        if measure & Measure.ITEMS:
            summary.length = _item_count(state)
        elif measure & Measure.LENGTH:
            summary.length = _map_length(value_of(state))
        if measure & Measure.FLAT_LENGTH:
            summary.flat_length = _map_length(flattened(value_of(state)))
    return summary


def known_summary(state: State, mapped_over: bool = True, flattened_over: bool = True) -> Summary:
    """The summary of a state that is there before the run begins.

    Args:
        state: The state.
        mapped_over: Whether a task maps over it; only then the value is looked at, which may have
            to be read for it.
        flattened_over: Whether one maps over it flattened.
    """
    if isinstance(state, Mapped):
        if not flattened_over:
            return Summary(False, True, state.n_map_states)
        items = [_item_count(element) for element in state.map_states]
        flat_length = sum(1 if count == UNMAPPABLE else count for count in items)
        return Summary(False, True, state.n_map_states, flat_length)
    if not state._successful:
        return Summary(state._skipped, False)
    if not mapped_over:
        return Summary(state._skipped, True)
    measure = Measure.LENGTH | Measure.FLAT_LENGTH if flattened_over else Measure.LENGTH
    return summarise(state, measure)


def _map_length(value: Any) -> int:
    """How many elements a map over a value has: it must have a length and take an index."""
    if isinstance(value, dict) or not hasattr(value, "__getitem__"):
        return UNMAPPABLE
    try:
        return len(value)
    except TypeError:
        return UNMAPPABLE


def _item_count(state: State) -> int:
    if not state._successful or state._skipped:
        return UNMAPPABLE
    value = value_of(state)
    try:
        return len(value)
    except TypeError:
        return UNMAPPABLE


def _items(state: State) -> Iterable[Any]:
    count = _item_count(state)
    value = value_of(state)
    return [value] if count == UNMAPPABLE else value
