"""``prefectlite.context``: what a flow run, a task run or a flow's definition is surrounded by.

There is one context object for the whole process, with content of its own in every thread. A
thread begins with ``config`` (which is ``prefectlite.config``), with ``logger`` (the root of
prefectlite's loggers) and with what the configuration has under ``[context]``, secrets for
instance. During a run it also holds the run's parameters,
dates, names and identifiers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from prefectlite import configuration
from prefectlite.utilities.collections import DotDict, merge_dicts

__all__ = ["Context", "context"]


class Context(DotDict, threading.local):
    """A mapping with attribute access and content of its own in every thread.

    Called, it is a context manager that sets keys and restores on leaving what was there before.
    Keys are replaced, not merged, but for ``config``, which is merged at every level.

    Args:
        *args: a mapping or an iterable of pairs to begin with, in every thread.
        **kwargs: further keys.

    Raises:
        TypeError: when it is pickled: read it as ``prefectlite.context`` where it is needed, or
            carry :meth:`to_dict` to another thread or process.

    Example:
        >>> with context(colour="red"):
        ...     context.colour
        'red'
        >>> context.get("colour", "none")
        'none'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # threading.local calls this again in each thread that uses the context.
        self.__dict__.update(configuration.config.get("context", {}))
        self.__dict__["config"] = configuration.config
        self.__dict__["logger"] = logging.getLogger("prefectlite")
        super().__init__(*args, **kwargs)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            "The context cannot be pickled: it belongs to its thread. Read it as "
            "`prefectlite.context` inside the task or function that needs it, or pass on "
            "`prefectlite.context.to_dict()`."
        )

    def __repr__(self) -> str:
        # Its values may be secrets; a traceback or a log line must not show even their names.
        return "<Context>"

    @contextmanager
    def __call__(self, *args: Any, **kwargs: Any) -> Iterator[Context]:
        """Set keys for the duration of a ``with`` block.

        Args:
            *args: at most one mapping or iterable of pairs.
            **kwargs: further keys; they win.

        Returns:
            A context manager that yields this context.
        """
        values: dict[str, Any] = dict(*args, **kwargs)
        if "config" in values:
            values["config"] = merge_dicts(self.__dict__["config"], values["config"])
        saved = self.push(values)
        try:
            yield self
        finally:
            self.pop(saved)

    def push(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Set keys without any conversion, at the least cost.

        Args:
            values: the keys to set.

        Returns:
            What :meth:`pop` needs to restore this moment.

        Example:
            >>> saved = context.push({"colour": "red"})
            >>> context.pop(saved)
        """
        content = self.__dict__
        saved = content.copy()
        content.update(values)
        return saved

    def pop(self, key: Any, *default: Any) -> Any:
        """Undo a :meth:`push`, or remove a key and return its value.

        Args:
            key: what :meth:`push` returned (a dictionary, which cannot be a key), or a key.
            *default: returned where there is no such key.

        Returns:
            None after undoing; else the removed value.

        Raises:
            KeyError: there is no such key and no default.
        """
        content = self.__dict__
        if type(key) is dict:
            content.clear()
            content.update(key)
            return None
        return content.pop(key, *default)


context = Context()
