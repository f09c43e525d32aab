"""Tasks, flows, edges and parameters: building and checking a graph, without running it."""

from __future__ import annotations

from prefectlite.core.edge import Edge
from prefectlite.core.flow import Flow
from prefectlite.core.parameter import DateTimeParameter, Parameter
from prefectlite.core.task import Task

__all__ = ["DateTimeParameter", "Edge", "Flow", "Parameter", "Task"]
