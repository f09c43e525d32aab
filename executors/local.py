"""Runs everything at once, in the thread that asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefectlite.executors.base import Executor


class LocalExecutor(Executor):
    """Runs each task in the calling thread; the default.

    Example:
        ```python
        flow.run(executor=LocalExecutor())
        ```
    """

    def submit(
        self,
        fn: Callable[..., Any],
        *args: Any,
        extra_context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a function.

        Args:
            fn: The function.
            *args: Its arguments.
            extra_context: Not used.
            **kwargs: Its keyword arguments.

        Returns:
            What the function returns.
        """
        return fn(*args, **kwargs)

    def wait(self, futures: Any) -> Any:
        """Return the values as they are: `submit` returned them."""
        return futures
