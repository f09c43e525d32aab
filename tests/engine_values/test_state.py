"""The classes of states: their tree, their attributes, and what they cost."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import cloudpickle
import pendulum
import pytest

from prefectlite import context
from prefectlite.engine import state as states
from prefectlite.engine.result import NoResult, Result
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import (
    Cached,
    Cancelled,
    Cancelling,
    ClientFailed,
    Failed,
    Finished,
    Looped,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)

PREDICATES = [name for name in dir(State) if name.startswith("is_")]

# What Prefect 1.4.1 answers: class, color, true predicates, parents.
TREE = [
    (State, "#696969", [], []),
    (Pending, "#7ebdff", ["is_pending"], ["State"]),
    (Scheduled, "#ffab00", ["is_pending", "is_scheduled"], ["Pending", "State"]),
    (Paused, "#99a8e8", ["is_pending", "is_scheduled"], ["Scheduled", "Pending", "State"]),
    (Resume, "#f58c0c", ["is_pending", "is_scheduled"], ["Scheduled", "Pending", "State"]),
    (
        Retrying,
        "#f66a0a",
        ["is_pending", "is_retrying", "is_scheduled"],
        ["Scheduled", "Pending", "State"],
    ),
    (ClientFailed, "#eb0000", ["is_meta_state"], ["State"]),
    (Submitted, "#ffdf5d", ["is_meta_state", "is_submitted"], ["State"]),
    (Queued, "#ffea7f", ["is_meta_state", "is_queued", "is_scheduled"], ["State"]),
    (Running, "#3d67ff", ["is_running"], ["State"]),
    (Cancelling, "#E8E8E8", ["is_running"], ["Running", "State"]),
    (Finished, "#003ccb", ["is_finished"], ["State"]),
    (Looped, "#003ccb", ["is_finished", "is_looped"], ["Finished", "State"]),
    (Success, "#28a745", ["is_finished", "is_successful"], ["Finished", "State"]),
    (
        Cached,
        "#34d058",
        ["is_cached", "is_finished", "is_successful"],
        ["Success", "Finished", "State"],
    ),
    (
        Mapped,
        "#003ccb",
        ["is_finished", "is_mapped", "is_successful"],
        ["Success", "Finished", "State"],
    ),
    (
        Skipped,
        "#62757f",
        ["is_finished", "is_skipped", "is_successful"],
        ["Success", "Finished", "State"],
    ),
    (Cancelled, "#bdbdbd", ["is_finished"], ["Finished", "State"]),
    (Failed, "#eb0000", ["is_failed", "is_finished"], ["Finished", "State"]),
    (TimedOut, "#ff4e33", ["is_failed", "is_finished"], ["Failed", "Finished", "State"]),
    (TriggerFailed, "#ff5131", ["is_failed", "is_finished"], ["Failed", "Finished", "State"]),
    (ValidationFailed, "#ff5131", ["is_failed", "is_finished"], ["Failed", "Finished", "State"]),
]
CLASSES = [row[0] for row in TREE]
JANUARY = pendulum.datetime(2020, 1, 1)


@pytest.mark.parametrize(("state_class", "color", "true", "parents"), TREE)
def test_tree_color_and_predicates(state_class, color, true, parents):
    state = state_class()
    assert state_class.color == color
    assert [name for name in PREDICATES if getattr(state, name)()] == true
    assert state_class.parents(names_only=True) == parents
    assert state_class.parents(include_self=True, names_only=True) == [
        *parents,
        state_class.__name__,
    ]


def test_children_are_listed_depth_first_without_private_classes():
    assert State.children()[: len(CLASSES) - 1] == CLASSES[1:]
    assert Success.children(names_only=True) == ["Cached", "Mapped", "Skipped"]
    assert Failed.children(include_self=True, names_only=True)[-1] == "Failed"
    assert "_MetaState" not in State.children(names_only=True)


def test_all_names_every_public_class():
    assert set(states.__all__) == {state_class.__name__ for state_class in CLASSES}


@pytest.mark.parametrize("state_class", CLASSES)
def test_defaults(state_class):
    state = state_class()
    assert state.message is None
    assert state.result is None
    assert state._result is NoResult
    assert state.context == {}
    assert state.cached_inputs == {}
    assert repr(state) == str(state) == f"<{state_class.__name__}>"


@pytest.mark.parametrize("state_class", CLASSES)
def test_a_value_becomes_a_result_when_looked_at(state_class):
    state = state_class("hello", result=5)
    assert state.result == 5
    assert state._result == Result(5)
    assert state._result is state._result
    assert repr(state) == f'<{state_class.__name__}: "hello">'


@pytest.mark.parametrize("state_class", CLASSES)
@pytest.mark.parametrize("module", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_pickles_before_and_after_it_was_looked_at(state_class, module):
    for looked_at in (False, True):
        with context(task_tags={"blue"}):
            state = state_class("hello", result=[5], context={"a": 1})
        if looked_at:
            assert state._result.value == [5]
            assert state.cached_inputs == {}
        again = module.loads(module.dumps(state))
        assert type(again) is state_class
        assert (again.message, again.result) == ("hello", [5])
        assert again.context == {"a": 1, "tags": ["blue"]}
        assert again == state


def test_pickles_name_the_public_module():
    assert State.__module__ == "prefectlite.engine.state"
    assert b"base_state" not in pickle.dumps(State())


def test_copies_keep_the_value():
    state = Success(result=[1])
    assert copy.copy(state).result is state.result
    assert copy.deepcopy(state).result == [1]


def test_positional_arguments_come_in_prefects_order():
    inputs = {"c": Result(1)}
    failed = Failed("m", 5, inputs, {"a": 1})
    assert (failed.cached_inputs, failed.context) == (inputs, {"a": 1})
    success = Success("m", 5, {"a": 1}, inputs)
    assert (success.cached_inputs, success.context) == (inputs, {"a": 1})


@pytest.mark.parametrize("value", [0, "", False, [], ValueError("x"), Exception])
def test_any_value_but_none_is_a_result(value):
    assert Success(result=value)._result.value is value
    assert Success(result=value)._result is not NoResult


def test_result_can_be_set():
    state = Success(result=LocalResult(validate_dir=False, location="x"))
    state.result = 4
    assert type(state._result) is Result
    assert state.result == 4
    state.result = Result(5, location="there")
    assert (state.result, state._result.location) == (5, "there")
    state.result = None
    assert state._result == Result(None)
    state._result = NoResult
    assert state._result is NoResult


def test_context_and_inputs_can_be_set_and_changed():
    given = {"a": 1}
    state = Success(context=given)
    assert state.context is given
    state = Success()
    state.context["b"] = 2
    state.cached_inputs["x"] = Result(1)
    assert state.context == {"b": 2}
    assert state.cached_inputs == {"x": Result(1)}
    state.context, state.cached_inputs = {}, {}
    assert (state.context, state.cached_inputs) == ({}, {})


def test_a_context_of_another_type_is_taken_as_a_dictionary():
    assert Success(context=context.__class__(a=1)).context["a"] == 1
    assert Success(context=[("a", 1)]).context == {"a": 1}


class TestContextOfTheRun:
    def test_tags_of_the_task_are_kept(self):
        with context(task_tags={"blue"}, tags={"other"}):
            bare, given, own = Success(), Success(context={"a": 1}), Success(context={"tags": 3})
        assert bare.context == {"tags": ["blue"]}
        assert given.context == {"a": 1, "tags": ["blue"]}
        assert own.context == {"tags": 3}

    def test_no_tags_are_an_empty_list(self):
        with context(task_tags=set()):
            assert Success().context == {"tags": []}

    def test_callers_dictionary_is_left_alone(self):
        given = {"a": 1}
        with context(task_tags={"blue"}):
            Success(context=given)
        assert given == {"a": 1}

    def test_retrying_counts_runs(self):
        with context(task_run_count=9):
            state = Retrying(context={"task_run_count": 3})
            assert (state.run_count, state.context) == (9, {"task_run_count": 9})
            assert Retrying(run_count=0).run_count == 0
        assert (Retrying().run_count, Retrying().context) == (1, {})

    def test_looped_counts_iterations(self):
        with context(task_loop_count=7):
            assert Looped().loop_count == 7
            assert Looped(loop_count=0).loop_count == 0
        assert Looped().loop_count == 1


class TestEquality:
    def test_message_context_and_location_do_not_matter(self):
        assert Success("a", 1, {"x": 1}) == Success("b", Result(1, location="l"))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Success(result=1), Success(result=2)),
            (Success(), Skipped()),
            (Success(), 5),
            (Success(cached_inputs={"x": Result(1)}), Success()),
            (Scheduled(start_time=JANUARY), Scheduled(start_time=JANUARY.add(days=1))),
            (Queued(start_time=JANUARY), Queued(start_time=JANUARY.add(days=1))),
            (
                Retrying(start_time=JANUARY, run_count=1),
                Retrying(start_time=JANUARY, run_count=2),
            ),
            (Looped(loop_count=1), Looped(loop_count=2)),
            (Mapped(map_states=[Success()]), Mapped(map_states=[Failed()])),
            (Cached(hashed_inputs={"a": "b"}), Cached(hashed_inputs={"a": "c"})),
            (Cached(cached_parameters={"a": 1}), Cached()),
            (Cached(cached_result_expiration=JANUARY), Cached()),
        ],
    )
    def test_unequal(self, one, other):
        assert one != other

    def test_what_is_ignored(self):
        assert Submitted(state=Success()) == Submitted(state=Failed())
        assert Mapped(map_states=[Success()], n_map_states=3) == Mapped(map_states=[Success()])
        assert Scheduled(start_time=JANUARY) == Scheduled(start_time=datetime(2020, 1, 1))

    def test_attributes_of_the_user_matter_unless_private(self):
        one, other = Success(), Success()
        one._private = 1
        assert one == other
        one.public = 1
        assert one != other
        other.public = 1
        assert one == other

    def test_equal_states_hash_apart(self):
        one, other = Success(), Success()
        assert one == other
        assert len({one, other}) == 2


class TestDates:
    @pytest.mark.parametrize("state_class", [Scheduled, Resume, Retrying, Queued])
    def test_now_by_default(self, state_class):
        before = datetime.now(timezone.utc) - timedelta(seconds=1)
        state = state_class()
        assert before <= state.start_time <= datetime.now(timezone.utc) + timedelta(seconds=1)
        assert isinstance(state.start_time, pendulum.DateTime)
        assert state.start_time.timezone_name == "UTC"

    def test_a_pause_has_no_end_by_default(self):
        assert Paused().start_time is None
        assert Paused().start_timestamp is None
        assert Paused(start_time=JANUARY).start_time == JANUARY

    @pytest.mark.parametrize("state_class", [Scheduled, Paused, Resume, Retrying, Queued])
    def test_without_a_zone_it_is_utc(self, state_class):
        state = state_class(start_time=datetime(2020, 1, 1))
        assert state.start_timestamp == JANUARY.timestamp()
        assert state.start_time == JANUARY
        assert isinstance(state.start_time, pendulum.DateTime)

    def test_zones_are_kept(self):
        eastern = pendulum.datetime(2020, 1, 1, 5, tz="America/New_York")
        assert Scheduled(start_time=eastern).start_time.timezone_name == "America/New_York"
        state = Cached(cached_result_expiration=eastern)
        assert state.cached_result_expiration.timezone_name == "America/New_York"
        assert state.expiration_timestamp == eastern.timestamp()

    @pytest.mark.parametrize("wrong", ["2020-01-01", 5, JANUARY.date()])
    def test_anything_else_is_refused_at_once(self, wrong):
        for state_class in (Scheduled, Paused, Queued):
            with pytest.raises(TypeError, match="start_time must be a datetime"):
                state_class(start_time=wrong)
        with pytest.raises(TypeError, match="cached_result_expiration must be a datetime"):
            Cached(cached_result_expiration=wrong)

    def test_can_be_set(self):
        state = Retrying()
        state.start_time = JANUARY
        assert state.start_timestamp == JANUARY.timestamp()
        with pytest.raises(TypeError, match="start_time"):
            state.start_time = "soon"


def test_meta_states_hold_the_state_they_are_about():
    inner = Retrying("again", result=3)
    outer = Submitted(state=Queued(state=inner))
    assert outer.state is inner
    assert (outer.message, outer.result) == (None, None)
    assert not Submitted(state=Success()).is_successful()


def test_mapped_counts_its_elements():
    assert Mapped().map_states == []
    assert Mapped(map_states=[Success()]).n_map_states == 1
    assert Mapped(n_map_states=5).n_map_states == 5
    assert Mapped(map_states=[Success()], n_map_states=5).n_map_states == 5
    counted = Mapped()
    counted.n_map_states = 4
    assert counted.n_map_states == 4


@pytest.mark.parametrize("state_class", [Scheduled, Paused, Resume, Retrying])
def test_scheduled_states_keep_the_count_of_runs(state_class):
    with context(task_run_count=3):
        assert state_class().context == {"task_run_count": 3}
        assert Pending().context == {}


def test_a_success_that_returned_none_has_a_result():
    returned = Success("Task run succeeded.")
    assert type(returned._result) is Result
    assert returned.result is None
    assert Success()._result is NoResult
    assert Success("mine")._result is NoResult


def test_users_subclasses():
    class Expensive(Success):
        color = "#123456"

        def __init__(self, *args, price=None, **kwargs):
            super().__init__(*args, **kwargs)
            self.price = price

    state = Expensive("paid", price=3)
    assert repr(state) == '<Expensive: "paid">'
    assert state.is_successful()
    assert state != Success("paid")
    assert state != Expensive("paid", price=4)
    assert cloudpickle.loads(cloudpickle.dumps(state)).price == 3
    assert Expensive in Success.children()


class TestLoadResult:
    @pytest.fixture
    def written(self, tmp_path):
        return LocalResult(dir=tmp_path, location="x").write(42)

    def test_own_result_reads(self, written):
        state = Success(result=LocalResult(dir=written.dir, location=written.location))
        assert state.load_result() is state
        assert state.result == 42

    def test_another_result_reads(self, written):
        state = Success(result=Result(location=written.location))
        assert state.load_result(LocalResult(dir=written.dir)).result == 42
        assert isinstance(state._result, LocalResult)

    @pytest.mark.parametrize("result", [NoResult, Result(), Result(9), Result(9, location="x")])
    def test_what_needs_no_reading_is_left_alone(self, written, result):
        state = Success(result=result)
        assert state.load_result(written) is state
        assert state._result is result

    def test_cached_inputs(self, written):
        state = Success(
            cached_inputs={
                "own": LocalResult(dir=written.dir, location=written.location),
                "other": Result(location=written.location),
                "elsewhere": Result(),
                "here": Result(7),
                "nowhere": Result(),
            }
        )
        readers = {"other": LocalResult(dir=written.dir), "elsewhere": written, "here": None}
        assert state.load_cached_results(readers) is state
        assert {name: kept.value for name, kept in state.cached_inputs.items()} == {
            "own": 42,
            "other": 42,
            "elsewhere": 42,
            "here": 7,
            "nowhere": None,
        }


def test_importing_states_loads_nothing_heavy():
    heavy = "('pendulum', 'cloudpickle', 'dask', 'distributed', 'pandas', 'asyncio', 'pydoc')"
    code = (
        "import sys, prefectlite.engine.signals, prefectlite.triggers, prefectlite.engine.results\n"
        "from prefectlite.engine.state import Retrying, Success\n"
        "Success('m', 5).result, Retrying().start_timestamp\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_state_is_small_until_looked_at():
    state = Success("m", 5)
    assert state._held == 5
    assert (state._context, state._cached_inputs) == (None, None)
    assert vars(state) == {}
