"""The run state machine: what each kind of link waits for, and how maps expand or end."""

from __future__ import annotations

import pytest

from prefectlite import (
    Flow,
    flatten,
    mapped,
    unmapped,
)
from prefectlite.engine.events import (
    UNMAPPABLE,
    Cancelled,
    Confirmed,
    EndParent,
    Expand,
    Finish,
    Started,
    Submit,
    Summary,
)
from prefectlite.engine.messages import (
    NOTHING_TO_MAP,
    SKIPPED_UPSTREAM,
    UNMAPPABLE_RESULT,
)
from prefectlite.engine.plan import (
    Link,
)
from tests.engine.machine import (
    FAILED,
    OF_THREE,
    OF_TWO,
    SKIPPED,
    MakeMachine,
    Node,
    chain,
    done,
    mapping_flow,
)

# each kind of link


def test_an_empty_plan_is_finished_at_once(machine: MakeMachine) -> None:
    run = machine(Flow("empty"))
    assert run(Started()) == [Finish()]
    assert run(Cancelled()) == []


def test_plain_waits_for_one_run(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"))
    a, b = run["a"], run["b"]
    assert run.links("a", "b") == [Link.PLAIN]
    assert run(Started()) == [Submit(a, (0,))]
    assert run(done(a)) == [Submit(b, (0,))]
    assert run(done(b)) == [Finish()]


def test_a_failed_upstream_opens_what_waits_for_it(machine: MakeMachine) -> None:
    # whether it runs is for its trigger to say, not for this machine
    run = machine(chain("a", "b"))
    run(Started())
    assert run(done(run["a"], summary=FAILED)) == [Submit(run["b"], (0,))]


def test_plain_waits_for_all_of_its_upstreams(machine: MakeMachine) -> None:
    with Flow("join") as flow:
        one, two = Node(name="one")(), Node(name="two")()
        Node(name="join")(one, y=two)
    run = machine(flow)
    assert run(Started()) == [Submit(run["one"], (0,)), Submit(run["two"], (0,))]
    assert run(done(run["two"])) == []
    assert run(done(run["one"])) == [Submit(run["join"], (0,))]


def test_two_edges_between_the_same_tasks_are_one_dependency(machine: MakeMachine) -> None:
    with Flow("twice") as flow:
        one = Node(name="one")()
        Node(name="both")(one, y=one)
    run = machine(flow)
    run(Started())
    assert run(done(run["one"])) == [Submit(run["both"], (0,))]


def test_item_expands_once_the_length_is_known(machine: MakeMachine) -> None:
    run = machine(mapping_flow(reduce=False))
    source, first = run["source"], run["first"]
    assert run.links("source", "first") == [Link.ITEM]
    assert run(Started()) == [Submit(source, (0,))]
    assert run(done(source, summary=OF_THREE)) == [
        Expand(run.task("first"), 3),
        Expand(run.task("second"), 3),
        Submit(first, (0, 1, 2)),
    ]


def test_element_goes_on_without_its_siblings(machine: MakeMachine) -> None:
    run = machine(mapping_flow())
    first, second, total = run["first"], run["second"], run["total"]
    assert run.links("first", "second") == [Link.ELEMENT]
    run(Started(), done(run["source"], summary=OF_THREE))
    assert run(done(first, 1)) == [Submit(second, (1,))]
    assert run(done(second, 1)) == []
    assert run(done(first, 0), done(first, 2)) == [Submit(second, (0,)), Submit(second, (2,))]
    assert run(done(second, 2)) == []
    assert run(done(second, 0)) == [Submit(total, (0,))]
    assert run(done(total)) == [Finish()]


def test_reduce_waits_for_all_elements(machine: MakeMachine) -> None:
    with Flow("reduce") as flow:
        source = Node(name="source")()
        Node(name="total")(Node(name="each").map(source))
    run = machine(flow)
    assert run.links("each", "total") == [Link.REDUCE]
    run(Started(), done(run["source"], summary=OF_TWO))
    assert run(done(run["each"], 1)) == []
    assert run(done(run["each"], 0, FAILED)) == [Submit(run["total"], (0,))]


def test_shared_elements_wait_for_the_one_run(machine: MakeMachine) -> None:
    with Flow("shared") as flow:
        source, other = Node(name="source")(), Node(name="other")()
        Node(name="each").map(source, y=unmapped(other))
    run = machine(flow)
    assert run.links("other", "each") == [Link.SHARED]
    run(Started())
    assert run(done(run["source"], summary=OF_TWO)) == []
    assert run(done(run["other"])) == [
        Expand(run.task("each"), 2),
        Submit(run["each"], (0, 1)),
    ]


def test_shared_map_waits_for_every_element_upstream(machine: MakeMachine) -> None:
    with Flow("shared map") as flow:
        source = Node(name="source")()
        first = Node(name="first").map(source)
        Node(name="second").map(source, y=unmapped(first))
    run = machine(flow)
    first_, second = run["first"], run["second"]
    assert run.links("first", "second") == [Link.SHARED_MAP]
    run(Started())
    assert Submit(first_, (0, 1)) in run(done(run["source"], summary=OF_TWO))
    assert run(done(first_, 0)) == []
    # only now is it known that no element was skipped, which would skip the whole of the second
    assert run(done(first_, 1)) == [Expand(run.task("second"), 2), Submit(second, (0, 1))]


def test_a_skipped_element_skips_a_map_that_all_elements_are_passed_to(
    machine: MakeMachine,
) -> None:
    with Flow("shared map") as flow:
        source = Node(name="source")()
        first = Node(name="first").map(source)
        Node(name="second").map(source, y=unmapped(first))
    run = machine(flow)
    run(Started(), done(run["source"], summary=OF_TWO), done(run["first"], 0, SKIPPED))
    assert run(done(run["first"], 1))[0] == EndParent(run.task("second"), True, SKIPPED_UPSTREAM)


def test_flat_needs_the_lengths_of_all_elements(machine: MakeMachine) -> None:
    with Flow("flat") as flow:
        source = Node(name="source")()
        first = Node(name="first").map(source)
        Node(name="second").map(flatten(first))
    run = machine(flow)
    first_, second = run["first"], run["second"]
    assert run.links("first", "second") == [Link.FLAT]
    run(Started(), done(run["source"], summary=OF_THREE))
    assert run(done(first_, 0, OF_TWO), done(first_, 2, Summary(length=0))) == []
    assert run(done(first_, 1, OF_THREE)) == [
        Expand(run.task("second"), 5),
        Submit(second, (0, 1, 2, 3, 4)),
    ]


@pytest.mark.parametrize("odd", [FAILED, SKIPPED, Summary(length=UNMAPPABLE)])
def test_an_element_without_items_is_one_item_of_a_flat_map(
    machine: MakeMachine, odd: Summary
) -> None:
    with Flow("flat") as flow:
        first = Node(name="first").map(Node(name="source")())
        Node(name="second").map(flatten(first))
    run = machine(flow)
    run(Started(), done(run["source"], summary=OF_TWO), done(run["first"], 0, odd))
    assert run(done(run["first"], 1, OF_TWO)) == [
        Expand(run.task("second"), 3),
        Submit(run["second"], (0, 1, 2)),
    ]


def test_a_flattened_plain_result_uses_its_own_length(machine: MakeMachine) -> None:
    with Flow("flat") as flow:
        Node(name="each").map(flatten(Node(name="source")()))
    run = machine(flow)
    run(Started())
    summary = Summary(length=2, flat_length=7)
    assert run(done(run["source"], summary=summary))[0] == Expand(run.task("each"), 7)


# how many elements there are


def test_the_shortest_ends_the_map(machine: MakeMachine) -> None:
    with Flow("zip") as flow:
        Node(name="each").map(Node(name="long")(), y=Node(name="short")())
    run = machine(flow)
    run(Started(), done(run["long"], summary=OF_THREE))
    assert run(done(run["short"], summary=OF_TWO)) == [
        Expand(run.task("each"), 2),
        Submit(run["each"], (0, 1)),
    ]


def test_elements_that_a_shorter_map_does_not_reach_open_nothing(machine: MakeMachine) -> None:
    with Flow("zip") as flow:
        first = Node(name="first").map(Node(name="long")())
        Node(name="second").map(first, y=Node(name="short")())
    run = machine(flow)
    first_, second = run["first"], run["second"]
    run(Started(), done(run["short"], summary=Summary(length=1)))
    run(done(run["long"], summary=OF_THREE))
    assert run(done(first_, 2), done(first_, 1)) == []
    assert run(done(first_, 0)) == [Submit(second, (0,))]
    assert run(done(second, 0)) == [Finish()]


def test_a_map_that_opens_late_takes_what_is_ready(machine: MakeMachine) -> None:
    with Flow("late") as flow:
        first = Node(name="first").map(Node(name="source")())
        Node(name="second").map(first, y=unmapped(Node(name="slow")()))
    run = machine(flow)
    first_, second = run["first"], run["second"]
    run(Started(), done(run["source"], summary=OF_THREE), done(first_, 1))
    assert run(done(run["slow"])) == [Expand(run.task("second"), 3), Submit(second, (1,))]
    assert run(done(first_, 2)) == [Submit(second, (2,))]


def test_a_map_over_nothing_reduces_at_once(machine: MakeMachine) -> None:
    run = machine(mapping_flow())
    run(Started())
    assert run(done(run["source"], summary=Summary(length=0))) == [
        Expand(run.task("first"), 0),
        Expand(run.task("second"), 0),
        Submit(run["total"], (0,)),
    ]
    assert run(done(run["total"])) == [Finish()]


def test_known_lengths_expand_at_the_start(machine: MakeMachine) -> None:
    source = Node(name="source")
    with Flow("known") as flow:
        flow.add_task(source)
        Node(name="each").map(source)
    run = machine(flow, known={source: OF_TWO})
    assert run(Started()) == [Expand(run.task("each"), 2), Submit(run["each"], (0, 1))]


def test_a_map_over_one_element_lists_of_a_parameter_like_list(machine: MakeMachine) -> None:
    with Flow("list") as flow:
        Node(name="each").map(mapped(Node(name="source")()))
    run = machine(flow)
    run(Started())
    assert run(done(run["source"], summary=Summary(length=1)))[0] == Expand(run.task("each"), 1)


# parents that end without elements


@pytest.mark.parametrize(
    ("summary", "skipped", "reason"),
    [
        (Summary(length=UNMAPPABLE), False, UNMAPPABLE_RESULT),
        (FAILED, False, NOTHING_TO_MAP),
        (SKIPPED, True, SKIPPED_UPSTREAM),
    ],
)
def test_a_parent_that_cannot_expand_ends_and_opens_what_follows(
    machine: MakeMachine, summary: Summary, skipped: bool, reason: str
) -> None:
    with Flow("ended") as flow:
        each = Node(name="each").map(Node(name="source")())
        Node(name="total")(each)
    run = machine(flow)
    run(Started())
    assert run(done(run["source"], summary=summary)) == [
        EndParent(run.task("each"), skipped, reason),
        Submit(run["total"], (0,)),
    ]


def test_an_ended_parent_ends_the_maps_over_it(machine: MakeMachine) -> None:
    run = machine(mapping_flow())
    run(Started())
    assert run(done(run["source"], summary=FAILED)) == [
        EndParent(run.task("first"), False, NOTHING_TO_MAP),
        EndParent(run.task("second"), False, NOTHING_TO_MAP),
        Submit(run["total"], (0,)),
    ]


def test_a_failed_upstream_is_passed_over_where_another_can_be_mapped(
    machine: MakeMachine,
) -> None:
    with Flow("beside") as flow:
        Node(name="each").map(Node(name="one")(), y=Node(name="two")())
    run = machine(flow)
    run(Started(), done(run["one"], summary=FAILED))
    assert run(done(run["two"], summary=OF_TWO))[0] == Expand(run.task("each"), 2)


def test_skips_do_not_end_a_map_that_does_not_mind(machine: MakeMachine) -> None:
    with Flow("minds not") as flow:
        Node(name="each", skip_on_upstream_skip=False).map(
            Node(name="one")(), y=unmapped(Node(name="two")())
        )
    run = machine(flow)
    run(Started(), done(run["two"], summary=SKIPPED))
    assert run(done(run["one"], summary=OF_TWO))[0] == Expand(run.task("each"), 2)


# confirmed expansions


def handled_map() -> Flow:
    with Flow("handled") as flow:
        each = Node(name="each", state_handlers=[lambda task, old, new: None]).map(
            Node(name="source")()
        )
        Node(name="total")(Node(name="next").map(each))
    return flow


def test_elements_wait_for_the_handlers_of_their_parent(machine: MakeMachine) -> None:
    run = machine(handled_map())
    each = run["each"]
    run(Started())
    assert run(done(run["source"], summary=OF_TWO)) == [Expand(run.task("each"), 2, confirm=True)]
    assert run(Confirmed(each, None)) == [Expand(run.task("next"), 2), Submit(each, (0, 1))]


def test_handlers_may_end_a_map_before_its_elements(machine: MakeMachine) -> None:
    run = machine(handled_map())
    run(Started(), done(run["source"], summary=OF_TWO))
    ended = Summary(successful=False, length=UNMAPPABLE)
    assert run(Confirmed(run["each"], ended)) == [
        EndParent(run.task("next"), False, NOTHING_TO_MAP),
        Submit(run["total"], (0,)),
    ]
    assert run(done(run["total"])) == [Finish()]


def test_handlers_may_skip_a_map(machine: MakeMachine) -> None:
    run = machine(handled_map())
    run(Started(), done(run["source"], summary=OF_TWO))
    ended = Summary(skipped=True, length=UNMAPPABLE)
    assert EndParent(run.task("next"), True, SKIPPED_UPSTREAM) in run(Confirmed(run["each"], ended))


def test_a_map_over_nothing_is_confirmed_too(machine: MakeMachine) -> None:
    run = machine(handled_map())
    run(Started())
    assert run(done(run["source"], summary=Summary(length=0))) == [
        Expand(run.task("each"), 0, confirm=True)
    ]
    assert run(Confirmed(run["each"], None)) == [
        Expand(run.task("next"), 0),
        Submit(run["total"], (0,)),
    ]
