"""Resources that a part of a flow needs: set up before it, cleaned up after it whatever happened.

A resource manager is a class with up to three methods::

    @resource_manager
    class Database:
        def __init__(self, host):        # runs as a task, with what the block is given
            self.host = host

        def setup(self):                 # may be left out; returns the resource
            return connect(self.host)

        def cleanup(self, connection):   # gets what setup returned, or None
            connection.close()

    with Flow("report") as flow:
        with Database("localhost") as connection:
            rows = query(connection)

Each of the three becomes a task of the flow. The clean-up runs once all tasks of the block have
come to an end, good or bad; it is skipped only where there is nothing to clean up, because the
first two did not succeed. It does not count for the state of the flow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from prefectlite.core.task import Task
from prefectlite.core.task_block import TaskBlock
from prefectlite.engine.signals import SKIP
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from prefectlite.core.edge import Edge
    from prefectlite.core.flow import Flow
    from prefectlite.engine.state import State

__all__ = [
    "ResourceCleanupTask",
    "ResourceContext",
    "ResourceInitTask",
    "ResourceManager",
    "ResourceSetupTask",
    "resource_cleanup_trigger",
    "resource_manager",
]


def resource_cleanup_trigger(upstream_states: dict[Edge, State]) -> bool:
    """Run when the resource is there, whatever became of the tasks that used it.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        SKIP: the resource manager was not initialised or set up, so there is nothing to clean up.
    """
    by_key = {edge.key: state for edge, state in upstream_states.items()}
    for key, step in (("mgr", "init"), ("resource", "setup")):
        state = by_key.get(key)
        if state is None or (state.is_successful() and not state.is_skipped()):
            continue
        outcome = "skipped" if state.is_skipped() else "failed"
        raise SKIP(f"Resource manager {step} {outcome}")
    return True


class ResourceInitTask(Task):
    """Makes the resource manager: its ``run`` is the class.

    Args:
        resource_class: the class, or a function that returns an object like one of it.
        **kwargs: arguments of `Task`.
    """

    # Setting up again what is there would leave one that nobody cleans up. With a submission of its
    # own, none of the three is repeated because the worker of another task was lost.
    fuse = False
    runs_once = True
    counts_for_flow_state = False

    def __init__(self, resource_class: Callable[..., Any], **kwargs: Any) -> None:
        self.run = resource_class  # type: ignore[method-assign]
        kwargs.setdefault("name", _name_of(resource_class))
        super().__init__(**kwargs)


class ResourceSetupTask(Task):
    """Returns the resource."""

    fuse = False
    runs_once = True

    def run(self, mgr: Any) -> Any:
        """Call ``setup`` of a resource manager, and return the resource.

        Args:
            mgr: the resource manager.
        """
        return mgr.setup()


class ResourceCleanupTask(Task):
    """Cleans the resource up."""

    fuse = False
    counts_for_flow_state = False
    is_cleanup = True

    def run(self, mgr: Any, resource: Any = None) -> None:
        """Call ``cleanup`` of a resource manager.

        Args:
            mgr: the resource manager.
            resource: what its ``setup`` returned; None if it has none.
        """
        mgr.cleanup(resource)


class ResourceContext(TaskBlock):
    """The ``with`` block of a resource; `ResourceManager` makes it.

    Args:
        init_task: the task that makes the resource manager.
        setup_task: the task that returns the resource; None if there is nothing to set up.
        cleanup_task: the task that cleans the resource up.
        flow: the flow that the three are part of.
    """

    context_key = "resource"
    called = "resource block"

    def __init__(
        self, init_task: Task, setup_task: Task | None, cleanup_task: Task, flow: Flow
    ) -> None:
        super().__init__(flow)
        self.init_task = init_task
        self.setup_task = setup_task
        self.cleanup_task = cleanup_task

    def __enter__(self) -> Task | None:
        self._enter()
        return self.setup_task

    def _link(self, flow: Flow) -> None:
        setup = self.setup_task
        if setup is not None:
            for task in self._first_tasks(flow):
                if setup not in flow.upstream_tasks(task):
                    task.set_upstream(setup, flow=flow)
        for task in self._last_tasks(flow):
            if task not in flow.upstream_tasks(self.cleanup_task):
                self.cleanup_task.set_upstream(task, flow=flow)


class ResourceManager:
    """A class of resources, to be used as ``with Manager(...) as resource:`` in a flow.

    Args:
        resource_class: a class with ``cleanup(resource)``, and ``setup()`` if there is anything to
            set up; or a function that returns an object with ``cleanup``.
        name: the name for the tasks; by default that of the class.
        init_task_kwargs: arguments of `Task` for the task that makes the object.
        setup_task_kwargs: arguments of `Task` for the task that calls ``setup``.
        cleanup_task_kwargs: arguments of `Task` for the task that calls ``cleanup``.

    Raises:
        TypeError: ``resource_class`` cannot be called.
    """

    def __init__(
        self,
        resource_class: Callable[..., Any],
        name: str | None = None,
        init_task_kwargs: Mapping[str, Any] | None = None,
        setup_task_kwargs: Mapping[str, Any] | None = None,
        cleanup_task_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(resource_class):
            raise TypeError(
                f"resource_manager decorates a class with a method cleanup(self, resource); "
                f"received {resource_class!r}."
            )
        self.resource_class = resource_class
        self.name = name or _name_of(resource_class)
        self.init_task_kwargs = {"name": self.name, **(init_task_kwargs or {})}
        self.setup_task_kwargs = {
            "name": f"{self.name}.setup",
            "checkpoint": False,
            **(setup_task_kwargs or {}),
        }
        self.cleanup_task_kwargs = {
            "name": f"{self.name}.cleanup",
            "trigger": resource_cleanup_trigger,
            "skip_on_upstream_skip": False,
            "checkpoint": False,
            **(cleanup_task_kwargs or {}),
        }

    def __call__(self, *args: Any, flow: Flow | None = None, **kwargs: Any) -> ResourceContext:
        """Add the resource's tasks to the flow.

        Args:
            *args: arguments of the class: tasks or plain values.
            flow: the flow; by default that of the ``with Flow(...)`` block.
            **kwargs: arguments of the class, and ``upstream_tasks`` or ``task_args`` as in the
                call of a task.

        Returns:
            The block: ``with`` it, tasks use the resource.

        Raises:
            ValueError: there is no flow.
            TypeError: the class does not take these arguments.
        """
        flow = flow or context.get("flow")
        if not flow:
            raise ValueError(
                f"Could not infer an active Flow context. Write `with {self.name}(...)` inside of "
                f"a `with Flow(...)` block, or pass flow=..."
            )
        init = ResourceInitTask(self.resource_class, **self.init_task_kwargs)
        init_task = init(*args, flow=flow, **kwargs)
        setup_task = None
        resource: dict[str, Any] = {}
        if hasattr(self.resource_class, "setup"):
            setup_task = ResourceSetupTask(**self.setup_task_kwargs)(mgr=init_task, flow=flow)
            resource["resource"] = setup_task
        cleanup = ResourceCleanupTask(**self.cleanup_task_kwargs)
        cleanup_task = cleanup(mgr=init_task, flow=flow, **resource)
        return ResourceContext(init_task, setup_task, cleanup_task, flow)


def _name_of(resource_class: Callable[..., Any]) -> str:
    return getattr(resource_class, "__name__", type(resource_class).__name__)


@overload
def resource_manager(
    resource_class: Callable[..., Any],
    *,
    name: str | None = None,
    init_task_kwargs: Mapping[str, Any] | None = None,
    setup_task_kwargs: Mapping[str, Any] | None = None,
    cleanup_task_kwargs: Mapping[str, Any] | None = None,
) -> ResourceManager: ...
@overload
def resource_manager(
    resource_class: None = None,
    *,
    name: str | None = None,
    init_task_kwargs: Mapping[str, Any] | None = None,
    setup_task_kwargs: Mapping[str, Any] | None = None,
    cleanup_task_kwargs: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], ResourceManager]: ...


def resource_manager(
    resource_class: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    init_task_kwargs: Mapping[str, Any] | None = None,
    setup_task_kwargs: Mapping[str, Any] | None = None,
    cleanup_task_kwargs: Mapping[str, Any] | None = None,
) -> ResourceManager | Callable[[Callable[..., Any]], ResourceManager]:
    """Decorate a class: make a resource manager of it.

    Args:
        resource_class: a class with ``cleanup(resource)``, and ``setup()`` if there is anything to
            set up.
        name: the name for the tasks; by default that of the class.
        init_task_kwargs: arguments of `Task` for the task that makes the object.
        setup_task_kwargs: arguments of `Task` for the task that calls ``setup``.
        cleanup_task_kwargs: arguments of `Task` for the task that calls ``cleanup``.

    Returns:
        The resource manager; or, without a class, a decorator.

    Raises:
        TypeError: what is decorated cannot be called.

    Example:
        >>> @resource_manager
        ... class TemporaryFolder:
        ...     def setup(self):
        ...         return tempfile.mkdtemp()
        ...
        ...     def cleanup(self, folder):
        ...         shutil.rmtree(folder)
        >>> with Flow("unpack") as flow:
        ...     with TemporaryFolder() as folder:
        ...         files = unpack(folder)
    """
    settings = (name, init_task_kwargs, setup_task_kwargs, cleanup_task_kwargs)
    if resource_class is None:
        return lambda resource_class: ResourceManager(resource_class, *settings)
    return ResourceManager(resource_class, *settings)
