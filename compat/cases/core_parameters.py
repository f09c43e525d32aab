"""Parameters, constants, function tasks and conversion to tasks."""

from __future__ import annotations

import datetime
from typing import Any

from compat.harness import case, plain, raised_type, raises


@case
def parameter_serialize(p: Any) -> Any:
    found = p.Parameter("n", default=[1], tags=["t"]).serialize()
    return {k: plain(v) for k, v in found.items() if k != "__version__"}


@case
def parameters(p: Any) -> Any:
    a, b, c = p.Parameter("a"), p.Parameter("b", default=5), p.Parameter("c", required=False)
    return [
        [q.name, q.slug, q.required, plain(q.default) if q is not a else None, sorted(q.tags)]
        for q in (a, b, c)
    ] + [
        p.Parameter("d", default=None).required,
        p.Parameter("d", default=1, required=True).required,
    ]


@case
def parameter_errors(p: Any) -> Any:
    with p.Flow("f") as flow:
        flow.add_task(p.Parameter("q"))
        return [
            raised_type(flow.add_task, p.Parameter("q")),
            raises(p.Parameter("z").set_upstream, p.Task(), flow=flow),
            raised_type(p.Parameter, "bad", default=object()),
            raised_type(p.Parameter),
        ]


@case
def parameter_call_and_copy(p: Any) -> Any:
    q = p.Parameter("q", default=1)
    with p.Flow("f") as flow:
        called = q()
        same = called is q
    copied = q.copy("r")
    return [
        same,
        [t.name for t in flow.parameters()],
        copied.name,
        copied.default,
        copied.slug,
        raised_type(q.copy),
    ]


@case
def parameter_map_is_refused(p: Any) -> Any:
    with p.Flow("f"):
        return raised_type(p.Parameter("q").map, [1])


@case
def datetime_parameter(p: Any) -> Any:
    DateTimeParameter = p.module("core.parameter").DateTimeParameter
    a, b = DateTimeParameter("a"), DateTimeParameter("b", required=False)
    return [
        a.required,
        b.required,
        raised_type(DateTimeParameter, "c", default=3),
        raises(lambda: str(DateTimeParameter("d", default="2020-01-01", required=False).default)),
    ]


@case
def as_task(p: Any) -> Any:
    as_task = p.module("utilities.tasks").as_task
    flow = p.Flow("f")
    t = p.Task(name="t")
    values = [
        t,
        1,
        "s",
        None,
        [1, 2],
        (1,),
        {1},
        {"a": 1},
        [t, 1],
        (t,),
        {t},
        {"a": t},
        [[t]],
        p.unmapped(t),
        [],
        {},
    ]
    made = [as_task(v, flow=flow) for v in values]
    return [[type(m).__name__, m.name, m.auto_generated] for m in made] + [made[0] is t]


@case
def constant_task(p: Any) -> Any:
    Constant = p.module("tasks.core.constants").Constant
    c = Constant(5)
    return [
        c.name,
        c.value,
        c.run(),
        Constant([1], name="n").name,
        Constant("x" * 60).name,
        repr(Constant({"a": 1})),
        Constant(None).name,
    ]


@case
def function_task(p: Any) -> Any:
    FunctionTask = p.module("tasks.core.function").FunctionTask

    def f(a: int, b: int = 2) -> int:
        return a + b

    task = FunctionTask(f, name="x")
    return [
        task.name,
        task.run(1),
        FunctionTask(f).name,
        raised_type(FunctionTask, fn=5),
        raises(lambda: task.nothing).get("raised"),
    ]


@case
def defaults_from_attrs(p: Any) -> Any:
    decorate = p.module("utilities.tasks").defaults_from_attrs

    class Mine(p.Task):  # type: ignore[misc,name-defined]
        def __init__(self, a: Any = None, b: Any = None, **kwargs: Any) -> None:
            self.a, self.b = a, b
            super().__init__(**kwargs)

        @decorate("a", "b")
        def run(self, a: Any = None, b: Any = None, c: Any = 3) -> Any:
            return [a, b, c]

    def bad() -> Any:
        class Other(p.Task):  # type: ignore[misc,name-defined]
            @decorate("nope")
            def run(self, a: Any = None) -> Any:
                return a

        return Other().run()

    return [Mine(1, 2).run(), Mine(1, 2).run(a=5), Mine(1).run(b=0), raises(bad).get("raised")]


@case
def date_constant(p: Any) -> Any:
    with p.Flow("f") as flow:
        t = p.task(lambda d: d, name="t")(datetime.date(2020, 1, 2))
    return str(flow.constants[t]["d"])
