"""What every task run of a random flow comes to, in plain Python and without the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from soak.shapes import LIST, LISTS, NUMBERS, Node, Shape

PRIME = 1_000_003


class Failure:
    """In the place of a value: the run fails, because of itself or of one before it."""

    def __init__(self, is_cause: bool) -> None:
        self.is_cause = is_cause

    def __repr__(self) -> str:
        return "fails" if self.is_cause else "follows what fails"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and other.is_cause == self.is_cause

    def __hash__(self) -> int:
        return hash(self.is_cause)


def checksum(value: Any) -> int:
    """A number that depends on all of a value, the same in every process."""
    total = 17
    for number in _numbers(value):
        total = (total * 31 + number) % PRIME
    return total


def _numbers(value: Any) -> list[int]:
    if value is None:
        return [3]
    if isinstance(value, (list, tuple)):
        return [len(value), *(n for item in value for n in _numbers(item))]
    # a text of digits and blanks where values are to be large
    return [int(value)]


def value_of(node: Node, arguments: Sequence[Any]) -> Any:
    """What a run of a node comes to: depends on its arguments alone."""
    number = checksum([node.number, *arguments])
    if node.kind in (LIST, LISTS):
        length = node.length if not node.inputs else 1 + number % node.length
        return [sized(node, number + i) for i in range(length)]
    return sized(node, number)


def sized(node: Node, number: int) -> Any:
    """A number, or a text of the node's weight that stands for it."""
    return f"{number}{' ' * node.weight}" if node.weight else number


def expected(shape: Shape) -> dict[int, Any]:
    """The value of each node; a list by element where it is mapped, with a Failure where it fails.

    Args:
        shape: The flow.
    """
    values: dict[int, Any] = {}
    kinds = {node.number: node.kind for node in shape.nodes}
    for node in shape.nodes:
        if not node.mapped:
            values[node.number] = _one(node, 0, [values[each.upstream] for each in node.inputs])
            continue
        columns = [_column(each.how, values[each.upstream], kinds) for each in node.inputs]
        elements = [c for c, e in zip(columns, node.inputs, strict=True) if _by_element(e)]
        lengths = [len(c) for c in elements if not isinstance(c, Failure)]
        if not lengths:
            # what it maps over has failed as a whole
            values[node.number] = Failure(is_cause=False)
            continue
        values[node.number] = [
            _one(
                node,
                index,
                [
                    c[index] if _by_element(e) and not isinstance(c, Failure) else c
                    for c, e in zip(columns, node.inputs, strict=True)
                ],
            )
            for index in range(min(lengths))
        ]
    return values


def _by_element(each: Any) -> bool:
    return bool(each.how in ("mapped", "flattened"))


def _column(how: str, value: Any, kinds: dict[int, str]) -> Any:
    if how == "flattened" and not isinstance(value, Failure):
        return [i for part in value for i in ([part] if isinstance(part, Failure) else part)]
    return value


def _one(node: Node, index: int, arguments: list[Any]) -> Any:
    if any(_has_failure(argument) for argument in arguments):
        return Failure(is_cause=False)
    if node.trouble == "poison" and node.troubled == index:
        return Failure(is_cause=True)
    return value_of(node, arguments)


def _has_failure(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_failure(item) for item in value)
    return isinstance(value, Failure)


def run_count(shape: Shape) -> int:
    """How many task runs a flow has."""
    values = expected(shape)
    counts = [
        len(values[node.number])
        if node.kind in (NUMBERS, LISTS) and isinstance(values[node.number], list)
        else 1
        for node in shape.nodes
    ]
    return sum(counts)
