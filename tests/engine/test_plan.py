"""Compiling a flow: order, links, what is fused with what and why not, and the cost."""

from __future__ import annotations

import dataclasses
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from prefectlite import Flow, Parameter, Task, flatten, task, unmapped
from prefectlite.engine.plan import Link, Measure, Plan, compile_flow
from prefectlite.exceptions import FlowCompileError
from prefectlite.utilities.configuration import set_temporary_config
from tests.engine.machine import Node


def segments(plan: Plan) -> list[list[str]]:
    return [[plan.tasks[index].name for index in segment.tasks] for segment in plan.segments]


def reasons(plan: Plan) -> dict[str, str]:
    return {plan.tasks[index].name: reason for index, reason in plan.not_fused.items()}


def names(plan: Plan) -> list[str]:
    return [planned.name for planned in plan.tasks]


# order


def test_upstreams_come_first() -> None:
    with Flow("order") as flow:
        last = Node(name="a last")
        middle = Node(name="b middle")
        first = Node(name="c first")
        flow.add_edge(first, middle)
        flow.add_edge(middle, last)
        flow.add_edge(first, last)
    plan = compile_flow(flow)
    assert names(plan) == ["c first", "b middle", "a last"]
    assert [planned.index for planned in plan.tasks] == [0, 1, 2]


def test_equal_flows_give_equal_plans() -> None:
    def build() -> Plan:
        with Flow("same") as flow:
            root = Node(name="root")()
            middle = [Node(name=f"middle {i}")(root) for i in range(20)]
            for one, two in zip(middle, middle[7:], strict=False):
                Node(name="join")(one, y=two)
        return compile_flow(flow)

    plans = [build() for _ in range(5)]
    assert all(names(plan) == names(plans[0]) for plan in plans)
    assert all(plan.segments == plans[0].segments for plan in plans)


def test_an_empty_flow_has_an_empty_plan() -> None:
    plan = compile_flow(Flow("empty"))
    assert (plan.tasks, plan.segments, plan.segment_of) == ((), (), ())
    assert plan.flow_name == "empty"


def test_a_plan_is_frozen_and_picklable() -> None:
    with Flow("frozen") as flow:
        Node(name="one")(1)
    plan = compile_flow(flow)
    for thing, name in ((plan, "tasks"), (plan.tasks[0], "name"), (plan.segments[0], "depth")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, None)
    again = pickle.loads(pickle.dumps(plan))
    assert segments(again) == segments(plan)


def test_the_flow_is_not_changed() -> None:
    with Flow("kept") as flow:
        Node(name="b")(Node(name="a")(1))
    before = (set(flow.tasks), set(flow.edges), dict(flow.constants))
    compile_flow(flow)
    assert (set(flow.tasks), set(flow.edges), dict(flow.constants)) == before


@pytest.mark.parametrize("length", [2, 3, 50])
def test_a_cycle_is_an_error_that_names_its_tasks(length: int) -> None:
    flow = Flow("round")
    nodes = [Node(name=f"n{i:02}") for i in range(length)]
    flow.chain(Node(name="before"), *nodes)
    flow.add_edge(nodes[-1], nodes[0])
    with pytest.raises(FlowCompileError) as caught:
        compile_flow(flow)
    message = str(caught.value)
    assert "'round'" in message
    assert "cycle" in message
    assert " -> ".join(node.name for node in [*nodes, nodes[0]]) in message
    assert "before" not in message
    assert "remove" in message


def test_a_cycle_error_does_not_name_what_only_follows_the_cycle() -> None:
    flow = Flow("round")
    one, two, after = Node(name="one"), Node(name="two"), Node(name="after")
    flow.chain(one, two, after)
    flow.add_edge(two, one)
    with pytest.raises(FlowCompileError) as caught:
        compile_flow(flow)
    assert "after" not in str(caught.value)


# what a plan knows of a task


