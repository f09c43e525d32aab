"""How far a run is, drawn on the terminal while it goes on.

One line a task: a bar, how many of its elements are done, and how many of them failed, were skipped
or wait for a retry. A state change costs a few additions whatever the number of elements; a timer
draws, a few times a second, the tasks that have room on the terminal.

While the display is there, log lines and what tasks print appear above it. Two log lines for each
of ten thousand elements would hide everything else, so the lines "Starting task run..." and
"Finished task run ..." and the other INFO lines of the logger ``prefectlite.TaskRunner`` are left
out on the terminal: the display says the same. Warnings, errors, the lines of tasks' own loggers
and the flow's lines are written as ever, other handlers (a file, a collector) get every record, and
with ``logging.level = "DEBUG"`` nothing is left out.

The display is off when standard output is no terminal, when ``TERM`` is ``dumb``, and by
``progress.enabled = false`` in the configuration. It ends when something asks for input (a
debugger, ``input()``), and the run goes on without it.
"""

from __future__ import annotations

import builtins
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from prefectlite.engine.events import StateChange
from prefectlite.engine.plan import Plan
from prefectlite.engine.state import Cancelled, State
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import ROOT_NAME, get_logger

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Progress", "ProgressDisplay", "TaskProgress", "progress_of"]

REFRESHES_PER_SECOND = 8

WAITING, RUNNING, DONE, FAILED, SKIPPED, RETRYING = range(6)
_CATEGORIES = {
    "Pending": WAITING,
    "Scheduled": WAITING,
    "Submitted": WAITING,
    "Queued": WAITING,
    "Paused": WAITING,
    "Resume": WAITING,
    "Running": RUNNING,
    "Looped": RUNNING,
    "Retrying": RETRYING,
}


def category_of(state: str) -> int:
    """Where a state is counted.

    Args:
        state: the name of its class; that of a user's own class is looked for among the subclasses
            of `State`.

    Returns:
        One of the numbers ``WAITING``, ``RUNNING``, ``DONE``, ``FAILED``, ``SKIPPED``,
        ``RETRYING``.
    """
    known = _CATEGORIES.get(state)
    if known is None:
        classes = {found.__name__: found for found in State.children(include_self=True)}
        found = classes.get(state)
        if found is None or not found._finished:
            known = RUNNING
        else:
            bad = found._failed or issubclass(found, Cancelled)
            known = SKIPPED if found._skipped else FAILED if bad else DONE
        _CATEGORIES[state] = known
    return known


