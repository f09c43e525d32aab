"""``prefectlite serve FILE...``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

__all__ = ["serve"]


@click.command(
    epilog="Signals: SIGHUP reads all files again; SIGTERM or Ctrl-C ends the server, a second one "
    "at once. Exit status: 0 ended by a signal, 1 nothing left to serve, 2 wrong use."
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--overlap",
    type=click.Choice(["skip", "queue", "allow"]),
    default="skip",
    show_default=True,
    help="An event that comes while its flow's run goes on: leave it out, have it wait, or run it "
    "at the same time.",
)
@click.option(
    "--catch-up",
    type=click.Choice(["skip", "last", "all"]),
    default="skip",
    show_default=True,
    help="Events that were missed: leave them out (but for the last one, if --late allows), run "
    "the last one of each flow, or run all (1,000 of a flow at most), one after the other.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Runs that go on at once; the others wait. By default twice the processors, at least 4.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds that runs have to end by themselves when the server ends.",
)
@click.option(
    "--late",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds after which an event that the server could not see to counts as missed.",
)
@click.option("--name", default="default", show_default=True, help="Tells servers apart.")
@click.option("--as-prefect", is_flag=True, help="`import prefect` in the files is prefectlite.")
@click.option("--status", is_flag=True, help="Say how the server is doing, and end.")
def serve(
    files: tuple[Path, ...],
    overlap: str,
    catch_up: str,
    workers: int | None,
    grace: float,
    late: float,
    name: str,
    as_prefect: bool,
    status: bool,
) -> None:
    """Run the flows of FILES, or of the Python files in folders, at the times of their schedules.

    Each run is a process of its own, and runs the text of the file as it was when it was loaded.
    """
    import prefectlite
    from prefectlite.serving.state_file import ServerFolder, status_text

    if not name or set(name) & {"/", "\0"} or name.startswith("."):
        raise click.UsageError("--name must be good for the name of a folder.")
    folder = ServerFolder(Path(prefectlite.config.home_dir).expanduser(), name)
    if status:
        click.echo(status_text(folder))
        return
    if not files:
        raise click.UsageError("Name at least one file, or --status.")
    missing = [str(path) for path in files if not path.exists()]
    if missing:
        raise click.UsageError(f"There is no file {', '.join(missing)}.")
    from prefectlite.serving.plans import Options
    from prefectlite.serving.server import Server

    options = Options(
        paths=files,
        name=name,
        overlap=overlap,
        catch_up=catch_up,
        workers=workers or max(4, 2 * (os.cpu_count() or 1)),
        grace=grace,
        late=late,
        as_prefect=as_prefect,
    )
    sys.exit(Server(options, folder).serve())
