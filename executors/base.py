"""The contract of every executor.

`start`, `submit` and `wait` are what users call and override. The engine also asks for `kind`,
which says how runs get to the executor and what they share with the driver; an executor that
only overrides `submit` and `wait` stays "inline" and is used through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

Kind = Literal["inline", "threads", "processes", "cluster"]


class Executor:
    """Runs functions somewhere; the base class of all executors.

    Example:
        ```python
        with executor.start():
            executor.wait(executor.submit(sum, [1, 2]))  # 3
        ```
    """

    def __init__(self) -> None:
        # present so that subclasses can call it, as Prefect 1's do
        super().__init__()

    def __repr__(self) -> str:
        return f"<Executor: {type(self).__name__}>"

    @property
    def kind(self) -> Kind:
        """How runs get to the executor, and what they share with the driver."""
        return "inline"

    @property
    def slots(self) -> int:
        """How many functions run at the same time."""
        return 1

    @contextmanager
    def start(self) -> Iterator[Any]:
        """Hold what the executor needs while the block runs."""
        yield self

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Run a function that shares the caller's memory and reports by itself.

        Args:
            function: Returns nothing and raises nothing.
            *args: Its arguments.
        """
        self.wait(self.submit(function, *args))

    def interrupt(self, exception: type[BaseException]) -> None:
        """Raise an exception in what `call` has begun and not ended; where that can be done.

        Args:
            exception: The class to raise.
        """

    def submit(
        self,
        fn: Callable[..., Any],
        *args: Any,
        extra_context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a function with arguments, or have it run.

        Args:
            fn: The function.
            *args: Its arguments; what an earlier `submit` returned stands for that one's value.
            extra_context: What the executor may use to describe the work, such as a task's name.
            **kwargs: Its keyword arguments.

        Returns:
            What `wait` turns into the function's value.
        """
        raise NotImplementedError(f"{type(self).__name__} must define submit()")

    def wait(self, futures: Any) -> Any:
        """The values of what `submit` returned.

        Args:
            futures: One return value of `submit`, or a list, tuple or dictionary of them.

        Returns:
            The values in the same structure.
        """
        raise NotImplementedError(f"{type(self).__name__} must define wait()")
