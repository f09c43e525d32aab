"""Packages whose parts are loaded when one of their names is first asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

__all__ = ["loaded_on_first_use"]

_NOTHING: Mapping[str, str] = {}


def loaded_on_first_use(
    package: str, names: Mapping[str, str] = _NOTHING, modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make what a package needs to load its parts late (see PEP 562).

    Args:
        package: the package's full name.
        names: names that it offers, and the modules that they are in.
        modules: modules of its own that can be had as its attributes without an import.

    Returns:
        Its ``__getattr__`` and its ``__dir__``.

    Example:
        ``__getattr__, __dir__ = loaded_on_first_use(__name__, {"Flow": "prefectlite.core.flow"})``
    """
    content = sys.modules[package].__dict__

    def get(name: str) -> Any:
        if name in names:
            value = getattr(importlib.import_module(names[name]), name)
            content[name] = value
            return value
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted({*content, *names, *modules})

    return get, listed
