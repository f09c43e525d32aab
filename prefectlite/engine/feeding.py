"""Turn the arguments of a submission on a worker to the feeds of its elements."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefectlite.engine.plan import Link, Segment
from prefectlite.engine.remote import Feeds
from prefectlite.engine.state import State

# a position that is none: the value is the block itself
ALONE = -1


@dataclass(slots=True, frozen=True)
class Places:
    """Where blocks are: for each the number of a value, and the position in it or `ALONE`.

    Dask looks for futures in lists and tuples, item by item; in this it does not.
    """

    numbers: array[int]
    positions: array[int]

    def __reduce__(self) -> tuple[Any, ...]:
        return Places, (self.numbers, self.positions)

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        for number, position in zip(self.numbers, self.positions, strict=True):
            yield number, None if position == ALONE else position


@dataclass(slots=True, frozen=True)
class Joined:
    """Stands in the place of places: each value is a list of blocks, and all of them are meant."""


@dataclass(slots=True, frozen=True)
class Picked:
    """Which block of a batch is meant, where a future carries more than one."""

    position: int | None

    def __reduce__(self) -> tuple[Any, ...]:
        return Picked, (self.position,)


def block_at(value: Any, position: int | None) -> Any:
    """The value itself, or the block at a position where it is a batch's list of blocks."""
    return value if position is None else value[position]


def gather_blocks(values: Sequence[Any], places: Places | Joined | None) -> list[Any]:
    """Blocks of all elements in the order of the elements.

    Args:
        values: Blocks, and lists of blocks where elements went in batches.
        places: For each element the number of the value and the position in it; None where the
            values are the blocks in order, `Joined` where they are lists of them.
    """
    if isinstance(places, Joined):
        return [block for value in values for block in value]
    if places is None:
        return list(values)
    return [block_at(values[number], position) for number, position in places]


def element_feeds(segment: Segment, cells: Sequence[Any]) -> tuple[Feeds, Sequence[Any]]:
    """The feeds of one element, from one cell an input.

    Args:
        segment: The segment to run.
        cells: For each input a block, followed by a `Picked` where it is a batch's list; the item
            of a flattened map after its block; for a reduce the values and places. A mapped
            task without elements is its state.

    Returns:
        The feeds, and the cells that are left over.
    """
    feeds = {}
    at = 0
    for upstream_link in segment.inputs:
        link = upstream_link[1]
        cell = cells[at]
        at += 1
        if not isinstance(cell, State):
            if link is Link.REDUCE:
                cell = gather_blocks(*cell)
            elif link is Link.FLAT:
                position, item = cells[at]
                at += 1
                cell = (block_at(cell, position), item)
            elif at < len(cells) and type(cells[at]) is Picked:
                cell = block_at(cell, cells[at].position)
                at += 1
        feeds[upstream_link] = cell
    return feeds, cells[at:]


def batch_feeds(
    segment: Segment, elements: Collection[int], arguments: Sequence[Any]
) -> tuple[list[Feeds], Sequence[Any]]:
    """The feeds of each element of a batch.

    Args:
        segment: The segment to run; mapped.
        elements: The batch's elements.
        arguments: For each input what all elements share, or the values and then the elements'
            places in them; for a flattened map the items after that.

    Returns:
        The feeds, element by element, and the arguments that are left over.
    """
    feeds: list[dict[tuple[int, Link], Any]] = [{} for _ in elements]
    at = 0
    for upstream_link in segment.inputs:
        link = upstream_link[1]
        argument = arguments[at]
        at += 1
        if isinstance(argument, State) or link not in (Link.ELEMENT, Link.FLAT):
            for feed in feeds:
                feed[upstream_link] = argument
            continue
        places = arguments[at]
        at += 1
        blocks = gather_blocks(argument, places)
        if link is Link.FLAT:
            blocks = list(zip(blocks, arguments[at], strict=True))
            at += 1
        for feed, block in zip(feeds, blocks, strict=True):
            feed[upstream_link] = block
    return list(feeds), arguments[at:]
