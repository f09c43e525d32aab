"""What `doctor` finds in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefectlite.compat.doctor import examine, python_files
from prefectlite.compat.names import lookup

FILE = """\
import os
import prefect
import prefect.engine.signals as sig
from prefect import Flow, task as t
from prefect.storage import Docker
from prefect.tasks.aws.s3 import S3Upload as Up

os.environ["PREFECT__FLOWS__CHECKPOINTING"] = "true"

@t(result_handler=None)
def load():
    raise sig.SKIP("x")

up = Up(bucket="b")
with Flow("f", storage=Docker()) as nightly:
    load()
nightly.register("p")
print(prefect.engine.state.Success, prefect.config.cloud.api, prefect.__version__)
print(prefect.utilities.logging.get_logger("x"))
"""


def found() -> dict[tuple[int, str], str]:
    return {(f.line, f.name): f.entry.status for f in examine(FILE)}


@pytest.mark.parametrize(
    ("line", "name", "status"),
    [
        (2, "prefect", "same"),
        (3, "prefect.engine.signals", "same"),
        (4, "prefect.task", "same"),
        (5, "prefect.storage.Docker", "ignored"),
        (6, "prefect.tasks.aws.s3.S3Upload", "missing"),
        (8, "PREFECT__FLOWS__CHECKPOINTING", "different"),
        (10, "prefect.Task.result_handler", "different"),
        (12, "prefect.engine.signals.SKIP", "same"),
        (14, "prefect.tasks.aws.s3.S3Upload", "missing"),
        (15, "prefect.Flow.storage", "ignored"),
        (17, "prefect.Flow.register", "ignored"),
        (18, "prefect.engine.state.Success", "same"),
        (18, "prefect.config.cloud.api", "ignored"),
        (18, "prefect.__version__", "different"),
        (19, "prefect.utilities.logging.get_logger", "different"),
    ],
)
def test_each_use_is_found_on_its_line(line: int, name: str, status: str) -> None:
    assert found()[line, name] == status


def test_other_register_methods_are_none_of_its_business() -> None:
    source = "import atexit, prefect\natexit.register(print)\napp.register(x)\n"
    assert [finding.name for finding in examine(source)] == ["prefect"]


def test_a_file_without_prefect_has_nothing() -> None:
    assert examine("import os\nflow = 1\nflow.register()\n") == []


def test_names_of_later_versions_are_not_taken_for_known() -> None:
    [finding] = examine("from prefect import flow")
    assert "not in the table" in finding.entry.note


def test_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py", ".venv/d.py", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [str(p.relative_to(tmp_path)) for p in python_files(tmp_path)] == ["a.py", "b/c.py"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("core.flow.Flow.register", "ignored"),
        ("core.Flow", "same"),
        ("engine.results.local_result.LocalResult", "same"),
        ("tasks.snowflake.SnowflakeQuery", "missing"),
        ("client.secrets.Secret", "same"),
        ("client.Client", "missing"),
    ],
)
def test_the_table(name: str, status: str) -> None:
    entry = lookup(name)
    assert entry is not None
    assert entry.status == status


SHADOWED = """from prefect import task, case


def notify(task, old, new):
    print(task.name, new)


@task
def load(case=5):
    return [case for case in range(3)] + [(lambda task: task.x)(case)]


for task in [1]:
    print(task.real)
"""


def test_other_things_of_the_same_name_are_none_of_prefects() -> None:
    found = [(finding.line, finding.name) for finding in examine(SHADOWED)]
    assert found == [(1, "prefect.case"), (1, "prefect.task"), (8, "prefect.task")]


def test_what_could_not_be_imported_counts_where_it_is_used() -> None:
    source = (
        "try:\n    from prefect import Client\nexcept ImportError:\n    Client = None\nClient()\n"
    )
    assert [finding.line for finding in examine(source)] == [2, 5]
