"""The task classes that the graph makes on its own: constants, collections, operators.

``task + 1`` makes an ``Add`` and a list with a task inside a ``List``. Both are subclasses of
:class:`~prefectlite.core.task.Task`, so nothing that ``Task`` itself is built from can import
them; they are looked up by name when the first one is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from prefectlite.core.task import Task

__all__ = ["builtin_task"]

_CONSTANTS = "prefectlite.tasks.core.constants"
_COLLECTIONS = "prefectlite.tasks.core.collections"
_OPERATORS = "prefectlite.tasks.core.operators"
_HOMES = {"Constant": _CONSTANTS} | dict.fromkeys(("Dict", "List", "Set", "Tuple"), _COLLECTIONS)

_found: dict[str, type[Any]] = {}


def builtin_task(name: str) -> type[Task]:
    """Return one of the task classes of ``prefectlite.tasks.core``.

    Args:
        name: the name of the class; what is no constant or collection is an operator.

    Raises:
        AttributeError: there is no such class.

    Example:
        >>> builtin_task("Add").__name__
        'Add'
    """
    cls = _found.get(name)
    if cls is None:
        module = importlib.import_module(_HOMES.get(name, _OPERATORS))
        cls = _found[name] = getattr(module, name)
    return cast("type[Task]", cls)
