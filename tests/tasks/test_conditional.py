"""switch, ifelse, merge, and the tasks they are made of."""

from __future__ import annotations

from typing import Any

import pytest

from prefectlite import Flow, Task, apply_map, task, unmapped
from prefectlite.engine.signals import SKIP
from prefectlite.executors import Executor
from prefectlite.tasks.control_flow import ifelse, merge, switch
from prefectlite.tasks.control_flow.conditional import CompareValue, Merge
from prefectlite.triggers import all_finished, not_all_skipped


@task
def identity(x: Any = None) -> Any:
    return x


@task
def fail() -> None:
    raise ValueError("no")


@task
def skip() -> None:
    raise SKIP("not today")


def test_switch_runs_the_branch_of_the_value(executor: Executor) -> None:
    with Flow("f") as flow:
        a, b = identity(1), identity(2)
        switch(identity("b"), {"a": a, "b": b})
        merged = merge(identity(a), identity(b))
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[a].is_skipped()
    assert state.result[merged].result == 2


def test_switch_without_a_matching_case_skips_all() -> None:
    with Flow("f") as flow:
        a, b = identity(1), identity(2)
        switch(identity("c"), {"a": a, "b": b})
        merged, other = merge(a, b), identity(3)
    state = flow.run()
    assert state.result[a].is_skipped()
    assert state.result[b].is_skipped()
    assert state.result[merged].is_skipped()
    assert state.result[merged].message == "All upstreams were skipped"
    assert state.result[other].is_successful()
    (no_match,) = flow.get_tasks(name='CompareValue: "a"')
    assert state.result[no_match].message == 'Provided value "c" did not match "a"'


def test_switch_makes_tagged_tasks() -> None:
    with Flow("f") as flow:
        assert switch(identity(1), {1: identity(1), None: identity(2)}) is None  # type: ignore[func-returns-value]
    slugs = {flow.slugs[t] for t in flow.tasks if isinstance(t, CompareValue)}
    assert slugs == {'CompareValue: "1"-switch-1', 'CompareValue: "None"-switch-1'}


def test_switch_of_elements(executor: Executor) -> None:
    with Flow("f") as flow:
        a, b = identity.map([1, 2, 3]), identity.map([10, 20, 30])
        switch(identity(["a", "b", "z"]), {"a": a, "b": b}, mapped=True)
        merged = merge(a, b, mapped=True)
    elements = flow.run(executor=executor).result[merged].map_states
    assert [element.result for element in elements] == [1, 20, None]
    assert [element.is_skipped() for element in elements] == [False, False, True]


def test_switch_in_a_mapped_function() -> None:
    def branches(x: Any) -> Any:
        a, b = identity(1), identity(x)
        switch(x, {"a": a, "b": b})
        return merge(a, b)

    with Flow("f") as flow:
        results = apply_map(branches, ["a", "b"])
    assert flow.run().result[results].result == [1, "b"]


def test_a_task_of_two_cases_never_runs() -> None:
    with Flow("f") as flow:
        both = identity(1)
        switch(identity("a"), {"a": both, "b": both})
    assert flow.run().result[both].is_skipped()


def test_switch_wants_a_dictionary() -> None:
    with Flow("f"), pytest.raises(TypeError, match="cases must be a dictionary"):
        switch(identity(1), [identity(2)])  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "taken"), [(True, 0), ("x", 0), (False, 1), (0, 1), (None, 1)])
def test_ifelse_goes_by_truth(value: Any, taken: int) -> None:
    with Flow("f") as flow:
        branches = [identity(1), identity(2)]
        ifelse(identity(value), *branches)
    state = flow.run()
    assert [state.result[branch].is_skipped() for branch in branches] == [taken == 1, taken == 0]


def test_ifelse_of_elements(executor: Executor) -> None:
    with Flow("f") as flow:
        a, b = identity.map([1, 2]), identity.map([10, 20])
        ifelse(identity([True, False]), a, b, mapped=True)
        merged = merge(a, b, mapped=True)
    assert flow.run(executor=executor).result[merged].result == [1, 20]


