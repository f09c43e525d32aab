"""Flows with their results in stores: run twice, damaged, and on every executor."""

from __future__ import annotations

import builtins
import gc
import pickle
import weakref
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import numpy
import pandas
import pytest

from examples.flights.flow import build_flow
from prefectlite import Flow, task
from prefectlite.engine.result import Result
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Cached, Failed, State, Success
from prefectlite.executors import LocalExecutor
from prefectlite.utilities.configuration import set_temporary_config
from tests.clusters import EXECUTORS, executor_of_kind
from tests.storage.conftest import Store
from tests.stores import SECRET_KEY


def kinds(state: State, of: Any) -> list[str]:
    return [type(each).__name__ for each in state.result[of].map_states]


def squares(result: Any) -> tuple[Flow, Any, Any]:
    @task(target="squares/{x}.pkl")
    def square(x: int) -> int:
        return x * x

    @task(target="total.pkl")
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    with Flow("squares", result=result) as flow:
        made = square.map([1, 2, 3])
        added = total(made)
    return flow, made, added


def test_one_flow_gives_the_same_on_every_store(store: Store) -> None:
    flow, made, added = squares(store.result())
    first = flow.run(executor=LocalExecutor())
    assert (kinds(first, made), first.result[added].result) == (["Success"] * 3, 14)
    assert sorted(store.names()) == [*(f"squares/{x}.pkl" for x in (1, 2, 3)), "total.pkl"]
    store.remove("squares/2.pkl")
    second = flow.run(executor=LocalExecutor())
    assert kinds(second, made) == ["Cached", "Success", "Cached"]
    assert isinstance(second.result[added], Cached)
    assert second.result[added].result == 14
    assert second.result[made].result == [1, 4, 9]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_every_executor_finds_what_is_in_s3(kind: str, s3_store: Store, warned: list[str]) -> None:
    flow, made, added = squares(s3_store.result())
    assert SECRET_KEY.encode() not in cloudpickle.dumps(flow)
    flow.run(executor=executor_of_kind(kind))
    s3_store.put("squares/2.pkl", s3_store.raw("squares/2.pkl")[:-5])
    state = flow.run(executor=executor_of_kind(kind))
    assert kinds(state, made) == ["Cached", "Success", "Cached"]
    assert state.result[added].result == 14
    assert [line for line in warned if "squares/2.pkl" in line] == warned
    assert len(warned) == 1
    assert not any(SECRET_KEY in line for line in warned)


