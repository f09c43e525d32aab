"""Runs of segments that share the driver's memory: they read and write its states directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefectlite.engine.events import Event, Submit
from prefectlite.engine.plan import PlannedTask
from prefectlite.engine.segment_run import outcome, run_segment
from prefectlite.engine.state import State
from prefectlite.engine.targets import shelf_with
from prefectlite.engine.task_run import TaskRun
from prefectlite.engine.usage import begun, used

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver


class LocalRuns:
    """Runs submissions against the driver's states; an upstream is finished before it starts.

    Args:
        driver: The driver of the run.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._plan = driver.plan
        self._states = driver.states
        self._reporter = driver.reporter
        driver.scope.on_again = self._again
        if driver.reporter.readers:
            driver.scope.on_change = self._changed

    def run(self, submit: Submit, element: int) -> Event:
        """Run one element of a submission.

        Args:
            submit: What to run.
            element: Which of its elements.

        Returns:
            The event that says how far it came.
        """
        segment = self._plan.segments[submit.segment]
        reached = run_segment(
            self._driver.scope,
            self._plan,
            segment,
            element,
            submit.link,
            self._states.upstream,
            self._states.get,
            self._begun,
            self._ended,
        )
        last = self._states.get(segment.tasks[min(reached, len(segment.tasks) - 1)], element)
        return outcome(segment, element, submit.attempt, reached, last)

    def _begun(self, planned: PlannedTask, map_index: int | None) -> None:
        self._reporter.started(planned, map_index, self._is_read_only(planned, map_index))

    def _ended(self, planned: PlannedTask, map_index: int | None, state: State) -> None:
        self._states.set(planned.index, map_index or 0, state)
        # what comes next, a task run's own first line or the end of all, brings it along
        self._reporter.finished(planned, map_index, state, later=True)

    def _is_read_only(self, planned: PlannedTask, map_index: int | None) -> bool:
        """Whether all there is to do is to read a small value: nothing that a user waits for."""
        scope = self._driver.scope
        return scope.book is not None and shelf_with(scope, planned, map_index) is not None

    def _again(self, run: TaskRun, state: State) -> None:
        self._reporter.again(run.planned, run.map_index, state)

    def _changed(self, run: TaskRun, state: State) -> None:
        ended = None
        if state._running:
            run.begun = begun()
        elif run.begun is not None:
            ended = used(run.begun)
            run.begun = None
        self._reporter.changed(
            run.planned, run.map_index, state, run.run_count, None, None, None, ended
        )
