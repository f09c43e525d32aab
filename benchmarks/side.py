"""One side of a comparison, in a process of its own: runs a workload each time it is told to.

Reads a size a line from standard input and answers each with the seconds and the memory.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.channel import open_channel
from benchmarks.workload import OURS, Seconds, Setting, Workload
from benchmarks.workloads import WORKLOADS

# ru_maxrss is in KiB on Linux and in bytes on macOS.
MAXRSS_TO_MIB = 1 / 1024**2 if sys.platform == "darwin" else 1 / 1024


def peak_mib() -> float:
    """Return the peak of this process's resident memory, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_TO_MIB


def cluster_mib(address: str) -> dict[str, float]:
    """Return the peak memory of the scheduler and of the largest worker, in MiB."""
    from distributed import Client

    with Client(address) as client:
        workers = client.run(peak_mib)
        return {
            "scheduler": client.run_on_scheduler(peak_mib),
            "worker": max(workers.values(), default=0.0),
        }


def run_once(
    workload: Workload, side: str, setting: Setting, size: int, building: bool
) -> tuple[float, str]:
    """Prepare and run a workload; return the seconds, and a digest of the value it came to."""
    prepare = workload.prepare(side)
    gc.collect()
    began = time.perf_counter()
    run = prepare(setting, size)
    if not (building and workload.builds):
        gc.collect()
        began = time.perf_counter()
    value = run()
    seconds = time.perf_counter() - began
    if isinstance(value, Seconds):
        return float(value), ""
    return seconds, hashlib.sha256(repr(value).encode()).hexdigest()


def serve(arguments: argparse.Namespace, folder: Path, address: str | None, answer: Any) -> None:
    """Answer requests until there are none."""
    workload = WORKLOADS[arguments.workload]
    answer("ready")
    for number, line in enumerate(sys.stdin):
        own = folder / str(number)
        own.mkdir()
        library = OURS if arguments.side in workload.variants else arguments.side
        setting = Setting(library, address, own, arguments.processes)
        seconds, digest = run_once(workload, arguments.side, setting, int(line), arguments.building)
        memory = {"driver": peak_mib()}
        if arguments.memory and address:
            memory |= cluster_mib(address)
        answer({"seconds": seconds, "digest": digest, "memory": memory})


def main() -> None:
    """Read the arguments, start what the workload needs, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", help="a library, or the name of one of the workload's variants")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("--address", help="the scheduler's; else the cluster is in this process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--building", action="store_true", help="time the building too")
    parser.add_argument("--memory", action="store_true", help="ask the cluster for its memory")
    arguments = parser.parse_args()
    answer = open_channel()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        # runs keep their journals as usual, but not among the user's own
        os.environ["PREFECTLITE__RUNS__FOLDER"] = str(folder / "runs")
        workload = WORKLOADS[arguments.workload]
        alone = not workload.on_cluster or arguments.side in workload.peers
        if alone or arguments.address:
            serve(arguments, folder, arguments.address, answer)
            return
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=arguments.processes, threads_per_worker=1, dashboard_address=":0"
        ) as cluster:
            serve(arguments, folder, cluster.scheduler_address, answer)


if __name__ == "__main__":
    main()
