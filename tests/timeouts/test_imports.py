"""Work that is ended in the middle of an import: the module is whole for all that comes later."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefectlite import Flow, task
from prefectlite.engine import cancellation
from prefectlite.engine.cancellation import raise_in_thread
from prefectlite.engine.state import TimedOut
from prefectlite.executors import LocalDaskExecutor, LocalExecutor

# as large libraries do: the package imports its parts, and each part is an attribute of it then
PACKAGE = """
import slow_package.part
import time
for _ in range(150):
    time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def _slow_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "slow_package").mkdir()
    (tmp_path / "slow_package/__init__.py").write_text(PACKAGE)
    (tmp_path / "slow_package/part.py").write_text("value = 5")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("slow_package")]:
        del sys.modules[name]


def assert_whole() -> None:
    package = importlib.import_module("slow_package")
    assert package.part.value == 5


@pytest.mark.parametrize("executor", [LocalExecutor(), LocalDaskExecutor(num_workers=1)])
def test_a_timeout_in_an_import_leaves_the_module_whole(
    executor: LocalExecutor | LocalDaskExecutor,
) -> None:
    ended = threading.Event()

    @task(timeout=1, timeout_method="thread")
    def imports() -> None:
        try:
            importlib.import_module("slow_package")
            for _ in range(2000):
                time.sleep(0.01)
        finally:
            ended.set()

    with Flow("imports") as flow:
        made = imports()
    state = flow.run(executor=executor)
    assert state is not None
    assert type(state.result[made]) is TimedOut
    assert ended.wait(20)
    assert_whole()


class Ended(BaseException):
    pass


def _importing(found: list[BaseException]) -> threading.Thread:
    def work() -> None:
        try:
            importlib.import_module("slow_package")
            for _ in range(2000):
                time.sleep(0.01)
        except Ended as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while "slow_package.part" not in sys.modules:
        time.sleep(0.01)
    return thread


def test_a_thread_at_an_import_is_ended_after_it() -> None:
    found: list[BaseException] = []
    thread = _importing(found)
    raise_in_thread(thread.ident or 0, Ended)
    thread.join(20)
    assert len(found) == 1
    assert_whole()


def test_a_thread_that_has_gone_on_to_other_work_is_left_alone() -> None:
    found: list[BaseException] = []
    thread = _importing(found)
    asked = threading.Event()

    def still() -> bool:
        asked.set()
        return False

    raise_in_thread(thread.ident or 0, Ended, still)
    assert asked.wait(20)
    time.sleep(0.05)
    assert found == []
    raise_in_thread(thread.ident or 0, Ended)
    thread.join(20)
    assert len(found) == 1


def test_nobody_comes_to_the_end_between_the_question_and_the_exception() -> None:
    found: list[BaseException] = []
    held: list[bool] = []
    lock = threading.Lock()

    def still() -> bool:
        held.append(lock.locked())
        return True

    thread = _importing(found)
    raise_in_thread(thread.ident or 0, Ended, still, lock)
    thread.join(20)
    assert held == [True]
    assert len(found) == 1
    assert lock.acquire(timeout=20)


def test_an_import_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "MOST_IMPORT_SECONDS", 0.2)
    found: list[BaseException] = []
    thread = _importing(found)
    raise_in_thread(thread.ident or 0, Ended)
    thread.join(20)
    assert len(found) == 1
    assert "slow_package" not in sys.modules
