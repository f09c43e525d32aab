"""Which futures carry the blocks of which elements, and how a run's upstreams are fed to it."""

from __future__ import annotations

import uuid
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.events import Summary
from prefectlite.engine.feeding import ALONE, Joined, Picked, Places, gather_blocks
from prefectlite.engine.plan import Link, Segment, reduced_edge
from prefectlite.engine.remote import WHOLE, Block
from prefectlite.engine.remote_dask import reduce_elements
from prefectlite.engine.run_state import flat_items
from prefectlite.engine.tree_reduce import WIDTH

if TYPE_CHECKING:
    from distributed.client import Future

    from prefectlite.engine.driver import Driver
    from prefectlite.executors.dask import DaskExecutor

# a future or a block, and the position in its list of blocks where it carries a batch
Handle = tuple[Any, int | None]
# by element of a flattened map: the upstream's element, and its item or `WHOLE`
FlatPlaces = list[tuple[int, int]]


class Feeds:
    """The futures of a run on a cluster, by segment and element.

    Args:
        driver: The driver of the run.
        executor: The started executor.
        run: The run's key.
    """

    def __init__(self, driver: Driver, executor: DaskExecutor, run: str) -> None:
        self._driver = driver
        self._run = run
        self._executor = executor
        # by element: the future, and the position of the element's block in what it carries
        self._futures: dict[int, list[Any]] = {}
        self._positions: dict[int, array[int]] = {}
        self._flat: dict[int, FlatPlaces] = {}

    def put(self, segment: int, element: int, future: Future[Any], position: int | None) -> None:
        """Note which future carries the block of an element."""
        futures = self._futures.get(segment)
        if futures is None:
            length = self._driver.run_state.runs[segment].length or 1
            futures = self._futures[segment] = [None] * length
            self._positions[segment] = array("l", [ALONE]) * length
        futures[element] = future
        self._positions[segment][element] = ALONE if position is None else position

    def get(self, segment: int, element: int) -> Handle:
        """What carries the block of an element, and the position where it is a batch.

        That is a future, or the block itself for an element that an earlier run has finished.
        """
        futures = self._futures.get(segment)
        future = None if futures is None else futures[element]
        if future is None:
            task = self._driver.plan.segments[segment].tail
            return Block(self._driver.states.get(task, element)), None
        position = self._positions[segment][element]
        return future, None if position == ALONE else position

    def drop(self, segment: int, elements: Sequence[int]) -> None:
        """Forget the futures of elements that nobody reads any more."""
        futures = self._futures.get(segment)
        if futures is not None:
            self._executor.forget([futures[element] for element in elements])
            for element in elements:
                futures[element] = None

    def clear(self) -> None:
        """Forget all futures."""
        futures, self._futures = self._futures, {}
        self._executor.forget(futures.values())

    def columns(self, segment: Segment, elements: Sequence[int]) -> list[Sequence[Any]]:
        """The arguments of elements that go one by one: a column for each of the inputs.

        A future that stands alone in a cell carries one block; a `Picked` says which of a batch.
        """
        columns: list[Sequence[Any]] = []
        for upstream, link in segment.inputs:
            shared = self._shared(segment, upstream, link)
            if shared is not None:
                columns.append([shared] * len(elements))
                continue
            if link is Link.FLAT:
                places = self._flat_places(upstream)
                cells = [self.get(upstream, places[element][0]) for element in elements]
                columns.append([future for future, _ in cells])
                columns.append(
                    [
                        (position, places[element][1])
                        for (_, position), element in zip(cells, elements, strict=True)
                    ]
                )
            else:
                cells = [self.get(upstream, element) for element in elements]
                columns.append([future for future, _ in cells])
                if any(position is not None for _, position in cells):
                    columns.append([Picked(position) for _, position in cells])
        return columns

    def _shared(self, segment: Segment, upstream: int, link: Link) -> Any:
        """The argument that is the same for all elements; None where each has its own."""
        ended = self._driver.run_state.runs[upstream].ended
        if ended is not None:
            return self._driver.states.whole(self._driver.plan.segments[upstream].tail)
        if link is Link.REDUCE:
            if reduced_edge(self._driver.plan, segment) is not None:
                return self._in_a_tree(segment, upstream)
            return self._all_blocks(upstream)
        if link is Link.SHARED_MAP:
            return self._gathered(upstream)
        if link in (Link.ELEMENT, Link.FLAT):
            return None
        return self.get(upstream, 0)[0]

    def batch(self, segment: Segment, elements: Sequence[int]) -> list[Any]:
        """The arguments of a batch: for each input one for all, or futures and places in them."""
        arguments: list[Any] = []
        for upstream, link in segment.inputs:
            shared = self._shared(segment, upstream, link)
            if shared is not None:
                arguments.append(shared)
                continue
            if link is Link.FLAT:
                flat = [self._flat_places(upstream)[element] for element in elements]
                futures, places = _distinct([self.get(upstream, origin) for origin, _ in flat])
                arguments.extend([futures, places, array("l", [item for _, item in flat])])
            else:
                futures, places = _distinct([self.get(upstream, element) for element in elements])
                arguments.extend([futures, places])
        return arguments

    def _all_blocks(self, upstream: int) -> list[Any]:
        """The futures of all elements, and where in them each element's block is.

        The places are left out where the futures simply follow one another.
        """
        length = self._driver.run_state.runs[upstream].length or 0
        futures, places = _distinct([self.get(upstream, element) for element in range(length)])
        return [futures, None if _follow_one_another(places) else places]

    def _in_a_tree(self, segment: Segment, upstream: int) -> list[Any]:
        """The blocks of all elements, or of what their parts were reduced to, one level a round."""
        futures, places = self._all_blocks(upstream)
        parts: list[list[Any]] = [[futures, places]]
        if len(futures) > WIDTH:
            parts = self._first_parts(upstream, futures, places)
        while len(parts) > 1:
            keys = [f"reduce-{uuid.uuid4().hex}" for _ in parts]
            columns = [list(column) for column in zip(*parts, strict=True)]
            reduced = self._executor.send(
                reduce_elements, keys, columns, {"run": self._run, "segment": segment.index}
            )
            groups = range(0, len(reduced), WIDTH)
            parts = [[reduced[at : at + WIDTH], Joined()] for at in groups]
        return parts[0]

    def _first_parts(
        self, upstream: int, futures: list[Any], places: Places | None
    ) -> list[list[Any]]:
        """The blocks in groups that lie in up to `WIDTH` futures each."""
        if places is None:
            groups = range(0, len(futures), WIDTH)
            return [[futures[at : at + WIDTH], None] for at in groups]
        parts, handles = [], [self.get(upstream, element) for element in range(len(places.numbers))]
        begun, seen = 0, set[int]()
        for element, number in enumerate(places.numbers):
            if number not in seen and len(seen) == WIDTH:
                parts.append(list(_distinct(handles[begun:element])))
                begun, seen = element, set()
            seen.add(number)
        return [*parts, list(_distinct(handles[begun:]))]

    def _gathered(self, upstream: int) -> Future[Any]:
        """The blocks of all elements as one future, for the many elements that share them."""
        key = f"gather-{uuid.uuid4().hex}"
        futures, places = self._all_blocks(upstream)
        return self._executor.send(gather_blocks, [key], [[futures], [places]], {})[0]

    def _flat_places(self, upstream: int) -> FlatPlaces:
        if upstream not in self._flat:
            self._flat[upstream] = flat_places(self._driver.run_state.runs[upstream].tails)
        return self._flat[upstream]


def flat_places(tails: Iterable[Summary]) -> FlatPlaces:
    """For each element of a flattened map: which upstream element, and which item of it."""
    places = []
    for element, tail in enumerate(tails):
        count = flat_items(tail)
        whole = not tail.successful or tail.skipped or tail.length in (None, -1)
        places += [(element, WHOLE if whole else item) for item in range(count)]
    return places


def _distinct(handles: Iterable[Handle]) -> tuple[list[Any], Places]:
    """Futures without repetition, and each handle's place: the future's number and position."""
    numbers: dict[int, int] = {}
    futures: list[Any] = []
    places = Places(array("l"), array("l"))
    for future, position in handles:
        # the same future is the same object here
        number = numbers.get(id(future))
        if number is None:
            number = numbers[id(future)] = len(futures)
            futures.append(future)
        places.numbers.append(number)
        places.positions.append(ALONE if position is None else position)
    return futures, places


def _follow_one_another(places: Places) -> bool:
    """Whether futures one after the other, each from its first block to its last, give the order.

    A batch whose last blocks are missing cannot be told from a whole one by its places, so only
    futures that carry one block each count.
    """
    return all(
        position is None and number == index for index, (number, position) in enumerate(places)
    )
