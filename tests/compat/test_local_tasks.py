"""Tasks of Prefect 1's library that need no service, by way of the alias."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("alias")


def load(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"prefect.tasks.{module}"), name)


def test_sqlite(tmp_path: Path) -> None:
    from prefectlite import Flow

    script, query = load("database", "SQLiteScript"), load("database.sqlite", "SQLiteQuery")
    db = str(tmp_path / "x.db")
    fill = script(db=db, script="CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2), (3, 4);")
    ask = query(db=db, name="ask")
    with Flow("sqlite") as flow:
        filled = fill()
        rows = ask(query="SELECT * FROM t WHERE a = ?", data=(3,), upstream_tasks=[filled])
        every = ask(query="SELECT a FROM t ORDER BY a", upstream_tasks=[filled])
    state: Any = flow.run()
    assert state.result[rows].result == [(3, 4)]
    assert state.result[every].result == [(1,), (3,)]
    with pytest.raises(ValueError, match="query string must be specified"):
        ask.run()
    with pytest.raises(ValueError, match="script string must be specified"):
        script(db=db).run()
    with pytest.raises(ValueError, match="database"):
        query().run()


def test_files(tmp_path: Path) -> None:
    copy, move = load("files", "Copy"), load("files.operations", "Move")
    remove, glob = load("files", "Remove"), load("files", "Glob")
    text = tmp_path / "a.txt"
    text.write_text("a")
    folder = tmp_path / "d"
    folder.mkdir()
    assert copy(text, folder).run() == folder / "a.txt"
    assert copy(folder, tmp_path / "e").run() == tmp_path / "e"
    with pytest.raises(FileExistsError):
        copy(folder, tmp_path / "e").run()
    assert move().run(text, tmp_path / "b.txt") == tmp_path / "b.txt"
    assert not text.exists()
    assert glob(tmp_path, "*.txt").run() == [tmp_path / "b.txt"]
    remove(tmp_path / "b.txt").run()
    assert glob(tmp_path).run(pattern="*.txt") == []
    with pytest.raises(ValueError, match="not found"):
        remove(tmp_path / "b.txt").run()
    for task in (copy, move, remove, glob):
        with pytest.raises(ValueError, match=r"No `.*` provided"):
            task().run()


def test_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pack, unpack = load("files.compression", "Zip"), load("files", "Unzip")
    Path("d").mkdir()
    Path("d/x").write_text("x")
    pack("d", "d.zip").run()
    pack(["d/x"], "x.zip", compression_method="store").run()
    assert unpack("d.zip", "out").run() == Path("out")
    assert Path("out/d/x").read_text() == "x"
    assert unpack("x.zip").run() == tmp_path
    assert Path("x").read_text() == "x"
    with pytest.raises(ValueError, match="not supported"):
        pack("d", "e.zip", compression_method="nope")
