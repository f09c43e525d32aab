"""The parameters of a run in its journal: as data only, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from prefectlite.engine.msgpack_serializer import MsgpackSerializer
from prefectlite.engine.storage.credentials import names_a_secret
from prefectlite.runs.fingerprints import value_fingerprint

# a value of more bytes is not written to the journal
LARGEST = 1 << 20
SHORTEST_SECRET = 4
HIDDEN = "***"


def packed_parameters(parameters: Mapping[str, Any], secrets: set[str]) -> dict[str, list[Any]]:
    """The parameters as a header holds them.

    Args:
        parameters: The values by name.
        secrets: Texts that must not be written.

    Returns:
        By name: the value in msgpack or None, its fingerprint or None, why it was left out.
    """
    return {name: _packed(name, value, secrets) for name, value in parameters.items()}


def _packed(name: str, value: Any, secrets: set[str]) -> list[Any]:
    if names_a_secret(name):
        return [None, None, "by its name it is a secret"]
    if _names_secret(value):
        return [None, None, "by the name of a key it holds a secret"]
    try:
        data = MsgpackSerializer().serialize(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return [None, value_fingerprint(value), f"it is of type {type(value).__name__}"]
    if any(secret.encode() in data for secret in secrets):
        return [None, None, "it holds a secret of the context"]
    if len(data) > LARGEST:
        return [None, value_fingerprint(value), f"it has {len(data):,} bytes"]
    return [data, value_fingerprint(value), None]


def _names_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(names_a_secret(str(k)) or _names_secret(v) for k, v in value.items())
    return isinstance(value, (list, tuple)) and any(map(_names_secret, value))


def unpacked_parameters(
    packed: Mapping[str, list[Any]],
) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters of a header, and for those that were left out the reason."""
    values, left_out = {}, {}
    for name, fields in packed.items():
        if fields[0] is None:
            left_out[name] = str(fields[2])
        else:
            values[name] = MsgpackSerializer().deserialize(fields[0])
    return values, left_out


def secret_texts(context: Mapping[str, Any]) -> set[str]:
    """The texts in `context.secrets`, those of nested values included, that are long enough."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for inner in value.values():
                look(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                look(inner)
        elif isinstance(value, str) and len(value) >= SHORTEST_SECRET:
            found.add(value)

    look(context.get("secrets") or {})
    return found


def scrubber(secrets: set[str]) -> Callable[[str], str]:
    """A function that puts *** in the place of secrets in a text."""
    if not secrets:
        return _as_it_is
    longest_first = sorted(secrets, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(secret) for secret in longest_first))
    return lambda text: pattern.sub(HIDDEN, text)


def _as_it_is(text: str) -> str:
    return text
