"""The configuration: defaults, the user's file, and variables, laid over one another.

``prefectlite.config`` is read once, when prefectlite is imported, from (later ones win)

1. the defaults, ``config.toml`` beside this module;
2. the user's file, ``~/.prefectlite/config.toml`` or what ``PREFECTLITE__USER_CONFIG_PATH`` names;
3. variables: ``PREFECTLITE__LOGGING__LEVEL=DEBUG`` sets ``config.logging.level``. Values are
   converted (:func:`string_to_type`): ``5``, ``true``, ``None``, JSON lists and objects.

Strings may hold variables of the environment (``$HOME``, ``${HOME}``, ``~``) and other keys of the
configuration (``${flows.checkpointing}``). What stands under ``[context]`` is put into
``prefectlite.context``; ``[context.secrets]`` is where secrets are looked for.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefectlite.exceptions import ConfigurationError
from prefectlite.utilities.collections import (
    CompoundKey,
    as_nested_dict,
    dict_to_flatdict,
    flatdict_to_dict,
    merge_dicts,
)

__all__ = [
    "BACKEND_CONFIG",
    "DEFAULT_CONFIG",
    "ENV_VAR_PREFIX",
    "USER_CONFIG",
    "Config",
    "config",
    "create_user_config",
    "interpolate_config",
    "interpolate_env_vars",
    "load_configuration",
    "load_default_config",
    "load_toml",
    "process_task_defaults",
    "string_to_type",
    "to_environment_variables",
    "validate_config",
]

ENV_VAR_PREFIX = "PREFECTLITE"
DEFAULT_CONFIG = str(Path(__file__).with_name("config.toml"))
USER_CONFIG = os.environ.get(f"{ENV_VAR_PREFIX}__USER_CONFIG_PATH", "~/.prefectlite/config.toml")
BACKEND_CONFIG = os.environ.get(
    f"{ENV_VAR_PREFIX}__BACKEND_CONFIG_PATH", "~/.prefectlite/backend.toml"
)
INTERPOLATION_REGEX = re.compile(r"\$\{([^${}]+)\}")

# A value may name a value that names another one; this deep, and no circle goes on for ever.
_INTERPOLATION_DEPTH = 10


class Config(dict[str, Any]):
    """A dictionary whose keys are attributes as well, at every level.

    Dictionaries that are put into it, also in lists, become ``Config`` too.

    Args:
        *args: a mapping or an iterable of pairs, as for ``dict``.
        **kwargs: further keys.

    Raises:
        AttributeError: on the use of a key that does not exist as an attribute; the error is a
            ``KeyError`` too.

    Example:
        >>> settings = Config(logging={"level": "INFO"})
        >>> settings.logging.level
        'INFO'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise _MissingKey(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise _MissingKey(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, _to_config(value))

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *(key for key in self if isinstance(key, str))]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self)})"

    def __str__(self) -> str:
        return str(self.to_dict())

    def __copy__(self) -> Config:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        import copy

        return type(self)({key: copy.deepcopy(value, memo) for key, value in self.items()})

    def __reduce__(self) -> tuple[type[Config], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)

    def copy(self) -> Config:
        """Return a shallow copy."""
        return type(self)(self)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``; set it to ``default`` first where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set keys as ``dict.update`` does; nested dictionaries are replaced, not merged."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain dictionaries, nested ones included."""
        plain: dict[str, Any] = as_nested_dict(self, dct_class=dict)
        return plain


class _MissingKey(KeyError, AttributeError):
    """A key of the configuration was asked for that is not there."""

    __str__ = Exception.__str__


def _to_config(value: Any) -> Any:
    if isinstance(value, dict) and not isinstance(value, Config):
        return Config(value)
    if type(value) is list:
        return [_to_config(item) for item in value]
    return value


