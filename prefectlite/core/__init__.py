"""Tasks, flows, edges and parameters: building and checking a graph, without running it.

A part is loaded when one of its names is first asked for: a worker, which runs tasks, needs no
flows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefectlite.utilities.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from prefectlite.core.edge import Edge as Edge
    from prefectlite.core.flow import Flow as Flow
    from prefectlite.core.parameter import DateTimeParameter as DateTimeParameter
    from prefectlite.core.parameter import Parameter as Parameter
    from prefectlite.core.task import Task as Task

_NAMES = {
    "DateTimeParameter": "prefectlite.core.parameter",
    "Edge": "prefectlite.core.edge",
    "Flow": "prefectlite.core.flow",
    "Parameter": "prefectlite.core.parameter",
    "Task": "prefectlite.core.task",
}
_MODULES = frozenset({"edge", "flow", "parameter", "task"})

__all__ = ["DateTimeParameter", "Edge", "Flow", "Parameter", "Task"]

__getattr__, __dir__ = loaded_on_first_use(__name__, _NAMES, _MODULES)
