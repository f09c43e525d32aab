"""`MsgpackSerializer`: data only, NumPy arrays and dates included; reading it never runs code."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefectlite.engine.serializers import Serializer

if TYPE_CHECKING:
    import numpy

__all__ = ["MsgpackSerializer"]

# an array of more bytes is neither copied on its way out nor twice on its way in
LARGE_BYTES = 1 << 20

ARRAY, LARGE_ARRAY, SCALAR, DATETIME, DATE, TIME, TIMEDELTA = 1, 2, 3, 4, 5, 6, 7
TUPLE, SET, FROZENSET, COMPLEX, LARGE_INT, DECIMAL, IDENTIFIER = 8, 9, 10, 11, 12, 13, 14

Buffer = bytes | bytearray | memoryview


class _HasLargeArray(Exception):
    """A value or a document needs the way for large arrays."""


class MsgpackSerializer(Serializer):
    """Writes msgpack: numbers, texts, bytes, lists, tuples, sets, dictionaries, None, dates and
    times, decimals, UUIDs, NumPy arrays and scalars. Safe to read from anywhere.

    `msgpack.unpackb` reads it too, and shows what msgpack has no type for as `ExtType`. Arrays
    of Python objects are refused. Needs NumPy only for its arrays.

    Example:
        >>> MsgpackSerializer().deserialize(MsgpackSerializer().serialize({"a": (1, None)}))
        {'a': (1, None)}
    """

    def serialize(self, value: Any) -> bytes:
        """Write a value as msgpack.

        Args:
            value: the value.

        Returns:
            The bytes.

        Raises:
            TypeError: something in the value is more than data; names its type.
            ValueError: the value is nested too deeply, or holds itself.
        """
        parts = self.serialize_to_parts(value)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def serialize_to_parts(self, value: Any) -> list[Buffer]:
        """Write a value to pieces that follow one another: large arrays are not copied.

        Args:
            value: the value.

        Returns:
            The pieces.

        Raises:
            TypeError: something in the value is more than data; names its type.
            ValueError: the value is nested too deeply, or holds itself.
        """
        import msgpack

        try:
            return [msgpack.packb(value, default=_encoded, strict_types=True)]
        except _HasLargeArray:
            parts: list[Buffer] = []
            _write(value, parts)
            return parts

    def deserialize(self, value: bytes) -> Any:
        """Read msgpack.

        Args:
            value: the bytes.

        Returns:
            The value. Dates with a zone keep its name; pendulum's come back as pendulum's.

        Raises:
            ValueError: this is no msgpack, or has an extension that is not known.
        """
        import msgpack

        try:
            return msgpack.unpackb(value, ext_hook=_decoded, strict_map_key=False, use_list=True)
        except _HasLargeArray:
            pass
        # not within the `except`: the exception holds a copy of the array
        found, end = _read(memoryview(value), 0)
        if end != len(value):
            raise ValueError("there is more after the end of the value")
        return found


def _packed(*values: Any) -> bytes:
    import msgpack

    packed: bytes = msgpack.packb(values, default=_encoded, strict_types=True)
    return packed


def _encoded(value: Any) -> Any:
    """What msgpack has no type for, as an extension."""
    import msgpack

    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        code, data = encoder(value)
        return msgpack.ExtType(code, data)
    if isinstance(value, datetime):
        return msgpack.ExtType(DATETIME, _datetime(value))
    if isinstance(value, int) and type(value) is int:
        return msgpack.ExtType(LARGE_INT, str(value).encode())
    if type(value).__module__.partition(".")[0] == "numpy":
        return _encoded_numpy(value)
    raise TypeError(
        f"MsgpackSerializer takes data only, not {type(value).__module__}."
        f"{type(value).__qualname__}: {value!r:.80}. Return lists, dictionaries and NumPy arrays, "
        "or use PickleSerializer"
    )


def _encoded_numpy(value: Any) -> Any:
    import msgpack
    import numpy

    if isinstance(value, numpy.generic):
        array = numpy.asarray(value)
        _refuse_objects(array)
        return msgpack.ExtType(SCALAR, _packed(_dtype(array), array.tobytes()))
    if type(value) is not numpy.ndarray:
        raise TypeError(f"MsgpackSerializer takes NumPy arrays, but not {type(value).__name__}")
    _refuse_objects(value)
    if value.nbytes > LARGE_BYTES:
        raise _HasLargeArray
    return msgpack.ExtType(ARRAY, _array_head(value) + _bytes_of(value).tobytes())


def _refuse_objects(array: numpy.ndarray[Any, Any]) -> None:
    if array.dtype.hasobject:
        raise TypeError(
            f"MsgpackSerializer takes data only, not an array of objects (dtype {array.dtype})"
        )


def _array_head(array: numpy.ndarray[Any, Any]) -> bytes:
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    head = _packed(_dtype(array), list(array.shape), order)
    return struct.pack(">I", len(head)) + head


def _dtype(array: numpy.ndarray[Any, Any]) -> Any:
    return array.dtype.str if array.dtype.names is None else array.dtype.descr


def _bytes_of(array: numpy.ndarray[Any, Any]) -> memoryview:
    """The array's own memory where it lies in one piece, else a copy that does."""
    import numpy

    if array.flags.f_contiguous and not array.flags.c_contiguous:
        array = array.T
    flat = numpy.ascontiguousarray(array).reshape(-1)
    return memoryview(flat.view(numpy.uint8).data if flat.size else b"").cast("B")


