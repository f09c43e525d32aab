"""Call a task's method in a process of its own, which can be killed when its time is over.

The only way to end C code that does not come back to Python. Inputs and result are pickled; what
the method changes in memory stays in that process. A process that answered in time is used again.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import Any

from prefectlite.engine.portable import dumps, portable_exception
from prefectlite.exceptions import SerializationError, TaskTimeoutSignal, WorkerLostError
from prefectlite.executors.process_pool import Child, send_message
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import prefect_logger

_idle: list[Child] = []
_lock = threading.Lock()


def call_in_process(
    function: Callable[..., Any], inputs: dict[str, Any], seconds: float, name: str
) -> Any:
    """Call a function in another process; kill that process when its time is over.

    Args:
        function: What to call, with `inputs` as keyword arguments.
        inputs: The keyword arguments.
        seconds: The time the call may take, once the process is up.
        name: The name of the task run, for messages.

    Returns:
        What the function returns.

    Raises:
        TaskTimeoutSignal: The time was over; the process and all it started are killed.
        SerializationError: Function or inputs cannot be pickled.
        WorkerLostError: The process died.
    """
    values = {key: value for key, value in context.__dict__.items() if key not in _OWN}
    try:
        request = dumps((_call, (function, inputs, values, prefect_logger.level)))
    except Exception as error:
        raise SerializationError(
            f"Task {name!r} has timeout_method='process', but it or its inputs cannot be pickled: "
            f"{error}. Pass what can be, or use timeout_method='thread'."
        ) from error
    child = _take()
    try:
        outcome, value = child.ask(request, _log, seconds)
    except TimeoutError:
        child.kill()
        raise TaskTimeoutSignal("Execution timed out.") from None
    except (EOFError, OSError):
        code = child.end()
        raise WorkerLostError(
            f"The process that ran task {name!r} ended with exit code {code}."
        ) from None
    except BaseException:
        child.kill()
        raise
    with _lock:
        _idle.append(child)
    if outcome == "raised":
        raise value
    return value


# keys that every process has of its own
_OWN = frozenset({"config", "logger", "caches", "flow"})


def _take() -> Child:
    with _lock:
        if _idle:
            return _idle.pop()
    child = Child()
    # the time of the call begins when the process is there
    child.ask(dumps((_ready, ())), _log)
    return child


def _ready() -> None:
    """Answer, so that the one who asked knows that the process is up."""


def _call(
    function: Callable[..., Any], inputs: dict[str, Any], values: dict[str, Any], level: int
) -> tuple[str, Any]:
    """The other process's side of a call."""
    prefect_logger.handlers[:] = [_ToDriver()]
    prefect_logger.setLevel(level)
    saved = context.push(
        {**values, "logger": prefect_logger.getChild(str(values.get("task_full_name", "task")))}
    )
    try:
        outcome: tuple[str, Any] = ("returned", function(**inputs))
    except BaseException as error:
        outcome = ("raised", portable_exception(error, str(values.get("task_full_name"))))
    finally:
        context.pop(saved)
    try:
        dumps(outcome)
    except Exception as error:
        refused = SerializationError(
            f"Task {values.get('task_full_name')!r} returned a value of type "
            f"{type(outcome[1]).__name__} that cannot be pickled, so it cannot leave the process "
            f"that timeout_method='process' ran it in: {error}."
        )
        return "raised", refused
    return outcome


class _ToDriver(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        plain = (str, int, float, type(None))
        fields = {
            key: value
            for key, value in record.__dict__.items()
            if isinstance(value, plain) and key != "args"
        }
        fields["msg"] = record.getMessage()
        send_message(fields)


def _log(fields: Any) -> None:
    if isinstance(fields, dict):
        prefect_logger.handle(logging.makeLogRecord(fields))


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().kill()
