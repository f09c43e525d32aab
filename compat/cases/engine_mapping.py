"""Mapping: what may be mapped over, elements, their states and retries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from compat.harness import case, plain, raises


def _over(p: Any, run: Any, make: Any) -> Any:
    identity = p.task(lambda x: x, name="each", state_handlers=[run.handler])
    with p.Flow("f") as flow:
        each = identity.map(p.task(make, name="source")())
        p.task(lambda x: x, name="reduce")(each)
    return [run(flow), run.notes_by_name()]


@case
def over_a_list(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: [1, 2, 3])


@case
def over_a_tuple(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: (1, 2))


@case
def over_a_string(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: "xyz")


@case
def over_bytes(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: b"ab")


@case
def over_a_range(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: range(3))


@case
def over_an_empty_list(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: [])


@case
def over_an_integer(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: 5)


@case
def over_none(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: None)


@case
def over_a_set(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: {1, 2})


@case(executors=("local", "threads"))
def over_a_generator(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        source = p.task(lambda: (i for i in [1]), name="source")()
        each = p.task(lambda x: x, name="each").map(source)
    state = run.state(flow)
    return [type(state).__name__, state.message, plain(state.result[each])]


@case(
    differs="Mapping over a dictionary fails that task with an error that names it, "
    "not the whole run with KeyError(0) (promise 4)."
)
def over_a_dictionary(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: {"a": 1})


@case
def over_a_failed_task(p: Any, run: Any) -> Any:
    return _over(p, run, lambda: 1 / 0)


@case
def over_a_skipped_task(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    return _over(p, run, skip)


@case
def over_a_skipped_task_with_a_list(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s", result=[1, 2])

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="each", skip_on_upstream_skip=False).map(p.task(skip)())
    return run(flow)


@case
def over_a_skipped_task_without_skipping(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="each", skip_on_upstream_skip=False).map(p.task(skip)())
    return run(flow)


@case
def over_a_failed_task_whose_result_is_a_list(p: Any, run: Any) -> Any:
    def fail() -> None:
        raise p.engine.signals.FAIL("s", result=[1, 2])

    with p.Flow("f") as flow:
        source = p.task(fail)()
        p.task(lambda x: x, name="each").map(source)
        p.task(lambda x: x, name="anyway", trigger=p.triggers.always_run).map(source)
    return run(flow)


@case
def over_a_constant_list(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x + 1, name="each").map([1, 2])
    return [run(flow), sorted(t.name for t in flow.tasks)]


@case
def over_a_constant_tuple(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x + 1, name="each").map((1, 2))
    return [run(flow), sorted(t.name for t in flow.tasks)]


@case
def over_a_constant_string(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x + "!", name="each").map("ab")
    return [run(flow), sorted(t.name for t in flow.tasks)]


@case
def over_a_constant_integer(p: Any, run: Any) -> Any:
    with p.Flow("f"):
        return raises(p.task(lambda x: x, name="each").map, 3)


@case
def over_a_list_of_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a, b = p.task(lambda: 1, name="a")(), p.task(lambda: 2, name="b")()
        p.task(lambda x: x * 10, name="each").map([a, b])
    return [run(flow), sorted(flow.slugs.values())]


@case
def over_a_parameter(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q", default=[1])
        p.task(lambda x: x * 2, name="each").map(q)
    return [run(flow), run(flow, parameters={"q": [4, 5, 6]}), run(flow, parameters={"q": []})]


@case
def shortest_argument_ends_it(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x, y: [x, y], name="each").map([1, 2, 3], [10, 20])
    return run(flow)


@case
def one_empty_argument_gives_nothing(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x, y: [x, y], name="each").map([1, 2, 3], p.task(lambda: [], name="e")())
    return run(flow)


@case
def two_sources_one_failed(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        good, bad = p.task(lambda: [1, 2], name="good")(), p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda x, y: [x, y], name="each").map(good, bad)
        p.task(lambda x, y: [x, str(y)], name="anyway", trigger=p.triggers.all_finished).map(
            good, bad
        )
    return run(flow)


@case
def two_sources_one_unmappable(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        good, bad = p.task(lambda: [1, 2], name="good")(), p.task(lambda: 7, name="bad")()
        p.task(lambda x, y: [x, y], name="each").map(good, bad)
    return run(flow)


@case
def unmapped_constant_and_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        seven = p.task(lambda: [7, 8], name="seven")()
        each = p.task(lambda x, y, z=0: [x, y, z], name="each")
        each.map([1, 2], p.unmapped(seven), z=p.unmapped("k"))
    return run(flow)


@case
def all_unmapped_arguments(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="each").map(p.unmapped([1, 2]))
    return run(flow)


@case
def map_without_arguments(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="each").map()
    return run(flow)


@case
def unmapped_failed_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda x, y: x, name="each", state_handlers=[run.handler]).map(
            [1, 2], p.unmapped(bad)
        )
    return [run(flow), run.notes_by_name()]


@case
def unmapped_skipped_task(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        p.task(lambda x, y: x, name="each", state_handlers=[run.handler]).map(
            [1, 2], p.unmapped(p.task(skip)())
        )
    return [run(flow), run.notes_by_name()]


@case
def unmapped_mapped_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m").map([1, 2])
        p.task(lambda x, y: [x, y], name="each").map([5, 6], p.unmapped(m))
    return run(flow)


@case
def unmapped_mapped_task_with_a_failure(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: 1 / x, name="m").map([1, 0])
        p.task(lambda x, y: [x, y], name="each").map([5, 6], p.unmapped(m))
    return run(flow)


@case
def map_index_in_the_context(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(
            lambda x: [p.context.map_index, p.context.task_full_name, p.context.task_name],
            name="each",
        ).map([9, 9])
        p.task(lambda: [p.context.map_index, p.context.task_full_name], name="one")()
    return run(flow)


@case
def map_of_a_map(p: Any, run: Any) -> Any:
    add = p.task(lambda x: x + 1, name="add")
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="all")(add.map(add.map(add.map([1, 2, 3]))))
    return run(flow)


@case
def failure_in_one_element_of_a_chain(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda x: 6 // x, name="a").map([1, 0, 3])
        b = p.task(lambda x: x + 1, name="b", state_handlers=[run.handler]).map(a)
        p.task(lambda x: x, name="needs_all")(b)
        p.task(lambda x: x, name="any", trigger=p.triggers.any_successful)(b)
        p.task(lambda x: x, name="finished", trigger=p.triggers.all_finished)(b)
    return [run(flow), run.notes_by_name()]


@case
def skip_in_one_element_of_a_chain(p: Any, run: Any) -> Any:
    def odd(x: int) -> int:
        if x % 2 == 0:
            raise p.engine.signals.SKIP(f"{x} is even")
        return x

    with p.Flow("f") as flow:
        a = p.task(odd).map([1, 2, 3])
        b = p.task(lambda x: x * 10, name="b").map(a)
        p.task(lambda x: x, name="reduce")(b)
        p.task(lambda x: [str(v) for v in x], name="kept", skip_on_upstream_skip=False)(b)
    return run(flow)


@case
def all_elements_skipped(p: Any, run: Any) -> Any:
    def skip(x: int) -> int:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        a = p.task(skip).map([1, 2])
        p.task(lambda x: x, name="reduce")(a)
        p.task(lambda x: x, name="next").map(a)
    return run(flow)


@case
def map_retries_one_element(p: Any, run: Any) -> Any:
    def flaky(x: int) -> Any:
        if x == 2 and p.context.task_run_count < 3:
            raise ValueError(x)
        return [x, p.context.task_run_count]

    with p.Flow("f") as flow:
        m = p.task(flaky, max_retries=2, retry_delay=timedelta(0)).map([1, 2, 3])
        p.task(lambda x: x, name="next").map(m)
    return run(flow)


@case
def map_retry_under_the_runner(p: Any, run: Any) -> Any:
    def flaky(x: int) -> Any:
        if x == 2:
            raise ValueError(x)
        return x

    with p.Flow("f") as flow:
        m = p.task(flaky, max_retries=2, retry_delay=timedelta(hours=1)).map([1, 2, 3])
        n = p.task(lambda x: x, name="next").map(m)
        p.task(lambda x: x, name="reduce")(n)
    return run.runner(flow)


@case
def map_pause_under_the_runner(p: Any, run: Any) -> Any:
    def pause(x: int) -> Any:
        if x == 2:
            raise p.engine.signals.PAUSE("p")
        return x

    with p.Flow("f") as flow:
        m = p.task(pause).map([1, 2])
        p.task(lambda x: x, name="next").map(m)
    return run.runner(flow)


@case
def map_over_dicts_in_a_list(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda d: d["a"], name="each").map([{"a": 1}, {"a": 2}])
    return run(flow)


@case
def map_of_maps_result_lists(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        outer = p.task(lambda n: [n] * n, name="outer").map([1, 2])
        p.task(lambda x: len(x), name="inner").map(outer)
    return run(flow)


@case
def n_map_states_and_result(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x, name="m", tags=["t"]).map([1, 2, 3])
    state = run.state(flow).result[m]
    return [
        state.n_map_states,
        plain(state.result),
        plain(state.context),
        state.is_successful(),
        [plain(item.context) for item in state.map_states],
    ]


@case
def map_a_class_task(p: Any, run: Any) -> Any:
    class Add(p.Task):  # type: ignore[misc,name-defined]
        def __init__(self, by: int, **kwargs: Any) -> None:
            self.by = by
            super().__init__(**kwargs)

        def run(self, x: int) -> int:
            return x + self.by

    with p.Flow("f") as flow:
        Add(5).map([1, 2])
    return run(flow)


@case
def map_with_task_args(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        t = p.task(lambda x: x, name="a").map([1], task_args={"name": "b", "tags": {"q"}})
    return [
        run(flow),
        t.name,
        raises(p.task(lambda x: x, name="z").map, [1], flow=flow, task_args={"nope": 1}),
    ]


@case
def fifty_elements(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * x, name="m").map(list(range(50)))
        p.task(sum, name="sum")(m) if False else p.task(lambda v: sum(v), name="sum")(m)
    return run(flow)
