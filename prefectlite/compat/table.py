"""The table of names of docs/migrating.md, made from `prefectlite.compat.names`.

``python -m prefectlite.compat.table docs/migrating.md`` writes it between the page's two marks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from prefectlite.compat.names import NAMES, PUBLIC, lookup

__all__ = ["BEGIN", "END", "markdown_table", "with_table"]

BEGIN = "<!-- table of names: begin -->"
END = "<!-- table of names: end -->"
_WORDS = {
    "same": "same",
    "different": "different",
    "ignored": "no effect",
    "missing": "not here",
}


def markdown_table() -> str:
    """The table as Markdown: every public name, and what is to be said of it."""
    rows = ["| Prefect 1 | here | what to know, or what to use instead |", "| --- | --- | --- |"]
    rows += [f"| {name} | {_WORDS[status]} | {note} |" for name, status, note in _rows()]
    return "\n".join(rows)


def _rows() -> Iterator[tuple[str, str, str]]:
    for module, public in PUBLIC.items():
        prefix = f"{module}." if module else ""
        plain = []
        for name in public.split():
            entry = lookup(f"{prefix}{name}")
            if entry is not None and (entry.status != "same" or entry.note):
                yield f"`prefect.{prefix}{name}`", entry.status, entry.note
            else:
                plain.append(f"`{name}`")
        if plain:
            yield (
                f"`prefect.{prefix.rstrip('.')}`".replace(".`", "`") + ": " + ", ".join(plain),
                "same",
                "",
            )
    for name, entry in NAMES.items():
        head, _, last = name.rpartition(".")
        if last not in PUBLIC.get(head, "").split():
            yield f"`prefect.{name}`", entry.status, entry.note


def with_table(page: str) -> str:
    """A page with the table between its marks.

    Args:
        page: its text.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page needs the lines {BEGIN!r} and {END!r} around the table.")
    return f"{before}{BEGIN}\n{markdown_table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
