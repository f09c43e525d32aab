"""The side effects of task runs: lines in files that say what began, ended and was stored.

Each process appends to a file of its own; a line is one write. Lines are of one length, so that
the size of the files tells their number.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINE_BYTES = 96
START, END, STORED, LATE = "start", "end", "stored", "late"


@dataclass(frozen=True)
class Effect:
    """One line.

    Attributes:
        when: The machine's monotonic clock, in seconds.
        what: START, END, STORED, or LATE: work that went on after its timeout.
        task, index: The node's number and the element; -1 for a run that is none.
        attempt: Which attempt the engine says it is.
        loop: Which round of a loop, from 1.
        run: The flow run's identifier.
        process: The process's number.
    """

    when: float
    what: str
    task: int
    index: int
    attempt: int
    loop: int
    run: str
    process: int


def write_effect(
    folder: str, what: str, task: int, index: int, attempt: int, loop: int, run: str
) -> None:
    """Append a line to this process's file in the folder."""
    text = f"{time.monotonic():.6f} {what} {task} {index} {attempt} {loop} {run} {os.getpid()}"
    line = text.ljust(LINE_BYTES - 1)[: LINE_BYTES - 1].encode() + b"\n"
    number = 0
    while True:
        path = os.path.join(folder, f"{os.getpid()}-{number}")  # noqa: PTH118
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
            return
        except OSError as error:
            # a limit to the size of files is how a full disk is played where none can be made
            if error.errno != errno.EFBIG or number > 1000:
                raise
            number += 1
        finally:
            os.close(descriptor)


def count_effects(folder: Path) -> int:
    """How many lines there are."""
    total = 0
    for entry in os.scandir(folder):
        total += entry.stat().st_size
    return total // LINE_BYTES


def read_effects(folder: Path) -> list[Effect]:
    """All lines, in the order in which they were written."""
    found = [effect for path in folder.iterdir() for effect in _lines(path)]
    return sorted(found, key=lambda effect: effect.when)


def _lines(path: Path) -> Iterator[Effect]:
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) != 8:
            # cut short by a kill, or by the end of the disk
            continue
        when, what, task, index, attempt, loop, run, process = words
        yield Effect(
            float(when), what, int(task), int(index), int(attempt), int(loop), run, int(process)
        )
