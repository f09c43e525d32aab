"""How a flow is put together: adding tasks and edges, and checking the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from prefectlite import configuration
from prefectlite.core.builtin_tasks import builtin_task
from prefectlite.core.conversion import as_task
from prefectlite.core.edge import Edge
from prefectlite.core.flow_view import FlowView
from prefectlite.core.map_body import MAP_BODY
from prefectlite.core.parameter import Parameter
from prefectlite.core.task import UNUSED_TASKS, Task, require_settings
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BLOCK_KEYS", "FlowGraph"]

BLOCK_KEYS = ("case", "resource")
"""The context keys of `TaskBlock`: blocks that are told of the tasks that are added inside."""


def _is_eager(validate: bool | None) -> bool:
    eager = configuration.config.flows.eager_edge_validation if validate is None else validate
    return bool(eager)


class FlowGraph(FlowView):
    """The part of :class:`~prefectlite.core.flow.Flow` that makes its graph."""

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
        surroundings = context.__dict__
        if task not in self.tasks:
            require_settings(task)
            slug = task.slug or self._new_slug(task)
            if slug in self._slugs_in_use:
                raise ValueError(
                    f'A task with the slug "{slug}" already exists in this flow. Give {task!r} '
                    f"another {'name' if isinstance(task, Parameter) else 'slug'}, or use the "
                    f"task that is there."
                )
            for key in BLOCK_KEYS:
                block = surroundings.get(key)
                if block is not None:
                    block.add_task(task, self)
            self._graph.add_task(task)
            self.slugs[task] = slug
            self._slugs_in_use.add(slug)
            body = surroundings.get(MAP_BODY)
            if body is not None and body.flow is self:
                body.added.append(task)
        unused = surroundings.get(UNUSED_TASKS)
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

        Example:
            ``flow.add_edge(load, clean, key="rows", mapped=True)``
        """
        edge = Edge(upstream_task, downstream_task, key, mapped, flattened, flow=cast("Any", self))
        upstream, downstream = edge.upstream_task, edge.downstream_task
        if isinstance(downstream, Parameter):
            raise ValueError(
                f"Parameters must be root tasks and can not have upstream dependencies: "
                f"{upstream!r} cannot come before {downstream!r}."
            )
        body = context.get(MAP_BODY)
        if body is not None and body.flow is self:
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
        if edge not in self.edges:
            self._graph.add_edge(edge)
            if eager:
                self._validate_with(edge)
        return edge

    def _validate_with(self, edge: Edge) -> None:
        """Check the flow; if it is no longer one that can be run, take the new edge back."""
        try:
            self.validate()
        except ValueError:
            self._graph.remove_edge(edge)
            raise

    def _check_key(self, edge: Edge) -> None:
        task, key = edge.downstream_task, cast("str", edge.key)
        if key in self.constants.get(task, ()) or key in (e.key for e in self._graph.into[task]):
            raise ValueError(self._already_assigned(task, key))
        if not task._signature.accepts(key):
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

        Example:
            ``flow.set_dependencies(clean, upstream_tasks=[login], keyword_tasks={"rows": load})``
        """
        for argument, tasks in (
            ("upstream_tasks", upstream_tasks),
            ("downstream_tasks", downstream_tasks),
        ):
            if isinstance(tasks, Task) and tasks.nout is None:
                raise TypeError(
                    f"Task is not iterable: {tasks.name!r}, but {argument} must be a list of "
                    f"tasks. Write {argument}=[{tasks.name}]."
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

        Example:
            ``flow.replace(load, [1, 2, 3])`` in a test
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
            if new._signature.requires(key) and key not in self.constants.get(new, ()):
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
            merge_parameters: where both have a parameter of one name, use the other flow's for
                both, as Prefect 1 does.
            validate: as in :meth:`add_edge`.
            merge_reference_tasks: make the other flow's reference tasks reference tasks of this
                one, next to its own.

        Raises:
            ValueError: both have a task with the same slug, or a parameter with the same name.

        Example:
            ``nightly.update(cleanup, merge_parameters=True)``
        """
        here = {parameter.slug: parameter for parameter in self.parameters()}
        for task in flow.tasks_in_order_of_adding():
            twin = here.get(task.slug) if merge_parameters and isinstance(task, Parameter) else None
            if twin is None or twin is task:
                self.add_task(task)
            else:
                self.replace(twin, task, validate=False)
        for edges in flow._graph.into.values():
            for edge in edges:
                self._copy_edge(edge, edge.upstream_task, edge.downstream_task)
        for task, bound in flow.constants.items():
            self.constants[task].update(bound)
        if merge_reference_tasks:
            self.set_reference_tasks(self.reference_tasks() | flow.reference_tasks())
        self._validate_if_eager(validate)
