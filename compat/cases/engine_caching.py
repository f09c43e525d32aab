"""Caching within a process: validators, keys, expiration, cached states."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from compat.harness import case, plain

CACHING = ("local", "threads")


def _files(folder: str) -> Any:
    found = []
    for root, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(root, name), folder) for name in names]
    return sorted("<default>" if "prefect-result" in name else name for name in found)


def _checkpointing(p: Any, on: bool = True) -> Any:
    settings = p.module("utilities.configuration")
    return settings.set_temporary_config({"flows.checkpointing": on})


def _where(state: Any) -> Any:
    return [
        type(state).__name__,
        state.message,
        type(state._result).__name__,
        state._result.location,
        plain(state.result),
    ]


def _local(p: Any, folder: str, **kwargs: Any) -> Any:
    return p.module("engine.results").LocalResult(dir=folder, **kwargs)


def _cache_flow(p: Any, run: Any, values: Any, parameters: Any, **kwargs: Any) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        q = p.Parameter("q", default=0)
        extra = p.Parameter("extra", default=0)
        flow.add_task(extra)
        a = p.task(go, name="cached", state_handlers=[run.handler], **kwargs)(q)
    return [
        plain(run.state(flow, parameters={"q": v, "extra": e}).result[a])
        for v, e in zip(values, parameters)
    ] + [run.notes]


def _validators(p: Any) -> Any:
    return p.module("engine.cache_validators")


@case(executors=CACHING)
def cache_for_duration(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 2, 2], [0, 0, 1], cache_for=timedelta(hours=1))


@case(executors=CACHING)
def cache_all_inputs(p: Any, run: Any) -> Any:
    return _cache_flow(
        p,
        run,
        [1, 2, 1],
        [0, 0, 1],
        cache_for=timedelta(hours=1),
        cache_validator=_validators(p).all_inputs,
    )


@case(executors=CACHING)
def cache_all_parameters(p: Any, run: Any) -> Any:
    return _cache_flow(
        p,
        run,
        [1, 1, 1],
        [0, 0, 1],
        cache_for=timedelta(hours=1),
        cache_validator=_validators(p).all_parameters,
    )


@case(executors=CACHING)
def cache_never(p: Any, run: Any) -> Any:
    return _cache_flow(
        p,
        run,
        [1, 1],
        [0, 0],
        cache_for=timedelta(hours=1),
        cache_validator=_validators(p).never_use,
    )


@case(executors=CACHING)
def cache_partial_parameters(p: Any, run: Any) -> Any:
    return _cache_flow(
        p,
        run,
        [1, 1, 2],
        [0, 1, 1],
        cache_for=timedelta(hours=1),
        cache_validator=_validators(p).partial_parameters_only(["q"]),
    )


@case(executors=CACHING)
def cache_partial_inputs(p: Any, run: Any) -> Any:
    return _cache_flow(
        p,
        run,
        [1, 1, 2],
        [0, 1, 1],
        cache_for=timedelta(hours=1),
        cache_validator=_validators(p).partial_inputs_only(["x"]),
    )


@case(executors=CACHING)
def cache_expired(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 1], [0, 0], cache_for=timedelta(seconds=-1))


@case(executors=CACHING)
def cache_key_shared_by_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a", cache_for=timedelta(hours=1), cache_key="k")()
    with p.Flow("g") as other:
        b = p.task(lambda: 2, name="b", cache_for=timedelta(hours=1), cache_key="k")()
    return [plain(run.state(flow).result[a]), plain(run.state(other).result[b])]


@case(executors=CACHING)
def cache_validator_that_raises(p: Any, run: Any) -> Any:
    def validator(state: Any, inputs: Any, parameters: Any) -> bool:
        raise ValueError("validator")

    return _cache_flow(
        p, run, [1, 1], [0, 0], cache_for=timedelta(hours=1), cache_validator=validator
    )


@case(executors=CACHING)
def cache_validator_arguments(p: Any, run: Any) -> Any:
    def validator(state: Any, inputs: Any, parameters: Any) -> bool:
        run.note(
            type(state).__name__,
            inputs,
            parameters,
            state.cached_parameters,
            sorted(state.hashed_inputs or {}),
            state.cached_result_expiration is not None,
        )
        return True

    return _cache_flow(
        p, run, [1, 2], [0, 0], cache_for=timedelta(hours=1), cache_validator=validator
    )


@case(executors=CACHING)
def cache_of_mapped_elements(p: Any, run: Any) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        m = p.task(
            go, name="m", cache_for=timedelta(hours=1), cache_validator=_validators(p).all_inputs
        ).map([1, 2])
    return [plain(run.state(flow).result[m]), plain(run.state(flow).result[m]), run.sorted_notes()]


@case(executors=CACHING)
def cache_does_not_keep_failures(p: Any, run: Any) -> Any:
    def go() -> int:
        run.note("ran")
        raise ValueError("v")

    with p.Flow("f") as flow:
        a = p.task(go, cache_for=timedelta(hours=1))()
    return [plain(run.state(flow).result[a]), plain(run.state(flow).result[a]), run.notes]


@case(
    executors=CACHING,
    differs="Beside a cached value that is stored there is a record of it, so that other processes "
    "find it too.",
)
def cache_with_checkpointed_result(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        a = p.task(
            lambda: 5,
            name="a",
            cache_for=timedelta(hours=1),
            result=_local(p, folder, location="c.pkl"),
        )()
    with _checkpointing(p):
        return [
            _where(run.state(flow).result[a]),
            _where(run.state(flow).result[a]),
            _files(folder),
        ]


@case(executors=CACHING)
def cached_state_fields(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q", default=2)
        a = p.task(lambda x, y: 5, name="a", cache_for=timedelta(hours=1))(q, "c")
    state = run.state(flow).result[a]
    return [
        type(state).__name__,
        plain(state.cached_parameters),
        sorted(state.hashed_inputs),
        [len(v) for v in state.hashed_inputs.values()],
        plain(state.cached_inputs),
        type(state.cached_result_expiration).__name__,
    ]


@case(executors=CACHING)
def caches_are_filled_when_a_run_is_over(p: Any, run: Any) -> Any:
    same = p.task(lambda x: x, name="same", cache_for=timedelta(hours=1), cache_key="k")
    with p.Flow("f") as flow:
        many = same.map([1, 2, 3])
        one = same.copy(name="other")(4, upstream_tasks=[many])
    with p.context(caches={}):
        first, second = run.state(flow), run.state(flow)
        kept = {key: len(states) for key, states in p.context.caches.items() if states}
    return [
        [[state.result[many].result, state.result[one].result] for state in (first, second)],
        kept,
    ]


@case(executors=CACHING)
def a_flow_runner_fills_no_caches(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="one", cache_for=timedelta(hours=1))()
    with p.context(caches={}):
        run.runner(flow)
        return [key for key, states in p.context.caches.items() if states]


@case
def a_target_that_is_there_without_checkpointing(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda x: x, name="a", target="{x}.pkl", result=_local(p, folder)).map([1, 2])
    with _checkpointing(p):
        run.state(flow)
    with _checkpointing(p, False):
        state = run.state(flow)
    return [type(element).__name__ for element in state.result[a].map_states]
