"""Where secrets are looked up: ``prefectlite.context.secrets``.

They come there from ``[context.secrets]`` of the configuration, from variables such as
``PREFECTLITE__CONTEXT__SECRETS__API_KEY``, or from ``with prefectlite.context(secrets={...})``.
"""

from __future__ import annotations

import json
from typing import Any

from prefectlite.utilities.context import context

__all__ = ["read_secret"]


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
    if as_written or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
