"""`Flow`: tasks and the edges between them, and what is done with them as a whole."""

from __future__ import annotations

import copy
import logging
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from prefectlite.core.edge import Edge
from prefectlite.core.flow_graph import FlowGraph
from prefectlite.core.flow_view import cache
from prefectlite.core.parameter import check_parameters
from prefectlite.core.serialization import hash_of, serialize_flow
from prefectlite.core.settings import checked_handlers
from prefectlite.core.storage import read_flow, write_flow
from prefectlite.core.task import UNUSED_TASKS, Task
from prefectlite.core.visualize import show
from prefectlite.exceptions import FlowStorageError
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from prefectlite.engine.result import Result
    from prefectlite.engine.state import State

__all__ = ["Flow", "ParameterDetails", "cache"]


class ParameterDetails(TypedDict):
    """What is known of a parameter before a run."""

    default: Any
    required: bool


class Flow(FlowGraph):
    """Tasks and the edges between them, to be run as a whole.

    Tasks are added by calling them inside of a ``with`` block, or with :meth:`add_task`,
    :meth:`add_edge`, :meth:`set_dependencies` and :meth:`chain`.

    Args:
        name: the flow's name.
        schedule: when the flow runs on its own; None: when :meth:`run` is called.
        executor: where it runs; by default what ``config.engine.executor`` says.
        tasks: tasks to begin with.
        edges: edges to begin with; their tasks are added too.
        reference_tasks: the tasks whose states decide the flow's state; by default those that no
            other task waits for.
        state_handlers: functions ``(flow, old_state, new_state) -> State | None``, called in turn
            whenever the state of a run changes.
        on_failure: a function ``(flow, state) -> None`` that is called when a run fails.
        validate: whether to check the given tasks and edges at once; by default
            ``config.flows.eager_edge_validation``.
        result: the `Result` for tasks that have none of their own.
        terminal_state_handler: a function ``(flow, state, reference_task_states) -> State | None``
            that may replace the final state.
        fuse: whether chains of tasks may be sent to a worker together; None: the executor decides.

    Raises:
        ValueError: no name, or tasks and edges that do not make a flow.
        TypeError: an argument is of the wrong type.

    Example:
        >>> with Flow("sums") as flow:
        ...     three = add(1, 2)
        ...     ten = add(three, 7)
        >>> state = flow.run()
        >>> state.result[ten].result
        10
    """

    def __init__(
        self,
        name: str,
        schedule: Any = None,
        executor: Any = None,
        tasks: Iterable[Task] | None = None,
        edges: Iterable[Edge] | None = None,
        reference_tasks: Iterable[Task] | None = None,
        state_handlers: Iterable[Callable[..., Any]] | None = None,
        on_failure: Callable[..., Any] | None = None,
        validate: bool | None = None,
        result: Result | None = None,
        terminal_state_handler: Callable[[Flow, State, set[State]], State | None] | None = None,
        *,
        fuse: bool | None = None,
    ) -> None:
        if not name:
            raise ValueError("A name must be provided for the flow.")
        if not isinstance(name, str):
            raise TypeError(f"A flow's name must be a string; received {name!r}.")
        super().__init__(name)
        self.schedule = schedule
        self.executor = executor
        self.result = result
        self.fuse = fuse
        self.state_handlers = checked_handlers(f"Flow {name!r}", state_handlers, on_failure)
        self.terminal_state_handler = terminal_state_handler
        self._entered: list[Any] = []
        for task in tasks or ():
            self.add_task(task)
        for edge in edges or ():
            self._copy_edge(edge, edge.upstream_task, edge.downstream_task)
        if reference_tasks is not None:
            self.set_reference_tasks(reference_tasks)
        self._validate_if_eager(validate)

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: name="{self.name}">'

    @property
    def logger(self) -> logging.Logger:
        """The logger ``prefectlite.<name of the flow>``."""
        return get_logger(self.name)

    def __enter__(self) -> Self:
        self._entered.append(context.push({"flow": self, UNUSED_TASKS: set()}))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        unused = [task for task in context[UNUSED_TASKS] if task.worth_a_warning_if_unused]
        context.pop(self._entered.pop())
        if unused and kind is None:
            named = ", ".join(sorted(repr(task) for task in unused))
            warnings.warn(
                f"Tasks were created but not added to the flow: {{{named}}}. Inside of a `with "
                f"Flow(...)` block a task is added when it is called or is an argument of "
                f"another task's call; to add one by itself, write flow.add_task(...).",
                stacklevel=2,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_entered": [], "_cache": {}}

    def copy(self) -> Self:
        """Return a flow of the same tasks, edges and settings, that can grow on its own."""
        new = copy.copy(self)
        new._graph = self._graph.copy()
        new.slugs = self.slugs.copy()
        new._slug_counts = self._slug_counts.copy()
        new._slugs_in_use = self._slugs_in_use.copy()
        new._reference_tasks = self._reference_tasks.copy()
        new.state_handlers = list(self.state_handlers)
        new.constants = defaultdict(dict)
        new.constants.update((task, dict(bound)) for task, bound in self.constants.items())
        return new

    def run(
        self,
        parameters: Mapping[str, Any] | None = None,
        run_on_schedule: bool | None = None,
        runner_cls: type | None = None,
        **kwargs: Any,
    ) -> State | None:
        """Run the flow, and wait for its end.

        Args:
            parameters: values for the flow's parameters, by name.
            run_on_schedule: whether to follow the flow's schedule, if it has one; by default
                ``config.flows.run_on_schedule``. Otherwise it runs once, at once.
            runner_cls: the class that runs it; by default what ``config.engine.flow_runner`` says.
            **kwargs: values for parameters, by name, and arguments of the runner's ``run``, such
                as ``executor``, ``state``, ``task_states`` and ``context``. ``resume`` is the
                identifier of a run to go on with, or "last" for the newest of this flow.

        Returns:
            The final state; its ``result`` maps each task to its state.

        Raises:
            ParameterError: a value for no parameter of this flow, or none for a required one.
            TypeError: an argument that neither a parameter nor the runner's ``run`` has.
            RuntimeError: inside of a ``with Flow(...)`` block, where tasks are put together.

        Example:
            ``flow.run(parameters={"day": "2024-02-29"}, executor=LocalDaskExecutor())``
        """
        from prefectlite.engine.flow_runner import run_flow

        if context.get("flow") is not None:
            raise RuntimeError(
                f"Don't call `flow.run()` from within a `Flow` context manager: end the block of "
                f"`with Flow({context['flow'].name!r}) as ...:` first, and run flow {self.name!r} "
                f"below it."
            )
        values = dict(parameters or {})
        for parameter in self.parameters():
            if parameter.name in kwargs:
                values[parameter.name] = kwargs.pop(parameter.name)
        if kwargs.get("resume") is None:
            # a resumed run has the parameters of the earlier one
            check_parameters(self, values)
        return run_flow(
            self,
            parameters=values,
            run_on_schedule=run_on_schedule,
            runner_cls=runner_cls,
            **kwargs,
        )

    def serialize(self, build: bool = False) -> dict[str, Any]:
        """Describe this flow as a dictionary that can be written as JSON.

        Args:
            build: must be False: in Prefect 1 it built the flow's storage, and flows have none
                here.

        Raises:
            ValueError: ``build`` is true, or the flow is not valid.
        """
        if build:
            raise ValueError(
                "This flow has no storage to build. Use flow.save() to write it to a file."
            )
        self.validate()
        return serialize_flow(self)

    def serialized_hash(self, build: bool = False) -> str:
        """Return a hash of :meth:`serialize`: the same for flows of the same structure.

        Args:
            build: must be False.

        Returns:
            64 hexadecimal digits.
        """
        return hash_of(self.serialize(build))

    def save(self, fpath: str | os.PathLike[str] | None = None) -> str:
        """Write this flow to a file, with all that its tasks need of ``__main__``.

        Args:
            fpath: the file; by default ``<home_dir>/flows/<name>.prefect``.

        Returns:
            The path of the file.

        Raises:
            FileNotFoundError: the folder of ``fpath`` does not exist.
        """
        return write_flow(self, fpath)

    @classmethod
    def load(cls, fpath: str | os.PathLike[str]) -> Flow:
        """Read a flow from a file. This runs code of the file: only load what you trust.

        Args:
            fpath: a file; or the name of a flow that was saved without one.

        Returns:
            The flow.

        Raises:
            FileNotFoundError: there is no such file and no saved flow of this name.
            FlowStorageError: what is in the file cannot be read, or is no flow.
        """
        loaded = read_flow(fpath)
        if not isinstance(loaded, Flow):
            raise FlowStorageError(
                f"{os.fspath(fpath)!r} holds no flow but an object of type "
                f"{type(loaded).__name__}. Load a file that flow.save() has written."
            )
        return loaded

    def visualize(
        self,
        flow_state: State | None = None,
        filename: str | None = None,
        format: str | None = None,
        horizontal: bool = False,
    ) -> Any:
        """Draw this flow; needs the package ``graphviz`` and the program ``dot``.

        Args:
            flow_state: a final state of this flow: tasks are coloured by their states, and each
                element of a map is drawn.
            filename: the file to write, with or without an ending. None: the picture is shown in a
                notebook, elsewhere opened in a viewer.
            format: e.g. ``"svg"`` or ``"png"``; by default the ending of ``filename``, or PDF.
            horizontal: draw from left to right and not from top to bottom.

        Returns:
            The ``graphviz.Digraph``; ``.source`` is its text.

        Raises:
            ImportError: the package ``graphviz`` is not installed.
        """
        return show(self, flow_state, filename, format, horizontal)

    def diagnostics(self, include_secret_names: bool = False) -> str:
        """Describe this flow and what surrounds it, for a report of a problem, as JSON.

        Args:
            include_secret_names: whether to name the secrets of the configuration.

        Returns:
            The text; values of secrets and variables are not in it.
        """
        from prefectlite.utilities.diagnostics import diagnostic_info

        return diagnostic_info(self, include_secret_names=include_secret_names)
