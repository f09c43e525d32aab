"""A flow for drivers that are killed: every task run leaves a mark when it begins.

    python killed_flow.py FOLDER KIND HOW [ADDRESS]

KIND is an executor's, HOW says where values are kept. It resumes the last run if there is one.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import prefectlite
from prefectlite import Flow, runs, task
from prefectlite.engine.results import LocalResult
from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

ELEMENTS = 20


def mark(folder: str, name: str) -> None:
    """Leave a mark of a task run that begins; a file a run, a byte a time."""
    path = Path(folder, "marks", name)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, b".")
    os.close(descriptor)


def flow_of(folder: str, how: str) -> Flow:
    """A list, a chain of two maps over it, and a sum."""
    result = LocalResult(dir=Path(folder, "results"))
    targets = how == "targets"

    def settings(target: str) -> dict[str, Any]:
        return {"target": target if targets else None, "result": result}

    @task(**settings("numbers"))
    def numbers() -> list[int]:
        mark(folder, "numbers-1")
        return list(range(ELEMENTS))

    @task(**settings("double-{x}"))
    def double(x: int) -> int:
        mark(folder, f"double-1-{x}")
        time.sleep(0.01)
        return x * 2

    @task(**settings("add-{x}"))
    def add(x: int) -> int:
        mark(folder, f"add-1-{x // 2}")
        time.sleep(0.01)
        return x + 1

    @task(**settings("total"))
    def total(values: list[int]) -> int:
        mark(folder, "total-1")
        return sum(values)

    with Flow("killed") as flow:
        total(add.map(double.map(numbers())))
    return flow


def main() -> None:
    folder, kind, how, *address = sys.argv[1:]
    prefectlite.config.runs.folder = str(Path(folder, "runs"))
    Path(folder, "marks").mkdir(exist_ok=True)
    executor: Any = {
        "local": LocalExecutor,
        "threads": lambda: LocalDaskExecutor(scheduler="threads", num_workers=2),
        "processes": lambda: LocalDaskExecutor(scheduler="processes", num_workers=2),
        "dask": lambda: DaskExecutor(address[0]),
    }[kind]()
    flow = flow_of(folder, how)
    resume = "last" if runs.list_runs(flow_name="killed") else None
    state = flow.run(executor=executor, resume=resume)
    assert state is not None
    (end,) = flow.get_tasks("total")
    print("RESULT", state.result[end].result)


if __name__ == "__main__":
    main()
