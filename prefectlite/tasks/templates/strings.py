"""`StringFormatter`: fill in a template of Python's ``str.format``."""

from __future__ import annotations

from typing import Any

from prefectlite.core.task import Task
from prefectlite.utilities.context import context
from prefectlite.utilities.tasks import defaults_from_attrs

__all__ = ["StringFormatter"]


class StringFormatter(Task):
    """Returns a template of ``str.format`` with its names filled in.

    The names are the arguments of the call, and besides them all of ``prefectlite.context``, such
    as ``today`` and ``flow_name``.

    Args:
        template: the template.
        **kwargs: arguments of `Task`.

    Example:
        >>> StringFormatter("Hello, {name}").run(name="world")
        'Hello, world'
    """

    def __init__(self, template: str | None = None, **kwargs: Any) -> None:
        self.template = template or ""
        super().__init__(**kwargs)

    @defaults_from_attrs("template")
    def run(self, template: str | None = None, **format_kwargs: Any) -> str:
        """Return the template filled in.

        Args:
            template: the template; by default that of the task.
            **format_kwargs: values by name; they win over the context's.

        Raises:
            KeyError: the template has a name that there is no value for.
            TypeError: the template is no text.
        """
        template = checked_template(self.name, template)
        try:
            return template.format(**{**context.to_dict(), **format_kwargs})
        except KeyError as error:
            name = error.args[0]
            raise KeyError(
                f"Task {self.name!r}: there is no value for {name!r} in the template "
                f"{template!r}. Pass {name}=... where the task is called."
            ) from None


def checked_template(task_name: str, template: Any) -> str:
    """Return the template if it is text.

    Args:
        task_name: the task's name.
        template: the template.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(template, str):
        raise TypeError(f"Task {task_name!r}: the template must be text; received {template!r}.")
    return template
