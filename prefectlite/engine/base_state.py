"""The base class of every state, with what all of them share.

Users import it as `prefectlite.engine.state.State`, next to its children.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from prefectlite.engine.result import LateResult, NoResult, Result
from prefectlite.engine.state_fields import (
    from_json,
    result_from_dict,
    result_to_dict,
    to_json,
    version,
)
from prefectlite.utilities.context import context as run_context

if TYPE_CHECKING:
    from typing_extensions import Self


def pendulum_date(moment: datetime | float | None) -> datetime | None:
    """Turn a stored moment into the pendulum DateTime that users are given."""
    if moment is None:
        return None
    import pendulum

    if isinstance(moment, datetime):
        return moment if isinstance(moment, pendulum.DateTime) else pendulum.instance(moment)
    return pendulum.instance(datetime.fromtimestamp(moment, timezone.utc), tz="UTC")


def checked_moment(moment: datetime | None, argument: str) -> datetime | None:
    """Refuse what is no date when the state is made, not when somebody looks at it."""
    if moment is not None and not isinstance(moment, datetime):
        raise TypeError(
            f"{argument} must be a datetime or None, not {type(moment).__name__}: {moment!r}"
        )
    return moment


def seconds_since_epoch(moment: datetime | float | None) -> float | None:
    """Give the moment as a time stamp; a date without a time zone is taken as UTC."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()
    return moment


