"""Making tasks: the decorator, conversion of values, tags, mapping of functions, defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, overload

from prefectlite.core.conversion import as_task
from prefectlite.tasks.core.function import FunctionTask
from prefectlite.utilities.context import context

__all__ = ["as_task", "defaults_from_attrs", "pause_task", "tags", "task"]


@overload
def task(fn: Callable[..., Any]) -> FunctionTask: ...
@overload
def task(
    fn: None = None, **task_init_kwargs: Any
) -> Callable[[Callable[..., Any]], FunctionTask]: ...
@overload
def task(fn: Callable[..., Any], **task_init_kwargs: Any) -> FunctionTask: ...


def task(
    fn: Callable[..., Any] | None = None, **task_init_kwargs: Any
) -> FunctionTask | Callable[[Callable[..., Any]], FunctionTask]:
    """Decorate a function: make a task of it.

    Args:
        fn: the function. It cannot have ``*args`` nor arguments called ``upstream_tasks``,
            ``task_args``, ``mapped`` or ``flow``.
        **task_init_kwargs: arguments of `Task`.

    Returns:
        The task; or, without ``fn``, a decorator.

    Raises:
        TypeError: ``fn`` is no function, or an argument is none of `Task`.
        ValueError: the arguments of ``fn`` cannot be those of a task.

    Example:
        >>> @task(tags=["arithmetic"])
        ... def increment(x):
        ...     return x + 1
        >>> increment.name
        'increment'
    """
    if fn is None:
        return lambda fn: FunctionTask(fn=fn, **task_init_kwargs)
    return FunctionTask(fn=fn, **task_init_kwargs)


@contextmanager
def tags(*tags: str) -> Iterator[None]:
    """Give tags to all tasks that are made inside of a ``with`` block.

    Args:
        *tags: the tags; those of surrounding blocks are added.

    Example:
        >>> with tags("slow"):
        ...     load = Task(name="load")
        >>> load.tags
        {'slow'}
    """
    with context(tags={*tags, *context.get("tags", ())}):
        yield
