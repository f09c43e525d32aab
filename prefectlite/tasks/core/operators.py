"""The tasks that operators on tasks make: ``task + 1``, ``task[0]``, ``task > other``."""

from __future__ import annotations

from typing import Any

from prefectlite.core.task import NoDefault, Task

__all__ = [
    "Add",
    "And",
    "Div",
    "Equal",
    "FloorDiv",
    "GetAttr",
    "GetItem",
    "GreaterThan",
    "GreaterThanOrEqual",
    "LessThan",
    "LessThanOrEqual",
    "Mod",
    "Mul",
    "Not",
    "NotEqual",
    "Or",
    "Pow",
    "Sub",
]

no_default = NoDefault.value


class GetItem(Task):
    """Returns an item of a result, as ``task_result[key]``.

    Args:
        default: returned where there is no such key or index; without it that is an error.
        *args: arguments of `Task`.
        **kwargs: arguments of `Task`.
    """

    def __init__(self, default: Any = no_default, *args: Any, **kwargs: Any) -> None:
        self.default = default
        super().__init__(*args, **kwargs)

    def run(self, task_result: Any, key: Any, default: Any = no_default) -> Any:
        """Return ``task_result[key]``.

        Args:
            task_result: what to look into.
            key: the key, index or slice.
            default: returned where there is none; by default that of the task.
        """
        default = self.default if default is no_default else default
        try:
            return task_result[key]
        except (KeyError, IndexError):
            if default is no_default:
                raise
            return default


class GetAttr(Task):
    """Returns an attribute of a result.

    Args:
        default: returned where there is no such attribute; without it that is an error.
        *args: arguments of `Task`.
        **kwargs: arguments of `Task`.
    """

    def __init__(self, default: Any = no_default, *args: Any, **kwargs: Any) -> None:
        self.default = default
        super().__init__(*args, **kwargs)

    def run(self, task_result: Any, attr: str, default: Any = no_default) -> Any:
        """Return ``task_result.attr``.

        Args:
            task_result: what to look into.
            attr: the attribute's name; dots lead further down: ``"a.b"``.
            default: returned where there is none; by default that of the task.
        """
        default = self.default if default is no_default else default
        found = task_result
        for name in attr.split("."):
            try:
                found = getattr(found, name)
            except AttributeError:
                if default is no_default:
                    raise
                return default
        return found


class Not(Task):
    """Returns ``not x``."""

    def run(self, x: Any) -> bool:
        """Return ``not x``."""
        return not x


class Add(Task):
    """Returns ``x + y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x + y``."""
        return x + y


class Sub(Task):
    """Returns ``x - y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x - y``."""
        return x - y


class Mul(Task):
    """Returns ``x * y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x * y``."""
        return x * y


class Div(Task):
    """Returns ``x / y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x / y``."""
        return x / y


class FloorDiv(Task):
    """Returns ``x // y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x // y``."""
        return x // y


class Mod(Task):
    """Returns ``x % y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x % y``."""
        return x % y


class Pow(Task):
    """Returns ``x**y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x**y``."""
        return x**y


class And(Task):
    """Returns ``x and y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x and y``."""
        return x and y


class Or(Task):
    """Returns ``x or y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x or y``."""
        return x or y


class Equal(Task):
    """Returns ``x == y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x == y``."""
        return x == y


class NotEqual(Task):
    """Returns ``x != y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x != y``."""
        return x != y


class GreaterThan(Task):
    """Returns ``x > y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x > y``."""
        return x > y


class GreaterThanOrEqual(Task):
    """Returns ``x >= y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x >= y``."""
        return x >= y


class LessThan(Task):
    """Returns ``x < y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x < y``."""
        return x < y


class LessThanOrEqual(Task):
    """Returns ``x <= y``."""

    def run(self, x: Any, y: Any) -> Any:
        """Return ``x <= y``."""
        return x <= y
