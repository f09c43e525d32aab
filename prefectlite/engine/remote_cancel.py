"""End what a worker does for a run that is over: cancelled, or left by a driver that failed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from prefectlite.engine.cancellation import raise_in_thread
from prefectlite.engine.remote import forget_run
from prefectlite.exceptions import RunCancelledSignal
from prefectlite.executors.dask_worker import on_removal

_at_work: dict[str, set[int]] = {}
_over: set[str] = set()
_lock = threading.Lock()


def is_over(run: str) -> bool:
    """Whether the run of this key was taken off this process while threads were at work for it."""
    return run in _over


def _end(run: str) -> None:
    with _lock:
        forget_run(run)
        threads = _at_work.get(run, set())
        if threads:
            _over.add(run)
        for thread in threads:
            # one that is raised after the work would end the thread of Dask that it ran in
            raise_in_thread(thread, RunCancelledSignal, _still_at_work(run, thread), _lock)


def _still_at_work(run: str, thread: int) -> Callable[[], bool]:
    return lambda: thread in _at_work.get(run, ())


on_removal(_end)


def ends_with_its_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a function that works for `run` return None when the run is taken off the worker."""

    @functools.wraps(function)
    def call(*args: Any, run: str, **kwargs: Any) -> Any:
        this = threading.get_ident()
        try:
            with _lock:
                _at_work.setdefault(run, set()).add(this)
            return function(*args, run=run, **kwargs)
        except RunCancelledSignal:
            return None
        finally:
            with _lock:
                _at_work[run].discard(this)
                if not _at_work[run]:
                    _at_work.pop(run)

    return call
