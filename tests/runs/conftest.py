"""A runs folder for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import prefectlite
from tests import clusters


@pytest.fixture(autouse=True)
def runs_folder(tmp_path: Path) -> Path:
    """The runs folder of this test."""
    prefectlite.config.runs.folder = str(tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture(scope="session", autouse=True)
def cluster_ends() -> Iterator[None]:
    """End the cluster, if a test has started it."""
    yield
    clusters.close_all()
