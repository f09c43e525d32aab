"""Old runs are removed: by rule, by hand, and never while somebody is at work on them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from prefectlite import Flow, runs, task
from prefectlite.cli import cli
from prefectlite.exceptions import RunHeldError, RunNotFoundError
from prefectlite.runs import retention
from prefectlite.runs.places import folder_name
from prefectlite.utilities.configuration import set_temporary_config


def run(name: str) -> str:
    with Flow(name) as flow:
        pass
    flow.run()
    return runs.load("last").run_id


def names() -> list[str]:
    return [info.flow_name for info in runs.list_runs()]


def test_the_newest_stay() -> None:
    ids = [run(name) for name in ("one", "two", "three")]
    assert runs.prune(keep=2) == ids[:1]
    assert names() == ["three", "two"]
    assert runs.prune(keep=0) == []
    assert runs.prune(keep=2, days=1) == []
    output = (
        CliRunner().invoke(cli, ["runs", "prune", "--keep", "1"], catch_exceptions=False).output
    )
    assert output == "removed 1 run\n"
    assert names() == ["three"]


def test_those_of_the_last_days_stay(runs_folder: Path) -> None:
    run("new")
    old = runs_folder / folder_name("of-last-week", time.time() - 7 * 86400)
    old.mkdir()
    assert runs.prune(keep=0, days=8) == []
    assert runs.prune(keep=0, days=6) == ["of-last-week"]
    assert names() == ["new"]
    assert [path.name[0] for path in runs_folder.iterdir()] == ["2"]


def test_single_runs_are_removed_by_hand() -> None:
    first, second = run("one"), run("two")
    CliRunner().invoke(cli, ["runs", "remove", first], catch_exceptions=False)
    assert names() == ["two"]
    runs.remove(second[:8])
    assert names() == []
    with pytest.raises(RunNotFoundError):
        runs.remove(second)


def test_a_run_that_is_at_work_stays() -> None:
    begun, ends = threading.Event(), threading.Event()

    @task
    def stays() -> None:
        begun.set()
        ends.wait(60)

    with Flow("at work") as flow:
        stays()
    thread = threading.Thread(target=flow.run)
    thread.start()
    try:
        assert begun.wait(60)
        run("later")
        assert "at work" in names()
        assert runs.prune(keep=1) == []
        with pytest.raises(RunHeldError, match="at work"):
            runs.remove(runs.list_runs()[-1].run_id)
    finally:
        ends.set()
        thread.join()


def test_old_runs_go_when_a_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOOK_SECONDS", 0.0)
    with set_temporary_config({"runs.keep": 2}):
        for name in ("one", "two", "three", "four"):
            run(name)
        # the journal of the last one is closed before the folder is looked through
        for _ in range(100):
            if names() == ["four", "three"]:
                break
            time.sleep(0.05)
        assert names() == ["four", "three"]
