"""The graph behind a `Flow`: tasks and edges, and who is next to whom.

The neighbours of each task are kept up to date as edges come and go, so that adding one costs the
same in a flow of ten tasks and of ten thousand. A flow's ``tasks`` and ``edges`` are sets that
users may change themselves; when one was changed behind the graph's back, the neighbours are
gathered anew on the next question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prefectlite.core.edge import Edge
from prefectlite.core.task import Task

__all__ = ["Graph", "WatchedSet"]

Member = TypeVar("Member")


class WatchedSet(set[Member]):
    """A set that remembers whether its user has changed it.

    Attributes:
        changed: True once a method that changes the set has been called.
    """

    changed = False

    def __repr__(self) -> str:
        return repr(set(self))


def _watched(method: str) -> Callable[..., Any]:
    change = getattr(set, method)

    def changing(self: WatchedSet[Any], *args: Any) -> Any:
        self.changed = True
        return change(self, *args)

    changing.__name__ = method
    changing.__doc__ = change.__doc__
    return changing


for _method in (
    "add", "clear", "difference_update", "discard", "intersection_update", "pop", "remove",
    "symmetric_difference_update", "update", "__iand__", "__ior__", "__isub__", "__ixor__",
):  # fmt: skip
    setattr(WatchedSet, _method, _watched(_method))


class Graph:
    """Tasks, edges, and the edges that enter and leave each task.

    Args:
        tasks: tasks to begin with.
        edges: edges between them.
    """

    def __init__(self, tasks: Iterable[Task] = (), edges: Iterable[Edge] = ()) -> None:
        self.tasks: WatchedSet[Task] = WatchedSet(tasks)
        self.edges: WatchedSet[Edge] = WatchedSet(edges)
        self._into: dict[Task, dict[Edge, None]] = {}
        self._out_of: dict[Task, dict[Edge, None]] = {}
        self._version = 0
        self._gather()

    @property
    def version(self) -> int:
        """A number that is another one after each change."""
        self._current()
        return self._version

    def _gather(self) -> None:
        self._version += 1
        known = [task for task in self._into if task in self.tasks]
        # Insertion order is kept, and new tasks follow in an order that does not change from
        # one run of a program to the next.
        new = sorted(self.tasks.difference(known), key=lambda task: task.name)
        self._into = {task: {} for task in (*known, *new)}
        self._out_of = {task: {} for task in self._into}
        for edge in self.edges:
            self._out_of.setdefault(edge.upstream_task, {})[edge] = None
            self._into.setdefault(edge.downstream_task, {})[edge] = None
        self.tasks.changed = self.edges.changed = False

    def _current(self) -> None:
        if self.tasks.changed or self.edges.changed:
            self._gather()

    def add_task(self, task: Task) -> None:
        """Add a task; one that is there already stays."""
        self._current()
        if task not in self.tasks:
            self._version += 1
            set.add(self.tasks, task)
            self._into.setdefault(task, {})
            self._out_of.setdefault(task, {})

    def remove_task(self, task: Task) -> None:
        """Remove a task and its edges."""
        self._current()
        for edge in (*self._into[task], *self._out_of[task]):
            self.remove_edge(edge)
        self._version += 1
        set.discard(self.tasks, task)
        del self._into[task], self._out_of[task]

    def add_edge(self, edge: Edge) -> None:
        """Add an edge between two tasks of the graph; one that is there already stays."""
        self._current()
        self._version += 1
        set.add(self.edges, edge)
        self._out_of[edge.upstream_task][edge] = None
        self._into[edge.downstream_task][edge] = None

    def remove_edge(self, edge: Edge) -> None:
        """Remove an edge."""
        self._current()
        self._version += 1
        set.discard(self.edges, edge)
        self._out_of[edge.upstream_task].pop(edge, None)
        self._into[edge.downstream_task].pop(edge, None)

    @property
    def into(self) -> dict[Task, dict[Edge, None]]:
        """The edges that enter each task, in the order they were added in; not to be changed."""
        self._current()
        return self._into

    @property
    def out_of(self) -> dict[Task, dict[Edge, None]]:
        """The edges that leave each task, in the order they were added in; not to be changed."""
        self._current()
        return self._out_of

    def copy(self) -> Graph:
        """Return a graph of the same tasks and edges, with sets of its own."""
        self._current()
        new = Graph()
        new.tasks, new.edges = WatchedSet(self.tasks), WatchedSet(self.edges)
        new._into = {task: edges.copy() for task, edges in self._into.items()}
        new._out_of = {task: edges.copy() for task, edges in self._out_of.items()}
        return new

    def downstream_of(self, roots: Iterable[Task]) -> set[Task]:
        """Return these tasks and all that wait for them, directly or not."""
        found = set(roots)
        pending = list(found)
        while pending:
            for edge in self.out_of[pending.pop()]:
                if edge.downstream_task not in found:
                    found.add(edge.downstream_task)
                    pending.append(edge.downstream_task)
        return found

    def in_order(self, among: set[Task] | None = None) -> tuple[Task, ...]:
        """Return the tasks so that each comes after those it waits for.

        Tasks that do not depend on one another keep the order in which they were added.

        Args:
            among: only these tasks, and only the edges between them.

        Raises:
            ValueError: some tasks wait for one another in a circle; it is named.
        """
        into, out_of = self.into, self.out_of
        tasks = [task for task in into if among is None or task in among]
        waits_for = {
            task: sum(among is None or edge.upstream_task in among for edge in into[task])
            for task in tasks
        }
        ordered = [task for task in tasks if waits_for[task] == 0]
        for task in ordered:  # grows while it is gone through
            for edge in out_of[task]:
                downstream = edge.downstream_task
                if downstream in waits_for:
                    waits_for[downstream] -= 1
                    if waits_for[downstream] == 0:
                        ordered.append(downstream)
        if len(ordered) < len(tasks):
            raise ValueError(self._describe_cycle({t for t in tasks if waits_for[t] > 0}))
        return tuple(ordered)

    def _describe_cycle(self, stuck: set[Task]) -> str:
        """Name one circle among tasks that each wait for another one of them."""
        task = next(task for task in self.into if task in stuck)
        path: dict[Task, None] = {}
        while task not in path:
            path[task] = None
            task = next(e.upstream_task for e in self.into[task] if e.upstream_task in stuck)
        circle = [task, *reversed([*path][[*path].index(task) :])]
        names = " -> ".join(repr(member.name) for member in circle)
        return (
            f"Cycle found; flows must be acyclic! These tasks wait for one another: {names}. "
            f"Remove one of the edges between them."
        )
