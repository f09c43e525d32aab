"""Change the configuration for the duration of a ``with`` block, in tests above all."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefectlite import configuration
from prefectlite.utilities.context import context

__all__ = ["set_temporary_config"]


@contextmanager
def set_temporary_config(temp_config: Mapping[str, Any]) -> Iterator[None]:
    """Set configuration keys, and restore on leaving all that was there before.

    ``prefectlite.config`` stays the same object; ``prefectlite.context.config`` shows the same
    values for as long.

    Args:
        temp_config: values by dotted key. A dictionary as a value replaces its whole section.

    Example:
        >>> with set_temporary_config({"flows.checkpointing": True}):
        ...     configuration.config.flows.checkpointing
        True
    """
    config = configuration.config
    saved = dict(config)
    try:
        # Sections are copied before they are changed, so that the saved ones stay as they were.
        config.update(copy.deepcopy(config))
        for dotted, value in temp_config.items():
            *sections, key = dotted.split(".")
            level = config
            for section in sections:
                level = level.setdefault(section, {})
            level[key] = value
        with context(config=config):
            yield
    finally:
        config.clear()
        config.update(saved)
