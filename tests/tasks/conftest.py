"""The executors that the tasks of the library are tried on, and a file that tasks write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prefectlite.executors import Executor
from tests.clusters import close_all, started_executor


@pytest.fixture(scope="session", autouse=True)
def _end_of_cluster() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(params=["local", "threads", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each executor in turn."""
    return started_executor(request.param)


class Journal:
    """Lines that tasks write wherever they run, in the order in which they came."""

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
