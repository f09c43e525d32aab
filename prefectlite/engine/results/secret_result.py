"""The value of a secret, which is never written anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from prefectlite.engine.result import Result
from prefectlite.utilities.secrets import remember_secret

if TYPE_CHECKING:
    from typing_extensions import Self

    from prefectlite.core.task import Task

__all__ = ["SecretResult"]


class SecretResult(Result):
    """The result of a task that looks up a secret: reading it runs the task again.

    Args:
        secret_task: the task; its `run(name=...)` returns the secret of that name.
        **kwargs: `value` and `location`, as in `Result`. The location is the name of the secret;
            that of the task by default.

    Raises:
        ValueError: there is a serializer, though nothing is written.

    Example:
        >>> SecretResult(secret_task=password).read("DATABASE_PASSWORD").value
        'hunter2'
    """

    _store_fields = ("secret_type",)

    def __init__(self, secret_task: Task, **kwargs: Any) -> None:
        if "serializer" in kwargs:
            raise ValueError("Can't pass a serializer to a SecretResult.")
        if kwargs.get("location") is None:
            kwargs["location"] = secret_task.name
        super().__init__(**kwargs)
        self.secret_task = secret_task

    @property
    def secret_type(self) -> str:
        """The name of the task's class."""
        return type(self.secret_task).__name__

    def __setstate__(self, state: dict[str, Any]) -> None:
        # also in the process that this comes to, the secret is not to be in its log
        self.__dict__.update(state)
        remember_secret(self.value)

    def from_value(self, value: Any) -> Self:
        """Make the result of another secret, which is not written from now on."""
        remember_secret(value)
        return super().from_value(value)

    def __repr__(self) -> str:
        shown = "None" if self.value is None else "***"
        return f"<{type(self).__name__}: {shown}>"

    def read(self, location: str) -> Result:
        """Look the secret up.

        Args:
            location: the name of the secret.

        Returns:
            A result with the secret as its value.

        Raises:
            ValueError: the task knows no secret of that name.
        """
        secret: Any = self.secret_task
        found = self.copy()
        found.value = secret.run(name=location)
        found.location = location
        return found

    def write(self, value_: Any, **kwargs: Any) -> NoReturn:
        """Refuse to write: a secret is not kept.

        Raises:
            ValueError: always.
        """
        raise ValueError("SecretResults cannot be written to.")
