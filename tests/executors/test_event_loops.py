"""Runs inside of an event loop, as a notebook has one, and in threads beside it: how they end."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from pathlib import Path

import pytest

from prefectlite import Flow, task
from prefectlite.engine.active_runs import active_runs
from prefectlite.engine.state import Cancelled, State
from tests.clusters import started_executor
from tests.executors.conftest import Journal
from tests.executors.scripts import output_when_interrupted, wait_for

# A kernel runs each cell in a callback of its loop, in the main thread.
SCRIPT = """
import asyncio, signal, sys, time
from pathlib import Path
from prefectlite import Flow, task
from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

folder = Path(sys.argv[1])

@task
def quick(x):
    return x

@task
def slow(x):
    (folder / f"began-{x}").touch()
    time.sleep(60)

with Flow("in a notebook") as flow:
    slow.map(quick.map([1, 2, 3]))

def cell():
    state = flow.run(executor=EXECUTOR)
    print("STATE", type(state).__name__, {type(s).__name__ for s in state.result.values()})

async def kernel():
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done = loop.create_future()

    def execute():
        try:
            cell()
        finally:
            done.set_result(None)

    loop.call_soon(execute)
    await done
    await asyncio.sleep(0.01)
    print("KERNEL goes on")

if __name__ == "__main__":
    asyncio.run(kernel())
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", ["local", "threads", "dask"])
def test_an_interrupted_cell_is_cancelled_and_the_kernel_goes_on(kind: str, tmp_path: Path) -> None:
    # a notebook's server interrupts the kernel's process, and nobody else
    output = output_when_interrupted(
        SCRIPT, kind, tmp_path, lambda process: process.send_signal(signal.SIGINT)
    )
    assert "STATE Cancelled" in output, output
    assert "KERNEL goes on" in output, output


def stuck_flow(journal: Journal) -> Flow:
    @task
    def slow(x: int) -> None:
        journal.write(f"began {x}")
        for _ in range(600):
            time.sleep(0.1)
        journal.write("late")

    with Flow("stuck") as flow:
        slow.map([1, 2])
    return flow


@pytest.mark.parametrize("kind", ["local", "threads", "processes", "dask"])
def test_a_run_in_a_thread_beside_a_loop_is_cancelled_from_the_loop(
    kind: str, journal: Journal
) -> None:
    flow = stuck_flow(journal)

    async def notebook() -> State | None:
        running = asyncio.create_task(asyncio.to_thread(flow.run, executor=started_executor(kind)))
        while not journal.lines():
            await asyncio.sleep(0.05)
        active_runs()[0].cancel()
        return await asyncio.wait_for(running, 60)

    state = asyncio.run(notebook())
    assert isinstance(state, Cancelled)
    assert active_runs() == []
    assert "late" not in journal.lines()


@pytest.mark.parametrize("kind", ["local", "dask"])
def test_a_run_inside_a_loop_is_cancelled_from_a_thread(kind: str, journal: Journal) -> None:
    flow = stuck_flow(journal)

    def cancel() -> None:
        wait_for(journal.lines)
        active_runs()[0].cancel()

    async def notebook() -> tuple[State | None, str]:
        thread = threading.Thread(target=cancel)
        thread.start()
        state = flow.run(executor=started_executor(kind))
        thread.join()
        await asyncio.sleep(0)
        return state, "goes on"

    state, after = asyncio.run(notebook())
    assert isinstance(state, Cancelled)
    assert after == "goes on"
