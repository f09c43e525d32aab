"""A value that is known beforehand and kept nowhere."""

from __future__ import annotations

from typing import Any, NoReturn

from prefectlite.engine.result import Result

__all__ = ["ConstantResult"]


class ConstantResult(Result):
    """The result of a constant: the value is there, at any location.

    Args:
        **kwargs: `value` and `location`, as in `Result`.

    Raises:
        ValueError: there is a serializer, though nothing is written.

    Example:
        >>> ConstantResult(value=5).read("anywhere").value
        5
    """

    def __init__(self, **kwargs: Any) -> None:
        if "serializer" in kwargs:
            raise ValueError("Can't pass a serializer to a ConstantResult.")
        super().__init__(**kwargs)

    def read(self, location: str) -> Result:
        """Give this result itself.

        Args:
            location: does not matter.

        Returns:
            This result.
        """
        return self

    def write(self, value_: Any, **kwargs: Any) -> NoReturn:
        """Refuse to write: a constant does not change.

        Raises:
            ValueError: always.
        """
        raise ValueError("Cannot write values to `ConstantResult` types.")

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Tell that the value is there.

        Args:
            location, **kwargs: do not matter.

        Returns:
            True.
        """
        return True
