"""With the default method, the work is ended whatever it does: on every executor."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine import signals
from prefectlite.engine.state import Failed, Skipped, State, Success, TimedOut
from prefectlite.exceptions import SerializationError
from prefectlite.executors import Executor, LocalDaskExecutor, LocalExecutor
from tests.clusters import close_all, started_executor


@pytest.fixture(scope="module", autouse=True)
def _end_of_cluster() -> Iterator[None]:
    yield
    close_all()


def loops(path: Path) -> None:
    while True:
        pass


def sleeps(path: Path) -> None:
    time.sleep(60)
    path.write_text("late")


def receives(path: Path) -> None:
    here, there = socket.socketpair()
    with here, there:
        here.recv(1)


def starts(path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"])
    path.with_suffix(".pid").write_text(str(child.pid))
    child.wait()


def in_c(path: Path) -> None:
    sum(range(10**11))
    path.write_text("late")


BODIES = {"loops": loops, "sleeps": sleeps, "receives": receives, "starts": starts, "in_c": in_c}


def ends(executor: Executor, folder: Path, *bodies: str) -> None:
    @task(timeout=1)
    def stuck(body: str) -> None:
        BODIES[body](folder / body)

    @task(trigger=prefectlite.triggers.all_finished)
    def after() -> int:
        return 1

    with Flow("stuck") as flow:
        made = stuck.map(list(bodies))
        end = after(upstream_tasks=[made])
    state = flow.run(executor=executor)
    assert state is not None
    kinds = [type(each) for each in state.result[made].map_states]
    assert kinds == [TimedOut] * len(bodies)
    assert state.result[end].result == 1
    assert sorted(path.name for path in folder.iterdir()) == ["starts.pid"]
    assert is_gone(int((folder / "starts.pid").read_text()))


def is_gone(process: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(process):
            return True
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", ["local", "threads", "processes", "dask"])
def test_the_work_is_ended(kind: str, tmp_path: Path) -> None:
    ends(started_executor(kind), tmp_path, *BODIES)


def test_the_work_is_ended_in_a_driver_that_runs_in_a_thread(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def drive() -> None:
        try:
            ends(LocalExecutor(), tmp_path, "starts", "in_c")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert not failed


@pytest.mark.parametrize("kind", ["local", "threads"])
def test_a_process_started_in_this_one_is_ended_where_the_task_has_to_stay(
    kind: str,
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    @task(timeout=2)
    def stays() -> None:
        started.append(subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60"]))
        started[0].wait()

    with Flow("stays") as flow:
        made = stays()
    state = flow.run(executor=started_executor(kind))
    assert state is not None
    assert type(state.result[made]) is TimedOut
    assert len(started) == 1
    assert is_gone(started[0].pid)
    started[0].wait()


@pytest.mark.parametrize("kind", ["local", "threads"])
def test_code_that_hides_the_first_exception_gets_another(kind: str) -> None:
    hidden: list[str] = []

    @task(timeout=1)
    def hides() -> None:
        for _ in range(2):
            try:
                while True:
                    time.sleep(0.01)
            except BaseException as error:
                hidden.append(type(error).__name__)
        while True:
            time.sleep(0.01)

    with Flow("hides") as flow:
        made = hides()
    state = flow.run(executor=started_executor(kind))
    assert state is not None
    assert type(state.result[made]) is TimedOut
    for _ in range(200):
        alive = any(thread.name.endswith("-timed") for thread in threading.enumerate())
        if len(hidden) == 2 and not alive:
            return
        time.sleep(0.05)
    pytest.fail(f"the task goes on; it hid {hidden}")


# what a task in another process looks like from here


class TwoArguments(Exception):
    def __init__(self, left: int, right: int) -> None:
        self.right = right
        super().__init__(f"{left} and {right}")


def run(made: Any, *args: Any, executor: Executor | None = None, **settings: Any) -> State:
    with Flow("apart") as flow:
        ran = made(*args)
    state = flow.run(executor=executor or LocalExecutor(), **settings)
    assert state is not None
    return state.result[ran]


def test_prints_logs_and_context_are_those_of_a_task_here() -> None:
    @task(timeout=30)
    def tells(x: int) -> tuple[int, Any, str]:
        print("printed")
        print("complained", file=sys.stderr)
        prefectlite.context.logger.warning("logged")
        logging.getLogger("tests.apart").info("too low")
        logging.getLogger("tests.apart").error("of its own")
        name: str = prefectlite.context.task_full_name
        return os.getpid(), prefectlite.context.parameters["p"], name

    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    loggers = prefectlite.utilities.logging.get_logger(), logging.getLogger("tests.apart")
    printed, complained = io.StringIO(), io.StringIO()
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
            ended = run(tells, 1, context={"parameters": {"p": [4]}, "lock": threading.Lock()})
            run(tells.copy(log_stdout=True), 1, context={"parameters": {"p": 4}})
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert type(ended) is Success
    process, parameter, name = ended.result
    assert process != os.getpid()
    assert (parameter, name) == ([4], "tells")
    assert printed.getvalue() == "printed\n"
    assert complained.getvalue() == "complained\n" * 2
    mine = [each for each in records if each in ("printed", "logged", "of its own", "too low")]
    assert mine == ["logged", "of its own", "printed", "logged", "of its own"]


def test_exceptions_and_signals_come_as_they_were_raised() -> None:
    @task(timeout=30)
    def raises() -> None:
        try:
            [][1]
        except IndexError as error:
            raise TwoArguments(1, 2) from error

    @task(timeout=30)
    def skips() -> None:
        raise signals.SKIP("not today", result=5)

    @task(timeout=30, max_retries=1, retry_delay=timedelta(0))
    def again() -> int:
        if prefectlite.context.task_run_count == 1:
            raise signals.RETRY("once more")
        return 7

    @task(timeout=30)
    def rounds() -> int:
        count: int = prefectlite.context.get("task_loop_count", 1)
        if count < 3:
            raise signals.LOOP(result=count)
        return count

    failed = run(raises)
    assert type(failed) is Failed
    error = failed.result
    assert isinstance(error, TwoArguments)
    assert (str(error), error.right) == ("1 and 2", 2)
    assert isinstance(error.__cause__, IndexError)
    names = []
    traceback = error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[-1] == "raises"
    skipped = run(skips)
    assert (type(skipped), skipped.message, skipped.result) == (Skipped, "not today", 5)
    assert run(again).result == 7
    assert run(rounds).result == 3


def test_folder_and_variables_are_those_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task(timeout=30)
    def looks() -> tuple[str, str | None]:
        return str(Path.cwd()), os.getenv("OF_THE_MOMENT")

    for value in ("one", "two"):
        folder = tmp_path / value
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("OF_THE_MOMENT", value)
        assert run(looks).result == (str(folder), value)
    monkeypatch.delenv("OF_THE_MOMENT")
    assert run(looks).result[1] is None


def test_what_cannot_leave_its_process_is_made_here() -> None:
    @task(timeout=30)
    def opens() -> Any:
        return threading.Lock()

    state = run(opens, executor=LocalDaskExecutor("threads", num_workers=1))
    assert type(state) is Success
    assert run(opens).result.acquire(blocking=False)


def test_what_a_task_does_to_its_inputs_is_seen_by_those_who_share_them() -> None:
    @task(timeout=30)
    def changes(data: dict[str, Any], fails: bool) -> int:
        data["items"].append(3)
        data["more"] = {1}
        del data["old"]
        if fails:
            raise ValueError("after that")
        return os.getpid()

    for fails in (False, True):
        items = [1, 2]
        data = {"items": items, "old": 1}
        ended = run(changes, data, fails)
        assert ended.is_failed() is fails
        assert fails or ended.result != os.getpid()
        assert data == {"items": [1, 2, 3], "more": {1}}
        assert data["items"] is items


PLACE: Path | None = None


class Pair(NamedTuple):
    left: int
    right: Path | None


def place_now() -> Path | None:
    return PLACE


def pair_of(made: int) -> Pair:
    return Pair(made, place_now())


def test_helpers_see_the_globals_of_the_moment(tmp_path: Path) -> None:
    global PLACE

    @task(timeout=30)
    def helped(x: int) -> tuple[int, Any]:
        return os.getpid(), pair_of(x)

    @task(timeout=30)
    def recursive(x: int) -> Any:
        def down(y: int) -> list[Any]:
            return [place_now()] if y == 0 else down(y - 1)

        return os.getpid(), down(x)

    for place in (tmp_path, tmp_path / "other"):
        PLACE = place
        for made, expected in ((helped, Pair(3, place)), (recursive, [place])):
            process, value = run(made, 3).result
            assert process != os.getpid()
            assert value == expected
            assert type(value) is type(expected)


def test_a_task_that_no_process_can_load_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # it ends each process that imports it, but this one
    (tmp_path / "deadly_to_import.py").write_text(
        "import os\n"
        f"if os.getpid() != {os.getpid()}:\n"
        "    os._exit(3)\n"
        "def helper():\n"
        "    return os.getpid()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    deadly = importlib.import_module("deadly_to_import")

    @task(timeout=30)
    def asks() -> Any:
        return deadly.helper()

    assert run(asks).result == os.getpid()
    failed = run(asks.copy(timeout_method="process"))
    assert isinstance(failed.result, SerializationError)
    assert "exit code 3" in str(failed.result)


def test_a_value_that_changed_in_between_is_seen() -> None:
    number = 1

    @task(timeout=30)
    def reads() -> int:
        return number

    assert run(reads).result == 1
    number = 2
    assert run(reads).result == 2
