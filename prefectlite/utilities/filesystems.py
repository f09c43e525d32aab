"""Read from a path or a URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

__all__ = ["ParsedPath", "parse_path", "read_bytes_from_path"]


class ParsedPath(NamedTuple):
    """The parts of a path or URL."""

    scheme: str
    netloc: str
    path: str


def parse_path(path: str) -> ParsedPath:
    """Split a path or URL into its parts.

    Args:
        path: a path of the file system, or a URL.

    Returns:
        The parts; ``scheme`` is ``"file"`` where the path names none.

    Example:
        >>> parse_path("s3://bucket/key")
        ParsedPath(scheme='s3', netloc='bucket', path='/key')
    """
    parsed = urlparse(path)
    if not parsed.scheme or (os.name == "nt" and len(parsed.scheme) == 1):
        # On Windows the one letter is a drive.
        return ParsedPath("file", "", path)
    return ParsedPath(parsed.scheme, parsed.netloc, parsed.path)


def read_bytes_from_path(path: str) -> bytes:
    """Read a whole file from the file system or from any store that fsspec reaches.

    Args:
        path: a path, or a URL such as ``file:///tmp/x`` or ``s3://bucket/key``.

    Returns:
        Its content.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ValueError: nothing that is installed reads URLs of this scheme.
    """
    parsed = parse_path(path)
    if parsed.scheme in ("file", "agent"):
        return Path(parsed.path).read_bytes()
    import fsspec

    try:
        opened = fsspec.open(path, "rb")
    except (ValueError, ImportError) as error:
        raise ValueError(f"Unsupported file scheme {path}: {error}") from error
    with opened as file:
        content: bytes = file.read()
    return content
