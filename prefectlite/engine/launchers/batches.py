"""How many elements go to the cluster, when, and how many in one future."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

# futures that carry elements one by one are kept in flight up to this many a segment, so that
# neither the scheduler nor the stream of messages is flooded
WINDOW = 5000
# what "auto" aims at: long against the cost of a future, short against the whole
TARGET_SECONDS = 0.2
# towards the end futures get smaller, but not so small that they cost more than they carry
LEAST_SECONDS = 0.01
MOST_IN_BATCH = 1000

BatchSize = int | str | None


def next_batch_size(batch_size: BatchSize, waiting: int, slots: int, seconds: float | None) -> int:
    """How many elements the next future carries.

    Args:
        batch_size: What the user asked for: a number, "auto", or None for one.
        waiting: How many elements are still to be sent.
        slots: How many futures the workers run at the same time.
        seconds: What an element takes, as measured so far; None before the first one is back.

    Returns:
        The number, at least 1. "auto" begins with single elements, then aims at `TARGET_SECONDS`,
        and gets smaller towards the end, down to `LEAST_SECONDS`, so that no worker has a large
        future left when the others have nothing.
    """
    if batch_size is None:
        return 1
    if isinstance(batch_size, int):
        return min(batch_size, waiting)
    if seconds is None:
        return 1
    fair = -(-waiting // (2 * slots))
    seconds = max(seconds, 1e-6)
    wanted = min(int(TARGET_SECONDS / seconds), MOST_IN_BATCH)
    least = min(int(LEAST_SECONDS / seconds), waiting)
    return max(1, min(wanted, max(fair, least)))


class ElementQueue:
    """The elements of one mapped segment on their way to the cluster.

    Args:
        batch_size: As in `next_batch_size`.
    """

    def __init__(self, batch_size: BatchSize) -> None:
        self.batch_size = batch_size
        self._waiting: deque[int] = deque()
        # for each element on its way how many of its batch are, in a list that the batch shares
        self._open: dict[int, list[int]] = {}
        self._futures = 0
        self._measured = 0
        self._seconds = 0.0

    def put(self, elements: Sequence[int]) -> None:
        """Add elements, to go in this order."""
        self._waiting.extend(elements)

    def take(self, slots: int) -> list[list[int]]:
        """The elements to send now, one list a future."""
        batches = []
        while self._waiting and self._has_room(slots):
            size = self.next_size(len(self._waiting), slots)
            batch = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
            together = [len(batch)]
            for element in batch:
                self._open[element] = together
            self._futures += 1
            batches.append(batch)
        return batches

    def next_size(self, waiting: int, slots: int) -> int:
        """How many out of some elements the next future carries; see `next_batch_size`."""
        return next_batch_size(self.batch_size, waiting, slots, self._seconds_per_element())

    def _has_room(self, slots: int) -> bool:
        if self.batch_size is None:
            return len(self._open) < WINDOW
        if isinstance(self.batch_size, int):
            return len(self._open) < max(WINDOW, 4 * slots * self.batch_size)
        return self._futures < 2 * slots + 1

    def _seconds_per_element(self) -> float | None:
        return self._seconds / self._measured if self._measured else None

    def is_over(self, element: int) -> None:
        """An element is done or lost; a future whose elements all are counts no more."""
        together = self._open.pop(element, None)
        if together is None:
            return
        together[0] -= 1
        if together[0] == 0:
            self._futures -= 1

    def measured(self, elements: int, seconds: float) -> None:
        """A future is done.

        Args:
            elements: How many elements it carried.
            seconds: How long it ran.
        """
        # what was measured long ago counts less: elements may get longer or shorter
        keep = 0.5 if self._measured > 200 else 1.0
        self._measured = int(self._measured * keep) + elements
        self._seconds = self._seconds * keep + seconds

    def clear(self) -> None:
        """Send nothing more."""
        self._waiting.clear()
