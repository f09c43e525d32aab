"""The executors that tests run on, with one Dask cluster of two processes for all of them."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from typing import Any

from prefectlite.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor

EXECUTORS = ["local", "sync", "threads", "processes", "dask"]
IN_OTHER_PROCESSES = ["processes", "dask"]

_cluster: Any = None
_processes: LocalDaskExecutor | None = None
_open = ExitStack()


def cluster() -> Any:
    """The cluster, started on first use; a real scheduler and two worker processes."""
    global _cluster
    if _cluster is None:
        from distributed import LocalCluster

        with warnings.catch_warnings():
            # somebody else's dashboard may have the usual port
            warnings.filterwarnings("ignore", message="(?s).*Port .* is already in use")
            _cluster = LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
            )
    return _cluster


def close_all() -> None:
    """End the cluster and the processes, where they were started."""
    global _cluster, _processes
    _open.close()
    _processes = None
    if _cluster is not None:
        _cluster.close()
        _cluster = None


def started_executor(kind: str) -> Executor:
    """An executor of two slots; that of processes is one for all, as they are slow to start."""
    global _processes
    if kind != "processes":
        return executor_of_kind(kind)
    if _processes is None:
        _processes = LocalDaskExecutor(scheduler="processes", num_workers=2)
        _open.enter_context(_processes.start())
    return _processes


def executor_of_kind(kind: str) -> Executor:
    """A new executor of two slots, of a kind out of `EXECUTORS`."""
    if kind == "local":
        return LocalExecutor()
    if kind == "dask":
        return DaskExecutor(cluster().scheduler_address)
    return LocalDaskExecutor(scheduler=kind, num_workers=2)
