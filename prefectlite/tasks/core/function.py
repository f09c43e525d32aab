"""`FunctionTask`: a function as a task, which is what the decorator ``@task`` makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from prefectlite.core.task import Task

if TYPE_CHECKING:
    from typing_extensions import Self

    from prefectlite.core.flow import Flow

__all__ = ["FunctionTask"]

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class FunctionTask(Task, Generic[Parameters, Returned]):
    """A task whose ``run`` is a function.

    For type checkers it keeps the function's signature: ``run`` has it, and a call inside of a
    flow has it too, or takes tasks in the place of values.

    Args:
        fn: the function, or another callable whose arguments can be inspected.
        name: the task's name; by default that of the function.
        **kwargs: arguments of `Task`.

    Raises:
        TypeError: ``fn`` cannot be called, or is a task already.

    Example:
        >>> FunctionTask(lambda x: x + 1, name="increment").run(1)
        2
    """

    if TYPE_CHECKING:

        def run(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned: ...

        @overload
        def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Self: ...
        @overload
        def __call__(
            self,
            *args: Any,
            mapped: bool = False,
            task_args: Mapping[str, Any] | None = None,
            upstream_tasks: Iterable[Any] | None = None,
            flow: Flow | None = None,
            **kwargs: Any,
        ) -> Self: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __init__(
        self, fn: Callable[Parameters, Returned], name: str | None = None, **kwargs: Any
    ) -> None:
        if not callable(fn):
            raise TypeError(
                f"`fn` must be callable; received {fn!r}. Use @task on a function, or "
                f"@task(name=...) with the arguments of Task by name."
            )
        if isinstance(fn, Task):
            raise TypeError(
                f"{fn!r} is a task already. To change its settings use "
                f"{fn.name}.copy(name=...), or task_args={{...}} when calling it."
            )
        name = name or getattr(fn, "__name__", type(self).__name__)
        # Attributes of the function are not taken over: they could be mistaken for settings.
        update_wrapper(self, fn, updated=())
        self.run = fn  # type: ignore[method-assign]
        super().__init__(name=name, **kwargs)

    def _written(self) -> str:
        return self.name