class TaskProgress:
    """How far one task is.

    Args:
        name: the task's name.

    The counts are those of its elements; of one for a task that is not mapped.
    """

    __slots__ = ("_categories", "began", "counts", "ended", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.began: float | None = None
        self.ended: float | None = None
        # one byte an element says where it is counted, so that a change can take it from there
        self._categories = bytearray(1)
        self.counts = [1, 0, 0, 0, 0, 0]

    @property
    def total(self) -> int:
        """How many elements there are."""
        return len(self._categories)

    @property
    def settled(self) -> int:
        """How many elements have ended, in whatever way."""
        return self.counts[DONE] + self.counts[FAILED] + self.counts[SKIPPED]

    @property
    def complete(self) -> bool:
        """Whether all elements have ended."""
        return self.settled == self.total

    def expand(self, length: int) -> None:
        """The task is mapped and has this many elements."""
        self._categories = bytearray(length)
        self.counts = [length, 0, 0, 0, 0, 0]

    def put(self, element: int, category: int) -> None:
        """An element has come to a state of this category."""
        if element >= self.total:
            missing = element + 1 - self.total
            self._categories.extend(bytes(missing))
            self.counts[WAITING] += missing
        self.counts[self._categories[element]] -= 1
        self.counts[category] += 1
        self._categories[element] = category


class Progress:
    """Counts the state changes of a run: a reader of its event stream.

    Args:
        names: the name of each task that may run, by its slug.

    Example:
        ``FlowRunner(flow).run(readers=[Progress({})])``
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.began = time.time()
        self.tasks: dict[str, TaskProgress] = {}
        self.total = len(names)
        self.complete = 0
        # those that have begun and not ended, and those that have ended, the latest last
        self.active: dict[str, TaskProgress] = {}
        self.ended: deque[TaskProgress] = deque(maxlen=500)
        self._lock = threading.Lock()

    def __call__(self, change: StateChange) -> None:
        """Count one change; constant work."""
        slug = change.slug
        if slug is None:
            return
        with self._lock:
            task = self.tasks.get(slug)
            if task is None:
                task = self.tasks[slug] = TaskProgress(self._names.get(slug, change.task or slug))
                self.total = max(self.total, len(self.tasks))
                self.active[slug] = task
            was_complete = task.complete
            if task.began is None:
                task.began = change.time
            if change.map_index is None and change.length is not None:
                task.expand(change.length)
            else:
                task.put(change.map_index or 0, category_of(change.state))
            if task.complete != was_complete:
                self._turned(slug, task, change.time)

    def _turned(self, slug: str, task: TaskProgress, moment: float) -> None:
        if task.complete:
            self.complete += 1
            task.ended = moment
            self.active.pop(slug, None)
            self.ended.append(task)
        else:
            self.complete -= 1
            task.ended = None
            self.active[slug] = task
            with suppress(ValueError):  # so many have ended since that this one was let go
                self.ended.remove(task)

    def shown(self, lines: int) -> list[TaskProgress]:
        """The tasks to show on so many lines: those under way, and of the others the latest.

        Args:
            lines: how many tasks have room.

        Returns:
            At most that many, in the order in which they began.
        """
        with self._lock:
            under_way: list[TaskProgress] = []
            for task in self.active.values():
                if len(under_way) == lines:
                    break
                under_way.append(task)
            room = lines - len(under_way)
            latest = [self.ended[-1 - i] for i in range(min(room, len(self.ended)))]
        return sorted([*latest, *under_way], key=lambda task: task.began or 0)


class ProgressDisplay:
    """Draws a `Progress` on a terminal while a block runs.

    Args:
        flow_name: the name of the flow, for the first line.
        progress: what to draw.
        console: the terminal; standard output by default.
    """

    def __init__(self, flow_name: str, progress: Progress, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._flow_name = flow_name
        self._progress = progress
        # the stream itself: `sys.stdout` will be what leads back to this console
        self._console = console or Console(file=sys.stdout)
        self._undo: list[Callable[[], None]] = []
        self._aboves: list[_Above] = []
        self._stopping = threading.Lock()
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def start(self) -> None:
        """Show the display, and lead what is written to the terminal above it."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if getattr(stream, "isatty", bool)():
                self._replace(sys, name, self._above(stream))
        for handler in _terminal_handlers():
            self._lead_above(handler)
        # who asks for input, as a debugger does, needs the terminal for itself
        self._replace(builtins, "input", self._stopped_before(builtins.input))
        self._live.start()

    def stop(self) -> None:
        """Draw the last time, and give the terminal back; done once however often it is called."""
        with self._stopping:
            undo, self._undo = self._undo, []
        if not undo:
            return
        for above in self._aboves:
            above.close_line()
        self._live.stop()
        for step in reversed(undo):
            step()
        for above in self._aboves:
            above.end()

    def _above(self, stream: TextIO) -> _Above:
        above = _Above(self._console, stream)
        self._aboves.append(above)
        return above

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        previous = getattr(owner, name)

        def put_back() -> None:
            # what somebody else has put there meanwhile is theirs to take away
            if getattr(owner, name) is value:
                setattr(owner, name, previous)

        setattr(owner, name, value)
        self._undo.append(put_back)

    def _lead_above(self, handler: logging.StreamHandler[Any]) -> None:
        previous = handler.setStream(self._above(handler.stream))
        quiet = get_logger().getEffectiveLevel() >= logging.INFO
        if quiet:
            handler.addFilter(_says_what_is_shown)

        def put_back() -> None:
            if previous is not None:
                handler.setStream(previous)
            handler.removeFilter(_says_what_is_shown)

        self._undo.append(put_back)

    def _stopped_before(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **kwargs: Any) -> Any:
            self.stop()
            return original(*args, **kwargs)

        return ask

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        progress, now = self._progress, time.time()
        tasks = progress.shown(max(self._console.height - 3, 1))
        rows = [_row(task, self._console.width, now) for task in tasks]
        head = Text(overflow="ellipsis", no_wrap=True)
        head.append(self._flow_name, style="bold")
        head.append(f"  {progress.complete} of {progress.total} tasks")
        hidden = len(progress.tasks) - len(tasks)
        if hidden:
            head.append(f", {hidden} more not shown", style="dim")
        head.append(f"  {_duration(now - progress.began)}", style="dim")
        return Group(head, *rows)


def _row(task: TaskProgress, width: int, now: float) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    name_width = max(min(32, width // 4), 8)
    grid.add_column(width=name_width, no_wrap=True, overflow="ellipsis")
    bar_width = max(min(30, width // 5), 5)
    grid.add_column(width=bar_width)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    counts = task.counts
    said = Text(f"{task.settled:,}/{task.total:,}")
    for category, word, style in (
        (FAILED, "failed", "red"),
        (SKIPPED, "skipped", "magenta"),
        (RETRYING, "retrying", "yellow"),
    ):
        if counts[category]:
            said.append(f"  {counts[category]:,} {word}", style=style)
    if task.began is not None:
        said.append(f"  {_duration((task.ended or now) - task.began)}", style="dim")
    style = "red" if counts[FAILED] else "green"
    bar = ProgressBar(
        # a map over nothing is complete
        total=max(task.total, 1),
        completed=task.settled if task.total else 1,
        width=bar_width,
        complete_style=style,
        finished_style=style,
    )
    grid.add_row(Text(task.name), bar, said)
    return grid


def _duration(seconds: float) -> str:
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Above:
    """A text stream whose lines appear above the display; the rest of it is the stream's own."""

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self._stream = stream
        self._begun = ""
        self._lock = threading.Lock()
        self._process: int | None = os.getpid()

    def write(self, text: str) -> int:
        # A forked process has no display, and locks that nobody will ever release.
        if self._process != os.getpid():
            return self._stream.write(text)
        with self._lock:
            lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._print(lines)
        return len(text)

    def flush(self) -> None:
        """Half a line cannot stand above the display, and whole lines are there already."""
        if self._process != os.getpid():
            self._stream.flush()

    def close_line(self) -> None:
        """Print what no line end has followed yet."""
        with self._lock:
            begun, self._begun = self._begun, ""
        if begun:
            self._print(begun)

    def end(self) -> None:
        """Be nothing but the stream from now on, for those who still hold this object."""
        self._process = None

    def _print(self, lines: str) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(lines), soft_wrap=True, highlight=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _terminal_handlers() -> Iterator[logging.StreamHandler[Any]]:
    """The handlers that write the tree's records, or those of other loggers, to the terminal."""
    extra = context.config.logging.get("extra_loggers") or ()
    loggers = [logging.getLogger(name) for name in (ROOT_NAME, *extra)]
    seen: set[int] = set()
    for logger in (*loggers, logging.getLogger()):
        for handler in logger.handlers:
            if not isinstance(handler, logging.StreamHandler) or id(handler) in seen:
                continue
            seen.add(id(handler))
            stream = handler.stream
            if not isinstance(stream, _Above) and getattr(stream, "isatty", lambda: False)():
                yield handler


def _says_what_is_shown(record: logging.LogRecord) -> bool:
    """A filter for terminals: not the lines on each task run, which the display counts."""
    return record.levelno > logging.INFO or record.name != f"{ROOT_NAME}.TaskRunner"


def _only_the_terminal_listens() -> bool:
    """Whether nobody but filtered handlers of the terminal would get a line on a task run."""
    logger: logging.Logger | None = get_logger("TaskRunner")
    while logger is not None:
        for handler in logger.handlers:
            if _says_what_is_shown not in handler.filters:
                return False
        logger = logger.parent if logger.propagate else None
    return True


_one_display = threading.Lock()


@contextmanager
def progress_of(plan: Plan) -> Iterator[tuple[Progress, bool] | None]:
    """Show a run's progress on standard output while the block runs.

    Only one display can be on a terminal: a run inside of a task, or in a second thread, has none.

    Args:
        plan: the run's plan.

    Returns:
        A context manager. It yields the reader of the run's events and whether log lines on single
        task runs would be seen by anybody; None where nothing is shown.
    """
    if os.environ.get("TERM") == "dumb" or not _one_display.acquire(blocking=False):
        yield None
        return
    try:
        progress = Progress({task.slug: task.name for task in plan.tasks if not task.known})
        display = ProgressDisplay(plan.flow_name, progress)
        display.start()
        try:
            yield progress, not _only_the_terminal_listens()
        finally:
            display.stop()
    finally:
        _one_display.release()
