"""The run state machine: retries, deferrals, losses, late answers, cancelling and releases."""

from __future__ import annotations

import dataclasses

import pytest

from prefectlite import (
    Flow,
    flatten,
    unmapped,
)
from prefectlite.engine.events import (
    UNMAPPABLE,
    Cancelled,
    Deferred,
    EndParent,
    Event,
    Expand,
    Finish,
    GoesOn,
    Lost,
    Release,
    Started,
    StartTimer,
    Submit,
    Summary,
    TimerDue,
    Waiting,
)
from prefectlite.engine.messages import (
    UNMAPPABLE_RESULT,
)
from tests.engine.machine import (
    OF_THREE,
    OF_TWO,
    MakeMachine,
    Node,
    all_done,
    chain,
    done,
    mapping_flow,
    released,
)

# retries


def test_a_waiting_run_is_due_by_a_timer(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"))
    a = run["a"]
    run(Started())
    assert run(Waiting(a, 0, 1, 0, due=17.5)) == [StartTimer(a, 0, 17.5)]
    assert run(TimerDue(a, 0)) == [Submit(a, (0,), attempt=2)]
    assert run(done(a, attempt=2)) == [Submit(run["b"], (0,))]


def test_a_second_retry_has_the_third_number(machine: MakeMachine) -> None:
    run = machine(chain("a"))
    a = run["a"]
    run(Started(), Waiting(a, 0, 1, 0, due=1.0), TimerDue(a, 0))
    assert run(Waiting(a, 0, 2, 0, due=2.0)) == [StartTimer(a, 0, 2.0)]
    assert run(TimerDue(a, 0)) == [Submit(a, (0,), attempt=3)]
    assert run(done(a, attempt=3)) == [Finish()]


def test_a_fused_segment_goes_on_where_it_came_to_rest(machine: MakeMachine) -> None:
    run = machine(chain("a", "b", "c"), fuse=True)
    assert run(Started()) == [Submit(0, (0,))]
    run(Waiting(0, 0, 1, 2, due=3.0))
    assert run(TimerDue(0, 0)) == [Submit(0, (0,), link=2, attempt=2)]
    assert run(done(0, attempt=2)) == [Finish()]


@pytest.mark.parametrize("waits_for_timers", [True, False])
def test_a_fused_segment_that_is_run_one_by_one_needs_no_timer(
    machine: MakeMachine, waits_for_timers: bool
) -> None:
    run = machine(chain("a", "b", "c"), fuse=True, waits_for_timers=waits_for_timers)
    run(Started())
    assert run(GoesOn(0, 0, 1, 1)) == [Submit(0, (0,), link=1, attempt=2)]
    assert run(GoesOn(0, 0, 1, 2)) == []
    assert run(done(0, attempt=2)) == [Finish()]


def test_a_retrying_element_holds_up_only_what_needs_it(machine: MakeMachine) -> None:
    run = machine(mapping_flow())
    first, second, total = run["first"], run["second"], run["total"]
    run(Started(), done(run["source"], summary=OF_TWO))
    assert run(Waiting(first, 0, 1, 0, due=9.0)) == [StartTimer(first, 0, 9.0)]
    assert run(done(first, 1)) == [Submit(second, (1,))]
    assert run(done(second, 1)) == []
    assert run(TimerDue(first, 0)) == [Submit(first, (0,), attempt=2)]
    assert run(done(first, 0, attempt=2)) == [Submit(second, (0,))]
    assert run(done(second, 0)) == [Submit(total, (0,))]


def test_a_timer_that_is_due_twice_submits_once(machine: MakeMachine) -> None:
    run = machine(chain("a"))
    run(Started(), Waiting(0, 0, 1, 0, due=1.0), TimerDue(0, 0))
    assert run(TimerDue(0, 0)) == []


def test_without_waiting_for_timers_the_run_ends_with_what_rests(machine: MakeMachine) -> None:
    with Flow("two") as flow:
        Node(name="retries")(), Node(name="runs")()
    run = machine(flow, waits_for_timers=False)
    run(Started())
    assert run(Waiting(run["retries"], 0, 1, 0, due=5.0)) == []
    assert run(done(run["runs"])) == [Finish()]


def test_what_is_paused_ends_the_run_when_nothing_else_is_left(machine: MakeMachine) -> None:
    with Flow("two") as flow:
        paused, other = Node(name="paused")(), Node(name="other")()
        Node(name="after")(paused)
    assert other is not None
    run = machine(flow)
    run(Started())
    assert run(Waiting(run["paused"], 0, 1, 0, due=None)) == []
    assert run(done(run["other"])) == [Finish()]


# executors that take runs whose upstreams were only submitted


def test_submitted_ahead_a_chain_goes_out_at_once(machine: MakeMachine) -> None:
    run = machine(chain("a", "b", "c"), submit_ahead=True)
    assert run(Started()) == [Submit(run[name], (0,)) for name in "abc"]
    assert run(done(run["c"]), done(run["a"])) == []
    assert run(done(run["b"])) == [Finish()]


def test_submitted_ahead_a_map_needs_only_the_length(machine: MakeMachine) -> None:
    run = machine(mapping_flow(), submit_ahead=True)
    assert run(Started()) == [Submit(run["source"], (0,))]
    assert run(done(run["source"], summary=OF_TWO)) == [
        Expand(run.task("first"), 2),
        Expand(run.task("second"), 2),
        Submit(run["first"], (0, 1)),
        Submit(run["second"], (0, 1)),
        Submit(run["total"], (0,)),
    ]


def test_submitted_ahead_a_flat_map_still_needs_the_lengths(machine: MakeMachine) -> None:
    with Flow("flat") as flow:
        first = Node(name="first").map(Node(name="source")())
        Node(name="total")(Node(name="second").map(flatten(first)))
    run = machine(flow, submit_ahead=True)
    run(Started(), done(run["source"], summary=OF_TWO))
    assert run(done(run["first"], 1, OF_TWO)) == []
    assert run(done(run["first"], 0, Summary(length=1))) == [
        Expand(run.task("second"), 3),
        Submit(run["second"], (0, 1, 2)),
        Submit(run["total"], (0,)),
    ]


def test_a_shared_map_is_waited_for_even_where_runs_go_ahead(machine: MakeMachine) -> None:
    with Flow("shared map") as flow:
        source = Node(name="source")()
        first = Node(name="first").map(source)
        Node(name="second").map(source, y=unmapped(first))
    run = machine(flow, submit_ahead=True)
    run(Started())
    out = run(done(run["source"], summary=OF_TWO))
    submits = [each for each in out if isinstance(each, Submit)]
    assert submits == [Submit(run["first"], (0, 1))]
    assert run(done(run["first"], 0)) == []
    assert Submit(run["second"], (0, 1)) in run(done(run["first"], 1))


def test_a_deferred_run_waits_for_its_upstream(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"), submit_ahead=True)
    a, b = run["a"], run["b"]
    run(Started())
    assert run(Waiting(a, 0, 1, 0, due=4.0)) == [StartTimer(a, 0, 4.0)]
    assert run(Deferred(b, 0, 1, 0)) == []
    assert run(TimerDue(a, 0)) == [Submit(a, (0,), attempt=2)]
    assert run(done(a, attempt=2)) == [Submit(b, (0,), attempt=2)]
    assert run(done(b, attempt=2)) == [Finish()]


def test_a_run_deferred_after_its_upstream_finished_goes_out_again(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"), submit_ahead=True)
    a, b = run["a"], run["b"]
    run(Started(), Waiting(a, 0, 1, 0, due=4.0), TimerDue(a, 0), done(a, attempt=2))
    assert run(Deferred(b, 0, 1, 0)) == [Submit(b, (0,), attempt=2)]


def test_deferred_runs_of_a_chain_wake_one_after_the_other(machine: MakeMachine) -> None:
    run = machine(chain("a", "b", "c"), submit_ahead=True)
    a, b, c = run["a"], run["b"], run["c"]
    run(Started(), Waiting(a, 0, 1, 0, due=4.0), Deferred(c, 0, 1, 0), Deferred(b, 0, 1, 0))
    run(TimerDue(a, 0))
    assert run(done(a, attempt=2)) == [Submit(b, (0,), attempt=2)]
    assert run(done(b, attempt=2)) == [Submit(c, (0,), attempt=2)]
    assert run(done(c, attempt=2)) == [Finish()]


def test_a_deferred_reduce_waits_for_every_element_that_is_missing(machine: MakeMachine) -> None:
    with Flow("reduce") as flow:
        Node(name="total")(Node(name="each").map(Node(name="source")()))
    run = machine(flow, submit_ahead=True)
    each, total = run["each"], run["total"]
    run(Started(), done(run["source"], summary=OF_THREE), done(each, 0))
    run(Waiting(each, 1, 1, 0, due=1.0), Waiting(each, 2, 1, 0, due=1.0))
    assert run(Deferred(total, 0, 1, 0)) == []
    run(TimerDue(each, 1), TimerDue(each, 2))
    assert run(done(each, 2, attempt=2)) == []
    assert run(done(each, 1, attempt=2)) == [Submit(total, (0,), attempt=2)]


def test_a_deferred_element_waits_for_its_own_upstream_only(machine: MakeMachine) -> None:
    run = machine(mapping_flow(), submit_ahead=True)
    first, second = run["first"], run["second"]
    run(Started(), done(run["source"], summary=OF_TWO))
    run(Waiting(first, 0, 1, 0, due=1.0), Deferred(second, 0, 1, 0))
    assert run(done(first, 1)) == []
    run(TimerDue(first, 0))
    assert run(done(first, 0, attempt=2)) == [Submit(second, (0,), attempt=2)]


def test_a_paused_upstream_leaves_what_is_deferred_and_ends_the_run(
    machine: MakeMachine,
) -> None:
    run = machine(chain("a", "b"), submit_ahead=True)
    run(Started(), Waiting(run["a"], 0, 1, 0, due=None))
    assert run(Deferred(run["b"], 0, 1, 0)) == [Finish()]


# lost submissions and late answers


def test_a_lost_submission_is_sent_again(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"))
    a = run["a"]
    run(Started())
    assert run(Lost(a, 0, 1)) == [Submit(a, (0,), attempt=2)]
    assert run.state.attempt(a, 0) == 2
    assert run(done(a, attempt=2)) == [Submit(run["b"], (0,))]


def test_a_lost_submission_goes_on_from_the_link_it_had_reached(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"), fuse=True)
    run(Started(), Waiting(0, 0, 1, 1, due=1.0), TimerDue(0, 0))
    assert run(Lost(0, 0, 2)) == [Submit(0, (0,), link=1, attempt=3)]


@pytest.mark.parametrize(
    "late", [done(0), Waiting(0, 0, 1, 0, 1.0), Deferred(0, 0, 1, 0), Lost(0, 0, 1)]
)
def test_late_answers_of_an_old_attempt_are_dropped(machine: MakeMachine, late: Event) -> None:
    run = machine(chain("a"))
    run(Started(), Lost(0, 0, 1))
    assert run(late) == []
    assert run(done(0, attempt=2)) == [Finish()]


@pytest.mark.parametrize(
    "second", [done(0), Waiting(0, 0, 1, 0, 1.0), Deferred(0, 0, 1, 0), Lost(0, 0, 1)]
)
def test_a_second_answer_of_the_same_attempt_is_dropped(
    machine: MakeMachine, second: Event
) -> None:
    run = machine(chain("a", "b"))
    run(Started(), done(run["a"]))
    assert run(dataclasses.replace(second, segment=run["a"])) == []


def test_an_answer_while_the_run_rests_is_dropped(machine: MakeMachine) -> None:
    run = machine(chain("a"))
    run(Started(), Waiting(0, 0, 1, 0, due=5.0))
    assert run(done(0)) == []
    assert run(TimerDue(0, 0)) == [Submit(0, (0,), attempt=2)]


# cancelled


def test_cancelled_nothing_more_is_submitted(machine: MakeMachine) -> None:
    run = machine(mapping_flow())
    run(Started(), done(run["source"], summary=OF_TWO))
    assert run(Cancelled()) == []
    assert run(done(run["first"], 0)) == []
    assert run(done(run["first"], 1)) == [Finish()]


def test_cancelled_a_lost_submission_is_not_sent_again(machine: MakeMachine) -> None:
    run = machine(chain("a"))
    run(Started(), Cancelled())
    assert run(Lost(0, 0, 1)) == [Finish()]


def test_cancelled_a_retry_is_not_submitted(machine: MakeMachine) -> None:
    run = machine(chain("a"))
    run(Started(), Waiting(0, 0, 1, 0, due=5.0), Cancelled())
    assert run(TimerDue(0, 0)) == [Finish()]
    assert run(TimerDue(0, 0)) == []


def test_cancelled_before_the_start_nothing_runs(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"))
    assert run(Cancelled()) == [Finish()]
    assert run(Started()) == []


# releases


def test_a_run_is_released_when_its_last_reader_has_finished(machine: MakeMachine) -> None:
    run = machine(chain("a", "b", "c"), releases=True)
    a, b = run["a"], run["b"]
    run(Started())
    assert Release(a, (0,)) not in run(done(a))
    assert Release(a, (0,)) in run(done(b))


def test_elements_are_released_one_by_one(machine: MakeMachine) -> None:
    run = machine(mapping_flow(), releases=True)
    first, second, total = run["first"], run["second"], run["total"]
    run(Started(), done(run["source"], summary=OF_TWO))
    run(*all_done(first, 2))
    assert run(done(second, 1)) == [Release(first, (1,))]
    assert Release(first, (0,)) in run(done(second, 0))
    assert Release(second, (0, 1)) in run(done(total))


def test_a_source_is_kept_until_its_last_element_has_read_it(machine: MakeMachine) -> None:
    with Flow("source") as flow:
        Node(name="each").map(Node(name="source")())
    run = machine(flow, releases=True)
    source, each = run["source"], run["each"]
    run(Started(), done(source, summary=OF_TWO))
    assert Release(source, (0,)) not in run(done(each, 0))
    assert Release(source, (0,)) in run(done(each, 1))


def test_two_readers_have_to_finish_before_a_run_is_released(machine: MakeMachine) -> None:
    with Flow("fan") as flow:
        one = Node(name="one")()
        Node(name="left")(one)
        Node(name="right")(one)
    run = machine(flow, releases=True)
    run(Started(), done(run["one"]))
    assert Release(run["one"], (0,)) not in run(done(run["right"]))
    assert Release(run["one"], (0,)) in run(done(run["left"]))


def test_a_retrying_reader_keeps_what_it_reads(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"), releases=True)
    a, b = run["a"], run["b"]
    run(Started(), done(a))
    assert run(Waiting(b, 0, 1, 0, due=3.0)) == [StartTimer(b, 0, 3.0)]
    assert Release(a, (0,)) not in run(TimerDue(b, 0))
    assert Release(a, (0,)) in run(done(b, attempt=2))


def test_elements_that_a_shorter_map_leaves_out_are_released(machine: MakeMachine) -> None:
    with Flow("zip") as flow:
        first = Node(name="first").map(Node(name="long")())
        Node(name="second").map(first, y=Node(name="short")())
    run = machine(flow, releases=True)
    run(Started(), done(run["short"], summary=Summary(length=1)))
    run(done(run["long"], summary=OF_THREE))
    assert released(run(*all_done(run["first"], 3)), run["first"]) == [1, 2]


def test_a_map_that_ended_reads_nothing_of_its_upstreams(machine: MakeMachine) -> None:
    with Flow("ended") as flow:
        first = Node(name="first").map(Node(name="source")())
        Node(name="second").map(first, y=Node(name="broken")())
    run = machine(flow, releases=True)
    run(Started(), done(run["broken"], summary=Summary(length=UNMAPPABLE)))
    out = run(done(run["source"], summary=OF_TWO))
    assert EndParent(run.task("second"), False, UNMAPPABLE_RESULT) in out
    out = run(*all_done(run["first"], 2))
    assert released(out, run["first"]) == [0, 1]
    assert out[-1] == Finish()


def test_without_releases_none_are_made(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"))
    out = run(Started(), done(run["a"]), done(run["b"]))
    assert not [each for each in out if isinstance(each, Release)]


# the check itself


def test_the_check_finds_a_counter_that_is_off(machine: MakeMachine) -> None:
    run = machine(chain("a"))
    run(Started())
    run.state.runs[0].unfinished = 0
    with pytest.raises(AssertionError, match="unfinished"):
        run.state.check()
    run.state.runs[0].unfinished = 1


def test_the_check_finds_a_run_that_ended_too_early(machine: MakeMachine) -> None:
    run = machine(chain("a", "b"))
    run(Started())
    run.state.finished = True
    with pytest.raises(AssertionError, match="finished with runs submitted"):
        run.state.check()
    run.state.finished = False
