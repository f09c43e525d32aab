"""Secrets are in no journal, log, representation, traceback or report, on any executor."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.results import S3Result
from prefectlite.engine.results.fsspec_result import FsspecResult
from prefectlite.engine.storage.credentials import names_a_secret
from prefectlite.runs.parameters import packed_parameters
from prefectlite.tasks.secrets import EnvVarSecret, SecretBase
from prefectlite.utilities.logging import get_logger
from prefectlite.utilities.secrets import remember_secret, without_secrets

ROOT = Path(__file__).parents[2]

# secrets of each kind reach tasks that log them, quote them in exceptions, and hand them on
_RUN = """
import os, sys
from datetime import timedelta
import prefectlite
from prefectlite import Flow, Parameter, task
from prefectlite.engine.results import FsspecResult
from prefectlite.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor
from prefectlite.tasks.secrets import EnvVarSecret, PrefectSecret, SecretBase

class Vault(SecretBase):
    def run(self, name=None):
        return "hush-from-the-vault"

@task(max_retries=1, retry_delay=timedelta(0), log_stdout=True)
def connect(first, second, third, fourth):
    prefectlite.context.logger.warning("connecting as %s, %s", first, fourth)
    print("printed", second, third)
    raise ValueError(f"no access with {first}, {second}, {third} and {fourth}")

@task
def hand_on(secret):
    return secret

@task
def reject(secret):
    raise RuntimeError("not " + secret)

@task
def slashed(secret):
    raise RuntimeError(repr(secret))

@task(result=FsspecResult(
    "memory://kept", location="x", storage_options={"password": "hush-of-the-store"}))
def keep(config):
    return 1

def executor(kind):
    if kind == "dask":
        return DaskExecutor(
            cluster_kwargs={"n_workers": 2, "threads_per_worker": 1},
            performance_report_path="report.html",
        )
    return LocalExecutor() if kind == "local" else LocalDaskExecutor(kind, num_workers=2)

if __name__ == "__main__":
    with Flow("secretive") as flow:
        variable = EnvVarSecret("OF_ENVIRONMENT")
        connect(PrefectSecret("OF_CONFIG"), variable, PrefectSecret("OF_CONTEXT"), Vault(name="v"))
        reject(hand_on(variable))
        reject.map([variable])
        slashed(PrefectSecret("SLASHED"))
        keep(Parameter("config"))
    secrets = {**prefectlite.context.secrets, "OF_CONTEXT": "hush-context"}
    secrets["SLASHED"] = "hush\\\\slash'quote"
    with prefectlite.context(secrets=secrets):
        state = flow.run(
            parameters={"config": {"user": "me", "password": "hush-parameter"}},
            executor=executor(sys.argv[1]),
        )
    print(repr(state), state.message)
    for task, of_task in state.result.items():
        print(repr(task), repr(of_task), of_task.message)
        if not isinstance(task, Parameter):
            print(repr(of_task._result))
    print("ENDS")
