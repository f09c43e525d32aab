"""The context of a flow run: parameters, names and dates, as tasks and templates see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefectlite.utilities.context import context
from prefectlite.utilities.secrets import remember_secret

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow


# keys that every thread and process has of its own, or that belong to the building of a flow
_OF_THE_PROCESS = frozenset(
    {"case", "config", "flow", "logger", "mapped", "resource", "tags", "_unused_task_tracker"}
)


def flow_run_context(
    flow: Flow, parameters: Mapping[str, Any] | None, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The context keys of one flow run.

    Args:
        flow: The flow.
        parameters: The values the run was given.
        given: Context keys the run was given; they win over dates and identifiers.

    Returns:
        A new dictionary of keys and values.
    """
    import pendulum

    surrounding = context.__dict__
    given = dict(given or {})
    now = pendulum.now("utc")
    values: dict[str, Any] = {
        **{key: value for key, value in surrounding.items() if key not in _OF_THE_PROCESS},
        "flow_name": flow.name,
        "date": now,
        "scheduled_start_time": surrounding.get("scheduled_start_time", now),
    }
    for name, days in (("yesterday", -1), ("today", 0), ("tomorrow", 1)):
        day = now + timedelta(days=days)
        values[name] = day.strftime("%Y-%m-%d")
        values[f"{name}_nodash"] = day.strftime("%Y%m%d")
    values.update((key, surrounding[key]) for key in tuple(values) if key in surrounding)
    values["flow_name"] = flow.name
    values.update(given)
    if values["scheduled_start_time"] is None:
        values["scheduled_start_time"] = now
    values["parameters"] = {
        **{p.name: p.default for p in flow.parameters() if not p.required},
        **given.get("parameters", surrounding.get("parameters", {})),
        **(parameters or {}),
    }
    remember_secret(values.get("secrets"))
    return values
