"""The settings that a user made for Prefect, laid over prefectlite's; and Prefect's defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import prefectlite
from prefectlite.configuration import (
    ENV_VAR_PREFIX,
    interpolate_config,
    interpolate_env_vars,
    load_toml,
    process_task_defaults,
    string_to_type,
)
from prefectlite.utilities.collections import as_nested_dict, merge_dicts
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import configure_extra_loggers, configure_logging

__all__ = ["read_settings", "restore_defaults", "take_defaults"]

PREFECT_PREFIX = "PREFECT"
PREFECT_CONFIG = "~/.prefect/config.toml"
CHECKPOINTING = f"{PREFECT_PREFIX}__FLOWS__CHECKPOINTING"


# What says where a server is: files read and set it.
SERVER_KEYS: dict[str, Any] = {
    "backend": "cloud",
    "cloud": {
        "api": "https://api.prefect.io",
        "api_key": "",
        "endpoint": "https://api.prefect.io",
        "graphql": "https://api.prefect.io/graphql",
        "heartbeat_interval": 30.0,
        "heartbeat_mode": "process",
        "request_timeout": 15,
        "send_flow_run_logs": True,
        "tenant_id": "",
        "use_local_secrets": True,
        "agent": {"auth_token": "", "labels": [], "level": "INFO", "name": "agent"},
    },
    "server": {
        "endpoint": "http://localhost:4200",
        "host": "http://localhost",
        "port": 4200,
        "ui": {"endpoint": "http://localhost:8080", "host": "http://localhost", "port": 8080},
    },
}

# The keys that were added to the configuration, and whether checkpoints were turned off.
_added: set[str] = set()
_defaults_taken = False


def read_settings() -> None:
    """Lay ``~/.prefect/config.toml`` and the variables ``PREFECT__...`` over the configuration.

    Variables of prefectlite's own win over both. The logging is set up anew, and secrets go to the
    context.

    Raises:
        ConfigurationError: the file or a variable cannot be used; names the line or the variable.
    """
    path = os.environ.get(f"{PREFECT_PREFIX}__USER_CONFIG_PATH", PREFECT_CONFIG)
    merged: dict[str, Any] = prefectlite.config.to_dict()
    if Path(str(interpolate_env_vars(path))).exists():
        merged = dict(merge_dicts(merged, load_toml(path)))
    read = interpolate_config(merged, env_var_prefix=PREFECT_PREFIX)
    read = interpolate_config(read.to_dict(), env_var_prefix=ENV_VAR_PREFIX)
    _take_over_defaults(read)
    prefectlite.config.clear()
    prefectlite.config.update(read)
    for key, value in prefectlite.config.get("context", {}).items():
        current = context.get(key)
        both = isinstance(current, dict) and isinstance(value, dict)
        context[key] = {**current, **value} if both else value
    configure_logging()
    configure_extra_loggers()


def take_defaults() -> None:
    """Add the keys of a server; let nothing be checkpointed where nobody has decided on it.

    Both as in Prefect 1. Files that were written for it name stores that were never used on the
    machine where they were tried. Who has set the variable of Prefect's has decided: results of a
    task's own are stored.
    """
    global _defaults_taken
    for key, value in SERVER_KEYS.items():
        if key not in prefectlite.config:
            prefectlite.config[key] = as_nested_dict(value, type(prefectlite.config))
            _added.add(key)
    flows = prefectlite.config.flows
    if flows.checkpointing is None and not string_to_type(os.environ.get(CHECKPOINTING, "")):
        flows.checkpointing = False
        _defaults_taken = True


def restore_defaults() -> None:
    """Undo :func:`take_defaults`."""
    global _defaults_taken
    while _added:
        prefectlite.config.pop(_added.pop(), None)
    if _defaults_taken:
        _defaults_taken = False
        if prefectlite.config.flows.checkpointing is False:
            prefectlite.config.flows.checkpointing = None


def _take_over_defaults(read: Any) -> None:
    """Bring task defaults into the form in which tasks use them; those read before have it."""
    delay = read.tasks.defaults.get("retry_delay")
    if delay is None or isinstance(delay, (bool, int)):
        process_task_defaults(read)