class State:
    """One moment in the life of a task run or a flow run.

    Two states are equal when they are of the same class, hold equal values and agree in every
    public attribute but `message` and `context`. A state hashes by identity.

    Args:
        message: a short explanation, or the exception that led to this state.
        result: the value of the run, or a `Result` that holds the value or its location.
        context: what to keep of the run's context. The tags of the running task are added
            under "tags".
        cached_inputs: the `Result` of each input by the name of the argument.

    Example:
        >>> Success("all went well", result=42).result
        42
    """

    # The place that users import it from, so that pickles name that one.
    __module__ = "prefectlite.engine.state"

    __slots__ = ("__dict__", "__weakref__", "_cached_inputs", "_context", "_held", "message")

    color = "#696969"

    # Names of the attributes a class adds to those of State; equality and serialize() use them.
    _own_fields: ClassVar[tuple[str, ...]] = ()

    # What the predicates answer. They are asked several times per task run, so the answer is
    # an attribute of the class rather than a chain of isinstance checks.
    _pending: ClassVar[bool] = False
    _scheduled: ClassVar[bool] = False
    _retrying: ClassVar[bool] = False
    _queued: ClassVar[bool] = False
    _submitted: ClassVar[bool] = False
    _meta: ClassVar[bool] = False
    _running: ClassVar[bool] = False
    _finished: ClassVar[bool] = False
    _looped: ClassVar[bool] = False
    _successful: ClassVar[bool] = False
    _cached: ClassVar[bool] = False
    _mapped: ClassVar[bool] = False
    _skipped: ClassVar[bool] = False
    _failed: ClassVar[bool] = False

    message: Any

    def __init__(
        self,
        message: Any = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Result] | None = None,
    ) -> None:
        self.message = message
        # Either the bare value or the Result around it.
        self._held = result
        self._cached_inputs = cached_inputs
        if context is not None and type(context) is not dict:
            context = dict(context)
        tags = run_context.get("task_tags")
        if tags is None:
            self._context: Any = context
        elif context:
            self._context = {"tags": list(tags), **context}
        else:
            # The tags themselves stand for {"tags": [...]} until somebody looks.
            self._context = tags

    @property
    def _result(self) -> Any:
        """The `Result` that holds the value, its location and its serializer."""
        held = self._held
        if isinstance(held, Result):
            if type(held) is LateResult:
                held = self._held = held.shown()
            return held
        held = self._without_value() if held is None else Result(held)
        self._held = held
        return held

    @_result.setter
    def _result(self, result: Any) -> None:
        self._held = result

    def _without_value(self) -> Result:
        """What stands for a value that is not there."""
        return NoResult

    @property
    def result(self) -> Any:
        """The value of the run: what the task returned, or the exception that failed it."""
        held = self._held
        return held.value if isinstance(held, Result) else held

    @result.setter
    def result(self, value: Any) -> None:
        self._held = value if isinstance(value, Result) else Result(value)

    @property
    def context(self) -> dict[str, Any]:
        """What was kept of the run's context, such as the tags of the task."""
        held = self._context
        if isinstance(held, dict):
            return held
        made: dict[str, Any] = {} if held is None else {"tags": list(held)}
        self._context = made
        return made

    @context.setter
    def context(self, context: dict[str, Any]) -> None:
        self._context = context

    @property
    def cached_inputs(self) -> dict[str, Result]:
        """The `Result` of each input, by the name of the argument."""
        held = self._cached_inputs
        if held is None:
            held = self._cached_inputs = {}
        return held

    @cached_inputs.setter
    def cached_inputs(self, cached_inputs: dict[str, Result]) -> None:
        self._cached_inputs = cached_inputs

    def __repr__(self) -> str:
        if self.message is None:
            return f"<{type(self).__name__}>"
        return f'<{type(self).__name__}: "{self.message}">'

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State) or type(self) is not type(other):
            return False
        if not bool(self.result == other.result):
            return False
        if (self._cached_inputs or {}) != (other._cached_inputs or {}):
            return False
        if any(getattr(self, name) != getattr(other, name) for name in self._own_fields):
            return False
        return self._public_extras() == other._public_extras()

    # Equality is about what a state says; sets and dictionaries of states are about which one.
    __hash__ = object.__hash__

    def _public_extras(self) -> dict[str, Any]:
        """Attributes that users set on a state or that their subclasses add."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @classmethod
    def children(cls, include_self: bool = False, names_only: bool = False) -> list[Any]:
        """List every class below this one, depth first.

        Args:
            include_self: whether to add this class, at the end.
            names_only: whether to give names rather than classes.

        Returns:
            The classes or their names; private classes are left out.

        Example:
            >>> Success.children(names_only=True)
            ['Cached', 'Mapped', 'Skipped']
        """
        below: list[type[State]] = []
        for child in cls.__subclasses__():
            below.append(child)
            below.extend(child.children())
        if include_self:
            below.append(cls)
        public = [state for state in below if not state.__name__.startswith("_")]
        return [state.__name__ for state in public] if names_only else public

    @classmethod
    def parents(cls, include_self: bool = False, names_only: bool = False) -> list[Any]:
        """List every state class above this one, nearest first.

        Args:
            include_self: whether to add this class, at the end.
            names_only: whether to give names rather than classes.

        Returns:
            The classes or their names; private classes are left out.

        Example:
            >>> Retrying.parents(names_only=True)
            ['Scheduled', 'Pending', 'State']
        """
        above = [state for state in cls.__mro__[1:] if issubclass(state, State)]
        if include_self:
            above.append(cls)
        public = [state for state in above if not state.__name__.startswith("_")]
        return [state.__name__ for state in public] if names_only else public

    def is_pending(self) -> bool:
        """Tell whether the run has yet to start: Pending, Scheduled, Paused, Resume, Retrying."""
        return self._pending

    def is_scheduled(self) -> bool:
        """Tell whether the run has a time to start at: Scheduled and its children, Queued."""
        return self._scheduled

    def is_retrying(self) -> bool:
        """Tell whether the run failed and will be tried again."""
        return self._retrying

    def is_queued(self) -> bool:
        """Tell whether the run waits for a free slot."""
        return self._queued

    def is_submitted(self) -> bool:
        """Tell whether the run was handed to an executor and has not started."""
        return self._submitted

    def is_meta_state(self) -> bool:
        """Tell whether this state is about another state: Submitted, Queued, ClientFailed."""
        return self._meta

    def is_running(self) -> bool:
        """Tell whether the run is at work: Running, Cancelling."""
        return self._running

    def is_finished(self) -> bool:
        """Tell whether the run has come to an end, good or bad."""
        return self._finished

    def is_looped(self) -> bool:
        """Tell whether one iteration ended and the next one follows."""
        return self._looped

    def is_successful(self) -> bool:
        """Tell whether the run ended well: Success, Cached, Mapped, Skipped."""
        return self._successful

    def is_cached(self) -> bool:
        """Tell whether the value was there already."""
        return self._cached

    def is_mapped(self) -> bool:
        """Tell whether this is the parent state of mapped elements."""
        return self._mapped

    def is_skipped(self) -> bool:
        """Tell whether the run was passed over."""
        return self._skipped

    def is_failed(self) -> bool:
        """Tell whether the run ended badly: Failed and its children."""
        return self._failed

    def load_result(self, result: Result | None = None) -> Self:
        """Read the value from its location, unless it is here already.

        Args:
            result: the `Result` to read with; the state's own by default.

        Returns:
            This state, now with its value.

        Raises:
            ResultReadError: what is stored at the location cannot be read.
        """
        own = self._result
        if own.value is None and own.location is not None:
            self._held = (own if result is None else result).read(own.location)
        return self

    def load_cached_results(self, results: Mapping[str, Result | None] | None = None) -> Self:
        """Read the cached inputs from their locations, unless they are here already.

        Args:
            results: the `Result` to read each input with, by the name of the argument; the
                input's own where there is none.

        Returns:
            This state, now with the values of its inputs.

        Raises:
            ResultReadError: what is stored at one of the locations cannot be read.
        """
        inputs = self.cached_inputs
        for name, own in list(inputs.items()):
            reader = (results or {}).get(name) or own
            location = own.location or reader.location
            if own.value is None and location is not None:
                inputs[name] = reader.read(location)
        return self

    def serialize(self) -> dict[str, Any]:
        """Describe this state as a dictionary that JSON can hold.

        The value is not part of it, only the location of its `Result`. The states of mapped
        elements are not part of it, only their number.

        Returns:
            The dictionary, from which `State.deserialize` makes a state again.

        Raises:
            ValueError: the context or the cached parameters hold what JSON cannot.

        Example:
            >>> Success("done").serialize()["type"]
            'Success'
        """
        return {
            "message": None if self.message is None else str(self.message),
            "context": to_json(self.context, f"The context of {self!r}"),
            "cached_inputs": {
                name: result_to_dict(result) for name, result in self.cached_inputs.items()
            },
            **self._described(),
            "type": type(self).__name__,
            "__version__": version(),
        }

    def _described(self) -> dict[str, Any]:
        """Give what `serialize` says of this class of state in particular."""
        fields = {
            name: to_json(getattr(self, name), f"{name} of {self!r}") for name in self._own_fields
        }
        return {"_result": result_to_dict(self._result), **fields}

    @staticmethod
    def deserialize(json_blob: dict[str, Any]) -> State:
        """Make a state from what `serialize` returned.

        Args:
            json_blob: the dictionary; keys that are not known are ignored.

        Returns:
            The state, without its value: `load_result` reads it.

        Raises:
            ValueError: "type" is missing or names no class of state, or a date is none.
        """
        if not isinstance(json_blob, Mapping) or "type" not in json_blob:
            raise ValueError(
                f'A state is made from a dictionary with a "type", not from {json_blob!r}'
            )
        for state_class in State.children(include_self=True):
            if state_class.__name__ == json_blob["type"]:
                inputs = json_blob.get("cached_inputs") or {}
                state: State = state_class(
                    message=json_blob.get("message"),
                    context=json_blob.get("context"),
                    cached_inputs={name: result_from_dict(kept) for name, kept in inputs.items()},
                    **state_class._arguments(json_blob),
                )
                return state
        raise ValueError(f"There is no class of state named {json_blob['type']!r}")

    @classmethod
    def _arguments(cls, described: Mapping[str, Any]) -> dict[str, Any]:
        """Find the arguments that this class takes in what `_described` gave."""
        fields = {name: from_json(name, described.get(name)) for name in cls._own_fields}
        return {"result": result_from_dict(described.get("_result")), **fields}
