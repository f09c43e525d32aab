"""Execute a file that holds flows, and see which of them it runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from prefectlite.core.flow import Flow
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from prefectlite.engine.state import State
    from prefectlite.executors.base import Executor

__all__ = ["execute", "flows_in", "observed_runs"]


def execute(
    path: Path,
    arguments: tuple[str, ...] = (),
    main_block: bool = True,
    source: bytes | None = None,
) -> ModuleType:
    """Execute a file as ``python FILE`` does.

    Args:
        path: the file.
        arguments: what it finds in ``sys.argv`` behind its own name.
        main_block: whether to execute its ``if __name__ == "__main__":`` block as well.
        source: its text, if it is to be an earlier one; by default what is in the file now.

    Returns:
        The module, which stays ``__main__`` of this process.

    Raises:
        SyntaxError: it is no Python.
        BaseException: whatever the file raises.
    """
    source = path.read_bytes() if source is None else source
    tree = ast.parse(source, filename=str(path))
    if not main_block:
        tree.body = [node for node in tree.body if not _is_main_block(node)]
    module = ModuleType("__main__")
    module.__file__ = str(path)
    # Processes that multiprocessing starts execute the file of `__main__` once more, unless its
    # name says that it is the main module of a package: functions reach them pickled by value.
    module.__spec__ = ModuleSpec("prefectlite.__main__", None, origin=str(path))
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    sys.path.insert(0, str(path.parent.resolve()))
    sys.argv = [str(path), *arguments]
    exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def _is_main_block(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    sides = [node.test.left, *node.test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    values = {side.value for side in sides if isinstance(side, ast.Constant)}
    return names == {"__name__"} and values == {"__main__"}


def flows_in(module: ModuleType) -> list[Flow]:
    """The flows at the top level of a module, also those in lists and dictionaries there.

    Args:
        module: an executed module.

    Returns:
        Each flow once, in the order of their definition.
    """
    found: dict[int, Flow] = {}
    for value in list(vars(module).values()):
        members = [value]
        if isinstance(value, dict):
            members = list(value.values())
        elif isinstance(value, (list, tuple)):
            members = list(value)
        for member in members:
            if isinstance(member, Flow):
                found.setdefault(id(member), member)
    return list(found.values())


@contextmanager
def observed_runs(
    parameters: Mapping[str, Any], executor: Executor | None
) -> Iterator[list[tuple[Flow, State | None]]]:
    """See the runs of flows while a block executes, and lay the command line's wishes over them.

    Runs inside of tasks are those of the flow's author alone.

    Args:
        parameters: values that win over those that a run is given.
        executor: where to run, whatever the flow or the run says; None: as they say.

    Returns:
        A context manager; it yields a list that grows by each flow that has run, with its state.
    """
    original = Flow.run
    finished: list[tuple[Flow, State | None]] = []

    @wraps(original)
    def run(self: Flow, given: Any = None, /, *args: Any, **kwargs: Any) -> State | None:
        if "flow_run_id" in context:
            return original(self, given, *args, **kwargs)
        given = kwargs.pop("parameters", given)
        kwargs = {name: value for name, value in kwargs.items() if name not in parameters}
        if executor is not None:
            kwargs["executor"] = executor
        state = original(self, {**(given or {}), **parameters}, *args, **kwargs)
        finished.append((self, state))
        return state

    flow_class: Any = Flow
    flow_class.run = run
    try:
        yield finished
    finally:
        flow_class.run = original