"""


@pytest.mark.parametrize("kind", ["local", "threads", "processes", "dask"])
def test_a_run_writes_no_secret_anywhere(kind: str, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(_RUN)
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "run.py", kind],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PREFECTLITE__HOME_DIR": str(tmp_path / "home"),
            "PREFECTLITE__LOGGING__LEVEL": "DEBUG",
            "PREFECTLITE__CONTEXT__SECRETS__OF_CONFIG": "hush-config",
            "OF_ENVIRONMENT": "hush-environment",
            "TMPDIR": str(tmp_path / "tmp"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "ENDS" in told
    assert "no access with ***, ***, *** and ***" in told
    assert "hush" not in told
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "run.py"]
    assert any(path.name == "journal" for path in written)
    for path in written:
        # Dask's report shows the program that ran, and this one has secrets in its text
        if path.name != "report.html" and path.suffix != ".pyc":
            assert b"hush" not in path.read_bytes(), path
    if kind == "dask":
        report = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "hush-environment" not in report
        assert "hush-config" not in report


def test_the_processes_of_a_pool_get_the_run_by_no_file(tmp_path: Path) -> None:
    """Nothing is left, since nothing was there: not even where the driver is killed."""
    program = tmp_path / "run.py"
    program.write_text(
        "import os, signal\n"
        "from prefectlite import Flow, task\n"
        "from prefectlite.executors import LocalDaskExecutor\n"
        "@task\n"
        "def look(driver):\n"
        "    found = [f for _, _, files in os.walk(os.environ['TMPDIR']) for f in files]\n"
        "    print('FILES', found, flush=True)\n"
        "    os.kill(driver, signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    with Flow('killed') as flow:\n"
        "        look(os.getpid())\n"
        "    flow.run(executor=LocalDaskExecutor('processes', num_workers=1))\n"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == -9, done.stdout + done.stderr
    assert "FILES []" in done.stdout
    assert list(temporary.iterdir()) == []


def test_handlers_of_a_users_own_see_no_secret() -> None:
    records: list[logging.LogRecord] = []

    class Mine(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    remember_secret({"a": "hush-hush", "b": ["quite secret"]})
    handler, logger = Mine(), get_logger("secretive")
    logger.addHandler(handler)
    try:
        logger.info("%s and %s", "hush-hush", "quite secret")
        try:
            raise ValueError("hush-hush")
        except ValueError:
            logger.exception("it failed")
        logger.info("%d things", 3)
    finally:
        logger.removeHandler(handler)
    formatted = [logging.Formatter().format(record) for record in records]
    assert formatted[0] == "*** and ***"
    assert formatted[1].endswith("ValueError: ***")
    assert formatted[2] == "3 things"
    assert records[2].args == (3,)


def test_state_handlers_see_no_secret_in_messages() -> None:
    seen = []

    @task(state_handlers=[lambda task, old, new: seen.append(new.message)])
    def fail() -> None:
        raise ValueError("no access with hush-context")

    with Flow("handled") as flow:
        fail()
    with prefectlite.context(secrets={"A": "hush-context"}):
        flow.run()
    assert seen[-1] == "Error during execution of task: ValueError('no access with ***')"


def test_short_texts_and_numbers_are_not_hidden() -> None:
    remember_secret(["abc", "   a   "[:4], "", 12345, None])
    assert without_secrets("abc 12345 None") == "abc 12345 None"


def test_a_secret_that_comes_from_another_process_is_known_there() -> None:
    class Vault(SecretBase):
        def run(self, name: str | None = None) -> str:
            return "hush-hush"

    result = EnvVarSecret("HUSH").result
    assert result is not None
    packed = pickle.dumps({"_": result.__dict__ | {"value": "hush-hush", "secret_task": None}})
    found = type(result).__new__(type(result))
    found.__setstate__(pickle.loads(packed)["_"])  # type: ignore[attr-defined]
    assert without_secrets("a hush-hush matter") == "a *** matter"
    assert "hush" not in repr(Vault(name="v").result.from_value("hush-hush"))  # type: ignore[union-attr]


def test_credentials_of_stores_are_shown_nowhere() -> None:
    s3 = S3Result("bucket", boto3_kwargs={"aws_secret_access_key": "hush-hush"})
    sftp = FsspecResult("sftp://me:hush-hush@host/data", storage_options={"token": "hush-token"})
    for result in (s3, sftp):
        shown = [repr(result), repr(vars(result)), str(result._compared())]
        assert "hush" not in "".join(shown)
        assert b"hush" not in pickle.dumps(result)
    assert without_secrets("refused: hush-hush") == "refused: ***"


def test_parameters_with_secrets_are_not_in_the_journal() -> None:
    values = {
        "api_key": "a",
        "nested": [{"name": "x", "password": "hush"}],
        "of_context": ["hush-context"],
        "plain": {"name": "x"},
    }
    packed = packed_parameters(values, {"hush-context"})
    assert packed["plain"][0] is not None
    for name in ("api_key", "nested", "of_context"):
        assert packed[name][:2] == [None, None], name
        assert "secret" in packed[name][2]


@pytest.mark.parametrize(
    "secret", ["a\\slash", 'it\'s "so"', "line\nbreak", "caf\u00e9 cr\u00e8me"]
)
def test_a_secret_is_found_within_quotes_within_quotes(secret: str) -> None:
    import json

    remember_secret(secret)
    for text in (secret, repr(secret), repr([secret]), repr(repr([secret])), json.dumps(secret)):
        hidden = without_secrets(f"<{text}>")
        assert "***" in hidden
        assert secret[:3] not in hidden


@pytest.mark.parametrize(
    "name", ["auth", "basic_auth", "AUTH_HEADER", "api_key", "password", "key"]
)
def test_names_of_secrets(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("name", ["author", "authors", "keyword", "monkey", "parts"])
def test_names_of_what_is_no_secret(name: str) -> None:
    assert not names_a_secret(name)
