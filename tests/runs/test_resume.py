"""Going on with a run: what is kept, what is run again, and what is said about it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, resource_manager, runs, task
from prefectlite.engine import signals
from prefectlite.engine.results import FsspecResult, LocalResult
from prefectlite.engine.state import Failed, Paused
from prefectlite.exceptions import RunHeldError
from prefectlite.triggers import all_finished, manual_only
from tests.clusters import started_executor
from tests.runs.marks import Marks, end
from tests.stores import S3Server, server

KINDS = ["local", "threads", "processes", "dask"]


def mapped_flow(marks: Marks, stored: LocalResult, broken: Path) -> Flow:
    """A list, a chain of two maps, a sum and a task with no value; element 3 fails at first."""

    @task(result=stored)
    def numbers() -> list[int]:
        marks("numbers")
        return list(range(6))

    @task(result=stored)
    def double(x: int) -> int:
        marks(f"double{x}")
        return 2 * x

    @task(result=stored)
    def add(x: int) -> int:
        marks(f"add{x}")
        if x == 6 and broken.exists():
            raise ValueError("six")
        return x + 1

    @task
    def total(values: list[int]) -> int:
        marks("total")
        return sum(values)

    with Flow("mapped") as flow:
        total(add.map(double.map(numbers())))
    return flow


def flow_to_resume(marks: Marks, stored: LocalResult, broken: Path) -> Flow:
    """A `mapped_flow` that has failed once, and would not again."""
    flow = mapped_flow(marks, stored, broken)
    flow.run()
    broken.unlink()
    marks.taken()
    return flow


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_rest_is_run(kind: str, marks: Marks, stored: LocalResult, broken: Path) -> None:
    flow = mapped_flow(marks, stored, broken)
    executor = started_executor(kind)
    state = flow.run(executor=executor)
    assert isinstance(state, Failed)
    assert len(marks.taken()) == 13
    broken.unlink()
    state = flow.run(executor=executor, resume="last")
    assert end(flow, state, "total") == 36
    # half of a fused chain was done
    assert marks.taken() == {"add6": 1, "total": 1}
    info, earlier = runs.list_runs()
    assert info.resumes == earlier.run_id
    # the new journal stands for itself
    assert runs.load("last").counts() == {"Success": 14}
    state = flow.run(executor=executor, resume="last")
    # the sum is what the flow is run for, and was not stored
    assert marks.taken() == {"total": 1}
    assert end(flow, state, "add") == [1, 3, 5, 7, 9, 11]


@pytest.mark.parametrize("batch_size", [None, 4])
def test_batches_are_gone_on_with(
    batch_size: int | None, marks: Marks, stored: LocalResult, broken: Path
) -> None:
    flow = mapped_flow(marks, stored, broken)
    for each in ("double", "add"):
        flow.get_tasks(each)[0].batch_size = batch_size  # type: ignore[attr-defined]
    executor = started_executor("dask")
    flow.run(executor=executor)
    marks.taken()
    broken.unlink()
    state = flow.run(executor=executor, resume="last")
    assert end(flow, state, "total") == 36
    assert marks.taken() == {"add6": 1, "total": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_retries_are_counted_on(kind: str, marks: Marks, stored: LocalResult) -> None:
    from prefectlite.engine.flow_runner import FlowRunner

    @task(max_retries=2, retry_delay=timedelta(seconds=0), result=stored)
    def flaky(x: int) -> int:
        count = prefectlite.context.task_run_count
        marks(f"{x} in attempt {count}")
        if x == 1 and count < 3:
            raise ValueError("again")
        return x

    with Flow("flaky") as flow:
        flaky.map([0, 1, 2])
    executor = started_executor(kind)
    # a runner by itself ends with the retry to come
    FlowRunner(flow).run(executor=executor, context={"flow_run_id": "first"})
    assert marks.taken() == {f"{x} in attempt 1": 1 for x in range(3)}
    state = flow.run(executor=executor, resume="last")
    assert end(flow, state, "flaky") == [0, 1, 2]
    assert marks.taken() == {"1 in attempt 2": 1, "1 in attempt 3": 1}


def test_a_value_that_is_nowhere_is_made_again_where_it_is_needed(
    marks: Marks, stored: LocalResult, broken: Path
) -> None:
    @task
    def unstored() -> int:
        marks("unstored")
        return 1

    @task
    def unneeded() -> int:
        marks("unneeded")
        return 2

    @task(result=stored)
    def kept(x: int) -> int:
        marks("kept")
        return x

    @task
    def fails(x: int) -> int:
        marks("fails")
        if broken.exists():
            raise ValueError
        return x

    @task
    def tells(x: int) -> None:
        marks("tells")

    with Flow("values") as flow:
        x = unstored()
        kept(unneeded())
        tells(x)
        fails(x)
    flow.run()
    assert len(marks.taken()) == 5
    broken.unlink()
    state = flow.run(resume="last")
    # a task that returned None has nothing that could be read back, and nothing to be missed
    assert marks.taken() == {"unstored": 1, "fails": 1}
    with pytest.raises(prefectlite.exceptions.PrefectException, match="give the task a result="):
        end(flow, state, "unneeded")


@pytest.mark.parametrize("harm", ["flipped", "gone", "empty"])
def test_a_stored_value_that_cannot_be_read_is_made_again(
    harm: str, marks: Marks, stored: LocalResult, broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flow = flow_to_resume(marks, stored, broken)
    change = runs.load("last").latest["double-1"][3]
    path = Path(str(change.location))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if harm == "empty" else data)
    state = flow.run(resume="last")
    assert end(flow, state, "total") == 36
    assert marks.taken() == {"double3": 1, "add6": 1, "total": 1}
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert str(path) in warning


def test_values_are_read_only_where_they_are_used(
    stored: LocalResult, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    fetch = LocalResult._fetch

    def counting(self: LocalResult, location: str) -> bytes:
        read[Path(location).name] += 1
        return fetch(self, location)

    @task(result=stored)
    def large() -> list[int]:
        return list(range(100))

    @task(result=stored)
    def small(values: list[int]) -> int:
        return len(values)

    @task
    def last(x: int) -> int:
        if broken.exists():
            raise ValueError
        return x

    with Flow("reading") as flow:
        last(small(large()))
    flow.run()
    broken.unlink()
    monkeypatch.setattr(LocalResult, "_fetch", counting)
    state = flow.run(resume="last")
    assert end(flow, state, "last") == 100
    assert set(read) == {"small-1"}
    assert end(flow, state, "large") == list(range(100))


def test_a_run_that_goes_on_is_not_resumed() -> None:
    go_on = threading.Event()

    @task
    def wait() -> None:
        go_on.wait(30)

    with Flow("held") as flow:
        wait()
    thread = threading.Thread(target=flow.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not [i for i in runs.list_runs() if i.held_by] and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(RunHeldError, match="held by process"):
            flow.run(resume="last")
    finally:
        go_on.set()
        thread.join()
    flow.run(resume="last")


def test_what_reacted_to_a_failure_runs_again(marks: Marks, broken: Path) -> None:
    @task
    def fails() -> None:
        if broken.exists():
            raise ValueError

    @task(trigger=all_finished)
    def reports() -> None:
        marks("reports")

    with Flow("reaction") as flow:
        reports(upstream_tasks=[fails()])
    flow.run()
    broken.unlink()
    flow.run(resume="last")
    assert marks.taken() == {"reports": 2}


def test_skips_are_kept(marks: Marks, stored: LocalResult) -> None:
    @task
    def skips() -> None:
        marks("skips")
        raise signals.SKIP("no need")

    @task
    def after(x: object) -> None:
        marks("after")

    with Flow("skipping") as flow:
        after(skips())
    flow.run()
    state = flow.run(resume="last")
    assert state is not None
    assert marks.taken() == {"skips": 1}
    assert all(found.is_skipped() for found in state.result.values())


def test_to_resume_a_pause_is_to_go_on(marks: Marks) -> None:
    @task(trigger=manual_only)
    def asks() -> None:
        marks("asks")

    with Flow("paused") as flow:
        asks()
    state = flow.run()
    assert state is not None
    assert [type(found) for found in state.result.values()] == [Paused]
    state = flow.run(resume="last")
    assert state is not None
    assert state.is_successful()
    assert marks.taken() == {"asks": 1}


def test_loops_begin_again_or_are_done(marks: Marks, stored: LocalResult, broken: Path) -> None:
    @task(result=stored)
    def counts() -> int:
        count: int = prefectlite.context.get("task_loop_count", 1)
        marks(f"round {count}")
        if count == 3:
            return count
        raise signals.LOOP(result=count)

    @task
    def fails(x: int) -> int:
        if broken.exists():
            raise ValueError
        return x

    with Flow("loops") as flow:
        fails(counts())
    flow.run()
    broken.unlink()
    state = flow.run(resume="last")
    assert end(flow, state, "fails") == 3
    assert marks.taken() == {"round 1": 1, "round 2": 1, "round 3": 1}


def test_a_resource_is_set_up_and_cleaned_up_again(marks: Marks, broken: Path) -> None:
    @resource_manager
    class Connection:
        def setup(self) -> str:
            marks("setup")
            return "connection"

        def cleanup(self, value: str) -> None:
            marks("cleanup")

    @task
    def uses(connection: str) -> None:
        marks("uses")
        if broken.exists():
            raise ValueError

    with Flow("resources") as flow, Connection() as connection:
        uses(connection)
    flow.run()
    broken.unlink()
    state = flow.run(resume="last")
    assert state is not None
    assert state.is_successful()
    assert marks.taken() == {"setup": 2, "cleanup": 2, "uses": 2}


def place_of(scheme: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """A URL and what fsspec needs for it."""
    if scheme != "s3":
        return f"{scheme}://{folder}", {}
    s3 = server(S3Server)
    return f"s3://{s3.bucket()}", s3.options()


@pytest.mark.parametrize("scheme", ["memory", "file", "s3"])
def test_on_another_machine(
    scheme: str, marks: Marks, broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journals and results are in stores, and the earlier run's process is unknown here."""
    place, options = place_of(scheme, tmp_path)
    prefectlite.config.runs.folder = f"{place}/journals"
    prefectlite.config.runs.storage_options = options
    stored: Any = FsspecResult(f"{place}/results", storage_options=options)
    flow = flow_to_resume(marks, stored, broken)
    from prefectlite.runs import lock

    run = runs.load("last")
    assert run.damage is None
    monkeypatch.setattr(lock, "here", "another machine")
    state = flow.run(resume="last")
    assert end(flow, state, "total") == 36
    assert marks.taken() == {"add6": 1, "total": 1}
    assert [info.status for info in runs.list_runs()] == ["Success", "Failed"]


