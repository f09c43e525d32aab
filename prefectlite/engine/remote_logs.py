"""Log records of task runs in other processes, on their way to the driver."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefectlite.engine.remote import SharedRun
from prefectlite.engine.timeouts import carry_to_threads
from prefectlite.utilities.logging import plain_fields, prefect_logger

Post = Callable[[dict[str, Any]], None]

_current = threading.local()
carry_to_threads(_current)


class _Forward(logging.Handler):
    """Sends the records of the thread's task run to the driver of its run."""

    def emit(self, record: logging.LogRecord) -> None:
        post: Post | None = getattr(_current, "post", None)
        if post is not None:
            post(plain_fields(record))


@contextmanager
def forwarding_logs(shared: SharedRun, post: Post) -> Iterator[None]:
    """Give this thread's records to `post` while the block runs.

    In a process of its own, a worker's records go to the driver and not to the worker's stdout;
    a worker that shares the driver's process logs as the driver does.

    Args:
        shared: The run whose task runs.
        post: Takes the fields of one record.
    """
    if shared.driver_process == os.getpid():
        yield
        return
    if not any(isinstance(handler, _Forward) for handler in prefect_logger.handlers):
        prefect_logger.handlers[:] = [_Forward()]
    if prefect_logger.level != shared.log_level:
        prefect_logger.setLevel(shared.log_level)
    _current.post = post
    try:
        yield
    finally:
        _current.post = None
