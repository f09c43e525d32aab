"""Adding tasks and edges to flows, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Parameter, Task, flatten, mapped, tags, task, unmapped
from prefectlite.core.edge import Edge, is_valid_identifier
from prefectlite.tasks.core.constants import Constant
from prefectlite.utilities.configuration import set_temporary_config


@task
def one() -> Any:
    return 1


@task
def increment(x: Any) -> Any:
    return x + 1


def tasks(names: str) -> list[Task]:
    return [Task(name=name) for name in names]


class TestFlow:
    @pytest.mark.parametrize("name", ["", None])
    def test_needs_a_name(self, name: Any) -> None:
        with pytest.raises(ValueError, match=r"A name must be provided"):
            Flow(name)

    def test_a_name_is_a_string(self) -> None:
        with pytest.raises(TypeError, match=r"must be a string; received 3"):
            Flow(3)  # type: ignore[arg-type]

    def test_keeps_what_it_is_given(self) -> None:
        handler = [print]
        flow = Flow(
            "f", schedule=1, executor=2, result=None, state_handlers=handler,
            terminal_state_handler=print, fuse=False,
        )  # fmt: skip
        assert (flow.schedule, flow.executor, flow.result, flow.fuse) == (1, 2, None, False)
        assert flow.state_handlers == handler
        assert flow.terminal_state_handler is print
        assert repr(flow) == '<Flow: name="f">'
        assert flow.logger.name == "prefectlite.f"

    def test_handlers_are_checked(self) -> None:
        with pytest.raises(TypeError, match=r"Flow 'f': state_handlers should be iterable"):
            Flow("f", state_handlers=print)  # type: ignore[arg-type]
        assert len(Flow("f", state_handlers=[print], on_failure=print).state_handlers) == 2

    def test_tasks_edges_and_reference_tasks(self) -> None:
        first, second = tasks("ab")
        edge = Edge(first, second, mapped=True, flattened=True)
        flow = Flow("f", tasks=[one], edges=[edge], reference_tasks=[first])
        assert flow.tasks == {one, first, second}
        assert flow.edges == {edge}
        assert flow.reference_tasks() == {first}

    def test_validate(self) -> None:
        first, second = tasks("ab")
        circle = [Edge(first, second), Edge(second, first)]
        assert len(Flow("f", edges=circle).edges) == 2
        with pytest.raises(ValueError, match=r"Cycle found"):
            Flow("f", edges=circle, validate=True)

    def test_contains_and_iterates(self) -> None:
        first, second = tasks("ab")
        flow = Flow("f", edges=[Edge(second, first)])
        assert first in flow
        assert one not in flow
        assert list(flow) == [second, first]


class TestContext:
    def test_the_block_is_where_tasks_go(self) -> None:
        with Flow("outer") as outer:
            assert prefectlite.context.flow is outer
            with Flow("inner") as inner:
                first = one()
            second = one()
        assert (inner.tasks, outer.tasks) == ({first}, {second})
        assert "flow" not in prefectlite.context

    def test_the_block_is_no_place_to_run_a_flow(self) -> None:
        with Flow("outer"), pytest.raises(RuntimeError, match="end the block of `with Flow"):
            Flow("inner").run()

    def test_a_flow_can_be_entered_again(self) -> None:
        with Flow("f") as flow, flow:
            first = one()
        with flow:
            second = one()
        assert flow.tasks == {first, second}
        assert "flow" not in prefectlite.context

    def test_the_context_is_restored_after_an_error(self) -> None:
        with pytest.raises(TypeError, match=r"not iterable"), Flow("f"):
            list(Task())
        assert "flow" not in prefectlite.context

    @pytest.mark.parametrize(
        "make", [Task, increment.copy, lambda: Parameter("p"), lambda: task(lambda: 1)]
    )
    def test_a_task_that_is_left_over(self, make: Any) -> None:
        flow = Flow("f")
        with pytest.warns(UserWarning, match=r"not added to the flow: \{<.*>\}.*add_task"), flow:
            make()

    def test_tasks_that_are_not_left_over(self) -> None:
        with Flow("f") as flow:
            Task()()
            flow.add_task(Task())
            increment(Parameter("p"))
            Constant(3)
            template = Task()
            template.copy()(task_args={"name": "copy of a copy"})
        assert len(flow.tasks) == 5


class TestSlugs:
    def test_made_of_name_and_tags(self) -> None:
        flow = Flow("f", tasks=[Task(), Task(), Task(name="b", tags=["z", "a"]), Task(slug="s")])
        assert list(flow.slugs.values()) == ["Task-1", "Task-2", "b-a-z-1", "s"]

    def test_tags_of_the_context(self) -> None:
        with tags("t"), Flow("f") as flow:
            increment([one, 2])
        assert set(flow.slugs.values()) == {"increment-t-1", "List-t-1", "one-1"}

    def test_taken(self) -> None:
        flow = Flow("f", tasks=[Task(slug="s")])
        with pytest.raises(ValueError, match=r'slug "s" already exists .* another slug'):
            flow.add_task(Task(slug="s"))

    def test_one_that_was_made_may_be_asked_for_later(self) -> None:
        flow = Flow("f", tasks=[Task(slug="Task-1"), Task()])
        assert list(flow.slugs.values()) == ["Task-1", "Task-2"]

    def test_copies_of_a_task_with_a_slug(self) -> None:
        load = task(slug="load")(lambda: 1)
        flow = Flow("f")
        load(flow=flow)
        with pytest.raises(ValueError, match=r'"load-copy" already exists'):
            load(flow=flow)
        assert list(flow.slugs.values()) == ["load-copy"]

    def test_parameters(self) -> None:
        flow = Flow("f", tasks=[Task(name="p"), Parameter("p")])
        assert list(flow.slugs.values()) == ["p-1", "p"]
        with pytest.raises(ValueError, match=r'slug "p" already exists .* another name'):
            flow.add_task(Parameter("p"))


class TestAddTask:
    def test_returns_it_and_adds_it_once(self) -> None:
        flow = Flow("f")
        assert flow.add_task(one) is one
        assert flow.add_task(one) is one
        assert flow.tasks == {one}

    @pytest.mark.parametrize("value", [3, Task, lambda: 1])
    def test_other_things(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"must be Task instances .* @task"):
            Flow("f").add_task(value)


class TestAddEdge:
    def test_returns_the_edge(self) -> None:
        flow = Flow("f")
        edge = flow.add_edge(one, increment, key="x", mapped=True, flattened=True)
        assert edge == Edge(one, increment, key="x", mapped=True, flattened=True)
        assert flow.edges == {edge}
        assert flow.tasks == {one, increment}

    @pytest.mark.parametrize(
        ("value", "mapped_flattened"),
        [(mapped(one), (True, False)), (flatten(one), (False, True)),
         (flatten(mapped(one)), (True, True))],
    )  # fmt: skip
    def test_annotations(self, value: Any, mapped_flattened: tuple[bool, bool]) -> None:
        edge = Flow("f").add_edge(value, increment, key="x")
        assert (edge.mapped, edge.flattened) == mapped_flattened

    def test_an_annotation_wins(self) -> None:
        assert Flow("f").add_edge(unmapped(one), increment, mapped=True).mapped is False

    def test_plain_values_with_a_key_are_constants(self) -> None:
        flow = Flow("f")
        edge = flow.add_edge([1], increment, key="x")
        assert flow.constants == {increment: {"x": [1]}}
        assert (edge.key, flow.edges, flow.tasks) == ("x", set(), {increment})

    @pytest.mark.parametrize("arguments", [{"mapped": True}, {"flattened": True}, {"key": None}])
    def test_other_plain_values_are_tasks(self, arguments: dict[str, Any]) -> None:
        flow = Flow("f")
        flow.add_edge([1], increment, **{"key": "x", **arguments})
        assert {made.name for made in flow.tasks} == {"[1]", "increment"}
        assert flow.constants == {}

    def test_constant_tasks_are_constants_too(self) -> None:
        with Flow("f") as flow:
            result = increment(Constant(3))
        assert flow.constants == {result: {"x": 3}}

    def test_edge_from_a_task_to_itself(self) -> None:
        with pytest.raises(ValueError, match=r"can not connect a task to itself: <Task: one>"):
            Edge(one, one)

    def test_to_itself(self) -> None:
        with pytest.raises(ValueError, match=r"can not connect a task to itself: <Task: one>"):
            Flow("f").add_edge(one, one)

    def test_to_a_parameter(self) -> None:
        with pytest.raises(ValueError, match=r"Parameters must be root tasks.*<Parameter: p>"):
            Flow("f").add_edge(one, Parameter("p"))

    @pytest.mark.parametrize("key", ["", "1x", "a b", "class", 3])
    def test_keys_are_identifiers(self, key: Any) -> None:
        with pytest.raises(ValueError, match=r"Key must be a valid identifier"):
            Flow("f").add_edge(one, increment, key=key)

    def test_is_checked_only_if_asked_for(self) -> None:
        flow = Flow("f")
        flow.add_edge(one, increment, key="x")
        flow.add_edge(Task(), increment, key="x")
        flow.add_edge(one, increment, key="z")
        assert len(flow.edges) == 3

    @pytest.mark.parametrize("asked", [True, False])
    def test_an_argument_that_is_taken(self, asked: bool) -> None:
        with set_temporary_config({"flows.eager_edge_validation": not asked}):
            validate = True if asked else None
            flow = Flow("f")
            flow.add_edge(one, increment, key="x", validate=validate)
            for upstream in (Task(), one, 3):
                with pytest.raises(ValueError, match=r'"x" for task <Task: increment> has alr'):
                    flow.add_edge(upstream, increment, key="x", validate=validate)

    def test_an_argument_that_run_does_not_have(self) -> None:
        with pytest.raises(TypeError, match=r"'increment' .*keyword argument 'z'.*takes x"):
            Flow("f").add_edge(one, increment, key="z", validate=True)

    def test_a_circle_is_not_added(self) -> None:
        first, second = tasks("ab")
        flow = Flow("f")
        flow.add_edge(first, second, validate=True)
        with pytest.raises(ValueError, match=r"Cycle found"):
            flow.add_edge(second, first, validate=True)
        assert flow.edges == {Edge(first, second)}


def test_set_dependencies() -> None:
    flow = Flow("f")
    flow.set_dependencies(
        increment, upstream_tasks=[one, unmapped("abc")], downstream_tasks=[[1]],
        keyword_tasks={"x": [one]}, mapped=True,
    )  # fmt: skip
    assert {
        (e.upstream_task.name, e.downstream_task.name, e.key, e.mapped) for e in flow.edges
    } == {
        ("one", "increment", None, True),
        ("'abc'", "increment", None, False),
        ("increment", "[1]", None, False),
        ("one", "List", "arg_1", False),
        ("List", "increment", "x", True),
    }


def test_chain() -> None:
    first, second, third = tasks("abc")
    flow = Flow("f")
    edges = flow.chain(first, second, third)
    assert edges == [Edge(first, second), Edge(second, third)]
    assert flow.edges == set(edges)
    assert flow.chain(first) == flow.chain() == []
    with pytest.raises(ValueError, match=r"Cycle found"):
        flow.chain(third, first, validate=True)


class TestEdge:
    def test_defaults(self) -> None:
        edge = Edge(one, increment)
        assert (edge.key, edge.mapped, edge.flattened) == (None, False, False)
        assert edge.tasks == {one, increment}
        assert repr(edge) == "<Edge(key=None, mapped=False, flattened=False): one to increment>"

    def test_plain_values_become_tasks(self) -> None:
        assert Edge(3, [1]).upstream_task.name == "3"
        assert Edge([one], increment, flow=Flow("f")).upstream_task.name == "List"

    def test_compared_by_value(self) -> None:
        edge = Edge(one, increment, key="x")
        assert edge == Edge(one, increment, "x", mapped=False)
        assert hash(edge) == hash(Edge(one, increment, "x"))
        for other in (
            Edge(one, increment), Edge(one, increment, "x", mapped=True),
            Edge(one, increment, "x", flattened=True), Edge(one, Task(), "x"), 3,
        ):  # fmt: skip
            assert edge != other

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError, match=r"cannot be changed"):
            Edge(one, increment).key = "x"

    @pytest.mark.parametrize(
        ("string", "valid"),
        [("x", True), ("_", True), ("é", True), ("", False), ("1", False), ("class", False)],
    )
    def test_identifiers(self, string: str, valid: bool) -> None:
        assert is_valid_identifier(string) is valid


def test_a_run_that_broke_is_told_by_the_flow(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(flow: Flow, old: Any, new: Any) -> None:
        raise ZeroDivisionError

    state = Flow("f", state_handlers=[breaks]).run()
    assert state is not None
    assert state.is_failed()
    told = [record.name for record in caplog.records if record.levelname == "ERROR"]
    assert told == ["prefectlite.FlowRunner", "prefectlite.f"]
