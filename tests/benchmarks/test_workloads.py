"""Every workload comes to the same value as a flow and by hand, at a tiny size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.side import run_once
from benchmarks.workload import Setting
from benchmarks.workloads import WORKLOADS

ON_CLUSTER = [name for name, workload in WORKLOADS.items() if workload.on_cluster]
LOCAL = [name for name in WORKLOADS if name not in ON_CLUSTER]
SIZES = {
    "import": 1,
    "temporary": 1,
    "batches-mixed": 3,
    "busy": 2,
    "flights": 3,
    "flights-kept": 3,
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a cluster of one worker in this process."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


def run_both(name: str, folder: Path, address: str | None) -> None:
    workload = WORKLOADS[name]
    size = SIZES.get(name, 6)
    digests = []
    for side in ["dask", "prefectlite"] if workload.by_hand else ["prefectlite"]:
        own = folder / side
        own.mkdir()
        setting = Setting(side, address, own, processes=1)
        seconds, digest = run_once(workload, side, setting, size, building=True)
        assert seconds > 0
        digests.append(digest)
    assert len(set(digests)) == 1


@pytest.mark.parametrize("name", LOCAL)
def test_local_workload(name: str, tmp_path: Path) -> None:
    run_both(name, tmp_path, None)


@pytest.mark.parametrize("name", ON_CLUSTER)
def test_workload_on_a_cluster(name: str, tmp_path: Path, address: str) -> None:
    run_both(name, tmp_path, address)


def test_a_workload_that_is_not_written_by_hand_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="empty is not written by hand"):
        run_once(WORKLOADS["empty"], "dask", Setting("dask", None, tmp_path), 1, building=True)


def test_the_flights_of_the_year_are_cut_as_the_size_says() -> None:
    from benchmarks.flights import choose

    assert choose(6) == ([1, 2], "month")
    assert choose(1095) == (list(range(1, 13)), "day")
    with pytest.raises(ValueError, match="flights has no 40 partitions"):
        choose(40)
