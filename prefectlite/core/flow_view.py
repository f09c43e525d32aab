"""What can be asked of a flow's graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from prefectlite.core.edge import Edge
from prefectlite.core.graph import Graph
from prefectlite.core.parameter import Parameter
from prefectlite.core.task import Task

__all__ = ["FlowView", "cache"]

Method = TypeVar("Method", bound=Callable[..., Any])


def cache(method: Method) -> Method:
    """Decorate a method of a flow: keep what it returns until the flow's tasks or edges change.

    Args:
        method: a method whose arguments can be hashed and whose result nobody changes.

    Returns:
        The method, which is called again only after a change or with other arguments.
    """

    @wraps(method)
    def cached(self: FlowView, *args: Any, **kwargs: Any) -> Any:
        version = self._graph.version
        if self._cache.get("version") != version:
            self._cache = {"version": version}
        key = (method.__name__, args, tuple(sorted(kwargs.items())))
        if key not in self._cache:
            self._cache[key] = method(self, *args, **kwargs)
        return self._cache[key]

    return cast("Method", cached)


class FlowView:
    """The part of :class:`~prefectlite.core.flow.Flow` that answers questions.

    Attributes:
        name: the flow's name.
        slugs: the identifier of each task within the flow, in the order in which they were added.
        constants: for each task the plain values that are bound to arguments of its ``run``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.slugs: dict[Task, str] = {}
        self.constants: defaultdict[Task, dict[str, Any]] = defaultdict(dict)
        self._graph = Graph()
        self._slug_counts: dict[str, int] = {}
        self._slugs_in_use: set[str] = set()
        self._reference_tasks: set[Task] = set()
        self._cache: dict[Any, Any] = {}

    @property
    def tasks(self) -> set[Task]:
        """The flow's tasks."""
        return self._graph.tasks

    @tasks.setter
    def tasks(self, tasks: Iterable[Task]) -> None:
        self._graph = Graph(tasks, self._graph.edges)

    @property
    def graph(self) -> Graph:
        """The tasks, and the edges that enter and leave each; to be looked at only."""
        return self._graph

    @property
    def edges(self) -> set[Edge]:
        """The flow's edges; plain values bound to arguments are in `constants` instead."""
        return self._graph.edges

    @edges.setter
    def edges(self, edges: Iterable[Edge]) -> None:
        self._graph = Graph(self._graph.tasks, edges)

    def __eq__(self, other: object) -> bool:
        """Flows are equal if they have the name, tasks, edges and reference tasks in common."""
        if not isinstance(other, FlowView) or type(self) is not type(other):
            return False
        return (
            self.name == other.name
            and self.tasks == other.tasks
            and self.edges == other.edges
            and self.reference_tasks() == other.reference_tasks()
        )

    # A flow can grow, so it has no hash that would stay the same.
    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Task]:
        return iter(self.sorted_tasks())

    def __contains__(self, task: object) -> bool:
        return task in self.tasks

    def _edges_of(self, edges: dict[Task, dict[Edge, None]], task: Task) -> dict[Edge, None]:
        try:
            return edges[task]
        except (KeyError, TypeError):
            raise ValueError(f"Task {task!r} was not found in Flow {self!r}") from None

    def edges_to(self, task: Task) -> set[Edge]:
        """Return the edges that lead to a task.

        Raises:
            ValueError: the flow does not have this task.
        """
        return set(self._edges_of(self._graph.into, task))

    def edges_from(self, task: Task) -> set[Edge]:
        """Return the edges that start from a task.

        Raises:
            ValueError: the flow does not have this task.
        """
        return set(self._edges_of(self._graph.out_of, task))

    def upstream_tasks(self, task: Task) -> set[Task]:
        """Return the tasks just before a task.

        Raises:
            ValueError: the flow does not have this task.
        """
        return {edge.upstream_task for edge in self._edges_of(self._graph.into, task)}

    def downstream_tasks(self, task: Task) -> set[Task]:
        """Return the tasks just after a task.

        Raises:
            ValueError: the flow does not have this task.
        """
        return {edge.downstream_task for edge in self._edges_of(self._graph.out_of, task)}

    def all_upstream_edges(self) -> dict[Task, set[Edge]]:
        """Return for each task the edges that lead to it."""
        return {task: set(edges) for task, edges in self._graph.into.items()}

    def all_downstream_edges(self) -> dict[Task, set[Edge]]:
        """Return for each task the edges that start from it."""
        return {task: set(edges) for task, edges in self._graph.out_of.items()}

    def root_tasks(self) -> set[Task]:
        """Return the tasks that wait for no other."""
        return {task for task, edges in self._graph.into.items() if not edges}

    def terminal_tasks(self) -> set[Task]:
        """Return the tasks that no other waits for."""
        return {task for task, edges in self._graph.out_of.items() if not edges}

    def parameters(self) -> set[Parameter]:
        """Return the flow's parameters."""
        return {task for task in self.tasks if isinstance(task, Parameter)}

    def reference_tasks(self) -> set[Task]:
        """Return the tasks whose states decide the flow's: those set, or the terminal ones.

        In the place of a clean-up come the tasks that nothing but clean-ups waits for.
        """
        return set(self._reference_tasks) or {
            task
            for task, edges in self._graph.out_of.items()
            if task.counts_for_flow_state and all(edge.downstream_task.is_cleanup for edge in edges)
        }

    def explicit_reference_tasks(self) -> set[Task]:
        """Return the reference tasks that were set; none if the terminal tasks stand for them."""
        return set(self._reference_tasks)

    def get_tasks(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        task_type: type | None = None,
    ) -> list[Task]:
        """Return the tasks that fit all that is asked for, in the order in which they were added.

        Args:
            name: the task's name.
            slug: its slug in this flow.
            tags: tags that it must all have.
            task_type: a class that it is an instance of.

        Example:
            ``flow.get_tasks(tags=["slow"])``
        """
        wanted = set(tags) if tags is not None else set()
        return [
            task
            for task in self._graph.into
            if (name is None or task.name == name)
            and (slug is None or self.slugs.get(task) == slug)
            and wanted <= task.tags
            and (task_type is None or isinstance(task, task_type))
        ]

    def tasks_in_order_of_adding(self) -> list[Task]:
        """Return the tasks in the order in which they were added."""
        return list(self._graph.into)

    def sorted_tasks(self, root_tasks: Iterable[Task] | None = None) -> tuple[Task, ...]:
        """Return the tasks so that each comes after those it waits for.

        Args:
            root_tasks: only these tasks and those that wait for them, directly or not.

        Raises:
            ValueError: the flow has a circle, or does not have one of the tasks.
        """
        roots = tuple(root_tasks or ())
        for task in roots:
            self._edges_of(self._graph.into, task)
        return self._sorted_tasks(roots)

    @cache
    def _sorted_tasks(self, roots: tuple[Task, ...]) -> tuple[Task, ...]:
        return self._graph.in_order(self._graph.downstream_of(roots) if roots else None)
