"""Where journals are kept: a folder for each run, in a local folder or in any place of fsspec."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

from prefectlite.exceptions import RunNotFoundError

JOURNAL = "journal"
CANCEL = "cancel"
END_FILE = "end"

# the start to the microsecond, so that names sort by age, and the run's identifier
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)_(.+)")


def folder_name(run_id: str, start: float) -> str:
    """The name of a run's folder.

    Args:
        run_id: The run's identifier; what may not stand in a name is quoted.
        start: The Unix time of its start.
    """
    moment = datetime.fromtimestamp(start, timezone.utc)
    return f"{moment:%Y%m%dT%H%M%S.%f}Z_{quote(run_id, safe='')}"


def run_id_of(name: str) -> str | None:
    """The run that a folder belongs to by its name; None where it is no run's."""
    found = _NAME.fullmatch(name)
    return None if found is None else unquote(found[2])


class RunFolder(Protocol):
    """One run's folder."""

    # how long changes are gathered before they are written, in seconds
    flush_seconds: float

    @property
    def place(self) -> str:
        """Where it is, as a person names it."""

    def append(self, data: bytes, sync: bool) -> None:
        """Add to the journal, whole or not at all; `sync` has the disk know of it."""

    def sync(self) -> None:
        """Have the disk know of what was added."""

    def close(self) -> None:
        """Nothing is added for now."""

    def journal(self) -> bytes:
        """The whole journal; empty where there is none."""

    def head(self, size: int) -> bytes:
        """So many bytes of the journal's beginning, or more."""

    def put(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""

    def get(self, name: str) -> bytes | None:
        """A small file's content; None where there is none."""

    def remove(self, name: str) -> None:
        """Remove a small file, if it is there."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that is not there yet; False where somebody else's is."""

    def names(self) -> list[str]:
        """The names of the files."""

    def delete(self) -> None:
        """Remove the folder with all that is in it."""


class RunsFolder(Protocol):
    """The folder with the runs' folders."""

    @property
    def place(self) -> str:
        """Where it is, as a person names it."""

    def names(self) -> list[str]:
        """The names of the runs' folders, the oldest first."""

    def open(self, name: str) -> RunFolder:
        """A run's folder, which need not be there yet."""


class LocalRun:
    """A run's folder on a local disk, or on a share.

    Args:
        path: The folder.
    """

    flush_seconds = 0.05

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._size = 0

    @property
    def place(self) -> str:
        """The path."""
        return str(self.path)

    def append(self, data: bytes, sync: bool) -> None:
        """Add to the journal."""
        if self._descriptor is None:
            self.path.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(self.path / JOURNAL, flags, 0o666)
            self._size = os.fstat(self._descriptor).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if sync:
                os.fsync(self._descriptor)
        except OSError:
            # what a full disk took of it would stand in the way of what is written later
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            self.close()
            raise
        self._size += len(data)

    def sync(self) -> None:
        """Have the disk know of what was added."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the journal; `append` opens it again."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def journal(self) -> bytes:
        """The whole journal."""
        try:
            return (self.path / JOURNAL).read_bytes()
        except FileNotFoundError:
            return b""

    def head(self, size: int) -> bytes:
        """The journal's beginning."""
        try:
            with (self.path / JOURNAL).open("rb") as file:
                return file.read(size)
        except FileNotFoundError:
            return b""

    def put(self, name: str, data: bytes) -> None:
        """Write a small file."""
        from prefectlite.engine.storage.files import write_file

        write_file(str(self.path / name), [data])

    def get(self, name: str) -> bytes | None:
        """A small file's content."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Remove a small file."""
        (self.path / name).unlink(missing_ok=True)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that is not there yet."""
        self.path.mkdir(parents=True, exist_ok=True)
        made = self.path / f".{name}.{os.getpid()}.{time.monotonic_ns()}"
        made.write_bytes(data)
        try:
            # a link appears with its content, and only where there is no file of that name
            os.link(made, self.path / name)
        except FileExistsError:
            return False
        except OSError:
            return self._create_unlinked(name, data)
        finally:
            made.unlink(missing_ok=True)
        return True

    def _create_unlinked(self, name: str, data: bytes) -> bool:
        """The same on file systems that know no links."""
        try:
            with (self.path / name).open("xb") as file:
                file.write(data)
        except FileExistsError:
            return False
        return True

    def names(self) -> list[str]:
        """The names of the files."""
        try:
            return os.listdir(self.path)  # noqa: PTH208 - names, and not paths, are wanted
        except FileNotFoundError:
            return []

    def delete(self) -> None:
        """Remove the folder; it is in no list any more before the first of its files goes."""
        away = self.path.with_name(f".{self.path.name}.removed")
        try:
            self.path.rename(away)
        except FileNotFoundError:
            # somebody else was quicker
            return
        shutil.rmtree(away, ignore_errors=True)


class LocalRuns:
    """A runs folder on a local disk, or on a share.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        """The path."""
        return str(self.path)

    def names(self) -> list[str]:
        """The names of the runs' folders, the oldest first."""
        try:
            entries = list(self.path.iterdir())
        except FileNotFoundError:
            return []
        return sorted(entry.name for entry in entries if run_id_of(entry.name) is not None)

    def open(self, name: str) -> LocalRun:
        """A run's folder."""
        return LocalRun(self.path / name)


class StoredRun:
    """A run's folder in an object store, or another place of fsspec: the journal is in parts.

    Args:
        store: The store of the runs folder.
        name: The folder's name in it.
    """

    flush_seconds = 2.0

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name
        self._parts: int | None = None

    @property
    def place(self) -> str:
        """The URL."""
        return str(self._store.name(self._name))

    def append(self, data: bytes, sync: bool) -> None:
        """Add a part to the journal; it is there as a whole, or not."""
        if self._parts is None:
            self._parts = len(self._part_names())
        self._store.write(f"{self._name}/{JOURNAL}-{self._parts + 1:08d}", [data])
        self._parts += 1

    def sync(self) -> None:
        """A part that was written is there."""

    def close(self) -> None:
        """Nothing is open between two parts."""

    def _part_names(self) -> list[str]:
        return sorted(name for name in self.names() if name.startswith(f"{JOURNAL}-"))

    def journal(self) -> bytes:
        """All parts, up to the first that is missing."""
        names = self._part_names()
        whole = [n for i, n in enumerate(names, 1) if n == f"{JOURNAL}-{i:08d}"]
        found = self._store.read_many([f"{self._name}/{name}" for name in whole]) if whole else []
        for part in found:
            if isinstance(part, Exception):
                raise part
        # a part that is missing is damage: the reader is told by bytes that are no record
        return b"".join(found) + (b"\0" if len(whole) < len(names) else b"")

    def head(self, size: int) -> bytes:
        """The first part."""
        return self.get(f"{JOURNAL}-{1:08d}") or b""

    def put(self, name: str, data: bytes) -> None:
        """Write a small file."""
        self._store.write(f"{self._name}/{name}", [data])

    def get(self, name: str) -> bytes | None:
        """A small file's content."""
        try:
            data: bytes = self._store.read(f"{self._name}/{name}")
        except FileNotFoundError:
            return None
        return data

    def remove(self, name: str) -> None:
        """Remove a small file."""
        with suppress(FileNotFoundError):
            self._store.filesystem.rm_file(self._store.full(f"{self._name}/{name}"))

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that is not there yet.

        Not every store can refuse to write over a file, so this looks again after a moment: of
        two writers at the same time the last one has it.
        """
        if self.get(name) is not None:
            return False
        self.put(name, data)
        time.sleep(0.5)
        return self.get(name) == data

    def names(self) -> list[str]:
        """The names of the files."""
        # a listing of an earlier moment would not have what other processes wrote since
        self._store.filesystem.invalidate_cache()
        return list(self._store.listing(self._name))

    def delete(self) -> None:
        """Remove the files, the journal's beginning last: until then it is a run's folder."""
        for name in sorted(self.names(), reverse=True):
            self.remove(name)
        with suppress(OSError):
            # where there are folders
            self._store.filesystem.rmdir(self._store.full(self._name))


class StoredRuns:
    """A runs folder in an object store, or another place of fsspec.

    Args:
        url: The folder's URL.
        options: What fsspec's file system takes.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        from prefectlite.engine.results.fsspec_result import FsspecResult

        self._store = FsspecResult(url, storage_options=options)._objects

    @property
    def place(self) -> str:
        """The URL."""
        return self._store.name("")

    def names(self) -> list[str]:
        """The names of the runs' folders, the oldest first."""
        filesystem = self._store.filesystem
        # a listing of an earlier moment would not have the runs of other processes
        filesystem.invalidate_cache()
        try:
            entries = filesystem.ls(self._store.root, detail=False)
        except FileNotFoundError:
            return []
        names = (str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)
        return sorted(name for name in names if run_id_of(name) is not None)

    def open(self, name: str) -> StoredRun:
        """A run's folder."""
        return StoredRun(self._store, name)


def runs_folder(folder: str | os.PathLike[str] | None = None) -> RunsFolder:
    """The runs folder.

    Args:
        folder: A path or a URL of fsspec; by default `runs.folder` of the configuration.

    Example:
        ```python
        runs_folder("s3://bucket/runs").names()
        ```
    """
    from prefectlite import config

    settings = config.get("runs") or {}
    chosen = os.fspath(folder or settings.get("folder") or "~/.prefectlite/runs")
    scheme, found, path = chosen.partition("://")
    if not found or scheme in ("file", "local"):
        return LocalRuns(Path(path if found else chosen).expanduser().absolute())
    return StoredRuns(chosen, settings.get("storage_options") or {})


def find_run(runs: RunsFolder, run_id: str) -> str:
    """The name of a run's folder.

    Args:
        runs: The runs folder.
        run_id: The run's identifier, or the first characters of it, at least four.

    Raises:
        RunNotFoundError: There is none, or more than one that begins like that.
    """
    names = runs.names()
    exact = [name for name in names if run_id in (run_id_of(name), name)]
    if exact:
        # a run that was started twice under one identifier: the later one
        return exact[-1]
    alike = [n for n in names if len(run_id) >= 4 and (run_id_of(n) or "").startswith(run_id)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise RunNotFoundError(
            f"{len(alike)} runs in {runs.place} begin with {run_id!r}: give more of its characters."
        )
    raise RunNotFoundError(
        f"There is no run {run_id!r} in {runs.place}. `prefectlite runs list` shows those that "
        "there are; the folder is runs.folder of the configuration."
    )
