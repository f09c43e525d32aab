"""`Task`: a unit of work, its settings, and how it is put into a flow."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import Enum
from types import FunctionType
from typing import TYPE_CHECKING, Any

from prefectlite.core.settings import (
    checked_annotations,
    checked_batch_size,
    checked_cache,
    checked_callable,
    checked_flag,
    checked_handlers,
    checked_name,
    checked_result,
    checked_retries,
    checked_slug,
    checked_tags,
    checked_template,
    checked_timeout,
    checked_timeout_method,
)
from prefectlite.core.signatures import CallSignature, refuse_arguments, signature_of
from prefectlite.core.task_binding import EXTRA_CALL_PARAMETERS, TaskBinding
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from typing_extensions import Self

    from prefectlite.core.edge import Edge
    from prefectlite.engine.result import Result
    from prefectlite.engine.state import State

__all__ = [
    "EXTRA_CALL_PARAMETERS",
    "UNUSED_TASKS",
    "NoDefault",
    "Task",
    "annotations_of",
    "batch_size_of",
    "is_associative",
    "require_settings",
]

UNUSED_TASKS = "_unused_task_tracker"
"""The context key under which a flow's ``with`` block collects tasks that are in no flow yet."""


class NoDefault(Enum):
    """The type of the one value that says "there is no default", where None is a default."""

    value = "no_default"

    def __repr__(self) -> str:
        return "<no default>"


class TaskMetaclass(type):
    """Looks at every new task: at what it was given, and whether a flow will know of it."""

    # Type checkers are to see the arguments of each class's __init__ instead.
    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            if any(isinstance(value, Task) for value in (*args, *kwargs.values())):
                warnings.warn(
                    f"A Task was passed as an argument to {cls.__name__}, which sets up a task "
                    f"before any flow runs. Pass what is fixed to {cls.__name__}(...), and tasks "
                    f"to what it returns: `my_task = {cls.__name__}(...)`, then "
                    f"`my_task(other_task)`.",
                    stacklevel=2,
                )
            task = super().__call__(*args, **kwargs)
            unused = context.get(UNUSED_TASKS)
            if unused is not None:
                require_settings(task)
                unused.add(task)
            return task


class _TaskSignature:
    """What ``inspect.signature`` says of a task, and of a class of tasks."""

    def __get__(self, task: Task | None, owner: type[Task]) -> inspect.Signature:
        if task is not None:
            return task._signature.call
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=[*signature.parameters.values()][1:])


