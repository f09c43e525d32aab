"""A runs folder for each test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import prefectlite
from prefectlite.engine.results import LocalResult
from tests import clusters, stores
from tests.runs.marks import Marks


@pytest.fixture(autouse=True)
def runs_folder(tmp_path: Path) -> Path:
    """The runs folder of this test."""
    prefectlite.config.runs.folder = str(tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture(scope="session", autouse=True)
def cluster_ends() -> Iterator[None]:
    """End the cluster and the servers, if a test has started them."""
    yield
    clusters.close_all()
    stores.close_servers()


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path / "marks")


@pytest.fixture
def stored(tmp_path: Path) -> LocalResult:
    return LocalResult(dir=tmp_path / "results")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """What is broken as long as it is there."""
    path = tmp_path / "broken"
    path.touch()
    return path


@pytest.fixture(autouse=True)
def log_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("prefectlite"), "propagate", True)
