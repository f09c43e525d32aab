"""case, switch, ifelse, merge and FilterTask: graphs, states and results."""

from __future__ import annotations

from typing import Any

from compat.harness import case, plain, raises


def _graph(flow: Any) -> Any:
    """Tasks and edges by slug, constants, and what the flow's state goes by."""
    edges = [
        [flow.slugs[e.upstream_task], flow.slugs[e.downstream_task], e.key or "", e.mapped]
        for e in flow.edges
    ]
    constants = [
        [flow.slugs[t], sorted([k, repr(v)] for k, v in c.items())]
        for t, c in flow.constants.items()
        if c
    ]
    reference = sorted(flow.slugs[t] for t in flow.reference_tasks())
    return [sorted(flow.slugs.values()), sorted(edges), sorted(constants), reference]


def _graph_by_name(flow: Any) -> Any:
    """The same by name, where slugs depend on the order of a set."""
    edges = [
        [e.upstream_task.name, e.downstream_task.name, e.key or "", e.mapped] for e in flow.edges
    ]
    return [sorted(t.name for t in flow.tasks), sorted(edges)]


def _tasks(p: Any) -> Any:
    def fail() -> None:
        raise ValueError("f")

    def skip() -> None:
        raise p.module("engine.signals").SKIP("sk")

    return (
        p.task(lambda x: x + 1, name="inc"),
        p.task(lambda x=None: x, name="ident"),
        p.task(fail),
        p.task(skip),
    )


def _control(p: Any) -> Any:
    return p.module("tasks.control_flow")


def _settings(task: Any) -> Any:
    return [
        task.name,
        type(task).__name__,
        task.checkpoint,
        task.skip_on_upstream_skip,
        task.trigger.__name__,
        task.max_retries,
        task.auto_generated,
        sorted(task.tags),
    ]


@case
def control_names(p: Any) -> Any:
    control = _control(p)
    return [
        p.case is control.case,
        p.resource_manager is p.module("tasks.core.resource_manager").resource_manager,
        all(hasattr(control, n) for n in ("FilterTask", "case", "ifelse", "merge", "switch")),
        p.module("tasks.control_flow.case").case is control.case,
        p.module("tasks.control_flow.filter").FilterTask is control.FilterTask,
        p.module("tasks.control_flow.conditional").switch is control.switch,
    ]


@case
def control_settings(p: Any) -> Any:
    conditional = p.module("tasks.control_flow.conditional")
    made = [
        conditional.CompareValue(3),
        conditional.CompareValue("x", name="n", checkpoint=True),
        conditional.Merge(),
        conditional.Merge(name="m", trigger=p.triggers.all_finished),
        _control(p).FilterTask(),
        _control(p).FilterTask(skip_on_upstream_skip=True, trigger=p.triggers.any_failed),
    ]
    return [_settings(task) for task in made] + [
        raises(conditional.Merge, skip_on_upstream_skip=True),
        raises(conditional.CompareValue).get("raised"),
    ]


