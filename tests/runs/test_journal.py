"""What a run writes: everything that happened, no secrets; and what goes wrong costs no run."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Parameter, runs, task
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Cancelled, Mapped
from prefectlite.executors import LocalExecutor
from prefectlite.runs import journal as journal_module
from prefectlite.runs import places
from prefectlite.runs.places import LocalRun
from tests.clusters import EXECUTORS, started_executor


def eventful_flow(folder: Path) -> Flow:
    """A stored list, a map with an element that fails once and one that always fails, an end."""

    @task(result=LocalResult(dir=folder / "results"))
    def load(n: int) -> list[int]:
        return list(range(n))

    @task(max_retries=2, retry_delay=timedelta(seconds=0))
    def flaky(x: int, folder: str) -> int:
        mark = Path(folder, f"mark-{x}")
        if x == 1 and not mark.exists():
            mark.touch()
            raise ValueError("not yet")
        if x == 2:
            raise KeyError("never")
        return x

    @task
    def tell(x: int) -> None: ...

    with Flow("eventful") as flow:
        n = Parameter("n", default=3)
        tell.map(flaky.map(load(n), folder=prefectlite.unmapped(str(folder))))
    return flow


@pytest.mark.parametrize("kind", EXECUTORS)
def test_every_change_of_state_is_there(kind: str, tmp_path: Path) -> None:
    eventful_flow(tmp_path).run(executor=started_executor(kind))
    run = runs.load("last")
    assert (run.damage, run.info.state, run.parameters) == (None, "Failed", {"n": 3})
    changes = [change for change in run.changes() if change.slug == "flaky-1"]
    by_element = {
        index: [(c.state, c.attempt) for c in changes if c.map_index == index]
        for index in (None, 0, 1, 2)
    }
    assert by_element[None] == [("Mapped", 1)]
    assert by_element[0] == [("Running", 1), ("Success", 1)]
    assert by_element[1] == [
        ("Running", 1),
        ("Failed", 1),
        ("Retrying", 1),
        ("Running", 2),
        ("Success", 2),
    ]
    assert [attempt for _, attempt in by_element[2]] == [1, 1, 1, 2, 2, 2, 3, 3]
    assert by_element[2][-1][0] == "Failed"
    assert {c.worker is not None for c in changes if c.map_index == 0} == {kind == "dask"}
    (loaded,) = run.latest["load-1"].values()
    assert loaded.location is not None
    assert Path(loaded.location).exists()


@pytest.mark.parametrize("kind", EXECUTORS)
def test_states_timings_and_tracebacks_are_there(kind: str, tmp_path: Path) -> None:
    eventful_flow(tmp_path).run(executor=started_executor(kind))
    run = runs.load("last")
    traceback = run.tracebacks["flaky-1", 2]
    assert 'raise KeyError("never")' in traceback
    assert "Traceback (most recent call last)" in traceback
    flaky, tell = run.states["flaky-1"], run.states["tell-1"]
    assert isinstance(flaky, Mapped)
    assert isinstance(tell, Mapped)
    assert [type(state).__name__ for state in flaky.map_states] == ["Success", "Success", "Failed"]
    assert type(tell.map_states[2]).__name__ == "TriggerFailed"
    attempts = [t for t in run.timings if (t.slug, t.map_index) == ("flaky-1", 2)]
    assert [t.attempt for t in attempts] == [1, 2, 3]
    assert all(t.ended is not None and t.began <= t.ended for t in attempts)


@pytest.mark.parametrize("kind", EXECUTORS)
def test_time_and_memory_of_attempts_are_there(kind: str) -> None:
    @task
    def works(x: int) -> int:
        end = time.thread_time() + 0.05
        block = bytearray(30_000_000)
        while time.thread_time() < end:
            pass
        return len(block) + x

    @task
    def waits(x: int) -> None:
        time.sleep(0.05)
        raise ValueError(x)

    @task
    def passes() -> None:
        """Too short to be measured."""

    with Flow("used") as flow:
        waits(works(1))
        passes()
    flow.run(executor=started_executor(kind))
    used = {timing.slug: timing for timing in runs.load("last").timings}
    working, waiting = used["works-1"], used["waits-1"]
    assert working.processor is not None
    assert working.memory is not None
    assert 0.04 < working.processor < 10
    assert 30_000_000 < working.memory < 1 << 40
    assert waiting.processor is not None
    assert waiting.processor < working.processor
    assert waiting.memory is not None
    change = runs.load("last").latest["works-1"][None]
    assert (change.processor, change.memory) == (working.processor, working.memory)


def simple_flow(name: str = "simple") -> Flow:
    @task
    def double(x: int) -> int:
        return 2 * x

    with Flow(name) as flow:
        double.map([1, 2, 3])
    return flow


def test_runs_are_listed_newest_first() -> None:
    for name in ("one", "two", "three"):
        simple_flow(name).run()
    assert [info.flow_name for info in runs.list_runs()] == ["three", "two", "one"]
    assert [info.flow_name for info in runs.list_runs(flow_name="one")] == ["one"]
    assert {info.status for info in runs.list_runs()} == {"Success"}
    assert runs.load("last", flow_name="one").flow_name == "one"
    first = runs.list_runs()[-1].run_id
    assert runs.load(first[:13]).run_id == first


def test_no_journal_if_so_configured(runs_folder: Path) -> None:
    prefectlite.config.runs.journal = False
    simple_flow().run()
    assert runs.list_runs() == []
    assert not runs_folder.exists()


def test_what_is_not_there_is_said(runs_folder: Path) -> None:
    with pytest.raises(prefectlite.exceptions.RunNotFoundError, match="no run 'nothing' in"):
        runs.load("nothing")
    with pytest.raises(LookupError, match="There is no run of flow 'f'"):
        runs.load("last", flow_name="f")


SECRET = "hunter2-and-more"


def test_secrets_are_in_no_journal() -> None:
    @task
    def leak(password: str, words: str) -> None:
        raise ValueError(f"cannot log in with {words}")

    with Flow("secrets") as flow:
        leak(Parameter("password"), Parameter("words"))
    with prefectlite.context(secrets={"DATABASE": {"password": SECRET}}):
        flow.run(password="not in the context", words=SECRET)
    run = runs.load("last")
    data = Path(run.place, "journal").read_bytes()
    for text in (SECRET, "not in the context"):
        assert text.encode() not in data
    assert set(run.left_out) == {"password", "words"}
    assert "cannot log in with ***" in str(run.tracebacks["leak-1", None])


def test_a_parameter_that_is_no_data_is_left_out() -> None:
    with Flow("objects") as flow:
        Parameter("thing")()
    flow.run(thing=object())
    assert runs.load("last").left_out == {"thing": "it is of type object"}


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "prefectlite.runs" and record.levelno >= logging.WARNING
    ]


class FullDisk(LocalRun):
    """A folder whose disk takes a few bytes more, then none until it is tidied up."""

    room = 10

    def append(self, data: bytes, sync: bool) -> None:
        if len(data) <= self.room:
            super().append(data, sync)
            return
        super().append(data[: self.room], sync)
        assert self._descriptor is not None
        os.ftruncate(self._descriptor, self._size - len(data[: self.room]))
        self.close()
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_a_warning_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(places, "LocalRun", FullDisk)
    state = slow_flow().run()
    assert state is not None
    assert state.is_successful()
    runs.list_runs()
    (message,) = warnings_of(caplog)
    assert "No space left on device" in message
    assert "The run goes on" in message


def slow_flow() -> Flow:
    @task
    def nap(x: int) -> int:
        time.sleep(0.02)
        return x

    with Flow("slow") as flow:
        nap.map(list(range(20)))
    return flow


def run_on_a_disk_that_has_room_again(
    monkeypatch: pytest.MonkeyPatch, retry_seconds: float
) -> runs.Run:
    monkeypatch.setattr(places, "LocalRun", FullDisk)
    monkeypatch.setattr(journal_module, "RETRY_SECONDS", retry_seconds)
    tidied = threading.Timer(0.15, lambda: setattr(FullDisk, "room", 1 << 30))
    tidied.start()
    try:
        slow_flow().run()
        return runs.load("last")
    finally:
        tidied.join()
        FullDisk.room = 10


def test_a_disk_that_has_room_again_gets_all(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_on_a_disk_that_has_room_again(monkeypatch, retry_seconds=0.01)
    assert run.damage is None
    assert run.counts() == {"Success": 20}
    assert len(warnings_of(caplog)) == 1


def test_a_run_that_ends_tries_its_journal_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_on_a_disk_that_has_room_again(monkeypatch, retry_seconds=600.0)
    assert run.damage is None
    assert run.counts() == {"Success": 20}
    assert run.info.status == "Success"


def test_a_share_that_is_gone_costs_a_warning_and_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    prefectlite.config.runs.folder = str(tmp_path / "file" / "runs")
    state = slow_flow().run()
    assert state is not None
    assert state.is_successful()
    from prefectlite.runs.run import wait_for_own_journals

    wait_for_own_journals()
    assert len(warnings_of(caplog)) == 1


def statuses() -> set[str]:
    """What the runs are."""
    return {info.status for info in runs.list_runs()}


def test_a_request_in_the_runs_folder_ends_the_run() -> None:
    @task
    def wait() -> None:
        for _ in range(600):
            time.sleep(0.05)

    with Flow("endless") as flow:
        wait()
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(flow.run(executor=LocalExecutor())))
    thread.start()
    deadline = time.monotonic() + 30
    while not statuses() & {"Running"} and time.monotonic() < deadline:
        time.sleep(0.05)
    runs.cancel("last")
    thread.join(30)
    assert not thread.is_alive()
    assert isinstance(ended[0], Cancelled)
    assert runs.list_runs()[0].status == "Cancelled"
    with pytest.raises(LookupError, match="has ended already"):
        runs.cancel("last")


def test_the_journal_says_what_ran(tmp_path: Path) -> None:
    simple_flow().run()
    header = runs.load("last").header
    assert header["flow"] == "simple"
    assert header["executor"] == "LocalExecutor"
    assert header["versions"]["prefectlite"] == prefectlite.__version__
    assert [task[0] for task in header["tasks"]] == ["Constant[list]-1", "double-1"]
    again = simple_flow()
    again.run()
    assert runs.load("last").header["structure"] == header["structure"]
