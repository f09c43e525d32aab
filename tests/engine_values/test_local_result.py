"""Results in files: where they go, that they are whole, and what becomes of damaged ones."""

from __future__ import annotations

import json
import os
import pickle
import threading
from pathlib import Path

import pandas
import pytest

from prefectlite.engine.results import LocalResult, local_result
from prefectlite.engine.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)
from prefectlite.exceptions import ResultNotFoundError, ResultReadError, ResultWriteError
from prefectlite.utilities.configuration import set_temporary_config

VALUE = {"numbers": [1, 2, 3], "name": "sepal length", "none": None}


class TestKindsOfErrors:
    """Errors are caught as they are with Prefect 1, also after they came from another process."""

    @pytest.mark.parametrize(
        ("content", "serializer", "kind"),
        [
            (b"", PickleSerializer(), EOFError),
            (pickle.dumps(list(range(99)))[:-9], PickleSerializer(), pickle.UnpicklingError),
            (b"{}", PickleSerializer(), pickle.UnpicklingError),
            (b"{", JSONSerializer(), json.JSONDecodeError),
            (b"\x80", JSONSerializer(), UnicodeDecodeError),
            (None, PickleSerializer(), IsADirectoryError),
        ],
    )
    def test_of_reading(self, content, serializer, kind, tmp_path):
        path = tmp_path / "x"
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(ResultReadError, match="cannot be read with") as raised:
            LocalResult(dir=tmp_path, serializer=serializer).read("x")
        for error in (raised.value, pickle.loads(pickle.dumps(raised.value))):
            assert isinstance(error, kind)
            assert isinstance(error, ResultReadError)
            assert str(error) == str(raised.value)
            assert repr(error).startswith("ResultReadError(")

    @pytest.mark.parametrize(
        ("location", "kind"),
        [("folder", IsADirectoryError), ("", IsADirectoryError), ("a\0b", ValueError)],
    )
    def test_of_writing(self, location, kind, tmp_path):
        (tmp_path / "folder").mkdir()
        with pytest.raises(kind) as raised:
            LocalResult(dir=tmp_path, location=location).write(1)
        assert isinstance(raised.value, ResultWriteError)

    def test_of_a_callable_and_a_template(self, tmp_path):
        with pytest.raises(KeyError, match=r"'nokey'.*take \*\*kwargs"):
            LocalResult(dir=tmp_path, location=lambda **values: values["nokey"]).write(1)
        with pytest.raises(AttributeError, match="cannot be filled in"):
            LocalResult(dir=tmp_path, location="{x.nothing}").write(1, x=1)


