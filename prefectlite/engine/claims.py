"""Who may have a location, where the elements of a map find theirs only as they run.

Elements that run in several processes do not see each other. The first that takes a location has
it for as long as the run goes on, and each other one is told who has it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

from prefectlite.utilities.logging import get_logger

# a scheduler that was started again keeps no claims, and does not answer
ANSWER_SECONDS = 10.0


class Claims(Protocol):
    """The locations that are taken in a run."""

    def take(self, task: int, element: int, location: str) -> int:
        """Take a location for an element of a task.

        Args:
            task: The task's index.
            element: The element.
            location: The location, filled in.

        Returns:
            The element that has it: this one, or the one that took it before.
        """


class FolderClaims:
    """Claims of processes on one machine: a file each, in a folder that they share.

    Args:
        folder: The folder; it exists.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def take(self, task: int, element: int, location: str) -> int:
        """See `Claims`."""
        name = hashlib.sha256(f"{task}:{location}".encode(errors="surrogatepass")).hexdigest()
        handle, written = tempfile.mkstemp(dir=self._folder)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(str(element))
            # visible with what is in it, and for one of them only
            os.link(written, self._folder / name)
        except FileExistsError:
            return int((self._folder / name).read_text())
        finally:
            Path(written).unlink()
        return element


class SchedulerClaims:
    """Claims of the workers of a cluster, kept by its scheduler.

    Args:
        worker: The Dask worker.
        run: The run's key.
    """

    def __init__(self, worker: Any, run: str) -> None:
        self.worker = worker
        self._run = run
        self._is_lost = False

    def take(self, task: int, element: int, location: str) -> int:
        """See `Claims`."""
        from distributed.utils import sync

        if self._is_lost:
            return element
        ask = self.worker.scheduler.prefectlite_claim
        try:
            answer = sync(
                self.worker.loop,
                ask,
                callback_timeout=ANSWER_SECONDS,
                run=self._run,
                task=task,
                element=element,
                location=location,
            )
        except Exception as error:
            # the driver warns of elements at one location, where nobody refuses them
            self._is_lost = True
            get_logger("TaskRunner").debug("The scheduler keeps no claims: %r", error)
            return element
        return int(answer)
