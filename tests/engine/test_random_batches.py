"""Fusion and batches change nothing but speed: states, handlers, events and files stay the same."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

import prefectlite
from prefectlite import Flow, Task, task, triggers
from prefectlite.engine.events import StateChange
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import State
from prefectlite.executors import DaskExecutor, Executor
from prefectlite.utilities.configuration import set_temporary_config
from tests.clusters import EXECUTORS, started_executor
from tests.engine.random_flows import Sketch, build, outcomes, sketches

EXAMPLES = {"local": 60, "sync": 10, "threads": 40, "processes": 25, "dask": 50}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    # thousands of runs: what they log is tested elsewhere
    logger = logging.getLogger("prefectlite")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


class Witness:
    """A state handler that writes each change of state to a file, wherever it is called."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, changed: Task, old: State, new: State) -> None:
        run = f"{changed.name}[{prefectlite.context.get('map_index')}]"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{run}: {type(old).__name__} to {type(new).__name__}\n")


def observed(
    drawn: list[Sketch],
    extras: list[str],
    executor: Executor,
    fuse: bool,
    batch_size: int | str | None = None,
) -> dict[str, Any]:
    """All that can be seen of one run of a flow: its states, handlers' calls, events and files."""
    flow, tasks = build(drawn)
    flow.fuse = fuse
    events: dict[tuple[str | None, int | None], list[tuple[str, int]]] = defaultdict(list)

    def take(change: StateChange) -> None:
        events[change.task, change.map_index].append((change.state, change.attempt))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls, results = folder / "calls.txt", LocalResult(dir=str(folder / "results"))
        for step, extra in zip(tasks, extras, strict=True):
            step.batch_size = batch_size
            if extra == "handler":
                step.state_handlers.append(Witness(calls))
            elif extra == "target":
                step.result, step.target = results, step.name + "/{map_index}.pickle"
            elif extra == "loop":
                step.moods = (*step.moods, "loop")
        with set_temporary_config({"flows.checkpointing": True}):
            states = outcomes(flow, tasks, executor=executor, readers=[take])
        files = sorted(p for p in folder.rglob("*.pickle") if p.is_file())
        return {
            "states": states,
            "calls": sorted(calls.read_text().splitlines()) if calls.exists() else [],
            "events": dict(events),
            "files": {str(p.relative_to(folder)): results.read(str(p)).value for p in files},
        }


# Dask's threads draw random numbers too, at any time
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", EXECUTORS)
def test_fusion_and_batches_change_nothing(kind: str) -> None:
    executor = started_executor(kind)

    @given(
        drawn=sketches(6),
        data=strategies.data(),
        fuse=strategies.booleans(),
        batch_size=strategies.sampled_from([None, 1, 3, "auto"]),
    )
    @settings(
        max_examples=EXAMPLES[kind],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def compare(drawn: list[Sketch], data: Any, fuse: bool, batch_size: int | str | None) -> None:
        kinds = strategies.sampled_from(["", "handler", "target", "loop"])
        extras = [data.draw(kinds) for _ in drawn]
        expected = observed(drawn, extras, started_executor("local"), fuse=False)
        assert observed(drawn, extras, executor, fuse, batch_size) == expected

    with executor.start():
        compare()


@task
def start(number: int) -> int:
    """The number itself."""
    return number


@task(timeout=1, max_retries=0)
def slow_for_one(number: int) -> int:
    """Takes too long for the number 1."""
    if number == 1:
        time.sleep(30)
    return number


@task(trigger=triggers.all_finished)
def finish(value: Any) -> str:
    """The name of the value's class."""
    return type(value).__name__


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize(("fuse", "batch_size"), [(True, "auto"), (False, 3)])
def test_a_timeout_in_the_middle_of_a_batch_is_one_elements_own(
    kind: str, fuse: bool, batch_size: int | str
) -> None:
    sized = {"batch_size": batch_size}
    with Flow("timeout") as flow:
        started = start.map(list(range(4)), task_args=sized)
        slowed = slow_for_one.map(started, task_args=sized)
        ended = finish.map(slowed, task_args=sized)
    flow.fuse = fuse
    state = flow.run(executor=started_executor(kind))
    assert state is not None
    names = [type(each).__name__ for each in state.result[slowed].map_states]
    assert names == ["Success", "TimedOut", "Success", "Success"]
    assert state.result[ended].result == ["int", "TaskTimeoutSignal", "int", "int"]


@task
def deadly(number: int) -> int:
    """Ends the worker's process at the number 7."""
    if number == 7:
        os._exit(3)
    return number


@pytest.mark.timeout(180)
@pytest.mark.parametrize("batch_size", [5, "auto"])
def test_an_element_that_kills_its_worker_costs_the_others_of_its_batch_a_second_try(
    batch_size: int | str,
) -> None:
    import dask

    with Flow("deadly") as flow:
        mapped = deadly.map(list(range(12)), task_args={"batch_size": batch_size})
        executor = DaskExecutor(
            cluster_kwargs={"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
        )
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        state = flow.run(executor=executor)
    assert state is not None
    states = state.result[mapped].map_states
    assert [i for i, each in enumerate(states) if not each.is_successful()] == [7]
    assert "deadly[7]" in states[7].message
    assert [each.result for i, each in enumerate(states) if i != 7] == [
        i for i in range(12) if i != 7
    ]
