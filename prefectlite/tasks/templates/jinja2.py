"""`JinjaTemplate`: fill in a template of Jinja; the extra ``prefectlite[templates]``."""

from __future__ import annotations

from typing import Any

from prefectlite.core.task import Task
from prefectlite.tasks.templates.strings import checked_template
from prefectlite.utilities.context import context
from prefectlite.utilities.tasks import defaults_from_attrs

__all__ = ["JinjaTemplate"]


class JinjaTemplate(Task):
    """Returns a Jinja template with its names filled in.

    The names are the arguments of the call, and besides them all of ``prefectlite.context``, such
    as ``today`` and ``flow_name``. As usual in Jinja, a name without a value is left empty.

    Args:
        template: the template.
        **kwargs: arguments of `Task`.

    Example:
        >>> JinjaTemplate("Hello, {{ name|upper }}").run(name="world")
        'Hello, WORLD'
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
            ImportError: Jinja is not installed.
            jinja2.TemplateError: the template is not one of Jinja, or cannot be filled in.
            TypeError: the template is no text.
        """
        template = checked_template(self.name, template)
        try:
            from jinja2 import Template
        except ImportError as error:
            raise ImportError(
                f"Task {self.name!r} needs Jinja: pip install 'prefectlite[templates]', where the "
                f"tasks run as well."
            ) from error
        filled: str = Template(template).render(**{**context.to_dict(), **format_kwargs})
        return filled
