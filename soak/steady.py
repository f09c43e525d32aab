"""Flows one after the other on one cluster: whether memory and open files stay as they are."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soak.cluster import SETTINGS
from soak.processes import RUN_MARK, end_all, environment, start, wait_until
from soak.world import World

SAMPLE_SECONDS = 5.0
MOST_WARM_UP_MINUTES = 10.0
# what may be added between the first and the last third after the warm-up
MORE_MEMORY, MORE_MEBIBYTES, MORE_FILES = 0.05, 8.0, 4
# what Dask keeps to be looked at grows for its first hour: profiles of an hour, logs, events
DASK_HISTORY = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__SCHEDULER__EVENTS_CLEANUP_DELAY": "1s",
    "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "100",
    "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "100",
}


@dataclass(frozen=True)
class Sample:
    """A process at a moment: minutes since the start, memory in MiB, open files."""

    minute: float
    memory: float
    files: int


def sample(pid: int, minute: float) -> Sample | None:
    """Look at a process; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return Sample(minute, int(line.split()[1]) / 1024, files)
    return None


def growth(samples: Sequence[Sample]) -> tuple[float, int]:
    """By how much memory (MiB) and open files grew from the first third to the last.

    Memory is the median of a third; of open files the fewest count, as some are open for a moment.
    """
    third = max(len(samples) // 3, 1)
    first, last = samples[:third], samples[-third:]
    memory = statistics.median(s.memory for s in last) - statistics.median(s.memory for s in first)
    files = min(s.files for s in last) - min(s.files for s in first)
    return memory, files


def has_grown(samples: Sequence[Sample]) -> bool:
    """Whether that is more than what may be added."""
    memory, files = growth(samples)
    allowed = max(MORE_MEBIBYTES, MORE_MEMORY * samples[0].memory)
    return memory > allowed or files > MORE_FILES


def after_warm_up(samples: Sequence[Sample], minutes: float) -> list[Sample]:
    """The samples that count: not those of the first quarter, of ten minutes at most."""
    warm_up = min(MOST_WARM_UP_MINUTES, minutes / 4)
    return [each for each in samples if each.minute >= warm_up]


def measure(minutes: float) -> tuple[dict[str, list[Sample]], int]:
    """Run flows for so long.

    Args:
        minutes: How long.

    Returns:
        The samples of each process by its name, and how many flows there were.

    Raises:
        RuntimeError: The driver ended, as a value was wrong or a run failed.
    """
    with World(DASK_HISTORY) as world:
        cluster = world.cluster
        folder = world.folder / "steady"
        folder.mkdir()
        mark = cluster.mark
        settings = {
            "HOME": str(folder),
            "PREFECTLITE__HOME_DIR": str(folder),
            "PREFECTLITE__RUNS__FOLDER": str(folder / "runs"),
            "PREFECTLITE__LOGGING__LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "soak.steady_driver", cluster.address, str(folder)]
        log = folder / "log"
        env = environment(**SETTINGS, **settings, **{RUN_MARK: mark})
        driver = start(command, log, env)
        found: dict[str, list[Sample]] = {}
        began = time.monotonic()
        try:
            while (now := time.monotonic() - began) < minutes * 60:
                if driver.poll() is not None:
                    raise RuntimeError(f"the driver ended: {log.read_text()[-3000:]}")
                for name, pid in {"driver": driver.pid, **cluster.processes()}.items():
                    seen = sample(pid, now / 60)
                    if seen is not None:
                        found.setdefault(name, []).append(seen)
                time.sleep(SAMPLE_SECONDS)
            (folder / "stop").touch()
            wait_until(lambda: driver.poll() is not None, 60)
            return found, int((folder / "count").read_text())
        finally:
            end_all(RUN_MARK, mark)
            driver.wait()


def table(found: dict[str, list[Sample]], minutes: float) -> str:
    """Memory and open files by time, and how much they grew after the warm-up."""
    names = list(found)
    lines = [f"{'minute':>7}" + "".join(f"{name:>20}" for name in names)]
    steps = 12
    for step in range(steps):
        at = (step + 1) * minutes / steps
        cells = []
        for name in names:
            until = [each for each in found[name] if each.minute <= at]
            last = until[-1] if until else found[name][0]
            cells.append(f"{last.memory:>10.1f} MiB {last.files:>3} fd")
        lines.append(f"{at:>7.1f}" + "".join(f"{cell:>20}" for cell in cells))
    cells = []
    for name in names:
        memory, files = growth(after_warm_up(found[name], minutes))
        cells.append(f"{memory:>+10.1f} MiB {files:>+3} fd")
    lines.append(f"{'growth':>7}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def grown(found: dict[str, list[Sample]], minutes: float) -> list[str]:
    """The names of the processes that grew after the warm-up."""
    return [name for name in found if has_grown(after_warm_up(found[name], minutes))]
