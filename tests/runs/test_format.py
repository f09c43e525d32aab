"""The bytes of a journal: nothing that is torn or flipped is believed, other versions are read."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from prefectlite import Flow, runs, task
from prefectlite.engine.events import StateChange
from prefectlite.exceptions import JournalError
from prefectlite.runs.entries import Decoder, Encoder
from prefectlite.runs.format import CHANGES, END, HEADER, RecordReader, record
from prefectlite.runs.places import LocalRun, folder_name
from prefectlite.runs.run import Run

TASKS: list[list[Any]] = [
    ["load-1", "load", 0, True, [], b"", b"", b""],
    ["total-1", "total", 0, False, [[0, "xs", False, False]], b"", b"", b""],
]
HEAD: dict[str, Any] = {
    "format": [1, 0],
    "run": "r",
    "flow": "f",
    "started": 1000.0,
    "tasks": TASKS,
}


def written(folder: Path, *records: bytes) -> Run:
    """A journal with these records, read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal").write_bytes(b"".join(records))
    return Run(LocalRun(folder), "r")


def changes() -> list[StateChange]:
    """Changes of all kinds."""
    one = StateChange("r", "load", "load-1", 0, 1, "Running", 1001.0, "w:1", None, STARTED)
    failed = StateChange("r", "load", "load-1", 0, 1, "Failed", 1002.5, "w:1", None, "no")
    failed.traceback = "Traceback: no"
    retrying = StateChange("r", "load", "load-1", 0, 1, "Retrying", 1002.5, "w:1", None, "again")
    retrying.due = 1010.0
    again = StateChange("r", "load", "load-1", 0, 2, "Running", 1010.0, "w:2", None, STARTED)
    done = StateChange("r", "load", "load-1", 0, 2, "Success", 1011.0, "w:2", "/a/b/c", SUCCEEDED)
    mapped = StateChange("r", "load", "load-1", None, 1, "Mapped", 1000.5, None, None, "go", 1)
    empty = StateChange("r", "total", "total-1", None, 1, "Success", 1012.0, None, None, SUCCEEDED)
    empty.empty = True
    begun = StateChange("r", "total", "total-1", None, 1, "Running", 1011.5, None, None, STARTED)
    return [mapped, one, failed, retrying, again, done, begun, empty]


STARTED = "Starting task run."
SUCCEEDED = "Task run succeeded."


def encoded(*given: StateChange) -> bytes:
    """The records of changes."""
    encoder = Encoder({"load-1": 0, "total-1": 1}, 1000.0, lambda text: text)
    return b"".join([*(encoder.take(change) for change in given), encoder.flush()])


def test_every_change_comes_back_as_it_was(tmp_path: Path) -> None:
    run = written(tmp_path, record(HEADER, HEAD), encoded(*changes()))
    assert list(run.changes()) == changes()
    assert run.damage is None


def test_a_run_that_is_at_work_is_in_the_journal(tmp_path: Path) -> None:
    run = written(tmp_path, record(HEADER, HEAD), encoded(*changes()[:2]))
    assert [timing.state for timing in run.timings] == ["Running"]


def test_a_torn_tail_is_cut(tmp_path: Path) -> None:
    whole = record(END, {"state": "Success"})
    reader = RecordReader(whole + whole[:-1])
    assert len(list(reader)) == 1
    assert reader.damage is not None
    assert reader.damage.position == len(whole)