class TestDirectory:
    def test_default(self, tmp_path):
        with set_temporary_config({"home_dir": str(tmp_path)}):
            assert LocalResult().dir == str(tmp_path / "results")
        assert (tmp_path / "results").is_dir()

    def test_is_created_unless_told_otherwise(self, tmp_path):
        LocalResult(dir=tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()
        LocalResult(dir=tmp_path / "c", validate_dir=False)
        assert not (tmp_path / "c").exists()

    def test_becomes_absolute(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", "/home/somebody")
        assert LocalResult(dir="here").dir == str(tmp_path / "here")
        assert LocalResult(dir="").dir == str(tmp_path)

    def test_stays_as_given_where_it_is_not_validated(self, tmp_path, monkeypatch):
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path)
        result = LocalResult(dir="here", validate_dir=False, location="x")
        assert result.dir == "here"
        assert not (tmp_path / "here").exists()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert result.write(1).location == str(tmp_path / "here" / "x")
        assert result.read("x").value == 1
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        result = LocalResult(dir="~/x", validate_dir=False, location="y")
        assert result.dir == "~/x"
        assert result.write(1).location == str(tmp_path / "home" / "x" / "y")

    def test_what_cannot_be_created(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="file"):
            LocalResult(dir=tmp_path / "file" / "below")

    def test_counts_for_equality(self, tmp_path):
        assert LocalResult(dir=tmp_path) == LocalResult(dir=tmp_path)
        assert LocalResult(dir=tmp_path) != LocalResult(dir=tmp_path / "other")

    @pytest.mark.parametrize("wrong", [{"foo": 1}, {"dir": 5}])
    def test_wrong_arguments(self, wrong):
        with pytest.raises(TypeError):
            LocalResult(**wrong)


class TestLocations:
    def test_relative(self, tmp_path):
        result = LocalResult(dir=tmp_path, location="{a}/y.p")
        written = result.write(VALUE, a="x")
        assert written.location == str(tmp_path / "x" / "y.p")
        assert (written.value, written.dir) == (VALUE, str(tmp_path))
        assert (result.value, result.location) == (None, "{a}/y.p")
        assert result.read("x/y.p").value == VALUE
        assert result.read("x/y.p").location == "x/y.p"

    def test_absolute(self, tmp_path):
        location = str(tmp_path / "there" / "x")
        other = LocalResult(dir=tmp_path / "other", location=location)
        assert other.write(VALUE).location == location
        assert other.exists(location)
        assert other.read(location).value == VALUE

    def test_callable(self, tmp_path):
        result = LocalResult(dir=tmp_path, location=lambda **kwargs: f"{kwargs['a']}.p")
        assert result.write(1, a="b").location == str(tmp_path / "b.p")

    def test_default(self, tmp_path):
        written = LocalResult(dir=tmp_path).write(VALUE)
        name = Path(written.location).name
        assert written.location == str(tmp_path / name)
        assert name.startswith("prefect-result-20")
        assert name.endswith("-00-00")
        assert LocalResult(dir=tmp_path).write(VALUE).location != written.location

    def test_keyword_named_value(self, tmp_path):
        written = LocalResult(dir=tmp_path, location="{value}").write(42, value=3)
        assert (written.value, Path(written.location).name) == (42, "3")

    @pytest.mark.parametrize("name", ["sp ace", "x:y*", "é", "n" * 250])
    def test_names(self, tmp_path, name):
        assert LocalResult(dir=tmp_path, location=name).write(1).value == 1
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_what_is_missing_in_a_template(self, tmp_path):
        result = LocalResult(dir=tmp_path, location="{missing}")
        with pytest.raises(KeyError, match="missing"):
            result.write(1)
        with pytest.raises(KeyError, match="missing"):
            result.exists("{missing}")

    def test_exists(self, tmp_path):
        LocalResult(dir=tmp_path, location="x").write(1)
        result = LocalResult(dir=tmp_path)
        assert result.exists("x")
        assert result.exists("{a}", a="x")
        assert result.exists(str(tmp_path / "x"))
        assert not result.exists("y")

    def test_no_file(self, tmp_path):
        with pytest.raises(ResultNotFoundError, match=r"no result at .*nope"):
            LocalResult(dir=tmp_path).read("nope")
        with pytest.raises(FileNotFoundError):
            LocalResult(dir=tmp_path).read("{x}")


class TestPlainTools:
    def test_pickle(self, tmp_path):
        path = LocalResult(dir=tmp_path).write(VALUE).location
        with Path(path).open("rb") as file:
            assert pickle.load(file) == VALUE
        assert pickle.loads(Path(path).read_bytes()) == VALUE

    def test_json(self, tmp_path):
        path = LocalResult(dir=tmp_path, serializer=JSONSerializer()).write(VALUE).location
        with Path(path).open() as file:
            assert json.load(file) == VALUE

    @pytest.mark.parametrize("file_type", ["pickle", "json", "csv", "parquet"])
    def test_pandas(self, tmp_path, file_type):
        frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[0, 1])
        keywords = {"index": False} if file_type == "csv" else {}
        result = LocalResult(
            dir=tmp_path, serializer=PandasSerializer(file_type, serialize_kwargs=keywords)
        )
        path = result.write(frame).location
        pandas.testing.assert_frame_equal(getattr(pandas, f"read_{file_type}")(path), frame)
        pandas.testing.assert_frame_equal(result.read(path).value, frame)

    def test_files_of_prefect_1_or_by_hand(self, tmp_path):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            (tmp_path / "x").write_bytes(pickle.dumps(VALUE, protocol=protocol))
            assert LocalResult(dir=tmp_path).read("x").value == VALUE
        reads_json = LocalResult(dir=tmp_path, serializer=JSONSerializer())
        for text in (json.dumps(VALUE), json.dumps(VALUE, indent=2) + "\n"):
            (tmp_path / "x").write_text(text)
            assert reads_json.read("x").value == VALUE


