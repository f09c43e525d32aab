"""Errors of our own that are caught as what they came from as well."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

E = TypeVar("E", bound=Exception)

_made: dict[tuple[type, type], Any] = {}


def also_as(kind: type[E], cause: BaseException, message: str) -> E:
    """Make an error that code written for its cause catches too, as code for Prefect 1 is.

    Args:
        kind: The class of our own; its name is kept.
        cause: What it came from. The nearest class of Python's own that it is one of, and `kind`
            is not, is the class of the new error too, where the two go together.
        message: The message.

    Example:
        >>> isinstance(also_as(ResultReadError, EOFError(), "It is empty"), EOFError)
        True
    """
    for base in type(cause).__mro__:
        if base.__module__.split(".")[0] in sys.stdlib_module_names and not issubclass(kind, base):
            return _both(kind, base, message)
    return kind(message)


class _Both(Exception):
    """The base of classes made here; the other class may ask for more than a message."""

    _kinds: tuple[type, type]

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return _both, (*self._kinds, str(self))


def _both(kind: type[E], other: type, message: str) -> E:
    found = _made.get((kind, other))
    if found is None:
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        try:
            found = type(kind.__name__, (_Both, other, kind), {**names, "_kinds": (kind, other)})
        except TypeError:
            # Python cannot hold what both have
            found = kind
        _made[kind, other] = found
    made: E = found(message)
    return made
