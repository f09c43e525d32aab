"""A checksum at the end of a stored result, where the tools that read the format do not mind it.

A pickle ends with an opcode that says so: `pickle.load` does not look at what follows, and what
follows is a line of text with the checksum. JSON may end in white space: the 32 bits of the
checksum are 32 blanks and tabs on a line of their own. A compressed result has the checksum of its
own format. Other formats are stored as they are.

Bytes without a seal, written by Prefect 1 or by hand, are taken as they are; the remains of a seal
are not. The checksum depends on the format as well, so that one format is not taken for another.
"""

from __future__ import annotations

import pickle
import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefectlite.engine.serializers import JSONSerializer, PandasSerializer, PickleSerializer

if TYPE_CHECKING:
    from prefectlite.engine.serializers import Serializer

__all__ = ["DamagedResult", "check_seal", "seal", "seal_of_parts"]

_PICKLE_STOP = b"."
# Neither end of a seal is one flipped bit away from what may stand there without a seal.
_PICKLE_SEAL = re.compile(rb"\nprefectlite-crc32:([0-9a-f]{8})\n\Z")
_JSON_SEAL = re.compile(rb"\n([ \t]{32})\n\Z")
_JSON_SEAL_REMAINS = re.compile(rb"\n[ \t]{1,32}\Z")
_LONGEST_SEAL = 64
_PICKLE_SEAL_BEGINS = b"\nprefectlite-crc32:"
_PICKLE_SEAL_BYTES = len(_PICKLE_SEAL_BEGINS) + 9


class DamagedResult(ValueError):
    """Stored bytes are not what was written."""


class DamagedPickle(DamagedResult, pickle.UnpicklingError):
    """A pickle is not what was written; caught as what `pickle.load` raises too."""


class EmptyPickle(DamagedResult, EOFError):
    """Nothing is stored; caught as what `pickle.load` raises too."""


def _sealed_format(serializer: Serializer) -> str | None:
    """Name the sealed format that a serializer writes; None if it bears no seal.

    A subclass may write anything, so only the classes themselves count.
    """
    if type(serializer) is PickleSerializer:
        return "pickle"
    if type(serializer) is JSONSerializer:
        return "json"
    if type(serializer) is PandasSerializer and not serializer.serialize_kwargs:
        return {"pickle": "pandas-pickle", "json": "pandas-json"}.get(serializer.file_type)
    return None


_FORMATS = ("pickle", "json", "pandas-pickle", "pandas-json")
_BEGINNINGS = {name: zlib.crc32(name.encode()) for name in _FORMATS}


def _checksum(format_name: str, *parts: bytes | bytearray | memoryview) -> int:
    checksum = _BEGINNINGS[format_name]
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum


def seal(serializer: Serializer, data: bytes) -> bytes:
    """Make the seal to write after the bytes of a serializer.

    Args:
        serializer: what made the bytes.
        data: the bytes.

    Returns:
        The seal alone; empty if the format bears none.

    Example:
        >>> seal(PickleSerializer(), pickle.dumps(1))
        b'\\nprefectlite-crc32:...\\n'
    """
    return seal_of_parts(serializer, [data])


def seal_of_parts(serializer: Serializer, parts: Sequence[bytes | bytearray | memoryview]) -> bytes:
    """Make the seal of bytes that are in pieces; see `seal`.

    Args:
        serializer: what made the bytes.
        parts: the bytes, piece by piece.
    """
    format_name = _sealed_format(serializer)
    if format_name is None:
        return b""
    checksum = _checksum(format_name, *parts)
    if format_name.endswith("pickle"):
        return b"\nprefectlite-crc32:%08x\n" % checksum
    return b"\n" + f"{checksum:032b}".replace("0", " ").replace("1", "\t").encode() + b"\n"


def check_seal(serializer: Serializer, data: bytes) -> None:
    """Compare stored bytes with the seal at their end, if they have one.

    The seal need not be taken off: deserializers do not mind it either.

    Args:
        serializer: what is to read the bytes.
        data: the stored bytes.

    Raises:
        DamagedResult: the bytes do not match their seal, or only remains of a seal are there.
    """
    format_name = _sealed_format(serializer)
    if format_name is None:
        return
    is_pickle = format_name.endswith("pickle")
    if is_pickle and data[-_PICKLE_SEAL_BYTES:-9] == _PICKLE_SEAL_BEGINS:
        body = memoryview(data)[:-_PICKLE_SEAL_BYTES]
        if data[-9:] == b"%08x\n" % _checksum(format_name, body):
            return
    damage = DamagedPickle if is_pickle else DamagedResult
    if not data:
        raise EmptyPickle("it is empty") if is_pickle else DamagedResult("it is empty")
    tail = data[-_LONGEST_SEAL:]
    if is_pickle:
        found = _PICKLE_SEAL.search(tail)
        checksum = int(found[1], 16) if found else 0
        # The pickles that early releases of Prefect 1 encoded as base64 are plain text.
        complete = tail.endswith(_PICKLE_STOP) or data.isascii()
    else:
        found = _JSON_SEAL.search(tail)
        bits = found[1].replace(b" ", b"0").replace(b"\t", b"1") if found else b"0"
        checksum = int(bits, 2)
        complete = _JSON_SEAL_REMAINS.search(tail) is None
    if found is None:
        if not complete:
            raise damage("its end is missing, or it is of another format")
        return
    body = memoryview(data)[: len(data) - len(found[0])]
    if _checksum(format_name, body) != checksum:
        raise damage(
            "it does not match its checksum: it is damaged, of another format, or was edited "
            "(take off the last line of an edited file)"
        )
