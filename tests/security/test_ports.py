"""A run listens on this machine only, opens no port but Dask's, and calls nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# in each process of the run: notes whom it connects to, and what it asks the name of
_NOTES = """
import os, socket, sys

def note(event, arguments):
    if event == "socket.connect":
        made, address = arguments
        # no packet is sent where a datagram socket is connected: Dask so asks for its own address
        if made.family in (socket.AF_INET, socket.AF_INET6) and made.type == socket.SOCK_STREAM:
            write("connect", address[0])
    elif event == "socket.sendto" and isinstance(arguments[1], tuple):
        write("connect", arguments[1][0])
    elif event == "socket.bind" and isinstance(arguments[1], tuple):
        write("bind", arguments[1][0])

def write(*words):
    with open(os.environ["NOTES"], "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

sys.addaudithook(note)
"""

_RUN = """
import sys
import psutil
from prefectlite import Flow, task
from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

@task(log_stdout=True)
def double(x):
    return 2 * x

def listening():
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                print("LISTENS", connection.laddr.ip, process.pid)

if __name__ == "__main__":
    kind = sys.argv[1]
    if kind == "dask":
        executor = DaskExecutor(cluster_kwargs={"n_workers": 2, "threads_per_worker": 1})
    elif kind == "processes":
        executor = LocalDaskExecutor("processes", num_workers=2)
    else:
        executor = LocalDaskExecutor("threads") if kind == "threads" else LocalExecutor()
    with Flow("doubled") as flow:
        doubled = double.map([1, 2, 3])
    with executor.start():
        state = flow.run(executor=executor)
        assert state.result[doubled].result == [2, 4, 6], state
        listening()
"""


def _run(kind: str, folder: Path) -> tuple[list[str], set[str]]:
    """The lines LISTENS of a run, and whom its processes noted."""
    (folder / "sitecustomize.py").write_text(_NOTES)
    (folder / "run.py").write_text(_RUN)
    notes = folder / "notes"
    notes.touch()
    done = subprocess.run(
        [sys.executable, "run.py", kind],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "NOTES": str(notes),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listens = [line for line in done.stdout.splitlines() if line.startswith("LISTENS")]
    return listens, set(notes.read_text().splitlines())


@pytest.mark.parametrize("kind", ["local", "threads", "processes"])
def test_local_executors_use_no_network(kind: str, tmp_path: Path) -> None:
    listens, noted = _run(kind, tmp_path)
    assert listens == []
    assert noted == set()


def test_a_temporary_cluster_stays_on_this_machine(tmp_path: Path) -> None:
    listens, noted = _run("dask", tmp_path)
    assert {line.split()[1] for line in listens} == {"127.0.0.1"}
    # one address and one of HTTP for the scheduler and each worker, and one for each nanny
    assert len(listens) <= 8
    assert {note for note in noted if note.startswith("connect")} == {"connect 127.0.0.1"}
    assert {note for note in noted if note.startswith("bind")} <= {"bind 127.0.0.1", "bind "}


def test_whoever_names_a_host_chooses_where_the_dashboard_is() -> None:
    from prefectlite.executors import DaskExecutor

    def dashboard(**cluster_kwargs: Any) -> Any:
        executor = DaskExecutor(cluster_kwargs=cluster_kwargs)
        return executor._cluster_arguments().get("dashboard_address")

    assert dashboard(n_workers=1) == "127.0.0.1:8787"
    assert dashboard(host="10.0.0.1") is None
    assert dashboard(dashboard_address=":0") == ":0"
