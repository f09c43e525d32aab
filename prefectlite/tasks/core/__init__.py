"""The tasks that the graph itself makes, and those of resources."""

from __future__ import annotations

from prefectlite.utilities.lazy import loaded_on_first_use

_MODULES = frozenset({"collections", "constants", "function", "operators", "resource_manager"})

__getattr__, __dir__ = loaded_on_first_use(__name__, modules=_MODULES)