class Task(TaskBinding, metaclass=TaskMetaclass):
    """A unit of work.

    Subclass it and write a ``run`` method, or decorate a function with
    :func:`~prefectlite.utilities.tasks.task`. ``run`` cannot have ``*args``, and no arguments
    called ``upstream_tasks``, ``task_args``, ``mapped`` or ``flow``.

    A task that is called inside of a ``with Flow(...)`` block adds a copy of itself to the flow,
    with the arguments bound to ``run``; each call is a task of its own.

    Args:
        name: shown in logs, states and pictures; by default the name of the class.
        slug: what identifies the task within a flow; by default made from name and tags when the
            task is added to a flow. A copy's slug ends in ``-copy``.
        tags: strings to find tasks by; those of surrounding ``with tags(...)`` are added.
        max_retries: how many times a failed task run is tried again; by default
            ``config.tasks.defaults.max_retries``.
        retry_delay: how long to wait before each retry; required if there are retries.
        retry_on: an exception type, or several: only these are retried. Default: all.
        timeout: whole seconds (or a timedelta, rounded down to them) after which a task run is
            ended and fails; by default ``config.tasks.defaults.timeout``.
        trigger: a function of the upstream states that decides whether the task runs, see
            :mod:`prefectlite.triggers`. Default: ``all_successful``.
        skip_on_upstream_skip: skip this task if one just upstream was skipped, whatever the
            trigger says. If False, the trigger is asked, and a skip counts as a success.
        cache_for: how long a result may be used again instead of running the task.
        cache_validator: a function ``(state, inputs, parameters) -> bool`` that decides whether a
            cached state can be used, see :mod:`prefectlite.engine.cache_validators`. Default:
            ``duration_only`` with ``cache_for``, otherwise ``never_use``.
        cache_key: names the cache; tasks with the same key share it, across flows. Default: the
            task's name.
        checkpoint: whether the result of a successful run is stored. Default: as the flow and
            the configuration (``flows.checkpointing``) say.
        state_handlers: functions ``(task, old_state, new_state) -> State | None``, called in turn
            whenever the state changes; each may return another state to take its place.
        on_failure: a function ``(task, state) -> None`` that is called when the task fails.
        log_stdout: send what ``run`` prints to the task's logger.
        result: a `Result` that says where and how results are stored and read.
        target: where the result is stored: a template such as ``"{date:%Y-%m-%d}/{x}.pkl"`` or a
            function ``(**kwargs) -> str``. If a result is there already, the task does not run.
        task_run_name: a template or function ``(**kwargs) -> str`` for the name of each task run.
        nout: how many results ``run`` returns as a tuple, so that ``a, b = my_task()`` works. By
            default taken from a return annotation such as ``Tuple[int, str]``.
        result_handler: deprecated, use ``result``.
        batch_size: how many elements of a map are sent to a worker together: a number, ``"auto"``,
            or None for the executor's choice.
        fuse: whether this task may be sent to a worker together with its neighbours in a chain;
            None leaves that to the flow.
        timeout_method: how a run is ended when its time is over: in its ``"thread"``, in a
            ``"process"`` of its own that is killed, or ``"auto"``.
        annotations: what Dask's scheduler is to know of the task: ``resources`` a worker must
            have, ``workers`` to choose from, ``allow_other_workers``, ``priority`` (higher goes
            first), ``retries``. Other executors do not look at them.
        associative: whether ``run`` may be called with parts of a list, and then with the list of
            what it returned for those, as a sum may: over many elements of a map it then runs in
            a tree on a cluster, and no worker needs all values at a time.

    Raises:
        TypeError: an argument is of the wrong type: ``tags`` a string, ``timeout`` not an int.
        ValueError: retries without ``retry_delay`` or the reverse, a ``run`` with ``*args``.

    Example:
        >>> class Add(Task):
        ...     def run(self, x, y):
        ...         return x + y
        >>> add = Add()
        >>> with Flow("sums") as flow:
        ...     three = add(1, 2)
        ...     ten = add(three, 7)
    """

    __signature__ = _TaskSignature()
    worth_a_warning_if_unused = True
    """Whether a task that is made inside of a ``with Flow(...)`` block is expected to be added."""
    counts_for_flow_state = True
    """Whether this may be one of the reference tasks of a flow that has none set."""
    runs_once = False
    """Whether a run that succeeded is never repeated in a flow run, not even where its worker is
    lost with the value: the process that runs the flow keeps that too, so it has to be small."""
    inherits_result = False
    """Whether the result is that of the task this is an item of; it is then stored only where the
    results of all tasks are."""
    is_cleanup = False
    """Whether this cleans up after other tasks, which is due also when a run is cancelled."""
    fuse: bool | None = None
    _batch_size: int | str | None
    _timeout_method: str
    _annotations: Mapping[str, Any]
    _associative: bool

    def __init__(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        max_retries: int | None = None,
        retry_delay: timedelta | None = None,
        retry_on: type[Exception] | Iterable[type[Exception]] | None = None,
        timeout: int | timedelta | None = None,
        trigger: Callable[[dict[Edge, State]], bool] | None = None,
        skip_on_upstream_skip: bool = True,
        cache_for: timedelta | None = None,
        cache_validator: Callable[..., bool] | None = None,
        cache_key: str | None = None,
        checkpoint: bool | None = None,
        state_handlers: Iterable[Callable[..., Any]] | None = None,
        on_failure: Callable[..., Any] | None = None,
        log_stdout: bool = False,
        result: Result | None = None,
        target: str | Callable[..., str] | None = None,
        task_run_name: str | Callable[..., str] | None = None,
        nout: int | None = None,
        *,
        result_handler: Any = None,
        batch_size: int | str | None = None,
        fuse: bool | None = None,
        timeout_method: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        associative: bool = False,
    ) -> None:
        self._warn_of_overwritten_attributes()
        self.name = owner = checked_name(name or type(self).__name__)
        self.slug = checked_slug(owner, slug)
        self.tags = checked_tags(owner, tags)
        promised = self._signature.nout
        self.nout = promised if nout is None else nout
        self.max_retries, self.retry_delay, self.retry_on = checked_retries(
            owner, max_retries, retry_delay, retry_on
        )
        self.timeout = checked_timeout(owner, timeout)
        self.trigger = self._checked_trigger(trigger)
        self.skip_on_upstream_skip = skip_on_upstream_skip
        self.cache_for, self.cache_validator = checked_cache(owner, cache_for, cache_validator)
        self.cache_key = cache_key
        self.checkpoint = checkpoint
        self.result = checked_result(owner, result, result_handler, target)
        self.target = target
        self.task_run_name = checked_template(owner, "task_run_name", task_run_name)
        self.state_handlers = checked_handlers(f"Task {owner!r}", state_handlers, on_failure)
        self.log_stdout = log_stdout
        self.auto_generated = False
        if fuse is not None:
            self.fuse = fuse
        given = (batch_size, timeout_method, annotations, associative)
        for (setting, checked), value in zip(_KEPT_APART.items(), given, strict=True):
            setattr(self, f"_{setting}", checked(owner, value))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Told where the class is written, not where its first task is made.
        run = vars(cls).get("run")
        if isinstance(run, FunctionType):
            refuse_arguments(run, cls.__name__)

    def _warn_of_overwritten_attributes(self) -> None:
        for attribute in _SET_BY_INIT:
            if hasattr(self, attribute):
                warnings.warn(
                    f"`{type(self).__name__}` sets a `{attribute}` attribute, which will be "
                    f"overwritten by `Task`. Rename it, or set it after super().__init__().",
                    stacklevel=3,
                )

    def _checked_trigger(
        self, trigger: Callable[[dict[Edge, State]], bool] | None
    ) -> Callable[[dict[Edge, State]], bool]:
        if trigger is None:
            from prefectlite import triggers

            return triggers.all_successful
        checked: Callable[[dict[Edge, State]], bool] = checked_callable(
            f"Task {self.name!r}", "trigger", trigger
        )
        return checked

    def __repr__(self) -> str:
        return f"<Task: {self.name}>"

    @property
    def logger(self) -> logging.Logger:
        """The logger ``prefectlite.<name of the task>``; another one may be set."""
        own: logging.Logger | None = self.__dict__.get("_logger")
        return get_logger(self.name) if own is None else own

    @logger.setter
    def logger(self, logger: logging.Logger) -> None:
        self.__dict__["_logger"] = logger

    @property
    def _signature(self) -> CallSignature:
        return signature_of(self.run, self.name, EXTRA_CALL_PARAMETERS)

    if TYPE_CHECKING:
        # whatever the arguments of a subclass are, type checkers let it override this
        def run(self, *args: Any, **kwargs: Any) -> Any: ...

    else:

        def run(self) -> Any:
            """Do the work; subclasses say here what their task does.

            Arguments are bound by calling the task inside of a flow, or with :meth:`bind`. They
            cannot be ``*args``, nor be called ``upstream_tasks``, ``task_args``, ``mapped`` or
            ``flow``.

            Returns:
                The result, for downstream tasks. An exception means failure; a signal of
                :mod:`prefectlite.engine.signals` chooses another state.
            """

    def copy(self, **task_args: Any) -> Self:
        """Return a copy of this task, which is in no flow.

        Args:
            **task_args: attributes to set on the copy; ``tags``, and those of surrounding
                ``with tags(...)`` blocks, are added to those of the original. Unless a ``slug``
                is given, the original's slug gets the suffix ``-copy``.

        Raises:
            AttributeError: the original has no attribute of this name.

        Example:
            >>> load = Task(name="load")
            >>> load.copy(name="load again").name
            'load again'
        """
        self._warn_of_lost_dependencies()
        new = copy.copy(self)
        if new.slug and "slug" not in task_args:
            new.slug = f"{new.slug}-copy"
        new.tags = self.tags | checked_tags(self.name, task_args.pop("tags", None))
        for setting, checked in _KEPT_APART.items():
            if setting in task_args and not hasattr(self, setting):
                setattr(new, f"_{setting}", checked(self.name, task_args.pop(setting)))
        for attribute, value in task_args.items():
            if not hasattr(new, attribute):
                raise AttributeError(
                    f"{self!r} does not have {attribute} as an attribute; task_args and copy() "
                    f"take the arguments of Task."
                )
            setattr(new, attribute, value)
        unused = context.get(UNUSED_TASKS)
        if unused is not None:
            unused.discard(self)
            unused.add(new)
        return new

    def _warn_of_lost_dependencies(self) -> None:
        flow = context.get("flow")
        if flow and self in flow.tasks and (flow.edges_to(self) or flow.edges_from(self)):
            warnings.warn(
                f"You are making a copy of a task that has dependencies on or to other tasks in "
                f"the active flow context. The copy will not retain those dependencies. To use "
                f"the result of {self!r}, pass it to another task instead of calling it again.",
                stacklevel=3,
            )

    def inputs(self) -> dict[str, dict[str, Any]]:
        """Describe the arguments of ``run``, as its signature tells; subclasses may say more.

        Returns:
            For each argument its ``type`` (the annotation, or `Any`), whether it is ``required``,
            and its ``default`` (None if there is none).
        """
        return self._signature.inputs()

    def outputs(self) -> Any:
        """Return the annotation of what ``run`` returns, or `Any`; None if there is no ``run``."""
        unwritten = getattr(self.run, "__func__", None) is Task.run
        return None if unwritten else self._signature.outputs()

    def serialize(self) -> dict[str, Any]:
        """Describe this task as a dictionary that can be written as JSON."""
        from prefectlite.core.serialization import serialize_task

        return serialize_task(self)


