"""No value that is filled in takes a location out of its folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, Parameter, task
from prefectlite.engine.results import FsspecResult, LocalResult
from prefectlite.exceptions import ResultError

ESCAPES = [
    "../x",
    "../../x",
    "a/../../x",
    "..",
    "/etc/x",
    "//etc/x",
    "./../x",
    "a/b/../../../x",
]


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("template", ["{name}", "{name}.pickle", "data/{name}", "{name}/x"])
def test_a_result_stays_in_its_folder(name: str, template: str, tmp_path: Path) -> None:
    inside = tmp_path / "outer" / "results"
    stores = [LocalResult(dir=inside, location=template)]
    stores.append(FsspecResult(f"file://{inside}", location=template))  # type: ignore[arg-type]
    for result in stores:
        with contextlib.suppress(ResultError):
            result.write(1, name=name)
        found = _files(tmp_path)
        assert all(path.startswith("outer/results/") for path in found), found


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_a_target_that_leaves_its_folder_fails_by_name(name: str, tmp_path: Path) -> None:
    ran = []

    @task(target="{name}.pickle", result=LocalResult(dir=tmp_path / "results"))
    def load(name: str) -> Any:
        ran.append(name)
        return name

    with Flow("escape") as flow:
        loaded = load(Parameter("name"))
    state = flow.run(parameters={"name": name}).result[loaded]
    assert state.is_failed()
    assert "'load'" in state.message
    assert "leads out of" in state.message
    assert ran == []
    assert _files(tmp_path) == set()


def test_a_callable_that_gives_a_location_outside_is_refused(tmp_path: Path) -> None:
    result = LocalResult(dir=tmp_path / "results", location=lambda name, **_: f"a/{name}")
    with pytest.raises(ResultError, match="leads out of"):
        result.write(1, name="../../x")
    assert _files(tmp_path) == set()


def test_an_object_stays_below_its_url() -> None:
    result = FsspecResult("memory://bucket/results", location="{name}")
    with pytest.raises(ResultError, match="leads out of"):
        result.write(1, name="../x")


def test_what_looks_inside_of_a_value_is_no_way_out(tmp_path: Path) -> None:
    result = LocalResult(dir=tmp_path, location="{name.__class__.__init__.__globals__}")
    with pytest.raises((ValueError, AttributeError, ResultError)):
        result.write(1, name="x")
