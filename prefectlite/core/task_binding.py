"""How a task is put into a flow: calls, bindings, maps and dependencies."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from prefectlite.core.operators import TaskOperators
from prefectlite.core.signatures import CallSignature, bind_arguments
from prefectlite.utilities.context import context
from prefectlite.utilities.edges import EdgeAnnotation

if TYPE_CHECKING:
    from typing_extensions import Self

    from prefectlite.core.flow import Flow
    from prefectlite.core.task import Task

__all__ = ["EXTRA_CALL_PARAMETERS", "TaskBinding"]


class TaskBinding(TaskOperators):
    """The part of :class:`~prefectlite.core.task.Task` that adds it to flows."""

    if TYPE_CHECKING:

        @property
        def _signature(self) -> CallSignature: ...

        def copy(self, **task_args: Any) -> Self: ...

    def __call__(
        self,
        *args: Any,
        mapped: bool = False,
        task_args: Mapping[str, Any] | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a copy of this task to the flow, with these arguments bound to its ``run``.

        Args:
            *args: arguments of ``run``: tasks or plain values.
            mapped: go over the arguments element by element, see :meth:`map`.
            task_args: attributes to set on the copy, e.g. ``{"name": "load", "max_retries": 2}``.
            upstream_tasks: tasks to wait for, whose results are not used.
            flow: the flow; by default that of the ``with Flow(...)`` block.
            **kwargs: arguments of ``run``.

        Returns:
            The copy.

        Raises:
            ValueError: there is no flow.
            TypeError: ``run`` does not take these arguments.
            AttributeError: ``task_args`` names something that is no attribute of the task.
        """
        new = self.copy(**(task_args or {}))
        new.bind(*args, mapped=mapped, upstream_tasks=upstream_tasks, flow=flow, **kwargs)
        return new

    def bind(
        self,
        *args: Any,
        mapped: bool = False,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **kwargs: Any,
    ) -> Self:
        """Bind arguments to ``run`` in a flow, without making a copy of the task.

        Args:
            *args: arguments of ``run``: tasks or plain values.
            mapped: go over the arguments element by element, except those inside of `unmapped`.
            upstream_tasks: tasks to wait for, whose results are not used.
            flow: the flow; by default that of the ``with Flow(...)`` block.
            **kwargs: arguments of ``run``.

        Returns:
            This task.

        Raises:
            ValueError: there is no flow, or an argument has been bound in it before: call the
                task to get a copy that can be bound again.
            TypeError: ``run`` does not take these arguments.
        """
        arguments = bind_arguments(self._signature, self.name, args, kwargs)
        flow = self._flow_for_edges(flow)
        flow.refuse_second_binding(cast("Task", self), arguments)
        flow.set_dependencies(
            self, upstream_tasks=upstream_tasks, keyword_tasks=arguments, mapped=mapped
        )
        return self

    def _flow_for_edges(self, flow: Flow | None) -> Flow:
        flow = flow or context.get("flow")
        if not flow:
            raise ValueError(
                f"Could not infer an active Flow context while creating edge to {self!r}. This "
                f"often means you called a task outside a `with Flow(...)` block. If you're "
                f"trying to run this task outside of a Flow context, you need to call "
                f"`{self._written()}.run(...)`."
            )
        return flow

    def _written(self) -> str:
        """What stands for this task in the user's code, for error messages."""
        return f"{type(self).__name__}(...)"

    def map(
        self,
        *args: Any,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        task_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a copy of this task to the flow that runs once for each element of its arguments.

        Arguments inside of `unmapped` go whole to each element; `flatten` joins lists of lists
        first. With arguments of different lengths the shortest one ends the map.

        Args:
            *args: what to map over: tasks that return lists, or lists.
            upstream_tasks: tasks to wait for; mapped over too, unless inside of `unmapped`.
            flow: the flow; by default that of the ``with Flow(...)`` block.
            task_args: attributes to set on the copy.
            **kwargs: what to map over, by the name of the argument.

        Returns:
            The copy. Its result is the list of the elements' results.

        Raises:
            TypeError: a plain value that has no elements, or an argument ``run`` does not take.
            AttributeError: ``task_args`` names something that is no attribute of the task.

        Example:
            >>> with Flow("sums") as flow:
            ...     sums = add.map([1, 2, 3], y=unmapped(10))
        """
        for position, value in enumerate(args):
            self._refuse_unmappable(f"argument {position}", value)
        for key, value in kwargs.items():
            self._refuse_unmappable(f"argument {key!r}", value)
        new = self.copy(**(task_args or {}))
        # A mapped task returns as many results as there are elements.
        new.nout = None
        return new.bind(*args, mapped=True, upstream_tasks=upstream_tasks, flow=flow, **kwargs)

    def _refuse_unmappable(self, argument: str, value: Any) -> None:
        if isinstance(value, (TaskOperators, EdgeAnnotation)) or hasattr(value, "__getitem__"):
            return
        raise TypeError(
            f"Cannot map over unsubscriptable object of type {type(value)}: "
            f"{repr(value)[:10]}... (task {self.name!r}, {argument}). Pass a list, or "
            f"unmapped(...) if every element is to get the value whole."
        )

    def pipe(_prefect_self, _prefect_task: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call another task with this one as its first argument.

        Args:
            _prefect_task: a task, or the ``map`` of one.
            **kwargs: further arguments of that task.

        Returns:
            What the call returns: a task. For a mere annotation such as `mapped` it is this task,
            with a warning: as in Prefect 1, the mark is lost.

        Example:
            ``load().pipe(clean, strict=True).pipe(store.map)``
        """
        if isinstance(_prefect_task, type) and issubclass(_prefect_task, EdgeAnnotation):
            mark = _prefect_task.__name__
            warnings.warn(
                f"Task {_prefect_self.name!r}: pipe({mark}) has no effect. Mark the argument "
                f"instead: other_task({mark}({_prefect_self.name})), or pipe(other_task.map).",
                stacklevel=2,
            )
            return _prefect_self
        return _prefect_task(_prefect_self, **kwargs)

    def set_dependencies(
        self,
        flow: Flow | None = None,
        upstream_tasks: Iterable[object] | None = None,
        downstream_tasks: Iterable[object] | None = None,
        keyword_tasks: Mapping[str, object] | None = None,
        mapped: bool = False,
        validate: bool | None = None,
    ) -> Self:
        """Set what this task waits for and what waits for it.

        Args:
            flow: the flow; by default that of the ``with Flow(...)`` block.
            upstream_tasks: tasks or plain values to wait for, whose results are not used.
            downstream_tasks: tasks that wait for this one.
            keyword_tasks: tasks or plain values by the argument of ``run`` they are passed as.
            mapped: whether the upstream tasks are mapped over.
            validate: whether the flow is checked at once; by default
                ``config.flows.eager_edge_validation``.

        Returns:
            This task.

        Raises:
            ValueError: there is no flow.
        """
        flow = flow or context.get("flow")
        if not flow:
            raise ValueError(
                f"Task {self.name!r}: No Flow was passed, and could not infer an active Flow "
                f"context. Pass flow=..., or write this inside of a `with Flow(...)` block."
            )
        flow.set_dependencies(
            self,
            upstream_tasks=upstream_tasks,
            downstream_tasks=downstream_tasks,
            keyword_tasks=keyword_tasks,
            mapped=mapped,
            validate=validate,
        )
        return self

    def set_upstream(
        self, task: object, flow: Flow | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Let this task wait for another one.

        Args:
            task: a task or plain value.
            flow: the flow; by default that of the ``with Flow(...)`` block.
            key: the argument of this task's ``run`` to pass the result as; None: not used.
            mapped: whether to go over the result element by element.

        Returns:
            This task.

        Raises:
            ValueError: there is no flow.
        """
        if key is None:
            return self.set_dependencies(flow, upstream_tasks=[task], mapped=mapped)
        return self.set_dependencies(flow, keyword_tasks={key: task}, mapped=mapped)

    def set_downstream(
        self, task: Task, flow: Flow | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Let another task wait for this one.

        Args:
            task: the other task.
            flow: the flow; by default that of the ``with Flow(...)`` block.
            key: the argument of its ``run`` to pass this result as; None: not used.
            mapped: whether to go over this result element by element.

        Returns:
            This task.

        Raises:
            ValueError: there is no flow.
        """
        task.set_upstream(self, flow=flow, key=key, mapped=mapped)
        return self


EXTRA_CALL_PARAMETERS: list[inspect.Parameter] = [
    parameter
    for parameter in inspect.signature(TaskBinding.__call__).parameters.values()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY
]
"""What calling a task accepts besides the arguments of ``run``."""
