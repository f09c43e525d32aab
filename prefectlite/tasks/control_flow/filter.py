"""`FilterTask`: leave out some of the results of a map."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prefectlite.core.task import Task
from prefectlite.triggers import all_finished

__all__ = ["FilterTask"]


def _is_usable(result: Any) -> bool:
    return result is not None and not isinstance(result, Exception)


class FilterTask(Task):
    """Returns those of a list of results that pass a test, e.g. between two maps.

    Args:
        filter_func: a function of one result that says whether to keep it. By default None and
            exceptions are left out, which is what skipped and failed elements leave behind.
        log_func: a function of the list of kept results that returns a message for the log.
        **kwargs: arguments of `Task`. By default the task runs also when elements were skipped or
            failed.

    Raises:
        TypeError: ``filter_func`` or ``log_func`` cannot be called.

    Example:
        >>> with Flow("clean") as flow:
        ...     good = FilterTask(lambda row: row is not None)(parse.map(lines))
        ...     stored = store.map(good)
    """

    def __init__(
        self,
        filter_func: Callable[[Any], Any] | None = None,
        log_func: Callable[[list[Any]], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for argument, function in (("filter_func", filter_func), ("log_func", log_func)):
            if function is not None and not callable(function):
                raise TypeError(
                    f"{type(self).__name__}: {argument} must be a function; received {function!r}."
                )
        kwargs.setdefault("skip_on_upstream_skip", False)
        kwargs.setdefault("trigger", all_finished)
        self.filter_func = filter_func if filter_func is not None else _is_usable
        self.log_func = log_func
        super().__init__(**kwargs)

    def run(self, task_results: Iterable[Any]) -> list[Any]:
        """Return the results that pass the test.

        Args:
            task_results: the results, e.g. of a mapped task.
        """
        kept = [result for result in task_results if self.filter_func(result)]
        if self.log_func is not None:
            self.logger.info(self.log_func(kept))
        return kept
