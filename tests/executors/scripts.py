"""Scripts that run a flow in a process of their own, to be interrupted or killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2])

EXECUTORS = {
    "local": "LocalExecutor()",
    "threads": "LocalDaskExecutor(num_workers=2)",
    "processes": "LocalDaskExecutor(scheduler='processes', num_workers=2)",
    "dask": "DaskExecutor(cluster_kwargs=dict(n_workers=2, threads_per_worker=1, "
    "dashboard_address=':0'))",
}


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def processes_with(mark: str) -> list[int]:
    """The processes whose environment has a mark, that is a script's and all it started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def start_script(
    script: str, kind: str, folder: Path, **settings: Any
) -> tuple[subprocess.Popen[str], str]:
    """Start a script in a process of its own.

    Args:
        script: Its text; `EXECUTOR` in it stands for the executor, and its argument is the folder.
        kind: The kind of executor, one of `EXECUTORS`.
        folder: A folder of its own.
        **settings: Further arguments of `subprocess.Popen`.

    Returns:
        The process, and the mark in its environment and in those of all that it starts.
    """
    file = folder / "script.py"
    file.write_text(textwrap.dedent(script).replace("EXECUTOR", EXECUTORS[kind]))
    mark = f"MARK_{uuid.uuid4().hex}"
    process = subprocess.Popen(
        [sys.executable, str(file), str(folder)],
        env={**os.environ, "PYTHONPATH": ROOT, mark: "1"},
        text=True,
        **settings,
    )
    return process, mark


def output_when_interrupted(
    script: str, kind: str, folder: Path, interrupt: Callable[[subprocess.Popen[str]], None]
) -> str:
    """Run a script, interrupt it once a task has begun, and see that it leaves no process.

    Args:
        script: As for `start_script`; the first task to begin makes a file `began-...` in the
            folder.
        kind: The kind of executor, one of `EXECUTORS`.
        folder: A folder of its own.
        interrupt: Interrupts the process.

    Returns:
        What it printed.
    """
    process, mark = start_script(
        script,
        kind,
        folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(lambda: list(folder.glob("began-*")) or process.poll() is not None)
        time.sleep(0.3)
        interrupt(process)
        output, _ = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    wait_for(lambda: not processes_with(mark))
    return output
