"""A pool of processes that serves more than one run."""

from __future__ import annotations

import os
import pickle
import queue
import time
from pathlib import Path
from typing import Any

from prefectlite.exceptions import WorkerLostError
from prefectlite.executors.process_pool import Luggage, ProcessPool


def test_calls_that_wait_are_forgotten_with_their_luggage(tmp_path: Path) -> None:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ended, other = Luggage("ended", b""), Luggage("other", b"")

    def call(pool: ProcessPool, luggage: Luggage, function: Any, *args: Any) -> None:
        request = pickle.dumps((function, args))
        pool.call(request, lambda message: None, answers.put, luggage)

    with ProcessPool(1) as pool:
        call(pool, ended, time.sleep, 300)
        call(pool, ended, os.mkdir, str(tmp_path / "late"))
        call(pool, other, os.mkdir, str(tmp_path / "made"))
        while not pool._at_work:
            time.sleep(0.01)
        pool.drop(ended)
        assert isinstance(answers.get(timeout=60), WorkerLostError)
        # the next answer is that of the other run's call
        assert answers.get(timeout=60) is None
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
