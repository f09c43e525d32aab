"""Going on with a run of a flow that has changed, or with other parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from prefectlite import Flow, Parameter, runs, task
from prefectlite.engine.results import LocalResult
from prefectlite.exceptions import JournalError, ParameterError
from tests.runs.marks import Marks, end


def changeable(marks: Marks, stored: LocalResult, body: Callable[[int], int], n: int) -> Flow:
    @task(result=stored)
    def first() -> int:
        marks("first")
        return 1

    middle = task(body, name="middle", result=stored)

    @task(result=stored)
    def last(x: int) -> int:
        marks("last")
        return x

    @task(result=stored)
    def aside(x: int, n: int) -> int:
        marks(f"aside{n}")
        return x + n

    with Flow("changing") as flow:
        x = first()
        last(middle(x))
        aside(x, n)
    return flow


def test_a_task_that_changed_is_run_again_with_what_comes_after(
    marks: Marks, stored: LocalResult, caplog: pytest.LogCaptureFixture
) -> None:
    changeable(marks, stored, lambda x: marks("middle") + x, 1).run()
    marks.taken()
    state = changeable(marks, stored, lambda x: marks("middle") + x, 1).run(resume="last")
    assert state is not None
    assert marks.taken() == {}
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    flow = changeable(marks, stored, lambda x: marks("middle") + x + 10, 1)
    assert end(flow, flow.run(resume="last"), "last") == 12
    assert marks.taken() == {"middle": 1, "last": 1}
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert "task 'middle': its code has changed" in warning
    assert "1 of 'middle', 1 of 'last'" in warning


def test_a_value_that_changed_counts_as_well(marks: Marks, stored: LocalResult) -> None:
    changeable(marks, stored, lambda x: x, 1).run()
    marks.taken()
    changeable(marks, stored, lambda x: x, 2).run(resume="last")
    assert marks.taken() == {"aside2": 1}


def test_a_task_more_or_less_is_no_reason_to_run_the_others(
    marks: Marks, stored: LocalResult, caplog: pytest.LogCaptureFixture
) -> None:
    @task(result=stored)
    def first() -> int:
        marks("first")
        return 1

    @task(result=stored)
    def second(x: int) -> int:
        marks("second")
        return x + 1

    with Flow("growing") as flow:
        first()
    flow.run()
    with Flow("growing") as larger:
        second(first())
    assert end(larger, larger.run(resume="last"), "second") == 2
    assert marks.taken() == {"first": 1, "second": 1}
    flow.run(resume="last")
    assert marks.taken() == {}
    assert "task 'second-1' is gone" in caplog.text


def with_parameters(marks: Marks, stored: LocalResult) -> Flow:
    @task(result=stored)
    def product(x: int, y: int) -> int:
        marks("product")
        return x * y

    @task(result=stored)
    def negative(x: int) -> int:
        marks("negative")
        return -x

    with Flow("parameters") as flow:
        x, y = Parameter("x"), Parameter("y", default=2)
        product(x, y)
        negative(x)
    return flow


def test_the_parameters_are_those_of_the_earlier_run(marks: Marks, stored: LocalResult) -> None:
    flow = with_parameters(marks, stored)
    flow.run(x=3)
    marks.taken()
    state = flow.run(resume="last")
    assert (end(flow, state, "product"), marks.taken()) == (6, {})
    state = flow.run(resume="last", y=5)
    assert (end(flow, state, "product"), marks.taken()) == (15, {"product": 1})
    assert runs.load("last").parameters == {"x": 3, "y": 5}


def test_a_parameter_that_is_not_in_the_journal_is_asked_for(stored: LocalResult) -> None:
    @task(result=stored)
    def log_in(password: str) -> bool:
        return bool(password)

    with Flow("secret") as flow:
        log_in(Parameter("password"))
    flow.run(password="abc")
    with pytest.raises(ParameterError, match=r"'password' \(by its name it is a secret\)"):
        flow.run(resume="last")
    state = flow.run(resume="last", password="abc")
    assert end(flow, state, "log_in") is True


def test_a_run_of_another_flow_is_refused(marks: Marks, stored: LocalResult) -> None:
    with_parameters(marks, stored).run(x=1)
    run_id = runs.list_runs()[0].run_id
    with pytest.raises(JournalError, match="one of flow 'parameters'"):
        changeable(marks, stored, lambda x: x, 1).run(resume=run_id)
    with pytest.raises(LookupError, match="no run of flow 'changing'"):
        changeable(marks, stored, lambda x: x, 1).run(resume="last")
