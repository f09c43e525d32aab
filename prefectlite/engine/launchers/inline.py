"""Run each submission where it stands: in the driver's own thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from prefectlite.engine.events import Event, Release, Submit
from prefectlite.engine.launchers.local import LocalRuns

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver


class InlineLauncher:
    """Serves executors that run in process."""

    submit_ahead = False
    settles = False
    most_ahead: int | None = None
    batched: Collection[int] = ()
    eager = True

    def __init__(self, driver: Driver) -> None:
        self._runs = LocalRuns(driver)

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Run the submission's one element now."""
        return [self._runs.run(submit, submit.elements[0])]

    def together(self, segment: int, waiting: int) -> int:
        """Elements go one by one."""
        return 1

    def release(self, release: Release) -> None:
        """Nothing to release: the states are the caller's."""

    def poll(self) -> Sequence[Event]:
        """Nothing happens behind the driver's back."""
        return ()

    def cancel(self) -> None:
        """Nothing is running while the driver's thread is here."""

    def collect(self) -> None:
        """All states are in place already."""
