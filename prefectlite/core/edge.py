"""`Edge`: one task waits for another, and perhaps is given its result."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from prefectlite.core.conversion import as_task
from prefectlite.core.task import Task
from prefectlite.utilities.edges import EdgeAnnotation

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["Edge", "is_valid_identifier"]


def is_valid_identifier(string: str) -> bool:
    """Tell whether a string can be the name of an argument.

    Args:
        string: the string.

    Example:
        >>> is_valid_identifier("x"), is_valid_identifier("class")
        (True, False)
    """
    return string.isidentifier() and not keyword.iskeyword(string)


class Edge:
    """A dependency of one task on another. Edges are values: they cannot be changed.

    Args:
        upstream_task: the task that runs first; a plain value becomes a task, an annotation such
            as ``unmapped(task)`` decides what it says.
        downstream_task: the task that waits; a plain value becomes a task.
        key: the argument of the downstream task's ``run`` that takes the upstream result. None:
            the result is not used.
        mapped: whether the downstream task runs once for each element of the upstream result.
        flattened: whether a list of lists is joined to one list before.
        flow: the flow in which collections with tasks inside are built; by default that of the
            ``with Flow(...)`` block.

    Raises:
        ValueError: the key is no valid name of an argument, or the two tasks are one.

    Example:
        >>> Edge(Task(name="load"), Task(name="clean"), key="rows")
        <Edge(key=rows, mapped=False, flattened=False): load to clean>
    """

    __slots__ = ("_hash", "downstream_task", "flattened", "key", "mapped", "upstream_task")

    upstream_task: Task
    downstream_task: Task
    key: str | None
    mapped: bool
    flattened: bool
    _hash: int

    def __init__(
        self,
        upstream_task: Any,
        downstream_task: Any,
        key: str | None = None,
        mapped: bool | None = None,
        flattened: bool | None = None,
        flow: Flow | None = None,
    ) -> None:
        if isinstance(upstream_task, EdgeAnnotation):
            annotations = upstream_task.annotations
            mapped = annotations.get("mapped", mapped)
            flattened = annotations.get("flattened", flattened)
        if key is not None and not (isinstance(key, str) and is_valid_identifier(key)):
            raise ValueError(f'Key must be a valid identifier (received "{key}")')
        put = object.__setattr__
        put(self, "upstream_task", as_task(upstream_task, flow=flow))
        put(self, "downstream_task", as_task(downstream_task, flow=flow))
        if self.upstream_task is self.downstream_task:
            raise ValueError(f"Edges can not connect a task to itself: {self.downstream_task!r}.")
        put(self, "key", key)
        put(self, "mapped", bool(mapped))
        put(self, "flattened", bool(flattened))
        # a flow asks for it eight times
        put(self, "_hash", hash(self._compared()))

    def __setattr__(self, attribute: str, value: Any) -> None:
        # A flow keeps edges in sets and indexes: one that changed could not be found again.
        raise AttributeError(f"{self!r} cannot be changed; add another edge instead.")

    @property
    def tasks(self) -> set[Task]:
        """The two tasks."""
        return {self.upstream_task, self.downstream_task}

    def _compared(self) -> tuple[Any, ...]:
        return (
            self.upstream_task, self.downstream_task, self.key, self.mapped, self.flattened
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edge):
            return False
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            Edge,
            (self.upstream_task, self.downstream_task, self.key, self.mapped, self.flattened),
        )

    def __repr__(self) -> str:
        return (
            f"<Edge(key={self.key}, mapped={self.mapped}, flattened={self.flattened}): "
            f"{self.upstream_task.name} to {self.downstream_task.name}>"
        )

    def serialize(self) -> dict[str, Any]:
        """Describe this edge as a dictionary that can be written as JSON."""
        from prefectlite.core.serialization import serialize_edge

        return serialize_edge(self)
