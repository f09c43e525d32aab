"""The flow runs that are going on in this process, for those who want to end one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class FlowRun:
    """A flow run that is going on in this process.

    Attributes:
        flow_run_id: The run's identifier, `flow_run_id` in its context.
        flow_name: The flow's name.
    """

    flow_run_id: str
    flow_name: str
    _request: Callable[[], None]

    def cancel(self) -> None:
        """Tell the run to end as Cancelled, from any thread.

        What has finished is kept, queued work is not begun, running work is told to end.

        Example:
            ```python
            for run in active_runs():
                run.cancel()
            ```
        """
        self._request()


_active: dict[int, FlowRun] = {}
_lock = threading.Lock()


def active_runs() -> list[FlowRun]:
    """The flow runs that are going on in this process, the oldest first."""
    with _lock:
        return list(_active.values())


@contextmanager
def active_run(run: FlowRun) -> Iterator[None]:
    """List a run as going on while the block runs."""
    with _lock:
        _active[id(run)] = run
    try:
        yield
    finally:
        with _lock:
            _active.pop(id(run), None)
