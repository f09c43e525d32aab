"""The event stream of a run, and its reader that writes log lines.

A reader is any callable of one `StateChange`. Terminal progress, the log lines and users' own
readers all get the same records, in the order in which the driver learns of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from prefectlite.engine.events import StateChange
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.result import Result
from prefectlite.engine.state import Mapped, State
from prefectlite.utilities.logging import get_logger

Reader = Callable[[StateChange], None]


def run_name(planned: PlannedTask, map_index: int | None) -> str:
    """The name of a task run: the task's, with the map index of an element."""
    return planned.name if map_index is None else f"{planned.name}[{map_index}]"


class Reporter:
    """Tells readers of each change of state, and the log of starts and ends.

    Args:
        plan: The run's plan.
        flow_run_id: The run's identifier.
        readers: Who is told; without any, no record is made.
    """

    def __init__(self, plan: Plan, flow_run_id: str, readers: Sequence[Reader] = ()) -> None:
        self.plan = plan
        self.flow_run_id = flow_run_id
        self.readers = list(readers)
        self._logger = get_logger("TaskRunner")
        # asked once: a run of many short tasks cannot ask a logger twice a task
        self.logs = self._logger.isEnabledFor(logging.INFO)
        record = self._logger.makeRecord(
            self._logger.name, logging.INFO, __file__, 0, "", (), None, "_log"
        )
        self._fields = dict(record.__dict__)

    def started(self, planned: PlannedTask, map_index: int | None) -> None:
        """A task run has begun."""
        if self.logs:
            self._log(planned, "Task '%s': Starting task run...", run_name(planned, map_index))

    def finished(self, planned: PlannedTask, map_index: int | None, state: State) -> None:
        """A task run has come to a state it stays in for now."""
        if self.logs:
            self._log(
                planned,
                "Task '%s': Finished task run for task with final state: '%s'",
                run_name(planned, map_index),
                type(state).__name__,
            )

    def _log(self, planned: PlannedTask, message: str, *args: object) -> None:
        # Logger.info would look for the caller, and a new record for the process and thread: a
        # copy of one record that has it all costs a fifth of that
        now = time.time()
        record = logging.LogRecord.__new__(logging.LogRecord)
        record.__dict__ = {
            **self._fields,
            "msg": message,
            "args": args,
            "created": now,
            "msecs": (now - int(now)) * 1000.0,
            "task_name": planned.name,
            "task_slug": planned.slug,
        }
        self._logger.handle(record)

    def changed(
        self,
        planned: PlannedTask,
        map_index: int | None,
        state: State,
        run_count: int,
        moment: float | None = None,
        worker: str | None = None,
    ) -> None:
        """A task run has changed its state."""
        if not self.readers:
            return
        held = state._held if state._finished else None
        self._tell(
            StateChange(
                flow_run_id=self.flow_run_id,
                task=planned.name,
                slug=planned.slug,
                map_index=map_index,
                attempt=run_count,
                state=type(state).__name__,
                time=time.time() if moment is None else moment,
                worker=worker,
                location=held.location if isinstance(held, Result) else None,
                message=None if state.message is None else str(state.message),
                length=state.n_map_states if isinstance(state, Mapped) else None,
            )
        )

    def named_change(
        self,
        planned: PlannedTask,
        map_index: int | None,
        state: str,
        message: str | None,
        run_count: int,
        moment: float,
        worker: str | None,
    ) -> None:
        """A task run elsewhere has changed to a state of this class and message."""
        self._tell(
            StateChange(
                self.flow_run_id,
                planned.name,
                planned.slug,
                map_index,
                run_count,
                state,
                moment,
                worker,
                message=message,
            )
        )

    def flow_changed(self, state: State) -> None:
        """The flow run has changed its state."""
        if self.readers:
            message = None if state.message is None else str(state.message)
            self._tell(
                StateChange(
                    self.flow_run_id,
                    task=None,
                    slug=None,
                    map_index=None,
                    attempt=1,
                    state=type(state).__name__,
                    time=time.time(),
                    message=message,
                )
            )

    def _tell(self, change: StateChange) -> None:
        for reader in self.readers:
            reader(change)
