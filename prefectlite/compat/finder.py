"""How ``import prefect.x`` finds prefectlite's modules."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from prefectlite.compat.missing import MissingModule, is_missing_module, missing_class
from prefectlite.compat.names import MOVED, NAMES, REEXPORTED
from prefectlite.utilities.importtools import import_object

__all__ = ["AliasFinder"]

ALIAS = "prefect"
PACKAGE = "prefectlite"


def real_name(name: str) -> str:
    """The name of the module of prefectlite for a dotted name without ``prefect.``."""
    parts = name.split(".") if name else []
    for length in range(len(parts), 0, -1):
        moved = MOVED.get(".".join(parts[:length]))
        if moved is not None:
            parts = [*moved.split("."), *parts[length:]]
            break
    return ".".join([PACKAGE, *parts])


class _Loader(Loader):
    """Puts an existing module, or a stand-in, in the place of the one that is being imported."""

    def __init__(self, make: Callable[[], ModuleType], below: str) -> None:
        self._make = make
        self._below = below

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        # An empty one, for the import system to write its marks on: those of the module that
        # takes its place are its own and stay.
        return None

    def exec_module(self, module: ModuleType) -> None:
        found = self._make()
        if self._below:
            sys.modules[module.__name__] = found
            _complete(found, self._below)
        else:
            put_in_place()


def put_in_place() -> None:
    """Make prefectlite the module ``prefect``, with all that hangs on it."""
    package = sys.modules[ALIAS] = importlib.import_module(PACKAGE)
    _complete(package, "")
    # `import prefect` is enough to write prefect.engine.executors.LocalExecutor
    for name in ("engine", "engine.executors", "tasks", "utilities"):
        importlib.import_module(f"{ALIAS}.{name}")


class AliasFinder(MetaPathFinder):
    """Finds ``prefect`` and everything below it in prefectlite.

    Args:
        before_first: called before ``prefect`` itself is imported for the first time.
    """

    def __init__(self, before_first: Callable[[], None]) -> None:
        self._before_first: Callable[[], None] | None = before_first

    def before_first(self) -> None:
        """Do what is to be done before ``prefect`` is imported, unless it has been done."""
        todo, self._before_first = self._before_first, None
        if todo is not None:
            todo()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        if fullname != ALIAS and not fullname.startswith(f"{ALIAS}."):
            return None
        name = fullname[len(ALIAS) + 1 :]
        if name == "":
            return self._spec(fullname, self._package, name)
        real = real_name(name)
        if not name.startswith(tuple(MOVED)) and is_missing_module(name):
            return self._spec(fullname, lambda: MissingModule(name), name)
        if _exists(real):
            return self._spec(fullname, lambda: importlib.import_module(real), name)
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: neither prefectlite nor what is known of Prefect 1 "
            f"has it",
            name=fullname,
        )

    def _package(self) -> ModuleType:
        self.before_first()
        return importlib.import_module(PACKAGE)

    @staticmethod
    def _spec(fullname: str, make: Callable[[], ModuleType], name: str) -> ModuleSpec:
        return ModuleSpec(fullname, _Loader(make, name), is_package=True)


def _exists(real: str) -> bool:
    if real in sys.modules:
        return True
    try:
        return importlib.util.find_spec(real) is not None
    except ModuleNotFoundError:
        return False


def _complete(module: ModuleType, name: str) -> None:
    """Add what Prefect's module has and this one lacks: stand-ins, and modules that moved."""
    if isinstance(module, MissingModule):
        return
    for full, entry in NAMES.items():
        head, _, short = full.rpartition(".")
        if head != name or entry.status in ("same", "different") or hasattr(module, short):
            continue
        if short.islower() and full not in _FUNCTIONS:
            value: object = sys.modules.setdefault(f"{ALIAS}.{full}", MissingModule(full))
        else:
            value = missing_class(full)
        setattr(module, short, value)
    _find_later(module, name)
    for full, place in REEXPORTED.items():
        head, _, short = full.rpartition(".")
        if head == name and not hasattr(module, short):
            setattr(module, short, import_object(f"{PACKAGE}.{place}"))
    prefix = f"{name}." if name else ""
    # A module that is no package cannot be asked for what is below it, and the import system would
    # put a module in the place of a class of the same name: these are there beforehand.
    below = (*MOVED, "tasks.control_flow.case")
    for full in below if name else ():
        if full.startswith(prefix) and "." not in full[len(prefix) :]:
            if full in MOVED and hasattr(module, "__path__"):
                continue
            sys.modules.setdefault(f"{ALIAS}.{full}", importlib.import_module(real_name(full)))


def _find_later(module: ModuleType, name: str) -> None:
    """Let what has moved away from a module be its attribute, as what Prefect itself imports is."""
    before = module.__dict__.get("__getattr__")
    moved = {full.rpartition(".")[2]: place for full, place in MOVED.items() if _is_in(name, full)}
    if not moved or getattr(before, "finds_moved", False):
        return

    def find(attribute: str) -> object:
        if attribute in moved:
            return importlib.import_module(f"{PACKAGE}.{moved[attribute]}")
        if before is not None:
            return before(attribute)
        raise AttributeError(f"module {module.__name__!r} has no attribute {attribute!r}")

    find.finds_moved = True  # type: ignore[attr-defined]
    module.__dict__["__getattr__"] = find


def _is_in(name: str, full: str) -> bool:
    head, _, short = full.rpartition(".")
    return head == name and bool(short)


# Lower-case names that are no modules.
_FUNCTIONS = frozenset(
    {
        "utilities.notifications.jira_notifier",
        "utilities.notifications.snowflake_logger",
        "utilities.notifications.snowflake_message_formatter",
    }
)
