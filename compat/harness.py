"""What a case is written with: the package under test, a run on an executor, and descriptions.

Runs unchanged on both sides, so it imports neither package and uses only what Python 3.9 has.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import inspect
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

EXECUTORS = ("local", "threads", "dask")


class Case:
    """One case: its function, and what is known about how the two sides differ on it."""

    def __init__(
        self,
        function: Callable[..., Any],
        differs: str | None,
        on: tuple[str, ...],
        executors: tuple[str, ...],
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.differs = differs
        self.on = on
        parameters = inspect.signature(function).parameters
        self.runs_flows = "run" in parameters
        self.wants_folder = "folder" in parameters
        self.executors = executors if self.runs_flows else ("none",)

    def differs_on(self, executor: str) -> bool:
        """Whether a difference on this executor is expected."""
        return self.differs is not None and (not self.on or executor in self.on)


def case(
    function: Callable[..., Any] | None = None,
    *,
    differs: str | None = None,
    on: tuple[str, ...] = (),
    executors: tuple[str, ...] = EXECUTORS,
) -> Any:
    """Mark a function as a case.

    The function takes ``p`` (the package), and may take ``run`` (it is then run once on each
    executor) and ``folder`` (an empty folder, also the working directory).

    Args:
        function: the case.
        differs: why the two sides differ on purpose, naming the promise that wins.
        on: the executors where they differ; empty means all.
        executors: the executors to run on.
    """

    def mark(wrapped: Callable[..., Any]) -> Callable[..., Any]:
        wrapped.compat_case = Case(wrapped, differs, on, executors)  # type: ignore[attr-defined]
        return wrapped

    return mark if function is None else mark(function)


def cases_of(module_name: str) -> list[Case]:
    """The cases of a module of ``compat.cases``, in the order they are written."""
    module = importlib.import_module(f"compat.cases.{module_name}")
    found = [getattr(value, "compat_case", None) for value in vars(module).values()]
    return [item for item in found if item is not None]


class Package:
    """The package under test, reached by attributes: ``p.task``, ``p.engine.signals.FAIL``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)

    def module(self, path: str) -> Any:
        """Import a module below the package: ``p.module("engine.results")``."""
        return importlib.import_module(f"{self._name}.{path}")

    def __reduce__(self) -> tuple[Any, ...]:
        return (Package, (self._name,))


_current: dict[str, Any] = {}


def current_run() -> Any:
    """The run of the case that is executing; what a pickled ``run`` turns into."""
    return _current["run"]


class Run:
    """Runs flows on one executor, and keeps what handlers and tasks note down."""

    def __init__(self, package: Package, executor: str, address: Callable[[], str]) -> None:
        self.package = package
        self.executor_name = executor
        self._address = address
        self._lock = threading.Lock()
        self.notes: list[Any] = []
        _current["run"] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return (current_run, ())

    def executor(self) -> Any:
        """A new executor of the kind this run is for."""
        executors = self.package.module("executors")
        if self.executor_name == "local":
            return executors.LocalExecutor()
        if self.executor_name == "threads":
            return executors.LocalDaskExecutor(scheduler="threads", num_workers=4)
        return executors.DaskExecutor(address=self._address())

    def state(self, flow: Any, **kwargs: Any) -> Any:
        """Run the flow with ``flow.run`` and return its state."""
        return flow.run(executor=self.executor(), **kwargs)

    def __call__(self, flow: Any, **kwargs: Any) -> Any:
        """Run the flow with ``flow.run`` and describe its state."""
        return describe_flow(flow, self.state(flow, **kwargs))

    def runner_state(self, flow: Any, **kwargs: Any) -> Any:
        """Run one round with ``FlowRunner.run``; all tasks come back unless said otherwise."""
        kwargs.setdefault("return_tasks", flow.tasks)
        runner = self.package.module("engine.flow_runner").FlowRunner(flow)
        return runner.run(executor=self.executor(), **kwargs)

    def runner(self, flow: Any, **kwargs: Any) -> Any:
        """Run one round with ``FlowRunner.run`` and describe the state."""
        return describe_flow(flow, self.runner_state(flow, **kwargs))

    def note(self, *values: Any) -> None:
        """Keep something a task or a handler saw."""
        with self._lock:
            self.notes.append([plain(value) for value in values])

    def handler(self, tracked: Any, old: Any, new: Any) -> None:
        """A state handler that notes the task (and map index), both states and the message."""
        index = self.package.context.get("map_index")
        name = tracked.name if index is None else f"{tracked.name}[{index}]"
        self.note(name, type(old).__name__, type(new).__name__, new.message)

    def sorted_notes(self) -> list[Any]:
        """What was noted, in an order that does not depend on threads."""
        return sorted(self.notes, key=repr)

    def notes_by_name(self) -> dict[str, list[Any]]:
        """What was noted, in order, grouped by the first value of each note."""
        grouped: dict[str, list[Any]] = {}
        for first, *rest in self.notes:
            grouped.setdefault(str(first), []).append(rest)
        return grouped

    @contextlib.contextmanager
    def logs(self, level: str = "INFO") -> Iterator[list[Any]]:
        """Capture the package's log records as ``[logger, level, message]``."""
        with captured_logs(self.package, level) as records:
            yield records


