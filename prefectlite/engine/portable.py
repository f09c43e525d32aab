"""Values and states on their way between processes: what can travel, and in which form."""

from __future__ import annotations

import copy
import pickle
import sys
import traceback
from typing import Any

from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.result import Result
from prefectlite.engine.state import State, Success
from prefectlite.exceptions import PrefectException, SerializationError
from prefectlite.utilities.by_value import dumps_by_value

# a value of fewer bytes travels with the outcome of its run, a larger one stays where it is
INLINE_BYTES = 1024
# a value of more bytes is not pickled only to see whether it can be
CHECKED_BYTES = 1 << 20

_SIMPLE = frozenset({int, float, bool, type(None), complex})


class Remote:
    """Stands in a state for a value that is still where it was computed.

    Args:
        size: Its size in bytes, as far as Dask can tell.
    """

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


class RemoteResult(Result):
    """The Result of a value that stayed on a cluster which is gone, or is read from its location.

    Args:
        explanation: What to say to somebody who asks for the value.
        store: The Result that can read it from its location, if it was stored.
        size: Its size in bytes, where that is known.
    """

    def __init__(
        self, explanation: str, store: Result | None = None, size: int | None = None
    ) -> None:
        self._explanation = explanation
        self.size = size
        self._store = store
        super().__init__(location=None if store is None else store.location)

    @property
    def value(self) -> Any:
        """The value, read from where it is stored."""
        if self._store is None or self._store.location is None:
            raise PrefectException(self._explanation)
        return self._store.read(self._store.location).value

    @value.setter
    def value(self, value: Any) -> None:
        """The value is elsewhere: a Result sets this only when it is made."""
        if value is not None:
            raise AttributeError("the value of a result that stayed on the cluster cannot be set")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.location or 'left on the cluster'}>"


def dumps(value: Any) -> bytes:
    """Pickle a value, with cloudpickle where plain pickle cannot.

    Raises:
        Exception: Neither can.
    """
    try:
        pickled = pickle.dumps(value, protocol=5)
        # functions of __main__ pickle by name, and are not there in another process
        if b"__main__" not in pickled:
            return pickled
    except Exception:
        pass
    return dumps_by_value(value)


def admit(value: Any, name: str) -> SerializationError | None:
    """Say why a value cannot leave the process that made it; None if it can.

    Args:
        value: What a task run returned.
        name: The name of the task run.
    """
    if type(value) in _SIMPLE or (type(value) in (str, bytes) and len(value) < INLINE_BYTES):
        return None
    if size_of(value) > CHECKED_BYTES and type(value).__module__.split(".")[0] != "builtins":
        return None
    try:
        dumps(value)
    except Exception as error:
        return SerializationError(
            f"Task {name!r} returned a value of type {type(value).__name__} that cannot be "
            f"pickled, so it cannot leave the process it was made in: {error}. Return something "
            "that can (the path of a file, not the open file), or run the flow with LocalExecutor "
            "or threads."
        )
    return None


def size_of(value: Any) -> int:
    """The size of a value in bytes, as far as Dask can tell without copying it."""
    if type(value) in (bytes, bytearray, str):
        return len(value)
    if type(value) in _SIMPLE:
        return sys.getsizeof(value)
    from dask.sizeof import sizeof

    return int(sizeof(value))


def portable_exception(error: BaseException, name: str) -> BaseException:
    """The exception itself, or one that says the same where it does not survive pickling.

    Args:
        error: What a task run raised.
        name: The name of the task run.
    """
    try:
        if type(pickle.loads(dumps(error))) is type(error):
            return error
    except Exception as reason:
        why = reason
    else:
        why = TypeError("it comes back as another type")
    told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return PrefectException(
        f"Task {name!r} raised {type(error).__module__}.{type(error).__qualname__}: {error}\n"
        f"The exception itself cannot be pickled ({why!r}), so this one stands for it. A class of "
        f"exceptions can be if `args` holds the arguments of its __init__. {told}"
    )


def pack_state(state: State, whole: bool = False) -> tuple[Any, int | None]:
    """The form in which a state travels to the driver: small, without a large value.

    Args:
        state: A state that a task run came to.
        whole: Whether the value goes along however large it is.

    Returns:
        What `unpack_state` takes, and the size of a value that was left out, else None.
    """
    held = state._held
    if whole:
        return dumps(state), None
    if type(state) is Success and state.message == SUCCEEDED and not isinstance(held, Result):
        packed = pack_value(held)
        if isinstance(packed, Remote):
            return (None, _tags(state)), packed.size
        return (packed, _tags(state)), None
    size = None
    if state._successful:
        value = state.result
        size = size_of(value)
        if size <= INLINE_BYTES:
            size = None
        else:
            state = copy.copy(state)
            if isinstance(held, Result):
                held = held.copy()
                held.value = None
                state._held = held
            else:
                state._held = None
    return dumps(state), size


def unpack_state(packed: Any) -> State:
    """A state as it came from a worker."""
    if isinstance(packed, tuple):
        value, tags = packed
        state = Success(SUCCEEDED)
        state._context = tags
        state._held = pickle.loads(value) if isinstance(value, bytes) else value
        return state
    unpacked: State = pickle.loads(packed)
    return unpacked


def pack_value(value: Any) -> Any:
    """A small value in a form that pickles everywhere; a `Remote` in the place of a large one."""
    if type(value) in _SIMPLE:
        return value
    size = size_of(value)
    if size > INLINE_BYTES:
        return Remote(size)
    if type(value) is str:
        return value
    pickled = dumps(value)
    return pickled if len(pickled) <= INLINE_BYTES else Remote(len(pickled))


def _tags(state: State) -> Any:
    context = state._context
    if isinstance(context, dict):
        return context
    return tuple(context) if context else ()
