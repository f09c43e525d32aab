"""What all results have in common that keep values as bytes in a store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from prefectlite.engine.result import Result
from prefectlite.engine.seals import check_seal, seal_of_parts
from prefectlite.engine.serializers import Serializer
from prefectlite.engine.storage.files import Buffer
from prefectlite.engine.storage.paths import called, confine, filled
from prefectlite.exceptions import (
    ResultError,
    ResultNotFoundError,
    ResultReadError,
    ResultWriteError,
    StoreUnreachableError,
)
from prefectlite.utilities.error_kinds import also_as

__all__ = ["StoredResult"]

_UNREACHABLE = (
    "Look whether the store is up, its address right, and whether the credentials may read. It is "
    "tried again for results.retry_seconds"
)

Self = TypeVar("Self", bound="StoredResult")


class StoredResult(Result):
    """The base of results in files and objects: serialized, sealed, whole or absent.

    A subclass says how bytes get to its store and back. One that overrides `read`, `write` or
    `exists` is asked by them alone, as any `Result` of a user's own.
    """

    # how many values of one folder are worth a listing and reading together: from this many on
    reads_together = 2

    def read(self, location: str) -> Result:
        """Read the value at a location.

        Args:
            location: the location, filled in.

        Returns:
            A result of the same store with the value and the location.

        Raises:
            ResultNotFoundError: there is nothing; a FileNotFoundError as well.
            ResultReadError: what is there cannot be read, is damaged or of another format.
            StoreUnreachableError: the store does not answer, or refuses to.
        """
        try:
            data = self._fetch(location)
        except Exception as error:
            raise self._unread(location, error) from error
        return self.opened(location, data)

    def opened(self: Self, location: str, data: bytes) -> Self:
        """Make the result of bytes that were read at a location.

        Args:
            location: the location.
            data: the bytes.

        Returns:
            A result of the same store with the value and the location.

        Raises:
            ResultReadError: they are damaged or of another format.
        """
        serializer = self.serializer
        try:
            check_seal(serializer, data)
            value = serializer.deserialize(data)
        except Exception as error:
            raise self._unreadable(location, error) from error
        found = self.copy()
        found.value = value
        found.location = location
        return found

    def _unread(self, location: str, error: Exception) -> ResultError:
        name = self.named(location)
        if isinstance(error, FileNotFoundError):
            return ResultNotFoundError(f"There is no result at {name!r}")
        if isinstance(error, ResultError):
            return error
        if self._is_out_of_reach(error):
            return StoreUnreachableError(
                f"The result at {name!r} cannot be read: {_told(error)}. {_UNREACHABLE}"
            )
        return self._unreadable(location, error)

    def _unreadable(self, location: str, error: Exception) -> ResultReadError:
        return also_as(
            ResultReadError,
            error,
            f"The result at {self.named(location)!r} cannot be read with "
            f"{type(self.serializer).__name__}: {_told(error)}",
        )

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Write a value to this result's location.

        Args:
            value_: the value.
            **kwargs: what the template of the location may name.

        Returns:
            A result of the same store with the value and the location it was written to.

        Raises:
            UnknownTemplateKeyError: the template names something that was not given; a KeyError.
            ResultError: a value that was filled in takes the location out of the folder.
            TypeError, pickle.PicklingError: the serializer does not take the value.
            ResultWriteError: it cannot be written; names the location and the reason.
        """
        location = self.placed(kwargs)
        written = self.copy()
        written.location = self._kept_as(location)
        parts = list(serialized(self.serializer, value_))
        sealed = seal_of_parts(self.serializer, parts)
        if sealed:
            parts.append(sealed)
        try:
            self._store(location, parts)
        except ResultError:
            raise
        except Exception as error:
            raise also_as(
                ResultWriteError,
                error,
                f"The result cannot be written to {self.named(location)!r}: "
                f"{self._why_unwritten(error)}",
            ) from error
        written.value = value_
        return written

    def placed(self, values: Mapping[str, Any], owner: str = "") -> str:
        """Fill in this result's location.

        Args:
            values: what the template may name.
            owner: whose location it is, for errors: "target of task 'load'".

        Returns:
            The location; a new one where this result has none.

        Raises:
            UnknownTemplateKeyError: the template names something that was not given.
            ResultError: the location leaves the folder, or a callable gave none.
        """
        template = self.location
        if isinstance(template, str):
            location = filled(template, values, owner)
        elif self._formatter is not None:
            location = called(self._formatter, values, owner)
        else:
            return self.default_location
        if location != template:
            confine(template, location, values, self._base, owner)
        return location

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Tell whether there is something at a location.

        Args:
            location: the location; may be a template.
            **kwargs: what the template may name.

        Raises:
            UnknownTemplateKeyError: the template names something that was not given.
            StoreUnreachableError: the store does not answer, or refuses to.
        """
        rendered = filled(location, kwargs)
        if rendered != location:
            confine(location, rendered, kwargs, self._base)
        return self.is_there(rendered)

    def is_there(self, location: str) -> bool:
        """Tell whether there is something at a location that is filled in.

        Raises:
            StoreUnreachableError: the store does not answer, or refuses to.
        """
        try:
            return self._exists(location)
        except ResultError:
            raise
        except Exception as error:
            raise StoreUnreachableError(
                f"Whether there is a result at {self.named(location)!r} cannot be told: "
                f"{_told(error)}. {_UNREACHABLE}"
            ) from error

    def copy(self: Self) -> Self:
        """Make a shallow copy of this result."""
        # a third of the time of copy.copy, once for each value that is read
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    # what a store says of itself

    @property
    @abstractmethod
    def _base(self) -> str:
        """The folder or prefix that relative locations belong to."""

    @abstractmethod
    def named(self, location: str) -> str:
        """A location as a person names it: with the folder or the bucket."""

    def _kept_as(self, location: str) -> str:
        """The location that a written result bears."""
        return location

    @abstractmethod
    def _fetch(self, location: str) -> bytes:
        """Read the bytes at a location."""

    @abstractmethod
    def _store(self, location: str, parts: Sequence[Buffer]) -> None:
        """Write bytes to a location, whole or not at all."""

    @abstractmethod
    def _exists(self, location: str) -> bool:
        """Tell whether there is something at a location."""

    @abstractmethod
    def listing(self, folder: str) -> dict[str, int]:
        """The names in a folder, and their sizes in bytes."""

    @abstractmethod
    def fetch_many(self, locations: Sequence[str]) -> list[bytes | Exception]:
        """Read several locations; an exception in the place of what cannot be read."""

    def _is_out_of_reach(self, error: Exception) -> bool:
        """Whether an error says nothing about the value, but about the way to it."""
        return False

    def _why_unwritten(self, error: Exception) -> str:
        return _told(error)


def serialized(serializer: Serializer, value: Any) -> Sequence[Buffer]:
    """The bytes of a value, in pieces where that spares a copy."""
    in_parts = getattr(serializer, "serialize_to_parts", None)
    if in_parts is None or _is_overridden(serializer):
        return [serializer.serialize(value)]
    parts: Sequence[Buffer] = in_parts(value)
    return parts


def _is_overridden(serializer: Serializer) -> bool:
    """Whether a subclass has a `serialize` of its own below the class that writes in parts."""
    for kind in type(serializer).__mro__:
        if "serialize_to_parts" in vars(kind):
            return False
        if "serialize" in vars(kind):
            return True
    return True


def _told(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # the libraries of stores tell a page, of which the first line says it
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
