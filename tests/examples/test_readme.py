"""The first flow of the README runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def first_flow() -> str:
    """Return the first Python block of the README."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_flow_is_short() -> None:
    assert len(first_flow().splitlines()) <= 25


def test_the_first_flow_runs_and_keeps_its_results(tmp_path: Path) -> None:
    script = tmp_path / "first.py"
    script.write_text(first_flow())
    for number in (1, 2):
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "2470"
        kept = list((tmp_path / "results" / "squares").iterdir())
        assert len([path for path in kept if path.suffix == ".pickle"]) == 20, number


def test_the_links_of_the_readme_lead_somewhere() -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / path).exists(), path
