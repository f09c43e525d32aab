"""Local files: which calls of the system a write takes, and when its folder is on the disk."""

from __future__ import annotations

import asyncio
import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from prefectlite.engine.remote_dask import SOON_SECONDS, Outbox
from prefectlite.engine.storage.files import folders_synced_later, sync_folders, write_file


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The paths in the test's folder that the disk was told of, in order."""
    found: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        # other threads, of what ran before, have files of their own
        if path.startswith(str(tmp_path)):
            found.append(path)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return found


def test_a_file_and_its_folder_are_on_the_disk_after_a_write(
    synced: list[str], tmp_path: Path
) -> None:
    write_file(str(tmp_path / "x"), [b"one", b"two"])
    assert (tmp_path / "x").read_bytes() == b"onetwo"
    assert [Path(path).suffix for path in synced] == [".tmp", ""]
    assert synced[-1] == str(tmp_path)


def test_new_folders_are_on_the_disk_too(synced: list[str], tmp_path: Path) -> None:
    write_file(str(tmp_path / "a" / "b" / "x"), [b"one"])
    assert {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")} < set(synced)


def test_a_folder_is_synced_once_for_many_files(synced: list[str], tmp_path: Path) -> None:
    with folders_synced_later() as folders:
        for name in "xyz":
            write_file(str(tmp_path / name), [b"one"])
    assert [Path(path).suffix for path in synced] == [".tmp"] * 3
    sync_folders(folders)
    assert synced[3:] == [str(tmp_path)]
    write_file(str(tmp_path / "x"), [b"after the block"])
    assert synced[-1] == str(tmp_path)


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_bytes(b"old")
    (tmp_path / "x").symlink_to(tmp_path / "real" / "x")
    write_file(str(tmp_path / "x"), [b"new"])
    assert (tmp_path / "x").is_symlink()
    assert (tmp_path / "real" / "x").read_bytes() == b"new"
    assert len(list((tmp_path / "real").iterdir())) == 1


class _Worker:
    address = "here"

    def __init__(self, order: list[Any]) -> None:
        self.loop = IOLoop.current()
        self.state = SimpleNamespace(executing=set(), ready=set())
        self._order = order

    def log_event(self, run: str, message: bytes) -> None:
        self._order.append(pickle.loads(message)[1])


def test_a_busy_worker_sends_more_at_a_time() -> None:
    order: list[Any] = []

    async def send() -> None:
        worker = _Worker(order)
        worker.state.executing.add("one")
        outbox = Outbox(worker)
        for letter in "abc":
            outbox.post("run", letter, urgent=False)
            await asyncio.sleep(SOON_SECONDS * 1.2)
        outbox.post("run", "d", urgent=False)
        worker.state.executing.clear()
        while sum(map(len, order)) < 4:
            await asyncio.sleep(0.005)
        outbox.post("run", "e", urgent=False)
        outbox.post("run", "f", urgent=True)
        while sum(map(len, order)) < 6:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(send(), 20))
    assert order[-1] == ["e", "f"]
    # a slow machine may be late, and send some of them before
    assert [letter for letters in order[:-1] for letter in letters] == list("abcd")


def test_a_driver_hears_of_a_file_when_its_folder_is_on_the_disk(
    synced: list[Any], tmp_path: Path
) -> None:
    async def send() -> None:
        outbox = Outbox(_Worker(synced))
        for letter in "ab":
            outbox.post("run", letter, urgent=False, folders={str(tmp_path)})
        while len(synced) < 2:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(send(), 20))
    assert synced == [str(tmp_path), ["a", "b"]]