def test_constants_parameters_and_given_states_are_known() -> None:
    with Flow("known") as flow:
        parameter = Parameter("p")
        given, other = Node(name="given")(), Node(name="other")(parameter)
        Node(name="each").map([1, 2], y=unmapped(given))
    plan = compile_flow(flow, known=[given])
    known = {planned.name for planned in plan.tasks if planned.known}
    assert known == {"p", "[1, 2]", "given"}
    assert other.name not in known
    assert all("p" not in chain and "given" not in chain for chain in segments(plan))


def test_constants_are_kept_as_arguments() -> None:
    with Flow("constants") as flow:
        Node(name="one")(5, y="text")
    assert compile_flow(flow).tasks[0].constants == {"x": 5, "y": "text"}


def test_terminal_tasks_are_marked() -> None:
    with Flow("terminal") as flow:
        a = Node(name="a")()
        Node(name="b")(a)
    assert {t.name: t.terminal for t in compile_flow(flow).tasks} == {"a": False, "b": True}


def test_a_mapped_task_with_handlers_confirms() -> None:
    def handler(task: Task, old: Any, new: Any) -> None:
        """Sees states."""

    with Flow("handlers") as flow:
        source = Node(name="source", state_handlers=[handler])()
        Node(name="with", state_handlers=[handler]).map(source)
        Node(name="without").map(source)
    assert {t.name: t.confirms for t in compile_flow(flow).tasks} == {
        "source": False,
        "with": True,
        "without": False,
    }
    handled = {t.name: t.confirms for t in compile_flow(flow, handled=True).tasks}
    assert handled == {"source": False, "with": True, "without": True}


def test_an_edge_as_the_user_knows_it() -> None:
    with Flow("edges") as flow:
        source = Node(name="source")()
        each = Node(name="each").map(flatten(source))
    plan = compile_flow(flow)
    (edge,) = flow.edges
    position = next(t.index for t in plan.tasks if t.task is each)
    assert plan.edge(position, 0) == edge


def test_edges_stand_in_the_order_of_their_keys() -> None:
    with Flow("keys") as flow:
        second, first = Node(name="1")(), Node(name="2")()
        Node(name="join")(first, y=second, upstream_tasks=[Node(name="3")()])
    plan = compile_flow(flow)
    assert [edge.key for edge in plan.tasks[-1].edges] == [None, "x", "y"]


# links, depth, measures


def inputs(plan: Plan, name: str) -> dict[str, Link]:
    segment = next(
        s for s in plan.segments if name in [plan.tasks[index].name for index in s.tasks]
    )
    return {plan.tasks[plan.segments[of].tail].name: link for of, link in segment.inputs}


def test_every_kind_of_link() -> None:
    with Flow("links") as flow:
        one = Node(name="one")()
        after = Node(name="after")(one)
        item = Node(name="item").map(one, y=unmapped(after))
        element = Node(name="element").map(item)
        Node(name="reduce")(item)
        Node(name="shared map").map(one, y=unmapped(element))
        Node(name="flat").map(flatten(item))
        Node(name="flat item").map(flatten(one))
    plan = compile_flow(flow, fuse=False)
    assert inputs(plan, "after") == {"one": Link.PLAIN}
    assert inputs(plan, "item") == {"one": Link.ITEM, "after": Link.SHARED}
    assert inputs(plan, "element") == {"item": Link.ELEMENT}
    assert inputs(plan, "reduce") == {"item": Link.REDUCE}
    assert inputs(plan, "shared map") == {"one": Link.ITEM, "element": Link.SHARED_MAP}
    assert inputs(plan, "flat") == {"item": Link.FLAT}
    assert inputs(plan, "flat item") == {"one": Link.ITEM}


def test_consumers_mirror_inputs() -> None:
    with Flow("mirror") as flow:
        one = Node(name="one")()
        many = Node(name="many").map(one)
        Node(name="total")(many, y=one)
    plan = compile_flow(flow, fuse=False)
    forward = {(s.index, c.segment, c.link) for s in plan.segments for c in s.consumers}
    backward = {(of, s.index, link) for s in plan.segments for of, link in s.inputs}
    assert forward == backward
    assert len(forward) == 3


