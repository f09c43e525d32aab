"""Import what a configuration or a file names."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["import_object"]


def import_object(name: str) -> Any:
    """Import a module, or an attribute of one, by its full name.

    Args:
        name: a dotted name (``"os.path.join"``), or ``"module:attribute.attribute"``.

    Returns:
        What is named.

    Raises:
        ValueError: the name is empty.
        ModuleNotFoundError: there is no such module.
        AttributeError: the module has no such attribute.

    Example:
        >>> import_object("os.path.basename")("/a/b")
        'b'
    """
    module_name, colon, path = name.partition(":")
    if not name or not module_name:
        raise ValueError("Empty module name: write e.g. 'package.module.Class'")
    if colon:
        found: Any = importlib.import_module(module_name)
        for attribute in path.split("."):
            found = getattr(found, attribute)
        return found
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only a miss of the name itself makes its last part an attribute; a module that is there
        # but lacks something it imports has that to say.
        if "." not in name or error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
    module_name, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module_name), attribute)
