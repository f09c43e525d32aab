"""Values to bytes and back."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import pickle
import zlib
from datetime import date, datetime

import cloudpickle
import pandas
import pendulum
import pytest

from prefectlite.engine import serializers
from prefectlite.engine.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)


def test_base_leaves_both_to_its_children():
    with pytest.raises(NotImplementedError, match=r"Serializer does not define serialize"):
        Serializer().serialize(1)
    with pytest.raises(NotImplementedError, match=r"Serializer does not define deserialize"):
        Serializer().deserialize(b"")


def test_equality_is_by_class():
    class WithSettings(Serializer):
        def __init__(self, setting):
            self.setting = setting

    assert WithSettings(1) == WithSettings(2)
    assert PickleSerializer() == PickleSerializer()
    assert PickleSerializer() != JSONSerializer()
    with pytest.raises(TypeError, match="unhashable"):
        hash(PickleSerializer())


def test_all_names_every_class():
    assert set(serializers.__all__) == {
        name
        for name, value in vars(serializers).items()
        if isinstance(value, type) and issubclass(value, Serializer)
    } | {"MsgpackSerializer"}


class TestPickle:
    def test_bytes_are_those_of_cloudpickle(self):
        assert PickleSerializer().serialize({"a": 1}) == cloudpickle.dumps({"a": 1})

    def test_functions(self):
        twice = PickleSerializer().deserialize(PickleSerializer().serialize(lambda x: 2 * x))
        assert twice(4) == 8

    def test_base64_of_early_prefect(self):
        assert PickleSerializer().deserialize(base64.b64encode(pickle.dumps([5]))) == [5]

    @pytest.mark.parametrize("data", [b"", b"xx", b"{}", b"\x80\x05K", base64.b64encode(b"no")])
    def test_no_pickle(self, data):
        with pytest.raises((EOFError, pickle.UnpicklingError)):
            PickleSerializer().deserialize(data)

    def test_what_cannot_be_pickled(self):
        with pytest.raises(TypeError, match="cannot pickle"):
            PickleSerializer().serialize(x for x in ())


class TestJSON:
    @pytest.mark.parametrize("value", [{"a": 1, 2: 3}, "é", (1, 2), float("inf"), None])
    def test_bytes_are_those_of_json(self, value):
        assert JSONSerializer().serialize(value) == json.dumps(value).encode()

    def test_back(self):
        assert JSONSerializer().deserialize(b'{"a": 1}') == {"a": 1}
        assert JSONSerializer().deserialize('{"a": 1}') == {"a": 1}

    def test_errors(self):
        with pytest.raises(TypeError, match="set"):
            JSONSerializer().serialize({1})
        for data in (b"", b"x"):
            with pytest.raises(ValueError, match="Expecting value"):
                JSONSerializer().deserialize(data)


class TestDateTime:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (datetime(2020, 1, 1), b"2020-01-01T00:00:00Z"),
            (pendulum.datetime(2020, 1, 1), b"2020-01-01T00:00:00Z"),
            (pendulum.datetime(2020, 1, 1, tz="America/New_York"), b"2020-01-01T00:00:00-05:00"),
        ],
    )
    def test_there_and_back(self, value, text):
        assert DateTimeSerializer().serialize(value) == text
        again = DateTimeSerializer().deserialize(text)
        assert isinstance(again, pendulum.DateTime)
        assert again == pendulum.instance(value)

    def test_microseconds(self):
        value = pendulum.datetime(2020, 7, 1, 12, 30, 5, 123)
        assert DateTimeSerializer().deserialize(DateTimeSerializer().serialize(value)) == value

    @pytest.mark.parametrize("value", ["2020-01-01", 5, date(2020, 1, 1), None])
    def test_only_datetimes(self, value):
        with pytest.raises(AttributeError, match=f"takes a datetime, not {type(value).__name__}"):
            DateTimeSerializer().serialize(value)

    def test_no_date(self):
        with pytest.raises(ValueError, match="x"):
            DateTimeSerializer().deserialize(b"x")


class TestPandas:
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})

    @pytest.mark.parametrize(
        ("file_type", "write", "read"),
        [
            ("csv", {"index": False}, {}),
            ("csv", {}, {"index_col": 0}),
            ("json", {}, {}),
            ("json", {"orient": "split"}, {"orient": "split"}),
            ("pickle", {}, {}),
            ("parquet", {}, {}),
            ("feather", {}, {}),
        ],
    )
    def test_there_and_back(self, file_type, write, read):
        serializer = PandasSerializer(file_type, deserialize_kwargs=read, serialize_kwargs=write)
        again = serializer.deserialize(serializer.serialize(self.frame))
        pandas.testing.assert_frame_equal(again, self.frame)

    def test_bytes_are_those_of_pandas(self):
        assert PandasSerializer("csv").serialize(self.frame) == self.frame.to_csv().encode()
        assert PandasSerializer("html").serialize(self.frame) == self.frame.to_html().encode()

    def test_none_is_an_empty_frame_as_in_prefect_1(self) -> None:
        assert PandasSerializer("csv").serialize(None) == b'""\n'
        assert PandasSerializer("json").serialize(None) == b"{}"

    def test_equality_is_by_settings(self):
        plain = PandasSerializer("csv")
        assert plain == PandasSerializer("csv")
        for other in (
            PandasSerializer("json"),
            PandasSerializer("csv", serialize_kwargs={"index": False}),
            PandasSerializer("csv", deserialize_kwargs={"index_col": 0}),
            JSONSerializer(),
        ):
            assert plain != other

    def test_errors(self):
        with pytest.raises(ValueError, match=r"'foo'.*pandas.read_foo"):
            PandasSerializer("foo")
        with pytest.raises(ValueError, match=r"write the file type 'fwf'"):
            PandasSerializer("fwf")
        with pytest.raises(ValueError, match="type int cannot be written as 'csv'"):
            PandasSerializer("csv").serialize(5)
        with pytest.raises(TypeError, match="nonsense"):
            PandasSerializer("csv", serialize_kwargs={"nonsense": 1}).serialize(self.frame)


class TestCompressed:
    @pytest.mark.parametrize("module", [bz2, gzip, lzma, zlib])
    def test_formats(self, module):
        serializer = CompressedSerializer(PickleSerializer(), format=module.__name__)
        data = serializer.serialize([1] * 1000)
        assert module.decompress(data) == PickleSerializer().serialize([1] * 1000)
        assert serializer.deserialize(data) == [1] * 1000
        assert pickle.loads(pickle.dumps(serializer)) == serializer

    def test_functions_and_their_arguments(self):
        serializer = CompressedSerializer(
            JSONSerializer(),
            compress=lambda data, suffix: data + suffix,
            decompress=lambda data, length: data[:-length],
            compress_kwargs={"suffix": b"!!"},
            decompress_kwargs={"length": 2},
        )
        assert serializer.serialize([1]) == b"[1]!!"
        assert serializer.deserialize(b"[1]!!") == [1]

    def test_equality_is_by_settings(self):
        plain = CompressedSerializer(PickleSerializer(), format="zlib")
        assert plain == CompressedSerializer(PickleSerializer(), "zlib")
        for other in (
            CompressedSerializer(PickleSerializer(), "gzip"),
            CompressedSerializer(JSONSerializer(), "zlib"),
            CompressedSerializer(PickleSerializer(), "zlib", compress_kwargs={"level": 1}),
        ):
            assert plain != other

    @pytest.mark.parametrize(
        "functions",
        [
            {},
            {"compress": gzip.compress},
            {"decompress": gzip.decompress},
            {"format": "gzip", "compress": gzip.compress},
            {"format": "gzip", "compress": gzip.compress, "decompress": gzip.decompress},
        ],
        ids=str,
    )
    def test_neither_or_both(self, functions):
        with pytest.raises(ValueError, match="compress and decompress"):
            CompressedSerializer(PickleSerializer(), **functions)

    def test_unknown_formats(self):
        with pytest.raises(ImportError, match=r"no module 'no_such'.*bz2, gzip"):
            CompressedSerializer(PickleSerializer(), "no_such")
        with pytest.raises(ValueError, match="'json' lacks compress and decompress"):
            CompressedSerializer.compression_from_lib("json")
        assert CompressedSerializer.compression_from_lib("zlib") == (
            zlib.compress,
            zlib.decompress,
        )
