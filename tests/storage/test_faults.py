"""Stores that refuse, are busy, go away and come back; disks that are full; writers that die."""

from __future__ import annotations

import http.server
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.engine.results import AzureResult, FsspecResult, LocalResult, S3Result
from prefectlite.engine.storage import Secret
from prefectlite.exceptions import (
    ResultError,
    ResultNotFoundError,
    ResultReadError,
    ResultWriteError,
    StoreUnreachableError,
)
from prefectlite.utilities.configuration import set_temporary_config
from tests.stores import READER_KEY, READER_SECRET, AzureServer, S3Server, own_server, server

# how many writers are killed: more by hand, with PREFECTLITE_TEST_KILLS=200
KILLS = int(os.environ.get("PREFECTLITE_TEST_KILLS", "8"))


@pytest.fixture
def s3() -> S3Server:
    found: S3Server = server(S3Server)
    return found


def test_no_such_bucket(s3: S3Server) -> None:
    result = S3Result("there-is-no-such-bucket", boto3_kwargs=s3.boto3_kwargs(), location="x")
    with pytest.raises(ResultWriteError, match=r"there-is-no-such-bucket.*create it first"):
        result.write(1)
    assert not result.exists("x")


def test_wrong_key(s3: S3Server) -> None:
    kwargs = s3.boto3_kwargs("nobody", "hunter2")
    result = S3Result(s3.bucket(), boto3_kwargs=kwargs, location="x")
    with pytest.raises(ResultWriteError, match="credentials") as told:
        result.write(1)
    assert "hunter2" not in str(told.value)
    assert "hunter2" not in repr(vars(result))
    with pytest.raises(ResultError, match="x"):
        result.read("x")


