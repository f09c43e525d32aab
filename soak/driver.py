"""The process that runs a flow of the soak: `python -m soak.driver ORDER`, the path of a pickle."""

from __future__ import annotations

import faulthandler
import json
import pickle
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefectlite.engine.state import Mapped, State
from soak.flows import Places, build
from soak.shapes import Shape

FLOW = "soak"


@dataclass(frozen=True)
class Order:
    """What a driver is to do.

    Attributes:
        shape: The flow.
        places: Where runs leave what.
        executor: dask, local-cluster, processes, threads or local.
        address: The scheduler's, for dask.
        resumes: Whether to go on with the last run.
        outcome: The file for what it came to.
        reconnect: How long it waits for a scheduler that was lost, in seconds; None for not at all.
    """

    shape: Shape
    places: Places
    executor: str
    address: str
    resumes: bool
    outcome: str
    reconnect: float | None = None


def executor_of(order: Order) -> Any:
    """The executor that an order names."""
    from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

    if order.executor == "dask":
        return DaskExecutor(order.address, reconnect=order.reconnect)
    if order.executor == "local-cluster":
        settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
        return DaskExecutor(cluster_kwargs=settings)
    if order.executor == "local":
        return LocalExecutor()
    return LocalDaskExecutor(scheduler=order.executor, num_workers=2)


def told(state: State) -> Any:
    """A state for the outcome: class, message, and the value or why there is none."""
    if isinstance(state, Mapped) and state.map_states:
        return {"elements": [told(each) for each in state.map_states]}
    found: dict[str, Any] = {"state": type(state).__name__, "message": state.message}
    if isinstance(state, Mapped):
        return {**found, "elements": []}
    if state.is_successful():
        try:
            found["value"] = state.result
        except Exception as error:
            found["unread"] = f"{type(error).__name__}: {error}"
    elif state.is_failed():
        found["error"] = type(state.result).__name__
    return found


def main() -> None:
    # asked for where the run hangs
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    order: Order = pickle.loads(Path(sys.argv[1]).read_bytes())
    flow = build(order.shape, order.places, FLOW)
    resume = None
    if order.resumes:
        from prefectlite import runs

        # one that was killed before it had a journal has left nothing to go on from
        resume = "last" if runs.list_runs(flow_name=FLOW) else None
    state = flow.run(executor=executor_of(order), resume=resume)
    assert state is not None
    outcome = {"state": type(state).__name__, "message": state.message, "tasks": {}}
    if isinstance(state.result, dict):
        outcome["tasks"] = {task.name: told(each) for task, each in state.result.items()}
    unfinished = Path(f"{order.outcome}.tmp")
    unfinished.write_text(json.dumps(outcome))
    unfinished.rename(order.outcome)


if __name__ == "__main__":
    main()
