"""The stores as fixtures: each class of results, on the real server it is for."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prefectlite.engine.results import AzureResult, FsspecResult, GCSResult, LocalResult, S3Result
from prefectlite.utilities.configuration import set_temporary_config
from tests.stores import AzureServer, GCSServer, S3Server, close_servers, server

STORES = ["local", "s3", "gcs", "azure", "memory"]


@pytest.fixture(scope="session", autouse=True)
def _end_of_servers() -> Iterator[None]:
    yield
    close_servers()


@pytest.fixture(autouse=True)
def _gives_up_soon() -> Iterator[None]:
    with set_temporary_config({"results.retry_seconds": 8}):
        yield


@dataclass
class Store:
    """One store, with a place of its own in it.

    `result` makes a result in it; `raw` gives the bytes at a location, and `put` puts some there,
    both by other means than ours.
    """

    kind: str
    result: Callable[..., Any]
    raw: Callable[[str], bytes]
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]
    names: Callable[[], list[str]]


def store_of_kind(kind: str, tmp_path: Path) -> Store:
    """A store of one of the kinds in `STORES`."""
    if kind == "local":
        return Store(
            kind,
            lambda **settings: LocalResult(dir=tmp_path, **settings),
            lambda location: (tmp_path / location).read_bytes(),
            lambda location, data: _write(tmp_path / location, data),
            lambda location: (tmp_path / location).unlink(),
            lambda: [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()],
        )
    if kind == "memory":
        import fsspec

        bucket = f"test-{uuid.uuid4().hex}"
        return _on(kind, fsspec.filesystem("memory"), f"/{bucket}", _memory(bucket))
    if kind == "s3":
        s3: S3Server = server(S3Server)
        bucket = s3.bucket()
        return _on(
            kind,
            s3.filesystem(),
            bucket,
            lambda **settings: S3Result(bucket, boto3_kwargs=s3.boto3_kwargs(), **settings),
        )
    if kind == "gcs":
        gcs: GCSServer = server(GCSServer)
        bucket = gcs.bucket()
        return _on(
            kind,
            gcs.filesystem(),
            bucket,
            lambda **settings: GCSResult(bucket, storage_options=gcs.options(), **settings),
        )
    azure: AzureServer = server(AzureServer)
    bucket = azure.bucket()
    return _on(
        kind,
        azure.filesystem(),
        bucket,
        lambda **settings: AzureResult(
            bucket, connection_string=azure.connection_string, **settings
        ),
    )


def _memory(bucket: str) -> Callable[..., Any]:
    return lambda **settings: FsspecResult(f"memory://{bucket}", **settings)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _on(kind: str, filesystem: Any, bucket: str, result: Callable[..., Any]) -> Store:
    def names() -> list[str]:
        found = filesystem.find(bucket)
        return [str(name).strip("/").removeprefix(bucket.strip("/") + "/") for name in found]

    return Store(
        kind,
        result,
        lambda location: filesystem.cat_file(f"{bucket}/{location}"),
        lambda location, data: filesystem.pipe_file(f"{bucket}/{location}", data),
        lambda location: filesystem.rm_file(f"{bucket}/{location}"),
        names,
    )


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each store in turn."""
    return store_of_kind(request.param, tmp_path)


@pytest.fixture
def s3_store(tmp_path: Path) -> Store:
    """S3 alone."""
    return store_of_kind("s3", tmp_path)


class _Keep(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            self.told.append(record.getMessage())


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """The warnings that are logged during the test."""
    keep = _Keep()
    logger = logging.getLogger("prefectlite")
    logger.addHandler(keep)
    yield keep.told
    logger.removeHandler(keep)
