"""``prefectlite run FILE``."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefectlite.cli.flow_file import execute, flows_in, observed_runs
from prefectlite.core.flow import Flow
from prefectlite.exceptions import ParameterError

if TYPE_CHECKING:
    from prefectlite.engine.state import State
    from prefectlite.executors.base import Executor

__all__ = ["run"]

FAILED, UNFINISHED, CANCELLED = 1, 3, 130
MOST_FAILURES_SHOWN = 10


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog="Exit status: 0 success, 1 failed, 2 wrong use, 3 not finished (paused), 130 cancelled.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1)
@click.option("--flow", "flow_name", metavar="NAME", help="Run this flow of the file.")
@click.option(
    "-p",
    "--param",
    "params",
    metavar="KEY=VALUE",
    multiple=True,
    help="A parameter; the value is JSON, or else text. Can be given several times.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "threads", "processes", "dask"]),
    help="Where to run, whatever the file says.",
)
@click.option("--address", help="The scheduler of a running Dask cluster, tcp://HOST:PORT.")
@click.option("--as-prefect", is_flag=True, help="`import prefect` in the file is prefectlite.")
@click.option(
    "--prefect-settings",
    is_flag=True,
    help="With --as-prefect: read PREFECT__ variables and ~/.prefect/config.toml.",
)
def run(
    file: Path,
    arguments: tuple[str, ...],
    flow_name: str | None,
    params: tuple[str, ...],
    executor: str | None,
    address: str | None,
    as_prefect: bool,
    prefect_settings: bool,
) -> None:
    """Run the flow of FILE.

    The file is executed as `python FILE ARGUMENTS` does it. Where it runs a flow itself, that is
    the run; --param and --executor are laid over what it says. Where it does not, its flow is run
    once, now; of several, --flow says which. With --flow the block under
    `if __name__ == "__main__"` is left out.
    """
    parameters = dict(_parameter(text) for text in params)
    chosen = _executor(executor, address)
    if prefect_settings and not as_prefect:
        raise click.UsageError("--prefect-settings goes with --as-prefect.")
    if as_prefect:
        from prefectlite.compat import install

        install(settings=True if prefect_settings else None)
    with observed_runs(parameters, chosen) as finished:
        status = _execute_and_run(file, arguments, flow_name, finished)
    sys.exit(status or max((_report(flow, state) for flow, state in finished), default=0))


def _execute_and_run(
    file: Path,
    arguments: tuple[str, ...],
    flow_name: str | None,
    finished: list[tuple[Flow, State | None]],
) -> int:
    """The exit status that is known already; 0 where the states of the runs decide."""
    try:
        module = execute(file, arguments, main_block=flow_name is None)
        if flow_name is not None or not finished:
            # now, whatever its schedule says: `prefectlite serve` is what keeps schedules
            _pick(file, flows_in(module), flow_name).run(run_on_schedule=False)
    except click.ClickException:
        raise
    except ParameterError as error:
        raise click.UsageError(f"{error} Parameters are given by --param NAME=VALUE.") from error
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        click.echo(leaving.code, err=True)
        return FAILED
    except KeyboardInterrupt:
        return CANCELLED
    except BaseException as error:
        click.echo(_told(error, file), err=True, nl=False)
        if isinstance(error, ModuleNotFoundError) and error.name == "prefect":
            click.echo("With --as-prefect, `import prefect` is prefectlite.", err=True)
        return FAILED
    return 0


def _told(error: BaseException, file: Path) -> str:
    """The traceback as the file's author knows it: from the file on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(file):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(
            f"{text!r} is not of the form KEY=VALUE, e.g. --param day=2024-02-29.",
            param_hint="--param",
        )
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _executor(kind: str | None, address: str | None) -> Executor | None:
    if address and kind not in (None, "dask"):
        raise click.UsageError(f"--address names a Dask cluster; it cannot go with {kind!r}.")
    if address or kind == "dask":
        from prefectlite.executors import DaskExecutor

        return DaskExecutor(address=address)
    if kind in ("threads", "processes"):
        from prefectlite.executors import LocalDaskExecutor

        return LocalDaskExecutor(scheduler=kind)
    if kind == "local":
        from prefectlite.executors import LocalExecutor

        return LocalExecutor()
    return None


def _pick(file: Path, flows: list[Flow], name: str | None) -> Flow:
    names = ", ".join(sorted(repr(flow.name) for flow in flows))
    if not flows:
        raise click.ClickException(
            f"{file} runs no flow and has none at its top level. A flow that a function builds "
            f"must be run by the file, or be put into a variable of the module."
        )
    if name is None:
        if len(flows) == 1:
            return flows[0]
        raise click.UsageError(f"{file} has several flows: {names}. Choose one by --flow NAME.")
    chosen = [flow for flow in flows if flow.name == name]
    if not chosen:
        raise click.UsageError(f"{file} has no flow {name!r}; it has {names}.")
    if len(chosen) > 1:
        raise click.UsageError(f"{file} has {len(chosen)} flows {name!r}; give them other names.")
    return chosen[0]


def _report(flow: Flow, state: State | None) -> int:
    """Say how a run ended where it was no success; the exit status."""
    if state is None or state.is_successful():
        return 0
    click.echo(f"Flow {flow.name!r}: {type(state).__name__}: {state.message}", err=True)
    failures = list(_failures(state))
    for line in failures[:MOST_FAILURES_SHOWN]:
        click.echo(f"  {line}", err=True)
    if len(failures) > MOST_FAILURES_SHOWN:
        click.echo(f"  and {len(failures) - MOST_FAILURES_SHOWN} more", err=True)
    if state.is_failed():
        return FAILED
    return CANCELLED if type(state).__name__ == "Cancelled" else UNFINISHED


def _failures(state: State) -> Iterator[str]:
    states = state.result if isinstance(state.result, dict) else {}
    for task, found in states.items():
        elements = getattr(found, "map_states", None) or [found]
        for index, element in enumerate(elements):
            # a trigger that failed says nothing that the failure above it has not said
            if element.is_failed() and type(element).__name__ != "TriggerFailed":
                name = task.name if element is found else f"{task.name}[{index}]"
                yield f"{name}: {element.message}"
