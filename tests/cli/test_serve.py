"""`prefectlite serve` as a real process: runs at their times, signals, kill -9, bad files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "prefectlite", "serve"]
HEAD = """
import os, time
from datetime import timedelta
import pendulum
from prefectlite import Flow, Parameter, context, task
from prefectlite.schedules import CronSchedule, IntervalSchedule, Schedule
from prefectlite.schedules.clocks import DatesClock, IntervalClock

every_second = IntervalSchedule(interval=timedelta(seconds=1))

def note(text):
    with open("notes.txt", "a") as notes:
        notes.write(f"{text}\\n")
"""


class Served:
    """A folder with files of flows, and the server over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[subprocess.Popen[bytes]] = []
        self.environment = {**os.environ, "PREFECTLITE__HOME_DIR": str(folder / "home")}
        self.environment["PYTHONPATH"] = str(Path(__file__).parents[2])

    def write(self, name: str, text: str, head: str = HEAD) -> str:
        (self.folder / name).write_text(head + text)
        return name

    def flow(self, name: str, body: str, schedule: str = "every_second") -> str:
        return self.write(
            f"{name}.py",
            f"@task\ndef work():\n    {body}\n\n"
            f"with Flow({name!r}, schedule={schedule}) as flow:\n    work()\n",
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log.txt").open("ab") as log:
            server = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.servers.append(server)
        return server

    def status(self) -> str:
        return subprocess.run(
            [*COMMAND, "--status"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    @property
    def notes(self) -> list[str]:
        path = self.folder / "notes.txt"
        return path.read_text().split() if path.exists() else []

    def wait_for(self, condition: Callable[[], object], seconds: float = 40) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.log
            time.sleep(0.05)

    def wait_for_log(self, pattern: str) -> None:
        self.wait_for(lambda: re.search(pattern, self.log))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    for server in made.servers:
        if server.poll() is None:
            server.kill()
        server.wait()


def ended(server: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    server.send_signal(number)
    return server.wait(30)


def test_each_event_once_with_its_time_and_values(served: Served) -> None:
    clock = "Schedule([IntervalClock(timedelta(seconds=1), parameter_defaults={'x': 5})])"
    served.write(
        "a.py",
        "@task\ndef work(x):\n"
        "    note(f'{x}:{context.scheduled_start_time.timestamp():.0f}:{__file__[-4:]}')\n"
        f"with Flow('a', schedule={clock}) as flow:\n    work(Parameter('x'))\n"
        "flow.run()\n",
    )
    server = served.start("a.py", "--overlap", "queue")
    served.wait_for(lambda: len(served.notes) >= 4)
    assert ended(server) == 0
    values, times, files = zip(*(line.split(":") for line in served.notes), strict=True)
    assert set(values) == {"5"}
    assert set(files) == {"a.py"}
    seconds = [int(text) for text in times]
    assert seconds == list(range(seconds[0], seconds[0] + len(seconds)))
    assert "The file runs this flow itself" in served.log


def test_what_fails_or_crashes_harms_nobody_else(served: Served) -> None:
    served.flow("good", "note('good')")
    served.flow("fails", "raise ValueError('no luck')")
    served.flow("crashes", "os._exit(7)")
    server = served.start("good.py", "fails.py", "crashes.py")
    served.wait_for(lambda: len(served.notes) >= 2)
    served.wait_for_log(r"Flow 'fails'.* ended as Failed after")
    served.wait_for_log(r"Flow 'crashes'.* ended as Crashed .*exit status 7")
    assert server.poll() is None
    status = served.status()
    assert "running since" in status
    assert re.search(r"so far: \d+ crashed", status)
    assert re.search(r"so far: \d+ failed", status)
    assert ended(server) == 0
    assert "not running, ended" in served.status()


def test_bad_files_are_told_and_the_others_go_on(served: Served) -> None:
    served.flow("good", "note('good')")
    served.write("empty.py", "x = 1\n", head="")
    served.write("broken.py", "\nimport nosuchthing\n", head="")
    served.write("syntax.py", "with Flow(:\n", head="")
    served.write("dies.py", "os._exit(3)\n")
    served.flow("cron", "pass", "CronSchedule('61 * * * *')")
    served.flow("plain", "pass", "None")
    served.flow("odd", "pass", "'0 0 * * *'")
    served.flow(
        "over",
        "pass",
        "Schedule([DatesClock([pendulum.datetime(2020, 1, 1)])])",
    )
    served.write(
        "needs.py", "with Flow('needs', schedule=every_second) as flow:\n    Parameter('x')()\n"
    )
    server = served.start(".")
    for pattern in (
        r"empty\.py: there is no flow in it",
        r"broken\.py: ModuleNotFoundError: .*nosuchthing.* \(line 2\)",
        r"syntax\.py: SyntaxError: .*\(line 1\)",
        r"dies\.py: reading it ended its process \(exit status 3\)",
        r"cron\.py: ValueError: Invalid cron string: 61",
        r"Flow 'plain'.*it has no schedule, and is left out",
        r"Flow 'odd'.*its schedule cannot be followed: TypeError",
        r"Flow 'over'.*its schedule has no event left",
        r"Flow 'needs'.*it needs values for x",
    ):
        served.wait_for_log(pattern)
    served.wait_for(lambda: "good" in served.notes)
    assert "PROBLEM" in served.status()
    assert ended(server) == 0


def test_reload_on_sighup(served: Served) -> None:
    served.flow("changes", "note('old')")
    served.flow("goes", "note('goes')")
    served.flow("breaks", "note('kept')")
    server = served.start(".")
    served.wait_for(lambda: {"old", "goes", "kept"} <= set(served.notes))
    served.flow("changes", "note('new')")
    served.write("breaks.py", "1 / 0\n")
    served.flow("comes", "note('comes')")
    (served.folder / "goes.py").unlink()
    before = len(served.notes)
    served.wait_for(lambda: len(served.notes) > before + 3)
    assert "new" not in served.notes, "what was loaded is what runs"
    server.send_signal(signal.SIGHUP)
    served.wait_for_log(r"Flow 'changes'.*: changed, next run at")
    served.wait_for_log(r"Flow 'comes'.*: new, next run at")
    served.wait_for_log(r"Flow 'goes'.*: removed")
    served.wait_for_log(r"breaks\.py: ZeroDivisionError.* kept: breaks")
    served.wait_for(lambda: {"new", "comes"} <= set(served.notes))
    before = served.notes.count("kept")
    served.wait_for(lambda: served.notes.count("kept") > before + 1)
    gone = served.notes.count("goes")
    before = len(served.notes)
    served.wait_for(lambda: len(served.notes) > before + 4)
    assert served.notes.count("goes") == gone
    assert ended(server) == 0


@pytest.mark.parametrize(
    ("overlap", "told"),
    [
        ("skip", r"is skipped, the run before it goes on"),
        ("queue", r"waits for the run before it"),
        ("allow", None),
    ],
)
def test_overlap(served: Served, overlap: str, told: str | None) -> None:
    served.flow("slow", "note('begin'); time.sleep(3); note('end')")
    server = served.start("slow.py", "--overlap", overlap, "--grace", "0")
    served.wait_for(lambda: "end" in served.notes)
    if told:
        served.wait_for_log(told)
        assert served.notes[:2] == ["begin", "end"]
    else:
        assert served.notes[:2] == ["begin", "begin"]
    assert ended(server) == 0


def test_sigterm_waits_then_cancels(served: Served) -> None:
    served.flow("short", "note('begun'); time.sleep(1.5); note('done')")
    served.flow("long", "note('long'); time.sleep(60)")
    server = served.start("short.py", "long.py", "--grace", "3")
    served.wait_for(lambda: {"begun", "long"} <= set(served.notes))
    assert ended(server) == 0
    assert served.notes.count("done") == served.notes.count("begun")
    assert re.search(r"Flow 'long'.* ended as Cancelled", served.log)


def test_a_second_signal_does_not_wait(served: Served) -> None:
    served.flow("long", "note('long'); time.sleep(60)")
    server = served.start("long.py", "--grace", "60")
    served.wait_for(lambda: served.notes)
    server.send_signal(signal.SIGINT)
    served.wait_for_log("Ending; 1 runs")
    assert ended(server, signal.SIGINT) == 0


@pytest.mark.parametrize("catch_up", ["skip", "last", "all"])
def test_kill_and_restart_tells_what_was_missed(served: Served, catch_up: str) -> None:
    served.flow(
        "a",
        "note(f'{context.scheduled_start_time.timestamp():.0f}:{os.getpid()}'); time.sleep(0.4)",
    )
    server = served.start("a.py", "--overlap", "queue")
    served.wait_for(lambda: len(served.notes) >= 2)
    ended(server, signal.SIGKILL)
    assert "did not end by itself" in served.status()
    time.sleep(3)
    before = len(served.notes)
    last_process = int(served.notes[-1].split(":")[1])
    with pytest.raises(ProcessLookupError):
        os.kill(last_process, 0)
    server = served.start("a.py", "--overlap", "queue", "--catch-up", catch_up)
    served.wait_for_log(r"The last server of this name did not end by itself")
    served.wait_for_log(rf"Flow 'a'.*: [2-9] events were missed.*--catch-up {catch_up}")
    served.wait_for(lambda: len(served.notes) >= before + 5)
    assert ended(server) == 0
    seconds = [int(line.split(":")[0]) for line in served.notes]
    assert len(seconds) == len(set(seconds)), "an event ran twice"
    gaps = seconds[-1] - seconds[0] + 1 - len(seconds)
    assert gaps <= 1 if catch_up == "all" else gaps >= 1


def test_a_restart_in_time_runs_the_event_that_came_meanwhile(served: Served) -> None:
    when = "pendulum.from_timestamp(float(open('when.txt').read()))"
    note = "note(f'{context.scheduled_start_time.timestamp():.0f}')"
    served.flow("a", note, f"Schedule([DatesClock([{when}, {when}.add(days=1)])])")
    due = int(time.time()) + 5
    (served.folder / "when.txt").write_text(str(due))
    server = served.start("a.py")
    served.wait_for_log("new, next run")
    ended(server, signal.SIGKILL)
    served.wait_for(lambda: time.time() > due + 0.5)
    server = served.start("a.py")
    served.wait_for(lambda: served.notes)
    ended(server, signal.SIGKILL)
    served.start("a.py")
    served.wait_for(lambda: served.log.count("new, next run") == 3)
    assert served.notes == [str(due)]
    assert "while no server was running; it is run now" in served.log
    assert "events were missed" not in served.log


def test_one_server_of_a_name(served: Served) -> None:
    served.flow("a", "pass")
    server = served.start("a.py")
    served.wait_for_log("new, next run")
    second = served.start("a.py")
    assert second.wait(30) == 1
    served.wait_for_log(r"A server named 'default' is running already \(process \d+\)")
    assert ended(server) == 0


def test_nothing_to_serve(served: Served) -> None:
    served.write("empty.py", "x = 1\n", head="")
    assert served.start("empty.py").wait(30) == 1
    assert served.start("missing.py").wait(30) == 2
    assert served.start().wait(30) == 2
    assert "There is no file missing.py" in served.log


def test_status_before_any_server(served: Served) -> None:
    assert "No server named 'default' has run here" in served.status()