def test_zeros_that_a_power_cut_left_are_no_record() -> None:
    reader = RecordReader(b"\0" * 100)
    assert list(reader) == []
    assert reader.damage is not None


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a real run, of more than 2 kB."""
    import prefectlite

    folder = tmp_path_factory.mktemp("runs")
    before = prefectlite.config.runs.folder
    prefectlite.config.runs.folder = str(folder)

    @task
    def double(x: int) -> int:
        if x % 10 == 3:
            raise ValueError(f"not {x}")
        return 2 * x

    with Flow("real") as flow:
        double.map(list(range(150)))
    flow.run()
    data = Path(runs.load("last").place, "journal").read_bytes()
    prefectlite.config.runs.folder = before
    assert len(data) > 2048
    return data


def counted(folder: Path, data: bytes) -> tuple[Run, int]:
    """A run of these bytes, and how many task runs it knows the end of."""
    run = written(folder, data)
    return run, sum(state in ("Success", "Failed") for state in states_of(run))


def states_of(run: Run) -> list[str]:
    return [change.state for ends in run.latest.values() for change in ends.values()]


def test_cut_at_every_byte_of_its_last_2_kilobytes(journal: bytes, tmp_path: Path) -> None:
    most = 0
    for cut in range(len(journal) - 2048, len(journal)):
        run, count = counted(tmp_path, journal[:cut])
        assert count >= most, "what was there before is there still"
        most = count
        whole = sum(map(len, map(repack, RecordReader(journal[:cut]))))
        assert (run.damage is None) == (whole == cut)
    assert counted(tmp_path, journal)[1] >= most


def repack(fields: list[Any]) -> bytes:
    """A record as it was written."""
    return record(*fields)


def test_a_flipped_bit_is_found_anywhere(journal: bytes, tmp_path: Path) -> None:
    dice = random.Random(6)
    for _ in range(300):
        at, bit = dice.randrange(len(journal)), dice.randrange(8)
        flipped = bytearray(journal)
        flipped[at] ^= 1 << bit
        run = written(tmp_path, bytes(flipped))
        assert run.damage is not None
        assert run.damage.position <= at
        # nothing is made up: what is known of a task run is what was so
        assert set(states_of(run)) <= {"Success", "Failed", "Running", "Mapped"}


def test_a_newer_minor_version_is_read(tmp_path: Path) -> None:
    """It has kinds of records and entries, fields and keys that this version does not know."""
    header = {**HEAD, "format": [1, 9], "weather": "fine", "tasks": [[*t, "more"] for t in TASKS]}
    run = written(
        tmp_path,
        record(HEADER, header, "more"),
        record(99, "of a later time"),
        record(
            CHANGES,
            ["/a/"],
            [
                [1, 0, 0, 1.0, 0.5, 1, 0, 1, "b", "more"],
                [77, "of a later time"],
                [1, 1, -1, 2.0, 0.5, 1, 0, 0, "", 250_000, 2048],
            ],
            "more",
        ),
        record(END, {"state": "Success", "ended": 3.0, "mood": "good"}, "more"),
    )
    assert run.damage is None
    assert run.info.state == "Success"
    assert run.states["load-1"].map_states[0]._result.location == "/a/b"  # type: ignore[attr-defined]
    assert run.states["total-1"].is_successful()


def test_an_older_minor_version_is_read(tmp_path: Path) -> None:
    """It lacks keys of the header, and fields at the ends of entries."""
    header = {name: HEAD[name] for name in ("format", "run", "flow", "started", "tasks")}
    run = written(
        tmp_path,
        record(HEADER, header),
        record(CHANGES, ["Failed"], [[0, 1, -1, 2.0, 1]]),
        record(END, {}),
    )
    assert run.damage is None
    assert run.states["total-1"].is_failed()
    assert (run.parameters, run.info.resumes) == ({}, None)


def test_another_major_version_is_refused(tmp_path: Path) -> None:
    header = {**HEAD, "format": [2, 0], "versions": {"prefectlite": "9.1"}}
    with pytest.raises(JournalError, match=r"format 2\.0, written by prefectlite 9\.1"):
        written(tmp_path, record(HEADER, header))


def test_a_state_of_a_users_class_is_pending_where_that_is_not_known(tmp_path: Path) -> None:
    entries = [[0, 1, -1, 2.0, 1]]
    run = written(tmp_path, record(HEADER, HEAD), record(CHANGES, ["Simmering"], entries))
    assert run.states["total-1"].is_pending()


def test_an_entry_without_its_text_says_nothing() -> None:
    decoder = Decoder("r", 0.0, [("load-1", "load")])
    (change,) = decoder.changes([0, 0, -1, 2.0, 5])
    assert change.state == "Pending"


def test_a_run_id_cannot_lead_out_of_the_folder() -> None:
    assert "/" not in folder_name("../../etc", 0.0)
