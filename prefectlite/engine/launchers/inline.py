"""Run each submission where it stands: in the driver's own thread, or by an executor's `submit`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from prefectlite.engine.events import Event, Release, Submit
from prefectlite.engine.launchers.local import LocalRuns
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver
    from prefectlite.executors.base import Executor


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


class SubmitLauncher(InlineLauncher):
    """Serves executors that are no part of prefectlite, through their `submit` and `wait`.

    Args:
        executor: The started executor.
        driver: The driver of the run.
    """

    def __init__(self, executor: Executor, driver: Driver) -> None:
        super().__init__(driver)
        self._plan = driver.plan
        self._executor = executor

    def submit(self, submit: Submit) -> Sequence[Event]:
        """Have the executor run the submission's one element, and wait for it.

        A run works on the driver's states. Where the executor cannot call it, because it would
        have to take it to another process, it is run here.
        """
        events: list[Event] = []
        begun = False

        def run_task() -> None:
            nonlocal begun
            begun = True
            events.append(self._runs.run(submit, submit.elements[0]))

        segment = self._plan.segments[submit.segment]
        planned = self._plan.tasks[segment.tasks[submit.link]]
        described = {
            "task_name": planned.name,
            "task_tags": planned.task.tags,
            "task_index": submit.elements[0] if planned.mapped else None,
        }
        try:
            self._executor.wait(self._executor.submit(run_task, extra_context=described))
        except Exception as error:
            if begun:
                raise
            get_logger(type(self._executor).__name__).warning(
                "%r could not call task %r, which is run in process now: %r",
                self._executor,
                planned.name,
                error,
            )
        if not begun:
            run_task()
        return events
