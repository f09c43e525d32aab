"""`FunctionTask`: a function as a task, which is what the decorator ``@task`` makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from prefectlite.core.task import Task

__all__ = ["FunctionTask"]


class FunctionTask(Task):
    """A task whose ``run`` is a function.

    Args:
        fn: the function, or another callable whose arguments can be inspected.
        name: the task's name; by default that of the function.
        **kwargs: arguments of `Task`.

    Raises:
        TypeError: ``fn`` cannot be called, or is a task already.

    Example:
        >>> FunctionTask(lambda x: x + 1, name="increment").run(1)
        2
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **kwargs: Any) -> None:
        if not callable(fn):
            raise TypeError(
                f"`fn` must be callable; received {fn!r}. Use @task on a function, or "
                f"@task(name=...) with the arguments of Task by name."
            )
        if isinstance(fn, Task):
            raise TypeError(
                f"{fn!r} is a task already. To change its settings use "
                f"{fn.name}.copy(name=...), or task_args={{...}} when calling it."
            )
        name = name or getattr(fn, "__name__", type(self).__name__)
        # Attributes of the function are not taken over: they could be mistaken for settings.
        update_wrapper(self, fn, updated=())
        self.run = fn  # type: ignore[method-assign]
        super().__init__(name=name, **kwargs)

    def _written(self) -> str:
        return self.name
