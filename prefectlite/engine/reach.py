"""What a function can reach, and whether it would notice to be called in another process.

It would where it can see something that changes: a list or an object that it holds or names, a
global that it sets, the state of its process. What libraries do by themselves is trusted, but for
a few that are known to keep such state.
"""

from __future__ import annotations

import enum
import functools
import importlib.util
import logging
import re
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from prefectlite.engine.bytecode import Step, codes_within, is_read_only, steps_of
from prefectlite.utilities.context import context

_ATOMS = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), range)
_VALUES = (date, time, timedelta, tzinfo, Decimal, Fraction, UUID, PurePath, re.Pattern)
_CONTAINERS = (list, dict, set)
_CALLABLES = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)

# modules whose functions a task would find in another state in another process
_STATEFUL = frozenset(
    {
        "_thread",
        "asyncio",
        "atexit",
        "contextvars",
        "dask",
        "distributed",
        "faulthandler",
        "gc",
        "inspect",
        "locale",
        "logging",
        "multiprocessing",
        "numpy.random",
        "pdb",
        "prefect",
        "prefectlite",
        "random",
        "resource",
        "signal",
        "sys",
        "threading",
        "tracemalloc",
        "unittest",
        "warnings",
    }
)
_HARMLESS = frozenset(
    {
        ("logging", "getLogger"),
        ("sys", "exit"),
        ("sys", "getsizeof"),
        ("threading", "Event"),
        ("threading", "Lock"),
        ("threading", "RLock"),
        ("threading", "Thread"),
    }
)
_STATEFUL_FUNCTIONS = frozenset(
    {
        ("builtins", "__import__"),
        ("builtins", "breakpoint"),
        ("builtins", "compile"),
        ("builtins", "delattr"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "globals"),
        ("builtins", "id"),
        ("builtins", "input"),
        ("builtins", "setattr"),
        ("io", "open_code"),
        *(("os", name) for name in ("chdir", "fchdir", "fork", "putenv", "umask", "unsetenv")),
        *(("posix", name) for name in ("chdir", "fchdir", "fork", "putenv", "umask", "unsetenv")),
    }
)
_LOGGING = frozenset({"critical", "debug", "error", "exception", "info", "log", "warn", "warning"})
# what prefectlite puts into the context of a task run, and no task changes
_CONTEXT_KEYS = frozenset(
    {
        "checkpointing",
        "date",
        "flow_id",
        "flow_name",
        "flow_run_id",
        "flow_run_name",
        "logger",
        "map_index",
        "parameters",
        "resume",
        "scheduled_start_time",
        "task_full_name",
        "task_id",
        "task_loop_count",
        "task_loop_result",
        "task_name",
        "task_run_count",
        "task_run_id",
        "task_run_name",
        "task_slug",
        "task_tags",
        "today",
        "today_nodash",
        "tomorrow",
        "tomorrow_nodash",
        "yesterday",
        "yesterday_nodash",
    }
)
_CHANGES = frozenset({"COPY", "DELETE_ATTR", "DUP_TOP", "STORE_ATTR", "SWAP"})


class Noticeable(Exception):
    """A function would notice that it runs in another process; says by what."""


