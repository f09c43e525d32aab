"""Starting and asking the processes of a comparison: a side, and the cluster it runs on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.workload import Workload

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Options:
    """How everything is measured."""

    repeats: int = 5
    """How often each side runs, alternating."""
    prefect1_repeats: int = 1
    processes: int = 2
    """The workers of a cluster, one thread each."""
    inside: bool = False
    """Whether the cluster lives in the driver's process, as LocalCluster does by default."""
    memory: bool = True
    """Whether the memory is measured, with one more run of each side in new processes."""
    building: bool = True
    """Whether the building of the flow or the graph is timed too."""
    log_level: str | None = None
    """The level of logging on all sides; None leaves everything as it is by default."""
    pythons: dict[str, str] = field(default_factory=dict)
    """The Pythons of libraries that this one does not have: "prefect", and other peers."""


class Process:
    """A measured process that answers in JSON lines."""

    def __init__(self, python: str, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.command = [python, "-m", *arguments]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the process end by closing its input; kill it if it does not."""
        try:
            self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        self.errors.close()

    def answer(self) -> Any:
        """Wait for the next answer; RuntimeError with what it printed if the process has ended."""
        assert self.process.stdout is not None
        if line := self.process.stdout.readline():
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        raise RuntimeError(f"{' '.join(self.command)} failed:\n{self.errors.read()[-4000:]}")

    def ask(self, request: Any) -> Any:
        """Send a line and wait for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{request}\n")
        self.process.stdin.flush()
        return self.answer()


@contextmanager
def start_side(library: str, workload: Workload, options: Options) -> Iterator[Process]:
    """Start a side and its cluster, if the workload needs one; end both at the end."""
    environment = {}
    if options.log_level:
        environment["PREFECTLITE__LOGGING__LEVEL"] = options.log_level
        environment["PREFECT__LOGGING__LEVEL"] = options.log_level
    python = options.pythons.get(library, sys.executable)
    arguments = ["benchmarks.side", library, workload.name, "--processes", str(options.processes)]
    arguments += ["--building"] if options.building else []
    arguments += ["--memory"] if options.memory else []
    if not workload.on_cluster or options.inside or library in workload.peers:
        with Process(python, arguments, environment) as side:
            side.answer()
            yield side
        return
    cluster_arguments = ["benchmarks.cluster", str(options.processes)]
    with Process(python, cluster_arguments, environment) as cluster:
        arguments += ["--address", cluster.answer()]
        with Process(python, arguments, environment) as side:
            side.answer()
            yield side
