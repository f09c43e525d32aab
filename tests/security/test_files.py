"""Files follow the umask; a pickle that anybody may have written is not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.results import FsspecResult, LocalResult
from prefectlite.engine.serializers import JSONSerializer
from prefectlite.engine.storage.trust import why_untrusted
from prefectlite.exceptions import FlowStorageError, ResultReadError, ResultWriteError

ME, OTHER = 1000, 1001


def told(mode: int, user: int = ME) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 0, user, 0, 0, 0, 0, 0))


FILE, FOLDER = told(0o100644), told(0o40755)


@pytest.mark.parametrize(
    ("file", "folder", "reason"),
    [
        (FILE, FOLDER, None),
        (told(0o100600), told(0o40700), None),
        (told(0o100664), told(0o40775), None),
        (told(0o100644, 0), FOLDER, None),
        (FILE, told(0o40755, OTHER), None),
        (FILE, told(0o41777, 0), None),
        (None, FOLDER, None),
        (None, None, None),
        (told(0o100644, OTHER), FOLDER, "user 1001"),
        (told(0o100644, OTHER), told(0o41777, 0), "user 1001"),
        (told(0o100666), FOLDER, "may write to it "),
        (told(0o100646), told(0o41777, 0), "may write to it "),
        (FILE, told(0o40777), "its folder"),
        (FILE, told(0o40757), "its folder"),
        (None, told(0o40777), "its folder"),
    ],
)
def test_who_is_trusted(
    file: os.stat_result | None, folder: os.stat_result | None, reason: str | None
) -> None:
    found = why_untrusted(file, folder, ME)
    assert found is None if reason is None else reason in str(found)


def test_root_reads_pickles_of_its_own_only() -> None:
    assert why_untrusted(told(0o100644, 0), told(0o40755, ME), 0) is None
    assert why_untrusted(FILE, FOLDER, 0) is not None


@pytest.fixture(params=["local", "fsspec"])
def result(request: pytest.FixtureRequest, tmp_path: Path) -> LocalResult | FsspecResult:
    folder = tmp_path / "results"
    folder.mkdir(mode=0o755)
    if request.param == "local":
        return LocalResult(dir=folder, location="x")
    return FsspecResult(f"file://{folder}", location="x")


def _open_to_all(path: Path) -> None:
    path.chmod(path.stat().st_mode | stat.S_IWOTH)


def test_a_pickle_that_anybody_may_write_is_refused(
    result: LocalResult | FsspecResult, tmp_path: Path
) -> None:
    result.write(1)
    assert result.read("x").value == 1
    _open_to_all(tmp_path / "results" / "x")
    with pytest.raises(ResultReadError, match=r"anybody .* results\.allow_shared_pickles"):
        result.read("x")
    assert isinstance(result.fetch_many(["x"])[0], PermissionError)
    prefectlite.config.results.allow_shared_pickles = True
    assert result.read("x").value == 1


def test_a_pickle_in_a_folder_that_anybody_may_write_is_refused(
    result: LocalResult | FsspecResult, tmp_path: Path
) -> None:
    result.write(1)
    folder = tmp_path / "results"
    _open_to_all(folder)
    with pytest.raises(ResultReadError, match="to its folder"):
        result.read("x")
    with pytest.raises(ResultWriteError, match="to its folder"):
        result.write(2)
    folder.chmod(0o1777)
    result.write(2)
    assert result.read("x").value == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_pickle_of_somebody_else_is_refused(
    result: LocalResult | FsspecResult, tmp_path: Path
) -> None:
    result.write(1)
    os.chown(tmp_path / "results" / "x", OTHER, OTHER)
    with pytest.raises(ResultReadError, match="belongs to user 1001"):
        result.read("x")


def test_data_is_read_from_anywhere(result: LocalResult | FsspecResult, tmp_path: Path) -> None:
    result.serializer = JSONSerializer()
    _open_to_all(tmp_path / "results")
    result.write([1])
    _open_to_all(tmp_path / "results" / "x")
    assert result.read("x").value == [1]


def test_a_task_whose_target_anybody_may_have_written_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    @task(target="x", result=LocalResult(dir=tmp_path))
    def compute() -> int:
        return 1

    with Flow("trust") as flow:
        computed = compute()
    flow.run()
    _open_to_all(tmp_path / "x")
    state = flow.run().result[computed]
    assert type(state).__name__ == "Success"
    assert not (tmp_path / "x").stat().st_mode & stat.S_IWOTH
    assert flow.run().result[computed].is_cached()


def test_a_flow_that_anybody_may_have_written_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "flow"
    Flow("kept").save(str(path))
    assert Flow.load(str(path)).name == "kept"
    _open_to_all(path)
    with pytest.raises(FlowStorageError, match="anybody on this machine may write to it"):
        Flow.load(str(path))


@pytest.fixture(params=[0o000, 0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_and_folders_follow_the_umask(umask: int, tmp_path: Path) -> None:
    result = LocalResult(dir=tmp_path / "results", location="a/b/x.pickle")
    result.write(1)
    Flow("kept").save(str(tmp_path / "flow"))
    # but for one: nobody else may change them, also where the umask lets them
    limit = 0o777 & ~umask & ~0o002
    for path in (tmp_path / "results" / "a" / "b" / "x.pickle", tmp_path / "flow"):
        assert stat.S_IMODE(path.stat().st_mode) == limit & 0o664, path
    assert stat.S_IMODE((tmp_path / "results").stat().st_mode) == limit
    assert result.read("a/b/x.pickle").value == 1
