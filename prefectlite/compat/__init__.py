"""Run code that was written for Prefect 1 as it stands: ``import prefect`` is prefectlite.

After :func:`install`, ``prefect`` and the modules below it are prefectlite's own, the same objects.
What is not part of prefectlite imports too; its use raises an error that says what to use instead.
What only says where a flow would be deployed (``flow.storage``, ``flow.run_config``,
``flow.register(...)``) has no effect, and says so once.

``prefect.__version__`` is the version of Prefect whose behaviour this is, for code that asks.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from prefectlite.compat.missing import CompatibilityWarning, NotInPrefectliteError
from prefectlite.exceptions import PrefectException

__all__ = [
    "PREFECT_VERSION",
    "CompatibilityWarning",
    "NotInPrefectliteError",
    "install",
    "is_installed",
    "uninstall",
]

PREFECT_VERSION = "1.4.1"
# Tells the processes that this one starts to be as this one is.
VARIABLE = "PREFECTLITE_AS_PREFECT"
# Asks for the settings of Prefect.
SETTINGS_VARIABLE = "PREFECTLITE_PREFECT_SETTINGS"

# A folder with a module `prefect` in it, for processes that begin with the user's file.
_CHILDREN = str(Path(__file__).with_name("children"))

_finder: Any = None
_own_version = ""


def is_installed() -> bool:
    """Whether ``import prefect`` is prefectlite in this process."""
    return _finder is not None


def install(settings: bool | None = None) -> None:
    """Let ``import prefect``, and everything below it, be prefectlite.

    It holds for this process and for those that it starts, workers of a Dask cluster included.
    Calling it again changes nothing. As in Prefect 1, nothing is checkpointed and no target is
    looked at unless ``flows.checkpointing`` is set, or ``PREFECT__FLOWS__CHECKPOINTING`` is.

    Args:
        settings: whether to lay the settings made for Prefect over prefectlite's: the file
            ``~/.prefect/config.toml`` (or what ``PREFECT__USER_CONFIG_PATH`` names) and variables
            ``PREFECT__A__B``. They are read when ``prefect`` is first imported, so that a file may
            set variables before. None: where the variable ``PREFECTLITE_PREFECT_SETTINGS`` is 1.

    Raises:
        PrefectException: Prefect itself has been imported already.

    Example:
        ```python
        from prefectlite.compat import install

        install()
        import prefect  # is prefectlite
        ```
    """
    global _finder, _own_version
    if _finder is not None:
        return
    _refuse_real_prefect()
    import prefectlite
    from prefectlite.compat.finder import AliasFinder
    from prefectlite.compat.flows import adapt_flow
    from prefectlite.compat.loggers import alias_loggers

    wanted = os.environ.get(SETTINGS_VARIABLE) == "1" if settings is None else settings
    _finder = AliasFinder(_read_settings if wanted else _take_defaults)
    sys.meta_path.insert(0, _finder)
    os.environ[VARIABLE] = "1"
    _show_children()
    if wanted:
        os.environ[SETTINGS_VARIABLE] = "1"
    _own_version, prefectlite.__version__ = prefectlite.__version__, PREFECT_VERSION
    adapt_flow()
    alias_loggers()


def join() -> None:
    """Install the alias in a process that another one with it has started.

    What has to be settled before the user's code is settled at once: that code may refer to
    prefectlite's modules by their own names, and never import ``prefect``.
    """
    install()
    _finder.before_first()


def uninstall() -> None:
    """Undo :func:`install`, for tests: modules imported as ``prefect`` stay with who has them."""
    global _finder
    if _finder is None:
        return
    import prefectlite
    from prefectlite.compat.flows import restore_flow
    from prefectlite.compat.loggers import restore_loggers
    from prefectlite.compat.settings import restore_defaults

    sys.meta_path.remove(_finder)
    restore_defaults()
    _finder = None
    for name in [name for name in sys.modules if name == "prefect" or name.startswith("prefect.")]:
        del sys.modules[name]
    os.environ.pop(VARIABLE, None)
    _hide_from_children()
    os.environ.pop(SETTINGS_VARIABLE, None)
    prefectlite.__version__ = _own_version
    restore_flow()
    restore_loggers()


def _show_children() -> None:
    """Let processes that this one starts find a `prefect` that installs the alias there.

    They may execute the user's file before they import prefectlite. Those that multiprocessing
    starts get this one's path, others the variable.
    """
    if _CHILDREN not in sys.path:
        sys.path.insert(0, _CHILDREN)
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if _CHILDREN not in places:
        os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, *filter(None, places)])


def _hide_from_children() -> None:
    if _CHILDREN in sys.path:
        sys.path.remove(_CHILDREN)
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    left = os.pathsep.join(place for place in places if place not in ("", _CHILDREN))
    if left:
        os.environ["PYTHONPATH"] = left
    else:
        os.environ.pop("PYTHONPATH", None)


def _take_defaults() -> None:
    """Before the first import of ``prefect``: the defaults that such code was written with."""
    from prefectlite.compat.settings import take_defaults

    take_defaults()


def _read_settings() -> None:
    from prefectlite.compat.settings import read_settings

    read_settings()
    _take_defaults()


def _refuse_real_prefect() -> None:
    found: ModuleType | None = sys.modules.get("prefect")
    if found is not None and found.__name__ != "prefectlite":
        raise PrefectException(
            f"Prefect itself has been imported already, from {getattr(found, '__file__', '?')}. "
            "Call prefectlite.compat.install() before anything imports prefect."
        )


class Installed:
    """An object whose unpickling installs the alias: the first thing that a worker is sent."""

    def __reduce__(self) -> tuple[Any, ...]:
        return join, ()
