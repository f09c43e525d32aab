"""mypy and pyright see what typed_flow.py says they see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).with_name("typed_flow.py")
ROOT = FILE.parents[2]
_COMMENT = re.compile(r"^(?:reveal_type\(|\w+\.).*\)  # (.+)$")


def expected() -> dict[int, str]:
    """What is to be revealed on each line; ``error`` where there must be one."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    found = ((number, _COMMENT.match(line)) for number, line in enumerate(lines, 1))
    return {number: match[1] for number, match in found if match}


def in_one_notation(revealed: str) -> str:
    """Types as the comments of the file write them, whichever checker they come from."""
    text = re.sub(r"\bprefectlite(\.\w+)+\.(\w+)", r"\2", revealed)
    text = text.replace("typed_flow.", "").removeprefix("def ")
    text = re.sub(r"\[\[([^\[\]]*)\], ", r"[(\1), ", text)
    return re.sub(r" =(?: 1| \.\.\.)?(?=[,)\]])", " = ...", text)


def test_the_file_has_expectations() -> None:
    assert len(expected()) == 19


def test_mypy() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", str(FILE)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    seen: dict[int, str] = {}
    for line in done.stdout.splitlines():
        match = re.match(rf".*{FILE.name}:(\d+): (note|error): (.+)$", line)
        if match and match[2] == "error":
            seen[int(match[1])] = "error"
        elif match and (revealed := re.match(r'Revealed type is "(.+)"', match[3])):
            seen[int(match[1])] = in_one_notation(revealed[1])
    assert seen == expected(), done.stdout + done.stderr


def test_pyright() -> None:
    command = [sys.executable, "-m", "pyright"]
    done = subprocess.run(
        [*command, "--outputjson", "--pythonpath", sys.executable, str(FILE)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        check=False,
    )
    assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
    seen: dict[int, str] = {}
    for told in json.loads(done.stdout)["generalDiagnostics"]:
        line = told["range"]["start"]["line"] + 1
        if told["severity"] == "error":
            seen[line] = "error"
        elif revealed := re.match(r'Type of ".+" is "(.+)"$', told["message"]):
            seen[line] = in_one_notation(revealed[1])
    assert seen == expected(), done.stdout + done.stderr
