"""case: which tasks of a block wait for its condition, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Parameter, apply_map, case, task, unmapped
from prefectlite.executors import Executor
from prefectlite.tasks.control_flow import merge
from prefectlite.tasks.control_flow.conditional import CompareValue
from prefectlite.tasks.core.constants import Constant


@task
def identity(x: Any) -> Any:
    return x


@task
def plus_one(x: int) -> int:
    return x + 1


@task
def fail() -> None:
    raise ValueError("no")


def edges(flow: Flow) -> set[tuple[str, str, str | None]]:
    return {
        (flow.slugs[edge.upstream_task], flow.slugs[edge.downstream_task], edge.key)
        for edge in flow.edges
    }


def test_only_the_block_of_the_value_runs(executor: Executor) -> None:
    with Flow("f") as flow:
        condition = identity("a")
        with case(condition, "a"):
            first = plus_one(plus_one(1))
        with case(condition, "b"):
            second = plus_one(10)
        merged = merge(first, second)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[merged].result == 3
    assert state.result[second].is_skipped()
    (no_match,) = flow.get_tasks(name="case(b)")
    assert state.result[no_match].message == 'Provided value "a" did not match "b"'


def test_only_first_tasks_wait_for_the_condition() -> None:
    with Flow("f") as flow:
        condition = identity(True)
        outside = identity(1)
        with case(condition, True):
            plus_one(plus_one(outside))
    assert edges(flow) == {
        ("identity-1", "case(True)-1", "value"),
        ("case(True)-1", "plus_one-1", None),
        ("identity-2", "plus_one-1", "x"),
        ("plus_one-1", "plus_one-2", "x"),
    }


def test_parameters_and_constants_stay_outside_of_the_block() -> None:
    with Flow("f") as flow, case(identity(1), 2):
        flow.add_task(Parameter("p", default=1))
        flow.add_task(Constant(5))
    assert edges(flow) == set()
    assert not [t for t in flow.tasks if isinstance(t, CompareValue)]


def test_a_task_of_a_parameter_in_the_block_waits() -> None:
    with Flow("f") as flow, case(identity(1), 2):
        inside = plus_one(Parameter("p", default=1))
    assert flow.run().result[inside].is_skipped()


def test_a_collection_of_the_block_waits() -> None:
    with Flow("f") as flow:
        outside = identity(1)
        with case(identity(1), 1):
            inside = identity([outside, 2])
    assert ("case(1)-1", "List-1", None) in edges(flow)
    assert flow.run().result[inside].result == [1, 2]


def test_a_task_that_was_in_the_flow_before_is_not_of_the_block() -> None:
    with Flow("f") as flow:
        condition = identity(1)
        with case(condition, 2):
            flow.add_task(condition)
            inside = identity(condition)
    state = flow.run()
    assert state.result[condition].result == 1
    assert state.result[inside].is_skipped()


def test_blocks_in_blocks(executor: Executor) -> None:
    with Flow("f") as flow:
        outer = identity(5)
        with case(outer, 5):
            with case(identity(6), 6):
                both = plus_one(1)
            with case(outer, 6):
                one = plus_one(1)
        with case(outer, 6), case(outer, 5):
            other = plus_one(1)
    state = flow.run(executor=executor)
    assert state.result[both].result == 2
    assert state.result[one].is_skipped()
    assert state.result[other].is_skipped()
    assert ("case(5)-1", "case(6)-1", None) not in edges(flow)
    assert ("case(5)-1", "case(6)-2", None) in edges(flow)


def test_in_a_mapped_function(executor: Executor) -> None:
    def branches(x: Any, limit: Any) -> Any:
        large = x > limit
        with case(large, True):
            down = identity(x)
        with case(large, False):
            up = plus_one(x)
        return merge(down, up)

    with Flow("f") as flow:
        results = apply_map(branches, [1, 20, 3], unmapped(identity(5)))
    state = flow.run(executor=executor)
    assert state.result[results].result == [2, 20, 4]


def test_elements_without_a_branch_are_skipped() -> None:
    def branches(x: Any) -> Any:
        with case(x, 1), case(plus_one(x), 2):
            inner = plus_one(x)
        return inner

    with Flow("f") as flow:
        results = apply_map(branches, [1, 7])
    elements = flow.run().result[results].map_states
    assert [type(element).__name__ for element in elements] == ["Success", "Skipped"]


def test_around_mapped_tasks(executor: Executor) -> None:
    with Flow("f") as flow:
        condition = identity(1)
        with case(condition, 1):
            taken = plus_one.map(plus_one.map([1, 2]))
        with case(condition, 2):
            left = plus_one.map([1, 2])
            mapped_as_whole = apply_map(lambda x: plus_one(plus_one(x)), [1, 2])
    state = flow.run(executor=executor)
    assert state.result[taken].result == [3, 4]
    assert state.result[left].is_skipped()
    assert state.result[mapped_as_whole].is_skipped()


def test_a_failed_condition_fails_the_block_and_no_more() -> None:
    with Flow("f") as flow:
        with case(fail(), 1):
            inside = plus_one(1)
        outside = plus_one(1)
    state = flow.run()
    assert type(state.result[inside]).__name__ == "TriggerFailed"
    assert state.result[outside].is_successful()


def test_plain_conditions() -> None:
    with Flow("f") as flow, case(True, True):
        inside = plus_one(1)
    assert flow.run().result[inside].result == 2


def test_an_error_in_the_block_ends_it() -> None:
    with Flow("f") as flow:
        with pytest.raises(ZeroDivisionError), case(identity(1), 1):
            plus_one(1 / 0)
        assert prefectlite.context.get("case") is None
        plus_one(2)
    assert edges(flow) == set()


def test_flow_given_by_argument() -> None:
    flow = Flow("f")
    with case(identity(1, flow=flow), 2):
        inside = plus_one(1, flow=flow)
    assert flow.run().result[inside].is_skipped()


def test_a_value_cannot_be_a_task() -> None:
    with pytest.raises(TypeError, match="`value` cannot be a task"):
        case(identity, plus_one)


def test_one_block_is_of_one_flow() -> None:
    one, other = Flow("one"), Flow("other")
    with case(identity(1, flow=one), 1):
        plus_one(1, flow=one)
        with pytest.raises(ValueError, match=r"same case statement: .*plus_one.*other.*one"):
            plus_one(1, flow=other)
    assert prefectlite.context.get("case") is None


def test_without_a_flow() -> None:
    with case(identity, 1), pytest.raises(ValueError, match="Could not infer an active Flow"):
        plus_one(1)


def test_long_values_are_shortened_in_messages() -> None:
    with Flow("f") as flow, case(identity("x" * 10_000), "y"):
        plus_one(1)
    (condition,) = flow.get_tasks(name="case(y)")
    message = flow.run().result[condition].message
    assert message.startswith('Provided value "xxx')
    assert len(message) < 600