def test_a_damaged_journal_is_resumed_up_to_the_damage(
    marks: Marks, stored: LocalResult, broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flow = flow_to_resume(marks, stored, broken)
    path = Path(runs.load("last").place, "journal")
    data = bytearray(path.read_bytes())
    data[-len(data) // 4] ^= 1
    path.write_bytes(data)
    state = flow.run(resume="last")
    assert end(flow, state, "total") == 36
    assert "is damaged. A record does not match its checksum" in caplog.text
    # the checkpoints have names that tell what they are, so they are found all the same
    assert marks.taken() == {"add6": 1, "total": 1}


def test_a_journal_without_its_beginning_says_nothing(
    marks: Marks, stored: LocalResult, broken: Path
) -> None:
    flow = flow_to_resume(marks, stored, broken)
    info = runs.list_runs()[0]
    path = Path(info.place, "journal")
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    state = flow.run(resume=info.run_id)
    assert end(flow, state, "total") == 36
    assert len(marks.taken()) == 14


def test_dates_stay_those_of_the_earlier_run(tmp_path: Path, broken: Path) -> None:
    @task
    def today() -> str:
        if broken.exists():
            raise ValueError
        return str(prefectlite.context.today)

    with Flow("dates") as flow:
        today()
    flow.run(context={"today": "1999-12-31"})
    broken.unlink()
    assert end(flow, flow.run(resume="last"), "today") == "1999-12-31"


def test_a_driver_that_died_as_it_began_has_lost_nothing(
    marks: Marks, stored: LocalResult, broken: Path
) -> None:
    """The resumed run has its header in the journal, and not yet the states it starts from."""
    flow = mapped_flow(marks, stored, broken)
    flow.run()
    broken.unlink()
    flow.run(resume="last")
    marks.taken()
    info, first = runs.list_runs()
    path = Path(info.place, "journal")
    data = path.read_bytes()
    header = 8 + int.from_bytes(data[:4], "little")
    for cut in (header, header + 30):
        path.write_bytes(data[:cut])
        Path(info.place, "end").unlink(missing_ok=True)
        for folder in Path(first.place).parent.iterdir():
            if folder not in (Path(info.place), Path(first.place)):
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()
        state = flow.run(resume="last")
        assert runs.list_runs()[0].resumes == info.run_id
        assert end(flow, state, "total") == 36
        assert marks.taken() == {"total": 1}


def test_a_journal_that_was_cut_anywhere_is_resumed(
    marks: Marks, stored: LocalResult, broken: Path
) -> None:
    flow = flow_to_resume(marks, stored, broken)
    info = runs.list_runs()[0]
    path = Path(info.place, "journal")
    data = path.read_bytes()
    header = 8 + int.from_bytes(data[:4], "little")
    for cut in range(header, len(data), 97):
        path.write_bytes(data[:cut])
        state = flow.run(resume=info.run_id)
        assert end(flow, state, "total") == 36
        # what was stored is found by its name, where the journal does not tell of it
        assert marks.taken() == {"add6": 1, "total": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_flattened_maps_are_gone_on_with(
    kind: str, marks: Marks, stored: LocalResult, broken: Path
) -> None:
    @task(result=stored)
    def split(n: int) -> list[int]:
        marks(f"split{n}")
        return list(range(n))

    @task(result=stored)
    def double(x: int) -> int:
        count = marks(f"double{x}")
        if x == 2 and count == 1 and broken.exists():
            raise ValueError
        return 2 * x

    @task
    def total(values: list[int]) -> int:
        marks("total")
        return sum(values)

    with Flow("flat") as flow:
        total(double.map(prefectlite.flatten(split.map([1, 3, 2]))))
    executor = started_executor(kind)
    flow.run(executor=executor)
    broken.unlink()
    marks.taken()
    state = flow.run(executor=executor, resume="last")
    assert end(flow, state, "total") == 8
    assert marks.taken() == {"double2": 1, "total": 1}
