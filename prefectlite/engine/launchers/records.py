"""Turn the records of runs in other processes to states, log lines and events on the driver."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from prefectlite.engine.events import Event, Finished, GoesOn
from prefectlite.engine.portable import RemoteResult, unpack_state
from prefectlite.engine.remote import Block, LinkRecord, RunRecord
from prefectlite.engine.state import Failed, Retrying, Running, State
from prefectlite.engine.upstream import summarise
from prefectlite.utilities.logging import prefect_logger

if TYPE_CHECKING:
    from prefectlite.engine.driver import Driver

FETCH_AT_ONCE = 500


class RecordKeeper:
    """Keeps what other processes tell of a run.

    Args:
        driver: The driver of the run.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._plan = driver.plan
        # task, element, and the future and position of the block with the value the caller wants
        self._to_fetch: list[tuple[int, int, Any, int | None]] = []

    def keep(
        self, record: RunRecord, handle: Any, worker: str | None, block: Block | None = None
    ) -> None:
        """Put the states of a record in place.

        Args:
            record: The record.
            handle: The future that holds the run's block on a cluster, and the position in it.
            worker: The address of the worker.
            block: The block itself, where it came along.
        """
        mapped = self._plan.segments[record.segment].mapped
        for link in record.links:
            state = unpack_state(link.state)
            if block is not None:
                if block.kept and link.task in block.kept:
                    state = block.kept[link.task]
            elif link.left_size is not None:
                self._value_is_elsewhere(link, record.element, state, handle)
            self._driver.states.set(link.task, record.element, state)
            if mapped:
                self._warn_of_conflicts(link.task, record.element, state)
            self._report(link, record.element if mapped else None, state, worker)

    def _warn_of_conflicts(self, task: int, element: int, state: State) -> None:
        book = self._driver.scope.book
        shelf = None if book is None else book.shelf(task)
        conflict = None if shelf is None else shelf.found_at(element, state)
        if conflict is not None:
            prefect_logger.getChild("TaskRunner").warning("%s", conflict)

    def _value_is_elsewhere(
        self, link: LinkRecord, element: int, state: State, handle: Any
    ) -> None:
        store = state._held if state._held is not None else None
        name = self._plan.tasks[link.task].name
        state._held = RemoteResult(
            f"The value of task {name!r} ({link.left_size:,} bytes) was left on the cluster, which "
            "the run has ended with: it is larger than engine.return_limit. To have it, raise "
            "that limit, give the task a result= to be checkpointed, or ask for the task by "
            "FlowRunner(flow).run(return_tasks=[...]).",
            store,
            link.left_size,
        )
        if link.kept and (store is None or store.location is None):
            self._to_fetch.append((link.task, element, *handle))

    def _report(
        self, link: LinkRecord, map_index: int | None, state: State, worker: str | None
    ) -> None:
        planned, reporter = self._plan.tasks[link.task], self._driver.reporter
        reporter.started(planned, map_index)
        if reporter.readers:
            if link.changes is None:
                running = Running("Starting task run.")
                reporter.changed(planned, map_index, running, link.run_count, link.began, worker)
                reporter.changed(
                    planned, map_index, state, link.run_count, link.ended, worker, None, link.used
                )
            else:
                for position, (name, message, moment, run_count, told) in enumerate(link.changes):
                    is_last = position == len(link.changes) - 1
                    if is_last and name == type(state).__name__:
                        reporter.changed(
                            planned, map_index, state, run_count, moment, worker, told, link.used
                        )
                    else:
                        reporter.named_change(
                            planned, map_index, name, message, run_count, moment, worker, told
                        )
        if link.changes is not None:
            # retries that followed at once, on the worker
            for change in link.changes[:-1]:
                if change[0] == "Retrying":
                    reporter.again(planned, map_index, Retrying())
        reporter.finished(planned, map_index, state)

    def end_as_failed(
        self, segment: int, element: int, link: int, error: Exception
    ) -> tuple[State, Event]:
        """End a task run that could not answer; what follows in its segment runs on.

        Args:
            segment: The segment's index.
            element: Which element of it.
            link: The position of the task in the segment.
            error: Why it has failed.

        Returns:
            The Failed state, which is in place now, and what to tell the run state.
        """
        chain = self._plan.segments[segment]
        state = Failed(str(error), result=error)
        self._failed(chain.tasks[link], element, state)
        attempt = self._driver.run_state.attempt(segment, element)
        if link == len(chain.tasks) - 1:
            return state, Finished(segment, element, attempt, (summarise(state, chain.measure),))
        return state, GoesOn(segment, element, attempt, link + 1)

    def _failed(self, task: int, element: int, state: State) -> None:
        planned, reporter = self._plan.tasks[task], self._driver.reporter
        map_index = element if planned.mapped else None
        self._driver.states.set(task, element, state)
        prefect_logger.getChild("TaskRunner").error("%s", state.message)
        reporter.started(planned, map_index)
        reporter.changed(planned, map_index, state, 1)
        reporter.finished(planned, map_index, state)

    def log(self, fields: dict[str, Any]) -> None:
        """Log a record that a task run made elsewhere, as if it had been made here."""
        record = logging.makeLogRecord(fields)
        if record.levelno >= prefect_logger.getEffectiveLevel():
            prefect_logger.handle(record)

    def collect(self, executor: Any) -> None:
        """Fetch the values that the caller wants back into their states."""
        for start in range(0, len(self._to_fetch), FETCH_AT_ONCE):
            batch = self._to_fetch[start : start + FETCH_AT_ONCE]
            futures = [future for _, _, future, _ in batch]
            values = executor.fetch(futures)
            if len(values) != len(batch):
                values = [_fetched(executor, future) for future in futures]
            for (task, element, _, position), value in zip(batch, values, strict=True):
                block: Block | None = value if position is None else value[position]
                if block is not None and block.kept and task in block.kept:
                    state = self._driver.states.get(task, element)
                    state._held = block.kept[task]._held
        self._to_fetch.clear()


def _fetched(executor: Any, future: Any) -> Any:
    try:
        return executor.fetch_one(future)
    except Exception:
        return None
