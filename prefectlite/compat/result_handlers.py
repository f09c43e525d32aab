"""The result handlers of Prefect 0.13 and 0.14: each makes the `Result` that took its place."""

from __future__ import annotations

from typing import Any

from prefectlite.engine import results
from prefectlite.engine.result import Result

__all__ = [
    "AzureResultHandler",
    "ConstantResultHandler",
    "GCSResultHandler",
    "JSONResultHandler",
    "LocalResultHandler",
    "ResultHandler",
    "S3ResultHandler",
    "SecretResultHandler",
]

ResultHandler = Result


def LocalResultHandler(dir: str | None = None, validate: bool = True) -> Result:  # noqa: N802
    """Make a `LocalResult` of that folder."""
    return results.LocalResult(dir=dir, validate_dir=validate)


def JSONResultHandler() -> Result:  # noqa: N802
    """Make a `PrefectResult`: the value as JSON in the location itself."""
    return results.PrefectResult()


def ConstantResultHandler(value: Any) -> Result:  # noqa: N802
    """Make a `ConstantResult` of a value."""
    return results.ConstantResult(value=value)


def SecretResultHandler(secret_task: Any) -> Result:  # noqa: N802
    """Make a `SecretResult`: the value is asked of the task whenever it is needed."""
    return results.SecretResult(secret_task)


def S3ResultHandler(bucket: str, boto3_kwargs: dict[str, Any] | None = None) -> Result:  # noqa: N802
    """Make an `S3Result` of that bucket."""
    made: Result = _results("S3Result")(bucket=bucket, boto3_kwargs=boto3_kwargs)
    return made


def GCSResultHandler(bucket: str) -> Result:  # noqa: N802
    """Make a `GCSResult` of that bucket."""
    made: Result = _results("GCSResult")(bucket=bucket)
    return made


def AzureResultHandler(container: str, **kwargs: Any) -> Result:  # noqa: N802
    """Make an `AzureResult` of that container."""
    made: Result = _results("AzureResult")(container=container, **kwargs)
    return made


def _results(name: str) -> Any:
    # asked for when they are used: they need packages that not everybody has
    return getattr(results, name)