def test_a_script_ends_without_a_word_of_open_connections(s3: S3Server) -> None:
    script = f"""
from prefectlite.engine.results import S3Result
result = S3Result({s3.bucket()!r}, boto3_kwargs={s3.boto3_kwargs()!r}, location="x")
print(result.write(1).location, result.read("x").value)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("x 1\n", "")


def test_no_permission_to_write(s3: S3Server) -> None:
    bucket = s3.bucket()
    S3Result(bucket, boto3_kwargs=s3.boto3_kwargs(), location="x").write(1)
    reader = s3.boto3_kwargs(READER_KEY, READER_SECRET)
    result = S3Result(bucket, boto3_kwargs=reader, location="x")
    assert result.read("x").value == 1
    with pytest.raises(ResultWriteError, match="what they may write"):
        result.write(2)
    assert result.read("x").value == 1


def test_no_such_container_in_azure() -> None:
    azure: AzureServer = server(AzureServer)
    result = AzureResult("nowhere", connection_string=azure.connection_string, location="x")
    with pytest.raises(ResultWriteError, match=r"abfs://nowhere/x.*create it first"):
        result.write(1)
    wrong = azure.connection_string.replace("AccountKey=E", "AccountKey=F")
    with pytest.raises(ResultWriteError, match="check the credentials") as told:
        AzureResult(azure.bucket(), connection_string=wrong, location="x").write(1)
    assert len(str(told.value).splitlines()) == 1


def test_options_that_boto3_has_and_s3fs_has_not() -> None:
    with pytest.raises(ValueError, match=r"FsspecResult\('s3://"):
        S3Result("b", boto3_kwargs={"aws_account_id": 1})
    with pytest.raises(ValueError, match="ExtraArgs"):
        S3Result("b", upload_options={"Colour": "red"})


def test_upload_options_are_stored(s3: S3Server) -> None:
    bucket = s3.bucket()
    options = {"ContentType": "text/x-test", "Metadata": {"a": "b"}}
    result = S3Result(bucket, s3.boto3_kwargs(), upload_options=options, location="x")
    result.write(1)
    info = s3.filesystem().info(f"{bucket}/x")
    assert info["ContentType"] == "text/x-test"


def test_a_secret_is_looked_up_where_it_is_used(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**s3.options(), "secret": Secret("STORE_KEY")}
    result = FsspecResult(f"s3://{s3.bucket()}", storage_options=options, location="x")
    with pytest.raises(ResultError, match="STORE_KEY"):
        result.write(1)
    monkeypatch.setenv("STORE_KEY", s3.options()["secret"])
    result.write(1)
    assert result.read("x").value == 1


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes requests on, or answers that the store is busy."""

    proxy: Proxy
    store: str
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.body()
        self.proxy.seen.append(f"{self.command} {self.path}")
        if self.proxy.busy > 0:
            self.proxy.busy -= 1
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        request = urllib.request.Request(
            self.store + self.path,
            data=body if self.command in ("PUT", "POST") else None,
            method=self.command,
            headers={
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("expect", "connection", "transfer-encoding")
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as found:
                self.pass_on(found)
        except urllib.error.HTTPError as error:
            with error:
                self.pass_on(error)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def pass_on(self, found: Any) -> None:
        data = found.read()
        self.send_response(found.status)
        for name, value in found.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = found.headers.get("Content-Length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Proxy:
    """Stands before a store and answers 503 to the next `busy` requests."""

    def __init__(self, endpoint: str) -> None:
        self.busy = 0
        self.seen: list[str] = []
        handler = type("Handler", (_Handler,), {"proxy": self, "store": endpoint})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    made = Proxy(s3.endpoint)
    yield made
    made.close()


def through(proxy: Proxy, s3: S3Server, **settings: Any) -> S3Result:
    kwargs = {**s3.boto3_kwargs(), "endpoint_url": proxy.endpoint}
    return S3Result(s3.bucket(), boto3_kwargs=kwargs, **settings)


def test_a_store_that_is_busy_for_a_while(s3: S3Server, proxy: Proxy) -> None:
    result = through(proxy, s3, location="x")
    proxy.busy = 3
    result.write([1])
    proxy.busy = 3
    assert result.read("x").value == [1]
    proxy.busy = 3
    assert result.exists("x")
    proxy.busy = 3
    assert result.listing("") == {"x": len(s3.filesystem().cat_file(f"{result.bucket}/x"))}


def test_a_store_that_stays_busy(s3: S3Server, proxy: Proxy) -> None:
    result = through(proxy, s3, location="x")
    proxy.busy = 10_000
    with set_temporary_config({"results.retry_seconds": 1}):
        with pytest.raises(ResultWriteError, match="x"):
            result.write(1)
        with pytest.raises(StoreUnreachableError, match="x"):
            result.read("x")
        with pytest.raises(StoreUnreachableError, match="x"):
            result.exists("x")


def test_a_mapped_target_costs_one_listing(s3: S3Server, proxy: Proxy) -> None:
    @task(target="in/{x}.pkl", result=through(proxy, s3))
    def one(x: int) -> int:
        return x

    with Flow("listed") as flow:
        one.map(list(range(20)))
    flow.run()
    # one, and s3fs looks twice before it says that there is no such folder
    assert sum("list-type" in line for line in proxy.seen) <= 2
    assert not any(line.startswith("HEAD") for line in proxy.seen)
    proxy.seen.clear()
    state = flow.run()
    assert state.is_successful()
    assert sum("list-type" in line for line in proxy.seen) == 1
    assert len(proxy.seen) == 21


def test_a_store_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    with own_server(S3Server) as s3, set_temporary_config({"results.retry_seconds": 60}):
        result = S3Result(s3.bucket(), boto3_kwargs=s3.boto3_kwargs(), location="x")
        result.write([1])
        s3.stop()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(result.read("x").value))
        thread.start()
        time.sleep(1)
        s3.start()
        thread.join(60)
        assert found == [[1]]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    result = LocalResult(dir=tmp_path, location="file/below")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultWriteError, match=r"file/below.*a part of the path is a file"):
        result.write(1)
    assert not result.exists("file/below")
    assert (tmp_path / "file").read_text() == ""


def test_a_folder_that_takes_no_files() -> None:
    result = LocalResult(dir="/proc/self", validate_dir=False, location="x")
    with pytest.raises(ResultWriteError, match="/proc/self/x"):
        result.write(1)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    result = LocalResult(dir=tmp_path, location="x")
    result.write(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        with pytest.raises(ResultWriteError, match=r"/x'.*free some space"):
            result.write(b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert result.read("x").value == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_web_page_is_read_only(s3: S3Server) -> None:
    with pytest.raises(ResultWriteError, match="can only be read"):
        FsspecResult("http://127.0.0.1:9/data", location="x").write(1)


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setitem(sys.modules, "s3fs", None)
    for name in ("s3", "s3a"):
        monkeypatch.delitem(vars(sys.modules["fsspec.registry"])["_registry"], name, raising=False)
    with pytest.raises(ResultError, match=r"pip install 'prefectlite\[s3\]'"):
        S3Result("some-other-bucket", boto3_kwargs={"region_name": "no-1"}).write(1)


def test_a_missing_library_ends_a_task_run_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    registry = vars(sys.modules["fsspec.registry"])["_registry"]
    for name in ("abfs", "az"):
        monkeypatch.delitem(registry, name, raising=False)

    @task(target="{x}.pkl", result=AzureResult("some-other-container"))
    def load(x: int) -> None:
        (tmp_path / "ran").touch()

    with Flow("missing") as flow:
        loaded = load.map([1])
    (state,) = flow.run().result[loaded].map_states
    for part in ("pip install 'prefectlite[azure]'", "'load[0]'"):
        assert part in str(state.message)
    assert not (tmp_path / "ran").exists()


WRITER = """
import sys
from tests.storage.test_faults import result_from
result = result_from(sys.argv[1:])
print("ready", flush=True)
number = 0
while True:
    number += 1
    result.write(bytes([number % 256]) * int(sys.argv[2]))
"""


def result_from(arguments: list[str]) -> Any:
    """What a writer in another process writes to."""
    if arguments[0] == "local":
        return LocalResult(dir=arguments[2], location="x")
    kwargs = dict(zip(("endpoint_url", "aws_access_key_id"), arguments[3:5], strict=True))
    kwargs["aws_secret_access_key"] = arguments[5]
    return S3Result(arguments[2], boto3_kwargs=kwargs, location="x")


def whole_or_absent(result: Any) -> None:
    try:
        value = result.read("x").value
    except ResultNotFoundError:
        return
    except ResultReadError as error:
        raise AssertionError("a part of a value was seen") from error
    assert len(set(value)) <= 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_writers_that_are_killed(kind: str, tmp_path: Path, s3: S3Server) -> None:
    dice = random.Random(7)
    if kind == "local":
        place = [str(tmp_path)]
    else:
        kwargs = s3.boto3_kwargs()
        place = [s3.bucket(), *kwargs.values()]
        place = [place[0], kwargs["endpoint_url"], kwargs["aws_access_key_id"]]
        place.append(kwargs["aws_secret_access_key"])
    sizes = {"local": [200, 3_000_000], "s3": [200, 3_000_000, 40_000_000]}[kind]
    for number in range(KILLS):
        arguments = [kind, str(sizes[number % len(sizes)]), *place]
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, *arguments],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(dice.uniform(0, 0.3))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        whole_or_absent(result_from(arguments))
    final = result_from([kind, "0", *place])
    final.write(b"end")
    assert final.read("x").value == b"end"
    if kind == "local":
        # what the killed left is gone, as a new process begins to write
        subprocess.run(
            [sys.executable, "-c", WRITER.replace("while True", "for _ in [0]"), *arguments],
            cwd=Path(__file__).parents[2],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        assert [path.name for path in tmp_path.iterdir()] == ["x"]