class Reach:
    """Goes through a function and all that it can reach.

    Args:
        function: What a task runs: a function, a partial of one, or the method of a task.

    Raises:
        Noticeable: It would notice that it runs in another process.
    """

    def __init__(self, function: Any) -> None:
        # what was gone through, and whether it was reached from what is loaded by its name
        self._seen: dict[tuple[int, bool], Any] = {}
        self._by_name = False
        # functions that can travel with their code; others are loaded by their names
        self.whole: list[types.FunctionType] = []
        self._package = _package_of(function)
        # what was found where, to look whether it is still there
        self.places: list[tuple[Mapping[str, Any], str, Any]] = []
        self.cells: list[tuple[types.CellType, Any]] = []
        self.contents: list[tuple[Any, Any]] = []
        # module, name and value of what code that is loaded anew by its name has to find as well
        self.held: list[tuple[str, str, Any]] = []
        self.add_root(function)

    def is_unchanged(self) -> bool:
        """Whether the function still reaches the same."""
        return (
            all(space.get(name, self) is value for space, name, value in self.places)
            and all(cell.cell_contents is value for cell, value in self.cells)
            and all(container == content for container, content in self.contents)
        )

    def is_library(self, module: str) -> bool:
        """Whether a module is no part of the user's own code."""
        return module.partition(".")[0] != self._package and is_library(module)

    def add_root(self, function: Any) -> None:
        """Go through what is called."""
        from prefectlite.core.task import Task

        if isinstance(function, functools.partial):
            self._need_plain((*function.args, *function.keywords.values()), "an argument it holds")
            self.add_root(function.func)
        elif isinstance(function, types.MethodType) and isinstance(function.__self__, Task):
            if self._package == "prefectlite":
                raise Noticeable("it is a task of prefectlite's own")
            with self.by_name():
                self.add_function(function.__func__, owner=function.__self__)
        elif isinstance(function, types.BuiltinFunctionType):
            self.add_callable(function)
        elif isinstance(function, types.FunctionType):
            if function.__code__.co_flags & _NO_PLAIN_CALL:
                raise Noticeable("it is a generator or a coroutine")
            self.add_function(function)
        else:
            raise Noticeable(f"it is a {type(function).__name__}")

    def add_function(self, function: Any, owner: Any = None) -> None:
        """Go through a function; `owner` is the task whose method it is."""
        if (id(function), self._by_name) in self._seen:
            return
        self._seen[id(function), self._by_name] = function
        if not self._by_name:
            self.whole.append(function)
        self._need_plain(function.__defaults__ or (), "a default")
        self._need_plain(tuple((function.__kwdefaults__ or {}).values()), "a default")
        code = function.__code__
        names: dict[str, Any] = {}
        for cell, name in zip(function.__closure__ or (), code.co_freevars, strict=True):
            try:
                names[name] = cell.cell_contents
            except ValueError:
                continue
            self.cells.append((cell, names[name]))
        if owner is not None:
            names[code.co_varnames[0]] = owner
        _Body(self, function.__globals__).go_through(code, names, frozenset(code.co_freevars))

    def _need_plain(self, values: tuple[Any, ...], what: str) -> None:
        for value in values:
            if not is_plain(value) and not isinstance(value, (types.FunctionType, type)):
                raise Noticeable(f"{what} is a {type(value).__name__}")
            if not is_plain(value):
                self.add_callable(value)

    def add_callable(self, value: Any) -> None:
        """Go through a function or class that the code names.

        Raises:
            Noticeable: It does what would be noticed.
        """
        module = str(getattr(value, "__module__", None) or "builtins")
        name = str(getattr(value, "__qualname__", ""))
        if isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__
            if not (
                owner is None or isinstance(owner, (types.ModuleType, type)) or is_plain(owner)
            ):
                raise Noticeable(f"it calls {name} of an object that others see")
        if (module, name) in _HARMLESS:
            return
        if (module, name) in _STATEFUL_FUNCTIONS or is_stateful(module):
            if not (isinstance(value, type) and issubclass(value, BaseException)):
                raise Noticeable(f"it names {module}.{name}")
            return
        if self.is_library(module):
            return
        if isinstance(value, types.FunctionType):
            self.add_function(value)
        elif isinstance(value, type):
            with self.by_name():
                self._add_class(value)

    @contextmanager
    def by_name(self) -> Iterator[None]:
        """What is reached in the block is loaded by its name, with the globals of its module."""
        before, self._by_name = self._by_name, True
        try:
            yield
        finally:
            self._by_name = before

    def _add_class(self, kind: type) -> None:
        if (id(kind), True) in self._seen or issubclass(kind, enum.Enum):
            return
        self._seen[id(kind), True] = kind
        for base in kind.__bases__:
            if not self.is_library(base.__module__):
                self._add_class(base)
        for name, member in vars(kind).items():
            if isinstance(member, (staticmethod, classmethod)):
                member = member.__func__
            if isinstance(member, types.FunctionType):
                if not self.is_library(str(member.__module__)) and not _is_generated(member):
                    self.add_function(member)
            elif isinstance(member, (property, functools.cached_property)):
                for part in (getattr(member, part, None) for part in ("fget", "fset", "func")):
                    if isinstance(part, types.FunctionType):
                        self.add_function(part)
            elif not name.startswith("_") and not _is_part_of_class(member):
                raise Noticeable(f"the class {kind.__qualname__} holds {name}")

    def look(self, space: Mapping[str, Any], name: str, value: Any) -> None:
        """Note what was found in a module."""
        module = str(space.get("__name__", ""))
        self.places.append((space, name, value))
        if self.is_library(module):
            if isinstance(value, _CONTAINERS):
                raise Noticeable(f"it can see {module}.{name}")
        elif self._by_name and (is_plain(value) or type(value) in _CONTAINERS):
            self.held.append((module, name, value))


_NO_PLAIN_CALL = 0x20 | 0x80 | 0x100 | 0x200