def _write(value: Any, parts: list[Buffer], depth: int = 0) -> None:
    """Write a value that has a large array somewhere in it."""
    import msgpack

    if depth > 500:
        raise ValueError("the value is nested too deeply, or holds itself")
    packer = msgpack.Packer()
    if type(value) is dict:
        parts.append(packer.pack_map_header(len(value)))
        for key, item in value.items():
            _write(key, parts, depth + 1)
            _write(item, parts, depth + 1)
    elif type(value) is list:
        parts.append(packer.pack_array_header(len(value)))
        for item in value:
            _write(item, parts, depth + 1)
    elif type(value).__module__ == "numpy" and hasattr(value, "nbytes") and value.ndim:
        _refuse_objects(value)
        head, body = _array_head(value), _bytes_of(value)
        if len(head) + len(body) >= 1 << 32:
            raise ValueError(
                f"MsgpackSerializer takes arrays of less than 4 GiB, not {len(body):,} bytes: "
                "split it, or use PickleSerializer"
            )
        parts.append(struct.pack(">BIb", 0xC9, len(head) + len(body), LARGE_ARRAY) + head)
        parts.append(body)
    elif type(value) in (tuple, set, frozenset):
        inner: list[Buffer] = []
        _write(list(value), inner, depth + 1)
        code = next(code for code, kind in _CONTAINERS.items() if kind is type(value))
        size = sum(len(part) for part in inner)
        parts.append(struct.pack(">BIb", 0xC9, size, code))
        parts.extend(inner)
    else:
        parts.append(msgpack.packb(value, default=_encoded, strict_types=True))


def _read(view: memoryview, at: int) -> tuple[Any, int]:
    """Read a value that may have a large array in it; only containers are taken apart here."""
    import msgpack

    first = view[at]
    if 0x90 <= first <= 0x9F:
        return _read_items(view, at + 1, first & 0x0F)
    if 0x80 <= first <= 0x8F:
        return _read_map(view, at + 1, first & 0x0F)
    if first in (0xDC, 0xDD, 0xDE, 0xDF):
        wide = first in (0xDD, 0xDF)
        (count,) = struct.unpack_from(">I" if wide else ">H", view, at + 1)
        at += 5 if wide else 3
        return (_read_items if first < 0xDE else _read_map)(view, at, count)
    if first == 0xC9:
        size, code = struct.unpack_from(">Ib", view, at + 1)
        at += 6
        body = view[at : at + size]
        if len(body) != size:
            raise ValueError("the data ends too early")
        if code in _CONTAINERS:
            items, _ = _read(body, 0)
            return _CONTAINERS[code](items), at + size
        return _decoded(code, body, copies=True), at + size
    # what is no container is short enough for a window of its own, but for texts and bytes
    size = _size_of_leaf(view, at)
    leaf = view[at : at + size]
    return msgpack.unpackb(leaf, ext_hook=_decoded, strict_map_key=False), at + size


def _read_items(view: memoryview, at: int, count: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _read(view, at)
        items.append(item)
    return items, at


def _read_map(view: memoryview, at: int, count: int) -> tuple[dict[Any, Any], int]:
    found = {}
    for _ in range(count):
        key, at = _read(view, at)
        found[key], at = _read(view, at)
    return found, at


# the first byte of a leaf, and its size: a fixed one, or where and how its length is written
_FIXED = {
    0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2,
    0xD1: 3, 0xD2: 5, 0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18,
}  # fmt: skip
_LENGTHS = {
    0xC4: (">B", 2), 0xC5: (">H", 3), 0xC6: (">I", 5), 0xD9: (">B", 2), 0xDA: (">H", 3),
    0xDB: (">I", 5), 0xC7: (">B", 3), 0xC8: (">H", 4),
}  # fmt: skip


def _size_of_leaf(view: memoryview, at: int) -> int:
    first = view[at]
    if first <= 0x7F or first >= 0xE0:
        return 1
    if 0xA0 <= first <= 0xBF:
        return 1 + (first & 0x1F)
    if first in _FIXED:
        return _FIXED[first]
    if first in _LENGTHS:
        form, before = _LENGTHS[first]
        (length,) = struct.unpack_from(form, view, at + 1)
        return before + int(length)
    raise ValueError(f"there is no msgpack that begins with the byte {first:#x}")


def _datetime(value: datetime) -> bytes:
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "name", None)
    is_pendulum = type(value).__module__.startswith("pendulum")
    text = datetime.isoformat(value)
    return _packed(text, zone if isinstance(zone, str) else None, value.fold, is_pendulum)


