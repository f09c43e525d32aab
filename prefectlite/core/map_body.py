"""What the function given to ``apply_map`` builds: a part of a flow that is mapped as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefectlite.core.builtin_tasks import builtin_task
from prefectlite.core.conversion import as_task
from prefectlite.core.edge import Edge
from prefectlite.core.task import Task
from prefectlite.utilities.edges import EdgeAnnotation

if TYPE_CHECKING:
    from prefectlite.core.flow_graph import FlowGraph

__all__ = ["MAP_BODY", "MapBody"]

MAP_BODY = "mapped"
"""The context key under which the body is found while its function builds it."""


class MapBody:
    """The arguments of a body, and the tasks that were added to the flow while it was built.

    Args:
        flow: the flow that the body becomes a part of.

    Attributes:
        added: the tasks that were added, in order.
    """

    def __init__(self, flow: FlowGraph) -> None:
        self.flow = flow
        self.added: list[Task] = []
        self._arguments: dict[Task, tuple[bool, bool]] = {}

    def argument(self, value: Any) -> Task:
        """Turn an argument of the function into a task that stands for one element of it.

        Args:
            value: a task or a list; with `unmapped` or `flatten` around it, what they say.

        Raises:
            TypeError: a plain value that has no elements.
        """
        mapped, flattened = True, False
        if isinstance(value, EdgeAnnotation):
            mapped = value.annotations.get("mapped", True)
            flattened = value.annotations.get("flattened", False)
            value = value.value
        if mapped and not isinstance(value, Task) and not hasattr(value, "__getitem__"):
            raise TypeError(
                f"Cannot map over non-sequence object of type `{type(value).__name__}`. Pass a "
                f"list, or unmapped(...) if every element is to get the value whole."
            )
        task = as_task(value, flow=self.flow)  # type: ignore[arg-type]
        self._arguments[task] = (mapped, flattened)
        return task

    def within(self, edge: Edge) -> Edge:
        """Return the edge that takes the place of one that the function has added.

        Args:
            edge: the edge as if the function worked on single elements.

        Raises:
            ValueError: the edge is mapped already.
        """
        upstream, downstream = edge.upstream_task, edge.downstream_task
        if edge.mapped:
            raise ValueError(
                f"Cannot set `mapped=True` when running from inside a mapped context: "
                f"{downstream!r} is mapped by apply_map already."
            )
        if upstream in self._arguments:
            mapped, flattened = self._arguments[upstream]
            return Edge(upstream, downstream, edge.key, mapped, flattened or edge.flattened)
        whole = isinstance(upstream, builtin_task("Constant"))
        return Edge(upstream, downstream, edge.key, not whole, edge.flattened)

    def finish(self) -> None:
        """Let the body's first tasks wait for all arguments, so that the body is mapped whole."""
        inside = {task for task in self.added if task not in self._arguments}
        for task in self.added:
            if task not in inside:
                continue
            upstream = self.flow.upstream_tasks(task)
            if not upstream.isdisjoint(inside):
                continue
            for argument, (mapped, flattened) in self._arguments.items():
                is_constant = isinstance(argument, builtin_task("Constant"))
                if argument not in upstream and (mapped or not is_constant):
                    self.flow.add_edge(argument, task, mapped=mapped, flattened=flattened)
