"""One client of a store per process and configuration, made when it is first used."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Mapping
from typing import Any

from prefectlite.engine.storage.credentials import revealed
from prefectlite.exceptions import ResultError

_EXTRAS = {
    "s3": ("s3", "s3fs"),
    "s3a": ("s3", "s3fs"),
    "gs": ("gcs", "gcsfs"),
    "gcs": ("gcs", "gcsfs"),
    "abfs": ("azure", "adlfs"),
    "az": ("azure", "adlfs"),
    "adl": ("azure", "adlfs"),
}

# where the file systems keep what holds their connections
_HOLDERS = ("_s3creator", "_session", "service_client")
_CLOSED_IN_SECONDS = 2.0

_clients: dict[Any, Any] = {}
_lock = threading.Lock()


def client(protocol: str, options: Mapping[str, Any], url: str | None = None) -> Any:
    """The fsspec file system of a protocol; the same one for the same options in a process.

    Args:
        protocol: "s3", "gs", "abfs", "memory", ...
        options: What the file system takes; `Credential` and `Secret` are filled in.
        url: The URL, where it says more than the protocol: a host, or a chain of file systems.

    Raises:
        ResultError: The library is not installed; gives the command. Or a secret is missing.
    """
    key = (os.getpid(), protocol, url, _frozen(options))
    found = _clients.get(key)
    if found is None:
        with _lock:
            found = _clients.get(key)
            if not _clients:
                atexit.register(_close_all)
            if found is None:
                found = _clients[key] = _made(protocol, revealed(options), url)
    return found


def _made(protocol: str, options: dict[str, Any], url: str | None) -> Any:
    import fsspec

    # a listing that is kept would hide what other processes write
    options = {"use_listings_cache": False, "skip_instance_cache": True, **options}
    try:
        if url is not None and "::" in url:
            options.pop("skip_instance_cache")
            options.pop("use_listings_cache")
            made = fsspec.core.url_to_fs(url, **options)[0]
        else:
            kind = _class_of(protocol)
            of_url = {} if url is None else kind._get_kwargs_from_urls(url)
            made = kind(**{**of_url, **options})
    except ImportError as error:
        raise ResultError(_install(protocol, error)) from error
    if hasattr(made, "close_session"):
        # it lives as long as the process, and is closed at its end: theirs fails where the end
        # begins in another event loop, as on Dask's workers
        made.close_session = _leave_open
    if protocol in ("s3", "s3a"):
        # tried again here, with one pause that grows, and not at two more levels below
        made.retries = 1
        # one request for a value: more than one at a time would ask for its size first
        made.max_concurrency = 1
    return made


def _leave_open(*session: Any) -> None:
    return None


def _close_all() -> None:
    """Close the connections of this process at its end; what is left open is complained of."""
    from fsspec.asyn import sync

    for (process, *_), filesystem in list(_clients.items()):
        if process != os.getpid():
            # made before a fork: the connections are the other process's
            continue
        loop = getattr(filesystem, "loop", None)
        for name in _HOLDERS:
            holder: Any = getattr(filesystem, name, None)
            if loop is not None and loop.is_running() and hasattr(holder, "__aexit__"):
                with contextlib.suppress(Exception):
                    sync(loop, holder.__aexit__, None, None, None, timeout=_CLOSED_IN_SECONDS)


def _class_of(protocol: str) -> Any:
    if protocol in ("gs", "gcs"):
        # what gcsfs registers asks another service, at another address, what kind of bucket it is
        from gcsfs.core import GCSFileSystem

        return GCSFileSystem
    import fsspec

    return fsspec.get_filesystem_class(protocol)


def _install(protocol: str, error: ImportError) -> str:
    extra, library = _EXTRAS.get(protocol, (None, None))
    if extra is None:
        return f"Results at {protocol}:// need a library that is not installed: {error}"
    return (
        f"Results at {protocol}:// need {library}, which cannot be imported ({error}). Install it, "
        f"here and on the workers: pip install 'prefectlite[{extra}]'"
    )


def _frozen(options: Any) -> Any:
    """Options as a key of a dictionary."""
    if isinstance(options, Mapping):
        return tuple(sorted((str(name), _frozen(value)) for name, value in options.items()))
    if isinstance(options, (list, tuple, set)):
        return tuple(_frozen(value) for value in options)
    try:
        hash(options)
    except TypeError:
        return repr(options)
    return _Key(options)


class _Key:
    """Sorts next to keys of any type, and compares by what it holds."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __lt__(self, other: object) -> bool:
        return str(self) < str(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.held == other.held

    def __hash__(self) -> int:
        return hash(self.held)
