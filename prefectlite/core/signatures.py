"""What a task's ``run`` accepts: read once, checked, and kept.

``inspect.signature`` costs some ten microseconds, a flow may hold ten thousand tasks, and most of
them share a few functions: what is learned of a function is remembered as long as it lives.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
import weakref
from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "RESERVED_ARGUMENTS",
    "CallSignature",
    "bind_arguments",
    "refuse_arguments",
    "signature_of",
]

RESERVED_ARGUMENTS = ("mapped", "task_args", "upstream_tasks", "flow")


class CallSignature:
    """The arguments of one ``run`` function.

    Args:
        run: the signature of the function itself.
        extra: what calling a task accepts besides.
        nout: the number of results that the return annotation promises, or None.

    Attributes:
        call: the signature of a task that is called: ``run``'s arguments and the extra ones.
        names: the arguments of ``run`` that are passed by name, ``**kwargs`` not counted.
        variable_keyword: the name of ``**kwargs`` in ``run``, or None.
        in_order: the names in their order; None where an argument has a kind of its own.
    """

    __slots__ = ("call", "in_order", "names", "nout", "required", "run", "variable_keyword")

    def __init__(
        self, run: inspect.Signature, extra: list[inspect.Parameter], nout: int | None
    ) -> None:
        self.run = run
        self.nout = nout
        self.variable_keyword: str | None = None
        ordinary: list[inspect.Parameter] = []
        last: list[inspect.Parameter] = []
        for parameter in run.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self.variable_keyword = parameter.name
                last.append(parameter)
            else:
                ordinary.append(parameter)
        self.names = frozenset(parameter.name for parameter in ordinary)
        empty, either = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.required = frozenset(p.name for p in ordinary if p.default is empty)
        in_order = tuple(parameter.name for parameter in ordinary)
        is_usual = not last and all(parameter.kind is either for parameter in ordinary)
        self.in_order = in_order if is_usual else None
        self.call = inspect.Signature([*ordinary, *extra, *last], return_annotation="Task")

    def accepts(self, key: str) -> bool:
        """Tell whether ``run`` takes an argument of this name."""
        return self.variable_keyword is not None or key in self.names

    def requires(self, key: str) -> bool:
        """Tell whether ``run`` cannot be called without an argument of this name."""
        return key in self.required

    def inputs(self) -> dict[str, dict[str, Any]]:
        """Describe each argument: its ``type``, its ``default``, whether it is ``required``."""
        empty = inspect.Parameter.empty
        return {
            name: {
                "type": _annotated(parameter.annotation),
                "default": None if parameter.default is empty else parameter.default,
                "required": parameter.default is empty,
            }
            for name, parameter in self.run.parameters.items()
        }

    def outputs(self) -> Any:
        """Return the annotation of the result, or `Any`."""
        return _annotated(self.run.return_annotation)


def _annotated(annotation: Any) -> Any:
    # In modules with postponed annotations these are strings; other strings stay as written.
    if annotation is inspect.Parameter.empty or annotation == "Any":
        return Any
    return annotation


# A function bound as a method has one argument less than the function itself.
_of_functions: weakref.WeakKeyDictionary[Any, CallSignature] = weakref.WeakKeyDictionary()
_of_methods: weakref.WeakKeyDictionary[Any, CallSignature] = weakref.WeakKeyDictionary()


def signature_of(
    run: Callable[..., Any], owner: str, extra: list[inspect.Parameter]
) -> CallSignature:
    """Return what ``run`` accepts; looked up once for each function.

    Args:
        run: a function, bound method, partial, class or other callable.
        owner: the name of the task, for error messages.
        extra: what calling a task accepts besides.

    Returns:
        The signature; it is shared by all tasks with this function.

    Raises:
        ValueError: ``run`` cannot be inspected, has ``*args``, or uses a reserved name.
        TypeError: ``run`` has arguments that can be passed by position only.
    """
    if isinstance(run, types.MethodType):
        known, key = _of_methods, run.__func__
    else:
        known, key = _of_functions, run
    try:
        return known[key]
    except KeyError:
        signature = known[key] = _inspect(run, owner, extra)
        return signature
    except TypeError:  # a callable that has no hash, or that cannot be referred to weakly
        return _inspect(run, owner, extra)


def refuse_arguments(run: Callable[..., Any], owner: str) -> inspect.Signature:
    """Raise an error if no task can pass the arguments that a function takes.

    Args:
        run: the function.
        owner: the name of the task or its class, for error messages.

    Returns:
        What the function takes.

    Raises:
        ValueError: ``run`` cannot be inspected, has ``*args``, or uses a reserved name.
    """
    try:
        signature = inspect.signature(run)
    except (ValueError, TypeError):
        raise ValueError(
            f"This function can not be inspected: {run!r} of task {owner!r}. That is common with "
            f"functions of Python itself and of compiled packages. Wrap it in a function of your "
            f"own: `@task def {_identifier(owner)}(x): return {_identifier(owner)}_function(x)`."
        ) from None
    if type(run).__module__ == "unittest.mock":
        signature = _of_a_mock(signature)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if inspect.Parameter.VAR_POSITIONAL in kinds.values():
        raise ValueError(
            f"Tasks with variable positional arguments (*args) are not supported, because "
            f"arguments are passed by keyword (task {owner!r}). Let run() take **kwargs, or one "
            f"list, and call the function with *args inside."
        )
    reserved = [name for name in kinds if name in RESERVED_ARGUMENTS]
    if reserved:
        raise ValueError(
            f"Tasks cannot have the following argument names: {', '.join(reserved)}. These are "
            f"reserved keyword arguments of a task's call; rename them in the run() of task "
            f"{owner!r}."
        )
    return signature


def _inspect(run: Callable[..., Any], owner: str, extra: list[inspect.Parameter]) -> CallSignature:
    signature = refuse_arguments(run, owner)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    positional = [name for name, kind in kinds.items() if kind is inspect.Parameter.POSITIONAL_ONLY]
    if positional:
        raise TypeError(
            f"Found positional-only parameters in the function signature for task {owner}: "
            f"{positional}. Arguments are passed by keyword; wrap the function in one of your "
            f"own that names them."
        )
    return CallSignature(signature, extra, _promised_results(run, signature.return_annotation))


def _of_a_mock(signature: inspect.Signature) -> inspect.Signature:
    """The signature of a test's stand-in for a task's ``run``, which says that it takes anything.

    Tasks pass arguments by name, and it takes those.
    """
    kept = [
        p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_POSITIONAL
    ]
    return signature.replace(parameters=kept)


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "my_task"


def _promised_results(run: Callable[..., Any], annotation: Any) -> int | None:
    """Return n for ``Tuple[A, B, ...n]`` or ``tuple[...]``, written out or as a string."""
    if isinstance(annotation, str):
        if "tuple[" not in annotation.lower():
            return None
        function = inspect.unwrap(getattr(run, "__func__", run))
        names = getattr(function, "__globals__", None)
        if names is None:
            names = vars(sys.modules.get(getattr(run, "__module__", "") or "", typing))
        try:
            annotation = eval(annotation, names)  # as typing.get_type_hints does
        except Exception:  # a name that only type checkers know: nothing is promised
            return None
    # A bare Tuple says nothing of its length; it has the origin and arguments of Tuple[()].
    if typing.get_origin(annotation) is not tuple or annotation is typing.Tuple:  # noqa: UP006
        return None
    parts = typing.get_args(annotation)
    if parts == ((),):  # how Python 3.10 spells Tuple[()]
        return 0
    return None if Ellipsis in parts else len(parts)


def bind_arguments(
    signature: CallSignature, owner: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Give each argument its name, as a call of ``run`` would.

    Args:
        signature: what ``run`` accepts.
        owner: the name of the task, for error messages.
        args: positional arguments.
        kwargs: keyword arguments.

    Returns:
        The arguments by name; defaults that were not overridden are not in it.

    Raises:
        TypeError: an argument is missing, unknown, given twice, or one too many.
    """
    usual = _bind_usual(signature, args, kwargs)
    if usual is not None:
        return usual
    try:
        bound = signature.run.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"Task {owner!r}: {error}. Its run() takes {signature.run}.") from None
    arguments = dict(bound)
    if signature.variable_keyword is not None:
        arguments.update(arguments.pop(signature.variable_keyword, {}))
    return arguments


def _bind_usual(
    signature: CallSignature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Name arguments that need no thought; None where `inspect` has to judge them."""
    names = signature.in_order
    if names is None or len(args) > len(names):
        return None
    arguments = dict(zip(names, args, strict=False))
    for name in names[len(args) :]:
        if name in kwargs:
            arguments[name] = kwargs[name]
        elif name in signature.required:
            return None
    return arguments if len(arguments) == len(args) + len(kwargs) else None
