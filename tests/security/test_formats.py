"""Reading JSON or msgpack runs no code, whatever is in the file."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import msgpack
import pytest

from prefectlite import Flow, task
from prefectlite.engine.results import LocalResult
from prefectlite.engine.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    MsgpackSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
    runs_code,
)
from prefectlite.exceptions import ResultReadError

SAFE: list[Serializer] = [
    JSONSerializer(),
    MsgpackSerializer(),
    DateTimeSerializer(),
    PandasSerializer("csv"),
    PandasSerializer("json"),
    PandasSerializer("parquet"),
    CompressedSerializer(JSONSerializer(), format="zlib"),
]


class Mine:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def _hostile(serializer: Serializer, mark: Path) -> list[bytes]:
    """Bytes that would run code if they were a pickle, or held one that is loaded."""
    found = pickle.dumps(Mine(mark))
    bytes_of = [found, found + b"\nprefectlite-crc32:%08x\n" % zlib.crc32(b"pickle" + found)]
    if isinstance(serializer, MsgpackSerializer):
        bytes_of += [msgpack.packb(msgpack.ExtType(code, found)) for code in range(128)]
        # arrays of objects, whose elements would be addresses
        for dtype in ("O", "|O", [["x", "|O"]]):
            head = msgpack.packb([dtype, [1], "C"])
            array = struct.pack(">I", len(head)) + head + bytes(8)
            bytes_of += [msgpack.packb(msgpack.ExtType(code, array)) for code in (1, 2)]
            bytes_of.append(msgpack.packb(msgpack.ExtType(3, msgpack.packb([dtype, bytes(8)]))))
    if isinstance(serializer, CompressedSerializer):
        bytes_of += [zlib.compress(found)]
    return bytes_of


@pytest.mark.parametrize("serializer", SAFE, ids=lambda one: type(one).__name__)
@pytest.mark.filterwarnings("ignore")
def test_reading_a_safe_format_runs_no_code(serializer: Serializer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    result = LocalResult(dir=tmp_path / "results", serializer=serializer)
    for data in _hostile(serializer, mark):
        (tmp_path / "results" / "x").write_bytes(data)
        if isinstance(serializer, PandasSerializer) and serializer.file_type == "csv":
            # any text is a table
            with contextlib.suppress(ResultReadError):
                result.read("x")
        else:
            with pytest.raises(ResultReadError, match="cannot be read with"):
                result.read("x")
        assert not mark.exists(), data


def test_the_same_bytes_do_run_code_as_a_pickle(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "x").write_bytes(pickle.dumps(Mine(mark)))
    LocalResult(dir=tmp_path).read("x")
    assert mark.exists()


def test_safe_formats_refuse_what_is_more_than_data() -> None:
    for serializer in (JSONSerializer(), MsgpackSerializer()):
        with pytest.raises(TypeError, match="Mine"):
            serializer.serialize({"a": Mine(Path("x"))})


def test_a_pickle_at_the_target_of_a_safe_task_is_computed_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "x").write_bytes(pickle.dumps(Mine(mark)))

    @task(target="x", result=LocalResult(dir=tmp_path, serializer=MsgpackSerializer()))
    def compute() -> list[int]:
        return [1, 2]

    with Flow("safe") as flow:
        computed = compute()
    state = flow.run().result[computed]
    assert type(state).__name__ == "Success"
    assert state.result == [1, 2]
    assert not mark.exists()
    assert flow.run().result[computed].is_cached()


def test_which_serializers_run_code() -> None:
    class Own(PickleSerializer):
        pass

    assert not any(runs_code(serializer) for serializer in SAFE)
    pickling: list[Serializer] = [PickleSerializer(), Own(), PandasSerializer("pickle")]
    assert all(runs_code(serializer) for serializer in pickling)
    assert runs_code(CompressedSerializer(PickleSerializer(), format="gzip"))
