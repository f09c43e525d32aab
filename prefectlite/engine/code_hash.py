"""`{inputs_hash}` and `{code_hash}`: what makes a target another one when a task's work changes.

What a code hash covers: the instructions, constants and names of the task's function and of the
functions within it; the values of its defaults and closures; the values of the globals it names;
and, in the same way, each function, class and method of the same top-level package that it names,
by attributes of modules too. Of partials, bound methods and decorated functions all parts count.
Comments, docstrings, line numbers, annotations and the names of files do not. Functions of other
packages count by name only, and so does what is looked up by a computed name.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefectlite.exceptions import ResultError

if TYPE_CHECKING:
    from prefectlite.core.task import Task

_hashes: dict[int, tuple[Any, str]] = {}

# the flag of Python 3.13 for a function with a docstring
_HAS_DOCSTRING = 0x4000000


def code_hash(task: Task) -> str:
    """A text that changes when what a task does changes; see the module's docstring.

    Args:
        task: The task.

    Returns:
        16 hexadecimal digits, the same in every process of one version of Python.
    """
    found = _hashes.get(id(task))
    if found is None or found[0] is not task:
        digest = _Digest(_package_of(task.run))
        digest.add(task.run)
        found = _hashes[id(task)] = (task, digest.text())
    return found[1]


def inputs_hash(inputs: Mapping[str, Any]) -> str:
    """A text that changes when an input of a task run changes.

    Args:
        inputs: The values, by the name of the argument.

    Returns:
        16 hexadecimal digits, the same in every process.

    Raises:
        ResultError: A value is of a type that is not told apart the same way in every process.
    """
    from dask.base import tokenize

    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(inputs):
        try:
            token = tokenize(inputs[name], ensure_deterministic=True)
        except Exception as error:
            raise ResultError(
                f"{{inputs_hash}} cannot take in argument {name!r}, of type "
                f"{type(inputs[name]).__name__}: it looks different in each process ({error}). "
                "Give its class a method __dask_tokenize__, or name the inputs that matter in the "
                "target one by one."
            ) from error
        digest.update(f"{name}={token};".encode())
    return digest.hexdigest()


def _package_of(function: Any) -> str:
    plain = inspect.unwrap(getattr(function, "__func__", function), stop=_is_no_function)
    if isinstance(plain, functools.partial):
        return _package_of(plain.func)
    module = getattr(plain, "__module__", None) or type(plain).__module__
    return str(module).partition(".")[0]


def _is_no_function(function: Any) -> bool:
    return isinstance(function, functools.partial)


def _docstring(code: types.CodeType) -> str | None:
    """The docstring among a function's constants, where the first of them is one."""
    if not code.co_consts or code.co_name.startswith("<"):
        return None
    if sys.version_info >= (3, 13) and not code.co_flags & _HAS_DOCSTRING:
        return None
    first = code.co_consts[0]
    return first if isinstance(first, str) else None


