"""The stores in which results are kept."""

from __future__ import annotations

from prefectlite.engine.results.constant_result import ConstantResult
from prefectlite.engine.results.local_result import LocalResult
from prefectlite.engine.results.prefect_result import PrefectResult
from prefectlite.engine.results.secret_result import SecretResult

__all__ = ["ConstantResult", "LocalResult", "PrefectResult", "SecretResult"]
