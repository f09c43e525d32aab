"""The display as a person sees it, on a pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.progress.terminal import ROOT, run_on_terminal, screen

FLOW = """
import time
from prefectlite import Flow, task
from prefectlite.engine import signals
from prefectlite.executors import LocalDaskExecutor, LocalExecutor

@task
def work(x):
    time.sleep(0.01)
    if x == 7:
        raise signals.SKIP("not this one")
    if x == 8:
        raise ValueError("not that one")
    if x % 10 == 0:
        work.logger.warning("warned of " + 150 * str(x // 10))
        print("printed", x)
    return x

with Flow("numbers") as flow:
    work.map(list(range(60)))
"""


def test_each_task_has_a_line_with_its_counts() -> None:
    lines = screen(run_on_terminal(FLOW + "flow.run()"))
    head = lines.index(next(line for line in lines if line.startswith("numbers  1 of 1 tasks")))
    assert lines[head + 1].startswith("work ")
    assert "60/60  1 failed  1 skipped" in lines[head + 1]
    assert "Flow run FAILED" in lines[head + 2]


@pytest.mark.parametrize("executor", ["LocalExecutor()", "LocalDaskExecutor(num_workers=2)"])
def test_nothing_is_torn_and_nothing_is_lost(executor: str) -> None:
    lines = screen(run_on_terminal(FLOW + f"flow.run(executor={executor})\nprint('after')"))
    text = "\n".join(lines)
    for number in range(6):
        assert f"printed {10 * number}" in lines
        # the line is longer than the terminal, which wraps it
        assert "warned of " + 150 * str(number) in text.replace("\n", "")
    assert text.count("tasks  ") == 1
    assert "ValueError: not that one" in lines
    assert text.count("Starting task run") == 0
    assert "after" in lines


def test_other_handlers_get_every_record(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    prelude = f"""
import logging
from prefectlite.utilities.logging import get_logger
get_logger().addHandler(logging.FileHandler({str(log)!r}))
"""
    written = run_on_terminal(FLOW + prelude + "flow.run()")
    assert written.count("Starting task run") == 0
    # the elements and the task that is mapped
    assert log.read_text().count("Starting task run") == 61


def test_level_debug_leaves_nothing_out() -> None:
    written = run_on_terminal(FLOW + "flow.run()", PREFECTLITE__LOGGING__LEVEL="DEBUG")
    assert written.count("Starting task run") == 61


def test_it_is_off_by_configuration() -> None:
    written = run_on_terminal(FLOW + "flow.run()", PREFECTLITE__PROGRESS__ENABLED="false")
    assert "1 of 1 tasks" not in written
    assert written.count("Starting task run") == 61


def test_a_dumb_terminal_has_none() -> None:
    written = run_on_terminal(FLOW + "flow.run()", TERM="dumb")
    assert "1 of 1 tasks" not in written
    assert "\x1b" not in written


def test_it_costs_nothing_where_there_is_no_terminal() -> None:
    program = FLOW + "flow.run()\nimport sys\nassert 'rich' not in sys.modules\n"
    program += "assert 'prefectlite.progress' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Starting task run") == 61


def test_who_asks_for_input_gets_the_terminal() -> None:
    program = """
from prefectlite import Flow, task

@task
def ask():
    return input("your name? ")

@task
def greet(name):
    print("hello", name)

with Flow("greeting") as flow:
    greet(ask())
flow.run()
"""
    written = run_on_terminal(program, typed="Ada\n")
    assert "your name? " in written
    assert any(line.endswith("hello Ada") for line in screen(written))


def test_a_debugger_gets_the_terminal() -> None:
    program = """
from prefectlite import Flow, task

@task
def stop_here():
    answer = 6 * 7
    breakpoint()
    return answer

with Flow("debugged") as flow:
    stopped = stop_here()
print("result", flow.run().result[stopped].result)
"""
    written = run_on_terminal(program, typed="answer = 43\nc\n")
    assert "(Pdb)" in written
    assert any("result 43" in line for line in screen(written))


def test_a_flow_that_a_task_runs_has_no_display_of_its_own() -> None:
    program = """
from prefectlite import Flow, task

@task
def inner():
    return 1

@task
def outer():
    with Flow("inside") as flow:
        found = inner()
    return flow.run().result[found].result

with Flow("outside") as flow:
    result = outer()
assert flow.run().result[result].result == 1
"""
    text = "\n".join(screen(run_on_terminal(program)))
    assert "outside  1 of 1 tasks" in text
    assert "inside  " not in text


def test_the_terminal_is_given_back() -> None:
    program = """
import builtins, logging, sys
from prefectlite import Flow, task

before = (sys.stdout, sys.stderr, builtins.input)
streams = [handler.stream for handler in logging.getLogger("prefectlite").handlers]

@task(log_stdout=True)
def interrupt():
    print("about to stop")
    raise KeyboardInterrupt

with Flow("f") as flow:
    interrupt()
try:
    flow.run()
except KeyboardInterrupt:
    pass
assert before == (sys.stdout, sys.stderr, builtins.input)
assert streams == [handler.stream for handler in logging.getLogger("prefectlite").handlers]
assert not [f for handler in logging.getLogger("prefectlite").handlers for f in handler.filters]
print("given back")
"""
    written = run_on_terminal(program)
    assert "given back" in screen(written)
    # the cursor is visible again
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_a_process_that_a_task_forks_writes_to_the_terminal() -> None:
    program = """
import multiprocessing
from prefectlite import Flow, task

def child():
    print("from the child", flush=True)

@task
def fork():
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(20)
    return process.exitcode

with Flow("f") as flow:
    code = fork()
assert flow.run().result[code].result == 0
"""
    assert "from the child" in run_on_terminal(program)
