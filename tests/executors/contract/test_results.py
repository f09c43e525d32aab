"""Results, targets, checkpoints and caches on every executor."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.cache_validators import all_inputs
from prefectlite.engine.results import LocalResult, PrefectResult
from prefectlite.engine.serializers import JSONSerializer
from prefectlite.engine.state import Cached, Failed, State, Success
from prefectlite.executors import Executor
from prefectlite.utilities.configuration import set_temporary_config
from tests.executors.conftest import Journal


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


@task
def length(value: Any) -> int:
    return len(value)


def squares(journal: Journal, **settings: Any) -> Any:
    @task(**settings)
    def square(x: int) -> int:
        journal.write(x)
        return x * x

    return square


@pytest.mark.parametrize(
    "target", ["{task_name}-{x}.pkl", lambda **values: f"square-{values['x']}.pkl"]
)
def test_a_target_is_computed_once(
    executor: Executor, journal: Journal, tmp_path: Path, target: Any
) -> None:
    with Flow("targets") as flow:
        made = squares(journal, target=target, result=LocalResult(dir=str(tmp_path)))(7)
    first = run(flow, executor).result[made]
    second = run(flow, executor).result[made]
    assert (type(first), first.result) == (Success, 49)
    assert (type(second), second.result) == (Cached, 49)
    assert journal.lines() == ["7"]
    assert (tmp_path / "square-7.pkl").exists()
    assert Path(first._result.location).name == "square-7.pkl"


@pytest.mark.parametrize("fuse", [True, False])
def test_only_the_elements_whose_target_is_missing_are_computed(
    executor: Executor, journal: Journal, tmp_path: Path, fuse: bool
) -> None:
    result = LocalResult(dir=str(tmp_path))
    with Flow("targets", fuse=fuse) as flow:
        made = squares(journal, target="{map_index}.pkl", result=result).map([1, 2, 3])
        after = squares(journal).map(made)
    run(flow, executor)
    (tmp_path / "1.pkl").unlink()
    journal.path.unlink()
    state = run(flow, executor)
    assert [type(each) for each in state.result[made].map_states] == [Cached, Success, Cached]
    assert state.result[after].result == [1, 16, 81]
    assert sorted(journal.lines()) == ["1", "2", "4", "9"]


@pytest.mark.parametrize("damage", ["empty", "truncated", "other"])
def test_a_target_that_cannot_be_read_is_computed_again_with_one_warning(
    executor: Executor,
    journal: Journal,
    tmp_path: Path,
    records: list[logging.LogRecord],
    damage: str,
) -> None:
    with Flow("targets") as flow:
        made = squares(journal, target="square.pkl", result=LocalResult(dir=str(tmp_path)))(7)
    run(flow, executor)
    path = tmp_path / "square.pkl"
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "truncated": whole[:-1], "other": b"nonsense"}[damage])
    state = run(flow, executor)
    assert (type(state.result[made]), state.result[made].result) == (Success, 49)
    assert journal.lines() == ["7", "7"]
    warnings = [r.getMessage() for r in records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "square.pkl" in warnings[0]
    assert path.read_bytes() == whole


def test_a_result_that_cannot_be_stored_is_no_success(executor: Executor, tmp_path: Path) -> None:
    @task(target="set.json", result=LocalResult(dir=str(tmp_path), serializer=JSONSerializer()))
    def unstorable() -> set[int]:
        return {1, 2}

    with Flow("targets") as flow:
        made = unstorable()
    state = run(flow, executor)
    assert isinstance(state.result[made], Failed)
    assert list(tmp_path.iterdir()) == []


def test_a_target_template_with_an_unknown_key(executor: Executor, tmp_path: Path) -> None:
    @task(target="{nokey}.pkl", result=LocalResult(dir=str(tmp_path)))
    def one() -> int:
        return 1

    with Flow("targets") as flow:
        made = one()
    assert "KeyError('nokey')" in run(flow, executor).result[made].message


@pytest.mark.parametrize(
    ("setting", "checkpoint", "written"),
    [(True, None, True), (True, False, False), (False, None, False), (None, None, True)],
)
def test_checkpoints(
    executor: Executor,
    tmp_path: Path,
    setting: bool | None,
    checkpoint: bool | None,
    written: bool,
) -> None:
    @task(checkpoint=checkpoint, result=LocalResult(dir=str(tmp_path), location="one.pkl"))
    def one() -> list[int]:
        return [1]

    with Flow("checkpoints") as flow:
        made = one()
        after = length(made)
    with set_temporary_config({"flows.checkpointing": setting}):
        state = run(flow, executor)
    assert (tmp_path / "one.pkl").exists() is written
    assert (state.result[made]._result.location is not None) is written
    assert state.result[made].result == [1]
    assert state.result[after].result == 1


def test_a_target_that_is_there_is_used_without_checkpointing(
    executor: Executor, tmp_path: Path
) -> None:
    store = LocalResult(dir=str(tmp_path))
    LocalResult(dir=str(tmp_path), location="2.pkl").write(7)

    @task(target="{x}.pkl", result=store)
    def same(x: int) -> int:
        return x

    with Flow("targets") as flow:
        one, many = same(2), same.map([1, 2])
    with set_temporary_config({"flows.checkpointing": False}):
        state = run(flow, executor)
    assert type(state.result[one]) is Cached
    assert state.result[one].result == 7
    assert [type(element) for element in state.result[many].map_states] == [Success, Cached]
    assert not (tmp_path / "1.pkl").exists()


@pytest.mark.parametrize("setting", [None, True])
def test_items_are_stored_where_all_values_are(
    executor: Executor, tmp_path: Path, setting: bool | None
) -> None:
    store = LocalResult(dir=str(tmp_path), location="{task_name}.pkl")
    with Flow("items") as flow:
        item = task(lambda: {"a": 1}, name="whole", result=store)()["a"]
    with set_temporary_config({"flows.checkpointing": setting}):
        state = run(flow, executor)
    assert state.result[item].result == 1
    assert type(state.result[item]._result) is LocalResult
    items = ["whole['a'].pkl"] if setting else []
    assert {path.name for path in tmp_path.iterdir()} == {"whole.pkl", *items}


def test_the_flows_result_is_for_tasks_without_their_own(
    executor: Executor, tmp_path: Path
) -> None:
    @task
    def one() -> int:
        return 1

    flow_result = LocalResult(dir=str(tmp_path), location="{task_name}.pkl")
    with Flow("flow result", result=flow_result) as flow:
        one()
        one.copy(name="other", result=PrefectResult())()
    with set_temporary_config({"flows.checkpointing": True}):
        run(flow, executor)
    assert [path.name for path in tmp_path.iterdir()] == ["one.pkl"]


@pytest.mark.parametrize("fuse", [True, False])
def test_a_large_checkpointed_result_goes_on_by_its_location(
    executor: Executor, tmp_path: Path, fuse: bool
) -> None:
    @task(target="large.pkl", result=LocalResult(dir=str(tmp_path)))
    def large() -> str:
        return "x" * 2_000_000

    with Flow("large", fuse=fuse) as flow:
        made = large()
        after = length(made)
        each = length.map([["a"], ["b", "c"]], upstream_tasks=[prefectlite.unmapped(made)])
    for expected in (Success, Cached):
        state = run(flow, executor)
        assert type(state.result[made]) is expected
        assert state.result[after].result == 2_000_000
        assert state.result[each].result == [1, 2]
        assert len(state.result[made].result) == 2_000_000


def test_large_values_come_back_where_they_are_asked_for(executor: Executor) -> None:
    @task
    def large() -> str:
        return "x" * 3_000_000

    with Flow("large") as flow:
        made = large()
        after = length(made)
        last = large.copy(name="last")()
    state = run(flow, executor)
    assert state.result[after].result == 3_000_000
    assert len(state.result[last].result) == 3_000_000
    runner = prefectlite.engine.flow_runner.FlowRunner(flow)
    state = runner.run(executor=executor, return_tasks=[made])
    assert set(state.result) == {made}
    assert len(state.result[made].result) == 3_000_000


def test_a_cache_is_used_within_the_process(executor: Executor, journal: Journal) -> None:
    with Flow("cache") as flow:
        made = squares(journal, cache_for=timedelta(hours=1), cache_validator=all_inputs)(7)
    with prefectlite.context(caches={}):
        first, second = (run(flow, executor).result[made] for _ in range(2))
    assert [type(each) for each in (first, second)] == [Cached, Cached]
    assert (first.result, second.result) == (49, 49)
    assert journal.lines() == ["7"]


def test_caches_are_filled_when_a_run_is_over(executor: Executor) -> None:
    same = task(lambda x: x, name="same", cache_for=timedelta(hours=1))
    with Flow("caches") as flow:
        many = same.map([1, 2, 3])
        one = same(4, upstream_tasks=[many])
    with prefectlite.context(caches={}):
        state = run(flow, executor)
        assert [state.result[many].result, state.result[one].result] == [[1, 2, 3], 4]
        kept = [cached.result for cached in prefectlite.context.caches["same"]]
        assert sorted(kept) == [1, 2, 3, 4]
        # the usual validator asks for no inputs
        state = run(flow, executor)
        assert state.result[many].result == [kept[0]] * 3


def test_caches_that_are_given_are_those_a_run_finds(executor: Executor, journal: Journal) -> None:
    with Flow("given") as flow:
        made = squares(journal, cache_for=timedelta(hours=1), cache_validator=all_inputs)(7)
    with prefectlite.context(caches={}):
        given: dict[str, Any] = {}
        run(flow, executor)
        run(flow, executor, context={"caches": given})
        assert journal.lines() == ["7", "7"]
        assert given == {}
        # what it found out is known to the process
        state = run(flow, executor)
        known = {"square": list(prefectlite.context.caches["square"])}
    assert journal.lines() == ["7", "7"]
    with prefectlite.context(caches={}):
        state = run(flow, executor, context={"caches": known})
    assert state.result[made].result == 49
    assert journal.lines() == ["7", "7"]


def test_a_cache_that_does_not_fit_is_not_used(executor: Executor, journal: Journal) -> None:
    square = squares(
        journal, cache_for=timedelta(hours=1), cache_validator=all_inputs, cache_key="shared"
    )
    with Flow("first") as first:
        square(7)
    with Flow("second") as second:
        made = square(8)
    with prefectlite.context(caches={}):
        run(first, executor)
        assert run(second, executor).result[made].result == 64
    assert journal.lines() == ["7", "8"]


def test_writing_a_result_may_fail_and_the_next_run_is_normal(
    executor: Executor, tmp_path: Path
) -> None:
    blocked = tmp_path / "folder"

    @task(target="one.pkl", result=LocalResult(dir=str(blocked)))
    def one() -> int:
        return 1

    blocked.rmdir()
    blocked.write_text("a file where the folder should be")

    with Flow("blocked") as flow:
        made = one()
    state = run(flow, executor)
    assert isinstance(state.result[made], Failed)
    blocked.unlink()
    assert run(flow, executor).is_successful()
