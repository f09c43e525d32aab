"""One tree of loggers, rooted at ``prefectlite``, whose records say which run they come from.

``get_logger("load")`` is the logger ``prefectlite.load``. Records go to standard output in the
format, and from the level, that the configuration has under ``[logging]``. Every record carries
those of ``flow_name``, ``flow_run_id``, ``task_name``, ``task_slug`` and ``task_run_id`` that are
in the context, and the keys named in ``logging.log_attributes``, so that a format or a handler of
the user's own can show them.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from prefectlite.exceptions import ConfigurationError
from prefectlite.utilities.context import context
from prefectlite.utilities.secrets import knows_secrets, without_secrets

__all__ = [
    "RedirectToLog",
    "configure_extra_loggers",
    "configure_logging",
    "create_diagnostic_logger",
    "get_logger",
    "getlogsize",
    "plain_fields",
    "prefect_logger",
    "temporary_logger_config",
]

ROOT_NAME = "prefectlite"

_CONTEXT_ATTRIBUTES = ("flow_name", "flow_run_id", "task_name", "task_slug", "task_run_id")
# Bytes that a record's other fields take when it is written as JSON.
_RECORD_OVERHEAD = 298
_MOST_LINES_HELD = 500

_original_record_factory = logging.getLogRecordFactory()


def plain_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what can travel of a record to another process, for ``logging.makeLogRecord`` there.

    Args:
        record: the record; its message is filled in, and a traceback turned to text.
    """
    fields = {
        name: value
        for name, value in record.__dict__.items()
        if name not in ("args", "exc_info") and isinstance(value, (str, int, float, type(None)))
    }
    fields["msg"] = record.getMessage()
    if record.exc_info:
        told = record.exc_text or logging.Formatter().formatException(record.exc_info)
        fields["exc_text"] = told
    return fields


def _make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a log record that carries the context's fields (see ``logging.setLogRecordFactory``)."""
    record = _original_record_factory(*args, **kwargs)
    content = context.__dict__
    fields = record.__dict__
    for key in _CONTEXT_ATTRIBUTES:
        if key in content:
            fields[key] = content[key]
    additional = content["config"].get("logging", {}).get("log_attributes") if content else None
    if additional and isinstance(additional, (list, tuple)):
        for key in additional:
            fields[key] = content.get(key)
    if knows_secrets() and str(record.name).startswith(ROOT_NAME):
        _hide_secrets(record)
    return record


def _hide_secrets(record: logging.LogRecord) -> None:
    """Take secrets out of a record's message and traceback, for the handlers of all."""
    try:
        message = record.getMessage()
    except Exception:
        # the arguments do not fit the message: the handlers report that
        return
    hidden = without_secrets(message)
    if hidden != message:
        record.msg, record.args = hidden, ()
    if record.exc_info and record.exc_info[0] is not None:
        # where it is set, formatters take it as it is
        record.exc_text = without_secrets(logging.Formatter().formatException(record.exc_info))


