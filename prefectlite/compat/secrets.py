"""`prefect.client.Secret`, which flows of Prefect 1 read secrets with."""

from __future__ import annotations

import json
import os
from typing import Any

from prefectlite.utilities.context import context

__all__ = ["Secret"]

_NOT_THERE = object()


class Secret:
    """A secret of the context, or of the environment.

    Args:
        name: its name.

    Example:
        ``Secret("DATABASE_URL").get()`` with the variable
        ``PREFECTLITE__CONTEXT__SECRETS__DATABASE_URL``
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self) -> Any:
        """Return the secret's value; a text that is JSON becomes what it stands for.

        Raises:
            ValueError: there is no secret of this name.
        """
        found = self._found()
        if found is _NOT_THERE:
            raise ValueError(
                f'Local Secret "{self.name}" was not found. Set the variable '
                f"PREFECTLITE__CONTEXT__SECRETS__{self.name}, or put it under [context.secrets] in "
                f"~/.prefectlite/config.toml."
            )
        if isinstance(found, str):
            try:
                return json.loads(found)
            except ValueError:
                return found
        return found

    def exists(self) -> bool:
        """Whether there is a secret of this name."""
        return self._found() is not _NOT_THERE

    def _found(self) -> Any:
        secrets = context.get("secrets", {})
        if self.name in secrets:
            return secrets[self.name]
        return os.environ.get(f"PREFECT__CONTEXT__SECRETS__{self.name}", _NOT_THERE)
