"""Which journals are kept: the newest so many, and those of the last so many days."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime, timezone

from prefectlite.exceptions import RunHeldError
from prefectlite.runs.lock import holder_of
from prefectlite.runs.places import RunsFolder, find_run, run_id_of, runs_folder

# a process looks for old runs when its first run ends, and then this often, in seconds
LOOK_SECONDS = 60.0

_looked: dict[str, float] = {}
_lock = threading.Lock()


def remove(run_id: str, folder: str | os.PathLike[str] | None = None) -> None:
    """Remove a run's journal, and what else is in its folder.

    Results that its tasks stored are left where they are.

    Args:
        run_id: The run's identifier or its first characters.
        folder: The runs folder, a path or a URL; `runs.folder` of the configuration by default.

    Raises:
        RunNotFoundError: There is no such run.
        RunHeldError: A process is at work on it.

    Example:
        ```python
        remove(list_runs()[-1].run_id)
        ```
    """
    runs = runs_folder(folder)
    name = find_run(runs, run_id)
    if holder_of(runs.open(name)) is not None:
        raise RunHeldError(
            f"Run {run_id!r} in {runs.place} is at work. `prefectlite runs cancel {run_id}` asks "
            "it to end."
        )
    runs.open(name).delete()


def prune(
    keep: int | None = None,
    days: float | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> list[str]:
    """Remove the journals of old runs; those that a process is at work on stay.

    Args:
        keep: How many of the newest runs stay; `runs.keep` of the configuration by default, and 0
            for all.
        days: Runs that began longer ago than this are removed, however few there are;
            `runs.keep_days` of the configuration by default, and 0 for none.
        folder: The runs folder, a path or a URL; `runs.folder` of the configuration by default.

    Returns:
        The identifiers of the runs that were removed, the oldest first.

    Example:
        ```python
        prune(keep=100, days=30)
        ```
    """
    from prefectlite import config

    settings = config.get("runs") or {}
    most = int(settings.get("keep", 0) or 0) if keep is None else keep
    age = float(settings.get("keep_days", 0) or 0) if days is None else days
    return _prune(runs_folder(folder), most, age)


def _prune(runs: RunsFolder, keep: int, days: float) -> list[str]:
    names = runs.names()
    surplus = max(len(names) - keep, 0) if keep > 0 else 0
    if days > 0:
        oldest = datetime.fromtimestamp(time.time() - days * 86400, timezone.utc)
        surplus = max(surplus, sum(name < f"{oldest:%Y%m%dT%H%M%S}" for name in names))
    removed = []
    for name in names[:surplus]:
        opened = runs.open(name)
        if holder_of(opened) is None:
            opened.delete()
            removed.append(run_id_of(name) or name)
    return removed


def look_for_old_runs() -> None:
    """Prune the runs folder as the configuration says, unless that was done a moment ago."""
    from prefectlite import config

    settings = config.get("runs") or {}
    if not settings.get("keep") and not settings.get("keep_days"):
        return
    place = str(settings.get("folder"))
    now = time.monotonic()
    with _lock:
        if now - _looked.get(place, -LOOK_SECONDS) < LOOK_SECONDS:
            return
        _looked[place] = now
    prune()
