"""Find out why something fails: errors that leave the run, and values that cannot be sent."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefectlite.utilities.context import context

__all__ = ["is_serializable", "raise_on_exception"]

# Run by a new interpreter: what only loads where it was made is found out there alone. It has the
# parent's import path, as a worker on the same machine has.
_LOAD = """\
import sys
sys.path[:] = {path!r}
import cloudpickle
with open({file!r}, "rb") as file:
    cloudpickle.load(file)
"""


@contextmanager
def raise_on_exception() -> Iterator[None]:
    """Let the first exception of a task, trigger or state handler leave the run.

    Without it a run turns such exceptions into states. Signals stay states with it, too.

    Example:
        ``with raise_on_exception(): flow.run()`` raises the task's own exception, with its
        traceback, and a debugger can be used on it.
    """
    with context(raise_on_exception=True):
        yield


def is_serializable(obj: Any, raise_on_error: bool = False) -> bool:
    """Try whether an object can be sent to another process.

    It is pickled here and loaded in a new interpreter.

    Args:
        obj: a flow, a task, an argument: anything.
        raise_on_error: raise what went wrong instead of returning False.

    Returns:
        Whether both worked.

    Raises:
        Exception: with ``raise_on_error``, what pickling raised, or a
            ``subprocess.CalledProcessError`` whose ``output`` tells what loading raised.

    Example:
        >>> import threading
        >>> is_serializable(threading.Lock())
        False
    """
    import cloudpickle

    try:
        data = cloudpickle.dumps(obj)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "object.pickle")
            file.write_bytes(data)
            subprocess.run(
                [sys.executable, "-c", _LOAD.format(path=sys.path, file=str(file))],
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
    except Exception:
        if raise_on_error:
            raise
        return False
    return True