def _to_datetime(data: bytes) -> datetime:
    text, zone, fold, is_pendulum = _unpacked(data)
    value = datetime.fromisoformat(text)
    if zone is not None:
        from zoneinfo import ZoneInfo

        value = value.replace(tzinfo=ZoneInfo(zone), fold=fold)
    if not is_pendulum:
        return value.replace(fold=fold)
    import pendulum

    made: datetime = pendulum.instance(value, tz=value.tzinfo)
    if value.tzinfo is None:
        made = pendulum.naive(*value.timetuple()[:6], value.microsecond)
    return made


def _to_array(data: Buffer, copies: bool) -> Any:
    import numpy

    view = memoryview(data)
    (size,) = struct.unpack_from(">I", view)
    dtype, shape, order = _unpacked(view[4 : 4 + size])
    flat = numpy.frombuffer(view[4 + size :], dtype=_as_dtype(dtype))
    array = flat.reshape(shape, order=order)
    return array.copy(order="K") if copies else array


def _as_dtype(described: Any) -> Any:
    import numpy

    if isinstance(described, str):
        return numpy.dtype(described)
    return numpy.dtype([_field(*field) for field in described])


def _field(name: Any, described: Any, *shape: Any) -> tuple[Any, ...]:
    kept = tuple(name) if isinstance(name, list) else name
    return (kept, _as_dtype(described), *(tuple(s) for s in shape))


def _to_scalar(data: bytes) -> Any:
    import numpy

    dtype, raw = _unpacked(data)
    return numpy.frombuffer(raw, dtype=_as_dtype(dtype)).copy()[0]


def _unpacked(data: Buffer) -> Any:
    import msgpack

    return msgpack.unpackb(data, ext_hook=_decoded, strict_map_key=False)


def _decoded(code: int, data: Buffer, copies: bool = True) -> Any:
    if code == LARGE_ARRAY and isinstance(data, bytes):
        raise _HasLargeArray
    if code in (ARRAY, LARGE_ARRAY):
        return _to_array(data, copies)
    decoder = _DECODERS.get(code)
    if decoder is None:
        raise ValueError(f"there is a msgpack extension of a kind that is not known: {code}")
    return decoder(bytes(data))


_CONTAINERS: dict[int, Callable[[Any], Any]] = {TUPLE: tuple, SET: set, FROZENSET: frozenset}
_ENCODERS: dict[type, Callable[[Any], tuple[int, bytes]]] = {
    tuple: lambda value: (TUPLE, _items(value)),
    set: lambda value: (SET, _items(value)),
    frozenset: lambda value: (FROZENSET, _items(value)),
    complex: lambda value: (COMPLEX, struct.pack(">dd", value.real, value.imag)),
    date: lambda value: (DATE, value.isoformat().encode()),
    time: lambda value: (TIME, value.isoformat().encode()),
    timedelta: lambda value: (TIMEDELTA, _packed(value.days, value.seconds, value.microseconds)),
    Decimal: lambda value: (DECIMAL, str(value).encode()),
    UUID: lambda value: (IDENTIFIER, value.bytes),
}
_DECODERS: dict[int, Callable[[bytes], Any]] = {
    TUPLE: lambda data: tuple(_unpacked(data)),
    SET: lambda data: set(_unpacked(data)),
    FROZENSET: lambda data: frozenset(_unpacked(data)),
    SCALAR: _to_scalar,
    DATETIME: _to_datetime,
    DATE: lambda data: date.fromisoformat(data.decode()),
    TIME: lambda data: time.fromisoformat(data.decode()),
    TIMEDELTA: lambda data: timedelta(*_unpacked(data)),
    COMPLEX: lambda data: complex(*struct.unpack(">dd", data)),
    LARGE_INT: lambda data: int(data),
    DECIMAL: lambda data: Decimal(data.decode()),
    IDENTIFIER: lambda data: UUID(bytes=data),
}


def _items(value: Any) -> bytes:
    import msgpack

    packed: bytes = msgpack.packb(list(value), default=_encoded, strict_types=True)
    return packed
