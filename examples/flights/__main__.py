"""The command: run the flow on a local cluster and print what it found."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from examples.flights.data import MONTHS, SPLITS
from examples.flights.flow import build_flow
from examples.flights.report import count_runs, describe_delays, describe_runs
from prefectlite import Flow
from prefectlite.engine.state import State
from prefectlite.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor
from prefectlite.utilities.logging import temporary_logger_config


def build_executor(name: str, processes: int) -> Executor:
    """Return the executor of that name: "cluster", "threads" or "local"."""
    executor: Executor = LocalExecutor()
    if name == "threads":
        executor = LocalDaskExecutor(scheduler="threads")
    if name == "cluster":
        cluster = {"n_workers": processes, "threads_per_worker": 1, "dashboard_address": ":0"}
        executor = DaskExecutor(cluster_kwargs=cluster)
    return executor


def describe_failures(flow: Flow, state: State) -> str:
    """Return a line for each task that did not succeed."""
    lines = [
        f"  {task.name}: {state.result[task].message}"
        for task in flow.sorted_tasks()
        if task in state.result and not state.result[task].is_successful()
    ]
    return "\n".join([f"The flow run failed: {state.message}", *lines])


@click.command()
@click.option(
    "--months",
    multiple=True,
    type=click.IntRange(1, 12),
    default=MONTHS,
    help="A month of 2013; give it again for another. All twelve if not given.",
)
@click.option(
    "--split",
    type=click.Choice(list(SPLITS)),
    default="month",
    show_default=True,
    help="How finely the flights are cut into partitions.",
)
@click.option(
    "--late-minutes",
    type=int,
    default=15,
    show_default=True,
    help="A flight that lands so many minutes behind is late.",
)
@click.option(
    "--minimum-flights",
    type=int,
    default=365,
    show_default=True,
    help="How many flights a route must have to be ranked.",
)
@click.option(
    "--routes",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many routes to print.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("build/flights"),
    show_default=True,
    help="The folder of the targets; without it all is computed.",
)
@click.option(
    "--executor",
    type=click.Choice(["cluster", "threads", "local"]),
    default="cluster",
    show_default=True,
    help="Where the tasks run.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="The workers of the cluster.",
)
@click.option(
    "--log-level", default="WARNING", show_default=True, help="INFO shows every task run."
)
def main(
    months: tuple[int, ...],
    split: str,
    late_minutes: int,
    minimum_flights: int,
    routes: int,
    results: Path,
    executor: str,
    processes: int,
    log_level: str,
) -> None:
    """The delays of the 336,776 flights that left New York City in 2013.

    Every result is kept at a target under the folder of --results. Run it again and everything
    is taken from there; change one option and what depends on it is computed.
    """
    started = time.perf_counter()
    flow = build_flow(results, build_executor(executor, processes))
    parameters = {
        "months": sorted(set(months)),
        "split": split,
        "late_minutes": late_minutes,
        "minimum_flights": minimum_flights,
    }
    with temporary_logger_config(level=log_level):
        state = flow.run(parameters=parameters)
    seconds = time.perf_counter() - started
    assert state is not None
    if state.is_successful():
        tables = state.result[flow.get_tasks(name="combine")[0]].result
        worst = state.result[flow.get_tasks(name="worst_routes")[0]].result
        click.echo(describe_delays(tables["carrier"], worst.head(routes), late_minutes))
    else:
        click.echo(describe_failures(flow, state), err=True)
    click.echo("")
    click.echo(describe_runs(count_runs(flow, state)))
    start = ", the start of the cluster included" if executor == "cluster" else ""
    click.echo(f"Time: {seconds:.1f} s{start}. Targets: {results}")
    sys.exit(0 if state.is_successful() else 1)


if __name__ == "__main__":
    main()