class _Body:
    """Goes through the code of one function, with that of the functions in it."""

    def __init__(self, reach: Reach, space: dict[str, Any]) -> None:
        self._reach = reach
        self._space = space

    def go_through(
        self, code: types.CodeType, names: Mapping[str, Any], outer: frozenset[str]
    ) -> None:
        """Go through a code.

        Args:
            code: The code.
            names: The values that names other than globals have.
            outer: Names that belong to functions around the whole.
        """
        known = dict(names)
        steps = steps_of(code)
        for position, (operation, argument) in enumerate(steps):
            name = str(argument)
            if operation == "IMPORT_NAME":
                self._note_import(steps, position, known)
            elif operation in ("LOAD_FAST", "LOAD_DEREF"):
                if name in known:
                    self._use(known[name], steps, position)
            elif operation == "LOAD_GLOBAL":
                self._use_global(name, steps, position, code)
            elif operation in ("STORE_DEREF", "DELETE_DEREF") and name in outer:
                raise Noticeable(f"it sets {name}, which is not its own")
            elif operation in ("STORE_GLOBAL", "DELETE_GLOBAL") and not _is_class_body(code):
                raise Noticeable(f"it sets the global {name}")
        for inner in codes_within(code):
            shared = {name: known[name] for name in inner.co_freevars if name in known}
            self.go_through(inner, shared, outer - set(code.co_cellvars))

    def _use_global(
        self, name: str, steps: list[Step], position: int, code: types.CodeType
    ) -> None:
        if name in self._space:
            value = self._space[name]
            self._reach.look(self._space, name, value)
            self._use(value, steps, position)
            return
        builtins = self._space.get("__builtins__", {})
        found = vars(builtins) if isinstance(builtins, types.ModuleType) else builtins
        if name in found:
            self._use(found[name], steps, position)
        elif not _is_class_body(code):
            # it comes later, or is an error
            raise Noticeable(f"it names {name}, which is not there")

    def _note_import(self, steps: list[Step], position: int, known: dict[str, Any]) -> None:
        """Have the name that an import binds stand for the module, or for what is in it."""
        path = str(steps[position][1])
        if not self._reach.is_library(path):
            raise Noticeable(f"it imports {path} by itself")
        module = sys.modules.get(path)
        for offset in range(position + 1, len(steps) - 1, 2):
            operation, name = steps[offset]
            if operation == "IMPORT_FROM" and steps[offset + 1][0].startswith("STORE_"):
                self._bind(module, path, str(name), str(steps[offset + 1][1]), known)
                continue
            if operation.startswith("STORE_"):
                top = path.partition(".")[0]
                if is_stateful(path) and module is None:
                    raise Noticeable(f"it imports {path}")
                if top in sys.modules:
                    known[str(name)] = sys.modules[top]
            return

    def _bind(self, module: Any, path: str, name: str, local: str, known: dict[str, Any]) -> None:
        if module is None:
            if is_stateful(path):
                raise Noticeable(f"it imports {path}")
            return
        if not hasattr(module, name):
            raise Noticeable(f"it imports {path}.{name}, which is not there")
        known[local] = getattr(module, name)

    def _use(self, value: Any, steps: list[Step], position: int) -> None:
        """Follow the attributes that are taken of a value, and see what is done with the last."""
        from prefectlite.core.task import Task

        by_name = False
        while True:
            operation, argument = steps[position + 1]
            takes = operation == "LOAD_ATTR"
            if isinstance(value, types.ModuleType):
                if not takes:
                    raise Noticeable(f"it does more with the module {value.__name__} than name it")
                with self._reach.by_name():
                    value = self._of_module(value, str(argument))
                by_name = True
            elif takes and isinstance(value, type) and not self._reach.is_library(value.__module__):
                value, by_name = getattr(value, str(argument), None), True
            elif takes and isinstance(value, Task):
                value = self._of_task(value, str(argument))
            else:
                break
            position += 1
        with self._reach.by_name() if by_name else nullcontext():
            self._end(value, steps, position)

    def _of_module(self, module: types.ModuleType, name: str) -> Any:
        missing = self
        value = getattr(module, name, missing)
        if value is missing:
            raise Noticeable(f"it names {module.__name__}.{name}, which is not there")
        if module is sys and isinstance(value, _CONTAINERS):
            raise Noticeable(f"it can see sys.{name}")
        if module is not sys:
            self._reach.look(vars(module), name, value)
        own = isinstance(value, (types.FunctionType, type))
        if own and not _is_found_by_name(value):
            raise Noticeable(f"{module.__name__}.{name} is not what its module has")
        return value

    def _of_task(self, task: Any, name: str) -> Any:
        from prefectlite.core.task import Task

        kind = type(task)
        found = vars(task).get(name, self)
        if name == "logger" and "_logger" not in vars(task):
            return task.logger
        if found is self:
            found = getattr(kind, name, self)
            if isinstance(found, types.FunctionType) and getattr(Task, name, None) is not found:
                self._reach.add_function(found, owner=task)
                return None
            if found is self or isinstance(found, property) or hasattr(Task, name):
                raise Noticeable(f"it uses {name} of its task")
            return found
        self._reach.places.append((vars(task), name, found))
        return found

    def _end(self, value: Any, steps: list[Step], position: int) -> None:
        operation, argument = steps[position + 1]
        if operation in _CHANGES and not is_plain(value):
            raise Noticeable(f"it changes a {type(value).__name__} that others see")
        if value is context:
            if not _takes_known_key(steps, position):
                raise Noticeable("it does more with the context than read known keys")
        elif value is sys.stdout or value is sys.stderr:
            return
        elif isinstance(value, logging.Logger):
            if operation != "LOAD_ATTR" or argument not in _LOGGING:
                raise Noticeable("it does more with a logger than log")
        elif isinstance(value, _CONTAINERS):
            self._use_container(value, steps, position)
        elif isinstance(value, _CALLABLES):
            own = isinstance(value, types.FunctionType) and not self._reach.is_library(
                str(value.__module__)
            )
            if own and operation == "LOAD_ATTR":
                raise Noticeable(f"it uses attributes of the function {value.__qualname__}")
            self._reach.add_callable(value)
        elif isinstance(value, functools.partial):
            self._reach.add_root(value)
        elif not is_plain(value):
            raise Noticeable(f"it can see a {type(value).__name__} that others see")

    def _use_container(self, value: Any, steps: list[Step], position: int) -> None:
        if type(value) not in _CONTAINERS or not is_read_only(steps, position):
            raise Noticeable(f"it can see a {type(value).__name__} that others see")
        self._reach.contents.append((value, value.copy()))
        items = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
        for item in items:
            if isinstance(item, _CALLABLES):
                self._reach.add_callable(item)
            elif not is_plain(item):
                raise Noticeable(f"it can see a {type(item).__name__} that others see")


