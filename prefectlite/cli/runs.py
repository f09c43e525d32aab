"""``prefectlite runs``: what the journals tell."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prefectlite.runs import Run, RunInfo

__all__ = ["runs"]

MOST_FAILURES_SHOWN = 10

_folder = click.option(
    "--folder", metavar="PLACE", help="The runs folder, a path or a URL; runs.folder by default."
)


@click.group()
def runs() -> None:
    """Look at runs, end and remove them."""


@runs.command("list")
@click.option("--flow", "flow_name", metavar="NAME", help="Only runs of this flow.")
@click.option("-n", "most", default=20, show_default=True, help="So many of the newest; 0 for all.")
@_folder
def list_(flow_name: str | None, most: int, folder: str | None) -> None:
    """List the runs, the newest first."""
    from prefectlite.runs import list_runs

    found = list_runs(folder, flow_name)
    for info in found[: most or None]:
        click.echo(_line(info))
    if most and len(found) > most:
        click.echo(f"and {len(found) - most} older ones; -n 0 shows all")


def _line(info: RunInfo) -> str:
    resumes = f"  resumes {info.resumes[:8]}" if info.resumes else ""
    return (
        f"{info.run_id}  {_moment(info.started)}  {_length(info):>9}  {info.status:<11}  "
        f"{info.flow_name}{resumes}"
    )


def _moment(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _length(info: RunInfo) -> str:
    end = info.ended if info.ended is not None else time.time() if info.held_by else None
    return "?" if end is None else f"{end - info.started:.1f} s"


@runs.command()
@click.argument("run_id", metavar="RUN", default="last")
@click.option("--tracebacks", is_flag=True, help="Show the traceback of each failure.")
@_folder
def show(run_id: str, tracebacks: bool, folder: str | None) -> None:
    """Show what became of a run: its state, that of its tasks, its failures.

    RUN is a run's identifier, its first characters, or "last".
    """
    from prefectlite.runs import load

    run = load(run_id, folder)
    click.echo(_head(run))
    for slug, line in _tasks(run):
        click.echo(f"  {slug}: {line}")
    failures = [
        change
        for changes in run.latest.values()
        for change in changes.values()
        # a trigger that failed says nothing that the failure before it has not said
        if change.traceback and change.state != "TriggerFailed"
    ]
    for change in failures[: None if tracebacks else MOST_FAILURES_SHOWN]:
        index = "" if change.map_index is None else f"[{change.map_index}]"
        click.echo(f"{change.task}{index}, attempt {change.attempt}: {change.message}")
        if tracebacks and change.traceback:
            click.echo(change.traceback)
    if not tracebacks and len(failures) > MOST_FAILURES_SHOWN:
        click.echo(f"and {len(failures) - MOST_FAILURES_SHOWN} more; --tracebacks shows all")
    if run.damage is not None:
        click.echo(f"The journal is damaged. {run.damage}", err=True)


def _head(run: Run) -> str:
    info = run.info
    lines = [f"{info.run_id}: flow {info.flow_name!r}, {info.status}"]
    if info.message:
        lines[0] += f" ({info.message})"
    lines.append(f"started {_moment(info.started)}, took {_length(info)}, journal in {info.place}")
    if info.resumes:
        lines.append(f"resumes {info.resumes}")
    if info.held_by:
        lines.append(f"held by {info.held_by}")
    parameters = [f"{name}={value!r}" for name, value in run.parameters.items()]
    parameters += [f"{name}=(left out: {reason})" for name, reason in run.left_out.items()]
    if parameters:
        lines.append(f"parameters: {', '.join(parameters)}")
    return "\n".join(lines)


def _tasks(run: Run) -> list[tuple[str, str]]:
    told = []
    for slug, changes in run.latest.items():
        counts: dict[str, int] = {}
        for index, change in changes.items():
            if index is not None:
                counts[change.state] = counts.get(change.state, 0) + 1
        whole = changes.get(None)
        if whole is not None and not counts:
            told.append((slug, whole.state))
            continue
        length = None if whole is None else whole.length
        missing = 0 if length is None else length - sum(counts.values())
        parts = [f"{count} {state}" for state, count in counts.items()]
        told.append((slug, ", ".join(parts + ([f"{missing} not begun"] if missing > 0 else []))))
    return told


@runs.command()
@click.argument("run_id", metavar="RUN")
@_folder
def cancel(run_id: str, folder: str | None) -> None:
    """Ask the process that is at work on a run to end it."""
    from prefectlite.runs import cancel as request

    request(run_id, folder)
    click.echo("The run is asked to end; it looks for that once a second.")


@runs.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@_folder
def remove(run_ids: tuple[str, ...], folder: str | None) -> None:
    """Remove the journals of runs; results that their tasks stored stay."""
    from prefectlite.runs import remove as remove_run

    for run_id in run_ids:
        remove_run(run_id, folder)
        click.echo(f"removed {run_id}")


@runs.command()
@click.option("--keep", type=click.IntRange(min=0), help="So many of the newest stay; 0 for all.")
@click.option(
    "--days", type=click.FloatRange(min=0), help="Older ones are removed; 0 for whatever age."
)
@_folder
def prune(keep: int | None, days: float | None, folder: str | None) -> None:
    """Remove the journals of old runs, as runs.keep and runs.keep_days say by default."""
    from prefectlite.runs import prune as prune_runs

    removed = prune_runs(keep, days, folder)
    click.echo(f"removed {len(removed)} run{'' if len(removed) == 1 else 's'}")
