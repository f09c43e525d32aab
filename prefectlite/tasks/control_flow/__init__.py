"""Tasks and functions that decide which branches of a flow run."""

from prefectlite.tasks.control_flow.case import case
from prefectlite.tasks.control_flow.conditional import ifelse, merge, switch
from prefectlite.tasks.control_flow.filter import FilterTask

__all__ = ["FilterTask", "case", "ifelse", "merge", "switch"]
