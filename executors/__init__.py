"""Where a run runs: in process, in local threads or processes, or on a Dask cluster.

    from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

Every executor keeps the contract of `prefectlite.executors.base`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "prefectlite.executors":
    raise ImportError(
        f"This folder is the package prefectlite.executors; it was imported as {__name__!r}. "
        "Import prefectlite.executors."
    )

from prefectlite.executors.base import Executor
from prefectlite.executors.local import LocalExecutor

if TYPE_CHECKING:
    from prefectlite.executors.dask import DaskExecutor
    from prefectlite.executors.local_dask import LocalDaskExecutor

__all__ = ["DaskExecutor", "Executor", "LocalDaskExecutor", "LocalExecutor"]


def __getattr__(name: str) -> Any:
    # what needs dask or distributed is loaded on first use
    if name == "DaskExecutor":
        from prefectlite.executors.dask import DaskExecutor

        return DaskExecutor
    if name == "LocalDaskExecutor":
        from prefectlite.executors.local_dask import LocalDaskExecutor

        return LocalDaskExecutor
    if name in ("dask", "local_dask"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
