"""Flows as dictionaries, files and pictures."""

from __future__ import annotations

import json
import sys
import types
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import prefectlite
from prefectlite import Flow, Parameter, Task, flatten, task, triggers
from prefectlite.core.edge import Edge
from prefectlite.core.storage import default_path
from prefectlite.core.visualize import MOST_ELEMENTS, draw
from prefectlite.engine import cache_validators
from prefectlite.engine.state import Failed, Mapped, Skipped, Success
from prefectlite.exceptions import FlowStorageError
from prefectlite.utilities.configuration import set_temporary_config

VERSION = prefectlite.__version__


@task
def one() -> Any:
    return 1


@task
def increment(x: Any) -> Any:
    return x + 1


class TestSerialize:
    def test_task(self) -> None:
        class Load(Task):
            def run(self, x: int, y: str = "a") -> "dict[str, int]":  # type: ignore # noqa: UP037
                return {}

        made = Load(
            slug="s", tags=["z", "a"], max_retries=2, retry_delay=timedelta(minutes=1), timeout=4,
            cache_for=timedelta(days=1), cache_key="k", trigger=triggers.any_failed,
        )  # fmt: skip
        assert made.serialize() == {
            "name": "Load",
            "slug": "s",
            "type": f"{__name__}.TestSerialize.test_task.<locals>.Load",
            "tags": ["a", "z"],
            "inputs": {
                "x": {"type": "int", "required": True},
                "y": {"type": "str", "required": False},
            },
            "outputs": "'dict[str, int]'",
            "max_retries": 2,
            "retry_delay": 60,
            "timeout": 4,
            "trigger": {"fn": "prefectlite.triggers.any_failed", "kwargs": {}},
            "skip_on_upstream_skip": True,
            "cache_for": 86400,
            "cache_key": "k",
            "cache_validator": {
                "fn": "prefectlite.engine.cache_validators.duration_only",
                "kwargs": {},
            },
            "auto_generated": False,
            "__version__": VERSION,
        }

    def test_functions_that_functions_made(self) -> None:
        made = Task(
            trigger=triggers.some_failed(at_least=0.5),
            cache_for=timedelta(1),
            cache_validator=cache_validators.partial_inputs_only(["b", "a"]),
        ).serialize()
        assert made["trigger"] == {
            "fn": "prefectlite.triggers.some_failed",
            "kwargs": {"at_least": 0.5, "at_most": None},
        }
        assert made["cache_validator"]["fn"].endswith(".partial_inputs_only")
        assert ["a", "b"] in made["cache_validator"]["kwargs"].values()

    def test_callable_objects(self) -> None:
        class Always:
            def __call__(self, upstream_states: Any) -> bool:
                return True

        assert Task(trigger=Always()).serialize()["trigger"]["fn"].startswith(__name__)

    def test_parameter(self) -> None:
        assert Parameter("p", default=[1], tags=["a"]).serialize() == {
            "name": "p",
            "slug": "p",
            "type": "prefectlite.core.parameter.Parameter",
            "default": [1],
            "required": False,
            "tags": ["a"],
            "outputs": "typing.Any",
            "__version__": VERSION,
        }
        assert Parameter("p", default=timedelta(1)).serialize()["default"] == repr(timedelta(1))

    def test_edge(self) -> None:
        assert Edge(Task(slug="a"), one, key="x", mapped=True).serialize() == {
            "upstream_task": {"slug": "a", "__version__": VERSION},
            "downstream_task": {"slug": None, "__version__": VERSION},
            "key": "x",
            "mapped": True,
            "flattened": False,
            "__version__": VERSION,
        }

    def test_flow(self) -> None:
        with Flow("f") as flow:
            parameter = Parameter("p", default=3)
            result = increment(increment(parameter))
            increment.map(flatten([[1]]))
        flow.set_reference_tasks([result])
        made = flow.serialize()
        assert json.loads(json.dumps(made)) == made
        assert made["name"] == "f"
        assert made["type"] == "prefectlite.core.flow.Flow"
        assert [t["slug"] for t in made["tasks"]] == [
            "[[1]]-1", "increment-1", "increment-2", "increment-3", "p",
        ]  # fmt: skip
        assert [
            (e["upstream_task"]["slug"], e["downstream_task"]["slug"], e["mapped"], e["flattened"])
            for e in made["edges"]
        ] == [
            ("[[1]]-1", "increment-3", True, True),
            ("increment-1", "increment-2", False, False),
            ("p", "increment-1", False, False),
        ]
        assert [p["name"] for p in made["parameters"]] == ["p"]
        assert made["reference_tasks"] == [{"slug": "increment-2", "__version__": VERSION}]
        assert (made["schedule"], made["storage"], made["run_config"]) == (None, None, None)

    def test_terminal_tasks_are_not_named_as_reference_tasks(self) -> None:
        assert Flow("f", tasks=[one]).serialize()["reference_tasks"] == []

    def test_hash(self) -> None:
        def build(name: str) -> Flow:
            with Flow(name) as flow:
                increment(one())
            return flow

        assert build("f").serialized_hash() == build("f").serialized_hash()
        assert len(build("f").serialized_hash()) == 64
        assert build("f").serialized_hash() != build("g").serialized_hash()

    def test_what_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"no storage to build"):
            Flow("f").serialize(build=True)
        flow = Flow("f")
        flow.chain(a := Task(), Task(), a)
        with pytest.raises(ValueError, match=r"Cycle found"):
            flow.serialized_hash()


