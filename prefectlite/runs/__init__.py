"""The runs that were: their journals, read back. See docs/journal.md."""

from __future__ import annotations

import os

from prefectlite.exceptions import RunNotFoundError
from prefectlite.runs.places import CANCEL, RunFolder, find_run, run_id_of, runs_folder
from prefectlite.runs.retention import prune, remove
from prefectlite.runs.run import Run, RunInfo, Timing, read_info, wait_for_own_journals

__all__ = ["Run", "RunInfo", "Timing", "cancel", "list_runs", "load", "prune", "remove"]


def list_runs(
    folder: str | os.PathLike[str] | None = None, flow_name: str | None = None
) -> list[RunInfo]:
    """List the runs in the runs folder, the newest first.

    Args:
        folder: The runs folder, a path or a URL; `runs.folder` of the configuration by default.
        flow_name: Only those of flows of this name.

    Example:
        ```python
        [run.run_id for run in list_runs() if run.status == "Interrupted"]
        ```
    """
    wait_for_own_journals()
    runs = runs_folder(folder)
    found = (read_info(runs.open(n), run_id_of(n) or n) for n in reversed(runs.names()))
    return [info for info in found if flow_name is None or info.flow_name == flow_name]


def load(
    run_id: str = "last",
    folder: str | os.PathLike[str] | None = None,
    flow_name: str | None = None,
) -> Run:
    """Read the journal of a run.

    Args:
        run_id: The run's identifier or its first characters, or "last" for the newest.
        folder: The runs folder, a path or a URL; `runs.folder` of the configuration by default.
        flow_name: With "last": the newest of the flows of this name.

    Raises:
        RunNotFoundError: There is no such run.
        JournalError: It was written by a version of prefectlite that is too new.

    Example:
        ```python
        load("last").states
        ```
    """
    wait_for_own_journals()
    opened, found = open_run(run_id, folder, flow_name)
    return Run(opened, found)


def open_run(
    run_id: str, folder: str | os.PathLike[str] | None, flow_name: str | None
) -> tuple[RunFolder, str]:
    """A run's folder and its identifier; arguments and errors as of `load`."""
    runs = runs_folder(folder)
    if run_id != "last":
        name = find_run(runs, run_id)
        return runs.open(name), run_id_of(name) or name
    for name in reversed(runs.names()):
        opened = runs.open(name)
        if flow_name is None or read_info(opened, name).flow_name == flow_name:
            return opened, run_id_of(name) or name
    raise RunNotFoundError(
        f"There is no run{'' if flow_name is None else f' of flow {flow_name!r}'} in "
        f"{runs.place}. The folder is runs.folder of the configuration."
    )


def cancel(run_id: str, folder: str | os.PathLike[str] | None = None) -> None:
    """Ask the process that is at work on a run to end it as Cancelled.

    The process looks for requests once a second. One that is gone takes none.

    Args:
        run_id: The run's identifier or its first characters, or "last".
        folder: The runs folder, a path or a URL; `runs.folder` of the configuration by default.

    Raises:
        RunNotFoundError: There is no such run, or it has ended.
    """
    opened, found = open_run(run_id, folder, None)
    info = read_info(opened, found)
    if info.state is not None:
        raise RunNotFoundError(f"Run {found!r} has ended already, as {info.state}.")
    opened.put(CANCEL, b"")
