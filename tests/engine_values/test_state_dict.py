"""States as dictionaries and back."""

from __future__ import annotations

import json

import pendulum
import pytest

from prefectlite import __version__
from prefectlite.core.task import Task
from prefectlite.engine.result import NoResult, Result
from prefectlite.engine.results import ConstantResult, LocalResult, PrefectResult, SecretResult
from prefectlite.engine.state import (
    Cached,
    ClientFailed,
    Failed,
    Looped,
    Mapped,
    Paused,
    Queued,
    Retrying,
    Scheduled,
    State,
    Submitted,
    Success,
)

JANUARY = pendulum.datetime(2020, 1, 1)
NOTHING = {"type": "NoResultType", "__version__": __version__}
COMMON = {"message", "context", "cached_inputs", "type", "__version__"}

# The keys that Prefect 1.4.1 adds to those that all states have.
OWN_KEYS = {
    "Mapped": {"n_map_states"},
    "Scheduled": {"_result", "start_time"},
    "Paused": {"_result", "start_time"},
    "Resume": {"_result", "start_time"},
    "Retrying": {"_result", "start_time", "run_count"},
    "Looped": {"_result", "loop_count"},
    "Cached": {
        "_result",
        "hashed_inputs",
        "cached_parameters",
        "cached_result_expiration",
    },
    "Submitted": {"_result", "state"},
    "ClientFailed": {"_result", "state"},
    "Queued": {"_result", "state", "start_time"},
}

BUILT_IN = [c for c in State.children() if c.__module__ == "prefectlite.engine.state"]


@pytest.mark.parametrize("state_class", BUILT_IN)
def test_shape(state_class):
    described = state_class("m", context={"tags": ["a"]}).serialize()
    assert set(described) == COMMON | OWN_KEYS.get(state_class.__name__, {"_result"})
    assert described["type"] == state_class.__name__
    assert described["message"] == "m"
    assert described["context"] == {"tags": ["a"]}
    assert described["__version__"] == __version__
    assert json.loads(json.dumps(described)) == described


@pytest.mark.parametrize(
    "state",
    [
        Success("done"),
        Success(cached_inputs={"x": PrefectResult(location="4")}),
        Failed("no"),
        Scheduled(start_time=JANUARY),
        Paused(),
        Paused(start_time=JANUARY),
        Retrying(start_time=JANUARY, run_count=3),
        Looped(loop_count=4),
        Cached(
            cached_parameters={"a": [1, None]},
            cached_result_expiration=JANUARY,
            hashed_inputs={"x": "y"},
        ),
        Submitted(state=Failed("inner")),
        ClientFailed(state=Success("inner")),
        Queued(state=Retrying("inner", start_time=JANUARY), start_time=JANUARY),
    ],
    ids=repr,
)
def test_there_and_back(state):
    again = State.deserialize(json.loads(json.dumps(state.serialize())))
    assert again == state
    assert (again.message, again.context) == (state.message, state.context)
    assert getattr(again, "state", None) == getattr(state, "state", None)


def test_elements_come_back_as_a_number():
    again = State.deserialize(Mapped(map_states=[Success(), Failed()]).serialize())
    assert (again.map_states, again.n_map_states) == ([None, None], 2)


class TestResults:
    @pytest.mark.parametrize(
        ("result", "described"),
        [
            (None, {"type": "NoResultType"}),
            (5, {"type": "Result", "location": None}),
            (Result(5, location="l"), {"type": "Result", "location": "l"}),
            (PrefectResult(location="5"), {"type": "PrefectResult", "location": "5"}),
            (ConstantResult(value=5), {"type": "ConstantResult", "location": None}),
            (
                LocalResult(dir="/there", validate_dir=False, location="l"),
                {"type": "LocalResult", "location": "l", "dir": "/there"},
            ),
            (
                SecretResult(Task(name="password")),
                {"type": "SecretResult", "location": "password", "secret_type": "Task"},
            ),
        ],
        ids=repr,
    )
    def test_are_described_without_their_value(self, result, described):
        assert Success(result=result).serialize()["_result"] == {
            **described,
            "__version__": __version__,
        }

    def test_come_back_with_their_store(self, tmp_path):
        given = LocalResult(dir=tmp_path, location="x").write(3)
        again = State.deserialize(Success(result=given).serialize())
        assert isinstance(again._result, LocalResult)
        assert again.result is None
        assert again.load_result().result == 3

    def test_of_users_come_back_plain(self):
        class Mine(Result):
            """A store that only its user knows."""

        described = Success(result=Mine(location="l")).serialize()
        assert described["_result"]["type"] == "CustomResult"
        again = State.deserialize(described)
        assert type(again._result) is Result
        assert again._result.location == "l"

    def test_of_secrets_come_back_plain(self):
        again = State.deserialize(Success(result=SecretResult(Task(name="password"))).serialize())
        assert (type(again._result), again._result.location) == (Result, "password")

    @pytest.mark.parametrize("described", [None, NOTHING])
    def test_none(self, described):
        assert State.deserialize({"type": "Success", "_result": described})._result is NoResult


def test_what_is_missing_or_unknown_does_not_matter():
    state = State.deserialize({"type": "Retrying", "message": "m", "cached_inputs": None, "z": 1})
    assert (state.message, state.run_count, state.cached_inputs) == ("m", 1, {})
    assert state.start_time is not None
    assert State.deserialize({"type": "Looped"}).loop_count == 1


def test_users_subclasses_come_back():
    class Ended(Success):
        """A class of the user."""

    assert type(State.deserialize(Ended("m").serialize())) is Ended


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"type": "Foo"}, "no class of state named 'Foo'"),
        ({}, '"type"'),
        ("Success", '"type"'),
        (None, '"type"'),
        ({"type": "Scheduled", "start_time": "soon"}, "start_time is no date: 'soon'"),
        ({"type": "Scheduled", "start_time": 5}, "start_time is no date: 5"),
    ],
)
def test_what_is_no_state(described, reason):
    with pytest.raises(ValueError, match=reason):
        State.deserialize(described)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(ValueError, match=r"context of <Success>.*set"):
        Success(context={"a": {1}}).serialize()
    with pytest.raises(ValueError, match=r"cached_parameters of <Cached>.*DateTime"):
        Cached(cached_parameters={"a": JANUARY}).serialize()


def test_messages_become_text():
    assert Failed(ValueError("x")).serialize()["message"] == "x"
