"""Marks that say how a value reaches a mapped task: whole, element by element, or flattened.

``unmapped(x)`` passes ``x`` whole to each element, ``mapped(x)`` goes over ``x`` element by
element, ``flatten(x)`` first joins the lists that ``x`` consists of. Marks can be put around one
another (``unmapped(flatten(x))``); the inner mark wins where two speak of the same thing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EdgeAnnotation", "flatten", "mapped", "unmapped"]


class EdgeAnnotation:
    """The root of the marks: a value and what is to be said of the edge that carries it.

    Args:
        value: a task, a constant, or another mark whose value and annotations are taken over.

    Attributes:
        value: the marked value, never itself a mark.
        annotations: arguments for the edge, e.g. ``{"mapped": False}``.

    Example:
        >>> mark = unmapped(flatten([[1], [2]]))
        >>> mark.value, mark.annotations
        ([[1], [2]], {'mapped': False, 'flattened': True})
    """

    # The instance's own dictionary shadows the class's; both are public, as in Prefect 1.
    annotations: dict[str, bool] = {}  # noqa: RUF012

    def __init__(self, value: Any) -> None:
        self.annotations = dict(type(self).annotations)
        if isinstance(value, EdgeAnnotation):
            self.annotations.update(value.annotations)
            value = value.value
        self.value: Any = value

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.value!r}>"


class mapped(EdgeAnnotation):  # noqa: N801 - a public name that is used like a function
    """Go over this value element by element, also where the task itself is not mapped.

    Args:
        value: a list, a task that returns one, or another mark.

    Example:
        ``add(mapped([1, 2]), 10)`` is ``add.map([1, 2], unmapped(10))``.
    """

    annotations: dict[str, bool] = {"mapped": True}  # noqa: RUF012


class unmapped(EdgeAnnotation):  # noqa: N801 - a public name that is used like a function
    """Pass this value whole to every element of a map.

    Args:
        value: a constant, a task, or another mark.

    Example:
        ``add.map([1, 2], unmapped(10))`` adds 10 to each.
    """

    annotations: dict[str, bool] = {"mapped": False}  # noqa: RUF012


class flatten(EdgeAnnotation):  # noqa: N801 - a public name that is used like a function
    """Join a list of lists by one level before it is passed on or mapped over.

    Args:
        value: a task (mapped or not) whose value is a list of lists, or another mark.

    Example:
        ``work.map(flatten([[1, 2], [3]]))`` works on 1, 2 and 3.
    """

    annotations: dict[str, bool] = {"flattened": True}  # noqa: RUF012
