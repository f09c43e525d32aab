"""The interpreter that has Prefect 1.4.1: found, or made in ``.venv-prefect1``."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-prefect1"

# Prefect 1.4.1 serializes states and flows with marshmallow 3, its clocks of cron need pendulum 2,
# and it runs on Python up to 3.10.
REQUIREMENTS = (
    "prefect==1.4.1",
    "marshmallow==3.14.1",
    "marshmallow-oneofschema==3.0.1",
    "pendulum<3",
    "pandas",
    "setuptools<70",
)
PYTHONS = ("python3.9", "python3.10", "python3.8")


def prefect_python() -> str:
    """The path of an interpreter with Prefect 1.4.1.

    It is the one that ``PREFECT1_PYTHON`` names, or the one in ``.venv-prefect1``, which is made
    at first need.

    Returns:
        the interpreter's path.

    Raises:
        SystemExit: with status 2 when there is none and none can be made; says what to do.
    """
    named = os.environ.get("PREFECT1_PYTHON")
    if named:
        if shutil.which(named):
            return named
        print(f"PREFECT1_PYTHON names {named}, which cannot be run.")
        raise SystemExit(2)
    made = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".complete").exists():
        _make(made)
    return str(made)


def _make(made: pathlib.Path) -> None:
    """Make the environment; a half-made one is made anew."""
    base = next((found for name in PYTHONS if (found := _usable(name))), None)
    if base is None:
        print(
            "Prefect 1.4.1 needs one of "
            + ", ".join(PYTHONS)
            + ". Install one, or set PREFECT1_PYTHON to an interpreter that has Prefect 1.4.1."
        )
        raise SystemExit(2)
    print(f"Making {ENVIRONMENT} with Prefect 1.4.1 ...", flush=True)
    steps = (
        [base, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [str(made), "-m", "pip", "install", "--quiet", *REQUIREMENTS],
    )
    for step in steps:
        if subprocess.run(step).returncode:
            print(f"Could not make {ENVIRONMENT}: {' '.join(step)} failed.")
            raise SystemExit(2)
    (ENVIRONMENT / ".complete").touch()


def _usable(name: str) -> str | None:
    """The interpreter of that name, if it is there and starts."""
    found = shutil.which(name)
    if found and subprocess.run([found, "-c", "import venv"], capture_output=True).returncode == 0:
        return found
    return None
