"""Targets: templates and callables, hashes, two elements at one location, paths that leave."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, Parameter, flatten, task, unmapped
from prefectlite.core.task import Task
from prefectlite.engine.code_hash import code_hash, inputs_hash
from prefectlite.engine.result import Result
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Failed, State, Success
from prefectlite.exceptions import ResultError
from prefectlite.executors import DaskExecutor
from tests.clusters import EXECUTORS, executor_of_kind


def mapped(target: Any, values: list[Any], result: Any, **settings: Any) -> tuple[Flow, Any]:
    @task(target=target, result=result, **settings)
    def one(x: Any, y: int) -> Any:
        return x

    with Flow("targets") as flow:
        made = one.map(values, unmapped(1))
    return flow, made


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize("target", ["one.pkl", "{x}.pkl", "{y}-{task_name}.pkl"])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_two_elements_at_one_location(
    kind: str, target: str, batch_size: int | None, tmp_path: Path
) -> None:
    flow, made = mapped(target, [1, 2, 1], LocalResult(dir=tmp_path), batch_size=batch_size)
    state = flow.run(executor=executor_of_kind(kind))
    assert state.is_failed()
    assert list(tmp_path.iterdir()) == []
    message = str(state.result[made].map_states[0].message)
    other = 2 if target == "{x}.pkl" else 1
    for part in (f"Elements 0 and {other} of task 'one'", "{map_index}", target):
        assert part in message


def test_two_elements_at_one_location_by_a_callable(tmp_path: Path) -> None:
    flow, made = mapped(lambda **values: "same", [1, 2], LocalResult(dir=tmp_path))
    state = flow.run()
    assert "Elements 0 and 1" in str(state.result[made].map_states[1].message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["local", "dask"])
@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("{x}", "../evil"),
        ("{x}", "/etc/evil"),
        ("{x}", "a/../../evil"),
        ("in/{x}", "../../evil"),
        (lambda x, **values: x, "../evil"),
        (lambda x, **values: x, "/etc/evil"),
    ],
)
def test_a_value_cannot_leave_the_folder(
    kind: str, value: str, target: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "results"

    @task(target=target, result=LocalResult(dir=folder))
    def one(x: str) -> int:
        return 1

    with Flow("leaves") as flow:
        made = one(Parameter("x"))
    state = flow.run(parameters={"x": value}, executor=executor_of_kind(kind)).result[made]
    assert isinstance(state, Failed)
    assert "leads out of" in str(state.message)
    assert "'one'" in str(state.message)
    assert not list(tmp_path.rglob("*evil*"))


def test_what_the_author_wrote_may_be_anywhere(tmp_path: Path) -> None:
    result = LocalResult(dir=tmp_path / "in")
    for location in (str(tmp_path / "out" / "{x}.pkl"), "../out/{x}.pkl"):
        result.location = location
        written = result.write(1, x="name")
        assert Path(str(written.location)).resolve() == tmp_path / "out" / "name.pkl"
        with pytest.raises(ResultError, match="leads out of"):
            result.write(1, x="../name")


def raises(**values: Any) -> str:
    raise ZeroDivisionError("no place")


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("{nokey}", ["KeyError('nokey')", "Known are", "x", "map_index", "task_name", "'one"]),
        (raises, ["'raises'", "no place", "'one"]),
        (lambda **values: None, ["returned None", "'one"]),
        ("{x:%Y}", ["cannot be filled in", "'one"]),
    ],
)
def test_targets_of_no_use(target: Any, parts: list[str], tmp_path: Path) -> None:
    flow, made = mapped(target, ["a", "b"], LocalResult(dir=tmp_path))
    state = flow.run().result[made].map_states[0]
    assert isinstance(state, Failed)
    for part in parts:
        assert part in str(state.message)
    assert list(tmp_path.iterdir()) == []


def test_a_target_names_context_parameters_inputs_and_dates(tmp_path: Path) -> None:
    target = "{date:%Y}/{flow_name}/{p}/{task_name}-{map_index}-{x}-{config.debug}.pkl"

    @task(target=target, result=LocalResult(dir=tmp_path))
    def one(x: int) -> int:
        return x

    with Flow("keys") as flow:
        flow.add_task(Parameter("p", default="q"))
        made = one.map([7])
    state = flow.run()
    location = Path(state.result[made].map_states[0]._result.location)
    assert location.relative_to(tmp_path).parts[1:] == ("keys", "q", "one-0-7-False.pkl")


def run(target: str, folder: Path, function: Callable[..., Any], value: Any) -> State:
    with Flow("hashes") as flow:
        made = task(function, name="one", target=target, result=LocalResult(dir=folder))(value)
    return flow.run().result[made]


def test_another_input_is_another_target(tmp_path: Path) -> None:
    def one(x: Any) -> Any:
        return x

    kinds = [
        type(run("{inputs_hash}.pkl", tmp_path, one, value)).__name__
        for value in ({"a": [1]}, {"a": [2]}, {"a": [1]}, "text", "text")
    ]
    assert kinds == ["Success", "Success", "Cached", "Success", "Cached"]


def test_another_function_is_another_target(tmp_path: Path) -> None:
    def one(x: int) -> int:
        return x + 1

    def other(x: int) -> int:
        return x + 2

    other.__qualname__ = one.__qualname__
    assert isinstance(run("{code_hash}.pkl", tmp_path, one, 1), Success)
    assert run("{code_hash}.pkl", tmp_path, one, 1).is_cached()
    assert isinstance(run("{code_hash}.pkl", tmp_path, other, 1), Success)


def test_inputs_that_cannot_be_told_apart() -> None:
    with pytest.raises(ResultError, match="'x'"):
        inputs_hash({"x": object()})


def hash_of(source: str, name: str = "f", wrap: Callable[[Any], Any] | None = None) -> str:
    """The hash of a function in a module of this text."""
    module: dict[str, Any] = {"__name__": "package.module", "functools": functools}
    exec(compile(source, "package/module.py", "exec"), module)
    made = module[name]
    return code_hash(made if isinstance(made, Task) else task(made))


BASE = """
SCALE = 2
TABLE = {"a": [1]}
def helper(x): return x * SCALE
class Tool:
    factor = 1
    def use(self, x): return x * self.factor
