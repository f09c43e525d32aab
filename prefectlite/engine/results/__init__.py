"""The stores in which results are kept."""

from __future__ import annotations

from prefectlite.engine.results.azure_result import AzureResult
from prefectlite.engine.results.constant_result import ConstantResult
from prefectlite.engine.results.fsspec_result import FsspecResult
from prefectlite.engine.results.gcs_result import GCSResult
from prefectlite.engine.results.local_result import LocalResult
from prefectlite.engine.results.prefect_result import PrefectResult
from prefectlite.engine.results.s3_result import S3Result
from prefectlite.engine.results.secret_result import SecretResult

__all__ = [
    "AzureResult",
    "ConstantResult",
    "FsspecResult",
    "GCSResult",
    "LocalResult",
    "PrefectResult",
    "S3Result",
    "SecretResult",
]