class _Digest:
    """Takes in functions and values, each once.

    Args:
        package: The package whose functions and classes count with all they do.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._digest = hashlib.blake2b(digest_size=8)
        self._seen: dict[int, Any] = {}

    def text(self) -> str:
        return self._digest.hexdigest()

    def _put(self, *texts: object) -> None:
        for text in texts:
            self._digest.update(f"{text}\0".encode(errors="surrogatepass"))

    def add(self, value: Any) -> None:
        """Take in a function, a class, or the value of a default, a closure or a global."""
        if id(value) in self._seen and not isinstance(value, (int, str, bytes, float, type(None))):
            self._put("again", getattr(value, "__qualname__", type(value).__qualname__))
            return
        self._seen[id(value)] = value
        if isinstance(value, functools.partial):
            self._put("partial")
            self.add(value.func)
            self._add_value(value.args)
            self._add_value(value.keywords)
        elif isinstance(value, types.MethodType):
            self._put("method")
            self.add(value.__func__)
            self._add_owner(value.__self__)
        elif isinstance(value, (staticmethod, classmethod)):
            self.add(value.__func__)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.ModuleType):
            self._put("module", value.__name__)
        elif callable(value) and hasattr(value, "__wrapped__"):
            self._put("wrapper", type(value).__qualname__)
            self.add(value.__wrapped__)
        else:
            self._add_value(value)

    def _is_ours(self, value: Any) -> bool:
        return str(getattr(value, "__module__", "")).partition(".")[0] == self._package

    def _add_owner(self, owner: Any) -> None:
        """The object that a method belongs to: its class's other methods may be called."""
        from prefectlite.core.task import Task

        if isinstance(owner, Task):
            own = type(owner)
            if self._is_ours(own):
                self._add_class(own)
            settings = {
                name: value
                for name, value in vars(owner).items()
                if name not in vars(Task(name="any")) and not name.startswith("_")
            }
            for name in sorted(settings):
                if name != "run":
                    self._put("attribute", name)
                    self.add(settings[name])
            return
        self.add(owner)

    def _add_class(self, kind: type) -> None:
        self._put("class", kind.__qualname__)
        if not self._is_ours(kind):
            return
        for base in kind.__bases__:
            if self._is_ours(base):
                self.add(base)
        for name, member in sorted(vars(kind).items()):
            if isinstance(member, (types.FunctionType, staticmethod, classmethod)):
                self._put(name)
                self.add(member)
            elif isinstance(member, property):
                self._put(name)
                for part in (member.fget, member.fset):
                    if part is not None:
                        self.add(part)
            elif not name.startswith("__") and isinstance(
                member, (int, str, float, bytes, tuple, list, dict, set, frozenset)
            ):
                self._put(name)
                self._add_value(member)

    def _add_function(self, function: types.FunctionType) -> None:
        self._put("function", function.__qualname__)
        if not self._is_ours(function):
            return
        self._add_value(function.__defaults__)
        self._add_value(function.__kwdefaults__)
        names = self._add_code(function.__code__)
        for cell, name in zip(
            function.__closure__ or (), function.__code__.co_freevars, strict=True
        ):
            self._put("closure", name)
            try:
                held = cell.cell_contents
            except ValueError:
                continue
            self.add(held)
        if hasattr(function, "__wrapped__"):
            self.add(function.__wrapped__)
        for path in sorted(names):
            self._add_global(function.__globals__, path)

    def _add_global(self, namespace: Mapping[str, Any], path: tuple[str, ...]) -> None:
        """A global, or what is reached from a module of the same package by attributes."""
        if path[0] not in namespace:
            return
        value = namespace[path[0]]
        for name in path[1:]:
            if not isinstance(value, types.ModuleType) or not self._is_ours_module(value):
                break
            value = getattr(value, name, None)
        self._put("global", ".".join(path))
        self.add(value)

    def _is_ours_module(self, module: types.ModuleType) -> bool:
        return module.__name__.partition(".")[0] == self._package

    def _add_code(self, code: types.CodeType) -> set[tuple[str, ...]]:
        """Take in what code does; give the globals it names, with the attributes that follow."""
        named: set[tuple[str, ...]] = set()
        path: tuple[str, ...] = ()
        docstring = _docstring(code)
        for instruction in dis.get_instructions(code):
            operation, argument = instruction.opname, instruction.argval
            if operation in ("RESUME", "NOP", "CACHE", "EXTENDED_ARG"):
                continue
            if operation in ("LOAD_GLOBAL", "LOAD_NAME"):
                path = (str(argument),)
                named.add(path)
            elif operation in ("LOAD_ATTR", "LOAD_METHOD") and path:
                path = (*path, str(argument))
                named.add(path)
            else:
                path = ()
            self._put(operation)
            if isinstance(argument, types.CodeType):
                named |= self._add_code(argument)
            elif operation.startswith(("LOAD_CONST", "RETURN_CONST", "LOAD_SMALL_INT")):
                if docstring is None or argument is not docstring:
                    self._add_value(argument)
            elif isinstance(argument, (str, int)) and "JUMP" not in operation:
                self._put(argument)
        self._put(code.co_argcount, code.co_kwonlyargcount, code.co_varnames, code.co_flags)
        return named

    def _add_value(self, value: Any) -> None:
        """Take in data; what holds functions is gone through."""
        if isinstance(value, (list, tuple)):
            self._put(type(value).__name__, len(value))
            for item in value:
                self.add(item)
        elif isinstance(value, (set, frozenset)):
            self._put(type(value).__name__, *sorted(repr(item) for item in value))
        elif isinstance(value, dict):
            self._put("dict", len(value))
            for key in sorted(value, key=repr):
                self._put(repr(key))
                self.add(value[key])
        elif isinstance(value, (int, float, complex, str, bytes, type(None), type(Ellipsis))):
            self._put(type(value).__name__, repr(value))
        else:
            self._add_object(value)

    def _add_object(self, value: Any) -> None:
        kind = type(value)
        self._put("object", f"{kind.__module__}.{kind.__qualname__}")
        if isinstance(value, (types.BuiltinFunctionType, types.CodeType)):
            self._put(getattr(value, "__qualname__", ""))
            return
        from dask.base import tokenize

        try:
            self._put(tokenize(value, ensure_deterministic=True))
        except Exception:
            # a lock, a logger, a connection: what it is counts, not which one
            self._put("of its kind")
