"""The executors as fixtures, and what tests use to look into other processes and logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefectlite.executors import Executor
from tests.clusters import EXECUTORS, close_all, started_executor


@pytest.fixture(scope="session", autouse=True)
def _end_of_cluster() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each executor in turn."""
    return started_executor(request.param)


class Journal:
    """Lines that tasks and handlers write wherever they run, in the order in which they came."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: object) -> None:
        """Append a line; whole, also when several processes write."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def lines(self) -> list[str]:
        """All lines so far."""
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal of its own for each test."""
    return Journal(tmp_path / "journal.txt")


class _Keep(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """The log records that the driver's handlers get during the test."""
    keep = _Keep()
    logger = logging.getLogger("prefectlite")
    logger.addHandler(keep)
    yield keep.records
    logger.removeHandler(keep)
