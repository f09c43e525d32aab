"""The command ``prefectlite``. Each subcommand's module is loaded when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from prefectlite._version import __version__

__all__ = ["cli", "main"]

# name: module, what it does
_COMMANDS = {
    "doctor": ("prefectlite.cli.doctor", "Say what of a file or folder works here."),
    "run": ("prefectlite.cli.run", "Run the flow of a file."),
    "runs": ("prefectlite.cli.runs", "Look at runs, and end them."),
    "serve": ("prefectlite.cli.serve", "Run the flows of files by their schedules."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands by name, and loads the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # without loading any of them
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in sorted(_COMMANDS)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="prefectlite")
def cli() -> None:
    """Run flows: tasks on this machine or on a Dask cluster, without a server."""


def main() -> None:
    """Run the command line; what is wrong is told in one line, and by the exit status."""
    from prefectlite.exceptions import PrefectException

    try:
        cli(prog_name="prefectlite")
    except PrefectException as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
