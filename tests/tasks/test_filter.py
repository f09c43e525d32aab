"""FilterTask."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.executors import Executor
from prefectlite.tasks.control_flow import FilterTask
from prefectlite.tasks.control_flow.filter import FilterTask as SameFilterTask


@task
def odd(x: int) -> int:
    if x == 2:
        raise ValueError(x)
    return x


def test_what_failed_elements_leave_is_left_out(executor: Executor) -> None:
    with Flow("f") as flow:
        kept = FilterTask()(odd.map([1, 2, 3]))
        again = odd.map(kept)
    state = flow.run(executor=executor)
    assert state.result[kept].result == [1, 3]
    assert state.result[again].result == [1, 3]


def test_default_test() -> None:
    assert FilterTask().run([0, None, "", ValueError("x"), ValueError]) == [0, "", ValueError]
    assert FilterTask is SameFilterTask


def test_own_test_and_log(caplog: pytest.LogCaptureFixture) -> None:
    def log(kept: list[Any]) -> str:
        return f"kept {kept}"

    caplog.set_level(logging.INFO, "prefectlite")
    assert FilterTask(lambda x: x > 1, log).run([1, 2, 3]) == [2, 3]
    assert caplog.messages == ["kept [2, 3]"]


def test_settings() -> None:
    assert FilterTask().skip_on_upstream_skip is False
    assert FilterTask(name="n", skip_on_upstream_skip=True).skip_on_upstream_skip is True
    with pytest.raises(TypeError, match="filter_func must be a function; received 5"):
        FilterTask(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="log_func must be a function"):
        FilterTask(log_func="x")  # type: ignore[arg-type]
