"""Import an object by its dotted name."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["import_object"]


def import_object(name: str) -> Any:
    """Import a module, or an object in one.

    Args:
        name: the dotted name, such as ``"package.module"`` or ``"package.module:object"``; the
            last part may also be an attribute after a dot.

    Returns:
        The module or the object.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.

    Example:
        >>> import_object("collections.abc.Mapping").__name__
        'Mapping'
    """
    module_name, colon, attribute = name.partition(":")
    if colon:
        return getattr(importlib.import_module(module_name), attribute)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        parent, _, attribute = name.rpartition(".")
        if not parent or error.name is None or not name.startswith(error.name):
            raise
        return getattr(importlib.import_module(parent), attribute)
