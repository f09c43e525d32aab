"""Lines without log records: the same text, and a record where somebody could tell."""

from __future__ import annotations

import io
import logging

import pytest

from prefectlite.utilities.log_lines import LogLines
from prefectlite.utilities.logging import StdoutHandler, get_logger, prefect_logger

MOMENT = 1_700_000_000.25


def listen_alone(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What prefectlite's handler writes from now on, with no test runner that listens too."""
    found = io.StringIO()
    (handler,) = (h for h in prefect_logger.handlers if isinstance(h, StdoutHandler))
    monkeypatch.setattr(handler, "stream", found)
    monkeypatch.setattr(prefect_logger, "handlers", [handler])
    monkeypatch.setattr(prefect_logger, "propagate", False)
    return found


def record_at(moment: float, message: str) -> logging.LogRecord:
    logger = get_logger("TaskRunner")
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, message, (), None)
    record.created = moment
    return record


def test_a_line_is_what_a_record_would_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = listen_alone(monkeypatch)
    logger = get_logger("TaskRunner")
    lines = LogLines(logger, logging.INFO)
    for moment in (MOMENT, MOMENT + 0.5, MOMENT + 7):
        logger.handle(record_at(moment, "50% of 'x' %s"))
    expected = stream.getvalue()
    stream.truncate(0)
    stream.seek(0)
    for moment in (MOMENT, MOMENT + 0.5, MOMENT + 7):
        assert lines.write("50% of 'x' %s", moment)
    assert stream.getvalue() == expected
    assert expected.count("\n") == 3


def test_held_lines_come_before_the_next_record(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = listen_alone(monkeypatch)
    logger = get_logger("TaskRunner")
    lines = LogLines(logger, logging.INFO)
    lines.hold()
    assert lines.write("first", MOMENT)
    assert stream.getvalue() == ""
    logger.handle(record_at(MOMENT, "second"))
    lines.write("third", MOMENT)
    lines.flush()
    assert [line.rpartition("| ")[2] for line in stream.getvalue().splitlines()] == [
        "first",
        "second",
        "third",
    ]


def test_a_line_that_may_come_later_comes_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = listen_alone(monkeypatch)
    lines = LogLines(get_logger("TaskRunner"), logging.INFO)
    lines.write("first", MOMENT, later=True)
    assert stream.getvalue() == ""
    lines.write("second", MOMENT)
    lines.write("third", MOMENT, later=True)
    assert stream.getvalue().count("\n") == 2
    lines.flush()
    told = [line.rpartition("| ")[2] for line in stream.getvalue().splitlines()]
    assert told == ["first", "second", "third"]


def test_many_held_lines_are_written_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = listen_alone(monkeypatch)
    lines = LogLines(get_logger("TaskRunner"), logging.INFO)
    lines.hold()
    for number in range(2_000):
        lines.write(str(number), MOMENT)
    assert stream.getvalue().count("\n") >= 1_000


@pytest.mark.parametrize("where", ["root", "tree", "filter", "level", "formatter", "format"])
def test_who_could_tell_the_difference_gets_a_record(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = listen_alone(monkeypatch)
    handler = prefect_logger.handlers[0]
    if where == "root":
        monkeypatch.setattr(prefect_logger, "propagate", True)
        monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    elif where == "tree":
        monkeypatch.setattr(prefect_logger, "handlers", [handler, logging.NullHandler()])
    elif where == "filter":
        monkeypatch.setattr(handler, "filters", [lambda record: True])
    elif where == "level":
        monkeypatch.setattr(handler, "level", logging.ERROR)
    elif where == "formatter":
        monkeypatch.setattr(handler, "formatter", logging.Formatter("%(message)s"))
    else:
        style = logging.PercentStyle("%(task_name)s %(message)s")
        monkeypatch.setattr(handler.formatter, "_fmt", style._fmt)
        monkeypatch.setattr(handler.formatter, "_style", style)
    assert not LogLines(get_logger("TaskRunner"), logging.INFO).write("nobody", MOMENT)
    assert stream.getvalue() == ""


def test_a_handler_that_comes_later_is_seen_a_second_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listen_alone(monkeypatch)
    lines = LogLines(get_logger("TaskRunner"), logging.INFO)
    assert lines.write("alone", MOMENT)
    handlers = [*prefect_logger.handlers, logging.NullHandler()]
    monkeypatch.setattr(prefect_logger, "handlers", handlers)
    assert not lines.write("not alone", MOMENT + 1)
