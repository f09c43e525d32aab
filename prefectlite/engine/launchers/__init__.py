"""One launcher for each kind of executor: the driver's thread, threads, processes, Dask.

A launcher hands the submissions of a run to its executor and turns what comes back to events. It
is chosen by what the executor says of itself (see `prefectlite.executors.base`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from prefectlite.engine.driver import Driver, Launcher

if TYPE_CHECKING:
    from prefectlite.executors.base import Executor
    from prefectlite.executors.dask import DaskExecutor
    from prefectlite.executors.local_dask import LocalDaskExecutor

__all__ = ["launcher_for"]


def launcher_for(executor: Executor, driver: Driver) -> Launcher:
    """The launcher that serves an executor.

    Args:
        executor: A started executor.
        driver: The driver of the run.

    Returns:
        A launcher for that run.
    """
    launcher: Launcher
    if executor.kind == "cluster":
        from prefectlite.engine.launchers.cluster import ClusterLauncher

        launcher = ClusterLauncher(cast("DaskExecutor", executor), driver)
    elif executor.kind == "processes":
        from prefectlite.engine.launchers.processes import ProcessLauncher

        launcher = ProcessLauncher(cast("LocalDaskExecutor", executor), driver)
    elif executor.kind == "threads":
        from prefectlite.engine.launchers.threads import ThreadLauncher

        launcher = ThreadLauncher(executor, driver)
    else:
        from prefectlite.engine.launchers.inline import InlineLauncher, SubmitLauncher
        from prefectlite.executors.local import LocalExecutor

        is_ours = type(executor).submit is LocalExecutor.submit
        launcher = InlineLauncher(driver) if is_ours else SubmitLauncher(executor, driver)
    return launcher
