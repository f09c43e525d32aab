"""Starting the server's child processes, and ending them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

__all__ = ["end", "start_child"]

Child = subprocess.Popen[bytes]


def start_child(order: dict[str, Any], as_prefect: bool) -> Child:
    """Start a process that does what an order says, and that ends when this process does.

    Args:
        order: see `prefectlite.serving.child`.
        as_prefect: whether ``import prefect`` is prefectlite in it.

    Returns:
        The process: the first of a group and a session of its own, so that a Ctrl-C in the
        server's terminal is the server's alone.

    Raises:
        OSError: there can be no more processes.
    """
    environment = dict(os.environ)
    if as_prefect:
        environment["PREFECTLITE_AS_PREFECT"] = "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "prefectlite.serving.child"],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    return process


def end(process: Child, number: int = signal.SIGTERM) -> None:
    """Send a signal to a process, and with SIGKILL to all that it has started.

    Args:
        process: what `start_child` returned.
        number: the signal.
    """
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
