"""`case`: a block of tasks that run only if another task returns a certain value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefectlite.core.task import Task
from prefectlite.core.task_block import TaskBlock
from prefectlite.tasks.control_flow.conditional import CompareValue

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["case"]


class case(TaskBlock):  # noqa: N801 - it is used like a statement
    """A ``with`` block whose tasks run only if a task returns a certain value, else are skipped.

    Blocks may stand inside of each other, and in functions given to ``apply_map``. Join the
    branches again with `merge`.

    Args:
        task: the task, or plain value, that decides.
        value: the value of it with which the block's tasks run, compared by ``==``.

    Raises:
        TypeError: ``value`` is a task.

    Example:
        >>> with Flow("branches") as flow:
        ...     with case(is_weekday(), True):
        ...         full = full_report()
        ...     with case(is_weekday(), False):
        ...         short = short_report()
        ...     sent = send(merge(full, short))
    """

    context_key = "case"
    called = "case statement"

    def __init__(self, task: Task, value: Any) -> None:
        if isinstance(value, Task):
            raise TypeError(
                f"`value` cannot be a task: case({task!r}, {value!r}) would compare with a value "
                f"that is not known yet. Write case(task.is_equal(other_task), True)."
            )
        super().__init__()
        self.task = task
        self.value = value

    def __enter__(self) -> None:
        self._enter()

    def _link(self, flow: Flow) -> None:
        first = self._first_tasks(flow)
        if not first:
            return
        matches = CompareValue(self.value, name=f"case({self.value})")
        matches.bind(value=self.task, flow=flow)
        for task in first:
            task.set_upstream(matches, flow=flow)
