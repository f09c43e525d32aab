"""The thread that writes: one for all journals of this process, a step for each now and then."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Sequence
from typing import Protocol

# what is left to write when the process ends may take so long
EXIT_SECONDS = 10.0


class Written(Protocol):
    """What the thread writes."""

    # how often it is to be stepped, in seconds
    step_seconds: float
    has_ended: bool

    def step(self) -> bool:
        """Write what there is; False when nothing is to come any more."""


class Writer:
    """Steps what was given to it, in a thread of its own that begins with the first."""

    def __init__(self) -> None:
        self._given: dict[int, Written] = {}
        self._due: dict[int, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, written: Written, seconds: float = 0.0) -> None:
        """Step this, for the first time after so many seconds, or once `hurry` is called."""
        with self._changed:
            self._given[id(written)] = written
            self._due[id(written)] = time.monotonic() + seconds
            if self._thread is None:
                # a daemon, or an interpreter that ends would wait for it for ever
                self._thread = threading.Thread(
                    target=self._serve, name="prefectlite-journal", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def hurry(self, written: Written) -> None:
        """Step this now: it has come to its end, or somebody waits for it."""
        with self._changed:
            self._due[id(written)] = 0.0
            self._changed.notify()

    def wait_for(self, written: Sequence[Written], seconds: float) -> bool:
        """Wait until these are done.

        Args:
            written: What to wait for.
            seconds: How long at most.

        Returns:
            Whether they are.
        """
        if self.is_this_thread():
            return False
        numbers = {id(each) for each in written}
        with self._changed:
            return self._changed.wait_for(lambda: not numbers & self._given.keys(), seconds)

    def _serve(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                soonest = min((self._due.get(n, now) for n in self._given), default=None)
                if soonest is None:
                    self._changed.wait()
                    continue
                if soonest > now:
                    self._changed.wait(soonest - now)
                now = time.monotonic()
                due = [w for n, w in self._given.items() if self._due.get(n, now) <= now]
                for written in due:
                    self._due[id(written)] = now + written.step_seconds
            for written in due:
                if not written.step():
                    self._forget(written)

    def _forget(self, written: Written) -> None:
        with self._changed:
            self._given.pop(id(written), None)
            self._due.pop(id(written), None)
            self._changed.notify_all()

    def is_this_thread(self) -> bool:
        """Whether the caller is the thread that writes."""
        return threading.current_thread() is self._thread

    def given(self) -> list[Written]:
        """What is given at the moment."""
        with self._changed:
            return list(self._given.values())


writer = Writer()


def _after_fork() -> None:
    # the thread stayed in the parent, and so did what it was to write
    writer.__init__()  # type: ignore[misc]


def _at_exit() -> None:
    for written in writer.given():
        writer.hurry(written)
    writer.wait_for([w for w in writer.given() if w.has_ended], EXIT_SECONDS)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
