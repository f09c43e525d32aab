"""Results in every place that fsspec reaches."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from prefectlite.engine.results.stored_result import StoredResult, _told
from prefectlite.engine.serializers import runs_code
from prefectlite.engine.storage.credentials import Credential, Secret, hidden
from prefectlite.engine.storage.files import Buffer
from prefectlite.engine.storage.objects import ObjectStore, may_pass, status_of
from prefectlite.engine.storage.trust import check_trust

__all__ = ["FsspecResult"]


class ObjectResult(StoredResult):
    """The base of results in object stores and other file systems of fsspec.

    A subclass sets `_objects`, an `ObjectStore`.
    """

    _objects: ObjectStore
    _place: ClassVar[str] = "folder"

    def _compared(self) -> dict[str, Any]:
        objects = self._objects
        return {
            **super()._compared(),
            "store": (objects.protocol, objects.root, objects.url, objects.options),
        }

    @property
    def filesystem(self) -> Any:
        """The fsspec file system, one for all results of one configuration in a process."""
        return self._objects.filesystem

    @property
    def _base(self) -> str:
        return ""

    def named(self, location: str) -> str:
        """The URL of a location."""
        return self._objects.name(location)

    def _fetch(self, location: str) -> bytes:
        _check_local(self, location, True)
        return self._objects.read(location)

    def _store(self, location: str, parts: Sequence[Buffer]) -> None:
        _check_local(self, location, False)
        self._objects.write(location, parts)

    def _exists(self, location: str) -> bool:
        return self._objects.exists(location)

    def listing(self, folder: str) -> dict[str, int]:
        """The names in a folder, and their sizes in bytes."""
        return self._objects.listing(folder)

    def fetch_many(self, locations: Sequence[str]) -> list[bytes | Exception]:
        """Read several locations at the same time."""
        if self._objects.protocol in ("file", "local"):
            return [_tried(self._fetch, location) for location in locations]
        return self._objects.read_many(locations)

    def _is_out_of_reach(self, error: Exception) -> bool:
        return may_pass(error)

    def _why_unwritten(self, error: Exception) -> str:
        status = status_of(error)
        if isinstance(error, FileNotFoundError) or status == 404:
            return f"there is no {self._place} {self._objects.root!r}; create it first"
        if isinstance(error, PermissionError) or status in (401, 403):
            return f"{_told(error)}; check the credentials and what they may write"
        if may_pass(error):
            return f"{_told(error)}; look whether the store is up, and its address right"
        return _told(error)


class FsspecResult(ObjectResult):
    """Keeps each result at a location below a URL: in memory, over sftp, on hdfs, in a zip file.

    Args:
        url: where locations begin, such as "memory://results" or "sftp://host/data". A web page
            ("https://...") can be read only.
        storage_options: what fsspec's file system of that protocol takes. What looks like a key
            or a password is shown nowhere and is not pickled; a `Secret` is looked up where it
            is used.
        **kwargs: `value`, `location` and `serializer`, as in `Result`.

    Raises:
        TypeError: the URL is no text.

    Example:
        >>> FsspecResult("memory://results", location="x.pickle").write(1).location
        'x.pickle'
    """

    _store_fields = ("url",)

    def __init__(
        self, url: str, storage_options: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if not isinstance(url, str):
            raise TypeError(f"url must be a text such as 'memory://results', not {url!r}")
        protocol = url.split("::", 1)[0].split("://", 1)[0] if "://" in url else "file"
        options = hidden(storage_options or {})
        known, root = _without_credentials(url)
        if known:
            options["password"] = known
        self._objects = ObjectStore(protocol, _root(protocol, root), options, root)
        super().__init__(**kwargs)

    @property
    def url(self) -> str:
        """Where locations begin."""
        return str(self._objects.url)

    @property
    def storage_options(self) -> dict[str, Any]:
        """The options, with what must not be seen hidden."""
        return dict(self._objects.options)

    def named(self, location: str) -> str:
        """The URL of a location."""
        if "::" in self.url:
            return f"{location} in {self.url}"
        return f"{self.url.rstrip('/')}/{location.lstrip('/')}"


def _check_local(self: ObjectResult, location: str, is_read: bool) -> None:
    """Refuse a pickle in a local file that anybody on the machine may have written."""
    if self._objects.protocol in ("file", "local") and runs_code(self.serializer):
        path = self._objects.full(location)
        check_trust(path, Path(path).stat() if is_read else None)


def _tried(fetch: Callable[[str], bytes], location: str) -> bytes | Exception:
    try:
        return fetch(location)
    except Exception as error:
        return error


def _without_credentials(url: str) -> tuple[Credential | Secret | None, str]:
    """A password in a URL, and the URL without it."""
    before, found, after = url.partition("://")
    host, slash, path = after.partition("/")
    user, at, address = host.rpartition("@")
    name, colon, password = user.partition(":")
    if not (found and at and colon):
        return None, url
    return Credential(password), f"{before}://{name}@{address}{slash}{path}"


def _root(protocol: str, url: str) -> str:
    """The path of a URL as the file system takes it."""
    if "::" in url:
        inner = url.split("::", 1)[0].partition("://")[2]
        return "" if inner in ("", "*") else inner
    if protocol in ("http", "https"):
        return url
    if protocol in ("file", "local"):
        path = url.partition("://")[2] if "://" in url else url
        return posixpath.abspath(path)
    after = url.partition("://")[2]
    if protocol in ("sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs"):
        return "/" + after.partition("/")[2]
    return after.rstrip("/")