def string_to_type(val: str) -> Any:
    """Convert a text to the value it stands for.

    Args:
        val: ``true`` and ``false`` in any case, a Python literal (``5``, ``1.5``, ``None``,
            ``(1, 2)``, ``'text'``), a JSON list or object (``[true, null]``, ``{"a": 1}``).

    Returns:
        The value; the text itself where it stands for nothing else.

    Example:
        >>> string_to_type("5"), string_to_type("TRUE"), string_to_type("[true]")
        (5, True, [True])
    """
    lowered = val.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if val[:1] in ("[", "{"):
        try:
            return json.loads(val)
        except ValueError:
            pass  # Python's own notation, e.g. ['a'], comes next.
    if val[:1].isspace():
        return val
    try:
        with warnings.catch_warnings():
            # A text such as '\d' is no reason to warn about escapes in code.
            warnings.simplefilter("ignore")
            return literal_eval(val)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return val


def interpolate_env_vars(env_var: Any) -> Any:
    """Put the environment's variables and the home directory into a text.

    Args:
        env_var: a text with ``$NAME``, ``${NAME}`` or a leading ``~``; what is no text is
            returned as it is.

    Returns:
        The text with what is known filled in, repeatedly, so that a variable may name another;
        where one does, the value that the text stands for, as `string_to_type` has it.

    Example:
        ``interpolate_env_vars("$HOME/data")`` is ``"/home/ada/data"`` for a user named ada.
    """
    if not isinstance(env_var, str):
        return env_var
    for step in range(_INTERPOLATION_DEPTH):
        expanded = os.path.expandvars(os.path.expanduser(env_var))  # noqa: PTH111 - a mere text
        if expanded == env_var:
            return string_to_type(env_var) if step > 1 else env_var
        env_var = expanded
    return env_var