def test_depth_is_the_longest_way() -> None:
    with Flow("depth") as flow:
        a = Node(name="a")()
        b = Node(name="b")(a)
        Node(name="c")(a, y=b)
    plan = compile_flow(flow, fuse=False)
    assert {plan.tasks[s.head].name: s.depth for s in plan.segments} == {"a": 0, "b": 1, "c": 2}


def test_only_what_maps_ask_for_is_measured() -> None:
    with Flow("measures") as flow:
        plain, both, flat = Node(name="plain")(), Node(name="both")(), Node(name="flat")()
        Node(name="after")(plain)
        Node(name="m1").map(both)
        items = Node(name="items").map(flatten(both), y=flatten(flat))
        Node(name="m2").map(flatten(items))
    plan = compile_flow(flow, fuse=False)
    measures = {plan.tasks[s.tail].name: s.measure for s in plan.segments}
    assert measures["plain"] == Measure.NOTHING
    assert measures["both"] == Measure.LENGTH | Measure.FLAT_LENGTH
    assert measures["flat"] == Measure.FLAT_LENGTH
    assert measures["items"] == Measure.ITEMS
    assert measures["m1"] == Measure.NOTHING


# fusion


def test_a_chain_is_one_segment() -> None:
    with Flow("chain") as flow:
        Node(name="c")(Node(name="b")(Node(name="a")()))
    plan = compile_flow(flow)
    assert segments(plan) == [["a", "b", "c"]]
    assert plan.segment_of == (0, 0, 0)
    assert reasons(plan) == {}


def test_chained_maps_are_one_segment() -> None:
    with Flow("maps") as flow:
        source = Node(name="s")()
        three = Node(name="m3").map(Node(name="m2").map(Node(name="m1").map(source)))
        Node(name="total")(three)
    assert segments(compile_flow(flow)) == [["s"], ["m1", "m2", "m3"], ["total"]]


def test_known_values_beside_the_chain_do_not_break_it() -> None:
    with Flow("beside") as flow:
        parameter = Parameter("p")
        a = Node(name="a")(parameter)
        Node(name="b")(a, y=parameter)
    assert segments(compile_flow(flow)) == [["a", "b"]]


def test_unmapped_parameters_do_not_break_chained_maps() -> None:
    with Flow("beside") as flow:
        parameter = Parameter("p")
        m1 = Node(name="m1").map([1, 2], y=unmapped(parameter))
        Node(name="m2").map(m1, y=unmapped(parameter))
    assert segments(compile_flow(flow)) == [["m1", "m2"]]


def handler(task: Task, old: Any, new: Any) -> None:
    """A state handler that changes nothing."""


def _two_upstreams() -> None:
    Node(name="last")(Node(name="a")(), y=Node(name="b")())


def _shared_upstream() -> None:
    a = Node(name="a")()
    Node(name="last")(a)
    Node(name="other")(a)


def _handlers() -> None:
    Node(name="last", state_handlers=[handler]).map(Node(name="m").map([1, 2]))


def _reduce() -> None:
    Node(name="last")(Node(name="m").map([1, 2]))


def _map() -> None:
    Node(name="last").map(Node(name="a")())


def _flat() -> None:
    Node(name="last").map(flatten(Node(name="m").map([[1], [2]])))


def _flat_whole() -> None:
    Node(name="last")(flatten(Node(name="a")()))


def _second_map() -> None:
    Node(name="last").map(Node(name="m").map([1, 2]), y=[3, 4])


def _unmapped_map() -> None:
    m = Node(name="m").map([1, 2])
    Node(name="last").map([1, 2], y=unmapped(m))


def _resources() -> None:
    Node(name="last", tags=["dask-resource:GPU=1"])(Node(name="a")())


