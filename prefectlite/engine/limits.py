"""How many runs may be at work at a time: of all tasks, and of those with a tag, name or slug.

Pure, like the run state: submissions in, submissions that may go now out. What waits here has not
been handed to the executor, so it holds no slot of it. A run takes all that it needs at once, so
that no two wait for each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prefectlite.engine.events import Deferred, Event, Finished, GoesOn, Lost, Submit, Waiting
from prefectlite.engine.plan import Plan, Segment


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one run.

    Args:
        task_concurrency: How many runs of the tasks with a tag, a name or a slug may be at work.
        max_in_flight: How many runs may be with the executor, of all tasks; None for any number.
    """

    task_concurrency: Mapping[str, int]
    max_in_flight: int | None = None

    def limited(self, plan: Plan) -> set[int]:
        """The segments whose runs may have to wait."""
        return {segment.index for segment in plan.segments if self._pools(plan, segment, 0)}

    def to_finish_first(self, plan: Plan) -> set[int]:
        """The segments that limited ones depend on, and these themselves.

        Their runs are to be finished before those downstream are submitted: a run that waits in
        the executor for its upstream would be counted as at work.
        """
        limited = self.limited(plan)
        inputs = (upstream for index in limited for upstream, _ in plan.segments[index].inputs)
        return limited | set(inputs)

    def _pools(self, plan: Plan, segment: Segment, link: int) -> list[str | None]:
        """What a run of a segment takes one of; a fused one what all its tasks take, but once."""
        names: set[str] = set()
        for index in segment.tasks[link:]:
            planned = plan.tasks[index]
            names.update((planned.name, planned.slug), planned.task.tags)
        pools: list[str | None] = [key for key in self.task_concurrency if key in names]
        if self.max_in_flight is not None:
            pools.append(None)
        return pools

    def _size(self, pool: str | None) -> int:
        if pool is None:
            assert self.max_in_flight is not None
            return self.max_in_flight
        return self.task_concurrency[pool]


@dataclass(slots=True)
class _Unit:
    """Runs that go to the executor in one, and how many of them are still there."""

    pools: list[str | None]
    left: int


@dataclass(slots=True)
class _Queue:
    """The runs of one segment that wait, from one link on."""

    segment: Segment
    link: int
    pools: list[str | None]
    # element and attempt
    waiting: deque[tuple[int, int]] = field(default_factory=deque)


