"""prefectlite: a workflow runner for people who have a Dask cluster, or a laptop, and no server.

What is listed in ``__all__`` can be used as ``prefectlite.<name>``; a part is loaded when one of
its names is first asked for, so that ``import prefectlite`` is quick.

Example::

    from prefectlite import Flow, task

    @task
    def double(x):
        return 2 * x

    with Flow("doubles") as flow:
        doubled = double.map([1, 2, 3])

    state = flow.run()
    print(state.result[doubled].result)
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from prefectlite._version import __version__ as __version__
from prefectlite.configuration import config as config
from prefectlite.utilities import logging as _logging  # noqa: F401 - sets up the loggers
from prefectlite.utilities.context import context as context
from prefectlite.utilities.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from prefectlite import core as core
    from prefectlite import engine as engine
    from prefectlite import exceptions as exceptions
    from prefectlite import executors as executors
    from prefectlite import schedules as schedules
    from prefectlite import tasks as tasks
    from prefectlite import triggers as triggers
    from prefectlite import utilities as utilities
    from prefectlite.core.flow import Flow as Flow
    from prefectlite.core.parameter import DateTimeParameter as DateTimeParameter
    from prefectlite.core.parameter import Parameter as Parameter
    from prefectlite.core.task import Task as Task
    from prefectlite.tasks.control_flow.case import case as case
    from prefectlite.tasks.core.resource_manager import resource_manager as resource_manager
    from prefectlite.utilities.edges import flatten as flatten
    from prefectlite.utilities.edges import mapped as mapped
    from prefectlite.utilities.edges import unmapped as unmapped
    from prefectlite.utilities.tasks import apply_map as apply_map
    from prefectlite.utilities.tasks import tags as tags
    from prefectlite.utilities.tasks import task as task

_NAMES = {
    "DateTimeParameter": "prefectlite.core.parameter",
    "Flow": "prefectlite.core.flow",
    "Parameter": "prefectlite.core.parameter",
    "Task": "prefectlite.core.task",
    "apply_map": "prefectlite.utilities.tasks",
    "case": "prefectlite.tasks.control_flow.case",
    "flatten": "prefectlite.utilities.edges",
    "mapped": "prefectlite.utilities.edges",
    "resource_manager": "prefectlite.tasks.core.resource_manager",
    "tags": "prefectlite.utilities.tasks",
    "task": "prefectlite.utilities.tasks",
    "unmapped": "prefectlite.utilities.edges",
}
_MODULES = frozenset(
    {
        "configuration",
        "core",
        "engine",
        "exceptions",
        "executors",
        "schedules",
        "tasks",
        "triggers",
        "utilities",
    }
)

__all__ = [
    "DateTimeParameter",
    "Flow",
    "Parameter",
    "Task",
    "apply_map",
    "case",
    "config",
    "context",
    "flatten",
    "mapped",
    "resource_manager",
    "tags",
    "task",
    "unmapped",
]

__getattr__, __dir__ = loaded_on_first_use(__name__, _NAMES, _MODULES)


if os.environ.get("PREFECTLITE_AS_PREFECT") == "1":
    # This process was started by one in which `import prefect` is prefectlite.
    importlib.import_module("prefectlite.compat").join()
