"""Making tasks: the decorator, conversion of values, tags, mapping of functions, defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from prefectlite.core.conversion import as_task
from prefectlite.core.map_body import MAP_BODY, MapBody
from prefectlite.tasks.core.function import FunctionTask
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["apply_map", "as_task", "defaults_from_attrs", "pause_task", "tags", "task"]

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")
Method = TypeVar("Method", bound=Callable[..., Any])


@overload
def task(
    fn: Callable[Parameters, Returned], **task_init_kwargs: Any
) -> FunctionTask[Parameters, Returned]: ...
@overload
def task(
    fn: None = None, **task_init_kwargs: Any
) -> Callable[[Callable[Parameters, Returned]], FunctionTask[Parameters, Returned]]: ...


def task(fn: Callable[..., Any] | None = None, **task_init_kwargs: Any) -> Any:
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


def apply_map(func: Callable[..., Any], *args: Any, flow: Flow | None = None, **kwargs: Any) -> Any:
    """Map a function that builds a part of a flow; each element runs through all of that part.

    The function is called once, with tasks that stand for one element each. What it adds to the
    flow is mapped: without this, every task in it would have to be called with ``.map``.

    Args:
        func: a function that calls tasks, or a task. With ``flow`` it is given that as a keyword.
        *args: what to map over: tasks that return lists, or lists. Inside of `unmapped` a value
            goes whole to each element; `flatten` joins lists of lists first.
        flow: the flow; by default that of the ``with Flow(...)`` block.
        **kwargs: what to map over, by the name of the argument.

    Returns:
        What ``func`` returns: a task, or several in a tuple, list or dictionary.

    Raises:
        ValueError: there is no flow, or ``func`` maps something itself.
        TypeError: a plain value that has no elements.

    Example:
        >>> def scaled(x, factor):
        ...     return multiply(shift(x), factor)
        >>> with Flow("scaling") as flow:
        ...     results = apply_map(scaled, [1, 2, 3], unmapped(10))
    """
    active = flow or context.get("flow")
    if active is None:
        raise ValueError(
            "Couldn't infer a flow in the current context. Pass flow=..., or call apply_map "
            "inside of a `with Flow(...)` block."
        )
    if context.get(MAP_BODY) is not None:
        raise ValueError(
            "Cannot set `mapped=True` when running from inside a mapped context: apply_map "
            "cannot be called by a function that apply_map calls."
        )
    body = MapBody(active)
    positional = [body.argument(value) for value in args]
    named: dict[str, Any] = {key: body.argument(value) for key, value in kwargs.items()}
    if flow is not None:
        named["flow"] = flow
    with context({MAP_BODY: body}):
        built = func(*positional, **named)
    body.finish()
    return built


def pause_task(message: str | None = None, duration: timedelta | None = None) -> None:
    """Pause the task that is running, until it is resumed. A resumed task runs from its beginning.

    Args:
        message: the message of the `Paused` state.
        duration: after this time the task is resumed without being told to.

    Raises:
        PAUSE: unless the task run is one that was resumed.

    Example:
        ``pause_task("waiting for approval", duration=timedelta(hours=8))``
    """
    if context.get("resume"):
        return
    from prefectlite.engine.signals import PAUSE

    start_time = None
    if duration is not None:
        import pendulum

        start_time = pendulum.now("utc") + duration
    raise PAUSE(message or "Pause signal raised during task execution.", start_time=start_time)


def defaults_from_attrs(*attr_args: str) -> Callable[[Method], Method]:
    """Decorate a task's ``run``: arguments that are not given come from attributes.

    Args:
        *attr_args: names of arguments of ``run`` that are also attributes of the task.

    Returns:
        A decorator.

    Raises:
        AttributeError: when the task runs and does not have such an attribute.

    Example:
        >>> class Greet(Task):
        ...     def __init__(self, name=None, **kwargs):
        ...         self.name_to_greet = name
        ...         super().__init__(**kwargs)
        ...
        ...     @defaults_from_attrs("name_to_greet")
        ...     def run(self, name_to_greet=None):
        ...         return f"Hello, {name_to_greet}"
        >>> Greet("world").run()
        'Hello, world'
    """

    def decorate(run: Method) -> Method:
        names = [*inspect.signature(run).parameters][1:]

        @wraps(run)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            by_position = names[: len(args)]
            for attribute in attr_args:
                if attribute not in by_position and attribute not in kwargs:
                    kwargs[attribute] = getattr(self, attribute)
            return run(self, *args, **kwargs)

        return cast("Method", method)

    return decorate
