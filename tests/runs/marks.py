"""Marks that task runs leave wherever they run, to count them by; and values of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefectlite import Flow
from prefectlite.engine.state import State


class Marks:
    """Marks that task runs leave, wherever they run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def __call__(self, name: object) -> int:
        """Leave a mark; returns how many there are of the name."""
        path = self.folder / str(name)
        with path.open("ab") as file:
            file.write(b".")
        return path.stat().st_size

    def taken(self) -> dict[str, int]:
        """The marks since the last time."""
        found = {path.name: path.stat().st_size for path in self.folder.iterdir()}
        for path in self.folder.iterdir():
            path.unlink()
        return found


def end(flow: Flow, state: State | None, name: str) -> Any:
    """The value of the task of a name."""
    assert state is not None
    (found,) = flow.get_tasks(name)
    return state.result[found].result
