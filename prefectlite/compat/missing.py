"""Stand-ins for the parts of Prefect 1 that are not here.

A file that imports them, subclasses them or sets them on a flow runs. What only describes where a
flow would be deployed (storage, run configs) can be made and does nothing; the use of anything else
raises an error that says what to use instead.
"""

from __future__ import annotations

import copyreg
import importlib
import types
import warnings
from collections.abc import Callable
from typing import Any

from prefectlite.compat.names import MOVED, NAMES, Entry, lookup
from prefectlite.exceptions import PrefectException

__all__ = ["CompatibilityWarning", "MissingModule", "NotInPrefectliteError", "missing_class"]

_GUIDE = "See docs/migrating.md."


class CompatibilityWarning(UserWarning):
    """Something that was written for Prefect 1 has no effect here."""


class NotInPrefectliteError(PrefectException, NotImplementedError):
    """A part of Prefect 1 was used that is not in prefectlite; says what to use instead."""


class _NoSuchAttribute(NotInPrefectliteError, AttributeError):
    """The same, where Python's own protocols expect an AttributeError."""


def explain(name: str, entry: Entry | None) -> str:
    """The message for the use of a name."""
    note = entry.note if entry is not None else ""
    return f"prefect.{name} is not part of prefectlite. {_sentence(note)}{_GUIDE}"


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}. " if note else ""


_warned: set[str] = set()


def warn_once(name: str, note: str, stacklevel: int = 3) -> None:
    """Warn that something has no effect, once a process for each name.

    Args:
        name: what was used, as a user writes it.
        note: what to know or do instead.
        stacklevel: as for ``warnings.warn``.
    """
    if name not in _warned:
        _warned.add(name)
        warnings.warn(f"{name}: {note}.", CompatibilityWarning, stacklevel=stacklevel + 1)


class _MissingMeta(type):
    """Classes that may be imported, compared and subclassed, but neither called nor looked into."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        name, entry = cls._prefect_name, lookup(cls._prefect_name)
        if entry is not None and entry.status == "ignored":
            return _inert(cls, name, entry, args, kwargs)
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType):
            # It is being used as a decorator: the use that counts is that of the function.
            return _fails_when_called(name, args[0])
        raise NotInPrefectliteError(explain(name, entry))

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        entry = lookup(cls._prefect_name)
        if entry is not None and entry.status == "ignored":
            return _do_nothing
        raise _NoSuchAttribute(explain(f"{cls._prefect_name}.{name}", entry))

    _prefect_name: str


def _inert(cls: Any, name: str, entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a call of a name that has no effect comes to: an object, or None for a function."""
    if cls.__name__[:1].islower():
        warn_once(f"prefect.{name}", entry.note, stacklevel=4)
        return None
    made = object.__new__(cls)
    made.__dict__.update(kwargs, _arguments=(args, kwargs))
    own_init = cls.__init__
    if own_init is not object.__init__:  # of a subclass that the file defines
        own_init(made, *args, **kwargs)
    return made


class _Missing(metaclass=_MissingMeta):
    """The base of all stand-ins."""

    _prefect_name = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return _do_nothing

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: no effect in prefectlite>"

    def __reduce__(self) -> tuple[Any, ...]:
        args, kwargs = self.__dict__.get("_arguments", ((), {}))
        return _rebuild, (self._prefect_name, args, kwargs)


def _rebuild(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return missing_class(name)(*args, **kwargs)


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    """Every method of what has no effect."""


def _fails_when_called(name: str, decorated: Callable[..., Any]) -> Callable[..., Any]:
    from functools import wraps

    @wraps(decorated)
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise NotInPrefectliteError(explain(name, lookup(name)))

    return fail


_classes: dict[str, Any] = {}


def missing_class(name: str) -> type:
    """The stand-in for a name of Prefect 1; always the same object for one name.

    Args:
        name: the dotted name without the leading ``prefect.``.

    Returns:
        A class. That of an error can be caught.
    """
    if name not in _classes:
        module, _, short = name.rpartition(".")
        is_error = short.endswith(("Error", "Exception", "Signal", "Warning"))
        bases = (_Missing, Exception) if is_error else (_Missing,)
        namespace = {"_prefect_name": name, "__module__": f"prefect.{module}".rstrip(".")}
        _classes[name] = _MissingMeta(short, bases, namespace)
    found: type = _classes[name]
    return found


def _reduce_class(cls: Any) -> Any:
    name: str = cls._prefect_name
    if _classes.get(name) is cls:
        return missing_class, (name,)
    return cls.__qualname__


# A process that has no alias can read a pickle in which a stand-in is mentioned.
copyreg.pickle(_MissingMeta, _reduce_class)


class MissingModule(types.ModuleType):
    """A module of Prefect 1 that is not here; every public name in it is a stand-in."""

    def __init__(self, name: str) -> None:
        super().__init__(f"prefect.{name}", "Stands in for a part of Prefect 1 that is not here.")
        self._name = name
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return _STAR.get(self._name, "").split()
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        full = f"{self._name}.{name}"
        if full in MOVED:
            return importlib.import_module(f"prefectlite.{MOVED[full]}")
        if full == "client.Secret":
            from prefectlite.compat.secrets import Secret

            return Secret
        return missing_class(full)


# What `from prefect.storage import *` brings.
_STAR = {
    "storage": "Azure Bitbucket CodeCommit Docker GCS Git GitHub GitLab Local Module S3 Storage "
    "Webhook",
    "artifacts": "create_link create_link_artifact create_markdown create_markdown_artifact "
    "delete_artifact update_link update_link_artifact update_markdown update_markdown_artifact",
    "backend": "FlowRunView FlowView TaskRunView TenantView delete_key get_key_value list_keys "
    "set_key_value create_link_artifact create_markdown_artifact delete_artifact "
    "update_link_artifact update_markdown_artifact",
    "client": "Client Secret",
    "tasks.prefect": "CancelFlowRun RenameFlowRun StartFlowRun create_flow_run "
    "get_task_run_result wait_for_flow_run",
    "run_configs": "DockerRun ECSRun KubernetesRun LocalRun RunConfig UniversalRun VertexRun",
}


def is_missing_module(name: str) -> bool:
    """Whether a dotted name, without ``prefect.``, is one of a module that is not here."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        entry = NAMES.get(".".join(parts[:length]))
        if entry is not None and entry.status in ("ignored", "missing"):
            return True
    return False
