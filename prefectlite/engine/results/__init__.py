"""The stores in which results are kept; each is loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefectlite.utilities.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from prefectlite.engine.results.azure_result import AzureResult as AzureResult
    from prefectlite.engine.results.constant_result import ConstantResult as ConstantResult
    from prefectlite.engine.results.fsspec_result import FsspecResult as FsspecResult
    from prefectlite.engine.results.gcs_result import GCSResult as GCSResult
    from prefectlite.engine.results.local_result import LocalResult as LocalResult
    from prefectlite.engine.results.prefect_result import PrefectResult as PrefectResult
    from prefectlite.engine.results.s3_result import S3Result as S3Result
    from prefectlite.engine.results.secret_result import SecretResult as SecretResult

_NAMES = {
    "AzureResult": "prefectlite.engine.results.azure_result",
    "ConstantResult": "prefectlite.engine.results.constant_result",
    "FsspecResult": "prefectlite.engine.results.fsspec_result",
    "GCSResult": "prefectlite.engine.results.gcs_result",
    "LocalResult": "prefectlite.engine.results.local_result",
    "PrefectResult": "prefectlite.engine.results.prefect_result",
    "S3Result": "prefectlite.engine.results.s3_result",
    "SecretResult": "prefectlite.engine.results.secret_result",
}
_MODULES = frozenset(module.rpartition(".")[2] for module in _NAMES.values())

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

__getattr__, __dir__ = loaded_on_first_use(__name__, _NAMES, _MODULES)
