"""`SecretBase`, for secrets of any kind, and `PrefectSecret`, for those of the configuration."""

from __future__ import annotations

from typing import Any

from prefectlite.core.task import Task
from prefectlite.engine.results.secret_result import SecretResult
from prefectlite.utilities.secrets import read_secret

__all__ = ["PrefectSecret", "SecretBase"]


class SecretBase(Task):
    """The root of tasks that return a secret. What they return is never checkpointed.

    Write a ``run(self, name=None)`` that returns the secret of that name.

    Args:
        **kwargs: arguments of `Task`, but for ``result``.

    Raises:
        ValueError: with a ``result``.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("result") is not None:
            raise ValueError(
                "Result types for Secrets are not configurable. Leave `result` out: secrets are "
                "looked up again where they are needed."
            )
        super().__init__(**{**kwargs, "checkpoint": False})
        self.result = SecretResult(secret_task=self)


class PrefectSecret(SecretBase):
    """Returns a secret of the configuration or the context.

    Args:
        name: the name of the secret, and of the task.
        **kwargs: arguments of `Task`, but for ``result``.

    Example:
        With ``PREFECTLITE__CONTEXT__SECRETS__API_KEY`` set::

            with Flow("download") as flow:
                rows = download(key=PrefectSecret("API_KEY"))
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        self.secret_name = name
        super().__init__(name=name, **kwargs)

    def run(self, name: str | None = None) -> Any:
        """Return the secret.

        Args:
            name: the name of the secret; by default that of the task.

        Raises:
            ValueError: no name, or no such secret.
        """
        return read_secret(self._named(name))

    def _named(self, name: str | None) -> str:
        name = self.secret_name if name is None else name
        if name is None:
            raise ValueError(
                f"A secret name must be provided. Write {type(self).__name__}(name=...), or pass "
                f"name=... where task {self.name!r} is called."
            )
        return name
