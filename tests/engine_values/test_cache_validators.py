"""Whether a cached state may be used again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pendulum
import pytest

from prefectlite.engine.cache_validators import (
    all_inputs,
    all_parameters,
    duration_only,
    hash_inputs,
    never_use,
    partial_inputs_only,
    partial_parameters_only,
)
from prefectlite.engine.result import Result
from prefectlite.engine.state import Cached

VALIDATORS = [
    all_inputs,
    all_parameters,
    duration_only,
    never_use,
    partial_inputs_only(),
    partial_inputs_only(["x"]),
    partial_inputs_only(["x", "y"]),
    partial_parameters_only(),
    partial_parameters_only(["p"]),
    partial_parameters_only(["p", "q"]),
]


def inputs(**values):
    return Cached(cached_inputs={name: Result(value) for name, value in values.items()})


def hashed(**values):
    return Cached(hashed_inputs=hash_inputs(values))


def parameters(**values):
    return Cached(cached_parameters=values)


# What Prefect 1.4.1 answers: state, inputs, parameters, and one letter for each validator.
TABLE = [
    (Cached(), {}, {}, "TFTF TTT TTT"),
    (inputs(x=1), {"x": 1}, {}, "TFTF TTT TTT"),
    (inputs(x=1), {"x": 2}, {}, "FFTF TFF TTT"),
    (inputs(x=1), {"x": Result(1)}, {}, "FFTF TFF TTT"),
    (inputs(x=1), {"x": 1, "y": 2}, {}, "FFTF TTF TTT"),
    (inputs(x=1, y=2), {"x": 1}, {}, "FFTF TTF TTT"),
    (Cached(), {"x": 1}, {}, "FFTF TFF TTT"),
    (inputs(x=1), {}, {}, "FFTF TFF TTT"),
    (inputs(x=None), {}, {}, "FFTF TFF TTT"),
    (inputs(x=None), {"x": None}, {}, "TFTF TTT TTT"),
    (hashed(x=1), {"x": 1}, {}, "TFTF TTT TTT"),
    (hashed(x=1), {"x": 2}, {}, "FFTF TFF TTT"),
    (hashed(x=1), {"x": 1, "y": 1}, {}, "FFTF TTF TTT"),
    (hashed(x=1, y=1), {"x": 1}, {}, "FFTF TTF TTT"),
    (hashed(), {"x": 1}, {}, "FFTF TFF TTT"),
    (parameters(p=1), {}, {"p": 1}, "TTTF TTT TTT"),
    (parameters(p=1), {}, {"p": 2}, "TFTF TTT TFF"),
    (parameters(p=1), {}, {"p": 1, "q": 2}, "TFTF TTT TTF"),
    (parameters(p=1, q=2), {}, {"p": 1}, "TFTF TTT TTF"),
    (parameters(p=1), {}, None, "TFTF TTT TFF"),
    (parameters(p=None), {}, {}, "TFTF TTT TFF"),
    (Cached(), {}, {"p": 1}, "TFTF TTT TFF"),
    (Cached(), {}, None, "TTTF TTT TTT"),
    (parameters(), {}, {}, "TTTF TTT TTT"),
]


@pytest.mark.parametrize(("state", "given", "run_with", "answers"), TABLE)
def test_answers(state, given, run_with, answers):
    got = "".join("T" if validator(state, given, run_with) else "F" for validator in VALIDATORS)
    assert got == answers.replace(" ", "")


NOW = datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("expiration", "valid"),
    [
        (None, True),
        (NOW + timedelta(hours=1), True),
        (NOW - timedelta(hours=1), False),
        # Without a zone it is UTC, whatever the zone of the machine.
        ((NOW + timedelta(hours=1)).replace(tzinfo=None), True),
        ((NOW - timedelta(hours=1)).replace(tzinfo=None), False),
        (pendulum.now("Asia/Tokyo").add(days=1), True),
        (pendulum.now("America/New_York").subtract(days=1), False),
    ],
)
def test_expiration(expiration, valid):
    state = Cached(
        cached_result_expiration=expiration,
        cached_inputs={"x": Result(1)},
        cached_parameters={"p": 1},
    )
    for validator in VALIDATORS:
        assert validator(state, {"x": 1}, {"p": 1}) is (valid and validator is not never_use)


def test_hashes_win_over_values():
    state = Cached(cached_inputs={"x": Result(5)}, hashed_inputs=hash_inputs({"x": 1}))
    assert all_inputs(state, {"x": 1}, {})
    assert not all_inputs(state, {"x": 5}, {})


def test_hashes_are_of_contents():
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    for make in (lambda: numpy.arange(5), lambda: pandas.DataFrame({"a": [1, 2]}), lambda: {3, 1}):
        assert hash_inputs({"x": make()}) == hash_inputs({"x": make()})
    assert hash_inputs({"x": numpy.arange(5)}) != hash_inputs({"x": numpy.arange(6)})


def test_one_name_is_a_name_and_not_letters():
    state = Cached(cached_parameters={"date": 1, "d": 1})
    validator = partial_parameters_only("date")
    assert validator(state, {}, {"date": 1, "d": 2})
    assert not validator(state, {}, {"date": 2, "d": 1})
    assert partial_inputs_only("ab")(inputs(ab=1, a=1), {"ab": 1, "a": 2}, {})


def test_names_may_be_an_iterator():
    validator = partial_inputs_only(name for name in ["x"])
    for _ in range(2):
        assert not validator(inputs(x=1), {"x": 2}, {})
