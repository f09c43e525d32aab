"""Run submissions in the threads of an executor; the driver keeps what waits for a free one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
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
    goes all its way before the next one begins, and nothing is left to cancel.
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
        self._free = executor.slots + 1
        self._waiting: list[Iterator[tuple[Submit, int]]] = []

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Take the submission; hand over what there are free slots for."""
        self._waiting.append((submit, element) for element in submit.elements)
        self._fill()
        return ()

    def _fill(self) -> None:
        while self._free and self._waiting:
            work = next(self._waiting[-1], None)
            if work is None:
                self._waiting.pop()
                continue
            self._free -= 1
            self._executor.call(self._work, *work)

    def _work(self, submit: Submit, element: int) -> None:
        try:
            event = self._runs.run(submit, element)
        except BaseException as error:
            self._inbox.put(_raising(error))
        else:
            self._inbox.put(lambda: self._answer(event))

    def _answer(self, event: Event) -> Sequence[Event]:
        self._free += 1
        return (event,)

    def release(self, release: Release) -> None:
        """Nothing to release: the states are the caller's."""

    def poll(self) -> Sequence[Event]:
        """Use the slots that the last events left free."""
        self._fill()
        return ()

    def cancel(self) -> None:
        """Forget what has not begun; what has is told to end."""
        self._waiting.clear()
        self._executor.interrupt(RunCancelledSignal)

    def collect(self) -> None:
        """All states are in place already."""


def _raising(error: BaseException) -> Callable[[], Sequence[Event]]:
    def reraise() -> Sequence[Event]:
        raise error

    return reraise
