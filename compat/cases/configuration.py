"""Configuration: files, variables, interpolation, temporary values."""

from __future__ import annotations

import os
from typing import Any

from compat.harness import case, plain, raised_type, raises


@case(
    differs="Checkpointing is on for a target or a result of a task's own unless it is switched "
    "off, so its setting has no value by default (promise 1).",
)
def config_values(p: Any) -> Any:
    c = p.config
    return [
        type(c).__name__,
        c.flows.checkpointing,
        c.tasks.defaults.max_retries,
        plain(c.tasks.defaults.timeout),
        c.flows.eager_edge_validation,
        c.flows.run_on_schedule,
        c.logging.level,
        c.debug,
        c.get("nothing"),
        raises(lambda: c.nothing).get("raised"),
        plain(c.tasks.defaults.retry_delay),
        c.logging.datefmt,
        c.engine.executor.default_class[-13:],
    ]


@case
def temporary_config(p: Any) -> Any:
    set_temporary_config = p.module("utilities.configuration").set_temporary_config
    before = p.config.flows.checkpointing
    with set_temporary_config({"flows.checkpointing": True, "mine.new": 5, "debug": True}):
        within = [p.config.flows.checkpointing, p.config.mine.new, p.config.debug]
    try:
        with set_temporary_config({"flows.checkpointing": True}):
            raise ValueError
    except ValueError:
        pass
    return [within, p.config.flows.checkpointing == before, "mine" in p.config]


def _load(p: Any, folder: str, text: str, user: str = "", **environment: str) -> Any:
    module = p.module("configuration")
    path, user_path = os.path.join(folder, "c.toml"), os.path.join(folder, "u.toml")
    for name, content in ((path, text), (user_path, user)):
        with open(name, "w") as file:
            file.write(content)
    os.environ.update(environment)
    try:
        loaded = module.load_configuration(path, user_config_path=user_path, env_var_prefix="TSTX")
        return plain(loaded.to_dict() if hasattr(loaded, "to_dict") else dict(loaded))
    finally:
        for key in environment:
            del os.environ[key]


@case
def load_configuration(p: Any, folder: str) -> Any:
    return _load(
        p, folder, "a = 1\n[s]\nb = 'x'\n[s.t]\nc = [1, 2]\n", "[s]\nb = 'user'\nnew = 1\n"
    )


@case
def load_configuration_environment(p: Any, folder: str) -> Any:
    return _load(
        p,
        folder,
        "[s]\na = 1\nb = 'x'\n",
        TSTX__S__A="2",
        TSTX__S__B="true",
        TSTX__S__NEW__DEEP="1.5",
        TSTX__TOP="text",
        TSTX__J='{"k": [1]}',
        TSTX__L="[1, 2]",
    )


@case
def load_configuration_interpolation(p: Any, folder: str) -> Any:
    return _load(
        p,
        folder,
        "base = '/x'\n[s]\npath = '${base}/y'\nnum = '${n}'\nn2 = '${s.path}/z'\n"
        "missing = '${nope}'\n",
        TSTX__N="5",
    )


@case
def load_configuration_environment_expansion(p: Any, folder: str) -> Any:
    return _load(p, folder, "a = '$COMPAT_HOME/x'\nb = '~/y'\n", COMPAT_HOME="/hh")["dict"][0]


@case
def configuration_string_types(p: Any) -> Any:
    f = p.module("configuration").string_to_type
    return [
        plain(f(s))
        for s in (
            "1",
            "1.5",
            "true",
            "True",
            "FALSE",
            "text",
            "",
            "None",
            "1e3",
            "-2",
            "[1]",
            '{"a": 1}',
            "01",
            " 1 ",
            "1_000",
        )
    ]


@case
def configuration_env_interpolation(p: Any) -> Any:
    f = p.module("configuration").interpolate_env_vars
    os.environ["COMPAT_X"] = "7"
    try:
        return [plain(f(s)) for s in ("$COMPAT_X", "a$COMPAT_X", "${COMPAT_X}1", "none")] + [
            plain(f(None) if False else None)
        ]
    finally:
        del os.environ["COMPAT_X"]


@case(
    differs="Checkpointing is on for a target or a result of a task's own unless it is switched "
    "off, so its setting has no value by default (promise 1).",
)
def configuration_to_environment_variables(p: Any) -> Any:
    module = p.module("configuration")
    return [
        plain(
            module.to_environment_variables(
                p.config, include=["flows.checkpointing", "logging.level"]
            )
        ),
        plain(module.to_environment_variables(p.config, include=["debug"], prefix="ABC")),
        len(module.to_environment_variables(p.config)) > 10,
    ]


@case
def configuration_validation(p: Any, folder: str) -> Any:
    return [
        raises(_load, p, folder, "[s]\nkeys = 1\n").get("raised"),
        raises(_load, p, folder, "[to_dict]\na = 1\n").get("raised"),
        raises(_load, p, folder, "a = \n").get("raised") is not None,
    ]


@case
def configuration_file_is_created(p: Any, folder: str) -> Any:
    path = os.path.join(folder, "new", "config.toml")
    p.module("configuration").create_user_config(path)
    return [os.path.exists(path), raised_type(p.module("configuration").create_user_config, path)]


@case
def task_defaults_from_config(p: Any) -> Any:
    set_temporary_config = p.module("utilities.configuration").set_temporary_config
    import datetime

    with set_temporary_config(
        {
            "tasks.defaults.max_retries": 3,
            "tasks.defaults.retry_delay": datetime.timedelta(seconds=2),
            "tasks.defaults.timeout": 9,
        }
    ):
        task = p.Task()
        return [task.max_retries, plain(task.retry_delay), task.timeout, p.Task(timeout=2).timeout]


@case
def eager_edge_validation(p: Any) -> Any:
    set_temporary_config = p.module("utilities.configuration").set_temporary_config
    a, b = p.Task(name="a"), p.Task(name="b")
    with set_temporary_config({"flows.eager_edge_validation": True}):
        flow = p.Flow("f")
        flow.add_edge(a, b)
        return raises(flow.add_edge, b, a).get("raised")
