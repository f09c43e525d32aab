"""The logger tree: names, format, fields from the context, redirection of prints."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest

from prefectlite import context
from prefectlite.exceptions import ConfigurationError
from prefectlite.utilities.configuration import set_temporary_config
from prefectlite.utilities.logging import (
    RedirectToLog,
    configure_extra_loggers,
    configure_logging,
    create_diagnostic_logger,
    detached_logger,
    get_logger,
    getlogsize,
    prefect_logger,
    temporary_logger_config,
)

ROOT = "prefectlite"


class Keep(logging.Handler):
    """Keeps the records it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """The records of the tree."""
    keep = Keep()
    prefect_logger.addHandler(keep)
    yield keep.records
    prefect_logger.removeHandler(keep)


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What the tree writes, configured anew with its stream."""
    stream = io.StringIO()
    with redirect_stdout(stream):
        configure_logging()
    yield stream
    configure_logging()


class TestNames:
    def test_all_are_below_the_root(self) -> None:
        assert get_logger().name == ROOT
        assert get_logger("x").name == f"{ROOT}.x"
        assert get_logger("x.y").parent is get_logger("x")
        assert get_logger("x") is get_logger("x")
        assert get_logger() is prefect_logger

    def test_the_context_has_the_root(self) -> None:
        assert context.logger is prefect_logger

    def test_a_detached_logger_is_not_kept(self, records: list[logging.LogRecord]) -> None:
        logger = detached_logger("load[3]")
        logger.info("here")
        assert records[0].name == f"{ROOT}.load[3]"
        assert f"{ROOT}.load[3]" not in logging.Logger.manager.loggerDict
        assert detached_logger("load[3]") is not logger


class TestOutput:
    def test_it_looks_as_prefects(self, output: io.StringIO) -> None:
        get_logger("x").info("hello %s", "you")
        now = time.strftime("%Y-%m-%d %H:%M")
        assert output.getvalue().startswith(f"[{now[:10]}")
        assert output.getvalue().endswith(f"] INFO - {ROOT}.x | hello you\n")
        assert time.strftime("%z]") in output.getvalue()

    def test_the_level_is_info(self, output: io.StringIO) -> None:
        get_logger("x").debug("not shown")
        assert output.getvalue() == ""

    def test_exceptions_have_their_traceback(self, output: io.StringIO) -> None:
        try:
            raise ZeroDivisionError("by zero")
        except ZeroDivisionError:
            get_logger().exception("it broke")
        assert "| it broke\nTraceback" in output.getvalue()
        assert output.getvalue().endswith("ZeroDivisionError: by zero\n")

    def test_each_second_has_its_own_text(self, output: io.StringIO) -> None:
        formatter = prefect_logger.handlers[0].formatter
        assert formatter is not None
        record = logging.LogRecord("n", logging.INFO, "f", 1, "m", (), None)
        texts = []
        for created in (1_700_000_000.1, 1_700_000_000.9, 1_700_000_001.0, 1_700_000_000.5):
            record.created = created
            texts.append(formatter.formatTime(record, "%S"))
        assert texts[0] == texts[1] == texts[3] != texts[2]

    def test_configuring_again_does_not_double(self, output: io.StringIO) -> None:
        with redirect_stdout(output):
            configure_logging()
            configure_logging()
        get_logger().info("once")
        assert output.getvalue().count("once") == 1

    def test_handlers_of_the_users_stay(self, records: list[logging.LogRecord]) -> None:
        configure_logging()
        get_logger().info("kept")
        assert [record.getMessage() for record in records] == ["kept"]

    def test_format_and_level_come_from_the_configuration(self) -> None:
        stream = io.StringIO()
        with (
            set_temporary_config(
                {"logging.level": "DEBUG", "logging.format": "%(levelname)s:%(message)s"}
            ),
            redirect_stdout(stream),
        ):
            assert configure_logging().level == logging.DEBUG
        get_logger().debug("shown")
        configure_logging()
        assert stream.getvalue() == "DEBUG:shown\n"

    @pytest.mark.parametrize("level", ["LOUD", "debug", True, None, 1.5])
    def test_a_level_that_does_not_exist(self, level: object) -> None:
        with (
            set_temporary_config({"logging.level": level}),
            pytest.raises(ConfigurationError, match=r"Unknown level.*logging\.level"),
        ):
            configure_logging()

    def test_a_level_by_its_number(self) -> None:
        with set_temporary_config({"logging.level": 15}):
            assert configure_logging().level == 15
        configure_logging()

    @pytest.mark.parametrize("fmt", ["no field", "%(message", 5])
    def test_a_format_that_is_none(self, fmt: object) -> None:
        with (
            set_temporary_config({"logging.format": fmt}),
            pytest.raises(ConfigurationError, match=r"logging\.format"),
        ):
            configure_logging()

    def test_a_logger_for_tests_is_another(self) -> None:
        logger = configure_logging(testing=True)
        assert logger is not prefect_logger
        assert logger.name == "prefectlite-test-logger"

    def test_it_goes_to_standard_output(self) -> None:
        code = "import prefectlite; prefectlite.context.logger.warning('to stdout')"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
        )
        assert done.stdout.endswith("| to stdout\n")
        assert done.stderr == ""


class TestFields:
    def test_those_of_the_context_are_on_each_record(
        self, records: list[logging.LogRecord]
    ) -> None:
        fields = ("flow_name", "flow_run_id", "task_name", "task_slug", "task_run_id")
        with context({field: f"the {field}" for field in fields}, other=1):
            get_logger("a.b").info("inside")
        get_logger("a.b").info("outside")
        inside, outside = records
        assert [getattr(inside, field) for field in fields] == [f"the {f}" for f in fields]
        assert not hasattr(inside, "other")
        assert not any(hasattr(outside, field) for field in fields)

    def test_further_keys_are_chosen_by_configuration(
        self, records: list[logging.LogRecord]
    ) -> None:
        with set_temporary_config({"logging.log_attributes": ["mine", "none"]}), context(mine=5):
            get_logger().info("here")
        assert records[0].__dict__["mine"] == 5
        assert records[0].__dict__["none"] is None

    def test_records_made_by_hand_have_them(self, records: list[logging.LogRecord]) -> None:
        logger = get_logger("engine")
        with context(task_name="t"):
            logger.handle(logger.makeRecord(logger.name, logging.INFO, "file", 1, "text", (), None))
        assert records[0].__dict__["task_name"] == "t"

    def test_it_works_in_an_emptied_context_and_in_threads(
        self, records: list[logging.LogRecord]
    ) -> None:
        saved = context.push({})
        context.clear()
        get_logger().info("emptied")
        context.pop(saved)
        thread = threading.Thread(target=lambda: get_logger().info("thread"))
        thread.start()
        thread.join()
        assert [record.getMessage() for record in records] == ["emptied", "thread"]


class TestTemporary:
    def test_level_and_format(self, output: io.StringIO) -> None:
        with temporary_logger_config(level=logging.DEBUG, stream_fmt="%(message)s") as logger:
            assert logger is prefect_logger
            get_logger("x").debug("now")
        get_logger("x").debug("not any more")
        get_logger("x").info("as before")
        lines = output.getvalue().splitlines()
        assert lines[0] == "now"
        assert lines[1].endswith("| as before")
        assert len(lines) == 2

    def test_only_the_time(self, output: io.StringIO) -> None:
        with temporary_logger_config(stream_datefmt="TIME"):
            get_logger().info("text")
        assert output.getvalue() == f"[TIME] INFO - {ROOT} | text\n"

    def test_a_level_by_name_and_what_changes_inside_is_undone(self, output: io.StringIO) -> None:
        with temporary_logger_config(level="CRITICAL"):
            get_logger().error("not shown")
            prefect_logger.setLevel("DEBUG")
        assert prefect_logger.level == logging.INFO
        assert output.getvalue() == ""


class TestOtherLoggers:
    def test_extra_loggers_write_as_the_tree_does(self) -> None:
        stream = io.StringIO()
        with (
            set_temporary_config({"logging.extra_loggers": ["tests.extra"]}),
            redirect_stdout(stream),
        ):
            configure_extra_loggers()
            configure_extra_loggers()
        logging.getLogger("tests.extra").info("from a library")
        assert stream.getvalue().count("INFO - tests.extra | from a library\n") == 1

    @pytest.mark.parametrize("names", ["tests.extra", 5, [1]])
    def test_anything_but_names_is_refused(self, names: object) -> None:
        with (
            set_temporary_config({"logging.extra_loggers": names}),
            pytest.raises(ConfigurationError, match=r"logging\.extra_loggers"),
        ):
            configure_extra_loggers()

    def test_a_diagnostic_logger_has_its_own_name(self) -> None:
        stream = io.StringIO()
        with redirect_stdout(stream):
            logger = create_diagnostic_logger("tests.diagnostic")
        logger.info("found")
        assert logger.name == "tests.diagnostic"
        assert stream.getvalue().endswith("INFO - tests.diagnostic | found\n")


class TestRedirect:
    def test_texts_are_logged_and_blanks_are_not(self, records: list[logging.LogRecord]) -> None:
        stream = RedirectToLog(get_logger("out"))
        for text in ("abc", "\n", "   ", "", "two\nlines\n"):
            stream.write(text)
        stream.flush()
        assert [record.getMessage() for record in records] == ["abc", "two\nlines\n"]
        assert {record.name for record in records} == {f"{ROOT}.out"}
        assert {record.levelno for record in records} == {logging.INFO}

    def test_without_a_logger(self) -> None:
        assert RedirectToLog().stdout_logger.name == f"{ROOT}.stdout"

    def test_only_texts(self) -> None:
        with pytest.raises(TypeError, match="string argument expected"):
            RedirectToLog().write(3)  # type: ignore[arg-type]

    def test_prints_arrive_and_do_not_go_round_in_circles(
        self, output: io.StringIO, records: list[logging.LogRecord]
    ) -> None:
        with redirect_stdout(RedirectToLog(get_logger("out"))):  # type: ignore[type-var]
            print("printed")
        assert [record.getMessage() for record in records] == ["printed"]
        assert output.getvalue().count("printed") == 1


def test_the_size_of_a_record() -> None:
    assert getlogsize({"message": "abc"}) - getlogsize({}) == 3
