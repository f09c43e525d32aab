"""Maps of every kind give the same on every executor."""

from __future__ import annotations

from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Parameter, flatten, mapped, task, unmapped
from prefectlite.engine.signals import FAIL, SKIP
from prefectlite.engine.state import Failed, Mapped, Skipped, State, Success, TriggerFailed
from prefectlite.executors import Executor
from prefectlite.triggers import all_finished, any_failed, any_successful, some_failed


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def double(x: int) -> int:
    return 2 * x


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def odd_fails(x: int) -> int:
    if x % 2:
        raise ValueError(f"odd {x}")
    return x


@task
def odd_skips(x: int) -> int:
    if x % 2:
        raise SKIP(f"odd {x}")
    return x


@task(trigger=all_finished, skip_on_upstream_skip=False)
def seen(values: Any) -> list[str]:
    return [v if v is None else type(v).__name__ for v in values]


def run(flow: Flow, executor: Executor, **parameters: Any) -> State:
    state = flow.run(parameters, executor=executor)
    assert state is not None
    return state


def names(state: State) -> list[str]:
    assert isinstance(state, Mapped)
    return [type(each).__name__ for each in state.map_states]


def test_over_a_constant_a_parameter_and_a_result(executor: Executor) -> None:
    with Flow("sources") as flow:
        parameter = Parameter("values")
        made = [add.map([1, 2]), add.map(parameter), add.map(numbers(3))]
    state = run(flow, executor, values=[5, 6, 7])
    assert [state.result[each].result for each in made] == [[2, 3], [6, 7, 8], [1, 2, 3]]
    mapped_state = state.result[made[2]]
    assert mapped_state.n_map_states == 3
    assert mapped_state.message == "Ready to proceed with mapping."
    assert [each.result for each in mapped_state.map_states] == [1, 2, 3]


def test_several_arguments_end_with_the_shortest(executor: Executor) -> None:
    with Flow("zip") as flow:
        both = add.map(numbers(5), numbers(3))
        three = add.map(numbers(2), y=[10, 20, 30])
    state = run(flow, executor)
    assert state.result[both].result == [0, 2, 4]
    assert state.result[three].result == [10, 21]


def test_over_nothing(executor: Executor) -> None:
    with Flow("nothing") as flow:
        each = add.map(numbers(0))
        further = double.map(each)
        end = total(further)
    state = run(flow, executor)
    assert state.is_successful()
    assert state.result[each].n_map_states == 0
    assert state.result[further].result == []
    assert state.result[end].result == 0


@pytest.mark.parametrize("fuse", [True, False])
def test_chained_maps_and_a_reduce(executor: Executor, fuse: bool) -> None:
    with Flow("chained", fuse=fuse) as flow:
        first = add.map(numbers(20))
        second = double.map(first)
        third = add.map(second, unmapped(100))
        end = total(third)
    state = run(flow, executor)
    assert state.result[third].result == [2 * (n + 1) + 100 for n in range(20)]
    assert state.result[end].result == sum(2 * (n + 1) + 100 for n in range(20))


def test_unmapped_result_and_unmapped_map(executor: Executor) -> None:
    with Flow("unmapped") as flow:
        base = numbers(4)
        scaled = double.map(base)

        @task
        def against(x: int, everything: list[int]) -> int:
            return x * sum(everything)

        by_plain = against.map(base, everything=unmapped(base))
        by_map = against.map(base, everything=unmapped(scaled))
    state = run(flow, executor)
    assert state.result[by_plain].result == [0, 6, 12, 18]
    assert state.result[by_map].result == [0, 12, 24, 36]


def test_mapped_argument_of_a_plain_call(executor: Executor) -> None:
    with Flow("annotation") as flow:
        each = add(mapped(numbers(3)), 10)
    assert run(flow, executor).result[each].result == [10, 11, 12]


@pytest.mark.parametrize("fuse", [True, False])
def test_flatten_of_a_map(executor: Executor, fuse: bool) -> None:
    with Flow("flatten", fuse=fuse) as flow:
        lists = numbers.map([2, 0, 3])
        flat = double.map(flatten(lists))
        further = add.map(flat)
        end = total(further)
        whole = total(flatten(lists))
    state = run(flow, executor)
    assert state.result[flat].result == [0, 2, 0, 2, 4]
    assert state.result[end].result == 13
    assert state.result[whole].result == 4


def test_flatten_of_a_plain_result(executor: Executor) -> None:
    @task
    def nested() -> list[list[int]]:
        return [[1, 2], [], [3]]

    with Flow("flatten") as flow:
        made = nested()
        each = double.map(flatten(made))
        whole = total(flatten(made))
    state = run(flow, executor)
    assert state.result[each].result == [2, 4, 6]
    assert state.result[whole].result == 6


def test_a_failed_element_of_a_flat_map_is_met_by_one_element(executor: Executor) -> None:
    @task
    def pair(x: int) -> list[int]:
        if x == 1:
            raise ValueError("no pair")
        return [x, x]

    with Flow("flat failure") as flow:
        flat = double.map(flatten(pair.map(numbers(3))))
    state = run(flow, executor)
    assert names(state.result[flat]) == [
        "Success",
        "Success",
        "TriggerFailed",
        "Success",
        "Success",
    ]


def test_a_map_in_a_map(executor: Executor) -> None:
    with Flow("nested") as flow:
        lists = numbers.map([1, 2])
        sums = total.map(lists)
        again = numbers.map(add.map(sums))
        end = total.map(again)
    state = run(flow, executor)
    assert state.result[sums].result == [0, 1]
    assert state.result[end].result == [0, 1]


