"""Results in Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefectlite.engine.results.fsspec_result import ObjectResult
from prefectlite.engine.storage.credentials import Secret, hidden, revealed
from prefectlite.engine.storage.objects import ObjectStore

__all__ = ["AzureResult"]


class AzureResult(ObjectResult):
    """Keeps each result in a blob of a container.

    Needs adlfs: `pip install 'prefectlite[azure]'`. Credentials are in the connection string, in
    a secret that holds one, in `storage_options`, or in the variables that adlfs looks at
    (`AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_ACCOUNT_NAME`, ...).

    Args:
        container: the container.
        connection_string: the connection string; shown nowhere and not pickled.
        connection_string_secret: the name of a secret that holds the connection string, looked up
            where it is used (see `prefectlite.engine.storage.Secret`).
        storage_options: what adlfs takes, `account_name` or `credential` for instance.
        **kwargs: `value`, `location` and `serializer`, as in `Result`; the location is the name
            of the blob.

    Example:
        >>> AzureResult("results", connection_string_secret="AZURE", location="{task_name}")
        <AzureResult: None>
    """

    _store_fields = ("container",)
    _place = "container"

    def __init__(
        self,
        container: str,
        connection_string: str | None = None,
        connection_string_secret: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.container = container
        self.connection_string_secret = connection_string_secret
        options = hidden(storage_options or {})
        if connection_string is not None:
            options.update(hidden({"connection_string": connection_string}))
        elif connection_string_secret is not None:
            options["connection_string"] = Secret(connection_string_secret)
        self._objects = ObjectStore("abfs", container, options)
        super().__init__(**kwargs)

    @property
    def connection_string(self) -> str | None:
        """The connection string that was given, or is in the secret."""
        found: str | None = revealed(self._objects.options.get("connection_string"))
        return found

    def initialize_service(self) -> None:
        """Connect now rather than at the first use."""
        _ = self.filesystem

    @property
    def service(self) -> Any:
        """The client: an `adlfs.AzureBlobFileSystem`."""
        return self.filesystem
