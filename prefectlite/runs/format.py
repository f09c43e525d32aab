"""The bytes of a journal: records, each with its length and a checksum. See docs/journal.md."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prefectlite.exceptions import JournalError

# The format that is written. A reader takes any minor version of its major one: what it does not
# know it passes over, what is missing has a default.
MAJOR, MINOR = 1, 1

# the kinds of records, the first field of each
HEADER, CHANGES, CARRIED, END = 0, 1, 2, 3

_PREFIX = 8


@dataclass(frozen=True)
class Damage:
    """Where a journal stops making sense.

    Attributes:
        position: The byte from which on it is not believed.
        lost: How many bytes that leaves out.
        reason: What is wrong there.
    """

    position: int
    lost: int
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} at byte {self.position:,}; {self.lost:,} bytes are left out"


def record(*fields: Any) -> bytes:
    """Make a record.

    Args:
        *fields: The kind, and what that kind has.

    Returns:
        Length and checksum, 32 bits each and little-endian, and the fields in msgpack.

    Example:
        >>> record(END, {})[:4]
        b'\\x03\\x00\\x00\\x00'
    """
    import msgpack

    payload: bytes = msgpack.packb(fields)
    length = len(payload).to_bytes(4, "little")
    # the checksum covers the length too: a flipped bit in that is found where it is
    checksum = zlib.crc32(payload, zlib.crc32(length))
    return length + checksum.to_bytes(4, "little") + payload


class RecordReader:
    """Reads records until the end of the data, or to the first that cannot be believed.

    Args:
        data: The bytes.

    Attributes:
        damage: What was found wrong, once all records were taken.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.damage: Damage | None = None

    def __iter__(self) -> Iterator[list[Any]]:
        import msgpack

        data, position, end = memoryview(self._data), 0, len(self._data)
        while position < end:
            start = position + _PREFIX
            length = int.from_bytes(data[position : position + 4], "little")
            if start > end or start + length > end:
                self._stop(position, "It ends in the middle of a record")
                return
            payload = data[start : start + length]
            checksum = zlib.crc32(payload, zlib.crc32(data[position : position + 4]))
            if checksum != int.from_bytes(data[position + 4 : start], "little"):
                self._stop(position, "A record does not match its checksum")
                return
            try:
                fields = msgpack.unpackb(payload, strict_map_key=False)
            except ValueError as error:
                self._stop(position, f"A record is no msgpack ({error})")
                return
            if not isinstance(fields, list) or not fields:
                self._stop(position, "A record has no kind")
                return
            yield fields
            position = start + length

    def _stop(self, position: int, reason: str) -> None:
        self.damage = Damage(position, len(self._data) - position, reason)


def check_version(header: dict[str, Any], place: str) -> None:
    """Refuse a journal of another major version.

    Args:
        header: The header's fields.
        place: Where the journal is, for the error.

    Raises:
        JournalError: It was written by a version of prefectlite that is too new.
    """
    version = header.get("format") or [0, 0]
    if version[0] != MAJOR:
        writer = (header.get("versions") or {}).get("prefectlite", "another version")
        raise JournalError(
            f"The journal in {place} is of format {version[0]}.{version[1]}, written by "
            f"prefectlite {writer}; this version reads {MAJOR}.x. Use prefectlite {writer} for it."
        )
