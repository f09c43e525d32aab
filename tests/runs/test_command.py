"""`prefectlite runs`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prefectlite import Flow, Parameter, runs, task
from prefectlite.cli import cli
from prefectlite.exceptions import RunNotFoundError


def told(arguments: Iterable[str]) -> str:
    """What the command prints."""
    result: Result = CliRunner().invoke(cli, ["runs", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def run_id() -> str:
    @task
    def picky(x: int, limit: int) -> int:
        if x > limit:
            raise ValueError(f"{x} is too much")
        return x

    @task
    def total(values: list[int]) -> int:
        return sum(values)

    with Flow("picky flow") as flow:
        limit = Parameter("limit", default=2)
        total(picky.map([1, 2, 3], limit=_unmapped(limit)))
    flow.run()
    return runs.list_runs()[0].run_id


def _unmapped(value: object) -> object:
    from prefectlite import unmapped

    return unmapped(value)


def test_list(run_id: str) -> None:
    (line,) = told(["list"]).splitlines()
    assert line.startswith(run_id)
    assert "Failed" in line
    assert line.endswith("picky flow")
    assert told(["list", "--flow", "another"]) == ""


def test_list_shows_the_newest_only(run_id: str) -> None:
    with Flow("empty") as flow:
        pass
    flow.run()
    first, second = told(["list", "-n", "1"]).splitlines()
    assert first.endswith("empty")
    assert second == "and 1 older ones; -n 0 shows all"
    assert len(told(["list", "-n", "0"]).splitlines()) == 2


def test_show(run_id: str) -> None:
    output = told(["show", run_id[:8]])
    assert output == told(["show"])
    assert "flow 'picky flow', Failed (Some reference tasks failed.)" in output
    assert "parameters: limit=2" in output
    assert "picky-1: 2 Success, 1 Failed" in output
    assert "total-1: TriggerFailed" in output
    assert "picky[2], attempt 1: Error during execution of task: ValueError('3 is" in output
    assert "Traceback" not in output
    assert 'raise ValueError(f"{x} is too much")' in told(["show", "--tracebacks"])


def test_a_damaged_journal_is_shown_as_such(run_id: str) -> None:
    path = Path(runs.load(run_id).place, "journal")
    path.write_bytes(path.read_bytes()[:-5])
    assert "The journal is damaged. It ends in the middle of a record" in told(["show"])


def test_what_there_is_not(run_id: str, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="no run 'nothing'"):
        told(["show", "nothing"])
    assert told(["list", "--folder", str(tmp_path / "elsewhere")]) == ""


def test_cancel_is_for_runs_that_go_on(run_id: str) -> None:
    with pytest.raises(RunNotFoundError, match="has ended already, as Failed"):
        told(["cancel", run_id])
