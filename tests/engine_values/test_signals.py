"""Signals: the states they carry, and how they travel."""

from __future__ import annotations

import copy
import pickle

import cloudpickle
import pendulum
import pytest

from prefectlite import context
from prefectlite.engine import signals
from prefectlite.engine.signals import (
    ENDRUN,
    FAIL,
    LOOP,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    VALIDATIONFAIL,
    PrefectStateSignal,
    signal_from_state,
)
from prefectlite.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Skipped,
    State,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)
from prefectlite.exceptions import PrefectSignal

PAIRS = [
    (FAIL, Failed),
    (TRIGGERFAIL, TriggerFailed),
    (VALIDATIONFAIL, ValidationFailed),
    (LOOP, Looped),
    (PAUSE, Paused),
    (RETRY, Retrying),
    (SKIP, Skipped),
    (SUCCESS, Success),
]
JANUARY = pendulum.datetime(2020, 1, 1)


@pytest.mark.parametrize(("signal_class", "state_class"), [*PAIRS, (PrefectStateSignal, State)])
def test_carries_its_state(signal_class, state_class):
    signal = signal_class("why", context={"a": 1})
    assert type(signal.state) is state_class
    assert (signal.state.message, signal.state.context) == ("why", {"a": 1})
    assert str(signal) == "why"
    assert signal.args == ("why",)
    assert repr(signal) == f"{signal_class.__name__}('why')"
    assert signal_class("why", result=5).state.result == 5


@pytest.mark.parametrize("signal_class", [c for c, _ in PAIRS if c is not LOOP])
def test_is_its_own_result_by_default(signal_class):
    signal = signal_class("why")
    assert signal.state.result is signal


def test_a_loop_leaves_its_text_by_default():
    assert LOOP().state.result == "LOOP()"
    assert LOOP("m").state.result == "LOOP('m')"
    assert LOOP(result=None).state.result is None


def test_no_handler_of_exceptions_swallows_a_signal():
    assert not issubclass(PrefectSignal, Exception)
    assert all(issubclass(signal_class, PrefectSignal) for signal_class, _ in PAIRS)


def test_tree():
    assert issubclass(TRIGGERFAIL, FAIL)
    assert issubclass(VALIDATIONFAIL, FAIL)
    assert not issubclass(ENDRUN, PrefectStateSignal)
    assert signals.PrefectSignal is PrefectSignal


def test_arguments_go_to_the_state():
    retry = RETRY("m", start_time=JANUARY, run_count=4)
    assert (retry.state.start_time, retry.state.run_count) == (JANUARY, 4)
    assert PAUSE("m").state.start_time is None
    assert LOOP(loop_count=5).state.loop_count == 5
    with context(task_loop_count=3, task_run_count=2):
        assert LOOP().state.loop_count == 3
        assert RETRY().state.run_count == 2
    with pytest.raises(TypeError):
        FAIL("m", foo=1)


def test_endrun_carries_any_state():
    state = Success("x")
    assert ENDRUN(state).state is state
    assert ENDRUN(state=state).args == ("",)
    with pytest.raises(TypeError):
        ENDRUN()


@pytest.mark.parametrize("module", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize(("signal_class", "state_class"), PAIRS)
def test_pickles_with_its_state(module, signal_class, state_class):
    signal = signal_class("why", context={"a": 1})
    again = module.loads(module.dumps(signal))
    assert repr(again) == repr(signal)
    assert type(again.state) is state_class
    assert (again.state.message, again.state.context) == ("why", {"a": 1})
    if signal_class is not LOOP:
        assert again.state.result is again
    assert module.loads(module.dumps(signal_class(result=[5]))).state.result == [5]


def test_unpickling_asks_the_context_nothing():
    data = pickle.dumps(RETRY("m", start_time=JANUARY))
    with context(task_tags={"other"}, task_run_count=9):
        again = pickle.loads(data)
    assert (again.state.run_count, again.state.context) == (1, {})


def test_endrun_pickles_and_copies():
    signal = ENDRUN(Success("x", result=5))
    assert pickle.loads(pickle.dumps(signal)).state.result == 5
    assert copy.deepcopy(FAIL("a")).state.message == "a"


def test_users_signals_pickle_whatever_arguments_they_take():
    class QUIET(FAIL):
        def __init__(self, reason, level):
            super().__init__(f"{reason} at {level}")
            self.level = level

    again = cloudpickle.loads(cloudpickle.dumps(QUIET("low", 3)))
    assert (str(again), again.level, again.state.message) == ("low at 3", 3, "low at 3")


@pytest.mark.parametrize(("signal_class", "state_class"), PAIRS)
def test_signal_from_state(signal_class, state_class):
    assert signal_from_state(state_class()) is signal_class


@pytest.mark.parametrize("state_class", [Pending, Mapped, Cached, TimedOut, Cancelled])
def test_no_signal_for_a_state(state_class):
    with pytest.raises(ValueError, match=f"<{state_class.__name__}>"):
        signal_from_state(state_class())
