"""A run that is cancelled ends the work of tasks with a timeout, long before that is over."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from prefectlite import Flow, task
from prefectlite.engine.active_runs import active_runs
from prefectlite.engine.state import Cancelled
from prefectlite.executors import LocalDaskExecutor


@pytest.mark.parametrize("method", ["thread", "process"])
def test_timed_work_is_ended_with_its_run(method: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    @task(timeout=100, timeout_method=method)
    def works() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with marks.open("a") as file:
                file.write(".")
            time.sleep(0.02)

    def cancel() -> None:
        while not marks.exists():
            time.sleep(0.01)
        active_runs()[0].cancel()

    with Flow("cancelled") as flow:
        works()
    threading.Thread(target=cancel).start()
    assert isinstance(flow.run(executor=LocalDaskExecutor(num_workers=1)), Cancelled)
    size = -1
    for _ in range(100):
        if size == (size := marks.stat().st_size):
            return
        time.sleep(0.2)
    pytest.fail("the work goes on")
