"""Keys and passwords that results were given: in the process, and nowhere that can be looked at.

A `Credential` stands for a text in the options of a store. It shows nothing of it, and what is
pickled is only a number: the text itself stays in this process, or is handed to a process that
takes part in a run, beside the plan and never in it (`hand_over`, `take_over`). A `Secret` is a
name: each process looks for the value where it stands.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefectlite.exceptions import ResultError
from prefectlite.utilities.secrets import read_secret, remember_secret

__all__ = ["Credential", "Secret", "hand_over", "hidden", "names_a_secret", "revealed", "take_over"]

_HIDDEN = (
    "secret",
    "password",
    "passphrase",
    "passwd",
    "token",
    "credential",
    "connection_string",
    "account_key",
    "access_key",
    "api_key",
    "private_key",
    "authorization",
)
_HIDDEN_EXACTLY = frozenset({"key", "pkey", "headers", "cookies"})

# what hides a user name such as "admin" as well would hide too much of what is logged
_LONG_ENOUGH = 8

_values: dict[str, Any] = {}
_names: dict[Any, str] = {}
_lock = threading.Lock()
_on_their_way = threading.local()


class Credential:
    """A value that must not be seen.

    Args:
        value: The value: a text, or what a library takes in its place.
    """

    __slots__ = ("_name",)

    def __init__(self, value: Any) -> None:
        with _lock:
            # equal values have one name, so that equal options share a client
            known = value if isinstance(value, str) else f"{type(value)}{value!r}"
            name = _names.get(known)
            if name is None:
                name = _names[known] = uuid.uuid4().hex
                _values[name] = value
                if isinstance(value, str) and len(value) >= _LONG_ENOUGH:
                    remember_secret(value)
        self._name = name

    def reveal(self) -> Any:
        """The value.

        Raises:
            ResultError: It was left behind where this was pickled.
        """
        try:
            return _values[self._name]
        except KeyError:
            raise ResultError(
                "The credentials of a result were left out when it was pickled, and are not known "
                "in this process. Give each process its own: variables or files where the store's "
                "library looks for them, or Secret(name) from prefectlite.engine.storage in "
                "storage_options."
            ) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce__(self) -> tuple[Any, ...]:
        packed = getattr(_on_their_way, "packed", None)
        if packed is not None and self._name in _values:
            packed[self._name] = _values[self._name]
        return _named, (self._name,)


def _named(name: str) -> Credential:
    found = Credential.__new__(Credential)
    found._name = name
    return found


class Secret:
    """The name of a secret, looked up where it is used: `context.secrets`, then the environment.

    It comes to `context.secrets` from the configuration, or from the variable
    `PREFECTLITE__CONTEXT__SECRETS__<name>`; last the variable of just that name is looked at.

    Args:
        name: The name.

    Example:
        ```python
        FsspecResult("s3://results", storage_options={"secret": Secret("S3_SECRET")})
        ```
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def reveal(self) -> Any:
        """The value.

        Raises:
            ResultError: There is no secret of that name.
        """
        try:
            return read_secret(self.name, as_written=True)
        except ValueError as error:
            if self.name in os.environ:
                remember_secret(os.environ[self.name])
                return os.environ[self.name]
            raise ResultError(f"{error} Do so on the workers too.") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


def hidden(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with a `Credential` in the place of each value that must not be seen.

    Args:
        options: The options; their names tell what is to be hidden.
    """
    return {name: _hidden_value(name, value) for name, value in options.items()}


def names_a_secret(name: str) -> bool:
    """Whether what has this name is not to be shown: a password, a token, a key.

    Args:
        name: The name of an option or a parameter.
    """
    lowered = name.lower()
    if lowered in _HIDDEN_EXACTLY or any(part in lowered for part in _HIDDEN):
        return True
    # "auth" and "basic_auth", not "author"
    return "auth" in lowered.split("_")


def _hidden_value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (bool, Credential, Secret)):
        return value
    if names_a_secret(str(name)):
        return Credential(value)
    if isinstance(value, Mapping):
        return hidden(value)
    return value


def revealed(options: Any) -> Any:
    """Options as a library takes them.

    Raises:
        ResultError: One of them is not known in this process.
    """
    if isinstance(options, (Credential, Secret)):
        return options.reveal()
    if isinstance(options, Mapping):
        return {name: revealed(value) for name, value in options.items()}
    return options


@contextmanager
def hand_over() -> Iterator[dict[str, Any]]:
    """Collect the values of the credentials that are pickled inside of the block.

    Yields:
        What `take_over` takes in another process.
    """
    packed: dict[str, Any] = {}
    before = getattr(_on_their_way, "packed", None)
    _on_their_way.packed = packed
    try:
        yield packed
    finally:
        _on_their_way.packed = before


def take_over(values: Mapping[str, Any]) -> None:
    """Make credentials known that another process handed over.

    Args:
        values: What `hand_over` collected there.
    """
    with _lock:
        _values.update(values)
    for value in values.values():
        if isinstance(value, str) and len(value) >= _LONG_ENOUGH:
            remember_secret(value)
