"""``prefectlite doctor``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

__all__ = ["doctor"]

_WORDS = {
    "same": "works",
    "different": "different",
    "ignored": "no effect",
    "missing": "missing",
}


@click.command(epilog="Exit status: 0 all of it works, 1 something is missing, 2 wrong use.")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--as-prefect", is_flag=True, help="Look for what is used of Prefect 1.")
@click.option("--problems", is_flag=True, help="Leave out what works.")
def doctor(paths: tuple[Path, ...], as_prefect: bool, problems: bool) -> None:
    """Say, by line, what files or folders use of Prefect 1, and what becomes of it.

    Nothing of them is executed. `works`: as in Prefect 1. `different`: it works in another way.
    `no effect`: it can stay. `missing`: its use is an error that says what to use instead.
    """
    if not as_prefect:
        raise click.UsageError("Say what to look for: --as-prefect for the use of Prefect 1.")
    from prefectlite.compat.doctor import Finding, count, examine, python_files

    every: list[Finding] = []
    unreadable = 0
    for file in (file for path in paths for file in python_files(path)):
        try:
            findings = examine(file.read_bytes(), str(file))
        except (SyntaxError, ValueError) as error:
            unreadable += 1
            click.echo(f"{file}: cannot be read as Python: {error}")
            continue
        every += findings
        for finding in findings:
            status, note = finding.entry.status, finding.entry.note
            if not problems or status != "same":
                told = f" - {note}" if note else ""
                click.echo(f"{file}:{finding.line}: {_WORDS[status]}: {finding.name}{told}")
    numbers = [f"{number} {_WORDS[status]}" for status, number in count(every)]
    click.echo(", ".join(numbers) if numbers else "Nothing of Prefect 1 is used.")
    sys.exit(1 if unreadable or any(f.entry.status == "missing" for f in every) else 0)
