"""The alias in processes of their own: workers, settings, pytest."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Python = Callable[..., subprocess.CompletedProcess[str]]

WORKERS = """
import sys
from prefectlite.compat import install
install()
from prefect import Flow, task
from prefect.executors import DaskExecutor, LocalDaskExecutor
import helper

@task
def version():
    import prefect
    return prefect.__version__

with Flow("f") as flow:
    here = version()
    there = helper.from_helper()
if __name__ == "__main__":
    state = flow.run(executor=eval(sys.argv[1]))
    print([state.result[t].result for t in (here, there)])
"""
HELPER = """
import prefect

@prefect.task
def from_helper():
    return prefect.context.get("task_name")
"""


@pytest.mark.parametrize(
    "executor",
    [
        'LocalDaskExecutor(scheduler="processes", num_workers=1)',
        'DaskExecutor(cluster_kwargs={"n_workers": 1, "dashboard_address": ":0"})',
    ],
)
def test_workers_know_the_alias(tmp_path: Path, python: Python, executor: str) -> None:
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "flow.py").write_text(WORKERS)
    done = python("flow.py", executor)
    assert "['1.4.1', 'from_helper']" in done.stdout, done.stdout + done.stderr


DRIVER = """
import runpy
import sys

if __name__ == "__main__":
    from prefectlite.compat import install

    install()
    runpy.run_path("flow.py", run_name="__main__")
"""


def test_processes_that_begin_with_the_file_know_the_alias(tmp_path: Path, python: Python) -> None:
    """Those of multiprocessing execute the main file before they import anything else."""
    (tmp_path / "helper.py").write_text(HELPER)
    unaware = WORKERS.replace("from prefectlite.compat import install\ninstall()\n", "")
    (tmp_path / "flow.py").write_text(unaware)
    (tmp_path / "driver.py").write_text(DRIVER)
    cluster = 'DaskExecutor(cluster_kwargs={"n_workers": 1, "dashboard_address": ":0"})'
    done = python("driver.py", cluster)
    assert "['1.4.1', 'from_helper']" in done.stdout, done.stdout + done.stderr


SETTINGS = """
import os
os.environ["PREFECT__CONTEXT__SECRETS__TOKEN"] = "from the file"
from prefectlite.compat import install
install(settings={settings})
import prefect
from prefect.client import Secret
config = prefect.config
print(config.logging.level, config.flows.checkpointing, config.tasks.defaults.max_retries)
print(prefect.context.get("secrets", {{}}), config.get("mine"), Secret("TOKEN").get())
"""
USER_FILE = """
[mine]
key = "value"
[tasks.defaults]
max_retries = 3
[context.secrets]
FILE = "secret of the file"
[flows]
checkpointing = false
"""


@pytest.fixture
def user_file(tmp_path: Path) -> None:
    (tmp_path / ".prefect").mkdir()
    (tmp_path / ".prefect" / "config.toml").write_text(USER_FILE)


@pytest.mark.usefixtures("user_file")
def test_settings_for_prefect_are_read_when_asked_for(python: Python) -> None:
    done = python(
        "-c",
        SETTINGS.format(settings=True),
        PREFECT__FLOWS__CHECKPOINTING="true",
        PREFECT__LOGGING__LEVEL="ERROR",
        PREFECTLITE__LOGGING__LEVEL="WARNING",
    )
    first, second = done.stdout.splitlines()
    assert first == "WARNING True 3"
    assert "'FILE': 'secret of the file'" in second
    assert "'TOKEN': 'from the file'" in second
    assert "'key': 'value'" in second


@pytest.mark.usefixtures("user_file")
def test_settings_for_prefect_are_not_read_otherwise(python: Python) -> None:
    done = python("-c", SETTINGS.format(settings=None), PREFECT__FLOWS__CHECKPOINTING="true")
    first, second = done.stdout.splitlines()
    assert first == "INFO None 0"
    assert second == "{} None from the file"
    asked = python("-c", SETTINGS.format(settings=None), PREFECTLITE_PREFECT_SETTINGS="1")
    assert asked.stdout.splitlines()[0] == "INFO False 3"


def test_a_broken_file_is_named_with_its_line(tmp_path: Path, python: Python) -> None:
    (tmp_path / ".prefect").mkdir()
    (tmp_path / ".prefect" / "config.toml").write_text("[logging]\nlevel = \n")
    done = python("-c", SETTINGS.format(settings=True))
    assert "config.toml, line 2" in done.stderr


def test_the_pytest_plugin_is_there_before_conftest(tmp_path: Path, python: Python) -> None:
    (tmp_path / "conftest.py").write_text("from prefect import Flow, task\n")
    (tmp_path / "test_it.py").write_text(
        "import prefect\n\n\ndef test_it():\n"
        "    with prefect.Flow('f') as flow:\n"
        "        prefect.task(lambda: 1, name='one')()\n"
        "    assert flow.run().is_successful()\n"
    )
    done = python("-m", "pytest", "-q", "-p", "prefectlite.compat.pytest_plugin", "test_it.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
