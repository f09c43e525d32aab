"""Tasks, edges and flows as dictionaries that can be written as JSON, in Prefect 1's shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefectlite._version import __version__

if TYPE_CHECKING:
    from prefectlite.core.edge import Edge
    from prefectlite.core.flow_view import FlowView
    from prefectlite.core.parameter import Parameter
    from prefectlite.core.task import Task

__all__ = [
    "hash_of",
    "serialize_edge",
    "serialize_flow",
    "serialize_parameter",
    "serialize_task",
]


def _full_name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _seconds(delay: timedelta | None) -> int | None:
    return None if delay is None else int(delay.total_seconds())


def _plain(value: Any) -> Any:
    """Return what JSON can hold as it is, sets as lists, anything else as its representation."""
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)
    return value


def _function(function: Callable[..., Any]) -> dict[str, Any]:
    """Name a function; one that another function made is named by that one and its arguments."""
    qualified: str = getattr(function, "__qualname__", type(function).__qualname__)
    module = getattr(function, "__module__", type(function).__module__)
    maker, made, _ = qualified.partition(".<locals>.")
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None)
    kwargs: dict[str, Any] = {}
    if made and code is not None and cells:
        for name, cell in zip(code.co_freevars, cells, strict=True):
            kwargs[name] = _plain(cell.cell_contents)
    return {"fn": f"{module}.{maker}", "kwargs": kwargs}


def serialize_task(task: Task, slug: str | None = None) -> dict[str, Any]:
    """Describe a task.

    Args:
        task: the task.
        slug: its slug in a flow; by default its own.
    """
    return {
        "name": task.name,
        "slug": task.slug if slug is None else slug,
        "type": _full_name(type(task)),
        "tags": sorted(map(str, task.tags)),
        "inputs": {
            name: {"type": str(argument["type"]), "required": argument["required"]}
            for name, argument in task.inputs().items()
        },
        "outputs": str(task.outputs()),
        "max_retries": task.max_retries,
        "retry_delay": _seconds(task.retry_delay),
        "timeout": task.timeout,
        "trigger": _function(task.trigger),
        "skip_on_upstream_skip": task.skip_on_upstream_skip,
        "cache_for": _seconds(task.cache_for),
        "cache_key": task.cache_key,
        "cache_validator": _function(task.cache_validator),
        "auto_generated": task.auto_generated,
        "__version__": __version__,
    }


def serialize_parameter(parameter: Parameter) -> dict[str, Any]:
    """Describe a parameter; a default that JSON cannot hold is given by its representation."""
    return {
        "name": parameter.name,
        "slug": parameter.slug,
        "type": _full_name(type(parameter)),
        "default": _plain(parameter.default),
        "required": parameter.required,
        "tags": sorted(map(str, parameter.tags)),
        "outputs": str(parameter.outputs()),
        "__version__": __version__,
    }


def _reference(slug: str | None) -> dict[str, Any]:
    return {"slug": slug, "__version__": __version__}


def serialize_edge(
    edge: Edge, upstream_slug: str | None = None, downstream_slug: str | None = None
) -> dict[str, Any]:
    """Describe an edge; its tasks are given by their slugs.

    Args:
        edge: the edge.
        upstream_slug: the upstream task's slug in a flow; by default its own.
        downstream_slug: the downstream task's slug in a flow; by default its own.
    """
    return {
        "upstream_task": _reference(upstream_slug or edge.upstream_task.slug),
        "downstream_task": _reference(downstream_slug or edge.downstream_task.slug),
        "key": edge.key,
        "mapped": edge.mapped,
        "flattened": edge.flattened,
        "__version__": __version__,
    }


def serialize_flow(flow: FlowView) -> dict[str, Any]:
    """Describe a flow; everything in it is ordered by slug, so that equal flows look the same.

    Args:
        flow: the flow.
    """
    slugs = flow.slugs
    edges = [
        serialize_edge(edge, slugs[edge.upstream_task], slugs[edge.downstream_task])
        for edge in flow.edges
    ]
    schedule = getattr(flow, "schedule", None)
    describe = getattr(schedule, "serialize", None)
    return {
        "name": flow.name,
        "type": _full_name(type(flow)),
        "schedule": describe() if describe is not None else _plain(schedule),
        "parameters": sorted(
            (serialize_parameter(parameter) for parameter in flow.parameters()),
            key=lambda parameter: str(parameter["slug"]),
        ),
        "tasks": [
            serialize_task(task, slug)
            for task, slug in sorted(slugs.items(), key=lambda item: item[1])
            if task in flow.tasks
        ],
        "edges": sorted(edges, key=_edge_order),
        "reference_tasks": [
            _reference(slug)
            for slug in sorted(slugs[task] for task in flow.explicit_reference_tasks())
        ],
        "run_config": None,
        "storage": None,
        "__version__": __version__,
    }


def _edge_order(edge: dict[str, Any]) -> tuple[Any, ...]:
    return (
        edge["upstream_task"]["slug"],
        edge["downstream_task"]["slug"],
        edge["key"] or "",
        edge["mapped"],
        edge["flattened"],
    )


def hash_of(serialized: dict[str, Any]) -> str:
    """Return the SHA-256 of a description, as hexadecimal digits.

    Args:
        serialized: what one of the functions of this module returned.
    """
    import hashlib

    text = json.dumps(serialized, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
