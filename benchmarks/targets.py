"""Mapped tasks whose results are files: the first run, and one that finds them all."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.shapes import add_up, increment, make_executor
from benchmarks.workload import Run, Setting, Workload


def kept_increment(setting: Setting) -> Any:
    """Return the task that stores its result in a file of the setting's folder."""
    result = setting.api("engine.results.LocalResult")(dir=str(setting.folder))
    return setting.api("task")(increment, target="{map_index}.pickle", result=result)


def rerun_flow(setting: Setting, size: int) -> Run:
    """Run the flow once, so that the targets are there, and return its second run."""
    with setting.api("Flow")("rerun") as flow:
        mapped = kept_increment(setting).map(list(range(size)))
    configured = setting.api("utilities.configuration.set_temporary_config")

    def run() -> Any:
        with configured({"flows.checkpointing": True}):
            state = flow.run(executor=setting.api("executors.LocalExecutor")())
        return state.result[mapped].result

    run()

    def second_run() -> Any:
        with configured({"flows.checkpointing": True}):
            state = flow.run(executor=setting.api("executors.LocalExecutor")())
        elements = state.result[mapped]
        if not all(element.is_cached() for element in elements.map_states):
            raise RuntimeError("An element was computed though its target is there.")
        return elements.result

    return second_run


def read_by_hand(setting: Setting, size: int) -> Run:
    """Write the results to files and return the reading of them."""
    paths = [setting.folder / f"{index}.pickle" for index in range(size)]
    for number, path in enumerate(paths):
        path.write_bytes(pickle.dumps(increment(number)))
    return lambda: [pickle.loads(path.read_bytes()) for path in paths]


def checkpoints_flow(setting: Setting, size: int) -> Run:
    """Return a run that stores each element's result at its target."""
    with setting.api("Flow")("checkpoints") as flow:
        total = setting.api("task")(add_up)(kept_increment(setting).map(list(range(size))))
    configured = setting.api("utilities.configuration.set_temporary_config")

    def run() -> Any:
        with configured({"flows.checkpointing": True}):
            state = flow.run(executor=make_executor(setting, "cluster"))
        return state.result[total].result

    return run


def increment_and_write(number: int, folder: Path) -> int:
    """Return the next number after writing it to a file, which is renamed when it is whole."""
    value = increment(number)
    with tempfile.NamedTemporaryFile("wb", dir=folder, delete=False) as file:
        pickle.dump(value, file)
    Path(file.name).rename(folder / f"{number}.pickle")
    return value


def checkpoints_by_hand(setting: Setting, size: int) -> Run:
    """Return the same map by hand; its files are not flushed to the disk."""
    from distributed import Client

    def run() -> Any:
        with Client(setting.address) as client:
            written = client.map(increment_and_write, range(size), folder=setting.folder)
            return client.submit(add_up, written).result()

    return run


WORKLOADS = [
    Workload(
        "rerun", "rerun of mapped local targets, in process", (1_000,), rerun_flow, read_by_hand,
        "element", builds=False, goal="<= 4 x",
    ),
    Workload(
        "checkpoints", "a map whose results are stored in local files, and a sum, cluster",
        (10_000,), checkpoints_flow, checkpoints_by_hand, "element", on_cluster=True,
        goal="<= 1.5 x",
    ),
]  # fmt: skip
