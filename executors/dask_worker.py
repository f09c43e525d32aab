"""The part of the Dask executor that lives on the workers: payloads, and messages to the driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

_installed: dict[str, bytes] = {}
_on_removal: list[Callable[[str], None]] = []


class Luggage(WorkerPlugin):
    """A payload that every worker keeps for as long as the plugin is registered.

    Args:
        name: Under which name `installed` gives it.
        payload: The bytes.
    """

    def __init__(self, name: str, payload: bytes) -> None:
        self.name = name
        self.payload = payload

    def setup(self, worker: Worker) -> None:
        """Keep the payload."""
        _installed[self.name] = self.payload

    def teardown(self, worker: Worker) -> None:
        """Forget the payload, and tell those who asked to be told."""
        _installed.pop(self.name, None)
        for callback in _on_removal:
            callback(self.name)


def installed(name: str) -> bytes | None:
    """The payload that was installed under a name, in this process."""
    return _installed.get(name)


def on_removal(callback: Callable[[str], None]) -> None:
    """Have a function called with the name of each payload that is taken off this process."""
    _on_removal.append(callback)


def has_more_to_run(worker: Any) -> bool:
    """Whether a worker is at work, or will be at once."""
    return bool(worker.state.executing or worker.state.ready)


def this_worker() -> Any:
    """The worker whose task this thread runs."""
    return get_worker()