def _takes_known_key(steps: list[Step], position: int) -> bool:
    operation, argument = steps[position + 1]
    if operation == "LOAD_ATTR" and argument == "get":
        operation, argument = steps[position + 2]
        return operation == "LOAD_CONST" and argument in _CONTEXT_KEYS
    if operation == "LOAD_CONST":
        return argument in _CONTEXT_KEYS and steps[position + 2][0] == "BINARY_SUBSCR"
    return operation == "LOAD_ATTR" and argument in _CONTEXT_KEYS


def _package_of(function: Any) -> str:
    plain = getattr(function, "func", getattr(function, "__func__", function))
    return str(getattr(plain, "__module__", "")).partition(".")[0]


def _is_class_body(code: types.CodeType) -> bool:
    return "__qualname__" in code.co_names and not code.co_flags & 0x1


def _is_found_by_name(value: Any) -> bool:
    found: Any = sys.modules.get(str(value.__module__))
    for part in str(value.__qualname__).split("."):
        found = getattr(found, part, None)
    return found is value or isinstance(value, type)


_OWN_LIBRARY = str(Path(functools.__file__).parent)


def _is_generated(function: types.FunctionType) -> bool:
    """Whether Python wrote a method, as it does for dataclasses."""
    return function.__code__.co_filename.startswith(("<string>", _OWN_LIBRARY))


def _is_part_of_class(member: Any) -> bool:
    kind = type(member)
    # slots, the fields of named tuples
    describes = hasattr(kind, "__get__") and is_library(kind.__module__)
    return is_plain(member) or describes or isinstance(member, type)


def is_plain(value: Any) -> bool:
    """Whether nobody can change a value, nor what is in it."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind in (tuple, frozenset) or (isinstance(value, tuple) and hasattr(kind, "_fields")):
        return all(is_plain(item) for item in value)
    if isinstance(value, enum.Enum):
        return True
    if isinstance(value, _VALUES):
        return is_library(kind.__module__)
    return kind.__module__ == "numpy" and isinstance(value, Number)


def is_stateful(module: str) -> bool:
    """Whether a module is known to keep state of its process that its users see."""
    parts = module.split(".")
    return any(".".join(parts[: count + 1]) in _STATEFUL for count in range(len(parts)))


@functools.cache
def is_library(module: str) -> bool:
    """Whether a module is Python's own or was installed, and is not the user's.

    Args:
        module: Its name.
    """
    top = module.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return True
    if top in ("prefectlite", "prefect"):
        return True
    loaded = sys.modules.get(top)
    file = getattr(loaded, "__file__", None)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return False
        file = spec.origin if spec else None
    return file is not None and ("site-packages" in file or "dist-packages" in file)
