"""What runs share: the cluster, the S3 server and the ways to them, the small disk, a folder."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soak.cluster import Cluster
from soak.disks import Disk
from soak.proxies import Network, Proxy


class World:
    """Each part is started when a run first needs it; `close` ends them all.

    Args:
        settings: Settings of Dask for clusters, as variables of the environment.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="prefectlite-soak-"))
        self.network = Network()
        self.disk = Disk(self.folder / "disk")
        self.clusters_made = 0
        self._cluster: Cluster | None = None
        self._s3: Any = None
        self._way_of_store: Proxy | None = None
        self._way_of_journals: Proxy | None = None
        self.bucket = ""

    @property
    def cluster(self) -> Cluster:
        """A cluster that is whole and has all its workers: the one there is, or a new one."""
        if self._cluster is not None and not self._cluster.wait_until_ready(15):
            self.drop_cluster()
        while self._cluster is None:
            self._cluster = Cluster(self.network, self.folder / "cluster", settings=self._settings)
            self.clusters_made += 1
            if not self._cluster.wait_until_ready():
                self.drop_cluster()
        return self._cluster

    @property
    def cluster_as_it_is(self) -> Cluster:
        """The cluster of the run that goes on, in whatever state it is."""
        assert self._cluster is not None
        return self._cluster

    def drop_cluster(self) -> None:
        """End the cluster; the next run that needs one gets another."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    @property
    def way_of_store(self) -> Proxy:
        """The way on which runs reach the S3 server."""
        if self._way_of_store is None:
            from tests.stores import S3Server

            self._s3 = S3Server()
            self._s3.start()
            self.bucket = f"soak-{uuid.uuid4().hex[:12]}"
            self._s3.filesystem().mkdir(self.bucket)
            self._way_of_store = Proxy(self.network, self._s3.ports["s3"])
        return self._way_of_store

    @property
    def way_of_journals(self) -> Proxy:
        """The way on which runs reach their journals, where these are on the S3 server."""
        if self._way_of_journals is None:
            self._way_of_journals = Proxy(self.network, self.way_of_store.target)
        return self._way_of_journals

    def journal_options(self) -> dict[str, Any]:
        """What `runs.storage_options` has to be for journals on the S3 server."""
        endpoint = f"http://127.0.0.1:{self.way_of_journals.port}"
        return {**self._s3.options(), "endpoint_url": endpoint}

    def store_kwargs(self) -> dict[str, Any]:
        """What `S3Result` takes to reach the server by way of the proxy."""
        endpoint = f"http://127.0.0.1:{self.way_of_store.port}"
        kwargs: dict[str, Any] = {**self._s3.boto3_kwargs(), "endpoint_url": endpoint}
        return kwargs

    def list_store(self, folder: str) -> list[str]:
        """The keys of all objects below a folder of the bucket."""
        filesystem = self._s3.filesystem()
        filesystem.invalidate_cache()
        found = filesystem.find(f"{self.bucket}/{folder}")
        return [key.removeprefix(f"{self.bucket}/") for key in found]

    def close(self) -> None:
        """End everything."""
        self.drop_cluster()
        if self._way_of_journals is not None:
            self._way_of_journals.close()
        if self._way_of_store is not None:
            self._way_of_store.close()
            self._s3.close()
        self.network.close()
        self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
