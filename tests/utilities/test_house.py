"""The house keeps its rules: sizes, layers, no import cycles, a quick import, names that exist."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

import prefectlite
from prefectlite import engine, utilities

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("prefectlite", "executors", "examples", "benchmarks", "compat", "soak", "tests")
LONGEST_FUNCTION = 60
LONGEST_MODULE = 600

# What is heavy, or optional, or only of use to a part; `import prefectlite` does without.
LOADED_LATE = (
    "asyncio",
    "click",
    "cloudpickle",
    "dask",
    "distributed",
    "fsspec",
    "graphviz",
    "msgpack",
    "numpy",
    "pandas",
    "pendulum",
    "rich",
    "prefectlite.core",
    "prefectlite.executors",
    "prefectlite.engine.driver",
)


def source_files() -> Iterator[Path]:
    """Every Python file of the repository, once."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.is_relative_to(ROOT / "prefectlite" / "executors"):
                yield path


def modules() -> list[str]:
    """The full names of the package's modules, but for those that act when imported."""
    found = (m.name for m in pkgutil.walk_packages(prefectlite.__path__, "prefectlite."))
    acting = ("__main__", "pytest_plugin")
    return ["prefectlite", *(name for name in found if not name.endswith(acting))]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Which module imports which, but for imports that only type checkers see."""
    return grimp.build_graph("prefectlite", exclude_type_checking_imports=True, cache_dir=None)


def test_no_module_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in source_files()
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_no_function_is_too_long() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in source_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert too_long == []


def test_there_is_no_import_cycle(imports: grimp.ImportGraph) -> None:
    # Flow.run's reach up to the runner is the one import that goes the other way.
    remaining = {
        module: set(imports.find_modules_directly_imported_by(module)) for module in imports.modules
    }
    remaining["prefectlite.core.flow"].discard("prefectlite.engine.flow_runner")
    # What imports nothing that remains, or is imported by nothing that remains, is in no cycle.
    while ends := set(remaining) - {
        module
        for module, imported in remaining.items()
        if imported and any(module in others for others in remaining.values())
    }:
        remaining = {
            module: imported - ends for module, imported in remaining.items() if module not in ends
        }
    assert remaining == {}


def test_every_module_has_its_layer(imports: grimp.ImportGraph) -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {name for layer in layers for name in layer.replace("(", "").replace(")", "").split()}
    packages = {"prefectlite", "prefectlite.engine", "prefectlite.utilities"}
    missing = [
        module
        for module in sorted(imports.modules - packages)
        if not any(module == name or module.startswith(f"{name}.") for name in named)
    ]
    assert missing == [], "name them in the layers of import-linter in pyproject.toml"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import prefectlite, sys; print([m for m in {LOADED_LATE!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", modules())
def test_every_module_has_what_it_says(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, "a module says what it is for"
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    for each in exported:
        getattr(module, each)


@pytest.mark.parametrize("module", [prefectlite, engine, utilities])
def test_what_is_loaded_late_is_there_and_listed(module: Any) -> None:
    late = {*getattr(module, "_NAMES", ()), *module._MODULES}
    for name in late:
        assert getattr(module, name) is not None
    assert late <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("module", [prefectlite, engine])
def test_type_checkers_see_the_names_that_are_loaded_late(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname
        for block in guarded
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(module._NAMES) <= seen


def test_executors_are_only_imported_by_their_name() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import executors"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode != 0
    assert "prefectlite.executors" in done.stderr.splitlines()[-1]
