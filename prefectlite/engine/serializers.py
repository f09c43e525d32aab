"""How a value becomes bytes and is made from them again.

`PickleSerializer` takes nearly any value and is the default; loading a pickle runs code that is
in it, so read only what you trust. `MsgpackSerializer`, `JSONSerializer`, `DateTimeSerializer` and
the csv, parquet and json kinds of `PandasSerializer` never run code.

The bytes are those of the plain tool (`cloudpickle.dumps`, `json.dumps`, ...). A checksum is added
by the store, see `prefectlite.engine.seals`.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = [
    "CompressedSerializer",
    "DateTimeSerializer",
    "JSONSerializer",
    "MsgpackSerializer",  # noqa: F822 - found by __getattr__
    "PandasSerializer",
    "PickleSerializer",
    "Serializer",
]

_COMPRESSION_FORMATS = ("bz2", "gzip", "lzma", "zlib", "zstd")

# cloudpickle would write these just as pickle does, more slowly
_PLAIN = frozenset({int, float, bool, str, bytes, type(None)})


class _Pieces(list[bytes]):
    """A file to write to that keeps the pieces as they come."""

    write = list.append


class Serializer:
    """The base of serializers; a subclass defines `serialize` and `deserialize`.

    Two serializers are equal when they are of the same class; those with settings compare them
    as well.

    Example:
        >>> class Text(Serializer):
        ...     def serialize(self, value): return value.encode()
        ...     def deserialize(self, value): return value.decode()
    """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    # As in Prefect 1, a serializer that can be compared by its settings cannot be hashed.
    __hash__ = None  # type: ignore[assignment]

    def serialize(self, value: Any) -> bytes:
        """Turn a value into bytes.

        Args:
            value: the value.

        Returns:
            The bytes.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define serialize(value)")

    def deserialize(self, value: bytes) -> Any:
        """Make a value from its bytes.

        Args:
            value: the bytes.

        Returns:
            The value.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define deserialize(value)")


class PickleSerializer(Serializer):
    """Pickles with cloudpickle: nearly any value, functions and local classes too.

    Example:
        >>> PickleSerializer().deserialize(PickleSerializer().serialize({1, 2}))
        {1, 2}
    """

    def serialize(self, value: Any) -> bytes:
        """Pickle a value.

        Args:
            value: the value.

        Returns:
            The pickle.

        Raises:
            TypeError, pickle.PicklingError: the value cannot be pickled.
        """
        pieces = self.serialize_to_parts(value)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def serialize_to_parts(self, value: Any) -> list[bytes]:
        """Pickle a value to pieces that follow one another, so that large buffers are copied once.

        Args:
            value: the value.

        Returns:
            The pieces of the pickle.

        Raises:
            TypeError, pickle.PicklingError: the value cannot be pickled.
        """
        if type(value) in _PLAIN:
            return [pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)]
        import cloudpickle

        pieces = _Pieces()
        cloudpickle.Pickler(pieces).dump(value)
        return pieces

    def deserialize(self, value: bytes) -> Any:
        """Load a pickle, plain or encoded as base64 as early releases of Prefect 1 wrote it.

        Args:
            value: the pickle.

        Returns:
            The value.

        Raises:
            Exception: of any kind, if this is no pickle or a damaged one.
        """
        try:
            return pickle.loads(value)
        except Exception:
            import base64
            import binascii

            try:
                # not of a text, which is a mistake of the caller's
                decoded = base64.b64decode(memoryview(value), validate=True)
            except (binascii.Error, ValueError, TypeError):
                decoded = b""
            if not decoded:
                raise
            return pickle.loads(decoded)


class JSONSerializer(Serializer):
    """Writes JSON: what `json.dumps` takes. Safe to read from anywhere.

    Example:
        >>> JSONSerializer().serialize({"a": 1})
        b'{"a": 1}'
    """

    def serialize(self, value: Any) -> bytes:
        """Write a value as JSON.

        Args:
            value: the value.

        Returns:
            The JSON text.

        Raises:
            TypeError: JSON does not know the type of something in the value.
            ValueError: the value holds itself.
        """
        return json.dumps(value).encode()

    def deserialize(self, value: bytes) -> Any:
        """Read JSON.

        Args:
            value: the JSON text.

        Returns:
            The value; tuples come back as lists and keys as strings.

        Raises:
            ValueError: this is no JSON.
        """
        return json.loads(value)


class DateTimeSerializer(Serializer):
    """Writes a datetime as ISO 8601 text. Safe to read from anywhere.

    Example:
        >>> DateTimeSerializer().serialize(pendulum.datetime(2020, 1, 1))
        b'2020-01-01T00:00:00Z'
    """

    def serialize(self, value: Any) -> bytes:
        """Write a datetime.

        Args:
            value: the datetime; without a time zone it is taken as UTC.

        Returns:
            The text.

        Raises:
            AttributeError: the value is no datetime.
        """
        import pendulum

        if not isinstance(value, datetime):
            # the kind of error that Prefect 1 has here
            raise AttributeError(
                f"DateTimeSerializer takes a datetime, not {type(value).__name__}: {value!r}"
            )
        return pendulum.instance(value).to_iso8601_string().encode()

    def deserialize(self, value: bytes) -> Any:
        """Read a datetime.

        Args:
            value: the text.

        Returns:
            A pendulum DateTime. It has the offset that was written, not the name of the zone.

        Raises:
            ValueError: this is no date.
        """
        import pendulum

        return pendulum.parse(value.decode())


class PandasSerializer(Serializer):
    """Writes a pandas DataFrame or Series with its own `to_...` methods.

    Args:
        file_type: "csv", "json", "parquet", "pickle" or any other for which pandas has a
            `read_...` function and a `to_...` method.
        deserialize_kwargs: further arguments of `pandas.read_...`.
        serialize_kwargs: further arguments of `DataFrame.to_...`.

    Raises:
        ValueError: pandas cannot read or write this type of file.

    Example:
        >>> PandasSerializer("csv", serialize_kwargs={"index": False})
    """

    def __init__(
        self,
        file_type: str,
        deserialize_kwargs: dict[str, Any] | None = None,
        serialize_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.file_type = file_type
        self.deserialize_kwargs = {} if deserialize_kwargs is None else deserialize_kwargs
        self.serialize_kwargs = {} if serialize_kwargs is None else serialize_kwargs
        self._reader()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PandasSerializer)
            and type(self) is type(other)
            and self.file_type == other.file_type
            and self.deserialize_kwargs == other.deserialize_kwargs
            and self.serialize_kwargs == other.serialize_kwargs
        )

    __hash__ = None

    def _reader(self) -> Callable[..., Any]:
        import pandas

        reader: Callable[..., Any] | None = getattr(pandas, f"read_{self.file_type}", None)
        if reader is None:
            raise ValueError(
                f"pandas cannot read the file type {self.file_type!r}: there is no "
                f"pandas.read_{self.file_type}"
            )
        if not hasattr(pandas.DataFrame, f"to_{self.file_type}"):
            raise ValueError(
                f"pandas cannot write the file type {self.file_type!r}: there is no "
                f"pandas.DataFrame.to_{self.file_type}"
            )
        return reader

    def serialize(self, value: pandas.DataFrame | None) -> bytes:
        """Write a DataFrame.

        Args:
            value: the DataFrame or Series; None is written as an empty DataFrame.

        Returns:
            The file's bytes.

        Raises:
            ValueError: the value has no method to write this type of file.
        """
        if value is None:
            import pandas

            value = pandas.DataFrame()
        writer = getattr(value, f"to_{self.file_type}", None)
        if writer is None:
            raise ValueError(
                f"A value of type {type(value).__name__} cannot be written as {self.file_type!r}: "
                f"it has no method to_{self.file_type}"
            )
        binary = io.BytesIO()
        try:
            writer(binary, **self.serialize_kwargs)
        except TypeError:
            # Some of pandas' writers take text files only.
            text = io.StringIO()
            writer(text, **self.serialize_kwargs)
            return text.getvalue().encode()
        return binary.getvalue()

    def deserialize(self, value: bytes) -> pandas.DataFrame:
        """Read a DataFrame.

        Args:
            value: the file's bytes.

        Returns:
            What `pandas.read_...` returns.

        Raises:
            Exception: of any kind, if pandas cannot read the bytes.
        """
        frame: pandas.DataFrame = self._reader()(io.BytesIO(value), **self.deserialize_kwargs)
        return frame


class CompressedSerializer(Serializer):
    """Compresses what another serializer writes.

    Args:
        serializer: the other serializer.
        format: "bz2", "gzip", "lzma", "zlib" or "zstd" (`pip install zstandard` before Python
            3.14), or the name of a module with functions `compress` and `decompress`.
        compress, decompress: the two functions, instead of `format`.
        compress_kwargs, decompress_kwargs: further arguments of the two functions.

    Raises:
        ValueError: there are not exactly one format or two functions, or the module named lacks
            the functions.
        ImportError: there is no module of that name.

    Example:
        >>> CompressedSerializer(PickleSerializer(), format="gzip")
    """

    def __init__(
        self,
        serializer: Serializer,
        format: str | None = None,
        compress: Callable[..., bytes] | None = None,
        decompress: Callable[..., bytes] | None = None,
        compress_kwargs: dict[str, Any] | None = None,
        decompress_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if format is not None:
            if compress is not None or decompress is not None:
                raise ValueError(
                    "CompressedSerializer takes either format or compress and decompress, not both"
                )
            compress, decompress = self.compression_from_lib(format)
        if compress is None or decompress is None:
            raise ValueError("CompressedSerializer needs a format, or both compress and decompress")
        self._serializer = serializer
        self._compress = compress
        self._decompress = decompress
        self._compress_kwargs = compress_kwargs or {}
        self._decompress_kwargs = decompress_kwargs or {}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None

    @staticmethod
    def compression_from_lib(
        compression_format: str,
    ) -> tuple[Callable[..., bytes], Callable[..., bytes]]:
        """Find the two functions of a compression module.

        Args:
            compression_format: the name of the module.

        Returns:
            Its functions `compress` and `decompress`.

        Raises:
            ImportError: there is no such module.
            ValueError: the module lacks one of the functions.
        """
        known = ", ".join(_COMPRESSION_FORMATS)
        if compression_format == "zstd":
            return _zstd()
        try:
            library = importlib.import_module(compression_format)
        except ImportError as error:
            raise ImportError(
                f"There is no module {compression_format!r} to compress with. Install it, or use "
                f"one of {known}"
            ) from error
        try:
            return library.compress, library.decompress
        except AttributeError as error:
            raise ValueError(
                f"The module {compression_format!r} lacks compress and decompress. Use one of "
                f"{known}, or pass your own functions as compress and decompress"
            ) from error

    def serialize(self, value: Any) -> bytes:
        """Turn a value into compressed bytes.

        Args:
            value: the value.

        Returns:
            The compressed bytes.
        """
        return self._compress(self._serializer.serialize(value), **self._compress_kwargs)

    def deserialize(self, value: bytes) -> Any:
        """Make a value from compressed bytes.

        Args:
            value: the compressed bytes.

        Returns:
            The value.

        Raises:
            Exception: of any kind, if the bytes are damaged.
        """
        return self._serializer.deserialize(self._decompress(value, **self._decompress_kwargs))


def runs_code(serializer: Serializer) -> bool:
    """Whether reading what a serializer wrote runs code that is in it: whether it is a pickle.

    A class of a user's own counts where it is a subclass of `PickleSerializer`.

    Args:
        serializer: the serializer.
    """
    while isinstance(serializer, CompressedSerializer):
        serializer = serializer._serializer
    if isinstance(serializer, PandasSerializer):
        return serializer.file_type in ("pickle", "hdf")
    return isinstance(serializer, PickleSerializer)


def _zstd() -> tuple[Callable[..., bytes], Callable[..., bytes]]:
    """The two functions of whichever library of zstd there is: Python's own, or zstandard."""
    for name in ("compression.zstd", "zstandard", "zstd"):
        try:
            library = importlib.import_module(name)
        except ImportError:
            continue
        if name == "zstandard":
            return _zstandard_compress, _zstandard_decompress
        return library.compress, library.decompress
    raise ImportError(
        "There is no library to compress with zstd. Install one: pip install zstandard"
    )


def _zstandard_compress(data: bytes, **settings: Any) -> bytes:
    import zstandard

    # the checksum is what tells damage
    compressor = zstandard.ZstdCompressor(write_checksum=True, **settings)
    compressed: bytes = compressor.compress(data)
    return compressed


def _zstandard_decompress(data: bytes, **settings: Any) -> bytes:
    import zstandard

    # not `decompress`: it needs the size, which a stream need not state
    decompressor = zstandard.ZstdDecompressor(**settings).decompressobj()
    plain: bytes = decompressor.decompress(data)
    if not decompressor.eof:
        raise ValueError("the compressed data ends too early")
    return plain


def __getattr__(name: str) -> Any:
    if name == "MsgpackSerializer":
        # by name: that module builds on this one
        return importlib.import_module("prefectlite.engine.msgpack_serializer").MsgpackSerializer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