def require_settings(task: Task) -> None:
    """Refuse a task of a class whose ``__init__`` does not call that of `Task`.

    Args:
        task: the task.

    Raises:
        AttributeError: it has no settings, not even a name.
    """
    if "name" not in vars(task):
        name = type(task).__name__
        raise AttributeError(
            f"{name!r} object has no attribute 'name': {name}.__init__ must call "
            f"super().__init__(**kwargs), which sets what every task has."
        )


def timeout_method_of(task: Task) -> str:
    """Return how a task's run is ended when its time is over.

    It is ``"thread"``, ``"process"``, or ``"auto"``.

    Args:
        task: the task.
    """
    return task._timeout_method


def annotations_of(task: Task) -> Mapping[str, Any]:
    """Return what Dask's scheduler is to know of a task, as it was made with.

    Args:
        task: the task.
    """
    return task._annotations


def is_associative(task: Task) -> bool:
    """Return whether a task may run over parts of a list, and then over what that gave.

    Args:
        task: the task.
    """
    return task._associative


def batch_size_of(task: Task) -> int | str | None:
    """Return the ``batch_size`` that a task was made with: a number, ``"auto"`` or None.

    Args:
        task: the task.
    """
    return task._batch_size


# settings that Prefect 1 does not have, in the order of `Task.__init__`: kept in attributes with an
# underscore, as subclasses written for Prefect 1 may well have a `batch_size` of their own
_KEPT_APART: dict[str, Callable[[str, Any], Any]] = {
    "batch_size": checked_batch_size,
    "timeout_method": checked_timeout_method,
    "annotations": checked_annotations,
    "associative": functools.partial(checked_flag, "associative"),
}

_SET_BY_INIT = (
    "auto_generated",
    "cache_for",
    "cache_key",
    "cache_validator",
    "checkpoint",
    "log_stdout",
    "max_retries",
    "name",
    "nout",
    "result",
    "retry_delay",
    "retry_on",
    "skip_on_upstream_skip",
    "slug",
    "state_handlers",
    "tags",
    "target",
    "task_run_name",
    "timeout",
    "trigger",
)
