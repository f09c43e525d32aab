"""Tasks that are ready to be used. Its modules are loaded when they are first asked for."""

from __future__ import annotations

from prefectlite.utilities.lazy import loaded_on_first_use

_MODULES = frozenset({"control_flow", "core", "secrets", "shell", "templates"})

__getattr__, __dir__ = loaded_on_first_use(__name__, modules=_MODULES)
