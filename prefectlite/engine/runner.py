"""What FlowRunner and TaskRunner share: state handlers, and a logger of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prefectlite.utilities.logging import get_logger


class Runner:
    """The base of the runners.

    Args:
        state_handlers: Functions `(runner, old_state, new_state) -> State | None`.

    Raises:
        TypeError: `state_handlers` is no iterable of functions.
    """

    def __init__(self, state_handlers: Iterable[Callable[..., Any]] | None = None) -> None:
        if state_handlers is not None and not isinstance(state_handlers, Iterable):
            raise TypeError("state_handlers should be iterable: a list of functions, or None")
        self.state_handlers = list(state_handlers or [])
        self.logger = get_logger(type(self).__name__)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
