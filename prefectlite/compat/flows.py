"""What flows of Prefect 1 are given and asked for beyond a run: accepted, without an effect."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import Any

from prefectlite.compat.missing import CompatibilityWarning, NotInPrefectliteError, explain
from prefectlite.compat.names import NAMES
from prefectlite.core.flow import Flow

__all__ = ["adapt_flow", "restore_flow"]

_SETTINGS = ("run_config", "storage", "environment")
# Prefect's order; the two after the executor are not prefectlite's.
_POSITIONAL = ("name", "schedule", "executor", "run_config", "storage", "tasks", "edges")
_original_init = Flow.__init__


class _WithoutEffect:
    """An attribute of a flow that can be set and read, and does nothing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, flow: Any, owner: type | None = None) -> Any:
        return self if flow is None else flow.__dict__.get("_without_effect", {}).get(self._name)

    def __set__(self, flow: Any, value: Any) -> None:
        if value is not None:
            _warn(flow, self._name, stacklevel=3)
        flow.__dict__.setdefault("_without_effect", {})[self._name] = value


def _warn(flow: Flow, name: str, stacklevel: int) -> None:
    """Warn once for each flow, whatever of this it is given."""
    if "_without_effect" not in flow.__dict__:
        flow.__dict__["_without_effect"] = {}
        note = NAMES[f"Flow.{name}"].note
        warnings.warn(
            f"Flow {flow.name!r}, {name}: {note}. The same holds for all that says where a flow is "
            f"deployed: storage, run_config, environment and register().",
            CompatibilityWarning,
            stacklevel=stacklevel,
        )


def _register(self: Flow, project_name: str | None = None, **kwargs: Any) -> None:
    """Do nothing: there is no server to register a flow with."""
    _warn(self, "register", stacklevel=3)


def _run_agent(self: Flow, **kwargs: Any) -> None:
    """Refuse: there are no agents."""
    raise NotInPrefectliteError(explain("Flow.run_agent", NAMES["Flow.run_agent"]))


@wraps(_original_init)
def _init(self: Flow, *args: Any, **kwargs: Any) -> None:
    if len(args) > 3:
        kwargs = {**dict(zip(_POSITIONAL, args, strict=False)), **kwargs}
        args = ()
    settings = {name: kwargs.pop(name) for name in _SETTINGS if name in kwargs}
    if "result_handler" in kwargs:
        # of Prefect 0.14 and before
        handler = kwargs.pop("result_handler")
        kwargs.setdefault("result", handler)
    _original_init(self, *args, **kwargs)
    given = {name: value for name, value in settings.items() if value is not None}
    if given:
        _warn(self, next(iter(given)), stacklevel=3)
        self.__dict__["_without_effect"].update(given)


def adapt_flow() -> None:
    """Let `Flow` accept what Prefect's flows have and prefectlite's have not."""
    flow: Any = Flow
    flow.__init__ = _init
    flow.register = _register
    flow.run_agent = _run_agent
    for name in _SETTINGS:
        setattr(flow, name, _WithoutEffect(name))


def restore_flow() -> None:
    """Undo :func:`adapt_flow`."""
    flow: Any = Flow
    flow.__init__ = _original_init
    for name in (*_SETTINGS, "register", "run_agent"):
        delattr(flow, name)