def test_mapped_upstream_tasks(executor: Executor) -> None:
    @task
    def index() -> int:
        found: int = prefectlite.context.map_index
        return found

    with Flow("upstream") as flow:
        checked = odd_fails.map(numbers(3))
        each = index.map(upstream_tasks=[checked])
    state = run(flow, executor)
    assert names(state.result[each]) == ["Success", "TriggerFailed", "Success"]
    assert state.result[each].map_states[2].result == 2


def test_the_map_index_is_in_the_context(executor: Executor) -> None:
    @task
    def where(x: int) -> Any:
        return (prefectlite.context.map_index, prefectlite.context.task_full_name)

    with Flow("index") as flow:
        each = where.map(numbers(3))
        single = where(1)
    state = run(flow, executor)
    assert state.result[each].result == [(n, f"where[{n}]") for n in range(3)]
    assert state.result[single].result == (None, "where")


@pytest.mark.parametrize("fuse", [True, False])
def test_a_failed_element_costs_only_what_needs_it(executor: Executor, fuse: bool) -> None:
    with Flow("failed element", fuse=fuse) as flow:
        first = odd_fails.map(numbers(4))
        second = double.map(first)
        end = total(second)
        report = seen(second)
    state = run(flow, executor)
    assert state.is_failed()
    assert names(state.result[first]) == ["Success", "Failed", "Success", "Failed"]
    assert names(state.result[second]) == ["Success", "TriggerFailed", "Success", "TriggerFailed"]
    assert repr(state.result[first].map_states[1].result) == "ValueError('odd 1')"
    assert isinstance(state.result[end], TriggerFailed)
    assert state.result[report].result == ["int", "TRIGGERFAIL", "int", "TRIGGERFAIL"]


@pytest.mark.parametrize("fuse", [True, False])
def test_a_skipped_element_skips_what_follows_it(executor: Executor, fuse: bool) -> None:
    with Flow("skipped element", fuse=fuse) as flow:
        first = odd_skips.map(numbers(4))
        second = double.map(first)
        end = total(second)
        report = seen(second)
    state = run(flow, executor)
    assert names(state.result[first]) == ["Success", "Skipped", "Success", "Skipped"]
    assert names(state.result[second]) == ["Success", "Skipped", "Success", "Skipped"]
    assert isinstance(state.result[end], Skipped)
    assert state.result[report].result == ["int", None, "int", None]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (all_finished, "Success"),
        (any_failed, "Success"),
        (any_successful, "Success"),
        (some_failed(at_least=3), "TriggerFailed"),
        (some_failed(at_least=2), "Success"),
    ],
)
def test_triggers_see_the_elements_of_a_mapped_upstream(
    executor: Executor, trigger: Any, expected: str
) -> None:
    @task(trigger=trigger)
    def after() -> str:
        return "ran"

    with Flow("triggers") as flow:
        first = odd_fails.map(numbers(4))
        end = after(upstream_tasks=[first])
        flow.set_reference_tasks([end])
    state = run(flow, executor)
    assert type(state.result[end]).__name__ == expected


def test_over_a_failed_and_over_a_skipped_result(executor: Executor) -> None:
    @task
    def broken() -> list[int]:
        raise FAIL("broken")

    @task
    def left_out() -> list[int]:
        raise SKIP("left out")

    with Flow("no source") as flow:
        failed, skipped = double.map(broken()), double.map(left_out())
        after_failed, after_skipped = add.map(failed), add.map(skipped)
    state = run(flow, executor)
    assert isinstance(state.result[failed], Failed)
    assert state.result[failed].message == "No upstream states can be mapped over."
    assert isinstance(state.result[skipped], Skipped)
    assert isinstance(state.result[after_failed], Failed)
    assert isinstance(state.result[after_skipped], Skipped)


@pytest.mark.parametrize("size", [10, 100_000])
def test_values_of_any_size_are_indexed(executor: Executor, size: int) -> None:
    @task
    def texts() -> list[str]:
        return ["x" * size, "y" * size, "z" * size]

    @task
    def twice(text: str) -> str:
        return text + text

    @task
    def lengths(values: list[str]) -> list[tuple[int, str]]:
        return [(len(value), value[0]) for value in values]

    with Flow("sizes") as flow:
        end = lengths(twice.map(twice.map(texts())))
    state = run(flow, executor)
    assert state.result[end].result == [(4 * size, letter) for letter in "xyz"]


def test_over_a_large_parameter_and_a_large_constant(executor: Executor) -> None:
    large = ["x" * 700_000, "y" * 700_000]

    @task
    def length(text: str, other: list[str]) -> int:
        return len(text) + len(other)

    with Flow("large") as flow:
        parameter = Parameter("texts")
        by_parameter = length.map(parameter, unmapped(parameter))
        by_constant = length.map(large, unmapped([1, 2]))
    state = run(flow, executor, texts=large)
    assert state.result[by_parameter].result == [700_002, 700_002]
    assert state.result[by_constant].result == [700_002, 700_002]


def test_tuples_and_strings_can_be_mapped_over(executor: Executor) -> None:
    @task
    def pair() -> tuple[int, int]:
        return 1, 2

    @task
    def word() -> str:
        return "abc"

    @task
    def upper(letter: str) -> str:
        return letter.upper()

    with Flow("sequences") as flow:
        one, two = double.map(pair()), upper.map(word())
    state = run(flow, executor)
    assert state.result[one].result == [2, 4]
    assert state.result[two].result == ["A", "B", "C"]


def test_flow_state_counts_elements(executor: Executor) -> None:
    with Flow("reference") as flow:
        each = odd_fails.map(numbers(2))
    state = run(flow, executor)
    assert state.is_failed()
    assert state.message == "Some reference tasks failed."
    assert isinstance(state.result[each].map_states[0], Success)
