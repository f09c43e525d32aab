"""What a workload is: one piece of work, as a flow and written by hand with Dask."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Where a side runs a workload.

    A flow is written against `api("Flow")` and the like, so that the same lines run with
    prefectlite and with Prefect 1.
    """

    library: str
    """The library of this side: "prefectlite", "prefect" or "dask"."""
    address: str | None
    """The scheduler's address, where the workload runs on a cluster."""
    folder: Path
    """An empty folder of this side's own."""

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
