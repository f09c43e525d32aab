"""A run is held by one driver at a time, and not longer than that lives."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prefectlite.exceptions import RunHeldError
from prefectlite.runs import lock as lock_module
from prefectlite.runs.lock import Lock, holder_of
from prefectlite.runs.places import LocalRun


@pytest.fixture
def folder(tmp_path: Path) -> LocalRun:
    return LocalRun(tmp_path / "run")


def held_by(folder: LocalRun, **changes: object) -> None:
    """A lock that another process wrote."""
    Lock(folder, "r").acquire()
    (name,) = folder.names()
    held = json.loads(folder.get(name) or b"")
    folder.put(name, json.dumps({**held, **changes}).encode())


def test_only_one_holds_it(folder: LocalRun) -> None:
    lock = Lock(folder, "r")
    lock.acquire()
    with pytest.raises(RunHeldError, match=r"held by process \d+ on host"):
        Lock(folder, "other").acquire()
    assert holder_of(folder) is not None
    lock.release()
    assert holder_of(folder) is None
    Lock(folder, "other").acquire()


def test_of_many_at_the_same_time_one_gets_it(folder: LocalRun) -> None:
    held_by(folder, process=2**22 + 1)
    barrier, got = threading.Barrier(8), []

    def take() -> None:
        lock = Lock(folder, "r")
        barrier.wait()
        try:
            lock.acquire()
        except RunHeldError:
            return
        got.append(lock)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_process_that_is_gone_holds_nothing(folder: LocalRun) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held_by(folder, process=process.pid, began=None)
    assert holder_of(folder) is not None
    process.kill()
    # killed and not yet waited for
    deadline = time.monotonic() + 10
    while holder_of(folder) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holder_of(folder) is None
    process.communicate()
    Lock(folder, "r").acquire()


def test_another_process_of_the_same_number_holds_nothing(folder: LocalRun) -> None:
    held_by(folder, began="1")
    Lock(folder, "r").acquire()


def test_another_machine_holds_it_while_it_says_so(
    folder: LocalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_by(folder, machine="elsewhere", host="far")
    with pytest.raises(RunHeldError, match="on host 'far'"):
        Lock(folder, "r").acquire()
    monkeypatch.setattr(lock_module, "WATCH_SECONDS", 0.1)
    (name,) = folder.names()
    held = json.loads(folder.get(name) or b"")
    folder.put(name, json.dumps({**held, "heartbeat": held["heartbeat"] - 3600}).encode())
    Lock(folder, "r").acquire()


def test_a_clock_that_goes_wrong_does_not_make_it_free(
    folder: LocalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_by(folder, machine="elsewhere", heartbeat=time.time() - 3600)
    (name,) = folder.names()
    held = json.loads(folder.get(name) or b"")
    real_sleep = time.sleep

    def beats(seconds: float) -> None:
        real_sleep(0.01)
        held["heartbeat"] += 5
        folder.put(name, json.dumps(held).encode())

    monkeypatch.setattr(time, "sleep", beats)
    with pytest.raises(RunHeldError):
        Lock(folder, "r").acquire()


def test_it_is_kept_up(folder: LocalRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.0)
    lock = Lock(folder, "r")
    lock.acquire()
    before = (holder_of(folder) or {})["heartbeat"]
    time.sleep(0.01)
    lock.step()
    assert (holder_of(folder) or {})["heartbeat"] > before


def test_a_lock_that_cannot_be_read_is_none(folder: LocalRun) -> None:
    folder.path.mkdir()
    folder.put("lock-000007", b"{")
    Lock(folder, "r").acquire()
    assert "lock-000008" in folder.names()


def test_it_goes_within_a_minute() -> None:
    assert lock_module.LOST_SECONDS + lock_module.WATCH_SECONDS <= 60
    assert lock_module.HEARTBEAT_SECONDS * 2 < lock_module.WATCH_SECONDS
