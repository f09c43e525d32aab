"""`Constant`: a task that returns a value known when the flow is built."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from prefectlite.core.task import Task

__all__ = ["Constant"]

# A representation no longer than this is a name; anything longer is named by its type.
_LONGEST_NAME = 8
# The representation of a collection is longer than that with more elements than these.
_MOST_ELEMENTS = 2


class Constant(Task):
    """Returns a value that is known when the flow is built.

    Args:
        value: the value.
        name: the task's name; by default a short representation of the value.
        **kwargs: arguments of `Task`.

    Example:
        >>> Constant([1]).name, Constant("a rather long text").name
        ('[1]', 'Constant[str]')
    """

    worth_a_warning_if_unused = False

    def __init__(self, value: Any, name: str | None = None, **kwargs: Any) -> None:
        self.value = value
        super().__init__(name=name or _short_name(value), **kwargs)

    def run(self) -> Any:
        """Return the value."""
        return self.value


def _short_name(value: Any) -> str:
    by_type = f"Constant[{type(value).__name__}]"
    # A list of a million elements need not be written out to see that it is long.
    if isinstance(value, (str, bytes)) and len(value) > _LONGEST_NAME:
        return by_type
    if isinstance(value, (list, tuple, dict, Set)) and len(value) > _MOST_ELEMENTS:
        return by_type
    try:
        shown = repr(value)
    except Exception:  # of a foreign class, or an integer too long to be written
        return by_type
    return shown if len(shown) <= _LONGEST_NAME else by_type
