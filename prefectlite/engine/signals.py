"""What a task raises to choose its own state.

PrefectSignal                   (a BaseException: no `except Exception` swallows it)
├── ENDRUN                      ends the pipeline of a run with a given state
└── PrefectStateSignal
    ├── FAIL
    │   ├── TRIGGERFAIL
    │   └── VALIDATIONFAIL
    ├── LOOP
    ├── PAUSE
    ├── RETRY
    ├── SKIP
    └── SUCCESS
"""

from __future__ import annotations

from typing import Any, ClassVar

from prefectlite.engine.state import (
    Failed,
    Looped,
    Paused,
    Retrying,
    Skipped,
    State,
    Success,
    TriggerFailed,
    ValidationFailed,
)
from prefectlite.exceptions import PrefectSignal

__all__ = [
    "ENDRUN",
    "FAIL",
    "LOOP",
    "PAUSE",
    "RETRY",
    "SKIP",
    "SUCCESS",
    "TRIGGERFAIL",
    "VALIDATIONFAIL",
    "PrefectSignal",
    "PrefectStateSignal",
    "signal_from_state",
]


class ENDRUN(PrefectSignal):
    """Ends the run with the given state.

    Args:
        state: the state the run ends in.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        return _without_state, (type(self), self.args), vars(self)


class PrefectStateSignal(PrefectSignal):
    """A signal that carries the state it stands for.

    Args:
        message: the message of the state.
        *args, **kwargs: further arguments of the state's class, such as `start_time` of RETRY.
            `result` is the signal itself if it is not given.

    Example:
        >>> raise RETRY("not there yet", start_time=pendulum.now().add(minutes=5))
    """

    _state_cls: ClassVar[type[State]] = State

    def __init__(self, message: Any = None, *args: Any, **kwargs: Any) -> None:
        # Asked for before the message is set: LOOP() is known to leave the text "LOOP()".
        kwargs.setdefault("result", self._default_result())
        super().__init__(message)
        self.state = self._state_cls(message, *args, **kwargs)

    def _default_result(self) -> Any:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _without_state, (type(self), self.args), vars(self)


def _without_state(signal_class: type[PrefectSignal], args: tuple[Any, ...]) -> PrefectSignal:
    """Begin to rebuild a pickled signal; its state, which may hold the signal, comes after."""
    return signal_class.__new__(signal_class, *args)


class FAIL(PrefectStateSignal):
    """The task run failed; it is tried again if it has retries left."""

    _state_cls = Failed


class TRIGGERFAIL(FAIL):
    """The trigger did not let the task run; raised by triggers."""

    _state_cls = TriggerFailed


class VALIDATIONFAIL(FAIL):
    """The result did not pass a check."""

    _state_cls = ValidationFailed


class LOOP(PrefectStateSignal):
    """The task runs again at once, with `result` as `task_loop_result` in its context.

    Without a result, the next iteration gets the text of the signal.
    """

    _state_cls = Looped

    def _default_result(self) -> Any:
        return repr(self)


class PAUSE(PrefectStateSignal):
    """The task run waits to be resumed, or for `start_time`."""

    _state_cls = Paused


class RETRY(PrefectStateSignal):
    """The task run is tried again at `start_time`, even if it has no retries left."""

    _state_cls = Retrying


class SKIP(PrefectStateSignal):
    """The task is passed over, and what depends on it unless `skip_on_upstream_skip` is off."""

    _state_cls = Skipped


class SUCCESS(PrefectStateSignal):
    """The task run ended well."""

    _state_cls = Success


def signal_from_state(state: State) -> type[PrefectStateSignal]:
    """Find the class of the signal that stands for a state.

    Args:
        state: the state; its class has to be that of the signal, not a child of it.

    Returns:
        The class of the signal.

    Raises:
        ValueError: no signal stands for this class of state.

    Example:
        >>> signal_from_state(Skipped())
        <class 'prefectlite.engine.signals.SKIP'>
    """
    waiting = PrefectStateSignal.__subclasses__()
    while waiting:
        signal_class = waiting.pop()
        if signal_class._state_cls is type(state):
            return signal_class
        waiting.extend(signal_class.__subclasses__())
    raise ValueError(f"No signal matches the provided state: {state!r}")
