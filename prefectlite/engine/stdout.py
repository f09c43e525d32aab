"""Send what one task prints to its logger, while other threads go on printing as before."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefectlite.utilities.logging import RedirectToLog

_redirects = threading.local()
_lock = threading.Lock()


class _PerThread:
    """Stands in for `sys.stdout`: a thread with a redirect writes to it, the others through."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        redirect = getattr(_redirects, "target", None)
        return (redirect or self._stream).write(text)

    def flush(self) -> None:
        (getattr(_redirects, "target", None) or self._stream).flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_users = 0


@contextmanager
def stdout_to_log(logger: logging.Logger) -> Iterator[None]:
    """Log what this thread prints while the block runs.

    Args:
        logger: Gets each printed text as one record of level INFO.
    """
    global _users
    with _lock:
        _users += 1
        if not isinstance(sys.stdout, _PerThread):
            sys.stdout = _PerThread(sys.stdout)
    previous = getattr(_redirects, "target", None)
    _redirects.target = RedirectToLog(logger)
    try:
        yield
    finally:
        _redirects.target = previous
        with _lock:
            _users -= 1
            if _users == 0 and isinstance(sys.stdout, _PerThread):
                sys.stdout = sys.stdout._stream
