"""A value and where it is kept: `Result`, the base of every store, and `NoResult`.

A `Result` plays two parts, as in Prefect 1. Given to a task or a flow it says how to keep values:
in which store, under which location, turned into bytes by which serializer. Around a value it
says where that value is. The stores themselves are in `prefectlite.engine.results`.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import logging

    from typing_extensions import Self

    from prefectlite.engine.serializers import Serializer

__all__ = ["NoResult", "NoResultType", "Result"]


class ResultNotImplementedError(NotImplementedError):
    """A plain `Result` was asked to read, write or look for something: it has no store."""


class Result:
    """A value, its location and the serializer that turns it into bytes.

    Two results are equal when they are of the same class and agree in value, location,
    serializer and what their store adds.

    Args:
        value: the value; None by default.
        location: where the value is kept or will be kept. A string may be a template, filled
            in by `format`; a callable gets the same keywords and returns the location.
        serializer: turns values into bytes and back; a `PickleSerializer` by default.

    Example:
        >>> Result(value=3, location="{flow_name}/x.pickle").format(flow_name="f").location
        'f/x.pickle'
    """

    # Names of the attributes, next to the location, that describe the store in a dictionary.
    _store_fields: ClassVar[tuple[str, ...]] = ()

    value: Any
    location: str | None

    def __init__(
        self,
        value: Any = None,
        location: str | Callable[..., str] | None = None,
        serializer: Serializer | None = None,
    ) -> None:
        self.value = value
        if location is None or isinstance(location, str):
            self.location = location
            self._formatter: Callable[..., str] | None = None
        else:
            # that it cannot be called shows where it is used, as in Prefect 1
            self.location = None
            self._formatter = location
        self._serializer = serializer

    @property
    def serializer(self) -> Serializer:
        """What turns values into bytes and back."""
        if self._serializer is None:
            from prefectlite.engine.serializers import PickleSerializer

            self._serializer = PickleSerializer()
        return self._serializer

    @serializer.setter
    def serializer(self, serializer: Serializer) -> None:
        self._serializer = serializer

    @property
    def logger(self) -> logging.Logger:
        """The logger named after this class."""
        from prefectlite.utilities.logging import get_logger

        return get_logger(type(self).__name__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result) or type(self) is not type(other):
            return False
        return self._compared() == other._compared()

    # As in Prefect 1, a result that can be compared by value cannot be hashed.
    __hash__ = None  # type: ignore[assignment]

    def _compared(self) -> dict[str, Any]:
        compared = {name: held for name, held in vars(self).items() if not name.startswith("_")}
        compared["serializer"] = self.serializer
        return compared

    def __repr__(self) -> str:
        from prefectlite.utilities.secrets import without_secrets

        return f"<{type(self).__name__}: {without_secrets(repr(self.value))}>"

    def from_value(self, value: Any) -> Self:
        """Make a result of the same store for another value, with no location yet.

        Args:
            value: the value.

        Returns:
            The new result.
        """
        made = self.copy()
        made.location = None
        made.value = value
        return made

    def copy(self) -> Self:
        """Make a shallow copy of this result."""
        kind = type(self)
        if kind.__reduce_ex__ is not object.__reduce_ex__ or hasattr(kind, "__slots__"):
            return copy.copy(self)
        # the same for a plain class, and quicker
        made = object.__new__(kind)
        made.__dict__.update(self.__dict__)
        return made

    @property
    def default_location(self) -> str:
        """A new location for a value without one: the date and a random name."""
        today = datetime.now(timezone.utc)
        return f"{today.year}/{today.month}/{today.day}/{uuid.uuid4()}.prefect_result"

    def format(self, **kwargs: Any) -> Self:
        """Make a copy whose location is filled in.

        Args:
            **kwargs: what the template of the location may name; a callable location gets them
                all.

        Returns:
            The copy. Without any location it has a new `default_location`.

        Raises:
            KeyError: the template names something that was not given.
        """
        made = self.copy()
        if isinstance(self.location, str):
            made.location = self.location.format(**kwargs)
        elif self._formatter is not None:
            made.location = self._formatter(**kwargs)
        else:
            made.location = self.default_location
        return made

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Tell whether there is something at a location.

        Args:
            location: the location, or a template of it.
            **kwargs: what the template may name.

        Raises:
            ResultNotImplementedError: this class has no store.
        """
        raise ResultNotImplementedError(self._no_store("look for a result"))

    def read(self, location: str) -> Result:
        """Read what is kept at a location.

        Args:
            location: the location, filled in.

        Returns:
            A result of the same store with the value and the location.

        Raises:
            ResultReadError: what is there cannot be read.
            ResultNotImplementedError: this class has no store.
        """
        raise ResultNotImplementedError(self._no_store("read a result"))

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Keep a value at this result's location.

        Args:
            value_: the value.
            **kwargs: what the template of the location may name.

        Returns:
            A result of the same store with the value and the location it was written to.

        Raises:
            ResultNotImplementedError: this class has no store.
        """
        raise ResultNotImplementedError(self._no_store("write a result"))

    def _no_store(self, action: str) -> str:
        return (
            f"Not implemented on the base Result class: {type(self).__name__} cannot {action}. "
            "Use one of prefectlite.engine.results, such as LocalResult, or a subclass of your own"
        )


class LateResult(Result):
    """Holds a value of a state that is made when somebody looks at it: unpickled, say, or listed.

    A state shows another `Result` in its place.

    Args:
        make: Makes the value; called once.
        around: The Result that held the value, without it; a plain one by default.
    """

    def __init__(self, make: Callable[[], Any], around: Result | None = None) -> None:
        self._make: Callable[[], Any] | None = make
        self._value: Any = None
        self._around = around
        super().__init__()

    def shown(self) -> Result:
        """The Result with the value."""
        if self._around is None:
            return Result(self.value)
        self._around.value = self.value
        return self._around

    @property
    def value(self) -> Any:
        """The value."""
        if self._make is not None:
            self._value = self._make()
            self._make = None
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        """Put another value in its place; None, as Result sets it when it is made, is none."""
        if value is not None:
            self._value, self._make = value, None

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.shown(),)


def _itself(result: Result) -> Result:
    return result


class NoResultType(Result):
    """The class of `NoResult`: there is no value, which is more than the value None.

    Args:
        value, location, serializer: as in `Result`.
    """


NoResult = NoResultType()
