"""The other process's side of a timed call: what the task prints, logs and raises goes back.

See `process_calls` for the caller's side.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from prefectlite.engine.portable import dumps, portable_exception
from prefectlite.executors.process_pool import send_message
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import detached_logger, plain_fields

# how many functions a process keeps for calls to come
MOST_KEPT = 64
# how long a chain of causes goes along
_MOST_CAUSES = 10

Held = tuple[str, str, Any]


@dataclass(slots=True)
class Surroundings:
    """What a call finds around it; the parts are None where they are as for the call before."""

    context: bytes
    folder: str | None
    environment: dict[str, str] | None
    levels: dict[str, int]


@dataclass(slots=True)
class Answer:
    """What came of a call: `kind` is "returned", "raised", "unknown" or "unsendable".

    `packed` is the pickled value, or the pickled `Raised`; `reason` says why there is none.
    `changed` are the inputs that the function changed, pickled, where others have them as well.
    """

    kind: str
    packed: bytes = b""
    reason: str = ""
    changed: bytes = b""


@dataclass(slots=True)
class Raised:
    """An exception on its way, with its traceback and what caused it."""

    error: BaseException
    frames: Any = None
    cause: Raised | None = None
    context: Raised | None = None
    suppressed: bool = False

    def restored(self) -> BaseException:
        """The exception as it was raised."""
        error = self.error
        if self.frames is not None:
            error.__traceback__ = _from_frames(self.frames)
        if self.cause is not None:
            error.__cause__ = self.cause.restored()
        if self.context is not None:
            error.__context__ = self.context.restored()
        error.__suppress_context__ = self.suppressed
        return error


_functions: OrderedDict[str, Callable[..., Any]] = OrderedDict()


def look_in(path: list[str]) -> None:
    """Look for modules where the caller does."""
    sys.path[:] = path
    importlib.invalidate_caches()


def prepare(key: str, function: bytes, held: Sequence[Held], warm: Sequence[str]) -> str | None:
    """Load a function for calls to come.

    Args:
        key: Under which name to keep it.
        function: The function, pickled.
        held: Module, name and value of what the caller's modules hold; modules that were loaded
            here must hold the same.
        warm: Modules to import now, so that no call's time includes it.

    Returns:
        Why it cannot be called here; None where it can.
    """
    try:
        loaded = pickle.loads(function)
        for name in warm:
            __import__(name)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    for module_name, name, value in held:
        module = sys.modules.get(module_name)
        if module is None or module_name == "__main__":
            continue
        if getattr(module, name, None) != value:
            return f"{module_name}.{name} has another value when it is imported anew"
    _functions[key] = loaded
    while len(_functions) > MOST_KEPT:
        _functions.popitem(last=False)
    return None


def call(key: str, inputs: bytes, around: Surroundings, shared: bool) -> Answer:
    """Call a function that was prepared.

    Args:
        key: Its name.
        inputs: Its keyword arguments, pickled.
        around: What it is to find around it.
        shared: Whether to tell which inputs it changed.
    """
    function = _functions.get(key)
    if function is None:
        return Answer("unknown")
    _move(around)
    values = pickle.loads(around.context)
    name = str(values.get("task_full_name", "task"))
    saved = context.push({**values, "logger": detached_logger(name)})
    given: dict[str, Any] = {}
    before: dict[str, bytes] = {}
    try:
        given = pickle.loads(inputs)
        if shared:
            before = {n: pickle.dumps(v) for n, v in given.items() if isinstance(v, _CONTAINERS)}
        with _forwarding(around.levels):
            value = function(**given)
    except BaseException as error:
        answer = Answer("raised", _pack_error(error, name))
    else:
        answer = _answer(value)
    finally:
        context.pop(saved)
    changed = {n: given[n] for n, packed in before.items() if pickle.dumps(given[n]) != packed}
    if changed:
        answer.changed = dumps(changed)
    return answer


_CONTAINERS = (list, dict, set, tuple)


def _answer(value: Any) -> Answer:
    try:
        return Answer("returned", dumps(value))
    except Exception as error:
        return Answer("unsendable", reason=f"a value of type {type(value).__name__} ({error})")


def _move(around: Surroundings) -> None:
    if around.environment is not None:
        for name in set(os.environ) - set(around.environment):
            del os.environ[name]
        os.environ.update(around.environment)
    if around.folder is not None:
        os.chdir(around.folder)


# exceptions


def _pack_error(error: BaseException, name: str) -> bytes:
    traceback = error.__traceback__
    # the frames of this module are no part of the task
    own = traceback.tb_next if traceback is not None else None
    return dumps(_raised(error, name, own, _MOST_CAUSES))


def _raised(error: BaseException, name: str, traceback: TracebackType | None, depth: int) -> Raised:
    made = Raised(_portable(error, name), _frames(traceback))
    made.suppressed = error.__suppress_context__
    if depth and error.__cause__ is not None:
        made.cause = _raised(error.__cause__, name, error.__cause__.__traceback__, depth - 1)
    elif depth and error.__context__ is not None:
        made.context = _raised(error.__context__, name, error.__context__.__traceback__, depth - 1)
    return made


class _ByParts:
    """Pickles an exception whose class cannot be called with its `args`."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        return _from_parts, (type(error), error.args, dict(vars(error)))


def _from_parts(
    kind: type[BaseException], args: tuple[Any, ...], values: Mapping[str, Any]
) -> BaseException:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(values)
    return error


def _portable(error: BaseException, name: str) -> Any:
    found = portable_exception(error, name)
    if found is error:
        return error
    by_parts = _ByParts(error)
    try:
        pickle.loads(dumps(by_parts))
    except Exception:
        return found
    return by_parts


def _frames(traceback: TracebackType | None) -> Any:
    if traceback is None:
        return None
    try:
        from tblib import Traceback  # type: ignore[import-untyped]
    except ImportError:
        return None
    return Traceback(traceback).to_dict()


def _from_frames(frames: Any) -> TracebackType | None:
    from tblib import Traceback

    made: TracebackType = Traceback.from_dict(frames).as_traceback()
    return made


# what it prints and logs


class _Forward(io.TextIOBase):
    """Stands for stdout or stderr: texts go to the caller, the descriptor is this process's."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, stream: str, descriptor: int) -> None:
        self._stream = stream
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        send_message((self._stream, text))
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor


class _LogForward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        send_message(plain_fields(record))


@contextmanager
def _forwarding(levels: Mapping[str, int]) -> Iterator[None]:
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Forward("stdout", 1), _Forward("stderr", 2)
    root = logging.getLogger()
    if not any(isinstance(handler, _LogForward) for handler in root.handlers):
        root.handlers[:] = [_LogForward()]
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = [] if name else logger.handlers
        logger.setLevel(level)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
