"""A second run of a mapped task whose results all lie at their targets."""

from __future__ import annotations

import pickle
from typing import Any

from benchmarks.shapes import increment
from benchmarks.workload import Run, Setting, Workload


def rerun_flow(setting: Setting, size: int) -> Run:
    """Run the flow once, so that the targets are there, and return its second run."""
    result = setting.api("engine.results.LocalResult")(dir=str(setting.folder))
    kept = setting.api("task")(increment, target="{map_index}.pickle", result=result)
    with setting.api("Flow")("rerun") as flow:
        mapped = kept.map(list(range(size)))
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


WORKLOADS = [
    Workload(
        "rerun", "rerun of mapped local targets, in process", (1_000,), rerun_flow, read_by_hand,
        "element", builds=False, goal="<= 4 x",
    )
]  # fmt: skip
