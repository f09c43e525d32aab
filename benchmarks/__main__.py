"""The command: measure the named workloads, or all of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from benchmarks.measure import measure
from benchmarks.peers import PYTHONS
from benchmarks.pictures import draw
from benchmarks.processes import Options
from benchmarks.tables import as_json, full_report
from benchmarks.workloads import WORKLOADS


def list_workloads(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the names of the workloads and end."""
    if wanted:
        for workload in WORKLOADS.values():
            sizes = ", ".join(f"{size:,}" for size in workload.sizes)
            click.echo(f"{workload.name:<16} {workload.label} ({sizes})")
        context.exit()


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(WORKLOADS)), metavar="[NAMES]...")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_workloads,
    help="Show the workloads.",
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    type=click.IntRange(1),
    help="A size in place of the workloads' own; give it again for another.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How often each side runs, taking turns.",
)
@click.option(
    "--prefect1-repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How often Prefect 1 runs; the Python that has it is in PREFECT1_PYTHON.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="The workers of a cluster.",
)
@click.option("--inside", is_flag=True, help="Have the scheduler in the driver's process.")
@click.option(
    "--memory/--no-memory",
    default=True,
    show_default=True,
    help="Measure peak memory, with one more run of each side in new processes.",
)
@click.option(
    "--building/--no-building",
    default=True,
    show_default=True,
    help="Time the building of the flow and of the graph too.",
)
@click.option("--log-level", help="The level of logging, as in ERROR; else the default settings.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("docs/pictures"),
    show_default=True,
    help="The folder for the pictures of what was measured, as SVG.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    help="A file for everything that was measured.",
)
def main(
    names: tuple[str, ...],
    sizes: tuple[int, ...],
    repeats: int,
    prefect1_repeats: int,
    processes: int,
    inside: bool,
    memory: bool,
    building: bool,
    log_level: str | None,
    json_path: Path | None,
    pictures: Path,
) -> None:
    """Measure what a run costs beside the same work in hand-written Dask.

    With the path of a Python that has it in PREFECT1_PYTHON, RAY_PYTHON or PARSL_PYTHON, that
    library is measured too.
    """
    pythons = {
        name: os.environ[variable] for name, variable in PYTHONS.items() if os.environ.get(variable)
    }
    options = Options(
        repeats, prefect1_repeats, processes, inside, memory, building, log_level, pythons
    )
    results, failed = [], []
    for name in names or WORKLOADS:
        for size in sizes or WORKLOADS[name].sizes:
            click.echo(f"{name}: {size:,} ...", err=True)
            try:
                results.append(measure(WORKLOADS[name], size, options))
            except RuntimeError as error:
                # What has been measured so far is worth hours, so the others go on.
                failed.append(f"{name}: {size:,}: {error}")
    if results:
        click.echo(full_report(results, options))
        draw(results, pictures)
    if json_path:
        json_path.write_text(json.dumps(as_json(results, options), indent=1) + "\n")
    if failed:
        click.echo("\nNot measured:\n" + "\n".join(failed), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
