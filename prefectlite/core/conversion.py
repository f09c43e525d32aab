"""Turning what users write as arguments into tasks: constants and collections with tasks inside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefectlite.core.builtin_tasks import builtin_task
from prefectlite.core.task import Task
from prefectlite.utilities.edges import EdgeAnnotation

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["as_task", "holds_task"]

_COLLECTIONS: tuple[tuple[type[Any], str], ...] = (
    (list, "List"),
    (tuple, "Tuple"),
    (set, "Set"),
    (dict, "Dict"),
)
_OPENED = (Task, EdgeAnnotation, list, tuple, set, dict)


def as_task(x: Any, flow: Flow | None = None) -> Task:
    """Turn a value into a task.

    A task stays what it is. A list, tuple, set or dictionary with a task somewhere inside becomes
    a task that puts the collection together at run time. Anything else becomes a `Constant`.

    Args:
        x: the value.
        flow: the flow for collections; by default that of the ``with Flow(...)`` block.

    Returns:
        The task.

    Raises:
        ValueError: a collection with tasks inside, and no flow.

    Example:
        >>> as_task(3).run()
        3
    """
    if isinstance(x, Task):
        return x
    if isinstance(x, EdgeAnnotation):
        return as_task(x.value, flow=flow)
    task: Task
    if isinstance(x, (list, tuple, set, dict)) and holds_task(x):
        task = _collection(x, flow)
    else:
        task = builtin_task("Constant")(x)
    task.auto_generated = True
    return task


def _collection(x: Any, flow: Flow | None) -> Task:
    name = next(name for kind, name in _COLLECTIONS if isinstance(x, kind))
    if name == "Dict":
        return builtin_task(name)().bind(keys=list(x), values=list(x.values()), flow=flow)
    return builtin_task(name)().bind(*x, flow=flow)


def holds_task(collection: Iterable[Any]) -> bool:
    """Tell whether there is a task somewhere inside of nested lists, tuples, sets and dictionaries.

    Each value is looked at once, also where collections contain one another in a circle.
    """
    pending = [collection]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        items = (*current, *current.values()) if isinstance(current, dict) else current
        for item in items:
            if isinstance(item, _OPENED):
                if isinstance(item, (Task, EdgeAnnotation)):
                    return True
                pending.append(item)
    return False
