"""A small value whose location is the value itself, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefectlite.engine.result import Result
from prefectlite.engine.serializers import DateTimeSerializer, JSONSerializer
from prefectlite.exceptions import ResultReadError
from prefectlite.utilities.error_kinds import also_as

if TYPE_CHECKING:
    from prefectlite.engine.serializers import Serializer

__all__ = ["PrefectResult"]


class PrefectResult(Result):
    """A result that is written in its location, where a state keeps it; used for parameters.

    Args:
        **kwargs: `value`, `location` and `serializer`, as in `Result`. The serializer is a
            `JSONSerializer`, the default, or a `DateTimeSerializer`.

    Raises:
        TypeError: the serializer is of another class.

    Example:
        >>> PrefectResult().write({"a": 1}).location
        '{"a": 1}'
    """

    def __init__(self, **kwargs: Any) -> None:
        serializer = kwargs.pop("serializer", JSONSerializer())
        super().__init__(**kwargs)
        self.serializer = serializer

    @property
    def serializer(self) -> Serializer:
        """What turns the value into the text of the location and back."""
        assert self._serializer is not None
        return self._serializer

    @serializer.setter
    def serializer(self, serializer: Serializer) -> None:
        if not isinstance(serializer, (JSONSerializer, DateTimeSerializer)):
            raise TypeError(
                "PrefectResult only supports JSONSerializer or DateTimeSerializer; received "
                f"{type(serializer).__name__}"
            )
        self._serializer = serializer

    def _compared(self) -> dict[str, Any]:
        # as in Prefect 1: the location says all there is of the value
        return {name: held for name, held in super()._compared().items() if name != "serializer"}

    def read(self, location: str) -> Result:
        """Read the value out of its location.

        Args:
            location: the value as text.

        Returns:
            A result with the value and the location.

        Raises:
            ResultReadError: the location is no such text.
        """
        try:
            value = self.serializer.deserialize(location.encode())
        except Exception as error:
            raise also_as(
                ResultReadError,
                error,
                f"The result at {location!r} cannot be read with {type(self.serializer).__name__}:"
                f" {error}",
            ) from error
        found = self.copy()
        found.value = value
        found.location = location
        return found

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Write the value into the location.

        Args:
            value_: the value.
            **kwargs: not needed.

        Returns:
            A result with the value and its location.

        Raises:
            TypeError: the serializer does not take the value.
        """
        written = self.copy()
        written.value = value_
        written.location = self.serializer.serialize(value_).decode()
        return written

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Tell whether the location can be read.

        Args:
            location: the value as text.
            **kwargs: not needed.
        """
        try:
            self.serializer.deserialize(location.encode())
        except Exception:
            return False
        return True
