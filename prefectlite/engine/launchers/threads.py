"""Run submissions in the threads of an executor; the driver keeps what waits for a free one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from prefectlite.engine.events import Event, Release, Submit
from prefectlite.engine.launchers.local import LocalRuns
from prefectlite.exceptions import RunCancelledSignal

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver
    from prefectlite.executors.base import Executor


class ThreadLauncher:
    """Serves executors whose threads share the driver's memory.

    Work waits here, not in the executor: the newest submission goes first, so that an element
    goes all its way before the next one begins, and nothing is left to cancel. A thread that is
    done with a run takes the next one by itself: to wait for the driver's thread each time would
    cost more than a short task does.

    Args:
        executor: The started executor.
        driver: The driver of the run.
    """

    submit_ahead = False
    settles = False
    most_ahead: int | None = None
    batched: Collection[int] = ()
    eager = False

    def __init__(self, executor: Executor, driver: Driver) -> None:
        self._executor = executor
        self._inbox = driver.inbox
        self._runs = LocalRuns(driver)
        self._slots = executor.slots
        self._lock = threading.Lock()
        # under the lock: what waits, how much that is, and how many threads are at work
        self._waiting: list[Iterator[tuple[Submit, int]]] = []
        self._left = 0
        self._working = 0
        # what has come back and the driver has not seen, and whether it was told to look
        self._done: deque[Event | BaseException] = deque()
        self._is_told = False

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Take the submission; have as many threads work as there are slots and runs for."""
        with self._lock:
            self._waiting.append((submit, element) for element in submit.elements)
            self._left += len(submit.elements)
            more = min(self._slots - self._working, self._left)
            self._working += more
        for _ in range(more):
            self._executor.call(self._work)
        return ()

    def _next(self) -> tuple[Submit, int] | None:
        """What a thread does next; None, and it counts as free, where there is nothing."""
        with self._lock:
            while self._waiting:
                work = next(self._waiting[-1], None)
                if work is not None:
                    self._left -= 1
                    return work
                self._waiting.pop()
            self._working -= 1
            return None

    def _work(self) -> None:
        try:
            while (work := self._next()) is not None:
                self._came_to(self._runs.run(*work))
        except BaseException as error:
            self._came_to(error)

    def _came_to(self, end: Event | BaseException) -> None:
        self._done.append(end)
        if not self._is_told:
            self._is_told = True
            self._inbox.put(self._take_done)

    def _take_done(self) -> Sequence[Event]:
        """What the threads have come to since the driver last asked."""
        # before looking: what comes after is told again
        self._is_told = False
        events: list[Event] = []
        while self._done:
            end = self._done.popleft()
            if isinstance(end, BaseException):
                raise end
            events.append(end)
        return events

    def together(self, segment: int, waiting: int) -> int:
        """Elements go one by one."""
        return 1

    def release(self, release: Release) -> None:
        """Nothing to release: the states are the caller's."""

    def poll(self) -> Sequence[Event]:
        """Nothing happens that the threads do not tell."""
        return ()

    def cancel(self) -> None:
        """Forget what has not begun; what has is told to end."""
        with self._lock:
            self._waiting.clear()
            self._left = 0
        self._executor.interrupt(RunCancelledSignal)

    def collect(self) -> None:
        """All states are in place already."""
