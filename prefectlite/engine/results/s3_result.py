"""Results in S3 and in stores that speak its language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefectlite.engine.results.fsspec_result import ObjectResult
from prefectlite.engine.storage.credentials import hidden, revealed
from prefectlite.engine.storage.objects import ObjectStore

__all__ = ["S3Result"]

_S3FS_NAMES = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "endpoint_url": "endpoint_url",
    "use_ssl": "use_ssl",
    "profile_name": "profile",
}
_CLIENT_NAMES = frozenset({"region_name", "verify", "api_version"})
_UPLOAD_OPTIONS = frozenset(
    [
        "ACL",
        "CacheControl",
        "ChecksumAlgorithm",
        "ContentDisposition",
        "ContentEncoding",
        "ContentLanguage",
        "ContentType",
        "ExpectedBucketOwner",
        "Expires",
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWriteACP",
        "Metadata",
        "ObjectLockLegalHoldStatus",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "RequestPayer",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSECustomerKeyMD5",
        "SSEKMSEncryptionContext",
        "SSEKMSKeyId",
        "ServerSideEncryption",
        "StorageClass",
        "Tagging",
        "WebsiteRedirectLocation",
    ]
)


class S3Result(ObjectResult):
    """Keeps each result in an object of a bucket.

    Needs s3fs: `pip install 'prefectlite[s3]'`. Credentials are found as by every tool of AWS
    (variables, `~/.aws`, the role of the machine), or are in `boto3_kwargs`; those are shown
    nowhere and are not pickled.

    Args:
        bucket: the bucket.
        boto3_kwargs: what a boto3 client takes: `endpoint_url`, `aws_access_key_id`,
            `aws_secret_access_key`, `aws_session_token`, `region_name`, `profile_name`,
            `use_ssl`, `verify`, `api_version`, `config`.
        upload_options: how objects are stored, as boto3's `ExtraArgs`: `ServerSideEncryption`,
            `StorageClass`, `ACL`, `Metadata`, ...
        **kwargs: `value`, `location` and `serializer`, as in `Result`; the location is the key.

    Raises:
        ValueError: an argument of boto3 that has no counterpart; says what to write instead.

    Example:
        >>> S3Result("results", location="{flow_name}/{task_name}.pickle")
        <S3Result: None>
    """

    _store_fields = ("bucket",)
    _place = "bucket"

    def __init__(
        self,
        bucket: str,
        boto3_kwargs: Mapping[str, Any] | None = None,
        upload_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.bucket = bucket
        self.upload_options = dict(upload_options or {})
        self._boto3_kwargs = hidden(boto3_kwargs or {})
        self._objects = ObjectStore(
            "s3", bucket, _s3fs_options(self._boto3_kwargs, self.upload_options)
        )
        super().__init__(**kwargs)

    @property
    def boto3_kwargs(self) -> dict[str, Any]:
        """What a boto3 client would take, credentials included."""
        found: dict[str, Any] = revealed(self._boto3_kwargs)
        return found

    @property
    def client(self) -> Any:
        """The client: an `s3fs.S3FileSystem`."""
        return self.filesystem


def _s3fs_options(
    boto3_kwargs: Mapping[str, Any], upload_options: Mapping[str, Any]
) -> dict[str, Any]:
    options: dict[str, Any] = {}
    client_kwargs: dict[str, Any] = {}
    for name, value in boto3_kwargs.items():
        if name in _S3FS_NAMES:
            options[_S3FS_NAMES[name]] = value
        elif name in _CLIENT_NAMES:
            client_kwargs[name] = value
        elif name == "config":
            options["config_kwargs"] = _config_options(value)
        else:
            raise ValueError(
                f"S3Result does not know {name!r} in boto3_kwargs. It takes "
                f"{', '.join(sorted([*_S3FS_NAMES, *_CLIENT_NAMES, 'config']))}. Write "
                "FsspecResult('s3://bucket', storage_options={...}) to give s3fs options directly."
            )
    unknown = sorted(set(upload_options) - _UPLOAD_OPTIONS)
    if unknown:
        raise ValueError(
            f"S3Result does not know {unknown[0]!r} in upload_options. They are those of boto3's "
            f"ExtraArgs: {', '.join(sorted(_UPLOAD_OPTIONS))}."
        )
    if client_kwargs:
        options["client_kwargs"] = client_kwargs
    if upload_options:
        options["s3_additional_kwargs"] = hidden(upload_options)
    # one try: what fails is tried again above, with pauses that grow
    retries = {"retries": {"mode": "standard", "total_max_attempts": 1}}
    options["config_kwargs"] = {**retries, **options.get("config_kwargs", {})}
    return options


def _config_options(config: Any) -> dict[str, Any]:
    """The options that a `botocore.config.Config` was made with; or a dictionary of them."""
    if isinstance(config, Mapping):
        return dict(config)
    given = getattr(config, "_user_provided_options", None)
    if given is None:
        raise ValueError(
            f"config in boto3_kwargs must be a botocore.config.Config or a dictionary, not "
            f"{type(config).__name__}"
        )
    return dict(given)
