"""The shapes with other libraries, for Pythons that have them; nothing of Dask is imported here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.workload import Prepare, Run, Setting

# the variable that names the Python with a library, by the library's name
PYTHONS = {"prefect": "PREFECT1_PYTHON", "ray": "RAY_PYTHON", "parsl": "PARSL_PYTHON"}

# what a shape needs of a library: a call that makes a future, and the sum of futures as one
Call = Callable[[Any], Any]
Total = Callable[[list[Any]], Any]


def increment(number: int) -> int:
    """Return the next number."""
    return number + 1


def add_up_arguments(*numbers: int) -> int:
    """Return the sum; both hand over values only for arguments that are futures themselves."""
    return sum(numbers)


def map_futures(call: Call, total: Total, size: int) -> Any:
    """A map over `size` numbers, and a sum."""
    return total([call(number) for number in range(size)])


def three_map_futures(call: Call, total: Total, size: int) -> Any:
    """Three maps, each over the results of the one before, and a sum."""
    mapped: list[Any] = list(range(size))
    for _ in range(3):
        mapped = [call(value) for value in mapped]
    return total(mapped)


def chain_futures(call: Call, total: Total, size: int) -> Any:
    """`size` calls in a row."""
    value: Any = 0
    for _ in range(size):
        value = call(value)
    return value


def fan_futures(call: Call, total: Total, size: int) -> Any:
    """`size` calls that all depend on one, and a sum."""
    root = call(0)
    return total([call(root) for _ in range(size)])


def ray_of(shape: Any) -> Prepare:
    """Return a shape with Ray's remote functions; Ray starts once and is not timed."""

    def prepare(setting: Setting, size: int) -> Run:
        import ray

        if not ray.is_initialized():
            ray.init(num_cpus=setting.processes, include_dashboard=False, log_to_driver=False)
        call, total = ray.remote(increment), ray.remote(add_up_arguments)
        return lambda: ray.get(
            shape(call.remote, lambda references: total.remote(*references), size)
        )

    return prepare


def parsl_of(shape: Any, threads: bool = False) -> Prepare:
    """Return a shape with Parsl's apps, on processes or threads that start once, not timed."""

    def prepare(setting: Setting, size: int) -> Run:
        import parsl

        start_parsl(setting, threads)
        call, total = parsl.python_app(increment), parsl.python_app(add_up_arguments)
        return lambda: shape(call, lambda futures: total(*futures), size).result()

    return prepare


def start_parsl(setting: Setting, threads: bool) -> None:
    """Load Parsl's executor, unless that has been done."""
    import parsl

    try:
        parsl.dfk()
    except parsl.errors.NoDataFlowKernelError:
        from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor

        # it starts programs of its own by their names, and those import these functions
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        workers: Any = (
            ThreadPoolExecutor(max_threads=setting.processes)
            if threads
            else HighThroughputExecutor(max_workers_per_node=setting.processes, encrypted=False)
        )
        parsl.load(parsl.Config([workers], run_dir=str(setting.folder.parent / "parsl")))


def on_cluster(shape: Any) -> dict[str, Prepare]:
    """The peers of a workload that runs on a cluster."""
    return {"ray": ray_of(shape), "parsl": parsl_of(shape)}


def on_threads(shape: Any) -> dict[str, Prepare]:
    """The peers of a workload that runs on threads."""
    return {"parsl": parsl_of(shape, threads=True)}