@contextlib.contextmanager
def captured_logs(package: Package, level: str = "INFO") -> Iterator[list[Any]]:
    """Capture the package's log records as ``[logger, level, message]``."""
    records: list[Any] = []

    class Catch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append([record.name, record.levelname, record.getMessage()])

    logger = package.module("utilities.logging").get_logger()
    handler, before = Catch(), logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def raises(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function; describe what it raised, or what it returned."""
    try:
        return {"returned": plain(function(*args, **kwargs))}
    except BaseException as error:
        return {"raised": caught_as(error), "text": str(error)}


def caught_as(error: BaseException) -> str:
    """The class by which code written for Prefect catches an error.

    Errors of prefectlite's own are also builtin ones (``ParameterError`` is a ``ValueError``).
    """
    bases = [b for b in type(error).__mro__ if b.__module__ in ("builtins", "_pickle")]
    specific = [base for base in bases if base not in (Exception, BaseException, object)]
    return (specific[0] if specific else type(error)).__name__


def raised_type(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function; the name of the exception's type, where the wording is free."""
    outcome = raises(function, *args, **kwargs)
    return outcome.get("raised", outcome)


def plain(value: Any) -> Any:
    """Turn a value into what JSON can carry, without losing its type."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "is_successful") and hasattr(value, "_result"):
        return describe(value)
    if type(value).__name__ == "TaskTimeoutSignal":
        return {"exception": "TaskTimeoutSignal"}  # the text says by which means it was stopped
    if isinstance(value, BaseException):
        return {"exception": type(value).__name__, "text": str(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [plain(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {type(value).__name__: sorted((plain(item) for item in value), key=repr)}
    if isinstance(value, dict):
        return {"dict": sorted(([plain(k), plain(v)] for k, v in value.items()), key=repr)}
    if isinstance(value, type):
        return {"class": value.__name__}
    if isinstance(value, datetime.timedelta):
        return {"timedelta": value.total_seconds()}
    return {"object": type(value).__name__, "text": repr(value)}


def describe(state: Any) -> Any:
    """Describe a state: type, message, result, and the same of each mapped element."""
    if state is None:
        return None
    described: dict[str, Any] = {"type": type(state).__name__, "message": state.message}
    if state.is_mapped() and state.map_states is not None:
        described["elements"] = [describe(element) for element in state.map_states]
    else:
        described["result"] = plain(state.result)
    return described


def describe_flow(flow: Any, state: Any) -> Any:
    """Describe a flow's state, and each task's by its slug."""
    described: dict[str, Any] = {"flow": type(state).__name__, "message": state.message}
    if isinstance(state.result, dict):
        tasks = {flow.slugs.get(task, task.name): describe(s) for task, s in state.result.items()}
        described["tasks"] = tasks
    else:
        described["result"] = plain(state.result)
    return described


_NOISE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<address>"),
    (
        re.compile(r"\b\d{4}-\d\d-\d\d[Tt ]\d\d[:-]\d\d[:-]\d\d[-.0-9]*(?:Z|[+-]\d\d[:-]\d\d)"),
        "<time>",
    ),
    (re.compile(r"inproc://[\d.]+/\d+/\d+"), "<scheduler>"),
)


def normal(value: Any, package: str, folder: str) -> Any:
    """Take out of an observation what differs between any two runs, and the package's name."""
    if isinstance(value, str):
        value = value.replace(folder, "<folder>")
        if package != "prefect":
            value = value.replace(package, "prefect").replace(package.upper(), "PREFECT")
        for pattern, name in _NOISE:
            value = pattern.sub(name, value)
        return value
    if isinstance(value, list):
        return [normal(item, package, folder) for item in value]
    if isinstance(value, dict):
        return {
            normal(str(key), package, folder): normal(item, package, folder)
            for key, item in value.items()
        }
    return value


def plain_keys(value: Any) -> Any:
    """Make an observation that a case composed from dictionaries and lists JSON-able."""
    if isinstance(value, dict):
        return {str(key): plain_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_keys(item) for item in value]
    return plain(value)
