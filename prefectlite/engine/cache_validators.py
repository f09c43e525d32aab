"""Whether a `Cached` state may be used again, for tasks with `cache_for`.

A validator is called with the cached state, the inputs of the task run about to start (values by
the name of the argument) and the flow's parameters. A validator of one's own is any function of
the same kind.

Example:
    >>> Task(cache_for=timedelta(hours=1), cache_validator=partial_inputs_only(["date"]))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefectlite.engine.state import Cached

    Validator = Callable[[Cached, dict[str, Any], dict[str, Any]], bool]

__all__ = [
    "all_inputs",
    "all_parameters",
    "duration_only",
    "hash_inputs",
    "never_use",
    "partial_inputs_only",
    "partial_parameters_only",
]


def hash_inputs(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Hash the inputs of a task run, to be compared later without keeping their values.

    Args:
        inputs: the values by the name of the argument.

    Returns:
        The hashes by the name of the argument; equal values have equal hashes.

    Example:
        >>> hash_inputs({"x": 1}) == hash_inputs({"x": 1})
        True
    """
    from dask.base import tokenize

    return {name: tokenize(value) for name, value in inputs.items()}


def never_use(state: Cached, inputs: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """Never use the cached value.

    Args:
        state, inputs, parameters: do not matter.

    Returns:
        False.
    """
    return False


def duration_only(state: Cached, inputs: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """Use the cached value until it expires; the default of tasks with `cache_for`.

    Args:
        state: the cached state.
        inputs, parameters: do not matter.
    """
    expiration = state.expiration_timestamp
    return expiration is None or expiration > time.time()


def all_inputs(state: Cached, inputs: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """Use the cached value until it expires, if all inputs are the same.

    Args:
        state: the cached state.
        inputs: the inputs of the task run about to start.
        parameters: do not matter.
    """
    if not duration_only(state, inputs, parameters):
        return False
    if state.hashed_inputs is not None:
        return state.hashed_inputs == hash_inputs(inputs)
    return {name: kept.value for name, kept in state.cached_inputs.items()} == inputs


def all_parameters(state: Cached, inputs: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """Use the cached value until it expires, if all parameters of the flow are the same.

    Args:
        state: the cached state.
        inputs: do not matter.
        parameters: the parameters of the run.
    """
    return duration_only(state, inputs, parameters) and bool(state.cached_parameters == parameters)


def partial_inputs_only(validate_on: Iterable[str] | None = None) -> Validator:
    """Make a validator: use the cached value until it expires, if some inputs are the same.

    Args:
        validate_on: the names of the arguments that have to be the same; none by default.

    Returns:
        The validator.

    Example:
        >>> Task(cache_for=timedelta(days=1), cache_validator=partial_inputs_only(["date"]))
    """
    names = _as_names(validate_on)

    def _partial_inputs_only(
        state: Cached, inputs: dict[str, Any], parameters: dict[str, Any]
    ) -> bool:
        if not duration_only(state, inputs, parameters):
            return False
        if not names:
            return True
        now = _only(names, inputs)
        if state.hashed_inputs is not None:
            return _only(names, state.hashed_inputs) == hash_inputs(now)
        before = _only(names, state.cached_inputs)
        return {name: kept.value for name, kept in before.items()} == now

    return _partial_inputs_only


def partial_parameters_only(validate_on: Iterable[str] | None = None) -> Validator:
    """Make a validator: use the cached value until it expires, if some parameters are the same.

    Args:
        validate_on: the names of the parameters that have to be the same; none by default.

    Returns:
        The validator.

    Example:
        >>> Task(cache_for=timedelta(days=1), cache_validator=partial_parameters_only(["region"]))
    """
    names = _as_names(validate_on)

    def _partial_parameters_only(
        state: Cached, inputs: dict[str, Any], parameters: dict[str, Any]
    ) -> bool:
        return duration_only(state, inputs, parameters) and (
            _only(names, state.cached_parameters) == _only(names, parameters)
        )

    return _partial_parameters_only


def _as_names(validate_on: Iterable[str] | None) -> frozenset[str]:
    """Take one name for what it is, not for its letters."""
    return frozenset([validate_on] if isinstance(validate_on, str) else validate_on or ())


def _only(names: frozenset[str], values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if name in names}
