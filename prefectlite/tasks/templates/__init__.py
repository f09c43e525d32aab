"""Tasks that fill in templates."""

from prefectlite.tasks.templates.jinja2 import JinjaTemplate
from prefectlite.tasks.templates.strings import StringFormatter

__all__ = ["JinjaTemplate", "StringFormatter"]