def load_toml(path: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: where it is; ``~`` and variables are filled in.

    Returns:
        Its content as plain dictionaries.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigurationError: it cannot be read; names the file and the line.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    resolved = Path(str(interpolate_env_vars(path)))
    try:
        data = resolved.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigurationError(
            f"{resolved}: the configuration file cannot be read: {error.strerror or error}"
        ) from error
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{resolved}, line {line}: the configuration file is not UTF-8 text; "
            "save it in that encoding"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(_describe_toml_error(resolved, data, str(error))) from error


def _describe_toml_error(path: Path, data: bytes, reason: str) -> str:
    lines = data.decode("utf-8").splitlines() or [""]
    found = re.search(r"\(at line (\d+), column (\d+)\)", reason)
    # A document that ends too early is reported by the parser without a line.
    line = min(int(found.group(1)), len(lines)) if found else len(lines)
    what = re.sub(r"\s*\(at (line \d+, column \d+|end of document)\)", "", reason)
    return (
        f"{path}, line {line}: the configuration file is not valid TOML: {what}: "
        f"{lines[line - 1].strip()!r}"
    )


def validate_config(config: Config) -> None:
    """Refuse keys that would hide a method of :class:`Config`, at every level.

    Args:
        config: the configuration to look at.

    Raises:
        ConfigurationError: names the key.
    """

    def check(level: Mapping[str, Any], path: tuple[str, ...]) -> None:
        for key, value in level.items():
            if key in _RESERVED_KEYS:
                full = ".".join((*path, key))
                raise ConfigurationError(
                    f'Invalid config key: "{key}" (at "{full}") is the name of a method; '
                    "choose another name"
                )
            if isinstance(value, dict):
                check(value, (*path, str(key)))

    check(config, ())


_RESERVED_KEYS = frozenset(name for name in dir(Config) if not name.startswith("__"))


def interpolate_config(config: dict[str, Any], env_var_prefix: str | None = None) -> Config:
    """Lay the variables over a configuration and fill in what its strings name.

    Args:
        config: nested dictionaries.
        env_var_prefix: variables of the form ``<prefix>__A__B`` set ``config.a.b``. The names of
            secrets (``<prefix>__CONTEXT__SECRETS__Name``) keep their case. None: no variables.

    Returns:
        A new :class:`Config`; a ``${a.b}`` that names nothing becomes an empty text.

    Raises:
        ConfigurationError: a variable goes below a key that holds a plain value; names both.

    Example:
        >>> interpolate_config({"a": {"b": "${c}"}, "c": 1}).a.b
        1
    """
    flat: dict[CompoundKey, Any] = dict_to_flatdict(config)
    given = _lay_variables_over(flat, env_var_prefix) if env_var_prefix else set()
    for key, value in flat.items():
        if isinstance(value, str) and key not in given:
            flat[key] = string_to_type(str(interpolate_env_vars(value)))
    for _ in range(_INTERPOLATION_DEPTH):
        changed = False
        for key, value in flat.items():
            if isinstance(value, str) and (found := INTERPOLATION_REGEX.search(value)):
                flat[key] = _fill_in(value, found, flat)
                changed = changed or flat[key] != value
        if not changed:
            break
    nested: Config = flatdict_to_dict(flat, dct_class=Config)
    return nested


def _variables_of(prefix: str) -> Iterator[tuple[str, CompoundKey]]:
    for variable in sorted(os.environ):
        if not variable.startswith(f"{prefix}__"):
            continue
        parts = variable[len(prefix) + 2 :].split("__")
        lowered = [part.lower() for part in parts]
        if lowered[:2] == ["context", "secrets"]:
            lowered[2:] = parts[2:]
        yield variable, CompoundKey(lowered)


def _lay_variables_over(flat: dict[CompoundKey, Any], prefix: str) -> set[CompoundKey]:
    """Put the variables' values into ``flat``; return those of its keys that are final already."""
    given: set[CompoundKey] = set()
    for variable, path in _variables_of(prefix):
        value = string_to_type(str(interpolate_env_vars(os.environ[variable])))
        _check_path(variable, path, flat)
        section = [key for key in flat if len(key) > len(path) and key[: len(path)] == path]
        if section and not isinstance(value, dict):
            raise ConfigurationError(
                f"The variable {variable} cannot be used: the configuration key "
                f'"{".".join(path)}" is a section; set a key of it, e.g. '
                f"{variable}__{section[0][len(path)].upper()}, or give a JSON object"
            )
        for key in section:
            del flat[key]
        # What stands inside a JSON object has its type.
        inner = dict_to_flatdict(value, parent=path) if isinstance(value, dict) else {}
        flat.update(inner or {path: value})
        given.update(inner)
    return given


def _check_path(variable: str, path: CompoundKey, flat: Mapping[CompoundKey, Any]) -> None:
    if not all(path):
        raise ConfigurationError(
            f"The variable {variable} names no configuration key: a part of its name between "
            'two "__" is empty'
        )
    for depth in range(1, len(path)):
        # The value may be a secret: it is not shown.
        if path[:depth] in flat and flat[CompoundKey(path[:depth])] != {}:
            raise ConfigurationError(
                f"The variable {variable} cannot be used: the configuration key "
                f'"{".".join(path[:depth])}" holds a value and is no section'
            )


def _fill_in(value: str, found: re.Match[str], flat: Mapping[CompoundKey, Any]) -> Any:
    named = flat.get(CompoundKey(found.group(1).split(".")), "")
    if found.group(0) == value:
        return named
    return value.replace(found.group(0), str(named))


def process_task_defaults(config: Config) -> Config:
    """Bring the defaults of tasks into the form in which tasks use them.

    Args:
        config: a configuration; it is changed in place. In ``tasks.defaults``, ``max_retries`` is
            a count, ``retry_delay`` and ``timeout`` are seconds; false stands for none.

    Returns:
        The same configuration, ``retry_delay`` a ``timedelta`` or None, ``timeout`` in seconds or
        None.

    Raises:
        ConfigurationError: a value of another type; names the key.

    Example:
        >>> process_task_defaults(Config(tasks={"defaults": {"retry_delay": 5}})).tasks.defaults
        Config({'retry_delay': datetime.timedelta(seconds=5), 'max_retries': 0, 'timeout': None})
    """
    defaults = config.setdefault("tasks", {}).setdefault("defaults", {})
    for key, none in (("max_retries", 0), ("retry_delay", None), ("timeout", None)):
        if defaults.setdefault(key, False) is False:
            defaults[key] = none
        value = defaults[key]
        kinds: tuple[type, ...] = (int,) if key == "max_retries" else (int, float, timedelta)
        if value is not none and (isinstance(value, bool) or not isinstance(value, kinds)):
            what = "a count" if key == "max_retries" else "seconds"
            raise ConfigurationError(
                f"The configuration key tasks.defaults.{key} holds {value!r}; "
                f"write {what} (a number), or false for none"
            )
    if isinstance(defaults["retry_delay"], (int, float)):
        defaults["retry_delay"] = timedelta(seconds=defaults["retry_delay"])
    return config


def load_configuration(
    path: str,
    user_config_path: str | None = None,
    backend_config_path: str | None = None,
    env_var_prefix: str | None = None,
) -> Config:
    """Read a configuration from files and variables.

    Args:
        path: the TOML file of the defaults.
        user_config_path: a file laid over it, where it exists.
        backend_config_path: one more file laid over both, where it exists.
        env_var_prefix: the prefix of the variables laid over all of them.

    Returns:
        The configuration with everything filled in.

    Raises:
        FileNotFoundError: there is no file at ``path``.
        ConfigurationError: a file or a variable cannot be used; names the file and line, or the
            variable.

    Example:
        ``load_configuration(DEFAULT_CONFIG, env_var_prefix="PREFECTLITE").logging.level``
    """
    merged: MutableMapping[str, Any] = load_toml(path)
    for layer in (user_config_path, backend_config_path):
        if layer and Path(str(interpolate_env_vars(layer))).exists():
            settings = load_toml(layer)
            _check_sections(merged, settings, layer)
            merged = merge_dicts(merged, settings)
    loaded = interpolate_config(dict(merged), env_var_prefix=env_var_prefix)
    validate_config(loaded)
    return loaded


def _check_sections(below: Mapping[str, Any], settings: Mapping[str, Any], path: str) -> None:
    """Refuse a file that has a plain value where the defaults have a section."""
    for key, value in settings.items():
        default = below.get(key)
        if not isinstance(default, dict):
            continue
        if isinstance(value, dict):
            _check_sections(default, value, path)
            continue
        file = Path(str(interpolate_env_vars(path)))
        lines = file.read_text(encoding="utf-8").splitlines()
        assignment = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        numbers = [number for number, line in enumerate(lines, 1) if assignment.match(line)]
        where = f", line {numbers[0]}" if numbers else ""
        raise ConfigurationError(
            f'{file}{where}: the configuration key "{key}" is a section and holds '
            f"{value!r} here; write [{key}] and its keys below it"
        )


def load_default_config() -> Config:
    """Read the configuration as ``import prefectlite`` does.

    Returns:
        A new configuration; ``prefectlite.config`` is not changed.

    Raises:
        ConfigurationError: as :func:`load_configuration`.
    """
    return process_task_defaults(
        load_configuration(
            path=DEFAULT_CONFIG,
            user_config_path=USER_CONFIG,
            backend_config_path=BACKEND_CONFIG,
            env_var_prefix=ENV_VAR_PREFIX,
        )
    )


def create_user_config(dest_path: str, source_path: str = DEFAULT_CONFIG) -> None:
    """Copy the defaults to a new file, to be edited there.

    Args:
        dest_path: where the file is to be; its folder is created.
        source_path: what is copied.

    Raises:
        ValueError: a file is there already.
    """
    target = Path(str(interpolate_env_vars(dest_path)))
    if target.exists():
        raise ValueError(f"File already exists: {target}; remove it first, or edit it")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(Path(source_path).read_text(encoding="utf-8"), encoding="utf-8")


def to_environment_variables(
    config: Config, include: Iterable[str] | None = None, prefix: str = ENV_VAR_PREFIX
) -> dict[str, str]:
    """Express a configuration as variables.

    Args:
        config: the configuration.
        include: full dotted keys to take (``"logging.level"``); all by default.
        prefix: what the variables' names begin with.

    Returns:
        The variables' names and values.

    Example:
        >>> to_environment_variables(Config(logging={"level": "INFO"}))
        {'PREFECTLITE__LOGGING__LEVEL': 'INFO'}
    """
    wanted = None if include is None else set(include)
    return {
        "__".join((prefix, *key)).upper(): str(value)
        for key, value in dict_to_flatdict(config).items()
        if wanted is None or ".".join(key) in wanted
    }


config: Config = load_default_config()
