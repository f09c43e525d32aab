"""How many elements a future carries, and that all of them are sent, once, and not too many."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from prefectlite.engine.launchers.batches import (
    LEAST_SECONDS,
    MOST_IN_BATCH,
    TARGET_SECONDS,
    WINDOW,
    ElementQueue,
    next_batch_size,
)


def test_one_by_one_unless_it_is_asked_for() -> None:
    assert next_batch_size(None, waiting=500, slots=2, seconds=0.001) == 1


@pytest.mark.parametrize(("waiting", "size"), [(500, 40), (40, 40), (7, 7)])
def test_a_number_is_the_size_until_few_are_left(waiting: int, size: int) -> None:
    assert next_batch_size(40, waiting, slots=2, seconds=None) == size


def test_auto_begins_with_single_elements() -> None:
    assert next_batch_size("auto", waiting=10_000, slots=2, seconds=None) == 1


@pytest.mark.parametrize(
    ("seconds", "size"),
    [(0.00001, MOST_IN_BATCH), (0.001, 200), (0.01, 20), (0.15, 1), (0.3, 1), (60.0, 1)],
)
def test_auto_aims_at_a_fifth_of_a_second(seconds: float, size: int) -> None:
    assert next_batch_size("auto", waiting=100_000, slots=2, seconds=seconds) == size


def test_auto_gets_smaller_towards_the_end() -> None:
    sizes = [next_batch_size("auto", waiting, slots=4, seconds=0.005) for waiting in (800, 80, 8)]
    # 40 aim at 0.2 s; 80 are shared out two for each slot; fewer than 10 ms' worth are not split
    assert sizes == [40, 10, 2]


def test_auto_does_not_split_what_is_cheaper_than_a_future() -> None:
    assert next_batch_size("auto", waiting=300, slots=2, seconds=0.00001) == 300


@given(
    waiting=strategies.integers(1, 10**6),
    slots=strategies.integers(1, 1000),
    seconds=strategies.none() | strategies.floats(0, 100),
    batch_size=strategies.none() | strategies.integers(1, 5000) | strategies.just("auto"),
)
def test_a_size_is_never_less_than_one_nor_more_than_there_are(
    waiting: int, slots: int, seconds: float | None, batch_size: Any
) -> None:
    size = next_batch_size(batch_size, waiting, slots, seconds)
    assert 1 <= size <= waiting
    if batch_size == "auto" and seconds is not None:
        assert size == 1 or size * seconds <= max(TARGET_SECONDS, LEAST_SECONDS)


@given(
    data=strategies.data(),
    count=strategies.integers(1, 400),
    slots=strategies.integers(1, 8),
    batch_size=strategies.none() | strategies.integers(1, 50) | strategies.just("auto"),
)
@settings(deadline=None)
def test_all_elements_are_sent_once_and_never_more_futures_than_allowed(
    data: Any, count: int, slots: int, batch_size: Any
) -> None:
    queue = ElementQueue(batch_size)
    waiting = deque(range(count))
    flying: list[list[int]] = []
    sent: list[int] = []
    while waiting or flying or len(sent) < count:
        if waiting:
            # elements come bit by bit, as those upstream finish
            take = data.draw(strategies.integers(1, len(waiting)))
            queue.put([waiting.popleft() for _ in range(take)])
        for batch in queue.take(slots):
            flying.append(batch)
            sent.extend(batch)
        if batch_size == "auto":
            assert len(flying) <= 2 * slots + 1
        assert sum(map(len, flying)) <= max(WINDOW, 4 * slots * 50) + 50
        if flying:
            # a future comes back, or its elements are lost one by one: in any order, any duration
            done = flying.pop(data.draw(strategies.integers(0, len(flying) - 1)))
            if data.draw(strategies.booleans()):
                queue.measured(len(done), data.draw(strategies.floats(0, 2)))
            for element in done:
                queue.is_over(element)
    assert sorted(sent) == list(range(count))
    assert queue.take(slots) == []


def test_a_lost_element_may_be_told_of_twice() -> None:
    queue = ElementQueue(2)
    queue.put([0, 1])
    assert queue.take(1) == [[0, 1]]
    for element in (0, 0, 1, 1):
        queue.is_over(element)
    queue.put([2])
    assert queue.take(1) == [[2]]


def test_single_futures_stop_at_the_window() -> None:
    queue = ElementQueue(None)
    queue.put(range(WINDOW + 100))
    assert len(queue.take(2)) == WINDOW
    assert queue.take(2) == []
    queue.is_over(0)
    assert queue.take(2) == [[WINDOW]]


def test_nothing_is_sent_after_clear() -> None:
    queue = ElementQueue("auto")
    queue.put(range(10))
    queue.clear()
    assert queue.take(2) == []
