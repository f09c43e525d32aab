"""ShellTask: what a command prints, how it ends, and that nothing of it is left."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, task
from prefectlite.engine.signals import FAIL
from prefectlite.engine.state import State
from prefectlite.executors import Executor
from prefectlite.tasks.shell import ShellTask
from tests.executors.scripts import processes_with


def run(shell_task: ShellTask, executor: Executor | None = None, **arguments: Any) -> State:
    with Flow("f") as flow:
        ran = shell_task(**arguments)
    state: State = flow.run(executor=executor).result[ran]
    return state


def is_gone(mark: str) -> bool:
    deadline = time.monotonic() + 10
    while processes_with(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_returns_the_last_line(executor: Executor) -> None:
    assert run(ShellTask("echo a; echo b"), executor).result == "b"


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("true", []),
        ("echo a; echo; echo b", ["a", "", "b"]),
        (r"printf '  a  \n\nb'", ["  a", "", "b"]),
        (r"printf 'a\rb\r\nc\n'", ["a\rb", "c"]),
        ("echo out; echo err >&2; echo out", ["out", "err", "out"]),
        ("echo é", ["é"]),
        (r"printf 'a\xff\n'", [r"a\xff"]),
        ("seq 3", ["1", "2", "3"]),
    ],
)
def test_lines(command: str, lines: list[str]) -> None:
    assert ShellTask(command, return_all=True).run() == lines
    assert ShellTask(command).run() == (lines[-1] if lines else None)


def test_long_output() -> None:
    lines = ShellTask("seq 100000", return_all=True).run()
    assert lines == [str(number) for number in range(1, 100_001)]


def test_characters_are_whole_however_they_come() -> None:
    assert ShellTask(r"printf '\xc3'; sleep 0.3; printf '\xa9\n'").run() == "é"


def test_the_exit_status_is_in_the_message(executor: Executor) -> None:
    state = run(ShellTask("echo a; echo err >&2; exit 3"), executor)
    assert type(state).__name__ == "Failed"
    assert state.message == "Command failed with exit code 3"
    assert state.result == "err"


def test_all_lines_of_a_failure() -> None:
    with pytest.raises(FAIL, match="exit code 4") as raised:
        ShellTask("echo a; echo b; exit 4", return_all=True).run()
    assert raised.value.state.result == ["a", "b"]


def test_killed_by_a_signal() -> None:
    assert run(ShellTask("kill -9 $$")).message == "Command failed with exit code -9"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    monkeypatch.delenv("A", raising=False)
    assert ShellTask("echo $OURS$A$B", env={"A": "2"}).run() == "12"
    assert run(ShellTask("echo $OURS-$A-$B", env={"A": "2"}), env={"B": "3"}).result == "1--3"


def test_command_and_helper_of_the_call() -> None:
    shell_task = ShellTask(helper_script="X=4; f() { echo $X; }")
    assert shell_task.run(command="f") == "4"
    assert shell_task.run(command="f", helper_script="f() { echo 5; }") == "5"
    assert run(shell_task, command="f").result == "4"


def test_other_shells() -> None:
    assert ShellTask("print(1 + 1)", shell=sys.executable).run() == "2"
    state = run(ShellTask("echo a", shell="no-such-shell"))
    assert isinstance(state.result, FileNotFoundError)
    assert "no-such-shell" in str(state.result)


def test_nothing_to_read() -> None:
    assert ShellTask("cat; echo end").run() == "end"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "prefectlite")
    return caplog


def test_output_is_streamed(log: pytest.LogCaptureFixture) -> None:
    ShellTask("echo a; echo b >&2", stream_output=True).run()
    ShellTask("echo c", stream_output="WARNING").run()
    ShellTask("echo d", stream_output=logging.ERROR).run()
    ShellTask("echo e").run()
    assert [(record.levelname, record.getMessage()) for record in log.records] == [
        ("INFO", "a"),
        ("INFO", "b"),
        ("WARNING", "c"),
        ("ERROR", "d"),
    ]


@pytest.mark.parametrize(
    ("settings", "logged"),
    [
        ({}, []),
        ({"log_stderr": True}, ["b"]),
        ({"log_stderr": True, "return_all": True}, ["a\nb"]),
        ({"log_stderr": True, "stream_output": True}, []),
    ],
)
def test_output_of_a_failure_is_logged(
    settings: dict[str, Any], logged: list[str], log: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FAIL):
        ShellTask("echo a; echo b; false", **settings).run()
    errors = [record.getMessage() for record in log.records if record.levelname == "ERROR"]
    assert errors == ["Command failed with exit code 1", *logged]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "missing required argument: 'command'"),
        ({"command": 5}, "Task 'ShellTask': command must be text"),
        ({"command": "a", "helper_script": ["b"]}, "helper_script must be text"),
        ({"command": "a", "env": {"A": 5}}, "variable 'A' in env must be text"),
    ],
)
def test_arguments_of_no_use(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ShellTask(**arguments).run()


@pytest.mark.parametrize("level", ["LOUD", 5.5])
def test_levels_of_no_use(level: Any) -> None:
    with pytest.raises(TypeError, match="level"):
        ShellTask("true", stream_output=level)


def test_a_timeout_ends_all_processes(executor: Executor) -> None:
    mark = uuid.uuid4().hex
    shell_task = ShellTask("sleep 100 & sleep 100", env={"MARK": mark}, timeout=1)
    state = run(shell_task, executor)
    assert type(state).__name__ == "TimedOut"
    assert is_gone(mark)


def test_processes_that_do_not_listen_are_ended_too() -> None:
    mark = uuid.uuid4().hex
    deaf = "trap '' TERM; sleep 100 & while true; do sleep 1; done"
    assert type(run(ShellTask(deaf, env={"MARK": mark}, timeout=1))).__name__ == "TimedOut"
    assert is_gone(mark)


def test_a_failure_ends_what_runs_in_the_background() -> None:
    mark = uuid.uuid4().hex
    state = run(ShellTask("sleep 100 & echo a; exit 3", env={"MARK": mark}))
    assert state.message == "Command failed with exit code 3"
    assert state.result == "a"
    assert is_gone(mark)


def test_what_runs_in_the_background_is_waited_for() -> None:
    assert ShellTask("(sleep 0.3; echo late) & echo early", return_all=True).run() == [
        "early",
        "late",
    ]


def test_a_killed_process_leaves_no_command() -> None:
    mark = uuid.uuid4().hex
    code = (
        "from prefectlite.tasks.shell import ShellTask\n"
        f"ShellTask('sleep 100 & sleep 100', env={{'MARK': {mark!r}}}).run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 20
    while len(processes_with(mark)) < 3:
        assert time.monotonic() < deadline, "the command did not start"
        time.sleep(0.05)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert is_gone(mark)


def test_after_a_failure_others_go_on() -> None:
    @task
    def one() -> int:
        return 1

    with Flow("f") as flow:
        failed, other = ShellTask("exit 1")(), one()
    state = flow.run()
    assert state.is_failed()
    assert state.result[failed].is_failed()
    assert state.result[other].result == 1
