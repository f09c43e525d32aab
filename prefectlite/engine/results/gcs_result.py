"""Results in Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefectlite.engine.results.fsspec_result import ObjectResult
from prefectlite.engine.storage.credentials import hidden
from prefectlite.engine.storage.objects import ObjectStore

__all__ = ["GCSResult"]


class GCSResult(ObjectResult):
    """Keeps each result in an object of a bucket.

    Needs gcsfs: `pip install 'prefectlite[gcs]'`. Credentials are found as by every tool of
    Google Cloud (`GOOGLE_APPLICATION_CREDENTIALS`, `gcloud auth`, the machine's own account).

    Args:
        bucket: the bucket.
        storage_options: what gcsfs takes, `token`, `project` or `endpoint_url` for instance. What
            looks like a key or a password is shown nowhere and is not pickled.
        **kwargs: `value`, `location` and `serializer`, as in `Result`; the location is the name
            of the object.

    Example:
        >>> GCSResult("results", location="{task_name}.pickle")
        <GCSResult: None>
    """

    _store_fields = ("bucket",)
    _place = "bucket"

    def __init__(
        self,
        bucket: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.bucket = bucket
        self._objects = ObjectStore("gs", bucket or "", hidden(storage_options or {}))
        super().__init__(**kwargs)

    @property
    def gcs_bucket(self) -> Any:
        """The client: a `gcsfs.GCSFileSystem`."""
        return self.filesystem
