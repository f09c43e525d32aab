"""What goes in and out of the run state machine, and the record of a state change.

Events say what has happened, instructions say what is to be done: both are plain values, so that
a test compares lists of them. Neither carries a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNMAPPABLE = -1


@dataclass(slots=True)
class Summary:
    """What the run state machine needs to know of a finished task run."""

    skipped: bool = False
    successful: bool = True
    # the number of elements that a map over the result has, and that a map over the flattened
    # result has; UNMAPPABLE where it cannot be mapped over, None where nobody asked
    length: int | None = None
    flat_length: int | None = None

    def __reduce__(self) -> str | tuple[object, ...]:
        # most are the one below: as itself it costs neither time nor room on the driver
        if self is FINISHED:
            return "FINISHED"
        return Summary, (self.skipped, self.successful, self.length, self.flat_length)


FINISHED = Summary()


@dataclass(slots=True)
class Started:
    """The run begins."""


@dataclass(slots=True)
class Finished:
    """All that is left of a segment ran to its end; `links` has one entry a task of the segment."""

    segment: int
    element: int
    attempt: int
    links: Sequence[Summary]


@dataclass(slots=True)
class Waiting:
    """A link of a segment came to rest before its end: to be run again when it is due.

    `due` is a Unix time in seconds, or None where nothing but another run can wake it.
    """

    segment: int
    element: int
    attempt: int
    link: int
    due: float | None


@dataclass(slots=True)
class Deferred:
    """A submission found an upstream that is not finished, and ran nothing."""

    segment: int
    element: int
    attempt: int
    link: int


@dataclass(slots=True)
class Lost:
    """The executor lost a submission before it could answer."""

    segment: int
    element: int
    attempt: int


@dataclass(slots=True)
class GoesOn:
    """A submission stopped between two links, to be sent again from this one on at once."""

    segment: int
    element: int
    attempt: int
    link: int


@dataclass(slots=True)
class Confirmed:
    """The handlers of a mapped task have seen its `Expand`; `ended` where they ended the map."""

    segment: int
    ended: Summary | None


@dataclass(slots=True)
class TimerDue:
    """A timer that was asked for is due."""

    segment: int
    element: int


@dataclass(slots=True)
class Cancelled:
    """Nothing more is to be started."""


Event = Started | Finished | Waiting | Deferred | Lost | GoesOn | Confirmed | TimerDue | Cancelled


@dataclass(slots=True)
class Submit:
    """Run these elements of a segment from this link on; a run that is not mapped is element 0."""

    segment: int
    elements: Sequence[int]
    link: int = 0
    attempt: int = 1


@dataclass(slots=True)
class Expand:
    """A mapped task has this many elements; `confirm` asks for `Confirmed` before they start."""

    task: int
    length: int
    confirm: bool = False


@dataclass(slots=True)
class EndParent:
    """A mapped task ends without elements, as Skipped or as Failed, for this reason."""

    task: int
    skipped: bool
    reason: str


@dataclass(slots=True)
class StartTimer:
    """Send `TimerDue` at this Unix time in seconds."""

    segment: int
    element: int
    due: float


@dataclass(slots=True)
class Release:
    """No run that is still to come reads these elements of a segment."""

    segment: int
    elements: Sequence[int]


@dataclass(slots=True)
class Finish:
    """Nothing is left that could run."""


Instruction = Submit | Expand | EndParent | StartTimer | Release | Finish


@dataclass(slots=True)
class StateChange:
    """One change of state of one task run, or of the flow run (task slug None).

    Times are Unix times in seconds; `map_index` is None for a run that is not an element. `due` is
    when a run that waits goes on, `traceback` the text of a failure's, and `empty` says that the
    run's value is None. What ends an attempt of a millisecond or more has its `processor` time in
    seconds, and the peak of the memory of its process in bytes.
    """

    flow_run_id: str
    task: str | None
    slug: str | None
    map_index: int | None
    attempt: int
    state: str
    time: float
    worker: str | None = None
    location: str | None = None
    message: str | None = None
    length: int | None = None
    due: float | None = None
    traceback: str | None = None
    empty: bool = False
    processor: float | None = None
    memory: int | None = None