SERIALIZERS = {
    "pickle": PickleSerializer(),
    "json": JSONSerializer(),
    "gzip": CompressedSerializer(PickleSerializer(), format="gzip"),
    "zlib": CompressedSerializer(JSONSerializer(), format="zlib"),
    "bz2": CompressedSerializer(PickleSerializer(), format="bz2"),
    "lzma": CompressedSerializer(PickleSerializer(), format="lzma"),
}


@pytest.fixture(params=SERIALIZERS)
def stored(request, tmp_path):
    """A result in a file, and the file."""
    result = LocalResult(dir=tmp_path, location="x", serializer=SERIALIZERS[request.param])
    return result, Path(result.write(VALUE).location)


class TestDamage:
    def refused(self, result, path):
        with pytest.raises(ResultReadError) as raised:
            result.read("x")
        assert str(path) in str(raised.value)
        assert type(result.serializer).__name__ in str(raised.value)
        assert raised.value.__cause__ is not None

    def test_undamaged(self, stored):
        assert stored[0].read("x").value == VALUE

    def test_empty(self, stored):
        result, path = stored
        path.write_bytes(b"")
        self.refused(result, path)

    def test_truncated_anywhere(self, stored):
        result, path = stored
        data = path.read_bytes()
        # Without its seal alone, a file is one of Prefect 1: whole.
        whole = len(result.serializer.serialize(VALUE))
        for length in set(range(len(data))) - {whole, whole + 1}:
            path.write_bytes(data[:length])
            self.refused(result, path)

    def test_any_flipped_bit(self, stored):
        result, path = stored
        data = path.read_bytes()
        for position in range(len(data)):
            for bit in range(8):
                flipped = bytearray(data)
                flipped[position] ^= 1 << bit
                path.write_bytes(flipped)
                try:
                    value = result.read("x").value
                except ResultReadError:
                    continue
                # A flipped bit in a header may do no harm; a wrong value would.
                assert value == VALUE

    @pytest.mark.parametrize("other", SERIALIZERS)
    def test_wrong_serializer(self, stored, other):
        result, path = stored
        if SERIALIZERS[other] != result.serializer:
            self.refused(LocalResult(dir=result.dir, serializer=SERIALIZERS[other]), path)

    def test_json_of_one_kind_is_not_taken_for_another(self, tmp_path):
        path = LocalResult(dir=tmp_path, location="x", serializer=JSONSerializer()).write({})
        reader = LocalResult(dir=tmp_path, serializer=PandasSerializer("json"))
        self.refused(reader, path.location)

    def test_dates(self, tmp_path):
        (tmp_path / "x").write_bytes(b"2020-01-01T00:00:00+0")
        reader = LocalResult(dir=tmp_path, serializer=DateTimeSerializer())
        self.refused(reader, tmp_path / "x")

    def test_a_pickle_is_not_loaded_before_it_was_checked(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "exploded"),)

        result = LocalResult(dir=tmp_path, location="x")
        path = Path(result.write(Bomb()).location)
        data = bytearray(path.read_bytes())
        data[-5] = ord("0") if data[-5] != ord("0") else ord("1")
        path.write_bytes(data)
        self.refused(result, path)
        assert not (tmp_path / "exploded").exists()

    def test_an_edited_file_says_what_to_do(self, tmp_path):
        result = LocalResult(dir=tmp_path, location="x", serializer=JSONSerializer())
        path = Path(result.write({"a": 1}).location)
        path.write_text(path.read_text().replace("1", "2"))
        with pytest.raises(ResultReadError, match="take off the last line of an edited file"):
            result.read("x")
        path.write_text(path.read_text().splitlines()[0] + "\n")
        assert result.read("x").value == {"a": 2}

    def test_a_folder_is_no_result(self, tmp_path):
        (tmp_path / "x").mkdir()
        self.refused(LocalResult(dir=tmp_path), tmp_path / "x")
        with pytest.raises(ResultWriteError, match=r"cannot be written to .*/x.*directory"):
            LocalResult(dir=tmp_path, location="x").write(1)

    def test_serializers_of_users_are_stored_as_they_are(self, tmp_path):
        class Raw(PickleSerializer):
            def serialize(self, value):
                return value

            def deserialize(self, value):
                return value

        result = LocalResult(dir=tmp_path, location="x", serializer=Raw())
        result.write(b"")
        assert (tmp_path / "x").read_bytes() == b""
        assert result.read("x").value == b""


