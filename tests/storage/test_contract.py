"""One contract for every class of results, on every store, with every serializer."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
import threading
from datetime import datetime, timezone
from typing import Any

import cloudpickle
import msgpack
import numpy
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefectlite.engine.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    MsgpackSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)
from prefectlite.exceptions import ResultNotFoundError, ResultReadError
from tests.storage.conftest import Store

# what gcsfs and adlfs hand to aiohttp; the warning is theirs
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

FRAME = pandas.DataFrame({"a": [1, 2], "b": ["x", "é"]})
DATA: dict[str, Any] = {"a": [1, 2.5, None, True, "é"], "b": {"c": []}}
CASES: dict[str, tuple[Serializer, Any]] = {
    "pickle": (PickleSerializer(), {"a": {1, 2}, "b": (None, 2 + 3j)}),
    "json": (JSONSerializer(), DATA),
    "date": (DateTimeSerializer(), datetime(2020, 5, 6, 7, tzinfo=timezone.utc)),
    "msgpack": (MsgpackSerializer(), {"a": (1, {2}), "when": datetime(2020, 1, 1)}),
    **{f"pandas {kind}": (PandasSerializer(kind), FRAME) for kind in ("parquet", "pickle")},
    "pandas feather": (PandasSerializer("feather"), FRAME),
    "pandas json": (PandasSerializer("json"), FRAME),
    "pandas csv": (PandasSerializer("csv", serialize_kwargs={"index": False}), FRAME),
    **{
        kind: (CompressedSerializer(JSONSerializer(), format=kind), DATA)
        for kind in ("gzip", "bz2", "lzma", "zlib", "zstd")
    },
}
TOOLS: dict[str, Any] = {
    "pickle": pickle.loads,
    "json": json.loads,
    "gzip": lambda data: json.loads(gzip.decompress(data)),
    "bz2": lambda data: json.loads(bz2.decompress(data)),
}
SAME = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def is_same(one: Any, other: Any) -> bool:
    if isinstance(other, pandas.DataFrame):
        return isinstance(one, pandas.DataFrame) and one.equals(other)
    return bool(one == other and type(one) is type(other)) or isinstance(other, datetime)


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_read(store: Store, case: str) -> None:
    serializer, value = CASES[case]
    result = store.result(location="{name}/value", serializer=serializer)
    assert not result.exists("{name}/value", name="x")
    written = result.write(value, name="x")
    assert is_same(written.value, value)
    assert result.exists("{name}/value", name="x")
    # a folder is no result; on a disk it is there all the same, as in Prefect 1
    assert result.exists("x") == (store.kind == "local")
    read = result.read("x/value")
    assert is_same(read.value, value)
    assert read.location == "x/value"
    if case in TOOLS:
        assert is_same(TOOLS[case](store.raw("x/value")), value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@SAME
@given(value=values)
def test_any_data_comes_back_with_each_serializer(store: Store, value: Any) -> None:
    for serializer in (PickleSerializer(), JSONSerializer(), MsgpackSerializer()):
        if store.kind == "gcs" and serializer.serialize(value).endswith(b"\r"):
            # gcp-storage-emulator takes it for a part of the line that ends an upload
            continue
        result = store.result(location="any", serializer=serializer)
        result.write(value)
        assert result.read("any").value == value


@SAME
@given(
    value=st.recursive(
        st.binary() | st.datetimes() | st.dates() | st.timedeltas() | st.decimals(allow_nan=False),
        lambda inner: st.tuples(inner, inner) | st.lists(inner),
    )
)
def test_msgpack_keeps_types(value: Any) -> None:
    serializer = MsgpackSerializer()
    assert serializer.deserialize(serializer.serialize(value)) == value


@pytest.mark.parametrize("size", [10, 1_000_000])
@pytest.mark.parametrize("dtype", ["u1", "f8", "M8[s]", "U3", "c16"])
def test_msgpack_keeps_arrays(size: int, dtype: str) -> None:
    array = numpy.arange(size).astype(dtype).reshape(2, -1)
    serializer = MsgpackSerializer()
    for value in (array, array.T, array[:, ::2]):
        data = serializer.serialize({"in": [(value,)], "text": "x" * 100})
        found = serializer.deserialize(data)["in"][0][0]
        assert found.dtype == value.dtype
        assert (found == value).all()
        assert found.flags.writeable
        msgpack.unpackb(data, strict_map_key=False)


@pytest.mark.parametrize("value", [print, numpy.array([object()]), type, {"a": object()}])
def test_msgpack_takes_data_only(value: Any) -> None:
    with pytest.raises(TypeError, match="data only"):
        MsgpackSerializer().serialize(value)


def test_what_is_absent(store: Store) -> None:
    result = store.result()
    assert not result.exists("nothing/here")
    with pytest.raises(ResultNotFoundError, match="nothing/here"):
        result.read("nothing/here")
    with pytest.raises(FileNotFoundError):
        result.read("nothing/here")
    assert result.listing("nothing") == {}


def test_overwriting(store: Store) -> None:
    result = store.result(location="x")
    result.write([1] * 1000)
    result.write(None)
    assert result.read("x").value is None
    assert store.names() == ["x"]


@pytest.mark.parametrize("name", ["é ü", "日本語", "a b+c&d=e", "x" * 200, "a/" * 10 + "b", "100%"])
def test_names(store: Store, name: str) -> None:
    result = store.result(location="{name}.pkl")
    result.write(5, name=name)
    assert result.read(f"{name}.pkl").value == 5
    assert result.exists(f"{name}.pkl")


def test_a_listing_gives_names_and_sizes(store: Store) -> None:
    for name in ("in/a", "in/b", "in/deep/c", "other"):
        store.result(location=name).write(name)
    listing = store.result().listing("in")
    assert set(listing) == {"a", "b"}
    assert listing["a"] == len(store.raw("in/a"))


def test_many_are_read_together(store: Store) -> None:
    store.result(location="a").write(1)
    store.result(location="c").write(3)
    found = store.result().fetch_many(["a", "b", "c"])
    assert isinstance(found[1], FileNotFoundError)
    assert [pickle.loads(found[0]), pickle.loads(found[2])] == [1, 3]


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_sizes(store: Store, size: int) -> None:
    result = store.result(location="x")
    value = numpy.arange(size, dtype="u1")
    result.write(value)
    assert (result.read("x").value == value).all()


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_value_of_300_megabytes(kind: str, tmp_path: Any) -> None:
    from tests.storage.conftest import store_of_kind

    value = numpy.arange(300_000_000, dtype="u1")
    result = store_of_kind(kind, tmp_path).result(location="large")
    result.write(value)
    assert (result.read("large").value == value).all()


def damage(data: bytes, how: str) -> bytes:
    middle = len(data) // 2
    flipped = bytes([data[middle] ^ 1])
    return {
        "truncated": data[:middle],
        "one byte short": data[:-1],
        "empty": b"",
        "flipped": data[:middle] + flipped + data[middle + 1 :],
        "other": b"nonsense",
    }[how]


@pytest.mark.parametrize("how", ["truncated", "one byte short", "empty", "flipped", "other"])
@pytest.mark.parametrize("case", ["pickle", "json", "gzip", "zstd", "pandas parquet"])
def test_damage_is_told(store: Store, case: str, how: str) -> None:
    serializer, value = CASES[case]
    if case == "pandas parquet" and how == "flipped":
        pytest.skip("parquet has checksums of its own for some of its bytes only")
    result = store.result(location="x", serializer=serializer)
    result.write(value)
    store.put("x", damage(store.raw("x"), how))
    with pytest.raises(ResultReadError, match="x") as told:
        result.read("x")
    assert not isinstance(told.value, ResultNotFoundError)


def test_what_was_written_by_other_means(store: Store) -> None:
    store.put("plain", cloudpickle.dumps({"a": 1}))
    store.put("plain.json", b'{"a": 1}\n')
    assert store.result().read("plain").value == {"a": 1}
    json_result = store.result(serializer=JSONSerializer())
    assert json_result.read("plain.json").value == {"a": 1}


def test_writers_of_one_location_leave_the_whole_value_of_one(store: Store) -> None:
    values = [bytes([number]) * 300_000 for number in range(6)]
    result = store.result(location="x")
    threads = [threading.Thread(target=result.write, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert result.read("x").value in values
    assert store.names() == ["x"]


def test_equality_and_copies(store: Store) -> None:
    assert store.result(location="x") == store.result(location="x")
    assert store.result(location="x") != store.result(location="y")
    again = pickle.loads(pickle.dumps(store.result(location="x")))
    again.write(1)
    assert again.read("x").value == 1
    assert store.result(location="x").from_value(3).value == 3
