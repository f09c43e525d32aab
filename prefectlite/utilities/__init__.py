"""Helpers that every other part may use and that know nothing of tasks and runs.

A module is loaded when it is first used: ``prefectlite.utilities.debug`` needs no import of its
own, and ``import prefectlite`` does not pay for it.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = frozenset(
    {
        "collections",
        "configuration",
        "context",
        "debug",
        "diagnostics",
        "edges",
        "filesystems",
        "importtools",
        "logging",
        "notifications",
        "secrets",
        "tasks",
    }
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