class Failing(Serializer):
    def serialize(self, value):
        raise ValueError("cannot")


class TestWholeOrAbsent:
    def test_nothing_is_left_of_a_write_that_fails(self, tmp_path, monkeypatch):
        result = LocalResult(dir=tmp_path, location="x")
        result.write("old")

        def no_space(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(local_result.os, "fsync", no_space)
        with pytest.raises(ResultWriteError, match="/x': No space left on device"):
            result.write("new")
        assert [path.name for path in tmp_path.iterdir()] == ["x"]
        assert result.read("x").value == "old"

    def test_an_interrupt_leaves_nothing(self, tmp_path, monkeypatch):
        def interrupted(source, target):
            raise KeyboardInterrupt

        monkeypatch.setattr(local_result.os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            LocalResult(dir=tmp_path, location="x").write("new")
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_serialized_makes_no_file(self, tmp_path):
        for serializer, error in [(Failing(), ValueError), (JSONSerializer(), TypeError)]:
            with pytest.raises(error):
                LocalResult(dir=tmp_path, location="a/x", serializer=serializer).write({1})
        assert list(tmp_path.iterdir()) == []

    def test_file_and_folders_reach_the_disk_before_success(self, tmp_path, monkeypatch):
        synced = []
        real = os.fsync

        def recorded(descriptor):
            synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
            real(descriptor)

        if not Path("/proc/self/fd").exists():
            pytest.skip("this system does not name open files")
        monkeypatch.setattr(local_result.os, "fsync", recorded)
        LocalResult(dir=tmp_path, location="a/b/x").write(1)
        assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= set(synced)
        unfinished = [path for path in synced if path.name.startswith(".prefectlite-")]
        assert len(unfinished) == 1
        # The folder is told of the file after the file is on the disk.
        assert synced[-1] == tmp_path / "a" / "b"

    def test_readers_never_see_part_of_a_file(self, tmp_path):
        result = LocalResult(dir=tmp_path, location="x")
        values = [str(i) * 200_000 for i in range(4)]
        result.write(values[0])
        stop = threading.Event()

        def write_all():
            for _ in range(5):
                for value in values:
                    result.write(value)
            stop.set()

        writer = threading.Thread(target=write_all)
        writer.start()
        reads = 0
        while not stop.is_set() or not reads:
            assert result.read("x").value in values
            reads += 1
        writer.join()

    def test_rights_are_those_of_any_new_file(self, tmp_path):
        LocalResult(dir=tmp_path, location="x").write(1)
        (tmp_path / "y").write_text("")
        assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode

    def test_links_keep_pointing(self, tmp_path):
        (tmp_path / "far").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "far" / "x")
        written = LocalResult(dir=tmp_path, location="link").write(1)
        assert written.location == str(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert LocalResult(dir=tmp_path / "far").read("x").value == 1
