"""A fixed number of threads that call functions in the order in which they come."""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any


class ThreadPool:
    """Threads for functions that report by themselves.

    The threads are daemons: one that is stuck in a call does not keep the process from ending.

    Args:
        size: How many threads.

    Example:
        ```python
        with ThreadPool(2) as pool:
            pool.call(print, "hello")
        ```
    """

    def __init__(self, size: int) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = (
            queue.SimpleQueue()
        )
        self._busy: set[int] = set()
        self._threads = [
            threading.Thread(target=self._serve, name=f"prefectlite-{number}", daemon=True)
            for number in range(size)
        ]

    def __enter__(self) -> ThreadPool:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for _ in self._threads:
            self._work.put(None)

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Have a thread call a function; what it returns or raises is nobody's."""
        self._work.put((function, args))

    def interrupt(self, exception: type[BaseException]) -> None:
        """Raise an exception in the threads that are in a call, at their next bytecode."""
        for thread in list(self._busy):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), ctypes.py_object(exception)
            )

    def _serve(self) -> None:
        this = threading.get_ident()
        while True:
            work = self._work.get()
            if work is None:
                return
            function, args = work
            self._busy.add(this)
            try:
                function(*args)
            except BaseException:
                # an interrupt that came when the call had ended already; the pool is closing
                return
            finally:
                self._busy.discard(this)
