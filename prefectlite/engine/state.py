"""What a task run or a flow run is at one moment: the classes of `State`.

    State
    ├── Pending
    │   └── Scheduled
    │       ├── Paused
    │       ├── Resume
    │       └── Retrying
    ├── _MetaState              about another state, which it holds
    │   ├── ClientFailed
    │   ├── Submitted
    │   └── Queued
    ├── Running
    │   └── Cancelling
    └── Finished
        ├── Looped
        ├── Success
        │   ├── Cached
        │   ├── Mapped
        │   └── Skipped
        ├── Cancelled
        └── Failed
            ├── TimedOut
            ├── TriggerFailed
            └── ValidationFailed

A run makes one or more states per task run, so a state has to be cheap: it has slots, and the
`Result` around its value, its context, its cached inputs and its dates are made when somebody
looks at them. Class tree, attributes and equality are Prefect 1.4.1's, as observed from outside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, SupportsIndex

from prefectlite.engine.base_state import (
    State,
    checked_moment,
    pendulum_date,
    seconds_since_epoch,
)
from prefectlite.engine.cache_validators import hash_inputs
from prefectlite.engine.messages import SUCCEEDED
from prefectlite.engine.result import NoResult, Result
from prefectlite.utilities.context import context as run_context

__all__ = [
    "Cached",
    "Cancelled",
    "Cancelling",
    "ClientFailed",
    "Failed",
    "Finished",
    "Looped",
    "Mapped",
    "Paused",
    "Pending",
    "Queued",
    "Resume",
    "Retrying",
    "Running",
    "Scheduled",
    "Skipped",
    "State",
    "Submitted",
    "Success",
    "TimedOut",
    "TriggerFailed",
    "ValidationFailed",
]


class _Moment:
    """A date that is kept in a slot as given and becomes a pendulum DateTime when looked at."""

    def __init__(self, slot: str) -> None:
        self._slot = slot

    def __set_name__(self, owner: type[State], name: str) -> None:
        self._name = name

    def __get__(self, state: State | None, owner: type[State]) -> Any:
        if state is None:
            return self
        moment = pendulum_date(getattr(state, self._slot))
        setattr(state, self._slot, moment)
        return moment

    def __set__(self, state: State, moment: datetime | None) -> None:
        setattr(state, self._slot, checked_moment(moment, self._name))


class Pending(State):
    """The run has yet to start; where every run begins.

    Args:
        message, result, cached_inputs, context: as in `State`, in this order.
    """

    __slots__ = ()
    color = "#7ebdff"
    _pending = True

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        cached_inputs: dict[str, Result] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)


class Scheduled(Pending):
    """The run starts at a given time.

    Args:
        message, result, cached_inputs, context: as in `State`.
        start_time: the time; now by default. Without a time zone it is taken as UTC.

    Raises:
        TypeError: `start_time` is no datetime.
    """

    __slots__ = ("_start_time",)
    color = "#ffab00"
    _scheduled = True
    _own_fields: ClassVar[tuple[str, ...]] = ("start_time",)

    _start_time: datetime | float | None
    # The time to start at; None for a pause without an end.
    start_time = _Moment("_start_time")

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Result] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, cached_inputs, context)
        counted = run_context.get("task_run_count")
        if counted is not None:
            self.context = {**self.context, "task_run_count": counted}
        self._start_time = self._moment_to_start(start_time)

    def _moment_to_start(self, start_time: datetime | None) -> datetime | float | None:
        return time.time() if start_time is None else checked_moment(start_time, "start_time")

    @property
    def start_timestamp(self) -> float | None:
        """The time to start at in seconds since the epoch; what timers use, without pendulum."""
        return seconds_since_epoch(self._start_time)


class Paused(Scheduled):
    """The run waits for somebody to resume it, or for `start_time` if there is one.

    Args:
        message, result, cached_inputs, context: as in `State`.
        start_time: when to go on by itself; None, the default, means never.
    """

    __slots__ = ()
    color = "#99a8e8"

    def _moment_to_start(self, start_time: datetime | None) -> datetime | float | None:
        return checked_moment(start_time, "start_time")


class Resume(Scheduled):
    """A paused run was told to go on; its trigger is not asked again.

    Args:
        message, result, start_time, cached_inputs, context: as in `Scheduled`.
    """

    __slots__ = ()
    color = "#f58c0c"


class Retrying(Scheduled):
    """The run failed and will be tried again at `start_time`.

    Args:
        message, result, start_time, cached_inputs, context: as in `Scheduled`.
        run_count: how many times it has run; `task_run_count` of the run's context by
            default, else 1.
    """

    __slots__ = ("run_count",)
    color = "#f66a0a"
    _retrying = True
    _own_fields: ClassVar[tuple[str, ...]] = ("start_time", "run_count")

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Result] | None = None,
        context: dict[str, Any] | None = None,
        run_count: int | None = None,
    ) -> None:
        super().__init__(message, result, start_time, cached_inputs, context)
        if run_count is None:
            counted = run_context.get("task_run_count")
            run_count = 1 if counted is None else counted
        self.run_count = run_count


class _MetaState(State):
    """A state that tells how another state is dealt with.

    Args:
        message, result, context, cached_inputs: as in `State`.
        state: the state it is about; of a meta state, the state that one is about.
    """

    __slots__ = ("_state",)
    _meta = True

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        state: State | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Result] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self._state = state.state if isinstance(state, _MetaState) else state

    @property
    def state(self) -> State | None:
        """The state this one is about."""
        return self._state

    @state.setter
    def state(self, state: State | None) -> None:
        self._state = state

    def _described(self) -> dict[str, Any]:
        state = None if self._state is None else self._state.serialize()
        return {**super()._described(), "state": state}

    @classmethod
    def _arguments(cls, described: Mapping[str, Any]) -> dict[str, Any]:
        arguments = super()._arguments(described)
        if described.get("state") is not None:
            arguments["state"] = State.deserialize(described["state"])
        return arguments


class ClientFailed(_MetaState):
    """A state could not be reported.

    Args:
        message, result, state, context, cached_inputs: as in `_MetaState`.
    """

    __slots__ = ()
    color = "#eb0000"


class Submitted(_MetaState):
    """The run was handed to an executor and has not started.

    Args:
        message, result, state, context, cached_inputs: as in `_MetaState`.
    """

    __slots__ = ()
    color = "#ffdf5d"
    _submitted = True


class Queued(_MetaState):
    """The run waits for a free slot until `start_time`.

    Args:
        message, result, state, context, cached_inputs: as in `_MetaState`.
        start_time: when to try again; now by default.

    Raises:
        TypeError: `start_time` is no datetime.
    """

    __slots__ = ("_start_time",)
    color = "#ffea7f"
    _queued = True
    _scheduled = True
    _own_fields: ClassVar[tuple[str, ...]] = ("start_time",)

    _start_time: datetime | float | None
    # The time to try again at.
    start_time = _Moment("_start_time")

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        state: State | None = None,
        start_time: datetime | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Result] | None = None,
    ) -> None:
        super().__init__(message, result, state, context, cached_inputs)
        self._start_time = (
            time.time() if start_time is None else checked_moment(start_time, "start_time")
        )

    @property
    def start_timestamp(self) -> float | None:
        """The time to try again at, in seconds since the epoch."""
        return seconds_since_epoch(self._start_time)


class Running(State):
    """The run is at work.

    Args:
        message, result, context, cached_inputs: as in `State`.
    """

    __slots__ = ()
    color = "#3d67ff"
    _running = True


class Cancelling(Running):
    """The run is at work and was told to stop.

    Args:
        message, result, context, cached_inputs: as in `State`.
    """

    __slots__ = ()
    color = "#E8E8E8"


class Finished(State):
    """The run has come to an end.

    Args:
        message, result, context, cached_inputs: as in `State`.
    """

    __slots__ = ()
    color = "#003ccb"
    _finished = True


class Looped(Finished):
    """One iteration of a task ended; the next one gets its result.

    Args:
        message, result, context, cached_inputs: as in `State`.
        loop_count: which iteration this was, counted from 1; `task_loop_count` of the run's
            context by default, else 1.
    """

    __slots__ = ("loop_count",)
    _looped = True
    _own_fields: ClassVar[tuple[str, ...]] = ("loop_count",)

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        loop_count: int | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Result] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        if loop_count is None:
            loop_count = run_context.get("task_loop_count", 1)
        self.loop_count = loop_count


class Success(Finished):
    """The run ended well.

    Args:
        message, result, context, cached_inputs: as in `State`.
    """

    __slots__ = ()
    color = "#28a745"
    _successful = True

    def _without_value(self) -> Result:
        # what a task returned may be None; the message tells, so that no run pays for a Result
        return Result(None) if self.message == SUCCEEDED else NoResult


class Cached(Success):
    """The value was there already: from a target, or from an earlier run with `cache_for`.

    Args:
        message, result, cached_inputs, context: as in `State`.
        cached_parameters: the flow's parameters when the value was computed.
        cached_result_expiration: until when the value may be used; without a time zone it is
            taken as UTC. None means for ever.
        hashed_inputs: hashes of the inputs, by the name of the argument.

    Raises:
        TypeError: `cached_result_expiration` is no datetime.
    """

    __slots__ = (
        "_cached_result_expiration",
        "_hashed_inputs",
        "_unhashed_inputs",
        "cached_parameters",
    )
    color = "#34d058"
    _cached = True
    _own_fields: ClassVar[tuple[str, ...]] = (
        "hashed_inputs",
        "cached_parameters",
        "cached_result_expiration",
    )

    _hashed_inputs: dict[str, str] | None
    _unhashed_inputs: dict[str, Any] | None
    _cached_result_expiration: datetime | None
    # Until when the value may be used; None means for ever.
    cached_result_expiration = _Moment("_cached_result_expiration")

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        cached_inputs: dict[str, Result] | None = None,
        cached_parameters: dict[str, Any] | None = None,
        cached_result_expiration: datetime | None = None,
        context: dict[str, Any] | None = None,
        hashed_inputs: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.hashed_inputs = hashed_inputs
        self.cached_parameters = cached_parameters
        self.cached_result_expiration = cached_result_expiration

    @property
    def hashed_inputs(self) -> dict[str, str] | None:
        """Hashes of the inputs that the value was computed from, by the name of the argument."""
        if self._unhashed_inputs is not None:
            self._hashed_inputs = hash_inputs(self._unhashed_inputs)
            self._unhashed_inputs = None
        return self._hashed_inputs

    @hashed_inputs.setter
    def hashed_inputs(self, hashed_inputs: dict[str, str] | None) -> None:
        self._hashed_inputs = hashed_inputs
        self._unhashed_inputs = None

    def hash_when_asked(self, inputs: dict[str, Any]) -> None:
        """Note the inputs of the task run, to be hashed when somebody looks, or on their way.

        Args:
            inputs: the values by the name of the argument.
        """
        self._unhashed_inputs = inputs

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        _ = self.hashed_inputs
        return super().__reduce_ex__(protocol)

    @property
    def expiration_timestamp(self) -> float | None:
        """Until when the value may be used, in seconds since the epoch; None means for ever."""
        return seconds_since_epoch(self._cached_result_expiration)


class Mapped(Success):
    """The parent state of a mapped task: its elements have been handed out.

    Args:
        message, result, context, cached_inputs: as in `State`.
        map_states: the state of each element, in the order of the map.
        n_map_states: how many elements there are, where their states are not known.
    """

    __slots__ = ("_n_map_states", "map_states")
    color = "#003ccb"
    _mapped = True
    _own_fields: ClassVar[tuple[str, ...]] = ("map_states",)

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        map_states: list[State] | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Result] | None = None,
        n_map_states: int | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.map_states = [] if map_states is None else map_states
        self._n_map_states = n_map_states

    @property
    def n_map_states(self) -> int:
        """How many elements there are."""
        return self._n_map_states or len(self.map_states)

    @n_map_states.setter
    def n_map_states(self, number: int | None) -> None:
        self._n_map_states = number

    def _described(self) -> dict[str, Any]:
        return {"n_map_states": self.n_map_states}

    @classmethod
    def _arguments(cls, described: Mapping[str, Any]) -> dict[str, Any]:
        # Prefect 1 as well has None for the state of an element it was not told of.
        return {"map_states": [None] * (described.get("n_map_states") or 0)}


class Skipped(Success):
    """The run was passed over; counts as a success.

    Args:
        message, result, context, cached_inputs: as in `State`.
    """

    __slots__ = ()
    color = "#62757f"
    _skipped = True


class Cancelled(Finished):
    """The run was stopped from outside.

    Args:
        message, result, context, cached_inputs: as in `State`.
    """

    __slots__ = ()
    color = "#bdbdbd"


class Failed(Finished):
    """The run ended badly; its result is the exception.

    Args:
        message, result, cached_inputs, context: as in `State`, in this order.
    """

    __slots__ = ()
    color = "#eb0000"
    _failed = True

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        cached_inputs: dict[str, Result] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)


class TimedOut(Failed):
    """The run took longer than its timeout.

    Args:
        message, result, cached_inputs, context: as in `Failed`.
    """

    __slots__ = ()
    color = "#ff4e33"


class TriggerFailed(Failed):
    """The trigger did not let the run start.

    Args:
        message, result, cached_inputs, context: as in `Failed`.
    """

    __slots__ = ()
    color = "#ff5131"


class ValidationFailed(Failed):
    """The run's result did not pass a check.

    Args:
        message, result, cached_inputs, context: as in `Failed`.
    """

    __slots__ = ()
    color = "#ff5131"