def _forbidden_here() -> None:
    Node(name="last", fuse=False)(Node(name="a")())


def _forbidden_upstream() -> None:
    Node(name="last")(Node(name="a", fuse=False)())


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (_two_upstreams, "it waits for more than one task"),
        (_shared_upstream, "another task waits for 'a' too"),
        (_handlers, "its state handlers may end the map before its elements start"),
        (_reduce, "one of the two is mapped, the other is not"),
        (_map, "one of the two is mapped, the other is not"),
        (_flat, "its edge is flattened"),
        (_flat_whole, "its edge is flattened"),
        (_second_map, "not all of its mapped values come from the same elements"),
        (_unmapped_map, "not all of its mapped values come from the same elements"),
        (_resources, "it asks for other workers, resources or another priority"),
        (_forbidden_here, "fuse=False"),
        (_forbidden_upstream, "fuse=False"),
    ],
)
def test_what_is_not_fused_says_why(build: Callable[[], None], reason: str) -> None:
    with Flow("not fused") as flow:
        build()
    plan = compile_flow(flow)
    assert ["last"] in segments(plan)
    assert reasons(plan)["last"] == reason


def test_a_root_needs_no_reason() -> None:
    with Flow("roots") as flow:
        Node(name="a")(), Node(name="b")(Parameter("p"))
    assert reasons(compile_flow(flow)) == {}


def test_same_resources_may_be_fused() -> None:
    tags = ["dask-resource:GPU=1"]
    with Flow("gpu") as flow:
        Node(name="b", tags=[*tags, "x"])(Node(name="a", tags=tags)())
    assert segments(compile_flow(flow)) == [["a", "b"]]


def test_a_given_state_in_the_middle_cuts_the_chain() -> None:
    with Flow("cut") as flow:
        b = Node(name="b")(Node(name="a")())
        Node(name="c")(b)
    assert segments(compile_flow(flow, known=[b])) == [["a"], ["c"]]


def test_fuse_is_chosen_by_argument_then_flow_then_configuration() -> None:
    def build(**settings: Any) -> Flow:
        with Flow("fuse", **settings) as flow:
            Node(name="b")(Node(name="a")())
        return flow

    fused, apart = [["a", "b"]], [["a"], ["b"]]
    with set_temporary_config({"engine.fuse": False}):
        assert segments(compile_flow(build())) == apart
        assert segments(compile_flow(build(fuse=True))) == fused
        assert segments(compile_flow(build(fuse=True), fuse=False)) == apart
    with set_temporary_config({"engine.fuse": True}):
        assert segments(compile_flow(build())) == fused
        assert segments(compile_flow(build(fuse=False))) == apart
        assert segments(compile_flow(build(fuse=False), fuse=True)) == fused


# cost


def _work_to_compile(count: int) -> int:
    """How many functions compiling a flow of many tasks calls: work that no clock measures."""

    @task
    def step(x: Any = None, y: Any = None) -> None:
        """Never run."""

    with Flow("large") as flow:
        source = step(1)
        for _ in range(count // 4):
            chained = step(source)
            step(chained, y=source)
            step.map(step.map(chained))
    calls = 0

    def count_calls(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(count_calls)
    try:
        plan = compile_flow(flow)
    finally:
        sys.setprofile(previous)
    assert len(plan.tasks) == len(flow.tasks)
    return calls


def test_the_work_of_compiling_is_linear() -> None:
    small, large = _work_to_compile(400), _work_to_compile(3200)
    assert large / small == pytest.approx(8, rel=0.25)


def test_the_size_of_a_plan_is_linear() -> None:
    def size(count: int) -> int:
        with Flow("large") as flow:
            source = Node(name="source")()
            for _ in range(count):
                Node(name="m2").map(Node(name="m1").map(source))
        return len(pickle.dumps(compile_flow(flow).segments))

    assert size(800) / size(100) == pytest.approx(8, rel=0.25)
