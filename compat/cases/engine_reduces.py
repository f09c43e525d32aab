"""Reduces, flatten, triggers of mapped tasks, and mapped tasks as references."""

from __future__ import annotations

from typing import Any

from compat.harness import case, plain


def _reduce_trigger(p: Any, run: Any, trigger: Any) -> Any:
    seen = {}
    for divisors in ([1, 2], [1, 0], [0, 0], []):
        with p.Flow("f") as flow:
            m = p.task(lambda x: 2 // x, name="m").map(divisors)
            r = p.task(lambda x: plain(x), name="r", trigger=trigger)(m)
        seen[str(divisors)] = plain(run.state(flow).result[r])
    return seen


@case
def reduce_with_all_successful(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.all_successful)


@case
def reduce_with_any_successful(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.any_successful)


@case
def reduce_with_all_failed(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.all_failed)


@case
def reduce_with_any_failed(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.any_failed)


@case
def reduce_with_all_finished(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.all_finished)


@case
def reduce_with_some_failed(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.some_failed(at_least=1, at_most=1))


@case
def reduce_with_some_successful(p: Any, run: Any) -> Any:
    return _reduce_trigger(p, run, p.triggers.some_successful(at_least=0.5))


@case
def reduce_trigger_sees_the_mapped_state(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> bool:
        for edge, state in upstream.items():
            run.note(
                edge.upstream_task.name,
                type(state).__name__,
                state.is_mapped(),
                [type(item).__name__ for item in state.map_states or []],
            )
        return True

    with p.Flow("f") as flow:
        m = p.task(lambda x: 2 // x, name="m").map([1, 0])
        p.task(lambda x: len(x), name="r", trigger=trigger)(m)
    return [run(flow), run.notes]


@case
def element_trigger_sees_elements(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> bool:
        for edge, state in upstream.items():
            run.note(
                p.context.map_index,
                edge.key,
                edge.mapped,
                type(state).__name__,
                plain(state.result),
            )
        return True

    with p.Flow("f") as flow:
        m = p.task(lambda x: x, name="m").map([1, 2])
        p.task(lambda x, y: 0, name="e", trigger=trigger).map(m, p.unmapped("u"))
    return [run(flow), run.sorted_notes()]


@case
def mapped_upstream_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: run.note("m", x), name="m").map([1, 0])
        p.task(lambda x: run.note("e", x), name="e").map([5, 6], upstream_tasks=[m])
    edges = sorted([e.upstream_task.name, e.key or "", e.mapped] for e in flow.edges)
    return [run(flow), run.sorted_notes(), edges]


@case
def mapped_upstream_tasks_only(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x, name="m").map([1, 0])
        p.task(lambda: 3, name="e").map(upstream_tasks=[m])
    return run(flow)


@case
def mapped_upstream_task_fails_for_one(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: 1 / x, name="m").map([1, 0])
        p.task(lambda x: x, name="e").map([5, 6], upstream_tasks=[m])
    return run(flow)


@case
def unmapped_upstream_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda x: x, name="e").map([5, 6], upstream_tasks=[p.unmapped(a)])
        p.task(lambda x: x, name="tf").map([5, 6], upstream_tasks=[p.unmapped(bad)])
    return run(flow)


@case
def flatten_lists(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        nested = p.task(lambda: [[1, 2], [], [3]], name="nested")()
        p.task(lambda x: x * 10, name="each").map(p.flatten(nested))
        p.task(lambda x: x, name="whole")(p.flatten(nested))
    return run(flow)


@case
def flatten_a_map(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda n: list(range(n)), name="m").map([1, 0, 3])
        each = p.task(lambda x: x * 10, name="each").map(p.flatten(m))
        p.task(lambda x: x, name="all")(each)
        p.task(lambda x: x, name="flat")(p.flatten(m))
    return run(flow)


@case
def flatten_what_is_not_nested(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        source = p.task(lambda: [1, 2], name="source")()
        p.task(lambda x: x, name="each").map(p.flatten(source))
    return run(flow)


@case
def flatten_two_levels(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        nested = p.task(lambda: [[[1], [2]], [[3]]], name="nested")()
        p.task(lambda x: x, name="once").map(p.flatten(nested))
    return run(flow)


@case
def flatten_an_integer(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        source = p.task(lambda: 3, name="source")()
        p.task(lambda x: x, name="each").map(p.flatten(source))
    return run(flow)


@case
def flatten_a_constant(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="each").map(p.flatten([[1], [2, 3]]))
    return run(flow)


@case
def flatten_a_map_with_a_failed_element(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda n: [2 // n, 7], name="m").map([1, 0, 2])
        p.task(lambda x: x, name="each").map(p.flatten(m))
    return run(flow)


@case
def flatten_a_failed_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        source = p.task(lambda: 1 / 0, name="source")()
        p.task(lambda x: x, name="each").map(p.flatten(source))
    return run(flow)


@case
def mapped_annotation_in_a_call(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x, y: [x, y], name="each")(p.mapped([1, 2]), "const")
    return run(flow)


@case
def mapped_true_in_a_call(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x, y: [x, y], name="each")([1, 2], p.unmapped("const"), mapped=True)
    return run(flow)


@case
def map_index_of_a_getitem(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 2, name="m").map([1, 2, 3])
        p.task(lambda x: x, name="got")(m[1])
    return run(flow)


@case
def getitem_of_a_failed_map(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: 1 / x, name="m").map([1, 0])
        p.task(lambda x: x, name="got")(m[0])
    return run(flow)


@case
def mapped_task_as_reference(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: 1 / x, name="m").map([1, 0])
        last = p.task(lambda x: 1, name="last", trigger=p.triggers.all_finished)(m)
    first = run(flow)
    flow.set_reference_tasks([m])
    second = run(flow)
    flow.set_reference_tasks([m, last])
    return [first, second, run(flow)]


@case
def mapped_terminal_failure_fails_the_flow(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: 1 / x, name="m").map([1, 0])
    return run(flow)


@case
def mapped_terminal_skip_is_success(p: Any, run: Any) -> Any:
    def skip(x: int) -> None:
        raise p.engine.signals.SKIP(str(x))

    with p.Flow("f") as flow:
        p.task(skip).map([1, 0])
    return run(flow)