class Turnstile:
    """Lets submissions through as long as the limits allow.

    Args:
        plan: The run's plan.
        limits: The limits.
        together: How many elements of a segment the executor takes in one, given the segment and
            how many there are; they run one after the other, so they count as one.
    """

    def __init__(
        self, plan: Plan, limits: Limits, together: Callable[[int, int], int] | None = None
    ) -> None:
        self._plan = plan
        self._limits = limits
        self._together = together or _one
        self._used: dict[str | None, int] = {}
        self._units: dict[tuple[int, int], tuple[int, _Unit]] = {}
        # those of runs that are submitted again at once
        self._kept: dict[tuple[int, int], _Unit] = {}
        self._queues: dict[tuple[int, int], _Queue] = {}

    def take(self, submits: Iterable[Submit]) -> list[Submit]:
        """Take submissions; return those that go on now, with what waited for room.

        Args:
            submits: What the run state asks to be submitted.
        """
        free: list[Submit] = []
        for submit in submits:
            run = (submit.segment, submit.elements[0])
            if run in self._kept:
                self._units[run] = (submit.attempt, self._kept.pop(run))
                free.append(submit)
                continue
            queue = self._queue(submit.segment, submit.link)
            if queue.pools:
                queue.waiting.extend((element, submit.attempt) for element in submit.elements)
            else:
                free.append(submit)
        return free + self._admit()

    def over(self, event: Event) -> None:
        """Note that a run is no longer with the executor, where an event says so.

        One that is submitted again at once keeps its place, unless it was one of a batch: those
        that are tried alone would wait for others that hold a place until they are tried.
        """
        if not isinstance(event, (Finished, Waiting, Deferred, Lost, GoesOn)):
            return
        run = (event.segment, event.element)
        attempt, unit = self._units.get(run, (0, None))
        if unit is None or attempt != event.attempt:
            return
        del self._units[run]
        if isinstance(event, (Lost, GoesOn)) and unit.left == 1:
            self._kept[run] = unit
            return
        unit.left -= 1
        if unit.left == 0:
            for pool in unit.pools:
                self._used[pool] -= 1

    def _queue(self, index: int, link: int) -> _Queue:
        found = self._queues.get((index, link))
        if found is None:
            segment = self._plan.segments[index]
            pools = self._limits._pools(self._plan, segment, link)
            found = self._queues[index, link] = _Queue(segment, link, pools)
        return found

    def _admit(self) -> list[Submit]:
        """What there is room for: the deepest first, so that what was begun comes to its end."""
        admitted: list[Submit] = []
        waiting = [queue for queue in self._queues.values() if queue.waiting]
        for queue in sorted(waiting, key=lambda queue: -queue.segment.depth):
            while queue.waiting and self._has_room(queue.pools):
                admitted.append(self._next(queue))
        return admitted

    def _has_room(self, pools: list[str | None]) -> bool:
        return all(self._used.get(pool, 0) < self._limits._size(pool) for pool in pools)

    def _next(self, queue: _Queue) -> Submit:
        index, waiting = queue.segment.index, queue.waiting
        element, attempt = waiting.popleft()
        elements = [element]
        if attempt == 1 and queue.link == 0 and queue.segment.mapped:
            most = self._together(index, len(waiting) + 1)
            while len(elements) < most and waiting and waiting[0][1] == 1:
                elements.append(waiting.popleft()[0])
        unit = _Unit(queue.pools, len(elements))
        for each in elements:
            self._units[index, each] = (attempt, unit)
        for pool in queue.pools:
            self._used[pool] = self._used.get(pool, 0) + 1
        return Submit(index, elements, queue.link, attempt)

    def check(self) -> None:
        """Raise AssertionError where a limit is passed, or the counts are wrong."""
        held = [*(unit for _, unit in self._units.values()), *self._kept.values()]
        units = {id(unit): unit for unit in held}.values()
        counted = [pool for unit in units for pool in unit.pools]
        for pool, used in self._used.items():
            assert used == counted.count(pool), f"{pool!r}: {used} used, {counted.count(pool)} open"
            assert used <= self._limits._size(pool), f"{pool!r}: {used} used"
        for queue in self._queues.values():
            assert not queue.waiting or not self._has_room(queue.pools), "waits for nothing"


def _one(segment: int, waiting: int) -> int:
    return 1


def limits_of(
    plan: Plan,
    task_concurrency: Mapping[str, int] | None,
    max_in_flight: int | None,
    configured: Mapping[str, int],
    configured_in_flight: int | None,
) -> Limits | None:
    """The limits of a run: those that it was given, and those of the configuration.

    Args:
        plan: The run's plan.
        task_concurrency: What the run was given; wins over the configuration, key by key.
        max_in_flight: What the run was given; the configuration's if None.
        configured: The configuration's `task_concurrency`.
        configured_in_flight: The configuration's `max_in_flight`; 0 or None for no limit.

    Returns:
        The limits, without those that concern no task; None where there is none.

    Raises:
        ValueError: A limit is no positive number, or the run was given one for a tag, name or slug
            that no task of the flow has.
    """
    given = dict(task_concurrency or {})
    wanted = {**configured, **given}
    in_flight = max_in_flight if max_in_flight is not None else (configured_in_flight or None)
    for key, number in (*wanted.items(), *([("max_in_flight", in_flight)] if in_flight else ())):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"The limit {key!r} must be a positive integer; received {number!r}.")
    if max_in_flight == 0:
        raise ValueError("The limit 'max_in_flight' must be a positive integer; received 0.")
    names = {
        name for planned in plan.tasks for name in (planned.name, planned.slug, *planned.task.tags)
    }
    unknown = sorted(given.keys() - names)
    if unknown:
        raise ValueError(
            f"task_concurrency has {', '.join(map(repr, unknown))}: no task of flow "
            f"{plan.flow_name!r} has such a tag, name or slug."
        )
    concerned = {key: number for key, number in wanted.items() if key in names}
    return Limits(concerned, in_flight) if concerned or in_flight else None
