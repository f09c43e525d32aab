"""The processes that a thread of this process started, where the system tells: on Linux."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

__all__ = ["children_of", "kill_children"]


def children_of(thread: int) -> set[int]:
    """Return the processes that a thread started and that are still there.

    Args:
        thread: the thread's native identifier.

    Returns:
        Their numbers; none where the system does not tell.
    """
    return _children(os.getpid(), thread)


def kill_children(thread: int, spared: Collection[int] = ()) -> None:
    """Kill the processes that a thread started, with all that these started.

    Args:
        thread: the thread's native identifier.
        spared: the numbers of those to leave alone.
    """
    waiting = [child for child in children_of(thread) if child not in spared]
    found: list[int] = []
    while waiting:
        process = waiting.pop()
        found.append(process)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{process}/task").iterdir():
                waiting.extend(_children(process, int(task.name)))
    for process in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _children(process: int, thread: int) -> set[int]:
    try:
        text = Path(f"/proc/{process}/task/{thread}/children").read_text(encoding="ascii")
    except OSError:
        return set()
    return {int(number) for number in text.split()}
