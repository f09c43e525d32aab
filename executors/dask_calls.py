"""Calls that all workers of a cluster have to answer, of which one may be frozen or go away."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from prefectlite.executors.dask_worker import Luggage
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed import Client
    from distributed.client import Future

# how long workers are waited for when a run begins before that is told, and when it ends
SILENT_SECONDS = 10.0
END_SECONDS = 5.0
# how often workers are prepared that go away while they are
MOST_TRIES = 3


def begin(client: Client, call: Callable[[], Any]) -> concurrent.futures.Future[Any]:
    """Have the client's own thread call something, and wait for what comes of it.

    Args:
        client: The client.
        call: Calls one of its methods.

    Returns:
        The future of its answer.
    """

    async def wait() -> Any:
        return await call()

    return asyncio.run_coroutine_threadsafe(wait(), cast("Any", client.loop).asyncio_loop)


def answer_of(client: Client, call: Callable[[], Any]) -> Any:
    """Wait for what all workers answer; say so where that takes long.

    Args:
        client: The client.
        call: Calls one of its methods.
    """
    begun = begin(client, call)
    try:
        with suppress(concurrent.futures.TimeoutError):
            return begun.result(SILENT_SECONDS)
        get_logger("DaskExecutor").warning(
            "A worker of %s does not answer: the run begins when it does, or when the scheduler "
            "gives it up, after the time that is distributed.scheduler.worker-ttl.",
            client.scheduler.addr if client.scheduler is not None else "the cluster",
        )
        return begun.result()
    finally:
        begun.cancel()


def put_on_workers(client: Client, luggage: Luggage) -> None:
    """Give each worker a payload, those included that join later.

    Args:
        client: The client.
        luggage: The payload.

    Raises:
        Exception: A worker cannot take it.
    """
    for _ in range(MOST_TRIES - 1):
        # a worker may go away in the middle of it
        with suppress(OSError):
            answer_of(client, lambda: client.register_plugin(luggage, name=luggage.name))
            return
    answer_of(client, lambda: client.register_plugin(luggage, name=luggage.name))


def what_is_missing(client: Client, futures: Iterable[Future[Any]]) -> str | None:
    """Which workers futures wait for.

    Args:
        client: The client.
        futures: The futures.

    Returns:
        What there is not; None where there are workers for some of them.
    """
    if not client.scheduler_info(n_workers=1)["workers"]:
        return "no worker"
    scheduler: Any = client.scheduler
    keys = [future.key for future in futures]
    states = set(client.sync(scheduler.get_task_status, keys=keys).values())
    if "no-worker" in states and not states & {"processing", "queued"}:
        return "no worker with what they ask for by tags (dask-resource:...) or annotations"
    return None


def take_off_workers(client: Client, name: str) -> None:
    """Take a payload off the workers that are still there and answer.

    Args:
        client: The client.
        name: The payload's.
    """
    # a worker that is leaving takes its payload along, one that just joined has none yet; one that
    # is frozen hears of it later
    gone = (OSError, asyncio.TimeoutError, concurrent.futures.TimeoutError, KeyError, ValueError)
    with suppress(*gone):
        begin(client, lambda: client.unregister_worker_plugin(name)).result(END_SECONDS)
