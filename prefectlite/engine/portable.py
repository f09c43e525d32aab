"""Values and states on their way between processes: what can travel, and in which form."""

from __future__ import annotations

import copy
import functools
import pickle
import sys
import traceback
from typing import Any

from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.result import LateResult, Result
from prefectlite.engine.state import State, Success
from prefectlite.exceptions import PrefectException, SerializationError
from prefectlite.utilities.by_value import dumps_by_value

# a value of fewer bytes travels with the outcome of its run, a larger one stays where it is
INLINE_BYTES = 4096
# on the driver, a value of more bytes is not unpickled before somebody looks at it
UNPACKED_BYTES = 256
# a value of more bytes, large arrays aside, is not pickled only to see whether it can be
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


class Apart:
    """A state that travels beside its value, which is unpickled when somebody looks at it.

    Args:
        state: The pickled state, with the Result that held the value and without the value.
        value: The pickled value.
    """

    __slots__ = ("state", "value")

    def __init__(self, state: bytes, value: bytes) -> None:
        self.state = state
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Apart, (self.state, self.value)

    def joined(self) -> State:
        """The state, with its value in a `LateResult`."""
        state: State = pickle.loads(self.state)
        state._held = LateResult(functools.partial(pickle.loads, self.value), state._held)
        return state


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


def is_here(state: State) -> bool:
    """Whether a state has its value with it, or the location to read it from."""
    held = state._held
    return not isinstance(held, RemoteResult) or held.location is not None


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


def can_be_pickled(value: Any) -> bool:
    """Whether a value can be sent to another process."""
    try:
        dumps(value)
    except Exception:
        return False
    return True


def admit(value: Any, name: str) -> int | SerializationError:
    """Say how large a value is on its way out of the process, or why it cannot leave it.

    Args:
        value: What a task run returned.
        name: The name of the task run.

    Returns:
        The number of bytes it takes pickled, or an estimate where that is much.
    """
    try:
        return pickled_size(value)
    except Exception as error:
        return SerializationError(
            f"Task {name!r} returned a value of type {type(value).__name__} that cannot be "
            f"pickled, so it cannot leave the process it was made in: {error}. Return something "
            "that can (the path of a file, not the open file), or run the flow with LocalExecutor "
            "or threads."
        )


def pickled_size(value: Any) -> int:
    """The number of bytes a value takes pickled; its large arrays are not copied to find out.

    Raises:
        Exception: It cannot be pickled.
    """
    if type(value) in _SIMPLE:
        return 8
    if type(value) in (str, bytes, bytearray):
        return len(value)
    # lists and the like are pickled to the end: what is in them may be anything
    most = None if type(value).__module__ == "builtins" else CHECKED_BYTES
    file, buffers = _Counter(most), list[pickle.PickleBuffer]()
    try:
        pickle.Pickler(file, protocol=5, buffer_callback=buffers.append).dump(value)
    except _Enough:
        return max(CHECKED_BYTES, size_of(value))
    except Exception:
        return len(dumps_by_value(value))
    if file.names_main:
        return len(dumps_by_value(value))
    return file.size + sum(memoryview(buffer).nbytes for buffer in buffers)


class _Enough(Exception):
    """So many bytes were pickled that the value is large."""


class _Counter:
    """A file that only counts what is written, up to a number of bytes."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.size = 0
        # a function of __main__ pickles by its name, which says nothing of the function
        self.names_main = False

    def write(self, data: bytes) -> int:
        """Count the bytes."""
        self.size += len(data)
        self.names_main = self.names_main or b"__main__" in data
        if self._most is not None and self.size > self._most:
            raise _Enough
        return len(data)


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


def pack_state(
    state: State, whole: bool = False, admitted: tuple[Any, int] | None = None
) -> tuple[Any, int | None]:
    """The form in which a state travels to the driver: small, without a large value.

    Args:
        state: A state that a task run came to.
        whole: Whether the value goes along however large it is.
        admitted: A value whose size was looked at before, and the size.

    Returns:
        What `unpack_state` takes, and the size of a value that was left out, else None.
    """
    held = state._held
    if whole:
        return dumps(state), None
    size = None
    if type(state) is Success and state.message == SUCCEEDED and not isinstance(held, Result):
        packed = _pack_value(held, admitted)
        if isinstance(packed, Remote):
            return (None, _tags(state)), packed.size
        return (packed, _tags(state)), None
    if state._successful:
        value = state.result
        size = _size(value, admitted)
        if size > INLINE_BYTES:
            return dumps(_without_value(state)), size
        if size > UNPACKED_BYTES and isinstance(held, Result) and held.location is None:
            return packed_apart(state), None
    return dumps(state), None


def packed_apart(state: State) -> Apart:
    """A state that has a value, so that the value is unpickled only if somebody looks at it."""
    return Apart(dumps(_without_value(state)), dumps(state.result))


def _without_value(state: State) -> State:
    state = copy.copy(state)
    held = state._held
    if isinstance(held, Result):
        state._held = held.copy()
        state._held.value = None
    else:
        state._held = None
    return state


def unpack_state(packed: Any) -> State:
    """A state as it came from a worker."""
    if isinstance(packed, Apart):
        return packed.joined()
    if isinstance(packed, tuple):
        value, tags = packed
        state = Success(SUCCEEDED)
        state._context = tags
        if isinstance(value, bytes):
            make = functools.partial(pickle.loads, value)
            value = LateResult(make) if len(value) > UNPACKED_BYTES else make()
        state._held = value
        return state
    unpacked: State = pickle.loads(packed)
    return unpacked


def _pack_value(value: Any, admitted: tuple[Any, int] | None) -> Any:
    """A small value in a form that pickles everywhere; a `Remote` in the place of a large one."""
    if type(value) in _SIMPLE:
        return value
    size = _size(value, admitted)
    if size > INLINE_BYTES:
        return Remote(size)
    return value if type(value) is str else dumps(value)


def _size(value: Any, admitted: tuple[Any, int] | None) -> int:
    if admitted is not None and admitted[0] is value:
        return admitted[1]
    return pickled_size(value)


def _tags(state: State) -> Any:
    context = state._context
    if isinstance(context, dict):
        return context
    return tuple(context) if context else ()
