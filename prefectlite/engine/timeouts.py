"""End a piece of work after a time, not only the waiting for it.

In a main thread a timer signal interrupts the work wherever it is, a sleep or a socket included.
Elsewhere the work goes to a thread of its own: the exception is raised in it at its next
bytecode, and the caller gets its slot back at once. The processes that the work started are
killed, as far as the system tells which these are.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from prefectlite.engine.cancellation import MOST_IMPORT_SECONDS, is_importing, raise_in_thread
from prefectlite.exceptions import TaskTimeoutSignal
from prefectlite.utilities.child_processes import children_of, kill_children
from prefectlite.utilities.context import context

TIMED_OUT = "Execution timed out."
# how long a thread that was told to end is waited for before its slot is taken back
GRACE_SECONDS = 0.2
# how long code that was told to end goes on before it is told again: it may have caught that, or be
# cleaning up, which another exception in the middle of it would cut short
AGAIN_SECONDS = 1.5
# how long a thread that waits for timed code does not hear that its run is cancelled
DEAF_SECONDS = 0.5


def call_with_timeout(function: Callable[..., Any], inputs: dict[str, Any], seconds: float) -> Any:
    """Call a function, and raise in it when its time is over.

    Args:
        function: What to call, with `inputs` as keyword arguments.
        inputs: The keyword arguments.
        seconds: The time the call may take.

    Returns:
        What the function returns.

    Raises:
        TaskTimeoutSignal: The time was over.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and hasattr(signal, "setitimer"):
        return _call_with_alarm(function, inputs, seconds)
    return _ThreadCall(function, inputs).result(seconds)


def _call_with_alarm(function: Callable[..., Any], inputs: dict[str, Any], seconds: float) -> Any:
    """Call a function in this main thread; signals interrupt it until it gives way."""
    at_work = True
    before = children_of(threading.get_native_id())
    this = sys._getframe()
    latest = time.monotonic() + seconds + MOST_IMPORT_SECONDS

    def raise_in_task(number: int, frame: FrameType | None) -> None:
        # half an import stays so for good; the next signal comes soon
        if at_work and (not is_importing(frame, this) or time.monotonic() > latest):
            kill_children(threading.get_native_id(), before)
            raise TaskTimeoutSignal(TIMED_OUT)

    previous = signal.signal(signal.SIGALRM, raise_in_task)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        try:
            return function(**inputs)
        finally:
            at_work = False
    finally:
        # a signal that comes between the two still finds this one
        at_work = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


class _ThreadCall:
    """One call in a daemon thread of its own, with the caller's context and Dask thread state."""

    def __init__(self, function: Callable[..., Any], inputs: dict[str, Any]) -> None:
        self._function = function
        self._inputs = inputs
        self._value: Any = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(
            target=self._run,
            args=([(local, dict(local.__dict__)) for local in _locals()],),
            name=f"{threading.current_thread().name}-timed",
            daemon=True,
        )

    def result(self, seconds: float) -> Any:
        self._thread.start()
        try:
            self._wait(seconds)
        except BaseException:
            # the run is cancelled, and the work with it
            if self._end():
                self._see_to_its_end()
            raise
        if self._end():
            self._thread.join(GRACE_SECONDS)
            self._see_to_its_end()
            raise TaskTimeoutSignal(TIMED_OUT)
        if self._error is not None:
            raise self._error
        return self._value

    def _wait(self, seconds: float) -> None:
        """Wait for the thread, in bits: only Python code can be interrupted."""
        deadline = time.monotonic() + seconds
        while self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._thread.join(min(left, DEAF_SECONDS))

    def _run(self, carried: list[tuple[threading.local, dict[str, Any]]]) -> None:
        for local, values in carried:
            local.__dict__.update(values)
        try:
            value = self._function(**self._inputs)
        except BaseException as error:
            self._finish(None, error)
        else:
            self._finish(value, None)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._lock:
            if not self._over:
                self._over = True
                self._value, self._error = value, error

    def _end(self) -> bool:
        """Raise the signal in the thread; False where it had finished already."""
        with self._lock:
            if self._over:
                return False
            self._over = True
            self._tell()
            return True

    def _tell(self) -> None:
        kill_children(self._thread.native_id or 0)
        raise_in_thread(self._thread.ident or 0, TaskTimeoutSignal, self._thread.is_alive)

    def _see_to_its_end(self) -> None:
        if self._thread.is_alive():
            threading.Thread(target=self._tell_until_it_ends, daemon=True).start()

    def _tell_until_it_ends(self) -> None:
        self._thread.join(AGAIN_SECONDS)
        while self._thread.is_alive():
            self._tell()
            self._thread.join(AGAIN_SECONDS)


_carried: list[threading.local] = [context]


def carry_to_threads(local: threading.local) -> None:
    """Have the content of a thread-local go along into the threads of timed calls."""
    _carried.append(local)


def _locals() -> list[threading.local]:
    worker_module = sys.modules.get("distributed.worker")
    # what makes get_worker() work in the thread of a Dask worker
    return [*_carried, worker_module.thread_state] if worker_module else _carried
