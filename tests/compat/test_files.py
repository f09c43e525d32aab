"""Flow files as people wrote them for Prefect 1, each run as it stands, on every executor."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prefectlite.compat.doctor import examine

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests" / "compat_files").glob("*.py"))
# It names what is not here, and does not use it.
MENTIONS = ROOT / "tests" / "compat_files" / "mentions.py"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster whose workers were started without the alias, but with what the tasks need."""
    from distributed import LocalCluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVICE_PASSWORD", "hunter2")
        patch.setenv("PYTHONPATH", str(ROOT))
        # what tasks write to the working directory is written to that of the workers
        patch.chdir(tmp_path_factory.mktemp("workers"))
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster:
            yield cluster.scheduler_address


@pytest.mark.parametrize("executor", ["local", "threads", "dask"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_as_it_stands(
    file: Path,
    executor: str,
    request: pytest.FixtureRequest,
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    where = ["--executor", executor]
    if executor == "dask":
        where += ["--address", request.getfixturevalue("address")]
    done = python("-m", "prefectlite", "run", "--as-prefect", *where, str(file))
    # the file checks what it computed, and says so
    assert "EXPECTED" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_doctor_finds_nothing_missing(file: Path) -> None:
    findings = examine(file.read_text())
    assert findings
    if file != MENTIONS:
        assert [finding for finding in findings if finding.entry.status == "missing"] == []
    assert [f.name for f in findings if "not in the table" in f.entry.note] == []
