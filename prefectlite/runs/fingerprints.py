"""Fingerprints of code and of values: equal ones mean that what they were taken of is the same.

A function is compared by its bytecode where both sides ran on one version of Python, and by its
source, without comments and blank lines, where not.
"""

from __future__ import annotations

import hashlib
import io
import linecache
import pickle
import sys
import tokenize
from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"

_CODE, _OBJECT = 1, 2


def digest(*parts: bytes) -> bytes:
    """16 bytes that stand for these."""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.digest()


def value_fingerprint(value: Any) -> bytes:
    """The fingerprint of a value.

    Args:
        value: Any value. Plain data and NumPy arrays have one fingerprint everywhere, sets
            included; another object's is that of its pickle.
    """
    import msgpack

    try:
        return digest(msgpack.packb(value, default=_told, strict_types=True))
    except (ValueError, RecursionError, OverflowError, TypeError):
        return digest(_pickled(value))


def _told(value: Any) -> Any:
    """What msgpack has no type for."""
    import msgpack

    if isinstance(value, tuple):
        return msgpack.ExtType(_OBJECT, b"tuple" + value_fingerprint(list(value)))
    if isinstance(value, (set, frozenset)):
        return msgpack.ExtType(_OBJECT, b"set" + b"".join(sorted(map(value_fingerprint, value))))
    if isinstance(value, (FunctionType, MethodType, partial)):
        return msgpack.ExtType(_CODE, b"".join(code_fingerprints(value)))
    if isinstance(value, type):
        return msgpack.ExtType(_CODE, f"{value.__module__}.{value.__qualname__}".encode())
    if type(value).__module__ == "numpy" and hasattr(value, "tobytes"):
        kind = f"{value.dtype.str}{value.shape}".encode()
        return msgpack.ExtType(_OBJECT, digest(kind, value.tobytes()))
    return msgpack.ExtType(_OBJECT, digest(_pickled(value)))


def _pickled(value: Any) -> bytes:
    name = f"{type(value).__module__}.{type(value).__qualname__}".encode()
    try:
        return name + pickle.dumps(value, protocol=4)
    except Exception:
        return name


def code_fingerprints(function: Any) -> tuple[bytes, bytes]:
    """The fingerprints of a function's bytecode and of its source.

    Args:
        function: A function, a method or a partial; of any other callable its class's `__call__`.

    Returns:
        Both; empty where there is none.
    """
    if isinstance(function, partial):
        bytecode, source = code_fingerprints(function.func)
        bound = value_fingerprint([list(function.args), sorted(function.keywords.items())])
        return digest(bytecode, bound), digest(source, bound) if source else b""
    function = getattr(function, "__func__", function)
    wrapped = getattr(function, "__wrapped__", None)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
        if code is None:
            return b"", b""
    made = _fingerprints_of(code)
    if wrapped is None or getattr(wrapped, "__code__", None) in (None, code):
        return made
    inner = code_fingerprints(wrapped)
    return digest(made[0], inner[0]), digest(made[1], inner[1])


_known: dict[int, tuple[CodeType, tuple[bytes, bytes]]] = {}


def _fingerprints_of(code: CodeType) -> tuple[bytes, bytes]:
    # by identity: the hash of a code object is as slow as this
    known = _known.get(id(code))
    if known is None or known[0] is not code:
        if len(_known) > 10_000:
            _known.clear()
        known = _known[id(code)] = (code, (digest(*_bytecode(code)), _source(code)))
    return known[1]


def _bytecode(code: CodeType) -> Iterator[bytes]:
    """What of a code object says what it does, without where it was written."""
    yield code.co_code
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)).encode()
    yield repr((code.co_argcount, code.co_kwonlyargcount, code.co_flags)).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _bytecode(constant)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant))).encode()
        else:
            yield repr(constant).encode()


def _source(code: CodeType) -> bytes:
    first, last = code.co_firstlineno, _last_line(code)
    lines = linecache.getlines(code.co_filename)[first - 1 : last]
    if not lines:
        return b""
    # the decorators belong to the task's settings
    start = next((i for i, line in enumerate(lines) if line.lstrip().startswith(_DEFINES)), 0)
    return digest("\n".join(_without_comments(lines[start:])).encode())


_DEFINES = ("def ", "async def ", "lambda")


def _last_line(code: CodeType) -> int:
    own = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
    inner = [_last_line(c) for c in code.co_consts if isinstance(c, CodeType)]
    return max([own, *inner])


def _without_comments(lines: list[str]) -> Iterator[str]:
    comments: dict[int, int] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.start[1]
    except (tokenize.TokenError, SyntaxError):
        # the slice ends within a bracket, or begins in an indented block: all comments till there
        pass
    margin = len(lines[0]) - len(lines[0].lstrip())
    for number, line in enumerate(lines, 1):
        kept = line[: comments.get(number)].rstrip()
        if kept:
            yield kept[margin:]
