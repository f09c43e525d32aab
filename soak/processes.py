"""Processes of this machine: whose they are, what came of them, and how to end them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# every process of a run, and of a cluster, has one of these in its environment
RUN_MARK, CLUSTER_MARK = "PREFECTLITE_SOAK_RUN", "PREFECTLITE_SOAK_CLUSTER"


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that is started: no settings of the user's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECTLITE__", "DASK_"))}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, **more}


def marked(name: str, value: str) -> list[int]:
    """The processes with a mark; those that are dead and not yet waited for do not count."""
    mark = f"{name}={value}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes() and state_of(int(path.parent.name)) not in ("Z", "X"):
                found.append(int(path.parent.name))
    return found


def state_of(pid: int) -> str:
    """The letter that the system has for a process's state; "" where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]


def command_of(pid: int) -> str:
    """A process's command line; "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """The processes that a process started, itself, and that are still there."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(number) for number in path.read_text().split()]
    return [child for child in found if state_of(child) not in ("", "Z", "X")]


def tell(pid: int, number: signal.Signals) -> bool:
    """Send a signal; False where the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def end_all(name: str, value: str) -> None:
    """Kill the processes with a mark."""
    for pid in marked(name, value):
        tell(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Wait for something to be so; False where it is not after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def start(command: list[str], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process of a group of its own, with all that it says in a file."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command, stdout=file, stderr=file, cwd=ROOT, env=env, start_new_session=True
        )
