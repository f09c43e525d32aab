"""A Dask cluster of real processes, as users start them: a scheduler, and workers with nannies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soak.processes import (
    CLUSTER_MARK,
    children,
    command_of,
    end_all,
    environment,
    marked,
    start,
    tell,
    wait_until,
)
from soak.proxies import Network, Proxy

WORKERS = 2
SETTINGS = {
    # a worker that is not heard of for so long is given up; Dask's own patience is 5 minutes
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s",
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning",
}


class Cluster:
    """A scheduler, and two workers of one thread; the second reaches the scheduler by a proxy.

    Args:
        network: What the proxies live in.
        folder: For the logs and the workers' own files.
        memory: The limit of a worker's memory.
        settings: Further settings of Dask, as variables of the environment.
    """

    def __init__(
        self,
        network: Network,
        folder: Path,
        memory: str = "600MB",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._env = environment(**SETTINGS, **(settings or {}), **{CLUSTER_MARK: self.mark})
        address_file = folder / f"scheduler-{self.mark}.json"
        self.scheduler = self._start_scheduler("0", "--scheduler-file", str(address_file))
        if not wait_until(lambda: _address_in(address_file) is not None, 60):
            raise RuntimeError(f"no scheduler: {self._said('scheduler')}")
        self.address = str(_address_in(address_file))
        port = int(self.address.rpartition(":")[2])
        # the way of the second worker, and one for drivers that are to be cut off
        self.way_of_worker = Proxy(network, port)
        self.way_of_driver = Proxy(network, port)
        self._ways = [self.address, f"tcp://127.0.0.1:{self.way_of_worker.port}"]
        self._memory = memory
        self.nannies = [self._start_worker(number) for number in range(WORKERS)]
        self._ready: list[int] = []
        self._leaving: list[int] = []

    def _start(self, what: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        program = f"distributed.cli.dask_{what}"
        log = self._folder / f"{what}.log"
        return start([sys.executable, "-m", program, *arguments], log, self._env)

    def _start_scheduler(self, port: str, *more: str) -> subprocess.Popen[bytes]:
        options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard"]
        return self._start("scheduler", [*options, *more])

    def _start_worker(self, number: int) -> subprocess.Popen[bytes]:
        options = ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        options += ["--memory-limit", self._memory, "--name", f"worker-{number}"]
        options += ["--local-directory", str(self._folder)]
        return self._start("worker", [self._ways[number], *options])

    def _said(self, what: str) -> str:
        return (self._folder / f"{what}.log").read_text(errors="replace")[-2000:]

    def workers(self) -> list[int]:
        """The processes of the workers, as far as they are there: one of each nanny."""
        found = []
        for nanny in self.nannies:
            found += [p for p in children(nanny.pid) if "spawn_main" in command_of(p)]
        return found

    def worker(self, number: int) -> int | None:
        """The process of one worker; None while there is none."""
        found = children(self.nannies[number].pid)
        return next((p for p in found if "spawn_main" in command_of(p)), None)

    def strays(self) -> list[int]:
        """What workers started and left: processes of tasks.

        Those that timeouts need are used again, and end by themselves after half a minute.
        """
        return [
            child
            for worker in self.workers()
            for child in children(worker)
            if not any(each in command_of(child) for each in ("tracker", "process_pool"))
        ]

    def is_whole(self) -> bool:
        """Whether its processes are there."""
        return self.scheduler.poll() is None and all(n.poll() is None for n in self.nannies)

    def wait_until_ready(self, seconds: float = 60.0) -> bool:
        """Wait until the scheduler knows all workers; False where that does not come to be."""
        if not self.is_whole():
            return False
        if self._ready and self.workers() == self._ready:
            return True
        from distributed import Client

        try:
            with Client(self.address, timeout=15, set_as_default=False) as client:
                ready = wait_until(lambda: _known(client) == WORKERS, seconds)
                self._ready = self.workers() if ready else []
                return ready
        except OSError:
            return False

    def restart(self) -> None:
        """Start a scheduler at the same address, and workers in the place of what is left."""
        self._end_processes()
        self.scheduler = self._start_scheduler(self.address.rpartition(":")[2])
        self.nannies = [self._start_worker(number) for number in range(WORKERS)]
        self.forget()

    def retire(self, number: int) -> bool:
        """Have a worker hand over what it holds and end; False where it is not there."""
        from distributed import Client

        try:
            with Client(self.address, timeout=15, set_as_default=False) as client:
                gone = client.retire_workers(names=[f"worker-{number}"], close_workers=True)
        except OSError:
            return False
        if gone:
            self._leaving.append(number)
        return bool(gone)

    def hire(self) -> None:
        """Start workers in the place of those that left."""
        while self._leaving:
            number = self._leaving.pop()
            nanny = self.nannies[number]
            try:
                nanny.wait(10)
            except subprocess.TimeoutExpired:
                nanny.kill()
                nanny.wait()
            self.nannies[number] = self._start_worker(number)
        self.forget()

    def forget(self) -> None:
        """Look again whether it is ready, as something was done to it."""
        self._ready = []

    def processes(self) -> dict[str, int]:
        """Its processes by name."""
        found = {"scheduler": self.scheduler.pid}
        for number in range(WORKERS):
            worker = self.worker(number)
            if worker is not None:
                found[f"worker {number}"] = worker
        return found

    def close(self) -> None:
        """End it, whatever is left of it."""
        self._end_processes()
        self.way_of_worker.close()
        self.way_of_driver.close()

    def _end_processes(self) -> None:
        for process in [*self.nannies, self.scheduler]:
            for worker in children(process.pid):
                tell(worker, signal.SIGCONT)
            if process.poll() is None:
                process.kill()
            process.wait()
        wait_until(self._kill_rest, 10)

    def _kill_rest(self) -> bool:
        end_all(CLUSTER_MARK, self.mark)
        return not marked(CLUSTER_MARK, self.mark)


def _known(client: Any) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _address_in(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text())["address"])
    except (OSError, ValueError):
        return None
