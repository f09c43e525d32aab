"""Runs tasks on this machine: in threads, in processes, or one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefectlite.executors.base import Executor, Kind
from prefectlite.executors.process_pool import ProcessPool
from prefectlite.executors.thread_pool import ThreadPool

# Dask's names of its schedulers, and what it takes them for
_SCHEDULERS = {
    "threads": "threads",
    "threading": "threads",
    "processes": "processes",
    "multiprocessing": "processes",
    "sync": "synchronous",
    "synchronous": "synchronous",
    "single-threaded": "synchronous",
}
_KINDS: dict[str, Kind] = {
    "threads": "threads",
    "processes": "processes",
    "synchronous": "inline",
}


class LocalDaskExecutor(Executor):
    """Runs tasks in local threads or processes.

    Named as in Prefect 1. Between two tasks of a flow there is no Dask: threads share the driver's
    memory, processes get the flow once and then only what a task needs. `submit` and `wait` build
    and compute `dask.delayed` objects.

    Args:
        scheduler: "threads" ("threading" is the same), "processes" ("multiprocessing"), or "sync"
            ("synchronous", "single-threaded").
        **kwargs: `num_workers` says how many threads or processes; one for each processor by
            default. All are handed to `dask.compute` by `wait`.

    Raises:
        ValueError: There is no such scheduler, or `num_workers` is no positive integer.

    Example:
        ```python
        flow.run(executor=LocalDaskExecutor(scheduler="processes", num_workers=4))
        ```
    """

    def __init__(self, scheduler: str = "threads", **kwargs: Any) -> None:
        super().__init__()
        known = _SCHEDULERS.get(scheduler.lower()) if isinstance(scheduler, str) else None
        if known is None:
            raise ValueError(
                f"Unknown scheduler {scheduler!r}: LocalDaskExecutor has "
                f"{', '.join(repr(name) for name in _SCHEDULERS)}."
            )
        workers = kwargs.get("num_workers")
        if workers is not None and (not isinstance(workers, int) or workers < 1):
            raise ValueError(f"num_workers must be a positive integer, not {workers!r}.")
        self.scheduler = known
        self.kwargs = self.dask_config = kwargs
        self._kind: Kind = _KINDS[known]
        self._pool: ThreadPool | None = None
        self.processes: ProcessPool | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None, "processes": None}

    @property
    def kind(self) -> Kind:
        """As the scheduler says."""
        return self._kind

    @property
    def slots(self) -> int:
        """How many threads or processes there are."""
        return int(self.kwargs.get("num_workers") or os.cpu_count() or 1)

    @contextmanager
    def start(self) -> Iterator[Any]:
        """Hold the threads or processes while the block runs."""
        if self._pool is not None or self.processes is not None or self.kind == "inline":
            yield self
        elif self.kind == "threads":
            with ThreadPool(self.slots) as self._pool:
                try:
                    yield self
                finally:
                    self._pool = None
        else:
            with ProcessPool(self.slots) as self.processes:
                try:
                    yield self
                finally:
                    self.processes = None

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Run a function in one of the threads; see `Executor.call`."""
        if self._pool is None:
            function(*args)
        else:
            self._pool.call(function, *args)

    def interrupt(self, exception: type[BaseException]) -> None:
        """Raise an exception in the threads that are at work."""
        if self._pool is not None:
            self._pool.interrupt(exception)

    def submit(
        self,
        fn: Callable[..., Any],
        *args: Any,
        extra_context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Describe a call, to be made by `wait`.

        Args:
            fn: The function.
            *args: Its arguments; what an earlier `submit` returned stands for its value.
            extra_context: `task_name` names the call.
            **kwargs: Its keyword arguments.

        Returns:
            A `dask.delayed` object.
        """
        from dask.base import tokenize
        from dask.delayed import delayed

        name = (extra_context or {}).get("task_name")
        key = f"{name}-{tokenize(object())}" if name else None
        return delayed(fn, pure=False)(*args, dask_key_name=key, **kwargs)

    def wait(self, futures: Any) -> Any:
        """Make the calls that `submit` described.

        Args:
            futures: What `submit` returned, or a structure of such.

        Returns:
            The values in the same structure.
        """
        from dask.base import compute

        return compute(futures, scheduler=self.scheduler, **self.kwargs)[0]
