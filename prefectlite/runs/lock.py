"""Who holds a run: one driver at a time, and no longer than it lives.

A run's folder has a file `lock-<number>` with who holds it and when it last said so. Of several
the highest number counts; taking over a lock that is not held any more is to create the next one,
which only one of two can do.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefectlite.engine.storage.files import _here as here
from prefectlite.exceptions import RunHeldError
from prefectlite.runs.places import RunFolder

# how often a holder says that it is there, and after how long a silent one is taken for lost
HEARTBEAT_SECONDS = 5.0
LOST_SECONDS = 40.0
# a clock that goes wrong must not make a living holder a lost one: it is also watched for a while
WATCH_SECONDS = 12.0

_PREFIX = "lock-"


class Lock:
    """The hold of this process on a run.

    Args:
        folder: The run's folder.
        holder: The run that holds it: itself, or one that resumes it.
    """

    def __init__(self, folder: RunFolder, holder: str) -> None:
        self._folder = folder
        self._holder = holder
        self._token = uuid.uuid4().hex
        self._name: str | None = None
        self._beat = 0.0

    def acquire(self) -> None:
        """Take the hold.

        Raises:
            RunHeldError: A process that is alive has it.
        """
        newest = _newest(self._folder)
        number = 0
        if newest is not None:
            number, held = newest
            if held is not None and _is_alive(self._folder, held):
                raise RunHeldError(_told(self._folder, held))
        name = f"{_PREFIX}{number + 1:06d}"
        if not self._folder.create(name, self._content()):
            found = _newest(self._folder)
            raise RunHeldError(_told(self._folder, (found and found[1]) or {}))
        self._name = name
        self._beat = time.monotonic()

    def begin(self) -> None:
        """Take the hold on a run that is new: nobody else can know of it."""
        self._folder.put(f"{_PREFIX}{1:06d}", self._content())
        self._name = f"{_PREFIX}{1:06d}"
        self._beat = time.monotonic()

    def _content(self) -> bytes:
        held = {
            "run": self._holder,
            "process": os.getpid(),
            "began": _process_start(os.getpid()),
            "host": socket.gethostname(),
            "machine": here,
            "heartbeat": time.time(),
            "token": self._token,
        }
        return json.dumps(held).encode()

    def step(self) -> None:
        """Say that this process is there, if it is time to; called now and then."""
        if self._name is not None and time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self._beat = time.monotonic()
            self._folder.put(self._name, self._content())

    def release(self) -> None:
        """Give the hold up."""
        if self._name is not None:
            name, self._name = self._name, None
            with suppress(Exception):
                for old in self._folder.names():
                    if old.startswith(_PREFIX) and old <= name:
                        self._folder.remove(old)


def holder_of(folder: RunFolder) -> dict[str, Any] | None:
    """Who holds a run, as far as can be told without waiting; None where nobody does."""
    newest = _newest(folder)
    if newest is None or newest[1] is None:
        return None
    return newest[1] if _seems_alive(newest[1]) else None


def _newest(folder: RunFolder) -> tuple[int, dict[str, Any] | None] | None:
    names = sorted(name for name in folder.names() if name.startswith(_PREFIX))
    if not names:
        return None
    content = folder.get(names[-1])
    held: dict[str, Any] | None = None
    with suppress(ValueError):
        found = json.loads(content or b"null")
        held = found if isinstance(found, dict) else None
    number = names[-1].removeprefix(_PREFIX)
    return (int(number) if number.isdecimal() else 0), held


def _seems_alive(held: dict[str, Any]) -> bool:
    if held.get("machine") == here:
        return _process_is_alive(int(held.get("process", 0)), held.get("began"))
    return time.time() - float(held.get("heartbeat", 0.0)) < LOST_SECONDS


def _is_alive(folder: RunFolder, held: dict[str, Any]) -> bool:
    if _seems_alive(held) or held.get("machine") == here:
        return _seems_alive(held)
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1.0)
        newest = _newest(folder)
        if newest is None:
            return False
        if newest[1] is not None and newest[1].get("heartbeat") != held.get("heartbeat"):
            return True
    return False


def _process_is_alive(process: int, began: Any) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    state = _process_state(process)
    if state is None:
        return True
    # one that was killed and not yet waited for is dead; one that began later is another
    return state[0] not in "ZX" and (began is None or state[1] == began)


def _process_state(process: int) -> tuple[str, str] | None:
    """The state letter and the start of a process, where the system tells."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return (fields[0], fields[19]) if len(fields) > 19 else None


def _process_start(process: int) -> str | None:
    state = _process_state(process)
    return None if state is None else state[1]


def _told(folder: RunFolder, held: dict[str, Any]) -> str:
    ago = time.time() - float(held.get("heartbeat", time.time()))
    return (
        f"The run in {folder.place} is held by process {held.get('process', '?')} on host "
        f"{held.get('host', '?')!r}, which was last heard of {max(ago, 0):.0f} seconds ago. Wait "
        "for it to end, cancel it (prefectlite.runs.cancel), or kill it; the hold of a process "
        f"that is gone ends by itself, on another machine after {LOST_SECONDS:.0f} seconds."
    )
