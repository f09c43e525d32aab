"""Runs tasks on a Dask cluster: a temporary one, an existing one, or one of a class given by name.

Next to the contract of every executor it offers the engine what a cluster can do: functions with
futures for arguments, a payload on every worker, messages from workers, and the fate of futures.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import logging
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import distributed
from distributed.client import Future
from distributed.versions import VersionMismatchWarning

from prefectlite.exceptions import ExecutorError, ExecutorNotStartedError, SchedulerLostError
from prefectlite.executors import dask_calls
from prefectlite.executors.base import Executor, Kind
from prefectlite.executors.dask_encryption import check_encryption
from prefectlite.executors.dask_resources import resources_of
from prefectlite.executors.dask_scheduler import (
    for_any_scheduler,
    forget_topic,
    keep_claims,
    make_again,
)
from prefectlite.executors.dask_versions import check_versions
from prefectlite.executors.dask_worker import Luggage
from prefectlite.utilities.importtools import import_object
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed import Client

# how long a temporary cluster waits for a worker that is being started again
LOST_WORKER_PATIENCE = "10m"

# a future in one of these states will not bring a value any more
LOST = frozenset({"error", "lost", "cancelled"})
# how long a worker at work is waited for, when a run is cancelled, before its process is killed
END_SECONDS = 1.0
# how long a scheduler that is away is left alone before it is tried again
AGAIN_SECONDS = 0.5
# after how long it is looked for what holds values up, and how often they are made again
LOOK_SECONDS = 2.0
MOST_TRIES = 3
LOCAL_DASHBOARD = "127.0.0.1:8787"


class DaskExecutor(Executor):
    """Runs each task, and each element of a mapped task, as a future on a Dask cluster.

    Args:
        address: The address of a running scheduler; without one a cluster is started for the run.
        cluster_class: The class of the cluster to start, or its dotted name;
            `distributed.LocalCluster` by default.
        cluster_kwargs: Arguments of the cluster's class.
        adapt_kwargs: Arguments of the cluster's `adapt()`; without them it is not adaptive.
        client_kwargs: Further arguments of `distributed.Client`.
        debug: Let Dask log what it does; `prefectlite.config.debug` by default.
        performance_report_path: Where to write Dask's performance report of the run.
        disable_cancellation_event: Accepted for Prefect 1's sake; has no effect.
        watch_worker_status: Accepted for Prefect 1's sake; workers are always watched.
        batch_size: How many elements of a map go to a worker in one future, where the task does
            not say: a number, "auto" for what takes about 0.2 s, or None for one by one.
        worker_timeout: How many seconds a run waits for a worker where there is none, before it
            ends as Failed; `engine.executor.dask.worker_timeout` of the configuration by default,
            and 0 to wait for ever.
        reconnect: How many seconds a run waits for a scheduler that was lost to answer again at
            its address, and then goes on; by default it ends as Failed at once.

    Raises:
        ValueError: Both an address and a cluster were given, or `reconnect` without an address.

    Example:
        ```python
        flow.run(executor=DaskExecutor("tcp://scheduler:8786"))
        flow.run(executor=DaskExecutor(cluster_kwargs={"n_workers": 2}))
        ```
    """

    def __init__(
        self,
        address: str | None = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
        debug: bool | None = None,
        performance_report_path: str | None = None,
        disable_cancellation_event: bool = False,
        watch_worker_status: bool | None = None,
        *,
        batch_size: int | str | None = None,
        worker_timeout: float | None = None,
        reconnect: float | None = None,
    ) -> None:
        from prefectlite import config

        super().__init__()
        if not address and not cluster_class:
            address = config.engine.executor.dask.address or None
        if address and (cluster_class or cluster_kwargs):
            raise ValueError(
                "Cannot specify `address` and `cluster_class`/`cluster_kwargs`: "
                "an address names a cluster that runs already, the others describe one to start."
            )
        self.address = address
        self.debug = config.debug if debug is None else debug
        self.client_kwargs = {"set_as_default": False, **(client_kwargs or {})}
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = adapt_kwargs if address else dict(adapt_kwargs or {})
        self.performance_report_path = performance_report_path
        self.disable_cancellation_event = disable_cancellation_event
        self.watch_worker_status = True if watch_worker_status is None else watch_worker_status
        self.cluster_class: Callable[..., Any] | None = None
        if not address:
            named = cluster_class or config.engine.executor.dask.cluster_class
            self.cluster_class = import_object(named) if isinstance(named, str) else named
            if self.cluster_class is distributed.LocalCluster:
                level = logging.WARNING if self.debug else logging.CRITICAL
                self.cluster_kwargs.setdefault("silence_logs", level)
        if reconnect and not address:
            raise ValueError(
                "`reconnect` needs the `address` of a scheduler: that of a cluster that is started "
                "for the run does not come back."
            )
        self.batch_size = batch_size
        configured = config.engine.executor.dask.worker_timeout
        self.worker_timeout = configured if worker_timeout is None else worker_timeout
        self.reconnect = reconnect
        self.client: Client | None = None
        self._forgotten: deque[Any] = deque()
        self._is_forgetting = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "client": None, "_forgotten": deque(), "_is_forgetting": False}

    @property
    def kind(self) -> Kind:
        """Runs go to workers with the futures of their upstreams; values stay there."""
        return "cluster"

    @property
    def slots(self) -> int:
        """How many threads the cluster's workers have at this moment."""
        with self._noticing_loss():
            return sum(self._client.nthreads().values())

    @property
    def performance_report(self) -> str:
        """The HTML text of the performance report, once it has been written."""
        if not self.performance_report_path:
            return ""
        return Path(self.performance_report_path).read_text(encoding="utf-8")

    def on_worker_status_changed(self, op: str, message: dict[str, Any]) -> None:
        """Called when a worker joins or leaves; does nothing, to be overridden.

        Args:
            op: "add" or "remove".
            message: The worker's address under "worker".
        """

    @property
    def _client(self) -> Client:
        if self.client is None:
            raise ExecutorNotStartedError(
                "This executor has not been started. Use it inside `with executor.start():`, or "
                "hand it to flow.run(executor=...), which does that."
            )
        return self.client

    @contextmanager
    def start(self) -> Iterator[Any]:
        """Connect to the cluster, or start one, while the block runs.

        Raises:
            ExecutorError: No scheduler answered at the address.
        """
        if self.client is not None:
            yield self
            return
        logger = get_logger("DaskExecutor")
        with ExitStack() as stack:
            if self.address:
                logger.info("Connecting to an existing Dask cluster at %s", self.address)
            else:
                logger.info(
                    "Creating a new Dask cluster with `%s`...", _full_name(self.cluster_class)
                )
            where = self.address if self.address else stack.enter_context(self._start_cluster())
            self.client = self._connect(where)
            stack.callback(self._disconnect)
            if self.address:
                check_versions(self.client)
            elif self.client.dashboard_link:
                logger.info("The Dask dashboard is available at %s", self.client.dashboard_link)
            if self.performance_report_path:
                if importlib.util.find_spec("bokeh") is None:
                    raise ExecutorError(
                        "performance_report_path= needs the package bokeh, with which Dask draws "
                        "the report: pip install bokeh"
                    )
                # the report asks for the current client, at its beginning and at its end
                stack.enter_context(self.client.as_current())
                report = distributed.performance_report(self.performance_report_path)
                stack.enter_context(report)
            yield self

    def _cluster_arguments(self) -> dict[str, Any]:
        is_local = self.cluster_class is distributed.LocalCluster
        if not is_local or {"host", "interface"} & self.cluster_kwargs.keys():
            return self.cluster_kwargs
        # Dask's own default is a dashboard that every machine of the network reaches
        return {"dashboard_address": LOCAL_DASHBOARD, **self.cluster_kwargs}

    @contextmanager
    def _start_cluster(self) -> Iterator[Any]:
        assert self.cluster_class is not None
        with warnings.catch_warnings():
            # that another dashboard has the usual port is no matter of the flow
            warnings.filterwarnings("ignore", message="Port 8787 is already in use")
            warnings.filterwarnings("ignore", message="(?s).*Port .* is already in use")
            cluster = self.cluster_class(**self._cluster_arguments())
        patience = {}
        if not self.adapt_kwargs:
            # a cluster of a fixed size gives a worker up that takes long to start again, and does
            # not replace it: on a busy machine a few workers that died would end all of it
            patience["distributed.deploy.lost-worker-timeout"] = LOST_WORKER_PATIENCE
        try:
            with dask.config.set(patience):
                if self.adapt_kwargs:
                    cluster.adapt(**self.adapt_kwargs)
                yield cluster
        except BaseException:
            # nobody waits for what its workers are at
            with suppress(Exception):
                cluster.sync(_end_workers, cluster)
            raise
        finally:
            cluster.close()

    def _connect(self, where: Any) -> Client:
        if isinstance(where, str):
            check_encryption(where, self.client_kwargs.get("security"))
        try:
            with warnings.catch_warnings():
                # what differs is said below, in one place
                warnings.filterwarnings("ignore", category=VersionMismatchWarning)
                return distributed.Client(where, **self.client_kwargs)
        except (OSError, asyncio.TimeoutError, ValueError) as error:
            raise ExecutorError(
                f"No Dask scheduler answered at {where!r}: {error}. Check the address and that "
                "the scheduler runs, or leave the address out to have a cluster started."
            ) from error

    def _disconnect(self) -> None:
        if self.client is None:
            return
        lost = self.trouble() is not None
        client, self.client = self.client, None
        with _less_noise() if lost else nullcontext():
            client.close()

    def connect_again(self) -> bool:
        """Wait for a lost scheduler to answer at its address again, as long as `reconnect` says.

        Returns:
            Whether it does; the client is another one then, and knows no futures.
        """
        if not self.reconnect or not self.address:
            return False
        logger = get_logger("DaskExecutor")
        logger.warning(
            "The connection to the scheduler at %s was lost. Waiting %s seconds for it to answer.",
            self.address,
            self.reconnect,
        )
        deadline = time.monotonic() + self.reconnect
        with suppress(Exception), _less_noise():
            self._client.close(timeout=1)
        while True:
            left = deadline - time.monotonic()
            try:
                with dask.config.set({"distributed.comm.timeouts.connect": max(left, 0.5)}):
                    self.client = self._connect(self.address)
            except ExecutorError:
                if deadline <= time.monotonic():
                    return False
                time.sleep(AGAIN_SECONDS)
                continue
            logger.info("The scheduler at %s is back.", self.address)
            return True

    # the contract of every executor

    def submit(
        self,
        fn: Callable[..., Any],
        *args: Any,
        extra_context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Future[Any]:
        """Have a worker run a function.

        Args:
            fn: The function.
            *args: Its arguments; futures stand for their values.
            extra_context: `task_name` names the work in the dashboard, `task_tags` may ask for
                resources ("dask-resource:GPU=1").
            **kwargs: Its keyword arguments.

        Returns:
            The future.
        """
        extra = extra_context or {}
        options: dict[str, Any] = {"pure": False, "resources": resources_of(extra.get("task_tags"))}
        if extra.get("task_name"):
            options["key"] = f"{extra['task_name']}-{uuid.uuid4().hex}"
        return self._client.submit(fn, *args, **options, **kwargs)

    def wait(self, futures: Any) -> Any:
        """Wait for futures.

        Args:
            futures: One future, or a structure of futures.

        Returns:
            Their values in the same structure.
        """
        return self._client.gather(futures)

    # what the engine asks of a cluster

    def install(self, name: str, payload: bytes) -> None:
        """Put a payload on every worker, those included that join later.

        Args:
            name: Under which name `dask_worker.installed` gives it.
            payload: The bytes.

        Raises:
            ExecutorError: A worker cannot take it, most likely for want of prefectlite.
        """
        try:
            with self._noticing_loss():
                dask_calls.put_on_workers(self._client, Luggage(name, payload))
        except SchedulerLostError:
            raise
        except Exception as error:
            raise ExecutorError(
                f"The workers of {self.place()} cannot be prepared for the run: {error!r}. "
                "Install this version of prefectlite on every worker."
            ) from error

    def uninstall(self, name: str) -> None:
        """Take a payload off the workers, where they are still there and answer."""
        if self._client.status == "running":
            dask_calls.take_off_workers(self._client, name)

    def listen(self, topic: str, callback: Callable[[Any], None]) -> None:
        """Have a function called with each message workers send under a topic, from any thread."""

        def take(event: tuple[float, Any]) -> None:
            callback(event[1])

        self._client.subscribe_topic(topic, take)

    def stop_listening(self, topic: str) -> None:
        """Take no more messages under a topic, and have the scheduler forget those there were."""
        if self._client.status == "running":
            self._client.unsubscribe_topic(topic)
            # a scheduler that runs no functions of its clients keeps them, as it keeps all events
            with suppress(Exception):
                self._client.run_on_scheduler(for_any_scheduler(forget_topic), topic)

    def keep_claims(self, topic: str) -> bool:
        """Have the scheduler keep who has which location, until nobody listens to the topic.

        Args:
            topic: The run's key, for `prefectlite.engine.claims.SchedulerClaims`.

        Returns:
            Whether it does; one that runs no functions of its clients does not.
        """
        try:
            self._client.run_on_scheduler(for_any_scheduler(keep_claims), topic)
        except Exception as error:
            get_logger("DaskExecutor").debug("The scheduler keeps no claims: %r", error)
            return False
        return True

    def send(
        self,
        function: Callable[..., Any],
        keys: Sequence[Any],
        columns: Sequence[Sequence[Any]],
        shared: Mapping[str, Any],
        priority: float = 0,
        resources: Mapping[str, float] | None = None,
        **annotations: Any,
    ) -> list[Future[Any]]:
        """Have workers call a function once a row.

        Args:
            function: Called with one item of each column, and with `shared`.
            keys: The keys of the futures, one a row.
            columns: The arguments, one sequence each; futures stand for their values.
            shared: Keyword arguments that are the same in every row; no futures.
            priority: Higher goes first.
            resources: What a worker must have, by name.
            **annotations: What else the client's `submit` and `map` take of this kind.

        Returns:
            One future a row.
        """
        options: dict[str, Any] = {
            **annotations,
            "priority": priority,
            "resources": dict(resources) if resources else None,
            "pure": False,
        }
        with self._noticing_loss(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="(?s)Sending large graph")
            if len(keys) == 1:
                row = [column[0] for column in columns]
                return [self._client.submit(function, *row, key=keys[0], **options, **shared)]
            return list(self._client.map(function, *columns, key=list(keys), **options, **shared))

    def fetch(self, futures: Iterable[Future[Any]]) -> list[Any]:
        """The values of futures; those that cannot be had any more are left out."""
        futures = list(futures)
        for _ in range(MOST_TRIES):
            failed = [future for future in futures if future.status == "error"]
            if not failed:
                break
            self.retry(failed)
            self._gathered(failed, "skip")
        values: list[Any] = self._gathered(futures, "skip")
        return values

    def fetch_one(self, future: Future[Any]) -> Any:
        """The value of one future."""
        return self._gathered(future, "raise")

    def _gathered(self, futures: Any, errors: str) -> Any:
        """Values; what got lost in the meantime, and Dask leaves alone, is made again."""
        client = self._client
        with self._noticing_loss():
            gathering = dask_calls.begin(client, lambda: client.gather(futures, errors=errors))
            try:
                while True:
                    with suppress(concurrent.futures.TimeoutError):
                        return gathering.result(LOOK_SECONDS)
                    wanted = futures if isinstance(futures, list) else [futures]
                    self.revive(wanted, themselves=True)
            finally:
                gathering.cancel()

    def forget(self, futures: Collection[Any]) -> None:
        """Let go of futures whose values nobody needs any more.

        Dask's own thread does it: it is told once for many of them, and would be woken by each one
        that another thread drops.

        Args:
            futures: The futures, or sequences of them. Whoever hands them over keeps none.
        """
        self._forgotten.extend(futures)
        loop = self._client.loop
        if not self._is_forgetting and loop is not None:
            self._is_forgetting = True
            loop.add_callback(self._forget)

    def _forget(self) -> None:
        self._is_forgetting = False
        while self._forgotten:
            self._forgotten.popleft()

    def retry(self, futures: Iterable[Future[Any]]) -> None:
        """Have failed futures made again, with those they failed for."""
        client, keys = self._client, [future.key for future in futures]
        scheduler: Any = client.scheduler

        async def retry() -> None:
            before = {key: held.exception for key, held in client.futures.items()}
            states = await scheduler.get_task_status(keys=keys)
            known = [key for key, state in states.items() if state is not None]
            for key in await scheduler.retry(keys=known, client=client.id):
                # among what they failed for may be what nobody holds any more; and the scheduler
                # tells of each by itself, which may have come already, with what followed
                held = client.futures.get(key)
                if held is None or held.status != "error":
                    continue
                if held.exception is before.get(key):
                    held.retry()

        with self._noticing_loss():
            client.sync(retry)

    def revive(self, futures: Iterable[Future[Any]], themselves: bool = False) -> list[Any]:
        """Have made again what futures wait for and Dask does not make again by itself.

        It leaves alone what got lost while something that it is made from had failed, and what
        waits for that.

        Args:
            futures: The futures.
            themselves: Whether they, too, are to be made again where they failed or got lost.

        Returns:
            The keys of what is made again; nothing where the scheduler runs no functions of its
            clients.
        """
        keys = [future.key for future in futures]
        look = for_any_scheduler(make_again)
        with self._noticing_loss(), suppress(ValueError):
            return list(self._client.run_on_scheduler(look, keys, themselves))
        return []

    def cancel(self, futures: Iterable[Future[Any]]) -> None:
        """Have nobody run these futures any more."""
        if self._client.status == "running":
            self._client.cancel(list(futures), force=True)

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        """Say that the scheduler is lost, where that is why a call failed."""
        try:
            yield
        except Exception as error:
            trouble = self.trouble()
            if trouble is None:
                raise
            raise SchedulerLostError(
                f"{trouble}. Start the flow again once the scheduler is back: what was "
                "checkpointed is not run again."
            ) from error

    def trouble(self) -> str | None:
        """Why the cluster is lost; None while it is there."""
        client = self._client
        if client.status in ("running", "connecting"):
            if client.scheduler_comm is not None and not client.scheduler_comm.comm.closed():
                return None
            if client.status == "connecting":
                return f"the connection to the scheduler was lost at {self.place()}"
        return (
            f"the connection to the scheduler was lost at {self.place()} "
            f"(the client is {client.status})"
        )

    def place(self) -> str:
        """Where the scheduler is, for messages."""
        scheduler = self._client.scheduler
        return str(self.address or (scheduler.addr if scheduler is not None else "the cluster"))

    def missing(self, futures: Iterable[Future[Any]]) -> str | None:
        """What keeps all of the futures waiting, see `dask_calls.what_is_missing`."""
        with self._noticing_loss():
            return dask_calls.what_is_missing(self._client, futures)


@contextmanager
def _less_noise() -> Iterator[None]:
    """Have Dask not tell that it gave up to connect: that is said in words of our own."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


async def _end_workers(cluster: Any) -> None:
    """End the worker processes of a local cluster, with less patience than it has itself."""
    nannies = [each for each in cluster.workers.values() if isinstance(each, distributed.Nanny)]
    closing = (nanny.close(timeout=END_SECONDS, reason="run-ended") for nanny in nannies)
    await asyncio.gather(*closing, return_exceptions=True)


def _full_name(cluster_class: Any) -> str:
    module = getattr(cluster_class, "__module__", "")
    return f"{module}.{getattr(cluster_class, '__qualname__', cluster_class)}"
