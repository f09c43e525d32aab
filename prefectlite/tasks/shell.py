"""`ShellTask`: run a command of a shell."""

from __future__ import annotations

import codecs
import logging
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from subprocess import PIPE
from typing import Any

from prefectlite.core.task import Task
from prefectlite.engine.signals import FAIL
from prefectlite.utilities.tasks import defaults_from_attrs

__all__ = ["PIPE", "ShellTask", "defaults_from_attrs"]

# While a command says nothing, its thread comes back to Python this often, to learn of a timeout.
_LISTEN_SECONDS = 0.1
# What processes have to end by themselves after SIGTERM, before SIGKILL.
_GRACE_SECONDS = 1.0
# Ends a process group when the process that holds the other end of its input is gone, also if it
# was killed; a word on its input says that there is nothing to end.
_WATCH = 'read -r word || kill -s KILL -- "-$1"'


class ShellTask(Task):
    """Runs a command of a shell, and returns the last line, or all lines, of what it printed.

    Standard output and standard error are read together, in the order in which they come. If the
    command fails, or the task's timeout is over, or the process that runs the task dies, all
    processes that the command has started are ended, also those in the background.

    Args:
        command: the command, or a whole script. It may also be given when the task is called.
        env: variables for the command, besides those of the process that runs the task.
        helper_script: what to run before in the same shell, e.g. to change the folder.
        shell: the program that runs it; another interpreter such as ``python3`` will do too.
        return_all: return the list of all lines, and not only the last line.
        log_stderr: on failure, log what the command printed.
        stream_output: log each line as it comes; a level such as ``"DEBUG"`` or
            ``logging.DEBUG`` says at which, True is INFO.
        **kwargs: arguments of `Task`.

    Raises:
        TypeError: ``stream_output`` is no log level.

    Example:
        >>> ShellTask(helper_script="cd /", return_all=True).run(command="pwd; echo done")
        ['/', 'done']
    """

    def __init__(
        self,
        command: str | None = None,
        env: dict[str, str] | None = None,
        helper_script: str | None = None,
        shell: str = "bash",
        return_all: bool = False,
        log_stderr: bool = False,
        stream_output: bool | int | str = False,
        **kwargs: Any,
    ) -> None:
        self.command = command
        self.env = env
        self.helper_script = helper_script
        self.shell = shell
        self.return_all = return_all
        self.log_stderr = log_stderr
        self.stream_output = stream_output
        self._level = _log_level(stream_output)
        super().__init__(**kwargs)

    @defaults_from_attrs("command", "env", "helper_script")
    def run(
        self,
        command: str | None = None,
        env: dict[str, str] | None = None,
        helper_script: str | None = None,
    ) -> str | list[str] | None:
        """Run the command.

        Args:
            command: the command; by default that of the task.
            env: variables for the command; by default those of the task.
            helper_script: what to run before; by default that of the task.

        Returns:
            The last line without the spaces at its end, None if there is none; with
            ``return_all`` the list of lines.

        Raises:
            FAIL: the command's exit status was not 0; its message says which. The result is what
                would have been returned.
            TypeError: no command, or one that is no text.
            FileNotFoundError: there is no such shell.
        """
        script = self._script(command, helper_script)
        lines: list[str] = []
        with tempfile.NamedTemporaryFile(prefix="prefectlite-") as file:
            file.write(script.encode())
            file.flush()
            status = _run_group([self.shell, file.name], self._variables(env), self._keep(lines))
        result = lines if self.return_all else (lines[-1] if lines else None)
        if status:
            message = f"Command failed with exit code {status}"
            self.logger.error(message)
            if self.log_stderr and lines and self._level is None:
                self.logger.error("\n".join(lines) if self.return_all else result)
            raise FAIL(message, result=result)
        return result

    def _script(self, command: Any, helper_script: Any) -> str:
        if command is None:
            raise TypeError(
                f"Task {self.name!r}: run() missing required argument: 'command'. Pass it to "
                f"{type(self).__name__}(command=...) or where the task is called."
            )
        for argument, text in (("command", command), ("helper_script", helper_script)):
            if text is not None and not isinstance(text, str):
                raise TypeError(
                    f"Task {self.name!r}: {argument} must be text for {self.shell}; received "
                    f"{text!r}."
                )
        return f"{helper_script}\n{command}" if helper_script else str(command)

    def _variables(self, env: Mapping[str, str] | None) -> dict[str, str]:
        for name, value in (env or {}).items():
            if not isinstance(value, str):
                raise TypeError(
                    f"Task {self.name!r}: variable {name!r} in env must be text, expected str, "
                    f"not {type(value).__name__}. Write str(...)."
                )
        return {**os.environ, **(env or {})}

    def _keep(self, lines: list[str]) -> Callable[[str], None]:
        """What to do with each line."""

        def keep(line: str) -> None:
            if self.return_all or not lines:
                lines.append(line)
            else:
                lines[0] = line
            if self._level is not None:
                self.logger.log(self._level, line)

        return keep


def _log_level(stream_output: bool | int | str) -> int | None:
    """The level at which lines are logged; None: they are not."""
    if isinstance(stream_output, str):
        level = logging.getLevelName(stream_output)
        if not isinstance(level, int):
            raise TypeError(
                f"'stream_output': Level {stream_output} is not a valid log level. Write one such "
                f"as 'INFO', or True."
            )
        return level
    if not isinstance(stream_output, int):
        raise TypeError(
            f"'stream_output': level must be an integer, a name such as 'INFO', or True; received "
            f"{stream_output!r}."
        )
    if isinstance(stream_output, bool):
        return logging.INFO if stream_output else None
    return stream_output


def _run_group(arguments: list[str], variables: dict[str, str], keep: Callable[[str], None]) -> int:
    """Run a program in a process group of its own; return its exit status.

    Whatever else happens, a timeout for instance, none of the group is left.
    """
    with (
        subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=PIPE,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,
        ) as process,
        _ended_with_us(process),
    ):
        for line in _lines_of(process):
            keep(line.rstrip())
        return process.wait()


@contextmanager
def _ended_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process and its group, unless all goes well in the block."""
    watch = None
    well = False
    try:
        watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watch", str(process.pid)],
            stdin=PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        yield
        well = process.returncode == 0
    finally:
        if not well:
            _end_group(process)
        if watch is not None:
            watch.communicate(b"ended\n")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    group = process.pid
    deadline = time.monotonic() + _GRACE_SECONDS
    number = signal.SIGTERM
    while True:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return  # none is left
        if number == signal.SIGKILL:
            return
        while time.monotonic() < deadline:
            process.poll()
            if not _is_alive(group):
                return
            time.sleep(0.01)
        number = signal.SIGKILL


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _lines_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The lines that a process prints, until all that may print have come to an end."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    # A byte that is no UTF-8 is shown as \xff, and does not cost the rest.
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    rest = ""
    while True:
        ready, _, _ = select.select([output], [], [], _LISTEN_SECONDS)
        if not ready:
            if process.poll():
                _end_group(process)  # it has failed, and what it left in the background is to end
            continue
        data = os.read(output, 65536)
        rest += decoder.decode(data, final=not data)
        *lines, rest = rest.split("\n")
        yield from lines
        if not data:
            break
    if rest:
        yield rest
