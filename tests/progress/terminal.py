"""Run a program on a pseudo-terminal, and read the screen that a person would see."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


def run_on_terminal(
    program: str, *, rows: int = 40, columns: int = 120, typed: str = "", **environment: str
) -> str:
    """Run a Python program with a terminal for its input and output.

    Args:
        program: its text.
        rows: the terminal's height.
        columns: the terminal's width.
        typed: what is typed, at once.
        **environment: further variables.

    Returns:
        Everything that was written to the terminal.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    variables = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        variables.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=variables,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        written = _read_all(ours, process)
        os.close(ours)
    assert process.returncode == 0, written
    return written


def _read_all(ours: int, process: subprocess.Popen[bytes]) -> str:
    written = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        readable, _, _ = select.select([ours], [], [], 0.2)
        if readable:
            with contextlib.suppress(OSError):  # the other end is closed
                if more := os.read(ours, 65536):
                    written += more
                    continue
            break
        if process.poll() is not None:
            break
    else:
        process.kill()
        raise AssertionError(f"The program did not end; it wrote {written.decode()}")
    return written.decode()


def screen(written: str, columns: int = 120) -> list[str]:
    """The lines that a terminal shows at the end, those that scrolled away included.

    Args:
        written: what a program wrote to it.
        columns: its width.
    """
    lines = [""]
    row = column = position = 0
    while position < len(written):
        sequence = _SEQUENCE.match(written, position)
        if sequence:
            position = sequence.end()
            count = int(sequence[1]) if sequence[1].isdigit() else 1
            if sequence[2] == "A":
                row = max(row - count, 0)
            elif sequence[2] == "K":
                lines[row] = "" if sequence[1] == "2" else lines[row][:column]
            continue
        character = written[position]
        position += 1
        if character == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif character == "\r":
            column = 0
        elif character != "\x07":
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
            if column == columns and written[position : position + 1] not in ("\r", "\n", "\x1b"):
                row, column = row + 1, 0
                if row == len(lines):
                    lines.append("")
    return [line.rstrip() for line in lines]
