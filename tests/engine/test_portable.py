"""Values on their way out of a process: how large they are, and what a state shows of them."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from prefectlite.engine.portable import admit, pack_state, pickled_size, unpack_state
from prefectlite.engine.reporting import is_empty
from prefectlite.engine.result import LateResult, Result
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Success
from prefectlite.exceptions import SerializationError


class Loaded:
    """Counts how often one of them is unpickled."""

    times = 0

    def __init__(self, padding: bytes = b"x" * 1000) -> None:
        self.padding = padding

    def __setstate__(self, state: dict[str, Any]) -> None:
        Loaded.times += 1
        self.__dict__.update(state)


@pytest.mark.parametrize("value", [[1, 2, 3], {"a": b"x" * 5000}, ("x", 1.5), {1, 2}])
def test_the_size_of_a_value_is_that_of_its_pickle(value: Any) -> None:
    assert pickled_size(value) == pytest.approx(len(pickle.dumps(value, protocol=5)), abs=20)


def test_the_size_of_an_array_is_found_without_a_copy() -> None:
    numpy = pytest.importorskip("numpy")
    import tracemalloc

    array = numpy.zeros(4_000_000)
    tracemalloc.start()
    size = pickled_size(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert array.nbytes <= size < array.nbytes + 1000
    assert peak < array.nbytes / 10


def test_a_function_made_here_has_a_size() -> None:
    assert pickled_size(lambda: 5) > 50


@pytest.mark.parametrize("value", [threading.Lock(), [1, threading.Lock()]])
def test_what_cannot_leave_is_said_by_name(value: Any) -> None:
    refused = admit(value, "lock[3]")
    assert isinstance(refused, SerializationError)
    assert "'lock[3]'" in str(refused)
    assert type(value).__name__ in str(refused)


def test_a_value_is_unpickled_when_somebody_looks() -> None:
    packed, left = pack_state(Success("Task run succeeded.", Loaded()))
    assert left is None
    before = Loaded.times
    state = unpack_state(pickle.loads(pickle.dumps(packed)))
    assert not is_empty(state._held)
    assert Loaded.times == before
    assert isinstance(state.result, Loaded)
    assert state.result is state.result
    assert Loaded.times == before + 1


def test_a_value_in_a_result_is_unpickled_when_somebody_looks(tmp_path: Path) -> None:
    made = Success("Task run succeeded.", LocalResult(dir=tmp_path, value=Loaded()))
    made.context["tags"] = ["a"]
    before = Loaded.times
    packed, left = pack_state(made)
    assert left is None
    state = unpack_state(pickle.loads(pickle.dumps(packed)))
    assert not is_empty(state._held)
    assert (Loaded.times, state.context, state.message) == (before, made.context, made.message)
    assert isinstance(state.result, Loaded)
    assert type(state._result) is LocalResult
    assert state._result.value is state.result
    assert Loaded.times == before + 1
    again = pickle.loads(pickle.dumps(unpack_state(packed)))
    assert type(again._held) is LocalResult
    assert isinstance(again.result, Loaded)


def test_a_state_shows_a_plain_result_and_travels_on() -> None:
    packed, _ = pack_state(Success("Task run succeeded.", list(range(500))))
    state = unpack_state(packed)
    assert type(state._held) is LateResult
    again = pickle.loads(pickle.dumps(state))
    assert again.result == list(range(500))
    assert type(state._result) is Result
    assert state._result == Result(list(range(500)))
    assert state == Success("Task run succeeded.", list(range(500)))
