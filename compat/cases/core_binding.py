"""Binding tasks: edges, upstream and downstream, operators, annotations, slugs."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

from compat.harness import case, plain, raised_type, raises


def _edges(flow: Any) -> Any:
    return sorted(
        [e.upstream_task.name, e.downstream_task.name, e.key or "", e.mapped, e.flattened]
        for e in flow.edges
    )


@case
def call_outside_a_flow(p: Any) -> Any:
    task = p.task(lambda x: x, name="t")
    return [
        raises(task, 1),
        raises(task.bind, 1),
        raises(task.map, [1]),
        raises(task.set_upstream, task),
        raises(task.set_downstream, task),
        raises(task.set_dependencies),
    ]


@case
def call_makes_a_copy(p: Any) -> Any:
    task = p.task(lambda x: x, name="t", tags=["a"])
    with p.Flow("f") as flow:
        one, two = task(1), task(2)
    return [
        one is task,
        one == two,
        one.name,
        sorted(one.tags),
        task in flow.tasks,
        sorted(flow.slugs.values()),
        plain(flow.constants[one]),
        one.slug,
    ]


@case
def call_with_task_args(p: Any) -> Any:
    with p.Flow("f"):
        made = p.task(lambda x: x, name="t")(
            1, task_args={"name": "u", "max_retries": 3, "retry_delay": timedelta(1)}
        )
    return [made.name, made.max_retries, plain(made.retry_delay)]


@case
def bind_to_itself(p: Any) -> Any:
    task = p.task(lambda x, y: x, name="t")
    with p.Flow("f") as flow:
        bound = task.bind(1, y=p.task(lambda: 2, name="two"))
    return [bound is task, _edges(flow), plain(flow.constants[task]), sorted(flow.slugs.values())]


@case(
    differs="A task bound twice in one flow is refused, as the specification of Task says.",
)
def bind_twice_is_refused(p: Any) -> Any:
    task = p.task(lambda x: x, name="t")
    with p.Flow("f"):
        task.bind(p.task(lambda: 1, name="one"))
        return raises(task.bind, p.task(lambda: 2, name="two")).get("raised")


@case
def bind_with_wrong_arguments(p: Any) -> Any:
    task = p.task(lambda x, y=1: x, name="t")
    with p.Flow("f"):
        return [raises(task), raises(task, 1, 2, 3), raises(task, z=1), raises(task, 1, x=2)]


@case
def upstream_tasks_argument(p: Any) -> Any:
    with p.Flow("f") as flow:
        a, b = p.task(lambda: 1, name="a")(), p.task(lambda: 1, name="b")()
        p.task(lambda x: x, name="c")(a, upstream_tasks=[b, a])
        p.task(lambda: 1, name="d")(upstream_tasks=[5, [a]])
    return [_edges(flow), sorted(t.name for t in flow.tasks)]


@case
def flow_argument(p: Any) -> Any:
    flow = p.Flow("f")
    one = p.task(lambda: 1, name="one")(flow=flow)
    p.task(lambda x: x, name="two")(one, flow=flow)
    p.task(lambda x: x, name="m").map(one, flow=flow)
    return [_edges(flow), sorted(flow.slugs.values())]


@case
def set_upstream_and_downstream(p: Any) -> Any:
    a, b, c = (p.task(lambda x=0: x, name=n) for n in "abc")
    with p.Flow("f") as flow:
        returned = a.set_downstream(b)
        b.set_upstream(c, key="x")
        c.set_upstream(a, mapped=True)
    return [returned is a, _edges(flow)]


@case
def set_upstream_with_a_constant(p: Any) -> Any:
    a = p.task(lambda x=0: x, name="a")
    with p.Flow("f") as flow:
        a.set_upstream(5, key="x")
        a.set_upstream([1, p.task(lambda: 1, name="one")])
    return [_edges(flow), plain(flow.constants[a])]


@case
def set_dependencies(p: Any) -> Any:
    a, b, c, d = (p.task(lambda x=0: x, name=n) for n in "abcd")
    flow = p.Flow("f")
    returned = a.set_dependencies(
        flow=flow, upstream_tasks=[b], downstream_tasks=[c], keyword_tasks={"x": d}
    )
    return [
        returned is a,
        _edges(flow),
        raises(a.set_dependencies, flow=flow, keyword_tasks={"nope": d}).get("raised"),
    ]


@case
def shift_operators(p: Any) -> Any:
    a, b = (p.task(lambda: 1, name=n) for n in "ab")
    with p.Flow("f"):
        return [raised_type(lambda: a >> b), raised_type(lambda: a << b)]


@case
def bar_operator(p: Any) -> Any:
    a, b = (p.task(lambda: 1, name=n) for n in "ab")
    with p.Flow("f") as flow:
        returned = a | b
        other = None
    return [returned is b, _edges(flow), other]


@case
def operator_tasks(p: Any) -> Any:
    a, b = (p.task(lambda: 1, name=n) for n in "ab")
    with p.Flow("f") as flow:
        made = [
            a + b,
            a - 1,
            2 * a,
            a["k"],
            a & b,
            a > b,
            a.is_equal(b),
            a.not_(),
            a.or_(2),
            a == b,
            a != b,
            hash(a) == hash(a),
        ]
    return [[getattr(m, "name", m) for m in made], _edges(flow)]


@case
def comparing_tasks_outside_a_flow(p: Any) -> Any:
    a, b = p.Task(name="a"), p.Task(name="a")
    return [
        a == b,
        a == a,
        a != b,
        raises(lambda: a + 1).get("raised"),
        raises(lambda: a["x"]).get("raised"),
    ]


@case
def iterating_a_task(p: Any) -> Any:
    with p.Flow("f"):
        plain_task = p.task(lambda: (1, 2), name="t")()
        two = p.task(lambda: (1, 2), name="two", nout=2)()
        first = raised_type(list, plain_task)
        return [
            first,
            len(list(two)),
            [t.name for t in two],
            raises(len, two),
            raises(lambda: [*p.task(lambda: 1, name="z", nout=0)()]),
        ]


@case
def edges(p: Any) -> Any:
    Edge = p.module("core.edge").Edge
    a, b = p.task(lambda: 1, name="a"), p.task(lambda x=1: x, name="b")
    edge, keyed = Edge(a, b), Edge(a, b, key="x", mapped=True, flattened=True)
    return [
        repr(edge),
        repr(keyed),
        edge == Edge(a, b),
        edge == keyed,
        edge.key,
        edge.mapped,
        edge.flattened,
        keyed.mapped,
        keyed.flattened,
        sorted(t.name for t in edge.tasks),
        hash(edge) == hash(Edge(a, b)),
        raises(Edge, a, b, key="not valid"),
        raises(Edge, a, b, key=3).get("raised"),
        edge == 5,
        plain(
            {
                k: v
                for k, v in keyed.serialize().items()
                if k not in ("__version__", "upstream_task", "downstream_task")
            }
        ),
    ]


@case
def edge_identifier(p: Any) -> Any:
    valid = p.module("core.edge").is_valid_identifier
    return [valid(s) for s in ("a", "_a", "1a", "a b", "", "class", "é", "a.b")]


@case
def edge_annotations(p: Any) -> Any:
    module = p.module("utilities.edges")
    inner = module.flatten([1])
    return [
        module.unmapped(3).value,
        module.mapped([1]).value,
        inner.value,
        {k: plain(v) for k, v in module.unmapped(3).annotations.items()},
        {k: plain(v) for k, v in module.mapped(3).annotations.items()},
        {k: plain(v) for k, v in module.flatten(3).annotations.items()},
        module.unmapped(module.flatten([1])).value == [1],
        {k: plain(v) for k, v in module.mapped(module.flatten([1])).annotations.items()},
    ]


@case
def unmapped_in_a_plain_call(p: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="t")(p.unmapped(p.task(lambda: 1, name="a")()))
        p.task(lambda x: x, name="u")(p.flatten(p.task(lambda: [[1]], name="b")()))
        p.task(lambda x: x, name="v")(p.mapped(p.task(lambda: [1], name="c")()))
    return _edges(flow)


@case
def map_edges(p: Any) -> Any:
    with p.Flow("f") as flow:
        a, b = p.task(lambda: [1], name="a")(), p.task(lambda: [[2]], name="b")()
        p.task(lambda x, y, z: x, name="m").map(a, p.unmapped(b), z=p.flatten(b))
    return _edges(flow)


@case
def map_constants(p: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x, y, z=1: x, name="m").map([1, 2], p.unmapped(3), z="ab")
    return [
        _edges(flow),
        plain(flow.constants[m]),
        sorted([t.name, type(t).__name__] for t in flow.tasks),
    ]


@case
def map_of_unsubscriptable_constants(p: Any) -> Any:
    with p.Flow("f"):
        m = p.task(lambda x: x, name="m")
        return [raises(m.map, value).get("raised") for value in (5, None, {1, 2}, {"a": 1}, 1.5)]


@case
def pipe(p: Any) -> Any:
    add = p.task(lambda x, y=1: x + y, name="add")
    with p.Flow("f") as flow:
        last = add(1).pipe(add, y=5).pipe(add)
        p.task(lambda: [1], name="l")().pipe(p.mapped).pipe(add) if False else None
    return [last.name, _edges(flow)]


@case
def pipe_through_annotations(p: Any) -> Any:
    add = p.task(lambda x, y=1: x + y, name="add")
    with p.Flow("f") as flow:
        add([1]).pipe(p.flatten)
        add([1]).pipe(p.mapped).pipe(add)
        return [_edges(flow), raised_type(add(1).pipe, 5)]


@case
def collection_tasks(p: Any) -> Any:
    with p.Flow("f") as flow:
        one = p.task(lambda: 1, name="one")()
        t = p.task(lambda x: x, name="t")
        t([one, 2])
        t({"k": one})
        t((one,))
        t([[one], {"a": [one, 3]}])
    return [
        _edges(flow),
        sorted([type(x).__name__, x.name, x.auto_generated] for x in flow.tasks),
        {
            task.name + str(i): plain(values)
            for i, (task, values) in enumerate(
                sorted(flow.constants.items(), key=lambda kv: repr(kv))
            )
        },
    ]


@case
def slug_rules(p: Any) -> Any:
    with p.Flow("f") as flow:
        t = p.task(lambda: 1, name="t")
        s = p.task(lambda: 1, name="s", slug="fixed")
        made = [
            t(),
            t(),
            p.task(lambda: 1, name="t", tags=["b", "a"])(),
            s(),
            s,
            p.task(lambda: 1, name="a b")(),
            p.task(lambda: 1, name="t")(task_args={"slug": "mine"}),
        ]
        flow.add_task(s)
        again = raises(s).get("raised")
    return [again, [flow.slugs.get(m) for m in made]]


@case
def same_slug_twice_is_refused(p: Any) -> Any:
    flow = p.Flow("f")
    flow.add_task(p.Task(slug="x"))
    return [raises(flow.add_task, p.Task(slug="x")).get("raised")]


@case
def tasks_not_added_warn(p: Any) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with p.Flow("f"):
            p.Task(name="lost")
            p.Parameter("q")
    return [[w.category.__name__, "created but not added" in str(w.message)] for w in caught]


@case
def apply_map(p: Any) -> Any:
    add = p.task(lambda x, y: x + y, name="add")

    def both(x: Any, y: Any) -> Any:
        return add(x, 1), add(add(x, y), 2)

    with p.Flow("f") as flow:
        made = p.apply_map(both, [1, 2], p.unmapped(10))
    return [len(made), _edges(flow)]