def test_the_flights_with_results_in_s3(s3_store: Store, tmp_path: Path, warned: list[str]) -> None:
    flow = build_flow(tmp_path, executor_of_kind("dask"))
    flow.result = s3_store.result()
    months = {"months": [1, 2]}
    first = flow.run(parameters=months)
    assert first.is_successful()
    second = flow.run(parameters=months)
    assert computed(flow, second) == []
    before = tables(flow, first)
    names = sorted(s3_store.names())
    by_hour = [name for name in names if "by-" in name]
    truncated, emptied, flipped = by_hour[:3]
    other = next(name for name in names if name.startswith("clean/"))
    deleted = next(name for name in names if "tables" in name)
    whole = s3_store.raw(truncated)
    s3_store.put(truncated, whole[: len(whole) // 2])
    s3_store.put(emptied, b"")
    data = bytearray(s3_store.raw(flipped))
    data[len(data) // 2] ^= 1
    s3_store.put(flipped, bytes(data))
    s3_store.put(other, pandas.DataFrame({"a": [1]}).to_csv().encode())
    s3_store.remove(deleted)
    warned.clear()
    third = flow.run(parameters=months)
    assert len(computed(flow, third)) == 5
    unreadable = (truncated, emptied, flipped, other)
    assert [sum(name in line for line in warned) for name in unreadable] == [1, 1, 1, 1]
    assert len(warned) == 4
    assert_same(tables(flow, third), before)
    assert computed(flow, flow.run(parameters=months)) == []


def computed(flow: Flow, state: State) -> list[str]:
    """The names of the task runs that ran."""
    found = []
    for each in flow.sorted_tasks():
        if each.target is None:
            continue
        whole = state.result[each]
        runs = whole.map_states if whole.is_mapped() else [whole]
        found += [each.name for run in runs if type(run) is Success]
    return found


def tables(flow: Flow, state: State) -> dict[str, pandas.DataFrame]:
    result: dict[str, pandas.DataFrame] = state.result[flow.get_tasks("combine")[0]].result
    return result


def assert_same(one: dict[str, pandas.DataFrame], other: dict[str, pandas.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        pandas.testing.assert_frame_equal(one[name], other[name])


class Kept(Result):
    """A user's own class, with a dictionary for a store."""

    held: dict[str, bytes] = {}  # noqa: RUF012 - one store for all, as a service is

    def read(self, location: str) -> Result:
        made = self.copy()
        made.value, made.location = pickle.loads(self.held[location]), location
        return made

    def write(self, value_: Any, **kwargs: Any) -> Result:
        made = self.format(**kwargs)
        made.value = value_
        self.held[str(made.location)] = pickle.dumps(value_)
        return made

    def exists(self, location: str, **kwargs: Any) -> bool:
        return location.format(**kwargs) in self.held


def test_a_class_of_a_users_own(warned: list[str]) -> None:
    Kept.held.clear()
    flow, made, added = squares(Kept())
    flow.run()
    assert set(Kept.held) == {"squares/1.pkl", "squares/2.pkl", "squares/3.pkl", "total.pkl"}
    Kept.held["squares/2.pkl"] = b"nonsense"
    state = flow.run()
    assert kinds(state, made) == ["Cached", "Success", "Cached"]
    assert state.result[added].result == 14
    assert len(warned) == 1
    assert "squares/2.pkl" in warned[0]


def test_a_write_that_fails_is_tried_again(tmp_path: Path) -> None:
    class Reluctant(LocalResult):
        def write(self, value_: Any, **kwargs: Any) -> Any:
            if not (tmp_path / "tried").exists():
                (tmp_path / "tried").touch()
                raise OSError("not now")
            return super().write(value_, **kwargs)

    @task(result=Reluctant(dir=tmp_path, location="x"), max_retries=1, retry_delay=timedelta(0))
    def one() -> None:
        return None

    with Flow("again") as flow:
        made = one()
    state = flow.run()
    assert isinstance(state.result[made], Success)
    assert LocalResult(dir=tmp_path).read("x").value is None


def test_a_write_that_fails_says_where_and_what(tmp_path: Path) -> None:
    from prefectlite.engine.serializers import JSONSerializer

    result = LocalResult(dir=tmp_path, serializer=JSONSerializer())

    @task(target="{task_name}.json", result=result)
    def one() -> set[int]:
        return {1}

    with Flow("refused") as flow:
        made = one()
    state = flow.run().result[made]
    assert isinstance(state, Failed)
    way_out = "give the result another one: PickleSerializer"
    for part in ("'one'", f"{tmp_path}/one.json", "JSONSerializer", "set", way_out):
        assert part in str(state.message)


@pytest.mark.parametrize("kind", ["local", "dask"])
def test_a_cache_outlives_the_process(kind: str, s3_store: Store, tmp_path: Path) -> None:
    def flow_with(calls: Path) -> tuple[Flow, Any]:
        from prefectlite.engine.cache_validators import all_inputs

        @task(cache_for=timedelta(hours=1), cache_validator=all_inputs, result=s3_store.result())
        def one(x: int) -> int:
            with calls.open("a") as file:
                file.write("x")
            return x + 1

        with Flow("cache") as flow:
            made = one.map([1, 2])
        return flow, made

    calls = tmp_path / "calls"
    for _ in range(2):
        # a new flow, and no caches in the context: as another process has it
        flow, made = flow_with(calls)
        state = flow.run(executor=executor_of_kind(kind), context={"caches": {}})
        assert kinds(state, made) == ["Cached"] * 2
        assert state.result[made].result == [2, 3]
    assert calls.read_text() == "xx"


def test_the_flows_result_with_checkpointing_for_all(s3_store: Store) -> None:
    @task
    def one() -> None:
        return None

    with Flow("all", result=s3_store.result(location="{task_name}.pkl")) as flow:
        made = one()
    with set_temporary_config({"flows.checkpointing": True}):
        state = flow.run()
    assert state.result[made]._result.location == "one.pkl"
    assert s3_store.names() == ["one.pkl"]


def test_values_are_gone_from_a_worker_when_their_element_is_done(tmp_path: Path) -> None:
    @task(target="{x}.pkl", result=LocalResult(dir=tmp_path))
    def make(x: int) -> Any:
        return numpy.zeros(1_000_000)

    @task
    def alive(array: Any) -> int:
        # only what is in a circle needs the collector, which is late where values are few and large
        gc.disable()
        known = vars(builtins).setdefault("_arrays_of_this_worker", [])
        known.append(weakref.ref(array))
        count = sum(reference() is not None for reference in known)
        gc.enable()
        return count

    with Flow("gone") as flow:
        counts = alive.map(make.map(list(range(10))))
    for _ in range(2):
        state = flow.run(executor=executor_of_kind("dask"))
        assert state.result[counts].result == [1] * 10
