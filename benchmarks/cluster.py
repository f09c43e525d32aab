"""A Dask cluster in a process of its own, so that a driver's memory is the driver's alone.

`python -m benchmarks.cluster 2` starts two workers, prints the scheduler's address, and ends when
its standard input is closed.
"""

from __future__ import annotations

import sys

from benchmarks.channel import open_channel


def main(processes: int) -> None:
    """Start the cluster and wait for the end of standard input."""
    channel = open_channel()
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=processes, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        channel(cluster.scheduler_address)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
