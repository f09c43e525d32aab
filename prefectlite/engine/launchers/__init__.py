"""One launcher for each kind of executor: in the driver's thread, in threads, in processes, on Dask.

A launcher hands the submissions of a run to its executor and turns what comes back to events. It
is chosen by what the executor says of itself (see `prefectlite.executors.base`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefectlite.engine.driver import Driver, Launcher

if TYPE_CHECKING:
    from prefectlite.executors.base import Executor

__all__ = ["launcher_for"]


def launcher_for(executor: Executor, driver: Driver) -> Launcher:
    """The launcher that serves an executor.

    Args:
        executor: A started executor.
        driver: The driver of the run.

    Returns:
        A launcher for that run.
    """
    if executor.kind == "cluster":
        from prefectlite.engine.launchers.cluster import ClusterLauncher

        return ClusterLauncher(executor, driver)
    if executor.kind == "processes":
        from prefectlite.engine.launchers.processes import ProcessLauncher

        return ProcessLauncher(executor, driver)
    if executor.kind == "threads":
        from prefectlite.engine.launchers.threads import ThreadLauncher

        return ThreadLauncher(executor, driver)
    from prefectlite.engine.launchers.inline import InlineLauncher

    return InlineLauncher(driver)
