"""``logging.getLogger("prefect")`` under the alias: the logger of prefectlite.

So handlers, levels and filters that a file gives to Prefect's loggers are for the records that
there are. The records keep the loggers' own names.
"""

from __future__ import annotations

import logging
from typing import Any

from prefectlite.utilities.logging import ROOT_NAME

__all__ = ["alias_loggers", "restore_loggers"]

PREFECT = "prefect"


def alias_loggers() -> None:
    """Let Prefect's names of loggers be names of prefectlite's."""
    manager = logging.root.manager
    found = manager.getLogger

    def get_logger(name: str) -> logging.Logger:
        if isinstance(name, str) and (name == PREFECT or name.startswith(f"{PREFECT}.")):
            name = ROOT_NAME + name[len(PREFECT) :]
        return found(name)

    patched: Any = manager
    patched.getLogger = get_logger


def restore_loggers() -> None:
    """Undo :func:`alias_loggers`."""
    vars(logging.root.manager).pop("getLogger", None)
