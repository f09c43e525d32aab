"""What an attempt of a task run uses: processor time, and the memory of its process.

To look costs a microsecond or two, so attempts of less than a millisecond are left out, and the
processor time of the others is right to a millisecond.
"""

from __future__ import annotations

import resource
import sys
import threading
import time

LEAST_SECONDS = 0.001
# Linux counts the peak in KiB, macOS in bytes
_UNIT = 1 if sys.platform == "darwin" else 1024

# a moment of the monotonic clock, and the thread's processor time at it, or not long before
Begun = tuple[float, float]


class _Look(threading.local):
    """When this thread's processor time was looked at last, and what it was."""

    moment = 0.0
    processor = 0.0


_last = _Look()


def begun() -> Begun:
    """What `used` needs to know of an attempt that begins now, in this thread."""
    now = time.monotonic()
    if now - _last.moment > LEAST_SECONDS:
        _last.moment, _last.processor = now, time.thread_time()
    return now, _last.processor


def used(begun: Begun) -> tuple[float, int] | None:
    """What an attempt that ends now has used.

    Args:
        begun: What `begun` gave when it began.

    Returns:
        The processor time of this thread since then, in seconds, and the most memory that the
        process has had so far, in bytes; None for an attempt that was short.
    """
    if time.monotonic() - begun[0] < LEAST_SECONDS:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    return time.thread_time() - begun[1], peak
