"""Call a task's method with a limit on its time, in the way that ends it and that it bears.

Under "auto" it is called in another process where it cannot tell the difference (see `reach`) and
its inputs are small; else in this process, where code that does not come back cannot be ended.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from prefectlite.engine.process_calls import Callee, CannotRunApart, ValueStaysApart, call_apart
from prefectlite.engine.reach import Noticeable, Reach, is_plain
from prefectlite.engine.timeouts import call_with_timeout
from prefectlite.exceptions import SerializationError
from prefectlite.utilities.logging import get_logger

# inputs of more bytes are not copied to another process unless the task asks for that
SMALL_BYTES = 1 << 20


class _Choice:
    """Whether a function can be called in another process, and if not, why."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.callee: Callee | None = None
        self.reach: Reach | None = None
        self.why = ""
        try:
            self.reach = Reach(function)
            self.callee = Callee(function, self.reach.whole, self.reach.held)
        except Noticeable as reason:
            self.why = str(reason)
        except Exception as error:
            self.why = f"it cannot be pickled: {error}"

    def holds(self) -> bool:
        """Whether nothing that the choice was made for has changed."""
        return self.callee is None or (self.reach is not None and self.reach.is_unchanged())

    def leave(self, why: str) -> None:
        """Call the function in this process from now on."""
        self.callee, self.why = None, why

    def admits(self, inputs: Mapping[str, Any], shares_memory: bool) -> bool:
        """Whether the inputs are small, and what the function does to them can be done here too."""
        left = SMALL_BYTES
        for value in inputs.values():
            left -= _size(value)
            if left < 0 or (shares_memory and not _is_data(value)):
                return False
        return True


def _is_data(value: Any) -> bool:
    """Whether a value is made of Python's own containers and of what nobody can change."""
    if type(value) is dict:
        return all(is_plain(key) and _is_data(item) for key, item in value.items())
    if type(value) in (list, tuple):
        return all(map(_is_data, value))
    return type(value) is set or is_plain(value)


def _size(value: Any) -> int:
    """About how many bytes a value is pickled to; what is in objects of unknown classes is not."""
    size = max(sys.getsizeof(value), getattr(value, "nbytes", 0) or 0)
    if isinstance(value, dict):
        size += sum(_size(key) + _size(item) for key, item in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        size += sum(map(_size, value))
    return int(size)


_choices: weakref.WeakKeyDictionary[Any, _Choice] = weakref.WeakKeyDictionary()


def _choice_for(function: Callable[..., Any]) -> _Choice:
    # a method is made anew by each look at it; the task it belongs to stays
    key = getattr(function, "__self__", None) if type(function) is types.MethodType else function
    try:
        choice = _choices.get(key)
    except TypeError:
        return _Choice(function)
    if choice is None or not choice.holds():
        choice = _Choice(function)
        try:
            _choices[key] = choice
        except TypeError:
            return choice
    return choice


def call_timed(
    function: Callable[..., Any],
    inputs: dict[str, Any],
    seconds: float,
    name: str,
    method: str,
    shares_memory: bool,
    printing: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Any:
    """Call a function, and end it when its time is over.

    Args:
        function: What to call, with `inputs` as keyword arguments.
        inputs: The keyword arguments.
        seconds: The time the call may take.
        name: The name of the task run, for messages.
        method: "auto", "thread" or "process".
        shares_memory: Whether others have the inputs as well, the very same objects.
        printing: Gives a function that sends what another one prints where it should go.

    Returns:
        What the function returns.

    Raises:
        TaskTimeoutSignal: The time was over.
        SerializationError: `method` is "process", and it cannot be.
        WorkerLostError: The process that the function was called in died.
    """
    if method == "process":
        return printing(_call_in_process)(
            function=function, inputs=inputs, seconds=seconds, name=name
        )
    if method == "auto":
        choice = _choice_for(function)
        if choice.callee is not None and choice.admits(inputs, shares_memory):
            try:
                return printing(call_apart)(
                    callee=choice.callee,
                    inputs=inputs,
                    seconds=seconds,
                    name=name,
                    shared=shares_memory,
                )
            except CannotRunApart as error:
                choice.leave(str(error))
            except ValueStaysApart as error:
                choice.leave(f"it returns {error}")
                _explain(name, error, shares_memory)
    return call_with_timeout(printing(function), inputs, seconds)


def _explain(name: str, error: Exception, shares_memory: bool) -> None:
    if not shares_memory:
        raise SerializationError(
            f"Task {name!r} returned {error} that cannot be pickled, so it cannot leave the "
            "process it was made in. Return something that can (the path of a file, not the open "
            "file), or run the flow with LocalExecutor or threads."
        ) from None
    get_logger("TaskRunner").warning(
        "Task %r returned %s that cannot leave the process in which its time is watched. It runs "
        "again in this process. Give it timeout_method='thread', and it does so at once.",
        name,
        error,
    )


def _call_in_process(
    function: Callable[..., Any], inputs: dict[str, Any], seconds: float, name: str
) -> Any:
    choice = _choice_for(function)
    try:
        # what the function would notice is not kept: it may have changed by the next call
        callee = choice.callee or _made_anew(function)
        return call_apart(callee, inputs, seconds, name)
    except CannotRunApart as error:
        raise SerializationError(
            f"Task {name!r} has timeout_method='process', but {error}. Pass what can be, or use "
            "timeout_method='thread'."
        ) from error
    except ValueStaysApart as error:
        raise SerializationError(
            f"Task {name!r} returned {error} that cannot be pickled, so it cannot leave the "
            "process that timeout_method='process' ran it in."
        ) from None


def _made_anew(function: Callable[..., Any]) -> Callee:
    try:
        return Callee(function)
    except Exception as error:
        raise CannotRunApart(f"it cannot be pickled: {error}") from error
