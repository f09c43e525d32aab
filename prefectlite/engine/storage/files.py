"""Local files that are whole or absent, and what killed processes left of others."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# a file without a living writer on this machine is removed at once, any other after this time
ABANDONED_SECONDS = 24 * 3600.0

# what is larger takes more than one call to read
_ONE_READ = 1 << 30
# pieces that come to less are put together, to be written by one call
_ONE_WRITE = 1 << 16

_UNFINISHED = re.compile(r"\.prefectlite-(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{32}\.tmp")
_tidied: set[tuple[int, str]] = set()
_lock = threading.Lock()
_later = threading.local()


def _place() -> str:
    """Where this process's number means this process: the machine since it was started, and more.

    Containers with one name and one folder have process numbers of their own.
    """
    told = [socket.gethostname()]
    for tell in (Path("/proc/sys/kernel/random/boot_id").read_text, _number_space):
        with contextlib.suppress(OSError):
            told.append(tell())
    return f"{zlib.crc32('/'.join(told).encode()):08x}"


def _number_space() -> str:
    return os.readlink("/proc/self/ns/pid")


_here = _place()

Buffer = bytes | bytearray | memoryview
# takes a path and what the system tells of the file, None where it is to be written; may raise
Check = Callable[[str, os.stat_result | None], None]


def read_file(path: str, check: Check | None = None) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        check: Called with the path and what the system tells of the open file; raises to refuse.

    Raises:
        OSError: It cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        told = os.fstat(descriptor)
        if check is not None:
            check(path, told)
        size = told.st_size
        if size < _ONE_READ:
            data = os.read(descriptor, size + 1)
            if len(data) == size:
                return data
            os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


@contextmanager
def folders_synced_later() -> Iterator[set[str]]:
    """Have the disk told of this thread's new files later, of many at a time.

    The files themselves are on the disk when `write_file` returns, but a power cut may take back
    that they are in their folders. Until `sync_folders` has been called with what this gives, no
    other process may be told that the results are there.

    Returns:
        The folders that files were written to inside the block.
    """
    before = getattr(_later, "folders", None)
    folders: set[str] = set()
    _later.folders = folders
    try:
        yield folders
    finally:
        _later.folders = before


def sync_folders(folders: Collection[str]) -> None:
    """Have the disk know which files are in folders, where the file system can do that.

    Args:
        folders: The folders.
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def write_file(path: str, parts: Sequence[Buffer]) -> None:
    """Write a file so that at no moment, not even after a power cut, part of it is visible.

    Args:
        path: The file; the folders above it are made.
        parts: Its content, piece by piece.

    Raises:
        OSError: It cannot be written; nothing of it is left then.
    """
    if os.path.islink(path):
        # the link keeps pointing to the file, which is what is replaced
        path = os.path.realpath(path)
    folder = os.path.dirname(path) or "."
    _tidy(folder)
    # not named after the file, whose name may be as long as the file system allows
    unfinished = f"{folder}/.prefectlite-{_here}-{os.getpid()}-{uuid.uuid4().hex}.tmp"
    try:
        descriptor = _new_file(unfinished)
    except FileNotFoundError:
        _make_folder(folder)
        descriptor = _new_file(unfinished)
    try:
        try:
            _write_all(descriptor, parts)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    later: set[str] | None = getattr(_later, "folders", None)
    if later is None:
        sync_folders((folder,))
    else:
        later.add(folder)


def _new_file(path: str) -> int:
    # unlike a file of the tempfile module it gets the rights that the user's umask leaves; but
    # also where the umask is 0, as in some containers, nobody else may change a result
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o664)


def _write_all(descriptor: int, parts: Sequence[Buffer]) -> None:
    if len(parts) > 1 and sum(memoryview(part).nbytes for part in parts) < _ONE_WRITE:
        parts = (b"".join(parts),)
    for part in parts:
        rest = memoryview(part).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _make_folder(folder: str) -> None:
    """Create a folder and those above it, and have the disk know of them."""
    made = []
    level = folder
    while not os.path.isdir(level):
        made.append(level)
        level = os.path.dirname(level)
    if made:
        os.makedirs(folder, mode=0o775, exist_ok=True)
        sync_folders([os.path.dirname(level) for level in made])


def _tidy(folder: str) -> None:
    """Remove what killed processes left in a folder; looked for once in each process."""
    key = (os.getpid(), folder)
    if key in _tidied:
        return
    with _lock:
        if key in _tidied:
            return
        _tidied.add(key)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".prefectlite-") and _is_abandoned(entry):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    found = _UNFINISHED.fullmatch(entry.name)
    if found is None:
        return False
    if found["place"] == _here and not _is_alive(int(found["pid"])):
        return True
    return time.time() - entry.stat().st_mtime > ABANDONED_SECONDS


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def list_folder(folder: str) -> dict[str, int]:
    """The files in a folder and their sizes in bytes; none where there is no such folder.

    Args:
        folder: The folder.

    Raises:
        OSError: It cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def is_file(path: str) -> bool:
    """Whether there is a file at a path.

    Raises:
        OSError: That cannot be told: no right to look, a name that is too long.
    """
    try:
        return Path(path).is_file()
    except ValueError:
        return False
