"""The programs on the pages of docs/ run.

A block that begins with ```` ```python ```` is a program by itself, run in an empty folder; one
that continues the block above it begins with ```` ```python more ````. ```` ```python NAME ```` is
a program for another package: it must be Python, and runs where that package is installed.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prefectlite.compat.names import NAMES, PUBLIC
from prefectlite.compat.table import markdown_table, with_table

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("**/*.md"))
_BLOCK = re.compile(r"^```python(?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# what is imported, and the first number of the version that the block is for
_FOREIGN = {"luigi": ("luigi", None), "prefect3": ("prefect", "3")}


def programs() -> list[tuple[str, str, str]]:
    """Page and line, the package a program is for, and its text."""
    found: list[tuple[str, str, str]] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            words = block["words"].split()
            line = text.count("\n", 0, block.start()) + 2
            place = f"{page.relative_to(ROOT)}:{line}"
            if words == ["more"]:
                above = found.pop()
                found.append((above[0], above[1], above[2] + block["text"]))
            else:
                found.append((place, " ".join(words), block["text"]))
    return found


PROGRAMS = programs()


@pytest.mark.parametrize(
    ("place", "package", "text"), PROGRAMS, ids=[place for place, _, _ in PROGRAMS]
)
def test_it_runs(place: str, package: str, text: str, tmp_path: Path) -> None:
    ast.parse(text, filename=place)
    if package and not _is_installed(package):
        return
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, f"{place}\n{done.stdout}{done.stderr}"


def _is_installed(package: str) -> bool:
    module, major = _FOREIGN[package]
    if importlib.util.find_spec(module) is None:
        return False
    from importlib.metadata import version

    return major is None or version(module).split(".")[0] == major


def test_the_page_on_migrating_has_programs() -> None:
    assert sum(place.startswith("docs/migrating.md") for place, _, _ in PROGRAMS) >= 8


def test_the_table_of_names_is_the_one_of_the_code() -> None:
    page = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
    assert page == with_table(page), (
        "Write it anew: python -m prefectlite.compat.table docs/migrating.md"
    )


def test_the_table_has_every_name() -> None:
    table = markdown_table()
    for module, names in PUBLIC.items():
        for name in names.split():
            prefix = f"{module}." if module else ""
            full = f"`prefect.{prefix}{name}`"
            together = rf"^\| `prefect{f'.{module}' if module else ''}`: .*`{name}`"
            assert full in table or re.search(together, table, re.MULTILINE), full
    for name in NAMES:
        assert f"`prefect.{name}`" in table or name in PUBLIC or f"`{name.split('.')[-1]}`" in table


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
