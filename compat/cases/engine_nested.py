"""Maps within maps, with pauses, skips, retries and collections around them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from compat.harness import case, describe_flow, plain


def _checkpointing(p: Any) -> Any:
    settings = p.module("utilities.configuration")
    return settings.set_temporary_config({"flows.checkpointing": True})


@case
def mapped_flow_result_locations(p: Any, run: Any, folder: str) -> Any:
    import os

    result = p.module("engine.results").LocalResult(
        dir=folder, location="{task_name}-{map_index}-{task_full_name}-{task_run_count}.pkl"
    )
    with p.Flow("f", result=result) as flow:
        m = p.task(lambda x: x, name="m").map([1, 2])
        p.task(lambda x: x, name="r")(m)
    with _checkpointing(p):
        state = run.state(flow)
    return [
        sorted(os.listdir(folder)),
        [type(s._result).__name__ for s in state.result[m].map_states],
    ]


@case
def retry_keeps_upstream_values(p: Any, run: Any) -> Any:
    def flaky(x: Any, y: Any, z: Any = 9) -> Any:
        if p.context.task_run_count < 3:
            raise ValueError("again")
        return [x, y, z]

    with p.Flow("f") as flow:
        a = p.task(lambda: {"k": 1}, name="a")()
        p.task(flaky, max_retries=3, retry_delay=timedelta(0))(a, 5)
    return run(flow)


@case
def retry_of_an_upstream_of_a_map(p: Any, run: Any) -> Any:
    def flaky() -> Any:
        if p.context.task_run_count < 2:
            raise ValueError("again")
        return [1, 2]

    with p.Flow("f") as flow:
        a = p.task(flaky, max_retries=3, retry_delay=timedelta(0))()
        m = p.task(lambda x: x + 1, name="m", state_handlers=[run.handler]).map(a)
        p.task(lambda x: sum(x), name="r", state_handlers=[run.handler])(m)
    return [run(flow), run.notes_by_name()]


@case
def retry_of_an_upstream_of_a_map_under_the_runner(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1 / 0, name="a", max_retries=3, retry_delay=timedelta(hours=1))()
        m = p.task(lambda x: x + 1, name="m", state_handlers=[run.handler]).map(a)
        p.task(lambda x: sum(x), name="r", state_handlers=[run.handler])(m)
    return [run.runner(flow), run.notes]


@case
def pause_of_an_upstream_of_a_map_under_the_runner(p: Any, run: Any) -> Any:
    def pause() -> None:
        raise p.engine.signals.PAUSE("p")

    with p.Flow("f") as flow:
        m = p.task(lambda x: x + 1, name="m").map(p.task(pause)())
        p.task(lambda x: x, name="n").map(p.unmapped(m), [1]) if False else None
        p.task(lambda x, y: x, name="o").map([1, 2], p.unmapped(m))
    return run.runner(flow)


@case
def always_run_waits_for_retrying_upstream(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1 / 0, name="a", max_retries=3, retry_delay=timedelta(hours=1))()
        p.task(lambda x: 1, name="b", trigger=p.triggers.always_run)(a)
    return run.runner(flow)


@case
def mapped_retries_counts_by_element(p: Any, run: Any) -> Any:
    def flaky(x: int) -> Any:
        run.note(x, p.context.task_run_count)
        if p.context.task_run_count <= x:
            raise ValueError(x)
        return p.context.task_run_count

    with p.Flow("f") as flow:
        p.task(flaky, max_retries=2, retry_delay=timedelta(0)).map([0, 1, 2, 3])
    return [run(flow), run.notes_by_name()]


@case
def mapped_pause_and_resume(p: Any, run: Any) -> Any:
    def pause(x: int) -> Any:
        if x == 2 and not p.context.get("resume"):
            raise p.engine.signals.PAUSE("p")
        return [x, bool(p.context.get("resume"))]

    with p.Flow("f") as flow:
        m = p.task(pause, state_handlers=[run.handler]).map([1, 2])
        p.task(lambda x: x, name="r")(m)
    first = run.runner_state(flow)
    states = dict(first.result)
    states[m].map_states[1] = p.engine.state.Resume("go")
    second = run.runner_state(flow, task_states=states)
    return [describe_flow(flow, second), run.notes_by_name()]


@case
def mapped_signals(p: Any, run: Any) -> Any:
    def go(kind: str) -> Any:
        signals = p.engine.signals
        if kind != "value":
            raise getattr(signals, kind)(kind.lower(), result=kind)
        return "plain"

    with p.Flow("f") as flow:
        m = p.task(go).map(["SUCCESS", "FAIL", "SKIP", "value"])
        p.task(lambda x: x, name="next").map(m)
        p.task(lambda x: x, name="r", trigger=p.triggers.all_finished, skip_on_upstream_skip=False)(
            m
        )
    return run(flow)


@case
def mapped_timeout_of_one(p: Any, run: Any) -> Any:
    def slow(x: int) -> int:
        time.sleep(x)
        return x

    with p.Flow("f") as flow:
        p.task(slow, timeout=1).map([0, 3])
    return run(flow)


@case
def mapped_task_run_names(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: p.context.get("task_run_name"), name="m", task_run_name="n-{x}").map(
            [1, 2]
        )
    return run(flow)


@case
def nested_collections_of_mapped_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m").map([1, 2])
        one = p.task(lambda: 5, name="one")()
        p.task(lambda x: plain(x), name="show")({"m": m, "l": [one, m]})
    return run(flow)


@case
def map_over_a_list_with_failing_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        good, bad = p.task(lambda: 1, name="good")(), p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda x: x, name="m").map([good, bad])
    return run(flow)


@case
def map_over_a_dictionary_of_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        one = p.task(lambda: [1, 2], name="one")()
        p.task(lambda x, y: [x, plain(y)], name="m").map(one, p.unmapped({"a": one, "b": 3}))
    return run(flow)


@case
def map_over_a_parameter_and_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q", default=[1, 2, 3])
        sizes = p.task(lambda x: list(range(len(x))), name="sizes")(q)
        p.task(lambda x, y: x * y, name="m").map(q, sizes)
    return [run(flow), run(flow, q=[5])]


@case
def four_level_maps_and_flattens(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: [2, 3], name="a")()
        b = p.task(lambda n: list(range(n)), name="b").map(a)
        c = p.task(lambda x: [x, x], name="c").map(p.flatten(b))
        d = p.task(lambda x: x + 1, name="d").map(p.flatten(c))
        p.task(lambda x: sum(x), name="e")(d)
    return run(flow)


@case
def map_of_zero_then_reduce_then_map(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x, name="m").map(p.task(lambda: [], name="empty")())
        r = p.task(lambda x: x + [1], name="r")(m)
        p.task(lambda x: x * 2, name="again").map(r)
    return run(flow)


@case
def skip_on_upstream_skip_false_in_a_map(p: Any, run: Any) -> Any:
    def odd(x: int) -> int:
        if x % 2:
            raise p.engine.signals.SKIP("odd")
        return x

    with p.Flow("f") as flow:
        m = p.task(odd).map([1, 2])
        p.task(lambda x: type(x).__name__, name="n", skip_on_upstream_skip=False).map(m)
    return run(flow)


@case
def skipped_unkeyed_upstream_of_a_map(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        s = p.task(skip)()
        p.task(lambda x: x, name="m").map([1, 2], upstream_tasks=[p.unmapped(s)])
    return run(flow)


@case
def upstream_of_a_mapped_parent_by_set_upstream(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        m = p.task(lambda x: x, name="m").map([1, 2])
        m.set_upstream(bad)
        n = p.task(lambda x: x, name="n").map([1, 2])
        n.set_upstream(p.task(lambda: 3, name="fine")())
    return run(flow)


@case
def downstream_of_a_map_without_data(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: 1 / x, name="m").map([1, 0])
        after = p.task(lambda: 1, name="after")()
        after.set_upstream(m)
        always = p.task(lambda: 1, name="always", trigger=p.triggers.any_failed)()
        always.set_upstream(m)
    return run(flow)


@case(
    differs="What maps over a mapped task that failed as a whole fails with it, also beside a "
    "list; Prefect maps over nothing there, and the run succeeds (promise 5).",
)
def failed_mapped_upstream_beside_a_list(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        one = p.task(lambda: 1, name="one")()
        bad = p.task(lambda x: x, name="bad").map(one)
        good = p.task(lambda: [1, 2], name="good")()
        p.task(lambda x, y: x, name="m").map(good, bad)
        p.task(lambda x, y: x, name="n", trigger=p.triggers.all_finished).map(bad, good)
    return run(flow)


@case
def skipped_elements_of_an_unmapped_upstream(p: Any, run: Any) -> Any:
    def odd(x: int) -> int:
        if x % 2:
            raise p.engine.signals.SKIP("odd")
        return x

    with p.Flow("f") as flow:
        some = p.task(odd).map([1, 2])
        every = p.task(odd, name="every").map([1, 3])
        fails = p.task(lambda x: 1 / 0, name="fails").map([1, 3])
        p.task(lambda x: x, name="m").map([5, 6], upstream_tasks=[p.unmapped(some)])
        p.task(lambda x: x, name="n").map([5, 6], upstream_tasks=[p.unmapped(every)])
        p.task(lambda x, y: x, name="k").map([5, 6], p.unmapped(some))
        p.task(lambda x: x, name="o").map([5, 6], upstream_tasks=[p.unmapped(fails)])
    return run(flow)


@case(
    differs="Each argument is flattened or not as it is written; in Prefect one flattened argument "
    "changes the others that come from the same task.",
)
def same_task_flattened_and_not(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda x: [x, x + 1], name="a").map([1, 2])
        p.task(lambda x, y: [x, y], name="m").map(p.flatten(a), a)
    return run(flow)
