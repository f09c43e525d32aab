"""What ``+``, ``[0]``, ``>``, ``|`` and the like do on a task: they make a task of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from prefectlite.core.builtin_tasks import builtin_task

if TYPE_CHECKING:
    from prefectlite.core.task import Task

__all__ = ["TaskOperators"]


class TaskOperators:
    """The operators of :class:`~prefectlite.core.task.Task`.

    Each adds a task to the active flow that computes the operator at run time. The other operand
    may be a task or a plain value. ``==`` and ``!=`` stay comparisons of the tasks themselves,
    since tasks are kept in sets and dictionaries: see ``is_equal`` and ``is_not_equal``.
    """

    nout: int | None
    name: str
    checkpoint: bool | None
    result: Any

    def _binary(self, operator: str, x: Any, y: Any) -> Task:
        return builtin_task(operator)().bind(x, y)

    def __iter__(self) -> Iterator[Task]:
        if self.nout is None:
            raise TypeError(
                f"Task is not iterable: {self.name!r}. If it returns several results, pass `nout` "
                f"to the task decorator or constructor, or annotate what it returns as a `Tuple` "
                f"of fixed length. To go over its result, use `.map`."
            )
        return (self[index] for index in range(self.nout))

    def __getitem__(self, key: Any) -> Task:
        shown = key.name if isinstance(key, TaskOperators) else repr(key)
        item = builtin_task("GetItem")(
            name=f"{self.name}[{shown}]",
            checkpoint=self.checkpoint,
            result=self.result if _tells_tasks_apart(self.result) else None,
        )
        item.inherits_result = item.result is not None
        return item.bind(self, key)

    def __or__(self, other: object) -> Any:
        """``t | other``: run ``other`` after this task. Returns ``other``."""
        cast("Task", self).set_dependencies(downstream_tasks=[other])
        return other

    def __ror__(self, other: object) -> Task:
        """``other | t``: run this task after ``other``. Returns this task."""
        return cast("Task", self).set_dependencies(upstream_tasks=[other])

    def __add__(self, other: object) -> Task:
        return self._binary("Add", self, other)

    def __radd__(self, other: object) -> Task:
        return self._binary("Add", other, self)

    def __sub__(self, other: object) -> Task:
        return self._binary("Sub", self, other)

    def __rsub__(self, other: object) -> Task:
        return self._binary("Sub", other, self)

    def __mul__(self, other: object) -> Task:
        return self._binary("Mul", self, other)

    def __rmul__(self, other: object) -> Task:
        return self._binary("Mul", other, self)

    def __truediv__(self, other: object) -> Task:
        return self._binary("Div", self, other)

    def __rtruediv__(self, other: object) -> Task:
        return self._binary("Div", other, self)

    def __floordiv__(self, other: object) -> Task:
        return self._binary("FloorDiv", self, other)

    def __rfloordiv__(self, other: object) -> Task:
        return self._binary("FloorDiv", other, self)

    def __mod__(self, other: object) -> Task:
        return self._binary("Mod", self, other)

    def __rmod__(self, other: object) -> Task:
        return self._binary("Mod", other, self)

    def __pow__(self, other: object) -> Task:
        return self._binary("Pow", self, other)

    def __rpow__(self, other: object) -> Task:
        return self._binary("Pow", other, self)

    def __and__(self, other: object) -> Task:
        return self._binary("And", self, other)

    def __rand__(self, other: object) -> Task:
        return self._binary("And", other, self)

    def __lt__(self, other: object) -> Task:
        return self._binary("LessThan", self, other)

    def __le__(self, other: object) -> Task:
        return self._binary("LessThanOrEqual", self, other)

    def __gt__(self, other: object) -> Task:
        return self._binary("GreaterThan", self, other)

    def __ge__(self, other: object) -> Task:
        return self._binary("GreaterThanOrEqual", self, other)

    def is_equal(self, other: object) -> Task:
        """Return a task that computes ``self == other``.

        Args:
            other: a task or a plain value.
        """
        return self._binary("Equal", self, other)

    def is_not_equal(self, other: object) -> Task:
        """Return a task that computes ``self != other``.

        Args:
            other: a task or a plain value.
        """
        return self._binary("NotEqual", self, other)

    def not_(self) -> Task:
        """Return a task that computes ``not self``."""
        return builtin_task("Not")().bind(self)

    def or_(self, other: object) -> Task:
        """Return a task that computes ``self or other``.

        Args:
            other: a task or a plain value.
        """
        return self._binary("Or", self, other)


def _tells_tasks_apart(result: Any) -> bool:
    """Whether what several tasks store with one result comes to several locations."""
    location = getattr(result, "location", None)
    if location is None:
        return getattr(result, "_formatter", None) is None
    return any(f"{{{key}" in location for key in ("task_name", "task_full_name", "task_slug"))