def deco(g):
    @functools.wraps(g)
    def inner(*a, **k): return g(*a, **k)
    return inner
def make(n):
    def inner(x): return x + n
    return inner
def f(x, y=1):
    z = [helper(i) for i in range(x)]
    return Tool().use(sum(z)) + y + TABLE["a"][0]
g = functools.partial(f, y=3)
c = make(1)
@deco
def d(x): return f(x)
"""


@pytest.mark.parametrize("name", ["f", "d"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 2", "SCALE = 3"),
        ('{"a": [1]}', '{"a": [2]}'),
        ("x * SCALE", "x + SCALE"),
        ("factor = 1", "factor = 2"),
        ("x * self.factor", "x - self.factor"),
        ("y=1", "y=2"),
        ("range(x)", "range(x + 1)"),
        ("+ y +", "- y +"),
    ],
)
def test_what_changes_a_code_hash(name: str, old: str, new: str) -> None:
    assert old in BASE
    assert hash_of(BASE, name) != hash_of(BASE.replace(old, new), name)


def test_closures_partials_and_wrappers_change_a_code_hash() -> None:
    assert hash_of(BASE, "c") != hash_of(BASE.replace("make(1)", "make(2)"), "c")
    assert hash_of(BASE, "d") != hash_of(BASE.replace("g(*a, **k)", "g(*a)"), "d")
    assert hash_of(BASE, "d") != hash_of(BASE.replace("return f(x)", "return f(x) + 1"), "d")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 2", "# twice\n\nSCALE = 2  # as before"),
        ("def helper(x): ", 'def helper(x):\n    "Scale it."\n    # so\n    '),
        ("def f(x, y=1):", "def f(x: int, y: int = 1) -> int:"),
        ("def make", "def unused(): pass\ndef make"),
    ],
)
def test_what_does_not_change_a_code_hash(old: str, new: str) -> None:
    assert hash_of(BASE) == hash_of(BASE.replace(old, new))


def test_a_class_of_tasks_has_a_code_hash() -> None:
    class Add(Task):
        def __init__(self, n: int) -> None:
            self.n = n
            super().__init__()

        def run(self, x: int) -> int:
            return self.more(x)

        def more(self, x: int) -> int:
            return x + self.n

    assert code_hash(Add(1)) == code_hash(Add(1))
    assert code_hash(Add(1)) != code_hash(Add(2))


def test_a_cached_state_tells_hashes_of_its_inputs(tmp_path: Path) -> None:
    flow, made = mapped("{x}.pkl", [1, 2], LocalResult(dir=tmp_path))
    flow.run()
    for kind in ("local", "dask"):
        one, other = flow.run(executor=executor_of_kind(kind)).result[made].map_states
        assert one.is_cached()
        assert one.hashed_inputs.keys() == {"x", "y"}
        assert one.hashed_inputs["y"] == other.hashed_inputs["y"]
        assert one.hashed_inputs["x"] != other.hashed_inputs["x"]


def test_the_error_of_a_users_function_is_the_result(tmp_path: Path) -> None:
    flow, made = mapped(lambda **values: 1 / 0, [1], LocalResult(dir=tmp_path))
    (state,) = flow.run().result[made].map_states
    assert type(state.result) is ZeroDivisionError
    assert "target of task 'one[0]'" in str(state.message)


def test_a_result_without_a_store_keeps_nothing() -> None:
    kept = Task(name="kept", result=Result())
    kept.run = lambda: 1  # type: ignore[method-assign,assignment]
    flow = Flow("kept", tasks=[kept])
    state = flow.run().result[kept]
    assert (type(state), state.result, state._result.location) == (Success, 1, None)


def half_and_kept_one(folder: Path) -> tuple[Task, Task]:
    @task
    def half(x: int) -> int:
        return x // 2

    @task(target="{x}.pkl", result=LocalResult(dir=folder))
    def one(x: int) -> int:
        return x

    return half, one


@pytest.mark.parametrize("is_fused", [True, False])
@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("kind", EXECUTORS)
def test_two_elements_at_one_location_that_is_known_late(
    kind: str, batch_size: int | None, is_fused: bool, tmp_path: Path, warned: list[str]
) -> None:
    half, one = half_and_kept_one(tmp_path)
    half.batch_size = one.batch_size = batch_size
    with Flow("late") as flow:
        halves = half.map([0, 2, 3, 4])
        made = one.map(halves)
        if not is_fused:
            # what another task reads as well: each element comes to its map by itself
            task(lambda all_of_them: all_of_them)(halves)
    states = flow.run(executor=executor_of_kind(kind)).result[made].map_states
    failed = [element for element, state in enumerate(states) if state.is_failed()]
    # anywhere else, either may be the first
    assert failed in ([[2]] if kind == "local" else [[1], [2]])
    message = str(states[failed[0]].message)
    assert f"Elements {3 - failed[0]} and {failed[0]}" in message
    assert f"element {failed[0]} was not run" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.pkl", "1.pkl", "2.pkl"]
    assert warned == []


def test_an_element_that_runs_again_has_the_location_that_it_took(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    @task
    def same(x: int) -> int:
        return x

    @task(
        target="{x}.pkl",
        result=LocalResult(dir=tmp_path / "results"),
        max_retries=1,
        retry_delay=timedelta(seconds=0),
    )
    def once_more(x: int) -> int:
        with calls.open("a") as file:
            file.write("x")
        if calls.stat().st_size <= 1:
            raise ValueError("not yet")
        return x

    with Flow("again") as flow:
        made = once_more.map(same.map([7]))
    for kind in EXECUTORS:
        calls.unlink(missing_ok=True)
        (tmp_path / "results" / "7.pkl").unlink(missing_ok=True)
        assert flow.run(executor=executor_of_kind(kind)).result[made].result == [7]


def test_a_cluster_that_keeps_no_claims_warns_of_two_elements_at_one_location(
    tmp_path: Path, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # as a scheduler does that was started again in the middle of the run
    monkeypatch.setattr(DaskExecutor, "keep_claims", lambda self, topic: False)
    half, one = half_and_kept_one(tmp_path)
    with Flow("late") as flow:
        one.map(half.map([0, 2, 3]))
    for _ in range(2):
        warned.clear()
        flow.run(executor=executor_of_kind("dask"))
        (warning,) = warned
        assert "of task 'one' have the same target" in warning
        assert "Add {map_index}" in warning


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("fuse", [True, False])
def test_items_after_a_failed_list_are_not_kept_by_an_index_that_will_be_another(
    kind: str, batch_size: int | None, fuse: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = LocalResult(dir=tmp_path / "results")
    trouble = tmp_path / "trouble"
    trouble.touch()

    @task
    def listed(number: int) -> list[int]:
        if number == 1 and trouble.exists():
            raise ValueError("not now")
        return [10 * number + item for item in range(3)]

    settings: Any = {"result": result, "batch_size": batch_size, "fuse": fuse}

    @task(target="one/{map_index}", **settings)
    def one(item: int) -> int:
        return item + 1000

    @task(target="two/{map_index}", **settings)
    def two(item: int) -> int:
        return item + 1000

    @task(target="by-name/{item}", **settings)
    def by_name(item: int) -> int:
        return item + 3000

    with Flow("shifted") as flow:
        lists = listed.map([0, 1, 2])
        twice = two.map(one.map(flatten(lists)))
        named = by_name.map(flatten(lists))
    state = flow.run(executor=executor_of_kind(kind))
    assert state.is_failed()
    ends = [element.result for element in state.result[twice].map_states]
    assert ends[:3] + ends[4:] == [2000, 2001, 2002, 2020, 2021, 2022]
    stored = {str(p.relative_to(result.dir)) for p in Path(result.dir).rglob("*") if p.is_file()}
    kept = {f"{folder}/{index}" for folder in ("one", "two") for index in range(3)}
    assert stored == kept | {f"by-name/{item}" for item in (0, 1, 2, 20, 21, 22)}
    warned = [r.getMessage() for r in caplog.records if "'listed[1]' failed" in r.getMessage()]
    assert len(warned) == 1
    assert "'one': elements from 3 on" in warned[0]
    trouble.unlink()
    state = flow.run(executor=executor_of_kind(kind))
    items = [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert state.result[twice].result == [2000 + item for item in items]
    assert state.result[named].result == [3000 + item for item in items]
    cached = [element.is_cached() for element in state.result[twice].map_states]
    assert cached == [True] * 3 + [False] * 6
