"""The parts of a serialized state: fields that JSON can hold, and results without their values.

The shape is that of Prefect 1.4.1: a result is its location and its store, with its class under
"type" and the version under "__version__".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefectlite.engine.result import NoResult, NoResultType, Result

__all__ = ["from_json", "result_from_dict", "result_to_dict", "to_json", "version"]

_DATES = frozenset(["start_time", "cached_result_expiration"])


def version() -> str:
    """Give the version of prefectlite that a description was made with."""
    from prefectlite import __version__

    return __version__


def to_json(value: Any, description: str) -> Any:
    """Give a field as JSON holds it; `description` names it in the error."""
    if isinstance(value, datetime):
        return value.isoformat()
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{description} cannot be serialized: {error}. Keep in it only what JSON can hold"
        ) from error


def from_json(name: str, value: Any) -> Any:
    """Give a field as the class of the state takes it."""
    if value is None or name not in _DATES:
        return value
    import pendulum

    try:
        return pendulum.parse(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no date: {value!r}") from error


def result_to_dict(result: Result) -> dict[str, Any]:
    """Describe a result by its location and its store."""
    if type(result) is NoResultType:
        return {"type": "NoResultType", "__version__": version()}
    described = {"location": result.location, "type": "CustomResult", "__version__": version()}
    if type(result) is Result or type(result) in _known_classes().values():
        described["type"] = type(result).__name__
        described.update({name: getattr(result, name) for name in result._store_fields})
    return described


def _known_classes() -> dict[str, type[Result]]:
    """The classes of results that come with prefectlite, by name."""
    from prefectlite.engine import results

    return {name: getattr(results, name) for name in results.__all__}


def result_from_dict(described: Mapping[str, Any] | None) -> Result:
    """Make a result, without its value.

    A result of a class that is not known here, or whose class needs more than a description
    holds, becomes a plain `Result` with the location: another `Result` can read it.
    """
    if described is None or described.get("type") == "NoResultType":
        return NoResult
    location = described.get("location")
    result_class = _known_classes().get(str(described.get("type")))
    if result_class is None or described["type"] == "SecretResult":
        return Result(location=location)
    store = {field: described[field] for field in result_class._store_fields if field in described}
    return result_class(location=location, **store)
