"""Executors by themselves: attributes, submit, wait, start, pickling."""

from __future__ import annotations

import pickle
from typing import Any

from compat.harness import case, raised_type, raises


@case
def executor_defaults(p: Any) -> Any:
    e = p.module("executors")
    local, threads = e.LocalExecutor(), e.LocalDaskExecutor()
    return [
        repr(local),
        repr(threads),
        threads.scheduler,
        type(local).__mro__[1].__name__,
        repr(e.LocalDaskExecutor(scheduler="processes", num_workers=3)),
        e.LocalDaskExecutor(num_workers=3).dask_config,
        e.Executor is type(local).__mro__[1],
    ]


@case
def dask_executor_attributes(p: Any) -> Any:
    e = p.module("executors").DaskExecutor
    one = e(address="tcp://nowhere:1", client_kwargs={"timeout": 3}, debug=True)
    two = e(
        cluster_class="distributed.LocalCluster",
        cluster_kwargs={"n_workers": 2},
        adapt_kwargs={"maximum": 3},
    )
    return [
        repr(one),
        one.address,
        one.client_kwargs.get("timeout"),
        one.adapt_kwargs,
        two.cluster_kwargs.get("n_workers"),
        two.adapt_kwargs,
        two.address,
        raised_type(e, address="x", cluster_class="y"),
        raised_type(e, address="x", cluster_kwargs={"a": 1}),
        raised_type(e, address="x", adapt_kwargs={"a": 1}),
        raised_type(e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    ]


@case
def executors_can_be_pickled(p: Any) -> Any:
    import cloudpickle

    e = p.module("executors")
    return [
        type(pickle.loads(cloudpickle.dumps(x))).__name__
        for x in (
            e.LocalExecutor(),
            e.LocalDaskExecutor(num_workers=2),
            e.DaskExecutor(address="tcp://x:1"),
        )
    ]


@case
def executor_submit_and_wait(p: Any, run: Any) -> Any:
    executor = run.executor()
    with executor.start():
        one = executor.submit(lambda x, y=1: x + y, 1, y=2)
        two = executor.submit(lambda x: x * 10, one)
        found = [
            executor.wait(two),
            executor.wait([one, two]),
            executor.wait({"k": one}),
            executor.wait([]),
            executor.wait(5),
        ]
    return found


@case
def executor_submit_raises(p: Any, run: Any) -> Any:
    executor = run.executor()

    def go() -> Any:
        with executor.start():
            return executor.wait(executor.submit(lambda: 1 / 0))

    return raises(go)


@case
def executor_outside_of_start(p: Any, run: Any) -> Any:
    executor = run.executor()
    if run.executor_name == "threads":
        return "free"
    return raises(lambda: executor.wait(executor.submit(lambda: 1))).get("raised")


@case
def executor_can_be_used_again(p: Any, run: Any) -> Any:
    executor = run.executor()
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="t").map([1, 2])
    return [type(flow.run(executor=executor)).__name__ for _ in range(2)]


@case
def executor_extra_context(p: Any, run: Any) -> Any:
    executor = run.executor()
    with executor.start():
        return executor.wait(executor.submit(lambda x: x, 4, extra_context={"task_name": "n"}))
