"""How a flow is put together: adding tasks and edges, asking for neighbours, checking the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefectlite import configuration
from prefectlite.core.builtin_tasks import builtin_task
from prefectlite.core.conversion import as_task
from prefectlite.core.edge import Edge
from prefectlite.core.graph import Graph
from prefectlite.core.map_body import MAP_BODY
from prefectlite.core.parameter import Parameter
from prefectlite.core.task import UNUSED_TASKS, Task
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["FlowGraph", "cache"]

Method = TypeVar("Method", bound=Callable[..., Any])


def cache(method: Method) -> Method:
    """Decorate a method of a flow: keep what it returns until the flow's tasks or edges change.

    Args:
        method: a method whose arguments can be hashed and whose result nobody changes.

    Returns:
        The method, which is called again only after a change or with other arguments.
    """

    @wraps(method)
    def cached(self: FlowGraph, *args: Any, **kwargs: Any) -> Any:
        version = self._graph.version
        if self._cache.get("version") != version:
            self._cache = {"version": version}
        key = (method.__name__, args, tuple(sorted(kwargs.items())))
        if key not in self._cache:
            self._cache[key] = method(self, *args, **kwargs)
        return self._cache[key]

    return cast("Method", cached)


def _is_eager(validate: bool | None) -> bool:
    eager = configuration.config.flows.eager_edge_validation if validate is None else validate
    return bool(eager)


class FlowGraph:
    """The part of :class:`~prefectlite.core.flow.Flow` that is about its graph.

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
    def edges(self) -> set[Edge]:
        """The flow's edges; plain values bound to arguments are in `constants` instead."""
        return self._graph.edges

    @edges.setter
    def edges(self, edges: Iterable[Edge]) -> None:
        self._graph = Graph(self._graph.tasks, edges)

    def __eq__(self, other: object) -> bool:
        """Flows are equal if they have the name, tasks, edges and reference tasks in common."""
        if not isinstance(other, FlowGraph) or type(self) is not type(other):
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

    def add_task(self, task: Task) -> Task:
        """Add a task; one that is there already stays as it is.

        Args:
            task: the task.

        Returns:
            The task.

        Raises:
            TypeError: it is no task.
            ValueError: the flow has another task with this slug, or parameter with this name.
        """
        if not isinstance(task, Task):
            raise TypeError(
                f"Tasks must be Task instances (received {type(task)}). Turn a function into one "
                f"with the decorator @task, and a plain value with as_task()."
            )
        if task not in self.tasks:
            slug = task.slug or self._new_slug(task)
            if slug in self._slugs_in_use:
                raise ValueError(
                    f'A task with the slug "{slug}" already exists in this flow. Give {task!r} '
                    f"another {'name' if isinstance(task, Parameter) else 'slug'}, or use the "
                    f"task that is there."
                )
            self._graph.add_task(task)
            self.slugs[task] = slug
            self._slugs_in_use.add(slug)
            body = context.get(MAP_BODY)
            if body is not None:
                body.added.append(task)
        unused = context.get(UNUSED_TASKS)
        if unused is not None:
            unused.discard(task)
        return task

    def _new_slug(self, task: Task) -> str:
        base = "-".join((task.name, *sorted(map(str, task.tags))))
        count = self._slug_counts.get(base, 0)
        while True:
            count += 1
            slug = f"{base}-{count}"
            if slug not in self._slugs_in_use:
                self._slug_counts[base] = count
                return slug

    def add_edge(
        self,
        upstream_task: Any,
        downstream_task: Any,
        key: str | None = None,
        mapped: bool = False,
        flattened: bool = False,
        validate: bool | None = None,
    ) -> Edge:
        """Let one task wait for another.

        Args:
            upstream_task: a task, a plain value, or one of these inside of an annotation such as
                `unmapped`. A plain value with a key, neither mapped nor flattened, becomes one of
                the flow's `constants` and no edge.
            downstream_task: a task or plain value.
            key: the argument of the downstream task's ``run`` that takes the upstream result.
            mapped: whether to go over the upstream result element by element.
            flattened: whether to join a list of lists to one list before.
            validate: whether to check the key and the whole flow at once; by default
                ``config.flows.eager_edge_validation``.

        Returns:
            The edge.

        Raises:
            ValueError: the key is no identifier, the edge leads to a parameter or from a task to
                itself; with ``validate``: the argument is taken, or the edge closes a circle.
            TypeError: with ``validate``: the downstream ``run`` has no such argument.
        """
        edge = Edge(upstream_task, downstream_task, key, mapped, flattened, flow=cast("Any", self))
        upstream, downstream = edge.upstream_task, edge.downstream_task
        if isinstance(downstream, Parameter):
            raise ValueError(
                f"Parameters must be root tasks and can not have upstream dependencies: "
                f"{upstream!r} cannot come before {downstream!r}."
            )
        if upstream is downstream:
            raise ValueError(f"Edges can not connect a task to itself: {downstream!r}.")
        body = context.get(MAP_BODY)
        if body is not None:
            edge = body.within(edge)
        eager = _is_eager(validate)
        self.add_task(downstream)
        if eager and key is not None:
            self._check_key(edge)
        whole = key is not None and not edge.mapped and not edge.flattened
        if whole and isinstance(upstream, builtin_task("Constant")):
            self.constants[downstream][cast("str", key)] = cast("Any", upstream).value
            return edge
        self.add_task(upstream)
        self._graph.add_edge(edge)
        if eager:
            self.validate()
        return edge

    def _check_key(self, edge: Edge) -> None:
        task, key = edge.downstream_task, cast("str", edge.key)
        if key in self.constants.get(task, ()) or key in (e.key for e in self._graph.into[task]):
            raise ValueError(self._already_assigned(task, key))
        if not task.accepts(key):
            raise TypeError(
                f"Task {task.name!r} got an unexpected keyword argument {key!r}: its run() takes "
                f"{', '.join(task.inputs()) or 'no arguments'}."
            )

    def _already_assigned(self, task: Task, key: str) -> str:
        return (
            f'Argument "{key}" for task {task!r} has already been assigned in this flow. If you '
            f"are trying to call the task again with new arguments, call it "
            f"(`my_task(...)`) or call Task.copy() before adding the result to this flow."
        )

    def refuse_second_binding(self, task: Task, keys: Iterable[str]) -> None:
        """Raise an error if an argument of a task has a value in this flow already.

        Args:
            task: the task that is about to be bound.
            keys: the arguments that it is about to be given.

        Raises:
            ValueError: names the task and the argument.
        """
        if task not in self.tasks:
            return
        taken = {edge.key for edge in self.edges_to(task)} | set(self.constants.get(task, ()))
        for key in keys:
            if key in taken:
                raise ValueError(self._already_assigned(task, key))

    def set_dependencies(
        self,
        task: Any,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,
        validate: bool | None = None,
    ) -> None:
        """Set what a task waits for and what waits for it.

        Args:
            task: the task, or a plain value.
            upstream_tasks: tasks or plain values to wait for, whose results are not used.
            downstream_tasks: tasks that wait for this one.
            keyword_tasks: tasks or plain values by the argument of ``run`` they are passed as.
            mapped: whether the upstream and keyword tasks are mapped over; annotations such as
                `unmapped` win.
            validate: whether to check keys and the whole flow at once; by default
                ``config.flows.eager_edge_validation``.

        Raises:
            ValueError: as :meth:`add_edge`.
            TypeError: as :meth:`add_edge`, or a single task in the place of a list of tasks.
        """
        for argument, tasks in (
            ("upstream_tasks", upstream_tasks),
            ("downstream_tasks", downstream_tasks),
        ):
            if isinstance(tasks, Task) and tasks.nout is None:
                raise TypeError(
                    f"{argument} must be a list of tasks, but Task {tasks.name!r} is not iterable: "
                    f"write {argument}=[{tasks.name}]."
                )
        task = self.add_task(as_task(task, flow=cast("Any", self)))
        for upstream in upstream_tasks or ():
            self.add_edge(upstream, task, mapped=mapped, validate=validate)
        for downstream in downstream_tasks or ():
            self.add_edge(task, downstream, validate=validate)
        for key, upstream in (keyword_tasks or {}).items():
            self.add_edge(upstream, task, key=key, mapped=mapped, validate=validate)

    def chain(self, *tasks: Any, validate: bool | None = None) -> list[Edge]:
        """Let each of these tasks wait for the one before.

        Args:
            *tasks: at least two tasks.
            validate: as in :meth:`add_edge`.

        Returns:
            The edges.

        Example:
            ``flow.chain(load, clean, store)``
        """
        converted = [as_task(task, flow=cast("Any", self)) for task in tasks]
        return [
            self.add_edge(upstream, downstream, validate=validate)
            for upstream, downstream in pairwise(converted)
        ]

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
        """Return the tasks whose states decide the flow's: those set, or the terminal ones."""
        return set(self._reference_tasks) or self.terminal_tasks()

    def explicit_reference_tasks(self) -> set[Task]:
        """Return the reference tasks that were set; none if the terminal tasks stand for them."""
        return set(self._reference_tasks)

    def set_reference_tasks(self, tasks: Iterable[Task]) -> None:
        """Set the tasks whose states decide the flow's state.

        Args:
            tasks: tasks of this flow; none for the terminal tasks.

        Raises:
            ValueError: one of them is not in the flow.
        """
        chosen = list(tasks)
        for task in chosen:
            if task not in self.tasks:
                raise ValueError(
                    f"reference tasks must be part of the flow. {task!r} is not in {self!r}; add "
                    f"it first."
                )
        self._reference_tasks = set(chosen)

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

    def _validate_if_eager(self, validate: bool | None) -> None:
        if _is_eager(validate):
            self.validate()

    def validate(self) -> None:
        """Check that the flow can be run.

        Raises:
            ValueError: edges or reference tasks refer to tasks that are not in the flow, or tasks
                wait for one another in a circle.
        """
        for edge in self.edges:
            if not edge.tasks <= self.tasks:
                raise ValueError(
                    f"Some edges refer to tasks not contained in this flow. Add both tasks of "
                    f"{edge!r}, or remove it."
                )
        outside = self._reference_tasks - self.tasks
        if outside:
            raise ValueError(
                f"Some reference tasks are not contained in this flow. Add them, or set others: "
                f"{sorted(task.name for task in outside)}."
            )
        self.sorted_tasks()

    def replace(self, old: Task, new: Any, validate: bool = True) -> None:
        """Put another task in the place of one.

        The edges of the old task become edges of the new one, and so do plain values bound to
        arguments that the new task cannot do without.

        Args:
            old: a task of the flow.
            new: the task, or plain value, to take its place.
            validate: whether to check the flow afterwards.

        Raises:
            ValueError: the flow does not have the old task, or is no valid flow with the new one.
        """
        into, out_of = self.edges_to(old), self.edges_from(old)
        new = as_task(new, flow=cast("Any", self))
        if any(new in edge.tasks for edge in into | out_of):
            raise ValueError(
                f"Edges can not connect a task to itself: {old!r} and {new!r} are neighbours, so "
                f"one cannot take the place of the other."
            )
        was_reference = old in self._reference_tasks
        bound = self.constants.pop(old, {})
        self._graph.remove_task(old)
        self._slugs_in_use.discard(self.slugs.pop(old, ""))
        self.add_task(new)
        if was_reference:
            self._reference_tasks = {*(self._reference_tasks - {old}), new}
        for edge in into:
            self._copy_edge(edge, edge.upstream_task, new)
        for edge in out_of:
            self._copy_edge(edge, new, edge.downstream_task)
        for key, value in bound.items():
            if new.requires(key) and key not in self.constants.get(new, ()):
                self.constants[new][key] = value
        if validate:
            self.validate()

    def _copy_edge(self, edge: Edge, upstream: Task, downstream: Task) -> None:
        self.add_edge(upstream, downstream, edge.key, edge.mapped, edge.flattened, validate=False)

    def update(
        self,
        flow: Self,
        merge_parameters: bool = False,
        validate: bool | None = None,
        merge_reference_tasks: bool = False,
    ) -> None:
        """Add all that is in another flow to this one.

        Args:
            flow: the other flow; it is not changed.
            merge_parameters: where both have a parameter of one name, use this flow's for both.
            validate: as in :meth:`add_edge`.
            merge_reference_tasks: make the other flow's reference tasks reference tasks of this
                one, next to its own.

        Raises:
            ValueError: both have a task with the same slug, or a parameter with the same name.
        """
        here = {parameter.slug: parameter for parameter in self.parameters()}
        same: dict[Task, Task] = {}
        for task in flow.tasks_in_order_of_adding():
            twin = here.get(task.slug) if merge_parameters and isinstance(task, Parameter) else None
            if twin is not None:
                same[task] = twin
            else:
                self.add_task(task)
        for edges in flow._graph.into.values():
            for edge in edges:
                upstream = same.get(edge.upstream_task, edge.upstream_task)
                self._copy_edge(edge, upstream, edge.downstream_task)
        for task, bound in flow.constants.items():
            self.constants[task].update(bound)
        if merge_reference_tasks:
            theirs = {same.get(task, task) for task in flow.reference_tasks()}
            self.set_reference_tasks(self.reference_tasks() | theirs)
        self._validate_if_eager(validate)

    def tasks_in_order_of_adding(self) -> list[Task]:
        """Return the tasks in the order in which they were added."""
        return list(self._graph.into)
