"""Prefect's functions that tell which classes the configuration names for running flows."""

from __future__ import annotations

from prefectlite import configuration
from prefectlite.utilities.importtools import import_object

__all__ = [
    "get_default_executor_class",
    "get_default_flow_runner_class",
    "get_default_task_runner_class",
]


def get_default_executor_class() -> type:
    """Return the class of the executor that flows without one of their own run on."""
    return _configured("executor")


def get_default_flow_runner_class() -> type:
    """Return the class that runs flows."""
    return _configured("flow_runner")


def get_default_task_runner_class() -> type:
    """Return the class that runs single tasks."""
    return _configured("task_runner")


def _configured(kind: str) -> type:
    name = configuration.config.engine[kind].default_class
    found: type = import_object(name) if isinstance(name, str) else name
    return found
