"""Find, by reading it, what a file uses of Prefect 1, and say what becomes of it here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefectlite.compat import PREFECT_VERSION
from prefectlite.compat.names import Entry, lookup

__all__ = ["Finding", "examine", "python_files"]

_FLOW_ATTRIBUTES = ("storage", "run_config", "environment", "register", "run_agent")
_VARIABLES = Entry(
    "different", "read when asked for: --prefect-settings, or install(settings=True)"
)
_VERSION = Entry("different", f"it is {PREFECT_VERSION}")
_UNKNOWN = Entry("different", "not in the table of names: try it")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One use of a name of Prefect 1.

    Args:
        line: the line in the file, from 1.
        name: the name in full, as ``prefect.storage.Docker``.
        entry: what there is to say of it.
    """

    line: int
    name: str
    entry: Entry


def python_files(path: Path) -> list[Path]:
    """The Python files of a folder, hidden folders left out; or the file itself.

    Args:
        path: a file or a folder.
    """
    if path.is_file():
        return [path]
    return sorted(
        found
        for found in path.rglob("*.py")
        if not any(part.startswith(".") for part in found.relative_to(path).parts)
    )


def examine(source: str | bytes, filename: str = "<text>") -> list[Finding]:
    """Find what a file uses of Prefect 1. Nothing of it is executed.

    Args:
        source: its text.
        filename: its name, for errors.

    Returns:
        The findings by line; each name once a line.

    Raises:
        SyntaxError: the text is no Python.

    Example:
        >>> [f.name for f in examine("from prefect.storage import Docker")]
        ['prefect.storage.Docker']
    """
    reader = _Reader()
    reader.visit(ast.parse(source, filename=filename))
    found = {(line, name): entry for line, name, entry in reader.found}
    return [Finding(line, name, entry) for (line, name), entry in sorted(found.items(), key=_place)]


def _place(item: tuple[tuple[int, str], Entry]) -> tuple[int, str]:
    return item[0]


class _Reader(ast.NodeVisitor):
    """Follows names from the imports to where they are used."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str, Entry]] = []
        # what names of the file stand for, without `prefect.`
        self._names: dict[str, str] = {}
        self._flows: set[str] = set()
        self._uses_prefect = False

    def _note(self, line: int, name: str) -> None:
        if name == "__version__":
            entry = _VERSION
        elif name.rpartition(".")[2].startswith("__"):
            return
        else:
            entry = (lookup(name) if name else Entry("same")) or _UNKNOWN
        self.found.append((line, f"prefect.{name}".rstrip("."), entry))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] == "prefect":
                self._uses_prefect = True
                inner = alias.name[len("prefect.") :]
                self._note(node.lineno, inner)
                self._names[alias.asname or "prefect"] = inner if alias.asname else ""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or module.split(".")[0] != "prefect":
            return
        self._uses_prefect = True
        inner = module[len("prefect.") :]
        for alias in node.names:
            name = f"{inner}.{alias.name}".strip(".") if alias.name != "*" else inner
            self._note(node.lineno, name)
            if alias.name != "*":
                self._names[alias.asname or alias.name] = name

    def _dotted(self, node: ast.expr) -> str | None:
        """The name of Prefect that an expression is, without ``prefect.``."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            inner = self._dotted(node.value)
            return None if inner is None else f"{inner}.{node.attr}".strip(".")
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = self._dotted(node)
        if dotted is not None:
            self._note(node.lineno, dotted)
        elif node.attr in _FLOW_ATTRIBUTES and self._is_flow(node.value):
            self._note(node.lineno, f"Flow.{node.attr}")
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        dotted = self._names.get(node.id)
        if isinstance(node.ctx, ast.Store):
            self._names.pop(node.id, None)
        elif dotted and isinstance(node.ctx, ast.Load):
            self._note(node.lineno, dotted)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """Its arguments are no names of Prefect, and what it imports is its own."""
        arguments = node.args
        around: list[ast.AST] = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
        if not isinstance(node, ast.Lambda):
            around += node.decorator_list
        for part in around:
            self.visit(part)
        outer, self._names = self._names, dict(self._names)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in [*named, arguments.vararg, arguments.kwarg]:
            if argument is not None:
                if argument.annotation is not None:
                    self.visit(argument.annotation)
                self._names.pop(argument.arg, None)
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            self.visit(node.returns)
        for part in body:
            self.visit(part)
        self._names = outer

    visit_FunctionDef = _visit_function  # noqa: N815 - the names that ast.NodeVisitor asks for
    visit_AsyncFunctionDef = _visit_function  # noqa: N815
    visit_Lambda = _visit_function  # noqa: N815

    def _visit_comprehension(self, node: Any) -> None:
        """Its names are its own, and are made before they are used."""
        outer, self._names = self._names, dict(self._names)
        for generator in node.generators:
            self.visit(generator)
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self._names = outer

    visit_ListComp = _visit_comprehension  # noqa: N815
    visit_SetComp = _visit_comprehension  # noqa: N815
    visit_DictComp = _visit_comprehension  # noqa: N815
    visit_GeneratorExp = _visit_comprehension  # noqa: N815

    def _is_flow(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return self._dotted(node.func) in ("Flow", "core.Flow", "core.flow.Flow")
        if not isinstance(node, ast.Name) or not self._uses_prefect:
            return False
        return node.id in self._flows or node.id.lower().endswith("flow")

    def visit_Call(self, node: ast.Call) -> None:
        makes_flow = self._is_flow(node)
        for keyword in node.keywords:
            if makes_flow and keyword.arg in _FLOW_ATTRIBUTES:
                self._note(keyword.value.lineno, f"Flow.{keyword.arg}")
            elif keyword.arg == "result_handler" and self._uses_prefect:
                self._note(keyword.value.lineno, "Task.result_handler")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self._is_flow(node.value) and isinstance(node.value, ast.Call):
            self._flows.update(t.id for t in node.targets if isinstance(t, ast.Name))
        self.visit(node.value)
        for target in node.targets:
            # a name for what could not be imported: `except ImportError: Client = None`
            if not (isinstance(target, ast.Name) and isinstance(node.value, ast.Constant)):
                self.visit(target)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            if self._is_flow(item.context_expr) and isinstance(item.optional_vars, ast.Name):
                self._flows.add(item.optional_vars.id)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and node.value.startswith("PREFECT__"):
            self.found.append((node.lineno, node.value.split("=")[0], _VARIABLES))


def count(findings: list[Finding]) -> Iterator[tuple[str, int]]:
    """How many findings there are of each status that occurs."""
    for status in ("same", "different", "ignored", "missing"):
        number = sum(finding.entry.status == status for finding in findings)
        if number:
            yield status, number
