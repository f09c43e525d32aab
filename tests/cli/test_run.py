"""`prefectlite run` as a person calls it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOW = """\
import os
from prefectlite import Flow, Parameter, task

@task
def add(x, y):
    return x + y

@task
def show(value):
    with open("out.txt", "a") as file:
        file.write(f"{value!r} {os.getpid()}\\n")

with Flow("sums") as flow:
    show(add(Parameter("x", default=1), 2))
"""
MAIN = """
if __name__ == "__main__":
    import sys
    state = flow.run(parameters={"x": 10})
    print("arguments", sys.argv[1:], state.is_successful())
"""


def run(
    folder: Path, text: str, *arguments: str, after: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    (folder / "flow_file.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "prefectlite", "run", *arguments, "flow_file.py", *after],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=100,
    )


def shown(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "out.txt").read_text().splitlines()]


def test_the_flow_of_a_file_is_run(tmp_path: Path) -> None:
    done = run(tmp_path, FLOW)
    assert done.returncode == 0, done.stderr
    assert shown(tmp_path) == ["3"]


def test_parameters_are_json_or_text(tmp_path: Path) -> None:
    assert run(tmp_path, FLOW, "--param", "x=40").returncode == 0
    done = run(tmp_path, FLOW.replace(", 2)", ', "!")'), "-p", "x=Ada")
    assert done.returncode == 0, done.stderr
    assert shown(tmp_path) == ["42", "'Ada!'"]


def test_what_the_file_runs_itself_is_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, FLOW + MAIN, after=("one", "--two"))
    assert "arguments ['one', '--two'] True" in done.stdout
    assert shown(tmp_path) == ["12"]


def test_parameters_are_laid_over_what_the_file_says(tmp_path: Path) -> None:
    assert run(tmp_path, FLOW + MAIN, "-p", "x=0").returncode == 0
    assert shown(tmp_path) == ["2"]


def test_a_named_flow_is_run_without_the_main_block(tmp_path: Path) -> None:
    text = FLOW + "\nwith Flow('other') as other:\n    show(5)\n" + MAIN
    assert run(tmp_path, text, "--flow", "other").returncode == 0
    assert shown(tmp_path) == ["5"]


def test_a_flow_with_a_schedule_is_run_now(tmp_path: Path) -> None:
    text = "from prefectlite.schedules import CronSchedule\n" + FLOW.replace(
        'Flow("sums")', 'Flow("sums", schedule=CronSchedule("0 0 1 1 *"))'
    )
    assert run(tmp_path, text).returncode == 0
    assert shown(tmp_path) == ["3"]


def test_a_flow_that_a_task_runs_is_left_alone(tmp_path: Path) -> None:
    text = FLOW + "\n@task\ndef nested():\n    flow.run()\n\nwith Flow('outer') as outer:\n"
    text += "    Parameter('y', default=1)()\n    nested()\n"
    done = run(tmp_path, text, "--flow", "outer", "--executor", "threads")
    assert done.returncode == 0, done.stderr
    assert shown(tmp_path) == ["3"]


@pytest.mark.parametrize("executor", ["local", "threads", "processes", "dask"])
def test_executors(tmp_path: Path, executor: str) -> None:
    text = FLOW.replace("def add(x, y):", "def add(x, y):\n    import os")
    done = run(tmp_path, text + MAIN, "--executor", executor)
    assert done.returncode == 0, done.stderr
    assert "True" in done.stdout
    assert shown(tmp_path) == ["12"]


FAILING = """
from prefectlite import Flow, task

@task
def half(x):
    return 1 / x

@task
def after(xs):
    return xs

with Flow("halves") as flow:
    after(half.map([1, 0]))
"""


def test_a_failed_flow_says_which_tasks_failed(tmp_path: Path) -> None:
    done = run(tmp_path, FAILING)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Flow 'halves': Failed: Some reference tasks failed."
    assert "half[1]: " in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "after" not in done.stderr


def test_a_paused_flow_is_not_finished(tmp_path: Path) -> None:
    text = """
from prefectlite import Flow, task
from prefectlite.triggers import manual_only

@task(trigger=manual_only)
def approve():
    return 1

with Flow("approval") as flow:
    approve()
"""
    done = run(tmp_path, text)
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize(
    ("text", "arguments", "status", "told"),
    [
        (FLOW, ["-p", "x"], 2, "is not of the form KEY=VALUE"),
        (FLOW, ["-p", "z=1"], 2, "unexpected parameters: z"),
        (FLOW.replace(", default=1", ""), [], 2, "required parameters: x"),
        (FLOW, ["--flow", "nothing"], 2, "has no flow 'nothing'; it has 'sums'"),
        (FLOW + "\nother = Flow('other')\n", [], 2, "several flows: 'other', 'sums'"),
        ("x = 1\n", [], 1, "has none at its top level"),
        (FLOW, ["--address", "tcp://x:1", "--executor", "local"], 2, "--address names a Dask"),
        (FLOW, ["--prefect-settings"], 2, "goes with --as-prefect"),
        ("import prefect\n", [], 1, "With --as-prefect"),
        ("def f(:\n", [], 1, "SyntaxError"),
        ("raise ValueError('bad')\n", [], 1, "ValueError: bad"),
        (FLOW + "raise SystemExit(7)\n", [], 7, ""),
        (FLOW, ["--nothing"], 2, "No such option"),
    ],
)
def test_errors_are_clear(
    tmp_path: Path, text: str, arguments: list[str], status: int, told: str
) -> None:
    done = run(tmp_path, text, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    assert told in done.stderr
    assert "prefectlite/cli" not in done.stderr


def test_a_file_for_prefect_runs_as_it_stands(tmp_path: Path) -> None:
    text = FLOW.replace("from prefectlite", "from prefect") + "flow.register('project')\n"
    done = run(tmp_path, text, "--as-prefect", "-p", "x=5")
    assert done.returncode == 0, done.stderr
    assert shown(tmp_path) == ["7"]


def test_doctor(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("from prefect import Flow\n")
    (tmp_path / "bad.py").write_text("from prefect.tasks.aws.s3 import S3Upload\n")
    command = [sys.executable, "-m", "prefectlite", "doctor", "--as-prefect"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            check=False,
        )

    good = doctor("good.py")
    assert good.returncode == 0, good.stderr
    assert good.stdout.splitlines() == ["good.py:1: works: prefect.Flow", "1 works"]
    both = doctor("--problems", ".")
    assert both.returncode == 1
    assert "bad.py:1: missing: prefect.tasks.aws.s3.S3Upload - Instead: " in both.stdout
    assert "works: prefect.Flow" not in both.stdout


def test_help_loads_no_command() -> None:
    program = "import sys\nfrom prefectlite.cli import cli\n"
    program += "cli(['--help'], standalone_mode=False)\n"
    program += "assert 'prefectlite.core.flow' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "run     Run the flow of a file." in done.stdout