def test_ifelse_with_one_branch() -> None:
    with Flow("f") as flow:
        branch = identity(1)
        ifelse(identity(False), branch, None)
    state = flow.run()
    assert state.result[branch].is_skipped()
    assert {t.name for t in flow.tasks} == {"identity", "as_bool", 'CompareValue: "True"'}


def test_ifelse_with_nothing_to_do() -> None:
    with Flow("f") as flow:
        ifelse(identity(1), None, None)
    assert {t.name for t in flow.tasks} == {"identity"}


def test_ifelse_without_a_flow() -> None:
    with pytest.raises(ValueError, match="Could not infer an active Flow context"):
        ifelse(identity, identity, identity)


@pytest.mark.parametrize("undecided", [fail, skip])
def test_a_condition_without_a_value(undecided: Task) -> None:
    with Flow("f") as flow:
        branches = [identity(1), identity(2)]
        ifelse(undecided(), *branches)
        outside = identity(3)
    state = flow.run()
    assert {type(state.result[branch]).__name__ for branch in branches} == {
        "TriggerFailed" if undecided is fail else "Skipped"
    }
    assert state.result[outside].is_successful()


def test_merge_of_nothing_is_skipped() -> None:
    with Flow("f") as flow:
        merged = merge()
    state = flow.run().result[merged]
    assert state.is_skipped()
    assert state.message == "All upstreams were skipped"


def test_what_follows_a_merge_of_nothing_is_skipped() -> None:
    with Flow("f") as flow:
        after = identity(merge(skip(), skip()))
    assert flow.run().result[after].is_skipped()


def test_merge_takes_the_first_value() -> None:
    with Flow("f") as flow:
        merged = [
            merge(identity(None), identity(2), identity(3)),
            merge(None, 7),
            merge(identity(None), identity(None)),
            merge([identity(1), 2], identity(3)),
            merge(identity(False), identity(3)),
        ]
    state = flow.run()
    assert [state.result[m].result for m in merged] == [2, 7, None, [1, 2], False]


@pytest.mark.parametrize("order", [(fail, identity), (identity, fail)])
def test_merge_fails_with_a_branch(order: tuple[Task, Task]) -> None:
    with Flow("f") as flow:
        merged = merge(*(branch() for branch in order))
    state = flow.run().result[merged]
    assert type(state).__name__ == "TriggerFailed"
    assert "not_all_skipped" in state.message


def test_merge_of_elements() -> None:
    with Flow("f") as flow:
        mapped = identity.map([1, None, 3])
        merged = [
            merge(mapped, identity.map([9, 2]), mapped=True),
            merge(mapped, unmapped(identity(7)), mapped=True),
            merge(mapped, identity.map([4])),
        ]
    state = flow.run()
    assert [state.result[m].result for m in merged] == [[1, 2], [1, 7, 3], [1, None, 3]]


def test_settings_of_a_merge() -> None:
    flow = Flow("f")
    merged = merge(identity.copy(), flow=flow, name="joined", trigger=all_finished)
    assert (merged.name, merged.trigger) == ("joined", all_finished)
    assert merged in flow.tasks
    assert Merge().trigger is not_all_skipped
    with pytest.raises(ValueError, match="must have `skip_on_upstream_skip=False`"):
        Merge(skip_on_upstream_skip=True)


def test_merge_goes_by_the_names_of_arguments() -> None:
    assert Merge().run(task_2=2, task_1=1) == 1
    assert Merge().run() is None


def test_compare_value() -> None:
    compare = CompareValue(3)
    assert compare.name == 'CompareValue: "3"'
    assert CompareValue(3, name="n").name == "n"
    assert compare.run(value=3) is None  # type: ignore[func-returns-value]
    with pytest.raises(SKIP, match='Provided value "4" did not match "3"'):
        compare.run(4)
