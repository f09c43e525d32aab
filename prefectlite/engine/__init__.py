"""What a run is: its states, signals and results, and the machinery that brings them about.

A part is loaded when one of its names is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefectlite.engine import cache_validators as cache_validators
    from prefectlite.engine import flow_runner as flow_runner
    from prefectlite.engine import result as result
    from prefectlite.engine import results as results
    from prefectlite.engine import serializers as serializers
    from prefectlite.engine import signals as signals
    from prefectlite.engine import state as state
    from prefectlite.engine import task_runner as task_runner
    from prefectlite.engine.flow_runner import FlowRunner as FlowRunner
    from prefectlite.engine.task_runner import TaskRunner as TaskRunner

_NAMES = {
    "FlowRunner": "prefectlite.engine.flow_runner",
    "TaskRunner": "prefectlite.engine.task_runner",
}
_MODULES = frozenset(
    {
        "cache_validators",
        "flow_runner",
        "result",
        "results",
        "runner",
        "serializers",
        "signals",
        "state",
        "task_runner",
    }
)

__all__ = ["FlowRunner", "TaskRunner"]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_MODULES})
