"""Call a task's method in a process of its own, which can be killed when its time is over.

The only way to end C code that does not come back to Python. Inputs and result are pickled; what
the method changes in memory stays in that process. What it prints and logs comes out here. A
process that answered in time is used again, for half a minute.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from prefectlite.engine.portable import can_be_pickled, dumps
from prefectlite.engine.timed_child import (
    Answer,
    Held,
    Raised,
    Surroundings,
    call,
    look_in,
    prepare,
)
from prefectlite.exceptions import TaskTimeoutSignal, WorkerLostError
from prefectlite.executors.process_pool import Child
from prefectlite.utilities.by_value import dumps_by_value
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import prefect_logger

# how long a process without work is kept, in seconds
IDLE_SECONDS = 30.0


class CannotRunApart(Exception):
    """A function cannot be called in another process; it was not called."""


class ValueStaysApart(Exception):
    """A function was called in another process, and what it returned cannot leave that."""


class Callee:
    """A function for calls in other processes.

    Args:
        function: The function.
        whole: Functions that go along with their code, though they have names to import them by.
        held: What modules hold that it may read: see `timed_child.prepare`.

    Raises:
        Exception: It cannot be pickled.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        whole: Collection[FunctionType] = (),
        held: Sequence[Held] = (),
    ) -> None:
        self.key = uuid.uuid4().hex
        warm = [name for name in ("pendulum",) if name in sys.modules]
        packed = dumps_by_value(function, whole) if whole else dumps(function)
        self.request = dumps((prepare, (self.key, packed, list(held), warm)))


def call_apart(
    callee: Callee, inputs: Mapping[str, Any], seconds: float, name: str, shared: bool = False
) -> Any:
    """Call a function in another process; kill that process when its time is over.

    Args:
        callee: The function.
        inputs: The keyword arguments.
        seconds: The time the call may take, once the process is up.
        name: The name of the task run, for messages.
        shared: Whether others have the inputs as well: what the function changes in their lists,
            dictionaries and sets is then changed here too, when it has come to its end.

    Returns:
        What the function returns.

    Raises:
        TaskTimeoutSignal: The time was over; the process and all it started are killed.
        CannotRunApart: The inputs cannot be pickled, or the function not be loaded there.
        ValueStaysApart: What the function returned cannot be pickled.
        WorkerLostError: The process died.
    """
    try:
        packed = dumps(dict(inputs))
    except Exception as error:
        raise CannotRunApart(f"its inputs cannot be pickled: {error}") from error
    process = _take()
    try:
        process.prepare(callee)
        answer = process.call(callee, packed, seconds, shared)
    except TimeoutError:
        process.child.kill()
        raise TaskTimeoutSignal("Execution timed out.") from None
    except (EOFError, OSError):
        code = process.child.end()
        raise WorkerLostError(
            f"The process that ran task {name!r} ended with exit code {code}."
        ) from None
    except CannotRunApart:
        if process.is_there:
            _give_back(process)
        raise
    except BaseException:
        process.child.kill()
        raise
    _give_back(process)
    for changed, value in (pickle.loads(answer.changed) if answer.changed else {}).items():
        _adopt(inputs[changed], value)
    if answer.kind == "unsendable":
        raise ValueStaysApart(answer.reason)
    value = pickle.loads(answer.packed)
    if isinstance(value, Raised) and answer.kind == "raised":
        raise value.restored()
    return value


def _adopt(old: Any, new: Any) -> None:
    """Make a container equal to another one, as well as the containers in it."""
    if isinstance(old, list):
        for position, item in enumerate(old[: len(new)]):
            if _are_alike(item, new[position]):
                _adopt(item, new[position])
                new[position] = item
        old[:] = new
    elif isinstance(old, dict):
        for key, item in old.items():
            if _are_alike(item, new.get(key)):
                _adopt(item, new[key])
                new[key] = item
        old.clear()
        old.update(new)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    elif isinstance(old, tuple):
        for item, changed in zip(old, new, strict=True):
            _adopt(item, changed)


def _are_alike(old: Any, new: Any) -> bool:
    return type(old) is type(new) and isinstance(old, (list, dict, set))


# processes