@case
def case_basic(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        condition = ident(True)
        with p.case(condition, True) as entered:
            a = inc(inc(1))
        with p.case(condition, False):
            b = inc(inc(2))
        _control(p).merge(a, b)
    return [entered, _graph(flow), run(flow)]


@case
def case_collections_and_parameters(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        outside = p.Parameter("P", default=1)
        with p.case(ident("a"), "a"):
            ident([outside, 2])
            ident()
            inc(p.Parameter("Q", default=3))
            outside + 1
    return [_graph(flow), run(flow)]


@case
def case_nested(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        condition, before = ident(5), inc(0)
        with p.case(condition, 5):
            with p.case(ident(6), 6):
                a = inc(1)
            inc(a)
            with p.case(before, 1):
                inc(2)
        with p.case(condition, 6), p.case(condition, 5):
            inc(4)
    return [_graph(flow), run(flow)]


@case
def case_with_nothing_in_it(p: Any, run: Any) -> Any:
    _, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        with p.case(ident("a"), "b"):
            pass
        with p.case(ident("a"), "b"):
            flow.add_task(p.Parameter("P", default=1))
            flow.add_task(p.module("tasks.core.constants").Constant(5))
    return [_graph(flow), run(flow)]


@case
def case_of_a_constant(p: Any, run: Any) -> Any:
    inc, _, _, _ = _tasks(p)
    with p.Flow("f") as flow, p.case(True, True):
        inc(1)
    return [_graph(flow), run(flow)]


@case
def case_entered_twice(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        block = p.case(ident(5), 5)
        with block:
            inc(1)
        with block:
            inc(2)
    return [_graph(flow), run(flow)]


@case
def case_around_maps(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        condition = ident(6)
        with p.case(condition, 6):
            inc.map(inc.map([1, 2]))
        with p.case(condition, 7):
            inc.map(inc.map([1, 2]))
        mapped = ident.map([1, 2])
        with p.case(mapped, [1, 2]):
            inc.map(mapped)
    return [_graph(flow), run(flow)]


@case
def case_in_apply_map(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)

    def body(x: Any) -> Any:
        with p.case(x, 1):
            a = inc(x)
        with p.case(x, 2):
            b = ident("two")
        return _control(p).merge(a, b)

    with p.Flow("f") as flow:
        p.apply_map(body, [1, 2, 3])
    return [_graph_by_name(flow), run(flow)]


@case
def case_nested_in_apply_map(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)

    def body(x: Any, limit: Any) -> Any:
        with p.case(x > limit, True), p.case(x, 20):
            a = inc(x)
        return ident(a)

    with p.Flow("f") as flow:
        result = p.apply_map(body, [1, 20, 30], p.unmapped(5))
    state = run.state(flow)
    return [_graph_by_name(flow), plain(state.result[result])["elements"], state.message]


@case
def apply_map_in_a_case(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    seen = []
    for value in (True, False):
        with p.Flow("f") as flow, p.case(ident(value), True):
            result = p.apply_map(lambda x: inc(inc(x)), [1, 2])
        state = run.state(flow)
        seen.append([_graph_by_name(flow), plain(state.result[result]), state.message])
    return seen


@case
def case_and_skips(p: Any, run: Any) -> Any:
    _, ident, fail, skip = _tasks(p)
    with p.Flow("f") as flow:
        with p.case(ident(6), 7):
            ident.copy(name="noskip", skip_on_upstream_skip=False)()
            ident.copy(name="trigger", trigger=p.triggers.always_run)()
        with p.case(fail(), 7):
            ident.copy(name="failed")()
        with p.case(skip(), 7):
            ident.copy(name="skipped")()
    return run(flow)


@case
def case_raises_inside(p: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        try:
            with p.case(ident(2), 2):
                inc(1)
                raise ValueError("q")
        except ValueError as error:
            caught = str(error)
        inc(2)
    return [caught, _graph(flow), p.context.get("case")]


@case
def case_misuse(p: Any) -> Any:
    inc, ident, _, _ = _tasks(p)

    def outside() -> None:
        with p.case(ident, 5):
            inc(1)

    def two_flows() -> None:
        one, other = p.Flow("one"), p.Flow("other")
        with p.case(ident(5, flow=one), 5):
            inc(1, flow=one)
            inc(1, flow=other)

    return [raises(p.case, ident, inc), raises(outside), raises(two_flows)]


@case
def case_with_flow_argument(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    flow = p.Flow("f")
    with p.case(ident(5, flow=flow), 6):
        inc(1, flow=flow)
    return [_graph(flow), run(flow)]


@case
def compare_values(p: Any) -> Any:
    CompareValue = p.module("tasks.control_flow.conditional").CompareValue
    pairs = [(3, 3), (3, 4), (True, 1), ("a", None), (True, "true"), ([1], [1]), (None, None)]
    return [raises(CompareValue(value).run, value=given) for value, given in pairs]


@case
def merge_runs(p: Any) -> Any:
    Merge = p.module("tasks.control_flow.conditional").Merge
    given = [
        {},
        {"task_1": None},
        {"task_1": None, "task_2": 2},
        {"task_2": 2, "task_1": 1},
        {"task_10": "ten", "task_2": "two"},
        {"b": 1, "a": 2},
        {"task_1": 0, "task_2": 3},
    ]
    return [raises(Merge().run, **results) for results in given]


@case
def merge_of_nothing(p: Any, run: Any) -> Any:
    _, ident, _, skip = _tasks(p)
    with p.Flow("f") as flow:
        _control(p).merge()
        ident(_control(p).merge(skip(), skip(), name="skipped"))
        _control(p).merge(ident(None), ident(None), name="none")
    return [_graph(flow), run(flow)]


@case
def merge_with_failures(p: Any, run: Any) -> Any:
    _, ident, fail, skip = _tasks(p)
    with p.Flow("f") as flow:
        _control(p).merge(fail(), ident(1), name="first")
        _control(p).merge(ident(1), fail(), name="second")
        _control(p).merge(skip(), ident(1), name="skip")
        _control(p).merge(skip(), fail(), name="neither")
    return run(flow)


@case
def merge_of_values(p: Any, run: Any) -> Any:
    _, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        both = ident(3)
        _control(p).merge(1, ident(2), name="constant")
        _control(p).merge(None, 2, name="constants")
        _control(p).merge([ident(1), ident(2)], name="list")
        _control(p).merge(both, both, name="twice")
        _control(p).merge(*[ident(None if i < 10 else i) for i in range(12)], name="many")
    return [_graph(flow), run(flow)]


@case
def merge_mapped(p: Any, run: Any) -> Any:
    _, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        mapped = ident.map([1, None, 3])
        _control(p).merge(mapped, ident.map([None, 2, 4]), mapped=True, name="same")
        _control(p).merge(mapped, ident.map([None, 2]), mapped=True, name="shorter")
        _control(p).merge(mapped, p.unmapped(ident(7)), mapped=True, name="unmapped")
        _control(p).merge(mapped, [7, 8, 9], mapped=True, name="constant")
        _control(p).merge(mapped, ident.map([4]), name="whole")
    return [_graph(flow), run(flow)]


@case
def merge_arguments(p: Any) -> Any:
    _, ident, _, _ = _tasks(p)
    flow = p.Flow("f")
    merge = _control(p).merge
    made = merge(ident.copy(), ident.copy(), flow=flow, name="mm", checkpoint=True, tags=["x"])
    return [
        _settings(made),
        _graph(flow),
        raises(merge, ident.copy()),
        raises(merge, flow=flow, skip_on_upstream_skip=True),
        raises(merge, flow=flow, zzz=3).get("raised"),
    ]


@case
def ifelse_by_truth(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    seen = []
    for value in (True, False, 1, "x", "", None, 0):
        with p.Flow("f") as flow:
            returned = _control(p).ifelse(ident(value), inc(1), inc(10))
        seen.append([returned, _graph(flow), run(flow)])
    return seen


@case
def ifelse_branches(p: Any, run: Any) -> Any:
    inc, ident, fail, skip = _tasks(p)
    seen = []
    for make in (
        lambda: (ident(True), inc(1), None),
        lambda: (ident(True), None, inc(1)),
        lambda: (True, inc(5), inc(6)),
        lambda: (fail(), ident(), ident()),
        lambda: (skip(), ident(), ident()),
        lambda: (ident(True), ident.copy(name="t"), ident.copy(name="f")),
    ):
        with p.Flow("f") as flow:
            _control(p).ifelse(*make())
        seen.append([_graph(flow), run(flow)])
    with p.Flow("f") as flow:
        same = ident()
        _control(p).ifelse(ident(True), same, same)
    return [*seen, run(flow)]


@case
def ifelse_mapped(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        a, b = inc.map([1, 2, 3]), inc.map([10, 20, 30])
        _control(p).ifelse(ident([True, False, True]), a, b, mapped=True)
        _control(p).merge(a, b, mapped=True)
    return [_graph(flow), run(flow)]


@case
def ifelse_outside(p: Any) -> Any:
    _, ident, _, _ = _tasks(p)
    return raises(_control(p).ifelse, ident, ident.copy(), ident.copy())


@case
def switch_cases(p: Any, run: Any) -> Any:
    _, ident, fail, _ = _tasks(p)
    seen = []
    for value in ("a", "b", "c"):
        with p.Flow("f") as flow:
            returned = _control(p).switch(ident(value), {"a": ident(1), "b": ident(2)})
        seen.append([returned, _graph(flow), run(flow)])
    with p.Flow("f") as flow:
        cases = {3: ident(1), None: ident(2), "z": ident(9), (1, 2): ident(0)}
        _control(p).switch(ident(3), cases)
        _control(p).switch(ident(3), {})
        _control(p).switch(fail(), {3: ident.copy(name="after fail")()})
    return [*seen, _graph(flow), run(flow)]


@case(
    differs="A constant in the place of a branch is skipped with it; in 1.4.1 it ends as Success "
    "whatever it waits for (issue 7: a switch without a matching case is a clear state)"
)
def switch_to_constants(p: Any, run: Any) -> Any:
    _, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        _control(p).switch(ident("a"), {"a": 5, "b": [1]})
    return [_graph(flow), run(flow)]


@case
def switch_mapped(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    with p.Flow("f") as flow:
        a, b = inc.map([1, 2, 3]), inc.map([10, 20, 30])
        _control(p).switch(ident(["a", "b", "z"]), {"a": a, "b": b}, mapped=True)
        _control(p).merge(a, b, mapped=True)
    return [_graph(flow), run(flow)]


@case
def switch_in_apply_map(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)

    def by_switch(x: Any) -> Any:
        a, b = ident(1), ident(2)
        _control(p).switch(x, {"a": a, "b": b})
        return _control(p).merge(a, b)

    def by_ifelse(x: Any) -> Any:
        a, b = inc(x), ident(x)
        _control(p).ifelse(x, a, b)
        return _control(p).merge(a, b)

    with p.Flow("f") as flow:
        first = p.apply_map(by_switch, ["a", "b", "c"])
        second = p.apply_map(by_ifelse, [True, False])
    state = run.state(flow)
    return [_graph_by_name(flow), plain(state.result[first]), plain(state.result[second])]


@case
def branches_and_merges(p: Any, run: Any) -> Any:
    inc, ident, fail, _ = _tasks(p)
    merge = _control(p).merge
    with p.Flow("f") as flow:
        condition = ident(True)
        with p.case(condition, True):
            a = inc(1)
        with p.case(condition, False):
            b = fail()
        merged = merge(a, b)
        with p.case(condition, True):
            c = fail.copy(name="taken")()
        merge(c, b, name="with failure")
        inc(merged)
        with p.case(condition, None):
            merge(a, b, name="in a block")
            _control(p).ifelse(ident(False), ident(1), ident(2))
    return [_graph(flow), run(flow)]


@case
def filter_runs(p: Any) -> Any:
    FilterTask = _control(p).FilterTask
    signals = p.module("engine.signals")
    logged = []
    given = [1, None, ValueError("x"), signals.FAIL("a"), 0, "", TypeError]
    return [
        plain(FilterTask().run(given)),
        FilterTask(lambda x: x and x > 1).run([1, 2, 3, None]),
        FilterTask().run(iter([1, None])),
        raises(FilterTask().run, 5).get("raised"),
        raises(FilterTask(lambda x: 1 / 0).run, [1]),
        FilterTask(lambda x: x > 1, log_func=lambda kept: logged.append(kept)).run([1, 2, 0]),
        logged,
    ]


@case
def filter_in_a_flow(p: Any, run: Any) -> Any:
    signals = p.module("engine.signals")

    def element(x: int) -> int:
        if x == 2:
            raise ValueError("x")
        if x == 3:
            raise signals.SKIP("no")
        return x

    with p.Flow("f") as flow:
        kept = _control(p).FilterTask(lambda x: isinstance(x, int))(
            p.task(element).map([1, 2, 3, 4])
        )
        p.task(lambda x: x, name="ident").map(kept)
    return [_graph(flow), run(flow)]


@case
def filter_logs(p: Any) -> Any:
    from compat.harness import captured_logs

    with captured_logs(p) as records:
        _control(p).FilterTask(lambda x: x > 1, log_func=lambda kept: f"kept {kept}").run([1, 2])
    return records
