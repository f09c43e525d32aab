"""What to attach to a bug report: names of what is set, never a value."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefectlite import _version, configuration
from prefectlite.utilities.collections import CompoundKey, dict_to_flatdict, flatdict_to_dict

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = [
    "config_overrides",
    "diagnostic_info",
    "environment_variables",
    "flow_information",
    "system_information",
]


def config_overrides(include_secret_names: bool = False) -> dict[str, Any]:
    """Tell which keys the user's configuration file sets to something else than the default.

    Args:
        include_secret_names: name the secrets under ``[context.secrets]`` too.

    Returns:
        ``{"config_overrides": {...}}``, nested as the configuration is, True for each such key.
    """
    path = Path(str(configuration.interpolate_env_vars(configuration.USER_CONFIG)))
    if not path.exists():
        return {"config_overrides": {}}
    defaults = dict_to_flatdict(configuration.load_toml(configuration.DEFAULT_CONFIG))
    user = dict_to_flatdict(configuration.load_toml(str(path)))
    overrides: dict[CompoundKey, bool] = {}
    for key, value in user.items():
        if key in defaults and defaults[key] == value:
            continue
        if key[:2] == ("context", "secrets") and not include_secret_names:
            overrides[CompoundKey(key[:2])] = False
        else:
            overrides[key] = True
    return {"config_overrides": flatdict_to_dict(overrides)}


def environment_variables() -> dict[str, Any]:
    """Name the variables that set something of the configuration.

    Returns:
        ``{"env_vars": [names, sorted]}``.
    """
    prefix = f"{configuration.ENV_VAR_PREFIX}__"
    return {"env_vars": sorted(name for name in os.environ if name.startswith(prefix))}


def system_information() -> dict[str, Any]:
    """Tell the versions of the platform, of Python and of prefectlite.

    Returns:
        ``{"system_information": {"platform": ..., "prefectlite_version": ..., ...}}``.
    """
    return {
        "system_information": {
            "platform": platform.platform(),
            "prefect_backend": "none",
            "prefectlite_version": _version.__version__,
            "python_version": platform.python_version(),
        }
    }


def flow_information(flow: Flow) -> dict[str, Any]:
    """Tell which parts a flow has, by their types.

    Args:
        flow: the flow.

    Returns:
        ``{"flow_information": {"result": ..., "schedule": ..., "task_count": ...}}``; False for a
        part that the flow does not have.
    """

    def describe(part: Any) -> Any:
        return {"type": type(part).__name__} if part is not None else False

    return {
        "flow_information": {
            "executor": describe(getattr(flow, "executor", None)),
            "result": describe(getattr(flow, "result", None)),
            "schedule": describe(getattr(flow, "schedule", None)),
            "task_count": len(flow.tasks),
        }
    }


def diagnostic_info(flow: Flow | None = None, include_secret_names: bool = False) -> str:
    """Put all of the above into one text.

    Args:
        flow: a flow to tell about as well.
        include_secret_names: name the secrets of the configuration file; their values never are.

    Returns:
        A JSON object with the keys ``config_overrides``, ``env_vars``, ``system_information`` and,
        with a flow, ``flow_information``.

    Example:
        ``print(diagnostic_info(flow))``
    """
    information = {
        **system_information(),
        **config_overrides(include_secret_names=include_secret_names),
        **environment_variables(),
    }
    if flow is not None:
        information.update(flow_information(flow))
    return json.dumps(information, sort_keys=True, indent=2)