class _Process:
    """A child and what it has been told."""

    def __init__(self) -> None:
        self.child = Child()
        self.used = 0.0
        self.is_there = True
        self._prepared: set[str] = set()
        self._path = list(sys.path)
        self._folder: str | None = None
        self._environment: dict[str, str] | None = dict(os.environ)

    def prepare(self, callee: Callee) -> None:
        """Have the child load a function, unless it has it."""
        if callee.key in self._prepared:
            return
        try:
            if self._path != sys.path:
                self._path = list(sys.path)
                look = pickle.dumps((look_in, (self._path,)), protocol=5)
                self.child.ask(look, _take_message)
            refused = self.child.ask(callee.request, _take_message)
        except (EOFError, OSError):
            self.is_there = False
            refused = f"the process ended with exit code {self.child.end()}"
        if refused is not None:
            raise CannotRunApart(f"it cannot be loaded in another process: {refused}")
        self._prepared.add(callee.key)

    def call(self, callee: Callee, inputs: bytes, seconds: float, shared: bool) -> Answer:
        """Have the child call a function that it was prepared for."""
        request = pickle.dumps((call, (callee.key, inputs, self._around(), shared)), protocol=5)
        answer: Answer = self.child.ask(request, _take_message, seconds)
        if answer.kind == "unknown":
            # it keeps a few functions only
            self._prepared.discard(callee.key)
            self.prepare(callee)
            return self.call(callee, inputs, seconds, shared)
        return answer

    def _around(self) -> Surroundings:
        environment = os.environ.copy()
        changed = None if environment == self._environment else environment
        self._environment = environment
        try:
            folder: str | None = str(Path.cwd())
        except OSError:
            folder = None
        moved = None if folder == self._folder else folder
        self._folder = folder
        return Surroundings(_context(), moved, changed, _levels())


# keys that every process has of its own
_OWN = frozenset({"config", "logger", "caches", "flow"})


def _context() -> bytes:
    values = {key: value for key, value in context.__dict__.items() if key not in _OWN}
    try:
        return dumps(values)
    except Exception:
        return dumps({key: value for key, value in values.items() if can_be_pickled(value)})


def _levels() -> dict[str, int]:
    """The levels of the loggers that have one of their own; the name of the root is empty."""
    known = logging.root.manager.loggerDict.items()
    levels = {
        name: logger.level
        for name, logger in list(known)
        if isinstance(logger, logging.Logger) and logger.level
    }
    levels[""] = logging.root.level
    return levels


def _take_message(message: Any) -> None:
    """Print or log here what a task printed or logged there."""
    if isinstance(message, tuple):
        stream, text = message
        getattr(sys, stream).write(text)
        return
    record = logging.makeLogRecord(message)
    known = logging.root.manager.loggerDict.get(record.name)
    if isinstance(known, logging.Logger):
        logger = known
    else:
        ours = record.name.startswith(f"{prefect_logger.name}.")
        logger = prefect_logger if ours else logging.root
    if record.levelno >= logger.getEffectiveLevel():
        logger.handle(record)


_idle: list[_Process] = []
_lock = threading.Lock()
_watched = False


def _take() -> _Process:
    with _lock:
        if _idle:
            return _idle.pop()
    try:
        process = _Process()
        # the time of a call begins when the process is there
        process.child.ask(pickle.dumps((_ready, ()), protocol=5), _take_message)
    except (EOFError, OSError) as error:
        raise CannotRunApart(f"no process could be started for it: {error!r}") from error
    return process


def _ready() -> None:
    """Answer, so that the one who asked knows that the process is up."""


def _give_back(process: _Process) -> None:
    global _watched
    process.used = time.monotonic()
    with _lock:
        _idle.append(process)
        if _watched:
            return
        _watched = True
    threading.Thread(target=_end_unused, name="prefectlite-timed", daemon=True).start()


def _end_unused() -> None:
    """End processes that nobody has used for a while, until there is none."""
    global _watched
    while True:
        time.sleep(IDLE_SECONDS / 4)
        with _lock:
            old = [p for p in _idle if time.monotonic() - p.used > IDLE_SECONDS]
            _idle[:] = [process for process in _idle if process not in old]
            _watched = bool(_idle)
            over = not _watched
        for process in old:
            process.child.kill()
        if over:
            return


# the processes of a process that forked are not those of its copy
os.register_at_fork(after_in_child=_idle.clear)


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().child.kill()
