"""Log lines of a run's many short tasks, at a tenth of what a log record costs.

A record is made, offered to each logger up to the root, formatted and flushed. Where nobody but
prefectlite's own handler would see it, and the format shows nothing but time, level, logger and
message, the same line can be put together from what all lines of a second share.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from prefectlite.utilities.logging import StdoutHandler, prefect_logger

# fields of a record that all lines of one logger and level share within a second
_SHARED = frozenset({"asctime", "levelname", "levelno", "name", "process", "processName"})
_MARK = "\0"
_FIELD = re.compile(r"%\((\w+)\)")


class LogLines:
    """Writes lines as the handlers of a logger would write its records, where that is the same.

    Args:
        logger: A logger of prefectlite's tree.
        level: The level of the lines.

    Example:
        ```python
        lines = LogLines(get_logger("TaskRunner"), logging.INFO)
        if not lines.write("Task 'load': Starting task run...", time.time()):
            logger.info("Task 'load': Starting task run...")
        ```
    """

    def __init__(self, logger: logging.Logger, level: int) -> None:
        self._logger = logger
        self._level = level
        self._second = -1
        self._around: tuple[str, str] | None = None
        self._put: Callable[[str], object] = str
        self._put_later: Callable[[str], object] = str
        self.holds = False

    def write(self, message: str, moment: float, later: bool = False) -> bool:
        """Write a line.

        Args:
            message: What it says.
            moment: Its Unix time in seconds.
            later: Whether it may wait for the next line or record, or for `flush`.

        Returns:
            False where nothing was written, since a log record is needed.
        """
        second = int(moment)
        if second != self._second:
            # also looked at once a second: whether somebody has changed handlers or levels
            self._look(second)
        around = self._around
        if around is None:
            return False
        put = self._put_later if later else self._put
        put(f"{around[0]}{message}{around[1]}\n")
        return True

    def hold(self) -> None:
        """Keep lines until `flush`, the next record, or until they are many."""
        self.holds = True
        self._second = -1

    def flush(self) -> None:
        """Write the lines that were kept."""
        for handler in prefect_logger.handlers:
            if isinstance(handler, StdoutHandler):
                handler.write_held()

    def _look(self, second: int) -> None:
        handler = _only_handler(self._logger, self._level)
        self._around = None
        if handler is not None:
            self._around = _around_message(handler, self._logger.name, self._level, second)
            self._put = handler.hold if self.holds else handler.write_line
            self._put_later = handler.hold
        self._second = second


def _only_handler(logger: logging.Logger, level: int) -> StdoutHandler | None:
    """Prefectlite's own handler, where it alone would see a record of the logger."""
    found: list[logging.Handler] = []
    at: logging.Logger | None = logger
    while at is not None:
        found.extend(at.handlers)
        at = at.parent if at.propagate else None
    if len(found) != 1 or type(found[0]) is not StdoutHandler:
        return None
    handler = found[0]
    if handler.level > level or handler.filters or logger.filters or logger.disabled:
        return None
    return handler


def _around_message(
    handler: StdoutHandler, name: str, level: int, second: int
) -> tuple[str, str] | None:
    """What stands before and after the message of each line of a second."""
    formatter: Any = handler.formatter
    fields = set(_FIELD.findall(getattr(formatter, "_fmt", "")))
    if "message" not in fields or not fields - {"message"} <= _SHARED or not handler.is_ours:
        return None
    record = logging.LogRecord(name, level, __file__, 0, _MARK, (), None)
    record.created = float(second)
    before, mark, after = formatter.format(record).partition(_MARK)
    # a format that shows the message twice, or cut to a width, needs a record
    return (before, after) if mark and _MARK not in after else None


__all__ = ["LogLines"]
