"""`TaskRunner`: one task by itself, from the states of its upstreams."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.core.edge import Edge
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.engine.state import (
    ClientFailed,
    Failed,
    Looped,
    Mapped,
    Pending,
    Retrying,
    Skipped,
    State,
    Success,
)
from prefectlite.engine.task_runner import TaskRunner
from prefectlite.utilities.logging import temporary_logger_config


@pytest.fixture
def records() -> Iterator[list[str]]:
    """The texts of the log, as they come."""
    texts: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    handler = Keep()
    with temporary_logger_config(level="INFO") as logger:
        logger.addHandler(handler)
        yield texts
        logger.removeHandler(handler)


@task
def items() -> list[int]:
    return [1, 2]


@task(tags=["counted"])
def increment(x: int = 1) -> int:
    return x + 1


def mapped_over(state: State) -> dict[Edge, State]:
    return {Edge(items, increment, key="x", mapped=True): state}


@pytest.mark.parametrize("given", [Looped("again", loop_count=2, result=3), State("other")])
def test_a_given_state_that_is_not_pending_stays(given: State) -> None:
    assert TaskRunner(increment).run(state=given) is given


def test_a_state_about_a_state_stands_for_that() -> None:
    inner = Failed("there")
    assert TaskRunner(increment).run(state=ClientFailed(state=inner)) is inner


@pytest.mark.parametrize(
    ("upstream", "kind", "length"),
    [
        (Success(result=[1, 2, 3]), Mapped, 3),
        (Success(result=[]), Mapped, 0),
        (Success(result=5), Failed, None),
        (Skipped(), Skipped, None),
    ],
)
def test_handlers_see_how_a_mapped_task_begins(
    upstream: State, kind: type[State], length: int | None
) -> None:
    seen: list[Any] = []

    def handler(subject: Any, old: State, new: State) -> None:
        seen.append((type(subject).__name__, type(old), type(new)))

    watched = increment.copy(state_handlers=[handler])
    runner = TaskRunner(watched, state_handlers=[handler])
    state = runner.run(upstream_states=mapped_over(upstream), is_mapped_parent=True)
    assert type(state) is kind
    assert state.context == {"tags": ["counted"]}
    assert getattr(state, "n_map_states", None) == length
    assert seen == [("FunctionTask", Pending, kind), ("TaskRunner", Pending, kind)]


def test_a_mapped_task_waits_for_its_upstreams() -> None:
    state = TaskRunner(increment).run(
        upstream_states=mapped_over(Retrying()), is_mapped_parent=True
    )
    assert type(state) is Pending


def test_a_mapped_task_without_upstreams_has_no_element() -> None:
    state = TaskRunner(increment).run(is_mapped_parent=True)
    assert isinstance(state, Mapped)
    assert state.n_map_states == 0


def test_both_ends_of_a_run_are_logged(records: list[str]) -> None:
    TaskRunner(increment).run(context={"map_index": 3})
    assert records == [
        "Task 'increment[3]': Starting task run...",
        "Task 'increment[3]': Finished task run for task with final state: 'Success'",
    ]


def test_a_flow_run_tells_once_of_runs_by_a_runner_of_ones_own(records: list[str]) -> None:
    class Own(TaskRunner):
        def run(self, *args: Any, **kwargs: Any) -> State:
            return super().run(*args, **kwargs)

    with Flow("f") as flow:
        increment(1)
    FlowRunner(flow, task_runner_cls=Own).run()
    assert [text for text in records if "Starting" in text] == [
        "Task 'increment': Starting task run..."
    ]


def test_a_handler_that_fails_ends_a_mapped_task() -> None:
    def handler(subject: Any, old: State, new: State) -> None:
        raise ValueError("boom")

    state = TaskRunner(increment, state_handlers=[handler]).run(
        upstream_states=mapped_over(Success(result=[1])), is_mapped_parent=True
    )
    assert state.message == "Unexpected error while calling state handlers: ValueError('boom')"
