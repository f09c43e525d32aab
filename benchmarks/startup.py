"""What is paid before the first task runs: the import, building, compiling, an empty flow."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from benchmarks.shapes import delayed_fan, fan_tasks, increment
from benchmarks.workload import Prepare, Run, Seconds, Setting, Workload


def time_import(module: str) -> Seconds:
    """Return how long a new interpreter takes to import a module."""
    timed = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", timed]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Seconds(done.stdout.splitlines()[-1])


def import_library(setting: Setting, size: int) -> Run:
    """Import this side's library `size` times, each in an interpreter of its own."""
    return lambda: Seconds(sum(time_import(setting.library) for _ in range(size)))


def import_distributed(setting: Setting, size: int) -> Run:
    """Import what a hand-written job on a cluster imports."""
    return lambda: Seconds(sum(time_import("distributed") for _ in range(size)))


def empty_flow(setting: Setting, size: int) -> Run:
    """Run a flow without tasks `size` times."""
    with setting.api("Flow")("empty") as flow:
        pass
    executor = setting.api("executors.LocalExecutor")()

    def run() -> None:
        for _ in range(size):
            flow.run(executor=executor)

    return run


def build_flow(setting: Setting, size: int) -> Run:
    """Build a flow of `size` tasks."""

    def run() -> None:
        with setting.api("Flow")("build"):
            fan_tasks(setting.api("task"), size)

    return run


def build_graph(setting: Setting, size: int) -> Run:
    """Build the same graph with dask.delayed."""
    import dask

    def run() -> None:
        delayed_fan(dask.delayed, size)

    return run


def compile_shape(shape: Any) -> Prepare:
    """Return the compilation of a flow of that shape; only prefectlite has this step."""

    def prepare(setting: Setting, size: int) -> Run:
        with setting.api("Flow")("compile") as flow:
            shape(setting.api("task"), size)
        compile_flow = setting.api("engine.plan.compile_flow")

        def run() -> None:
            compile_flow(flow)

        return run

    return prepare


def temporary_cluster(setting: Setting, size: int) -> Run:
    """Run a flow of one task on a cluster that is started for it, `size` times."""
    with setting.api("Flow")("temporary") as flow:
        setting.api("task")(increment)(0)
    executor = setting.api("executors.DaskExecutor")(
        cluster_kwargs={
            "n_workers": setting.processes,
            "threads_per_worker": 1,
            "dashboard_address": ":0",
        }
    )

    def run() -> None:
        for _ in range(size):
            flow.run(executor=executor)

    return run


def bare_cluster(setting: Setting, size: int) -> Run:
    """Start and close a cluster, `size` times, and do nothing with it."""
    from distributed import LocalCluster

    def run() -> None:
        for _ in range(size):
            with LocalCluster(
                n_workers=setting.processes, threads_per_worker=1, dashboard_address=":0"
            ):
                pass

    return run


WORKLOADS = [
    Workload("import", "import of the library", (1,), import_library, import_distributed,
             unit="import", goal="<= 150 ms"),
    Workload("empty", "an empty flow, in process", (20,), empty_flow, unit="run", goal="<= 1 ms"),
    Workload("build", "building a flow", (10_000, 20_000), build_flow, build_graph),
    Workload("compile", "compiling a flow", (10_000, 20_000), compile_shape(fan_tasks),
             builds=False, prefect1=False, goal="<= 0.05 ms"),
    Workload("temporary", "a temporary cluster for one task, beside LocalCluster alone", (1,),
             temporary_cluster, bare_cluster, unit="cluster", goal="<= 1.3 x"),
]  # fmt: skip
