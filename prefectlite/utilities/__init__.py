"""Helpers that every other part may use and that know nothing of tasks and runs.

A module is loaded when it is first used: ``prefectlite.utilities.debug`` needs no import of its
own, and ``import prefectlite`` does not pay for it.
"""

from __future__ import annotations

from prefectlite.utilities.lazy import loaded_on_first_use

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

__getattr__, __dir__ = loaded_on_first_use(__name__, modules=_MODULES)
