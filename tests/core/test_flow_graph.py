"""Asking flows for neighbours and order, checking, copying, joining and replacing."""

from __future__ import annotations

import copy
from typing import Any

import cloudpickle
import pytest

from prefectlite import Flow, Parameter, Task, flatten, task
from prefectlite.core.edge import Edge
from prefectlite.core.flow import cache
from prefectlite.tasks.core.constants import Constant


@task
def one() -> Any:
    return 1


@task
def increment(x: Any) -> Any:
    return x + 1


@task
def add(x: Any, y: Any = 2) -> Any:
    return x + y


def tasks(names: str) -> list[Task]:
    return [Task(name=name) for name in names]


class TestQuestions:
    def test_neighbours(self) -> None:
        a, b, c = tasks("abc")
        flow = Flow("f")
        first, second = flow.chain(a, b, c)
        assert (flow.edges_to(b), flow.edges_from(b)) == ({first}, {second})
        assert (flow.upstream_tasks(b), flow.downstream_tasks(b)) == ({a}, {c})
        assert flow.all_upstream_edges() == {a: set(), b: {first}, c: {second}}
        assert flow.all_downstream_edges() == {a: {first}, b: {second}, c: set()}
        assert (flow.root_tasks(), flow.terminal_tasks()) == ({a}, {c})

    @pytest.mark.parametrize(
        "method", ["edges_to", "edges_from", "upstream_tasks", "downstream_tasks"]
    )
    def test_a_task_that_is_not_there(self, method: str) -> None:
        with pytest.raises(ValueError, match=r'<Task: one> was not found in Flow <Flow: name="f">'):
            getattr(Flow("f"), method)(one)

    def test_what_is_returned_is_the_callers(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f")
        flow.chain(a, b)
        flow.edges_to(b).clear()
        flow.all_upstream_edges()[b].clear()
        flow.reference_tasks().clear()
        assert len(flow.edges_to(b)) == 1
        assert flow.reference_tasks() == {b}

    def test_reference_tasks(self) -> None:
        a, b, c = tasks("abc")
        flow = Flow("f")
        flow.chain(a, b)
        assert flow.reference_tasks() == {b}
        flow.set_reference_tasks([a])
        assert flow.reference_tasks() == {a}
        with pytest.raises(ValueError, match=r"must be part of the flow. <Task: c>"):
            flow.set_reference_tasks([c])
        flow.set_reference_tasks([])
        assert flow.reference_tasks() == {b}

    def test_get_tasks(self) -> None:
        first, second = Task(name="a", tags=["x", "y"]), Task(name="a", tags=["y"])
        parameter = Parameter("p")
        flow = Flow("f", tasks=[first, second, parameter])
        assert flow.get_tasks() == [first, second, parameter]
        assert flow.get_tasks(name="a") == [first, second]
        assert flow.get_tasks(slug="a-y-1") == [second]
        assert flow.get_tasks(tags=["x", "y"]) == [first]
        assert flow.get_tasks(tags=["y"]) == [first, second]
        assert flow.get_tasks(task_type=Parameter) == [parameter]
        assert flow.get_tasks(name="a", tags=["z"]) == []
        assert flow.parameters() == {parameter}


class TestOrder:
    def test_upstream_first_and_else_as_added(self) -> None:
        a, b, c, d, e = tasks("abcde")
        flow = Flow("f", tasks=[d, b, e, a, c])
        flow.add_edge(a, b)
        flow.add_edge(c, b)
        flow.add_edge(b, d)
        assert flow.sorted_tasks() == (e, a, c, b, d)

    def test_from_some_roots(self) -> None:
        a, b, c, d = tasks("abcd")
        flow = Flow("f")
        flow.chain(a, b, c)
        flow.add_edge(d, c)
        assert flow.sorted_tasks(root_tasks=[b]) == (b, c)
        assert set(flow.sorted_tasks(root_tasks=[])) == {a, b, c, d}
        with pytest.raises(ValueError, match=r"<Task: one> was not found"):
            flow.sorted_tasks([one])

    def test_a_circle_is_named(self) -> None:
        a, b, c, d, e = tasks("abcde")
        flow = Flow("f")
        flow.chain(e, a, b, c, a)
        flow.chain(b, d)
        with pytest.raises(ValueError, match=r"Cycle found; flows must be acyclic!") as caught:
            flow.sorted_tasks()
        assert "'a' -> 'b' -> 'c' -> 'a'" in str(caught.value)

    def test_follows_changes(self) -> None:
        a, b, c = tasks("abc")
        flow = Flow("f", tasks=[c, b, a])
        assert flow.sorted_tasks() == (c, b, a)
        flow.chain(a, b, c)
        assert flow.sorted_tasks() == (a, b, c)


class TestSetsThatUsersChange:
    def test_edges(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f", tasks=[a, b])
        edge = Edge(a, b)
        flow.edges.add(edge)
        assert flow.edges_to(b) == flow.edges_from(a) == {edge}
        flow.edges.discard(edge)
        assert flow.edges_to(b) == set()
        flow.edges |= {edge}
        assert flow.terminal_tasks() == {b}
        flow.edges = set()
        assert flow.terminal_tasks() == {a, b}

    def test_tasks(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f", tasks=[a])
        flow.tasks.add(b)
        assert flow.sorted_tasks() == (a, b)
        flow.tasks = {b}
        assert flow.sorted_tasks() == (b,)

    def test_look_like_sets(self) -> None:
        assert repr(Flow("f").tasks) == "set()"
        assert isinstance(Flow("f").edges, set)


class TestValidate:
    def test_edges_to_tasks_outside(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f")
        flow.chain(a, b)
        flow.tasks.remove(a)
        with pytest.raises(ValueError, match=r"Some edges refer to tasks not contained .*a to b"):
            flow.validate()

    def test_reference_tasks_outside(self) -> None:
        flow = Flow("f", tasks=[one], reference_tasks=[one])
        flow.tasks.clear()
        with pytest.raises(ValueError, match=r"Some reference tasks are not .*\['one'\]"):
            flow.validate()

    def test_circles(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f")
        flow.chain(a, b, a)
        with pytest.raises(ValueError, match=r"Cycle found"):
            flow.validate()


class TestEquality:
    def test_by_name_tasks_edges_and_reference_tasks(self) -> None:
        def build() -> Flow:
            flow = Flow("f")
            flow.add_edge(one, increment, key="x")
            return flow

        assert build() == build()
        renamed = build()
        renamed.name = "g"
        more, keyless, referring = build(), Flow("f"), build()
        more.add_task(add)
        keyless.add_edge(one, increment)
        referring.set_reference_tasks([one])
        for other in (renamed, more, keyless, referring, 3):
            assert build() != other

    def test_settings_do_not_matter(self) -> None:
        assert Flow("f") == Flow("f", schedule=3, state_handlers=[print])

    def test_subclasses_are_other_flows(self) -> None:
        class Own(Flow):
            pass

        assert Own("f") != Flow("f")
        assert repr(Own("f")) == '<Own: name="f">'

    def test_has_no_hash(self) -> None:
        with pytest.raises(TypeError, match=r"unhashable"):
            hash(Flow("f"))


class TestCopies:
    @pytest.fixture
    def flow(self) -> Flow:
        with Flow("f", fuse=True) as flow:
            increment(increment(1))
        flow.set_reference_tasks(flow.root_tasks())
        return flow

    def test_copy(self, flow: Flow) -> None:
        copied = flow.copy()
        assert copied == flow
        assert copied.slugs == flow.slugs
        assert copied.constants == flow.constants
        assert copied.fuse is True
        (first,) = flow.root_tasks()
        copied.constants[first]["x"] = 5
        copied.add_edge(one, first)
        copied.set_reference_tasks([one])
        assert flow.constants[first] == {"x": 1}
        assert one not in flow.tasks
        assert flow.reference_tasks() == {first} == flow.root_tasks()

    @pytest.mark.parametrize(
        "duplicate", [lambda f: cloudpickle.loads(cloudpickle.dumps(f)), copy.deepcopy]
    )
    def test_duplicates_are_whole(self, flow: Flow, duplicate: Any) -> None:
        twin = duplicate(flow)
        assert [made.name for made in twin.sorted_tasks()] == ["increment", "increment"]
        assert sorted(twin.slugs.values()) == ["increment-1", "increment-2"]
        (first,) = twin.root_tasks()
        assert twin.constants[first] == {"x": 1}
        assert twin.reference_tasks() == {first}
        twin.add_edge(one, first)
        assert twin.edges_to(first) == {Edge(one, first)}
        assert twin.serialized_hash() != flow.serialized_hash()

    def test_of_a_flow_whose_block_is_open(self) -> None:
        with Flow("f") as flow:
            one()
            loaded = cloudpickle.loads(cloudpickle.dumps(flow))
            with loaded:
                one()
        assert (len(flow.tasks), len(loaded.tasks)) == (1, 2)


class TestUpdate:
    def test_adds_everything(self) -> None:
        with Flow("a") as flow:
            increment(1)
        with Flow("b") as other:
            mapped = increment.map(flatten(one()))
            bound = increment(2)
        assert flow.update(other) is None  # type: ignore[func-returns-value]
        assert other.tasks < flow.tasks
        assert flow.edges == other.edges
        assert flow.edges_to(mapped) == {Edge(*mapped_edge(other), "x", True, True)}
        assert flow.constants[bound] == {"x": 2}
        assert sorted(flow.slugs.values()) == [
            "increment-1", "increment-2", "increment-3", "one-1",
        ]  # fmt: skip
        flow.constants[bound]["x"] = 5
        assert other.constants[bound] == {"x": 2}

    def test_parameters_of_the_same_name(self) -> None:
        with Flow("a") as flow:
            mine = increment(Parameter("p", default=1))
        with Flow("b") as other:
            theirs = add.map(Parameter("p", default=2))
        with pytest.raises(ValueError, match=r'slug "p" already exists'):
            flow.copy().update(other)
        flow.update(other, merge_parameters=True)
        (parameter,) = flow.parameters()
        assert parameter.default == 2
        assert flow.edges_to(mine) == {Edge(parameter, mine, "x")}
        assert flow.edges_to(theirs) == {Edge(parameter, theirs, "x", mapped=True)}

    def test_reference_tasks(self) -> None:
        with Flow("a") as flow:
            mine = increment(1)
        with Flow("b") as other:
            theirs = increment(2)
            last = increment(theirs)
        other.set_reference_tasks([theirs])
        plain, merged = flow.copy(), flow.copy()
        plain.update(other)
        merged.update(other, merge_reference_tasks=True)
        assert plain.reference_tasks() == {mine, last}
        assert merged.reference_tasks() == {mine, last, theirs}

    def test_validate(self) -> None:
        a, b = tasks("ab")
        flow, other = Flow("a"), Flow("b")
        flow.chain(a, b)
        other.chain(b, a)
        with pytest.raises(ValueError, match=r"Cycle found"):
            flow.update(other, validate=True)


def mapped_edge(flow: Flow) -> tuple[Task, Task]:
    (edge,) = flow.edges
    return edge.upstream_task, edge.downstream_task


class TestReplace:
    def test_takes_the_edges(self) -> None:
        with Flow("f") as flow:
            first = one()
            second = increment.map(flatten(first))
            third = increment(second)
        new = add.copy()
        flow.replace(second, new)
        assert flow.tasks == {first, new, third}
        assert flow.edges == {Edge(first, new, "x", True, True), Edge(new, third, "x")}
        assert "increment-1" not in flow.slugs.values()

    def test_takes_the_values_it_cannot_do_without(self) -> None:
        with Flow("f") as flow:
            first = add(1, y=5)
        new = add.copy()
        flow.replace(first, new)
        assert flow.constants == {new: {"x": 1}}

    def test_a_task_that_needs_no_values(self) -> None:
        with Flow("f") as flow:
            first = increment(1)
        flow.replace(first, one)
        assert (flow.tasks, flow.constants) == ({one}, {})

    def test_a_plain_value(self) -> None:
        with Flow("f") as flow:
            second = increment(one())
        (first,) = flow.root_tasks()
        flow.replace(first, [1, 2])
        assert flow.constants == {second: {"x": [1, 2]}}
        assert flow.edges == set()

    def test_parameters(self) -> None:
        with Flow("f") as flow:
            second = increment(Parameter("p"))
        new = Parameter("p", default=3)
        flow.replace(next(iter(flow.parameters())), new)
        assert flow.parameters() == {new}
        flow.replace(new, Constant(4))
        assert flow.constants[second] == {"x": 4}

    def test_reference_tasks(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f", tasks=[a], reference_tasks=[a])
        flow.replace(a, b)
        assert flow.reference_tasks() == {b}

    def test_what_is_refused(self) -> None:
        a, b = tasks("ab")
        flow = Flow("f")
        flow.chain(a, b)
        with pytest.raises(ValueError, match=r"<Task: one> was not found"):
            flow.replace(one, a)
        with pytest.raises(ValueError, match=r"can not connect a task to itself"):
            flow.replace(a, b)
        assert flow.tasks == {a, b}


def test_cache() -> None:
    class Counting(Flow):
        calls = 0

        @cache
        def count(self, *args: Any, **kwargs: Any) -> int:
            self.calls += 1
            return len(self.tasks)

    flow = Counting("f")
    assert [flow.count(), flow.count(), flow.count(1), flow.count(x=1), flow.count(x=1)] == [0] * 5
    assert flow.calls == 3
    flow.add_task(one)
    assert [flow.count(), flow.count()] == [1, 1]
    flow.tasks.clear()
    assert flow.count() == 0


class TestCost:
    """Work is counted, not timed: twice the tasks may cost little more than twice as much."""

    @staticmethod
    def chain(size: int) -> None:
        with Flow("f") as flow:
            result = one()
            for _ in range(size):
                result = increment(result)
        flow.validate()
        assert len(flow.sorted_tasks()) == size + 1

    @staticmethod
    def fan(size: int) -> None:
        with Flow("f") as flow:
            increment([one() for _ in range(size)])
        flow.validate()

    @staticmethod
    def maps(size: int) -> None:
        with Flow("f") as flow:
            result = increment.map([1, 2])
            for _ in range(size):
                result = increment.map(result)
        flow.validate()
        flow.all_upstream_edges()

    @pytest.mark.parametrize("shape", ["chain", "fan", "maps"])
    def test_grows_with_the_flow(self, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
        counts = []
        compared, hashed = Edge._compared, [0]

        def counting(self: Edge) -> tuple[Any, ...]:
            hashed[0] += 1
            return compared(self)

        monkeypatch.setattr(Edge, "_compared", counting)
        for size in (200, 400):
            hashed[0] = 0
            getattr(self, shape)(size)
            counts.append(hashed[0])
        assert counts[0] > 0
        assert counts[1] <= 2.1 * counts[0]
