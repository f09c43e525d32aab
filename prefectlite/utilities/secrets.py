"""Where secrets are looked up: ``prefectlite.context.secrets``.

They come there from ``[context.secrets]`` of the configuration, from variables such as
``PREFECTLITE__CONTEXT__SECRETS__API_KEY``, or from ``with prefectlite.context(secrets={...})``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from prefectlite.utilities.context import context

__all__ = ["read_secret", "remember_secret", "without_secrets"]

# a shorter text stands in too many places that have nothing to do with the secret
SHORTEST = 4
HIDDEN = "***"

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def remember_secret(value: Any) -> None:
    """Have this process write a secret in no log record, message or traceback of its own.

    Args:
        value: The secret: a text of at least 4 characters, or texts in dictionaries and lists.
            Others are passed over: there is no telling a number from the same one elsewhere.
    """
    global _pattern
    new = _texts(value) - _known
    if new:
        _known.update(new)
        longest_first = sorted(_known, key=len, reverse=True)
        _pattern = re.compile("|".join(map(_spellings, longest_first)))


def _spellings(text: str) -> str:
    """A pattern of a text as it is, and as it is quoted within quotes, however deep."""
    return "".join(map(_spellings_of_character, text))


def _spellings_of_character(character: str) -> str:
    if character == "\\":
        return r"\\+"
    if character in "'\"":
        return rf"\\*{character}"
    quoted = json.dumps(character)[1:-1]
    if quoted == character:
        return re.escape(character)
    return rf"(?:{re.escape(character)}|\\+{re.escape(quoted[1:])})"


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value} if len(value.strip()) >= SHORTEST else set()
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return set().union(*map(_texts, value))
    return set()


def without_secrets(text: str) -> str:
    """A text with *** in the place of the secrets that this process knows."""
    return text if _pattern is None else _pattern.sub(HIDDEN, text)


def knows_secrets() -> bool:
    """Whether there is anything for `without_secrets` to hide."""
    return _pattern is not None


def forget_secrets() -> None:
    """Know no secret any more, as in a new process."""
    global _pattern
    _known.clear()
    _pattern = None


def read_secret(name: str, as_written: bool = False) -> Any:
    """Return a secret.

    Args:
        name: its name, in the case in which it was written.
        as_written: whether text that is JSON stays text: a password may look like a number.

    Returns:
        Its value; for text that is JSON what that stands for.

    Raises:
        ValueError: there is no such secret.

    Example:
        >>> with context(secrets={"API_KEY": "hunter2"}):
        ...     read_secret("API_KEY")
        'hunter2'
    """
    secrets = context.get("secrets") or {}
    if name not in secrets:
        raise ValueError(
            f'Local Secret "{name}" was not found. Set the variable '
            f"PREFECTLITE__CONTEXT__SECRETS__{name}, write it under [context.secrets] of the "
            f'configuration file, or run inside of `with prefectlite.context(secrets={{"{name}": '
            f"...}})`."
        )
    value = secrets[name]
    remember_secret(value)
    if as_written or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
