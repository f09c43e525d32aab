"""The import alias, for one test at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prefectlite import compat

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alias() -> Iterator[None]:
    """`import prefect` is prefectlite during the test."""
    compat.install()
    yield
    compat.uninstall()


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python with these arguments in a process and a folder of its own."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **variables}
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=False,
            timeout=100,
        )

    return run
