"""Object stores, and every other place that fsspec reaches: whole or absent, tried again."""

from __future__ import annotations

import contextlib
import posixpath
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from prefectlite.configuration import config
from prefectlite.engine.storage.clients import client
from prefectlite.engine.storage.files import Buffer

T = TypeVar("T")

# what is larger is sent piece by piece, and appears when the last piece is there
ONE_PUT_BYTES = 16 << 20
PIECE_BYTES = 16 << 20
MOST_PIECES = 9_000
# requests that are on their way at the same time
READ_AT_ONCE = 64

# what is written at these is seen when it is complete, and not before
_ALL_AT_ONCE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "adl", "memory", "zip", "github"})
_READ_ONLY = frozenset({"http", "https", "github", "data"})
_NEVER_PASSES = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    FileExistsError,
    NotImplementedError,
    TypeError,
    ValueError,
    LookupError,
    ImportError,
    MemoryError,
)
_LIBRARIES = frozenset(
    {"botocore", "aiobotocore", "aiohttp", "azure", "gcsfs", "requests", "urllib3", "google"}
)


class ObjectStore:
    """A bucket, a container or a folder somewhere, below which locations lie.

    Args:
        protocol: The protocol of fsspec.
        root: The bucket, with the folder in it.
        options: What fsspec's file system takes.
        url: The URL it was named by, where that says more than the protocol.
    """

    def __init__(
        self, protocol: str, root: str, options: Mapping[str, Any], url: str | None = None
    ) -> None:
        self.protocol = protocol
        self.root = root
        self.options = options
        self.url = url

    @property
    def filesystem(self) -> Any:
        """The client, shared by all that use the same options in this process."""
        return client(self.protocol, self.options, self.url)

    def full(self, location: str) -> str:
        """The path of a location, as the file system takes it."""
        if not self.root:
            return location
        return f"{self.root.rstrip('/')}/{location.lstrip('/')}"

    def name(self, location: str) -> str:
        """The location as a person names it."""
        return f"{self.protocol}://{self.full(location).lstrip('/')}"

    def read(self, location: str) -> bytes:
        """Read what is at a location.

        Raises:
            Exception: It cannot be read; a FileNotFoundError where there is nothing.
        """
        path = self.full(location)
        data: bytes = _patiently(lambda: self.filesystem.cat_file(path))
        return data

    def read_many(self, locations: Sequence[str]) -> list[bytes | Exception]:
        """Read several locations at the same time; an exception in the place of what cannot be."""
        paths = [self.full(location) for location in locations]
        filesystem = self.filesystem
        if not getattr(filesystem, "async_impl", False):
            return [self._read_or_error(location) for location in locations]
        from fsspec.asyn import sync

        # `filesystem.cat` would ask of each path whether it is a folder first
        found = sync(filesystem.loop, _cat_all, filesystem, paths)
        return [
            self._read_or_error(location)
            if isinstance(data, Exception) and may_pass(data)
            else data
            for location, data in zip(locations, found, strict=True)
        ]

    def _read_or_error(self, location: str) -> bytes | Exception:
        try:
            return self.read(location)
        except Exception as error:
            return error

    def exists(self, location: str) -> bool:
        """Tell whether there is something at a location.

        Raises:
            Exception: The store does not answer, or refuses to.
        """
        path = self.full(location)

        def look() -> bool:
            try:
                # what only begins with this location is not at it
                return bool(self.filesystem.info(path)["type"] == "file")
            except FileNotFoundError:
                return False

        return _patiently(look)

    def listing(self, folder: str) -> dict[str, int]:
        """The names and sizes in bytes of what is in a folder; none where there is no such one.

        Raises:
            Exception: The store does not answer, or refuses to.
        """
        path = self.full(folder) if folder else self.root

        def look() -> dict[str, int]:
            try:
                entries = self.filesystem.ls(path, detail=True)
            except FileNotFoundError:
                return {}
            return {
                posixpath.basename(entry["name"]): int(entry.get("size") or 0)
                for entry in entries
                if entry["type"] == "file"
            }

        return _patiently(look)

    def write(self, location: str, parts: Sequence[Buffer]) -> None:
        """Write to a location, so that the whole of it appears or nothing.

        Raises:
            Exception: It cannot be written.
        """
        if self.protocol in _READ_ONLY:
            raise PermissionError(f"{self.protocol}:// can only be read")
        path = self.full(location)
        size = sum(memoryview(part).nbytes for part in parts)
        if self.protocol in _ALL_AT_ONCE:
            _patiently(lambda: self._put(path, parts, size))
        else:
            _patiently(lambda: self._put_and_move(path, parts, size))

    def _put(self, path: str, parts: Sequence[Buffer], size: int) -> None:
        filesystem = self.filesystem
        if size <= ONE_PUT_BYTES:
            whole = parts[0] if len(parts) == 1 else b"".join(parts)
            filesystem.pipe_file(path, bytes(whole))
            return
        file = filesystem.open(path, "wb", block_size=max(PIECE_BYTES, size // MOST_PIECES))
        try:
            for part in parts:
                rest = memoryview(part).cast("B")
                while rest:
                    file.write(rest[:PIECE_BYTES])
                    rest = rest[PIECE_BYTES:]
            file.close()
        except BaseException:
            _abandon(file)
            raise

    def _put_and_move(self, path: str, parts: Sequence[Buffer], size: int) -> None:
        filesystem = self.filesystem
        folder = posixpath.dirname(path)
        filesystem.makedirs(folder, exist_ok=True)
        unfinished = f"{folder}/.prefectlite-{uuid.uuid4().hex}.tmp"
        try:
            self._put(unfinished, parts, size)
            filesystem.mv(unfinished, path)
        except BaseException:
            with contextlib.suppress(Exception):
                filesystem.rm_file(unfinished)
            raise


async def _cat_all(filesystem: Any, paths: Sequence[str]) -> list[bytes | Exception]:
    """Read paths at the same time, `READ_AT_ONCE` of them."""
    import asyncio

    limit = asyncio.Semaphore(READ_AT_ONCE)

    async def cat(path: str) -> bytes | Exception:
        async with limit:
            try:
                data: bytes = await filesystem._cat_file(path)
            except Exception as error:
                return error
            return data

    return list(await asyncio.gather(*(cat(path) for path in paths)))


def _abandon(file: Any) -> None:
    """Take back what was sent of a file, so that it never appears, also not when it is deleted."""
    with contextlib.suppress(Exception):
        file.discard()
    file.closed = True


def _patiently(operation: Callable[[], T]) -> T:
    """Do something, again and again with growing pauses while its failures may pass."""
    give_up = time.monotonic() + config.results.retry_seconds
    pause = 0.1
    while True:
        try:
            return operation()
        except Exception as error:
            if not may_pass(error) or time.monotonic() + pause > give_up:
                raise
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, 5.0)


def may_pass(error: BaseException) -> bool:
    """Whether an error says that a store is busy or out of reach, rather than that it refuses.

    Args:
        error: What the store's library raised.
    """
    status = status_of(error)
    if status is not None:
        return status >= 500 or status in (408, 429)
    if isinstance(error, _NEVER_PASSES):
        return False
    if isinstance(error, OSError):
        return True
    return type(error).__module__.split(".")[0] in _LIBRARIES and "Credential" not in str(
        type(error)
    )


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status in an error of a store's library, or in what it was made from.

    Args:
        error: The error.
    """
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, Mapping):
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            found = next(
                (
                    value
                    for value in (
                        getattr(error, name, None) for name in ("status_code", "status", "code")
                    )
                    if isinstance(value, int)
                ),
                None,
            )
        if isinstance(found, int) and 300 <= found < 600:
            return found
        error = error.__cause__
    return None
