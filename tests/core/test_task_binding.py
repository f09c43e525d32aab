"""Calling, copying, binding and mapping tasks."""

from __future__ import annotations

import inspect
from typing import Any

import cloudpickle
import pytest

from prefectlite import Flow, Task, flatten, mapped, tags, task, unmapped
from prefectlite.core.edge import Edge
from prefectlite.core.task import EXTRA_CALL_PARAMETERS
from prefectlite.utilities.configuration import set_temporary_config


@task
def one() -> Any:
    return 1


@task
def increment(x: Any) -> Any:
    return x + 1


@task
def add(x: Any, y: Any = 2) -> Any:
    return x + y


class Multiply(Task):
    def run(self, x: Any, y: Any = 1) -> Any:  # type: ignore[override]
        return x * y


class TestCopy:
    def test_has_the_same_settings(self) -> None:
        original = Task(name="load", slug="load", tags=["a"], timeout=3)
        copied = original.copy()
        assert copied is not original
        assert (copied.name, copied.timeout) == ("load", 3)
        assert copied.slug == "load-copy"

    def test_takes_attributes(self) -> None:
        copied = increment.copy(name="n", slug="s", max_retries=3)
        assert (copied.name, copied.slug, copied.max_retries) == ("n", "s", 3)
        assert increment.name == "increment"

    def test_unknown_attribute(self) -> None:
        with pytest.raises(AttributeError, match=r"<Task: increment> does not have retries as an"):
            increment.copy(retries=3)

    def test_tags_are_added(self) -> None:
        original = Task(tags=["a"])
        with tags("context"):
            copied = original.copy(tags=["b"])
        copied.tags.add("c")
        assert copied.tags == {"a", "b", "c", "context"}
        assert original.tags == {"a"}
        with pytest.raises(TypeError, match=r"not a string"):
            original.copy(tags="b")

    def test_lost_dependencies(self) -> None:
        with Flow("f"):
            first = increment(1)
            first(2)  # constants are no dependencies
            second = increment(first)
            for copied in (
                lambda: first.copy().bind(2),
                lambda: second(3),
                lambda: second.map([4]),
            ):
                with pytest.warns(UserWarning, match=r"making a copy of a task that has depend"):
                    copied()
        assert second.copy() is not second  # no flow is being built any more

    def test_pickles(self) -> None:
        loaded = cloudpickle.loads(cloudpickle.dumps(increment))
        assert loaded.name == "increment"
        assert loaded.run(2) == 3
        assert loaded != increment


