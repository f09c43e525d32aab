"""What a run is: its states, signals and results, and the machinery that brings them about.

A part is loaded when one of its names is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefectlite.utilities.lazy import loaded_on_first_use

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

__getattr__, __dir__ = loaded_on_first_use(__name__, _NAMES, _MODULES)
