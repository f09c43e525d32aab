"""Changes of state as entries of a journal, and back again.

A task run that goes the usual way, from Running to Success, is one short entry. Texts that come
again (states, messages, workers, folders, tracebacks) are written once and then by their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prefectlite.engine.events import StateChange
from prefectlite.engine.messages import STARTING, SUCCEEDED
from prefectlite.runs.format import CHANGES, record

# the kinds of entries, the first field of each
CHANGE, SUCCESS, EMPTY_SUCCESS = 0, 1, 2

# so many entries at most share a record, and are lost together where it is damaged
ENTRIES_A_RECORD = 64
FLOW, WHOLE = -1, -1


def split_location(location: str) -> tuple[str, str]:
    """A location's folder, with the slash, and its name in it."""
    at = location.rfind("/") + 1
    return location[:at], location[at:]


class Encoder:
    """Turns changes to records.

    Args:
        tasks: The number of each slug in the header.
        start: The Unix time of the run's start; times are written relative to it.
        scrub: Takes secrets out of a text.
    """

    def __init__(self, tasks: Mapping[str, int], start: float, scrub: Callable[[str], str]) -> None:
        self._tasks = tasks
        self._start = start
        self._scrub = scrub
        self._texts: dict[str, int] = {}
        self._new_texts: list[str] = []
        self._entries: list[tuple[Any, ...]] = []
        self._running: dict[tuple[str | None, int | None], StateChange] = {}

    def take(self, change: StateChange) -> bytes:
        """Add a change.

        Returns:
            A record that is full, or nothing.
        """
        key = (change.slug, change.map_index)
        before = self._running.pop(key, None)
        state = change.state
        if state == "Running" and change.message == STARTING:
            if before is not None:
                self._add(before)
            self._running[key] = change
            return b""
        usual = (
            before is not None
            and state == "Success"
            and change.message == SUCCEEDED
            and before.attempt == change.attempt
            and before.worker == change.worker
        )
        if usual:
            assert before is not None
            self._add_usual(before, change)
        else:
            if before is not None:
                self._add(before)
            self._add(change)
        return self._full() if len(self._entries) >= ENTRIES_A_RECORD else b""

    def flush(self) -> bytes:
        """Records of all that was taken, task runs that are at work included."""
        records = []
        for change in self._running.values():
            self._add(change)
            if len(self._entries) >= ENTRIES_A_RECORD:
                records.append(self._full())
        self._running.clear()
        if self._entries:
            records.append(self._full())
        return b"".join(records)

    def _full(self) -> bytes:
        made = record(CHANGES, self._new_texts, self._entries)
        self._new_texts, self._entries = [], []
        return made

    def _text(self, text: str | None) -> int:
        if text is None:
            return 0
        number = self._texts.get(text)
        if number is None:
            number = self._texts[text] = len(self._texts) + 1
            self._new_texts.append(self._scrub(text))
        return number

    def _add_usual(self, began: StateChange, change: StateChange) -> None:
        location, index = change.location, change.map_index
        fields: tuple[Any, ...] = (
            EMPTY_SUCCESS if change.empty else SUCCESS,
            self._tasks.get(change.slug or "", FLOW),
            WHOLE if index is None else index,
            began.time - self._start,
            change.time - began.time,
            change.attempt,
            self._text(change.worker),
        )
        if location is not None:
            folder, name = split_location(location)
            fields += (self._text(folder), self._scrub(name))
        if change.memory is not None:
            if location is None:
                fields += (0, "")
            fields += _usage(change)
        self._entries.append(fields)

    def _add(self, change: StateChange) -> None:
        index = change.map_index
        folder, name = (None, "") if change.location is None else split_location(change.location)
        fields = [
            CHANGE,
            FLOW if change.slug is None else self._tasks.get(change.slug, FLOW),
            WHOLE if index is None else index,
            change.time - self._start,
            self._text(change.state),
            change.attempt,
            self._text(change.worker),
            self._text(folder),
            self._scrub(name),
            self._text(change.message),
            change.length,
            None if change.due is None else change.due - self._start,
            self._text(change.traceback),
            change.empty,
        ]
        self._entries.append((*fields, *_usage(change)))


def _usage(change: StateChange) -> tuple[int, ...]:
    """Processor time in microseconds and memory in KiB, where they are known."""
    if change.memory is None:
        return ()
    return round((change.processor or 0.0) * 1e6), change.memory >> 10


def usage_in(entry: Sequence[Any], position: int) -> tuple[float | None, int | None]:
    """Processor time in seconds and memory in bytes, as an entry has them from a position on."""
    if len(entry) < position + 2:
        return None, None
    return entry[position] / 1e6, entry[position + 1] << 10


class Decoder:
    """Turns entries back to changes.

    Args:
        run_id: The run's identifier.
        start: The Unix time of the run's start.
        tasks: Slug and name of each task in the header.
    """

    def __init__(self, run_id: str, start: float, tasks: list[tuple[str, str]]) -> None:
        self._run_id = run_id
        self._start = start
        self._tasks = tasks
        self.texts: list[str | None] = [None]

    def text(self, number: int) -> str | None:
        """A text by its number; None where a damaged journal does not have it."""
        return self.texts[number] if number < len(self.texts) else None

    def location(self, folder: int, name: str) -> str | None:
        """A location from its parts."""
        before = self.text(folder)
        return None if before is None else before + name

    def changes(self, entry: list[Any]) -> Iterator[StateChange]:
        """The changes of an entry; none of one that a newer version wrote.

        Args:
            entry: Its fields; those that an older version did not write are filled up.
        """
        kind = entry[0]
        if kind == CHANGE:
            yield self._change([*entry, *_DEFAULTS[len(entry) :]], *usage_in(entry, 14))
        elif kind in (SUCCESS, EMPTY_SUCCESS):
            _, task, index, began, lasted, attempt, worker = entry[:7]
            location = self.location(entry[7], entry[8]) if len(entry) > 8 else None
            moment = self._start + began
            processor, memory = usage_in(entry, 9)
            for state, message, at, where in (
                ("Running", STARTING, moment, None),
                ("Success", SUCCEEDED, moment + lasted, location),
            ):
                yield StateChange(
                    self._run_id,
                    self._named(task, 1),
                    self._named(task, 0),
                    None if index == WHOLE else index,
                    attempt,
                    state,
                    at,
                    self.text(worker),
                    where,
                    message,
                    empty=kind == EMPTY_SUCCESS and state == "Success",
                    processor=processor if state == "Success" else None,
                    memory=memory if state == "Success" else None,
                )

    def _named(self, task: int, part: int) -> str | None:
        return None if task == FLOW else self._tasks[task][part]

    def _change(self, entry: list[Any], processor: float | None, memory: int | None) -> StateChange:
        due = entry[11]
        return StateChange(
            self._run_id,
            self._named(entry[1], 1),
            self._named(entry[1], 0),
            None if entry[2] == WHOLE else entry[2],
            entry[5],
            self.text(entry[4]) or "Pending",
            self._start + entry[3],
            self.text(entry[6]),
            self.location(entry[7], entry[8]),
            self.text(entry[9]),
            entry[10],
            None if due is None else self._start + due,
            self.text(entry[12]),
            entry[13],
            processor,
            memory,
        )


_DEFAULTS = [CHANGE, FLOW, WHOLE, 0.0, 0, 1, 0, 0, "", 0, None, None, 0, False]