class _Formatter(logging.Formatter):
    """A formatter that renders the time once a second and not once a record."""

    _second = -1
    _rendered = ""

    def formatTime(  # noqa: N802 - the name is logging's
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        if not datefmt:
            return super().formatTime(record, datefmt)
        second = int(record.created)
        if second != self._second:
            # The text first: another thread that sees the new second must find its text.
            self._rendered = time.strftime(datefmt, self.converter(second))
            self._second = second
        return self._rendered


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[Any]
else:  # it cannot be subscripted before Python 3.11
    _StreamHandler = logging.StreamHandler


class StdoutHandler(_StreamHandler):
    """The handler that this module adds, to be told from those that users add.

    Next to records it takes lines that are formatted already (see `log_lines`).
    """

    def __init__(self, fmt: str, datefmt: str) -> None:
        # The stream is bound here: while a task's prints are redirected to its logger,
        # `sys.stdout` is that redirection and writing to it would never end.
        super().__init__(sys.stdout)
        self.setFormatter(_Formatter(fmt, datefmt))
        self._held: list[str] = []

    @property
    def is_ours(self) -> bool:
        """Whether it formats as this module does; a user may have given it another formatter."""
        return type(self.formatter) is _Formatter

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after the lines that came before it."""
        if self._held:
            self.write_held()
        super().emit(record)

    def write_line(self, line: str) -> None:
        """Write a line, its end included, after the lines that are held."""
        with self.lock or nullcontext():
            if self._held:
                held, self._held = self._held, []
                line = "".join([*held, line])
            try:
                self.stream.write(line)
                self.stream.flush()
            except Exception:
                self.handleError(logging.makeLogRecord({"msg": line}))

    def hold(self, line: str) -> None:
        """Take a line, to be written with others by `write_held`, or with the next record."""
        with self.lock or nullcontext():
            self._held.append(line)
            if len(self._held) >= _MOST_LINES_HELD:
                self.write_held()

    def write_held(self) -> None:
        """Write the lines that are held."""
        with self.lock or nullcontext():
            if self._held:
                self.write_line("")


def _settings() -> tuple[int, str, str]:
    settings = context.config.logging
    return _check_level(settings.level), _check_format(settings.format), settings.datefmt


def _check_level(level: Any) -> int:
    number = level if isinstance(level, int) else logging.getLevelName(str(level))
    if isinstance(number, bool) or not isinstance(number, int):
        raise ConfigurationError(
            f"Unknown level: {level!r} (configuration key logging.level); use CRITICAL, ERROR, "
            "WARNING, INFO, DEBUG or a number"
        )
    return number


def _check_format(fmt: Any) -> str:
    try:
        logging.Formatter(fmt)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"The format {fmt!r} (configuration key logging.format) is no format of Python's "
            f"logging: {error}"
        ) from error
    return str(fmt)


def _set_handler(logger: logging.Logger, level: int, fmt: str, datefmt: str) -> None:
    """Give ``logger`` exactly one handler of ours; those that users added stay."""
    for handler in logger.handlers[:]:
        if isinstance(handler, StdoutHandler):
            logger.removeHandler(handler)
    logger.addHandler(StdoutHandler(fmt, datefmt))
    logger.setLevel(level)


def configure_logging(testing: bool = False) -> logging.Logger:
    """Set up the tree's root as the configuration says; calling it again takes over changes.

    Args:
        testing: set up a logger of another name instead, and leave the tree as it is.

    Returns:
        The logger.

    Raises:
        ConfigurationError: a level that does not exist, or a format that is none.

    Example:
        ``configure_logging()`` after ``prefectlite.config.logging.level = "DEBUG"``
    """
    logging.setLogRecordFactory(_make_record)
    logger = logging.getLogger("prefectlite-test-logger" if testing else ROOT_NAME)
    _set_handler(logger, *_settings())
    return logger


def configure_extra_loggers() -> None:
    """Let the loggers named in ``logging.extra_loggers`` write as prefectlite's own do.

    Raises:
        ConfigurationError: the value is no list of names.
    """
    names = context.config.logging.get("extra_loggers") or []
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"The configuration key logging.extra_loggers holds {names!r}; "
            "write a list of names, e.g. ['distributed']"
        )
    for name in names:
        _set_handler(logging.getLogger(name), *_settings())


def create_diagnostic_logger(name: str) -> logging.Logger:
    """Return a logger outside the tree that writes as the tree does.

    Args:
        name: its full name.

    Returns:
        The logger.
    """
    logger = logging.getLogger(name)
    _set_handler(logger, *_settings())
    return logger


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger of the tree.

    Args:
        name: the name below ``prefectlite``; None for the root.

    Returns:
        The logger ``prefectlite.<name>``.

    Example:
        >>> get_logger("load").name
        'prefectlite.load'
    """
    return prefect_logger if name is None else prefect_logger.getChild(name)


def detached_logger(name: str) -> logging.Logger:
    """Return a logger below the root that nobody else can ask for by its name.

    The elements of a map have a logger each. The `logging` module would keep all of them for
    ever; these go with their task run.

    Args:
        name: the name below ``prefectlite``.

    Example:
        >>> detached_logger("load[3]").name
        'prefectlite.load[3]'
    """
    logger = logging.Logger(f"{ROOT_NAME}.{name}")
    logger.parent = prefect_logger
    return logger


def getlogsize(log: dict[str, Any]) -> int:
    """Estimate the bytes that a log record takes where records are sent on as JSON.

    Args:
        log: the record's fields; the length of ``message`` counts, the others are taken as usual.

    Returns:
        The number of bytes.
    """
    return _RECORD_OVERHEAD + len(log.get("message", ""))


@contextmanager
def temporary_logger_config(
    level: int | str | None = None,
    stream_fmt: str | None = None,
    stream_datefmt: str | None = None,
) -> Generator[logging.Logger, None, None]:
    """Log at another level or in another format for the duration of a ``with`` block.

    Args:
        level: the level of the tree's root.
        stream_fmt: the format of the root's stream handlers.
        stream_datefmt: the format of their times.

    Returns:
        A context manager that yields the root.

    Example:
        ``with temporary_logger_config(level="DEBUG"): flow.run()``
    """
    logger = prefect_logger
    saved_level = logger.level
    saved = [
        (handler, handler.formatter)
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    try:
        if level is not None:
            logger.setLevel(level)
        if stream_fmt is not None or stream_datefmt is not None:
            for handler, _ in saved:
                _, fmt, datefmt = _settings()
                handler.setFormatter(_Formatter(stream_fmt or fmt, stream_datefmt or datefmt))
        yield logger
    finally:
        logger.setLevel(saved_level)
        for handler, formatter in saved:
            handler.setFormatter(formatter)


class RedirectToLog:
    """A text stream that logs what is written to it, for a task's ``log_stdout``.

    Args:
        logger: where to log, at level INFO; ``prefectlite.stdout`` by default.

    Example:
        ``with contextlib.redirect_stdout(RedirectToLog(task.logger)): print("hello")``
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self.stdout_logger = logger if logger is not None else get_logger("stdout")

    def write(self, s: str) -> None:
        """Log a text; blanks alone are left out.

        Args:
            s: the text.

        Raises:
            TypeError: ``s`` is no text.
        """
        if not isinstance(s, str):
            raise TypeError(f"string argument expected, got {type(s)}")
        if s.strip():
            self.stdout_logger.info(s)

    def flush(self) -> None:
        """Do nothing: what is written is logged at once."""


prefect_logger = configure_logging()
configure_extra_loggers()
