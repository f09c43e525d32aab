"""The event stream of a run, and its reader that writes log lines.

A reader is any callable of one `StateChange`. Terminal progress, the log lines and users' own
readers all get the same records, in the order in which the driver learns of them.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence

from prefectlite.engine.events import StateChange
from prefectlite.engine.identifiers import task_run_id
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.portable import RemoteResult
from prefectlite.engine.result import LateResult, Result
from prefectlite.engine.state import Mapped, Scheduled, State
from prefectlite.utilities.log_lines import LogLines
from prefectlite.utilities.logging import get_logger
from prefectlite.utilities.secrets import without_secrets

Reader = Callable[[StateChange], None]

# characters of a traceback that are kept, from its end
LONGEST_TRACEBACK = 16_384


def traceback_of(state: State) -> str | None:
    """The traceback of the exception that a failed state holds; its end where it is long."""
    error = state.result
    if not isinstance(error, BaseException):
        return None
    # a failure that no exception led to, such as a trigger's, has a message only
    if error.__traceback__ is None and error.__cause__ is None:
        return None
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return without_secrets("".join(lines))[-LONGEST_TRACEBACK:]


def is_empty(result: Result) -> bool:
    """Whether a result holds the value None, rather than one that is elsewhere."""
    # to look at a late one is to make it; what is packed is too large for None
    if result.location is not None or isinstance(result, (RemoteResult, LateResult)):
        return False
    return result.value is None


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
        self.lines = LogLines(self._logger, logging.INFO)
        self._task_run_ids: dict[int, str] = {}

    def started(self, planned: PlannedTask, map_index: int | None, later: bool = False) -> None:
        """A task run has begun; `later` says that its line may come together with the next."""
        if self.logs:
            name = planned.run_name(map_index)
            self._log(planned, later, "Task '%s': Starting task run...", name)

    def finished(
        self, planned: PlannedTask, map_index: int | None, state: State, later: bool = False
    ) -> None:
        """A task run has come to a state it stays in for now; `later` as in `started`."""
        if self.logs:
            self._log(
                planned,
                later,
                "Task '%s': Finished task run for task with final state: '%s'",
                planned.run_name(map_index),
                type(state).__name__,
            )

    def _log(self, planned: PlannedTask, later: bool, message: str, *args: object) -> None:
        # Logger.info would look for the caller, and a new record for the process and thread: a
        # copy of one record that has it all costs a fifth of that
        now = time.time()
        if self.lines.write(message % args, now, later):
            return
        record = logging.LogRecord.__new__(logging.LogRecord)
        record.__dict__ = {
            **self._fields,
            "msg": message,
            "args": args,
            "created": now,
            "msecs": (now - int(now)) * 1000.0,
            "task_name": planned.name,
            "task_slug": planned.slug,
            "task_run_id": self._task_run_id(planned),
        }
        self._logger.handle(record)

    def _task_run_id(self, planned: PlannedTask) -> str:
        made = self._task_run_ids.get(planned.index)
        if made is None:
            made = self._task_run_ids[planned.index] = task_run_id(self.flow_run_id, planned.slug)
        return made

    def again(self, planned: PlannedTask, map_index: int | None, state: State) -> None:
        """A task run has come to a state that it goes on from at once, in the same place."""
        self.finished(planned, map_index, state)
        self.started(planned, map_index)

    def changed(
        self,
        planned: PlannedTask,
        map_index: int | None,
        state: State,
        run_count: int,
        moment: float | None = None,
        worker: str | None = None,
        told: str | None = None,
        used: tuple[float, int] | None = None,
    ) -> None:
        """A task run has changed its state.

        `told` is the traceback of a failure elsewhere, `used` the processor time and the peak of
        memory of the attempt that it ends.
        """
        if not self.readers:
            return
        message = state.message
        # by position: by name it would cost half as much again, for each change of each run
        change = StateChange(
            self.flow_run_id,
            planned.name,
            planned.slug,
            map_index,
            run_count,
            type(state).__name__,
            time.time() if moment is None else moment,
            worker,
            None,
            message if message is None or type(message) is str else str(message),
        )
        if used is not None:
            change.processor, change.memory = used
        if state._finished:
            held = state._held
            if held is None:
                change.empty = True
            elif isinstance(held, Result):
                change.location = held.location
                change.empty = is_empty(held)
            if state._failed:
                change.traceback = told or traceback_of(state)
            elif isinstance(state, Mapped):
                change.length = state.n_map_states
        elif isinstance(state, Scheduled):
            change.due = state.start_timestamp
        for reader in self.readers:
            reader(change)

    def named_change(
        self,
        planned: PlannedTask,
        map_index: int | None,
        state: str,
        message: str | None,
        run_count: int,
        moment: float,
        worker: str | None,
        traceback: str | None = None,
    ) -> None:
        """A task run elsewhere has changed to a state of this class and message, and moved on."""
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
                traceback=traceback,
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
