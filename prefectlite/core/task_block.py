"""`with` blocks that link the tasks which are added to a flow inside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from prefectlite.core.builtin_tasks import builtin_task
from prefectlite.core.parameter import Parameter
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from types import TracebackType

    from prefectlite.core.flow import Flow
    from prefectlite.core.task import Task

__all__ = ["TaskBlock"]


class TaskBlock:
    """The root of such blocks.

    Of blocks of one kind that stand inside of each other, the innermost gets the tasks. A block
    that is entered again goes on with the tasks it has.
    """

    context_key: ClassVar[str]
    """The context key under which a flow finds the innermost block; one of `BLOCK_KEYS`."""
    called: ClassVar[str]
    """What the block is called in error messages."""

    def __init__(self, flow: Flow | None = None) -> None:
        self._flow = flow
        # a dictionary for its order: edges are then added in the order of the user's code
        self._tasks: dict[Task, None] = {}
        self._around: list[Any] = []

    def add_task(self, task: Task, flow: Flow) -> None:
        """Take note of a task that is being added to a flow.

        Args:
            task: the task; parameters and constants wait for nothing, and stay outside.
            flow: the flow.

        Raises:
            ValueError: tasks of this block were added to another flow.
        """
        if self._flow is None:
            self._flow = flow
        elif self._flow is not flow:
            raise ValueError(
                f"Multiple flows cannot be used with the same {self.called}: {task!r} is being "
                f"added to {flow!r}, others were to {self._flow!r}. Write one for each flow."
            )
        if not isinstance(task, (Parameter, builtin_task("Constant"))):
            self._tasks[task] = None

    def _enter(self) -> None:
        self._around.append(context.get(self.context_key))
        context[self.context_key] = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        around = self._around.pop()
        if around is None:
            context.pop(self.context_key, None)
        else:
            context[self.context_key] = around
        if self._flow is not None:
            self._link(self._flow)

    def _link(self, flow: Flow) -> None:
        """Add the edges that make the block's tasks belong together."""
        raise NotImplementedError

    def _first_tasks(self, flow: Flow) -> list[Task]:
        """The tasks that wait for no other task of the block."""
        return [
            task for task in self._tasks if self._tasks.keys().isdisjoint(flow.upstream_tasks(task))
        ]

    def _last_tasks(self, flow: Flow) -> list[Task]:
        """The tasks that no other task of the block waits for."""
        return [
            task
            for task in self._tasks
            if self._tasks.keys().isdisjoint(flow.downstream_tasks(task))
        ]
