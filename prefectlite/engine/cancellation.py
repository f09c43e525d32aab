"""Ending a run from outside: Ctrl-C, SIGTERM, and `cancel()` from another thread."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any

from prefectlite.exceptions import RunCancelledSignal

# what a run that was cancelled ends in says
INTERRUPTED = "Interrupt signal raised, cancelling flow run."
TERMINATED = "SIGTERM received, cancelling flow run."
CANCELLED = "The flow run was cancelled."
# how long a thread may be at an import before it is interrupted there too, in seconds
MOST_IMPORT_SECONDS = 5.0


class Cancellation:
    """Whether, and why, a run was told to end.

    A task may raise KeyboardInterrupt by itself; only here is it known whether a user did.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._thread = threading.get_ident()
        self._listens = False
        self._told = False

    def requested(self) -> bool:
        """Whether the run was told to end."""
        return self.reason is not None

    def request(self) -> None:
        """Tell the run to end, from any thread: an exception is raised in the run's own."""
        if self.reason is not None:
            return
        self.reason = CANCELLED
        if self._listens:
            # unlike an exception from outside, a signal also ends a sleep
            signal.pthread_kill(self._thread, signal.SIGINT)
        else:
            raise_in_thread(self._thread, RunCancelledSignal)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C and SIGTERM for requests while the block runs; only a main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        taken = []
        for number, handler in previous.items():
            # who ignores a signal, or has a handler of their own for SIGTERM, keeps it
            keeps = handler in (signal.SIG_IGN, None)
            if not keeps and (number == signal.SIGINT or handler == signal.SIG_DFL):
                signal.signal(number, self._note)
                taken.append(number)
        self._previous = previous
        self._listens = signal.SIGINT in taken
        try:
            yield
        finally:
            self._listens = False
            for number in taken:
                signal.signal(number, previous[number])

    def _note(self, number: int, frame: Any) -> None:
        interrupt = number == signal.SIGINT
        if self.reason == CANCELLED and not self._told:
            self._told = True
            raise RunCancelledSignal(CANCELLED)
        if self.reason is None:
            self.reason = INTERRUPTED if interrupt else TERMINATED
        if not interrupt:
            raise RunCancelledSignal(TERMINATED)
        handler = self._previous.get(signal.Signals(number))
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt


def raise_in_thread(
    thread: int,
    exception: type[BaseException],
    still: Callable[[], bool] = lambda: True,
    lock: AbstractContextManager[Any] | None = None,
) -> None:
    """Raise an exception in a thread at its next bytecode; after an import that it is at.

    A module of which half was imported stays so in parts, for all that the process does later.

    Args:
        thread: The thread's identifier; one that has ended is passed over.
        exception: The class to raise.
        still: Asked before it is raised later: whether the thread is still at what is to end.
        lock: Held from that question until it is raised; a thread that comes to the end of what
            is to end takes it as well. Without, the exception may meet what the thread does next.
    """
    if not is_importing(sys._current_frames().get(thread)):
        _raise(thread, exception)
        return

    def wait() -> None:
        end = time.monotonic() + MOST_IMPORT_SECONDS
        while is_importing(sys._current_frames().get(thread)) and time.monotonic() < end:
            time.sleep(0.01)
        with lock or nullcontext():
            if still():
                _raise(thread, exception)

    threading.Thread(target=wait, daemon=True).start()


def is_importing(frame: FrameType | None, within: FrameType | None = None) -> bool:
    """Whether the code of a frame, or what called it, is part of an import.

    Args:
        frame: The frame; None for code that has ended.
        within: The frame that is looked no further than.
    """
    while frame is not None and frame is not within:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _raise(thread: int, exception: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))