def test_diagnostics_are_those_of_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("prefectlite.utilities.diagnostics")
    module.diagnostic_info = lambda *args, **kwargs: (args, kwargs)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    flow = Flow("f")
    assert flow.diagnostics(True) == ((flow,), {"include_secret_names": True})


class TestFiles:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path) -> Any:
        with set_temporary_config({"home_dir": str(tmp_path / "home")}):
            yield tmp_path / "home"

    @pytest.fixture
    def flow(self) -> Flow:
        with Flow("My Flow!") as flow:
            increment(one())
        return flow

    def test_default_place(self, flow: Flow, home: Path) -> None:
        path = flow.save()
        assert path == str(home / "flows" / "my-flow.prefect")
        for name in ("My Flow!", "my-flow", path):
            assert Flow.load(name).serialized_hash() == flow.serialized_hash()
        assert [file.name for file in (home / "flows").iterdir()] == ["my-flow.prefect"]

    @pytest.mark.parametrize(
        ("name", "file"),
        [("a/b c_D", "a-b-c-d"), ("é ü", "e-u"), ("...", "flow"), ("流れ 1", "流れ-1")],
    )
    def test_names_of_files(self, name: str, file: str) -> None:
        assert default_path(name).name == f"{file}.prefect"

    def test_a_place_of_ones_own(
        self, flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "here.flow"
        assert flow.save(path) == str(path)
        assert Flow.load(path).name == "My Flow!"
        monkeypatch.chdir(tmp_path)
        assert Flow.load("here.flow").name == "My Flow!"
        other = tmp_path / "other"
        other.touch()
        assert path.stat().st_mode == other.stat().st_mode

    def test_a_folder_that_is_not_there(self, flow: Flow, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            flow.save(tmp_path / "no" / "folder")

    @pytest.mark.parametrize("name", ["nothing", "/nowhere/nothing.flow"])
    def test_a_file_that_is_not_there(self, name: str) -> None:
        with pytest.raises(FileNotFoundError, match=r"nothing"):
            Flow.load(name)

    def test_what_cannot_be_read(self, tmp_path: Path) -> None:
        damaged, other = tmp_path / "damaged", tmp_path / "other"
        damaged.write_bytes(b"x")
        other.write_bytes(cloudpickle.dumps(3))
        with pytest.raises(FlowStorageError, match=r"unpickling the flow in .*damaged"):
            Flow.load(damaged)
        with pytest.raises(FlowStorageError, match=r"other' holds no flow but .* type int"):
            Flow.load(other)

    def test_a_failed_save_leaves_the_old_file(self, flow: Flow, tmp_path: Path) -> None:
        path = tmp_path / "f"
        flow.save(path)
        before = path.read_bytes()
        flow.constants[flow.sorted_tasks()[0]]["x"] = (value for value in ())
        with pytest.raises(TypeError, match=r"generator"):
            flow.save(path)
        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == ["f"]


graphviz = pytest.importorskip("graphviz")


class TestPictures:
    @staticmethod
    def lines(graph: Any) -> set[str]:
        return {line.strip() for line in graph.body}

    def test_tasks_and_edges(self) -> None:
        with Flow("f") as flow:
            first = one()
            second = increment.map(first, upstream_tasks=[Task(name='a "b" <c>')])
            increment(second)
        assert self.lines(draw(flow)) == {
            "task_0 [label=one shape=ellipse]",
            'task_1 [label="increment <map>" shape=box]',
            'task_2 [label="a \\"b\\" <c>" shape=ellipse]',
            "task_3 [label=increment shape=ellipse]",
            "task_0 -> task_1 [label=x style=dashed]",
            "task_2 -> task_1 [style=dashed]",
            "task_1 -> task_3 [label=x]",
        }
        assert "rankdir" not in draw(flow).source
        assert "rankdir=LR" in draw(flow, horizontal=True).source

    def test_states(self) -> None:
        with Flow("f") as flow:
            first = one()
            second = increment.map(first)
            third = increment.map(second)
            increment(third)
        state = Success(
            result={
                first: Success(),
                second: Mapped(map_states=[Success(), Failed()]),
                third: Mapped(map_states=[Success(), Skipped()]),
            }
        )
        lines = self.lines(draw(flow, state))
        for node, color in [
            ("task_0", Success().color), ("task_1_0", Success().color),
            ("task_1_1", Failed().color), ("task_2_1", Skipped().color), ("task_3", "#000000"),
        ]:  # fmt: skip
            (line,) = (line for line in lines if line.startswith(f"{node} ["))
            assert f'color="{color}80"' in line
            assert "style=filled" in line
        assert {line.partition(" [")[0] for line in lines if "->" in line} == {
            "task_0 -> task_1_0", "task_0 -> task_1_1", "task_1_0 -> task_2_0",
            "task_1_1 -> task_2_1", "task_2_0 -> task_3", "task_2_1 -> task_3",
        }  # fmt: skip

    def test_a_large_map_is_one_node(self) -> None:
        with Flow("f") as flow:
            made = increment.map([1])
        mapped = Mapped(map_states=[Success()] * (MOST_ELEMENTS + 1))
        lines = self.lines(draw(flow, Success(result={made: mapped})))
        assert sum("shape=box" in line for line in lines) == 1

    def test_a_state_without_states_of_tasks(self) -> None:
        with Flow("f") as flow:
            one()
        assert 'color="#00000080"' in draw(flow, Failed("no state")).source

    @pytest.mark.parametrize(
        ("filename", "format", "rendered"),
        [
            ("picture", None, ("picture", None)),
            ("picture.png", None, ("picture", "png")),
            ("picture.tar", None, ("picture.tar", None)),
            ("picture", "svg", ("picture", "svg")),
            ("picture.png", "svg", ("picture.png", "svg")),
        ],
    )
    def test_files(
        self, filename: str, format: str | None, rendered: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = self.record(monkeypatch)
        graph = Flow("f").visualize(filename=filename, format=format)
        assert isinstance(graph, graphviz.Digraph)
        assert calls == [(rendered[0], {"view": False, "format": rendered[1], "cleanup": True})]

    @staticmethod
    def record(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        calls: list[Any] = []
        monkeypatch.setattr(
            graphviz.Digraph, "render", lambda self, name, **kwargs: calls.append((name, kwargs))
        )
        return calls

    def test_a_viewer_is_opened(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = self.record(monkeypatch)
        Flow("f").visualize()
        ((name, kwargs),) = calls
        assert kwargs == {"view": True}
        Path(name).unlink()

    def test_not_in_a_notebook(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Shell:
            config = {"IPKernelApp": {}}  # noqa: RUF012

        class IPython:
            get_ipython = staticmethod(Shell)

        monkeypatch.setitem(sys.modules, "IPython", IPython)
        calls = self.record(monkeypatch)
        assert isinstance(Flow("f").visualize(), graphviz.Digraph)
        assert calls == []

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "graphviz", None)
        with pytest.raises(ImportError, match=r"pip install 'prefectlite\[viz\]'"):
            draw(Flow("f"))
