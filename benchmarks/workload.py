"""What a workload is: one piece of work, as a flow and written by hand with Dask."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BY_HAND, OURS, PREFECT1 = "dask", "prefectlite", "prefect"


@dataclass(frozen=True)
class Setting:
    """Where a side runs a workload.

    A flow is written against `api("Flow")` and the like, so that the same lines run with
    prefectlite and with Prefect 1.
    """

    library: str
    """The library of this side: "prefectlite", "prefect", "dask", or the name of another one."""
    address: str | None
    """The scheduler's address, where the workload runs on a cluster."""
    folder: Path
    """An empty folder of this side's own."""
    processes: int = 2
    """How many workers a side that starts its own has."""

    def api(self, path: str) -> Any:
        """Return a name of this side's library, as in `api("executors.LocalExecutor")`."""
        module, _, name = f"{self.library}.{path}".rpartition(".")
        return getattr(importlib.import_module(module), name)


Run = Callable[[], Any]
"""The work itself, ready to go; it is called once. Both sides must come to the same value."""

Prepare = Callable[[Setting, int], Run]
"""Builds the flow or the graph for a size and returns the work."""


class Seconds(float):
    """A run's value where the run has measured the time itself."""


@dataclass(frozen=True)
class Workload:
    """One piece of work, as a flow and by hand."""

    name: str
    label: str
    sizes: tuple[int, ...]
    flow: Prepare
    by_hand: Prepare | None = None
    unit: str = "task"
    """What the time is divided by: there are `size` of them."""
    on_cluster: bool = False
    builds: bool = True
    """Whether preparing is building a flow or a graph, which a user waits for as well."""
    prefect1: bool = True
    """Whether Prefect 1 can do it."""
    goal: str = ""
    """What is to be reached: "<= 1.15 x" of the work by hand, or a time."""
    variants: Mapping[str, Prepare] = field(default_factory=dict)
    """The same flow in other settings, by a name for each, such as fixed batch sizes."""
    peers: Mapping[str, Prepare] = field(default_factory=dict)
    """The same work by hand with other libraries, where a Python that has them is named."""
    busy: float = 0.0
    """Seconds of a worker's time that a unit of the work itself takes."""
    once_from: int | None = None
    """From this size on each side runs once: it takes minutes."""

    def prepare(self, side: str) -> Prepare:
        """Return what builds the work of a side.

        Raises:
            ValueError: The workload is not written by hand, or has no such side.
        """
        found = self.variants.get(side) or self.peers.get(side)
        if side in (OURS, PREFECT1):
            found = self.flow
        elif side == BY_HAND:
            found = self.by_hand
        if found is None:
            missing = "by hand" if side == BY_HAND else f"for {side}"
            raise ValueError(f"{self.name} is not written {missing}.")
        return found