class TestCall:
    def test_adds_a_copy_to_the_flow(self) -> None:
        with Flow("f") as flow:
            first, second = increment(1), increment(x=2)
        assert first is not increment
        assert flow.tasks == {first, second}
        assert flow.constants == {first: {"x": 1}, second: {"x": 2}}
        assert flow.slugs == {first: "increment-1", second: "increment-2"}

    def test_tasks_become_edges(self) -> None:
        with Flow("f") as flow:
            result = add(one(), y=increment(1))
        assert {(edge.upstream_task.name, edge.key) for edge in flow.edges_to(result)} == {
            ("one", "x"),
            ("increment", "y"),
        }

    def test_a_flow_can_be_given(self) -> None:
        flow = Flow("f")
        assert increment(1, flow=flow) in flow.tasks

    def test_task_args(self) -> None:
        with Flow("f"):
            made = increment(1, task_args={"name": "load", "tags": ["a"]})
        assert (made.name, made.tags) == ("load", {"a"})
        with Flow("f"), pytest.raises(AttributeError, match=r"does not have retries"):
            increment(1, task_args={"retries": 2})

    def test_upstream_tasks(self) -> None:
        with Flow("f") as flow:
            first = one()
            second = increment(1, upstream_tasks=[first, 7])
        assert {(e.upstream_task.name, e.key, e.mapped) for e in flow.edges_to(second)} == {
            ("one", None, False),
            ("7", None, False),
        }

    def test_upstream_tasks_is_a_list(self) -> None:
        with Flow("f") as flow:
            made = increment(1)
            with pytest.raises(TypeError, match=r"not iterable: .* upstream_tasks=\[one\]"):
                flow.set_dependencies(made, upstream_tasks=one)

    def test_keyword_variables_are_arguments(self) -> None:
        @task
        def collect(a: Any, **rest: Any) -> Any:
            return a, rest

        with Flow("f") as flow:
            made = collect(1, b=2, c=one)
        assert flow.constants[made] == {"a": 1, "b": 2}
        assert flow.edges == {Edge(one, made, key="c")}

    @pytest.mark.parametrize(
        ("args", "kwargs", "said"),
        [
            ((1, 2), {}, "too many positional arguments"),
            ((), {}, "missing a required argument: 'x'"),
            ((1,), {"x": 2}, "multiple values for argument 'x'"),
            ((1,), {"z": 2}, "unexpected keyword argument 'z'"),
        ],
    )
    def test_arguments_that_run_does_not_take(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(TypeError, match=f"'increment': .*{said}.*takes \\(x"):
            increment(*args, flow=Flow("f"), **kwargs)

    @pytest.mark.parametrize(
        "use", [lambda: increment(1), lambda: increment.bind(1), lambda: increment.map([1])]
    )
    def test_without_a_flow(self, use: Any) -> None:
        with pytest.raises(ValueError, match=r"outside a `with Flow.*`increment.run\(...\)`"):
            use()

    def test_without_a_flow_for_a_class(self) -> None:
        with pytest.raises(ValueError, match=r"<Task: twice>.*`Multiply\(...\).run\(...\)`"):
            Multiply(name="twice")(1)

    def test_signatures(self) -> None:
        parameters = inspect.signature(increment).parameters
        assert list(parameters) == ["x", "mapped", "task_args", "upstream_tasks", "flow"]
        assert [parameter.name for parameter in EXTRA_CALL_PARAMETERS] == list(parameters)[1:]
        assert list(inspect.signature(Multiply).parameters)[:2] == ["name", "slug"]
        assert list(inspect.signature(Multiply()).parameters)[:2] == ["x", "y"]


class TestBind:
    def test_makes_no_copy(self) -> None:
        bound = increment.copy()
        with Flow("f") as flow:
            assert bound.bind(1) is bound
        assert flow.tasks == {bound}

    @pytest.mark.parametrize("eager", [False, True])
    @pytest.mark.parametrize(("first", "second"), [(1, 2), (one, 2), (1, one), (one, one)])
    def test_twice_in_one_flow(self, first: Any, second: Any, eager: bool) -> None:
        bound = increment.copy()
        with set_temporary_config({"flows.eager_edge_validation": eager}), Flow("f") as flow:
            bound.bind(first)
            with pytest.raises(ValueError, match=r'"x" for task <Task: increment> has already'):
                bound.bind(second)
        assert len(flow.edges) + len(flow.constants[bound]) == 1

    def test_once_in_each_of_two_flows(self) -> None:
        bound = increment.copy()
        first, second = Flow("first"), Flow("second")
        bound.bind(1, flow=first)
        bound.bind(2, flow=second)
        assert (first.constants[bound], second.constants[bound]) == ({"x": 1}, {"x": 2})

    def test_nothing_can_be_bound_often(self) -> None:
        bound = one.copy()
        with Flow("f") as flow:
            bound.bind()
            bound.bind(upstream_tasks=[increment])
        assert flow.edges == {Edge(increment, bound)}


class TestMap:
    def edges(self, *args: Any, **kwargs: Any) -> set[tuple[Any, ...]]:
        with Flow("f") as flow:
            add.map(*args, **kwargs)
        return {(e.upstream_task.name, e.key, e.mapped, e.flattened) for e in flow.edges}

    def test_tasks_and_lists(self) -> None:
        assert self.edges(one, [1, 2]) == {
            ("one", "x", True, False),
            ("[1, 2]", "y", True, False),
        }

    def test_unmapped(self) -> None:
        assert self.edges(one, unmapped(3)) == {("one", "x", True, False)}
        assert self.edges(one, y=unmapped(increment)) == {
            ("one", "x", True, False),
            ("increment", "y", False, False),
        }

    def test_flatten(self) -> None:
        assert self.edges(flatten(one)) == {("one", "x", True, True)}
        assert self.edges(unmapped(flatten(one))) == {("one", "x", False, True)}
        assert self.edges(flatten([[1], [2]])) == {("Constant[list]", "x", True, True)}

    def test_upstream_tasks_are_mapped_too(self) -> None:
        given = [increment, unmapped(Task(name="other"))]
        assert self.edges(one, upstream_tasks=given) == {
            ("one", "x", True, False),
            ("increment", None, True, False),
            ("other", None, False, False),
        }

    def test_one_mapped_argument_of_a_call(self) -> None:
        with Flow("f") as flow:
            increment(mapped(one))
            increment(one, mapped=True)
        assert {edge.mapped for edge in flow.edges} == {True}

    @pytest.mark.parametrize("value", [3, None, {1, 2}, (x for x in "ab"), object()])
    def test_what_has_no_elements(self, value: Any) -> None:
        with Flow("f"):
            with pytest.raises(TypeError, match=r"Cannot map over unsub.*'add', argument 0"):
                add.map(value)
            with pytest.raises(TypeError, match=r"'add', argument 'y'\)\. .*unmapped\(\.\.\.\)"):
                add.map([1], y=value)

    def test_a_list_with_tasks_inside(self) -> None:
        with Flow("f") as flow:
            result = increment.map([one, 2])
        (edge,) = flow.edges_to(result)
        assert (edge.upstream_task.name, edge.mapped) == ("List", True)
        assert flow.constants[edge.upstream_task] == {"arg_2": 2}

    def test_the_result_cannot_be_unpacked(self) -> None:
        pair = increment.copy(nout=2)
        with Flow("f"):
            assert len(list(pair(1))) == 2
            with pytest.raises(TypeError, match=r"is not iterable"):
                list(pair.map([1, 2]))


class TestPipe:
    def test_chains_calls(self) -> None:
        with Flow("f") as flow:
            result = one().pipe(increment).pipe(add, y=3)
        assert [made.name for made in flow.sorted_tasks()] == ["one", "increment", "add"]
        assert flow.constants == {result: {"y": 3}}

    def test_a_map(self) -> None:
        with Flow("f") as flow:
            one().pipe(add.map, y=unmapped(3))
        assert {(edge.key, edge.mapped) for edge in flow.edges} == {("x", True)}

    def test_an_annotation_is_lost(self) -> None:
        with Flow("f") as flow:
            first = one()
            with pytest.warns(UserWarning, match=r"pipe\(mapped\) has no effect"):
                assert first.pipe(mapped) is first
        assert flow.tasks == {first}


class TestDependencies:
    def test_set_upstream_and_downstream(self) -> None:
        flow = Flow("f")
        first, second, third = Task(name="1"), increment.copy(), Task(name="3")
        assert second.set_upstream(first, flow=flow, key="x") is second
        assert second.set_downstream(third, flow=flow, mapped=True) is second
        assert flow.edges == {Edge(first, second, key="x"), Edge(second, third, mapped=True)}

    def test_plain_values(self) -> None:
        flow = Flow("f")
        made = increment.copy()
        made.set_upstream(3, flow=flow, key="x")
        made.set_upstream([1], flow=flow)
        assert flow.constants == {made: {"x": 3}}
        assert {edge.upstream_task.name for edge in flow.edges} == {"[1]"}

    def test_all_at_once(self) -> None:
        flow = Flow("f")
        made, before, after = increment.copy(), Task(), Task()
        returned = made.set_dependencies(
            flow, upstream_tasks=[before], downstream_tasks=[after], keyword_tasks={"x": one}
        )
        assert returned is made
        assert flow.edges == {Edge(before, made), Edge(made, after), Edge(one, made, key="x")}

    def test_without_a_flow(self) -> None:
        with pytest.raises(ValueError, match=r"'increment': No Flow was passed"):
            increment.set_upstream(one)
        with pytest.raises(ValueError, match=r"could not infer an active Flow context"):
            increment.set_dependencies()
