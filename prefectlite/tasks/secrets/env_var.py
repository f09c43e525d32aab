"""`EnvVarSecret`: a secret that is an environment variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from prefectlite.tasks.secrets.base import PrefectSecret
from prefectlite.utilities.secrets import remember_secret

__all__ = ["EnvVarSecret"]


class EnvVarSecret(PrefectSecret):
    """Returns an environment variable of the process that runs the task.

    Args:
        name: the name of the variable, and of the task.
        cast: a function that turns the text into what is returned, e.g. ``int``.
        raise_if_missing: whether it is an error if the variable is not set; otherwise None is
            returned.
        **kwargs: arguments of `Task`, but for ``result``.

    Raises:
        TypeError: ``cast`` is no function.

    Example:
        ``EnvVarSecret("DATABASE_PORT", cast=int, raise_if_missing=True)``
    """

    def __init__(
        self,
        name: str | None = None,
        cast: Callable[[Any], Any] | None = None,
        raise_if_missing: bool = False,
        **kwargs: Any,
    ) -> None:
        if cast is not None and not callable(cast):
            raise TypeError(f"EnvVarSecret {name!r}: cast must be a function; received {cast!r}.")
        self.cast = cast
        self.raise_if_missing = raise_if_missing
        super().__init__(name=name, **kwargs)

    def run(self, name: str | None = None) -> Any:
        """Return the variable's value.

        Args:
            name: the name of the variable; by default that of the task.

        Raises:
            ValueError: no name; the variable is not set and that is an error; or ``cast`` does not
                take its value.
        """
        name = self._named(name)
        value = os.environ.get(name)
        if value is None:
            if self.raise_if_missing:
                raise ValueError(
                    f"Environment variable not set: {name}. Set it where the tasks run, on "
                    f"workers too."
                )
            return None
        remember_secret(value)
        if self.cast is None:
            return value
        try:
            return self.cast(value)
        except Exception as error:
            reason = type(error).__name__
        # Outside of the except block: what `cast` has to say may quote the secret.
        raise ValueError(
            f"Environment variable {name} could not be cast by {self.cast!r} ({reason}); its value "
            f"is not shown because it is a secret."
        )
