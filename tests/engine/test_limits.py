"""The turnstile: what waits for room, and what goes together."""

from __future__ import annotations

from prefectlite import Flow
from prefectlite.engine.events import Finished, GoesOn, Lost, Submit, Summary, Waiting
from prefectlite.engine.limits import Limits, Turnstile
from prefectlite.engine.plan import compile_flow
from tests.engine.machine import Node


def turnstile(limits: Limits, together: int = 1) -> Turnstile:
    with Flow("two maps") as flow:
        Node(name="first", tags=["db"]).map([1, 2, 3, 4, 5])
        Node(name="second").map([1, 2, 3, 4, 5])
    return Turnstile(compile_flow(flow), limits, lambda segment, waiting: min(together, waiting))


def finished(element: int, attempt: int = 1) -> Finished:
    return Finished(0, element, attempt, (Summary(),))


def elements(submits: list[Submit]) -> list[tuple[int, list[int]]]:
    return [(submit.segment, list(submit.elements)) for submit in submits]


def test_batches_take_one_place_until_all_their_elements_are_back() -> None:
    gate = turnstile(Limits({"db": 1}), together=2)
    assert elements(gate.take([Submit(0, range(5)), Submit(1, range(5))])) == [
        (1, [0, 1, 2, 3, 4]),
        (0, [0, 1]),
    ]
    gate.over(finished(0))
    assert gate.take([]) == []
    gate.over(finished(1))
    assert elements(gate.take([])) == [(0, [2, 3])]
    gate.check()


def test_answers_of_earlier_attempts_and_of_nobody_free_no_place() -> None:
    gate = turnstile(Limits({}, max_in_flight=1))
    assert elements(gate.take([Submit(0, (0,)), Submit(0, (1,))])) == [(0, [0])]
    gate.over(Waiting(0, 0, 1, 0, due=1.0))
    assert elements(gate.take([Submit(0, (0,), attempt=2)])) == [(0, [1])]
    gate.over(finished(1))
    assert elements(gate.take([])) == [(0, [0])]
    gate.over(finished(0, attempt=1))
    gate.over(finished(4))
    assert gate.take([Submit(1, (0,))]) == []
    gate.over(finished(0, attempt=2))
    assert elements(gate.take([])) == [(1, [0])]
    gate.check()


def test_what_is_submitted_again_at_once_keeps_its_place() -> None:
    # or it waits for those that took the place, and that wait until it has been tried alone
    gate = turnstile(Limits({}, max_in_flight=1))
    assert elements(gate.take([Submit(0, (0, 1))])) == [(0, [0])]
    gate.over(Lost(0, 0, 1))
    assert elements(gate.take([Submit(0, (0,), attempt=2)])) == [(0, [0])]
    gate.over(GoesOn(0, 0, 2, 1))
    gate.check()
    assert elements(gate.take([Submit(0, (0,), link=1, attempt=3)])) == [(0, [0])]
    gate.over(finished(0, attempt=3))
    assert elements(gate.take([])) == [(0, [1])]
    gate.check()


def test_of_a_batch_that_is_lost_the_last_one_keeps_the_place() -> None:
    gate = turnstile(Limits({}, max_in_flight=1), together=2)
    assert elements(gate.take([Submit(0, range(4))])) == [(0, [0, 1])]
    gate.over(Lost(0, 0, 1))
    assert gate.take([Submit(0, (0,), attempt=2)]) == []
    gate.over(Lost(0, 1, 1))
    assert elements(gate.take([Submit(0, (1,), attempt=2)])) == [(0, [1])]
    gate.over(finished(1, attempt=2))
    assert elements(gate.take([])) == [(0, [2, 3])]
    gate.check()
