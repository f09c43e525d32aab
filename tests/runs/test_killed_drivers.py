"""Drivers killed at random moments: the run is resumed, and what was stored is not run again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prefectlite import runs
from tests import clusters

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = sum(2 * x + 1 for x in range(20))


def start(folder: Path, kind: str, how: str) -> subprocess.Popen[str]:
    """A driver in a process of its own."""
    address = [clusters.cluster().scheduler_address] if kind == "dask" else []
    script = str(Path(__file__).with_name("killed_flow.py"))
    return subprocess.Popen(
        [sys.executable, script, str(folder), kind, how, *address],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def marks(folder: Path) -> dict[str, int]:
    """How often each task run began."""
    return {path.name: path.stat().st_size for path in (folder / "marks").iterdir()}


def stored(folder: Path, how: str) -> set[str]:
    """The task runs whose value is stored, by the name of their mark."""
    results = folder / "results"
    found = set()
    if how == "checkpoints":
        return {
            path.name for path in results.glob("*/*") if not path.name.startswith(".prefectlite")
        }
    for path in results.glob("*"):
        name, _, x = path.name.partition("-")
        if name == "double":
            found.add(f"double-1-{x}")
        elif name == "add":
            found.add(f"add-1-{int(x) // 2}")
        elif name in ("numbers", "total"):
            found.add(f"{name}-1")
    return found


def kill_at_random(process: subprocess.Popen[str], folder: Path, moment: float) -> None:
    """Kill a driver some time after it began to work, unless it ended before."""
    known = sum(marks(folder).values()) if (folder / "marks").exists() else 0
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (folder / "marks").exists() and sum(marks(folder).values()) > known:
            break
        time.sleep(0.005)
    time.sleep(moment)
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", ["targets", "checkpoints"])
@pytest.mark.parametrize("kind", ["local", "threads", "dask"])
def test_what_was_stored_is_not_run_again(kind: str, how: str, tmp_path: Path) -> None:
    dice = random.Random(f"{kind}-{how}")
    for _ in range(2):
        process = start(tmp_path, kind, how)
        kill_at_random(process, tmp_path, dice.uniform(0.0, 0.25))
        done = stored(tmp_path, how)
        before = marks(tmp_path)
        # a worker may still be at work on what the killed driver had sent
        running = set(before) - done
        check_journals(tmp_path)
        resumed = start(tmp_path, kind, how)
        kill_at_random(resumed, tmp_path, dice.uniform(0.0, 0.25))
        after = marks(tmp_path)
        again = {name for name in done if after[name] != before[name]}
        assert again == set(), f"run again, after {sorted(running)} were interrupted"
    process = start(tmp_path, kind, how)
    output, _ = process.communicate(timeout=90)
    assert f"RESULT {EXPECTED}" in output, output
    check_journals(tmp_path)


def check_journals(folder: Path) -> None:
    """A journal may lack its end, but is never damaged."""
    for info in runs.list_runs(folder / "runs"):
        damage = runs.load(info.run_id, folder / "runs").damage
        assert damage is None or "middle of a record" in damage.reason
