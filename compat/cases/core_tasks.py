"""Task, Parameter, Edge and the decorator: arguments, copies, binding, names, errors."""

from __future__ import annotations

import datetime
import pickle
import warnings
from datetime import timedelta
from typing import Any

from compat.harness import case, plain, raised_type, raises

ATTRIBUTES = (
    "name slug max_retries retry_delay timeout skip_on_upstream_skip cache_for cache_key "
    "checkpoint log_stdout target task_run_name nout auto_generated"
).split()


def _attributes(task: Any) -> Any:
    found = {name: plain(getattr(task, name)) for name in ATTRIBUTES}
    found["tags"] = sorted(task.tags)
    found["trigger"] = task.trigger.__name__
    found["cache_validator"] = task.cache_validator.__name__
    found["result"] = type(task.result).__name__
    found["state_handlers"] = len(task.state_handlers)
    return found


def _edges(flow: Any) -> Any:
    return sorted(
        [e.upstream_task.name, e.downstream_task.name, e.key or "", e.mapped, e.flattened]
        for e in flow.edges
    )


@case
def defaults(p: Any) -> Any:
    return [_attributes(p.Task()), _attributes(p.task(lambda: 1)), _attributes(p.Parameter("q"))]


@case
def all_arguments(p: Any) -> Any:
    task = p.Task(
        name="n", slug="s", tags=["a", "b"], max_retries=2, retry_delay=timedelta(seconds=3),
        timeout=4, trigger=p.triggers.any_failed, skip_on_upstream_skip=False,
        cache_for=timedelta(1), cache_key="k", checkpoint=True, state_handlers=[print],
        on_failure=print, log_stdout=True, target="t", task_run_name="r", nout=2,
    )
    return _attributes(task)


@case
def names(p: Any) -> Any:
    class MyTask(p.Task):  # type: ignore[misc,name-defined]
        pass

    def function() -> None:
        return None

    return [MyTask().name, MyTask(name="x").name, p.task(function).name, p.task(lambda: 1).name,
            p.task(function, name="other").name, repr(MyTask()), str(MyTask(name="q")),
            repr(p.Parameter("z"))]


@case(
    differs="A timeout below one second is rounded up to one second, not down to none (promise "
    "6).",
)
def timeout_types(p: Any) -> Any:
    return [raised_type(p.Task, timeout=1.5), raised_type(p.Task, timeout="1"),
            raises(p.Task(timeout=timedelta(seconds=2)).__getattribute__, "timeout"),
            raises(lambda: p.Task(timeout=timedelta(seconds=2.5)).timeout),
            raises(lambda: p.Task(timeout=timedelta(milliseconds=500)).timeout)]


@case
def tags_types(p: Any) -> Any:
    tags = p.module("utilities.tasks").tags
    with tags("outer", "a"):
        inside = p.Task(tags=["a", "b"])
        with tags("inner"):
            deeper = p.Task()
    return [raises(p.Task, tags="text"), sorted(p.Task(tags={"x"}).tags), sorted(inside.tags),
            sorted(deeper.tags), sorted(p.Task().tags)]


@case(
    differs="A negative number of retries is refused where it is written (promise 5).",
)
def retry_arguments(p: Any) -> Any:
    return [raises(p.Task, max_retries=1), raises(p.Task, retry_delay=timedelta(1)),
            raises(p.Task, max_retries=0, retry_delay=timedelta(1)),
            raised_type(p.Task, retry_on=ValueError),
            raised_type(p.Task, retry_on="x", max_retries=1, retry_delay=timedelta(0)),
            raised_type(p.Task, retry_on=[1], max_retries=1, retry_delay=timedelta(0)),
            raised_type(p.Task, max_retries=-1)]


@case
def retry_on_is_kept(p: Any) -> Any:
    task = p.Task(retry_on=[ValueError, KeyError], max_retries=1, retry_delay=timedelta(0))
    one = p.Task(retry_on=ValueError, max_retries=1, retry_delay=timedelta(0))
    return [sorted(c.__name__ for c in task.retry_on), sorted(c.__name__ for c in one.retry_on),
            p.Task().retry_on]


@case
def cache_arguments(p: Any) -> Any:
    def warned(**kwargs: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            task = p.Task(**kwargs)
        return [[w.category.__name__ for w in caught], task.cache_validator.__name__]

    validators = p.module("engine.cache_validators")
    return [warned(cache_validator=validators.all_inputs), warned(cache_for=timedelta(1)),
            warned(cache_for=timedelta(1), cache_validator=validators.all_inputs), warned()]


@case
def reserved_and_star_arguments(p: Any) -> Any:
    def star(*args: Any) -> None:
        return None

    def mapped(mapped: Any) -> None:
        return None

    def upstream(upstream_tasks: Any) -> None:
        return None

    def task_args(task_args: Any) -> None:
        return None

    def flow(flow: Any) -> None:
        return None

    return [raises(p.task, f).get("raised") for f in (star, mapped, upstream, task_args, flow)]


@case
def star_arguments_in_a_class(p: Any) -> Any:
    def define() -> Any:
        class Star(p.Task):  # type: ignore[misc,name-defined]
            def run(self, *args: Any) -> None:
                return None

        return Star()

    return raised_type(define)


@case
def run_method_can_be_called(p: Any) -> Any:
    class Add(p.Task):  # type: ignore[misc,name-defined]
        def run(self, x: int, y: int = 2) -> int:
            return x + y

    return [Add().run(1), p.task(lambda x: x * 2).run(4), p.Task().run()]


@case
def call_outside_a_flow(p: Any) -> Any:
    task = p.task(lambda x: x, name="t")
    return [raises(task, 1), raises(task.bind, 1), raises(task.map, [1]),
            raises(task.set_upstream, task), raises(task.set_downstream, task),
            raises(task.set_dependencies)]


@case
def call_makes_a_copy(p: Any) -> Any:
    task = p.task(lambda x: x, name="t", tags=["a"])
    with p.Flow("f") as flow:
        one, two = task(1), task(2)
    return [one is task, one == two, one.name, sorted(one.tags), task in flow.tasks,
            sorted(flow.slugs.values()), plain(flow.constants[one]), one.slug]


@case
def call_with_task_args(p: Any) -> Any:
    with p.Flow("f"):
        made = p.task(lambda x: x, name="t")(1, task_args={"name": "u", "max_retries": 3,
                                                           "retry_delay": timedelta(1)})
    return [made.name, made.max_retries, plain(made.retry_delay)]


@case
def copy_with_attributes(p: Any) -> Any:
    task = p.task(lambda x: x, name="t")
    copied = task.copy(name="u", timeout=3)
    return [copied.name, copied.timeout, task.name, copied is task, type(copied).__name__,
            raises(task.copy, nope=1), copied.run(4)]


@case
def copy_is_shallow_but_separate(p: Any) -> Any:
    task = p.Task(name="t", tags=["a"], state_handlers=[print])
    copied = task.copy()
    copied.tags.add("b")
    copied.state_handlers.append(len)
    return [sorted(task.tags), len(task.state_handlers), sorted(copied.tags)]


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
    return [returned is a, _edges(flow), raises(a.set_dependencies, flow=flow,
                                               keyword_tasks={"nope": d}).get("raised")]


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
        made = [a + b, a - 1, 2 * a, a["k"], a & b, a > b, a.is_equal(b), a.not_(), a.or_(2),
                a == b, a != b, hash(a) == hash(a)]
    return [[getattr(m, "name", m) for m in made], _edges(flow)]


@case
def comparing_tasks_outside_a_flow(p: Any) -> Any:
    a, b = p.Task(name="a"), p.Task(name="a")
    return [a == b, a == a, a != b, raises(lambda: a + 1).get("raised"),
            raises(lambda: a["x"]).get("raised")]


@case
def iterating_a_task(p: Any) -> Any:
    with p.Flow("f"):
        plain_task = p.task(lambda: (1, 2), name="t")()
        two = p.task(lambda: (1, 2), name="two", nout=2)()
        first = raised_type(list, plain_task)
        return [first, len(list(two)), [t.name for t in two], raises(len, two),
                raises(lambda: [*p.task(lambda: 1, name="z", nout=0)()])]


@case
def nout_from_annotations(p: Any) -> Any:
    from typing import Tuple

    def two() -> Tuple[int, str]:
        return 1, "a"

    def many() -> Tuple[int, ...]:
        return (1,)

    def none() -> Tuple[()]:
        return ()

    def bare() -> tuple:  # type: ignore[type-arg]
        return ()

    for function, returns in ((two, Tuple[int, str]), (many, Tuple[int, ...]), (bare, tuple)):
        function.__annotations__["return"] = returns
    none.__annotations__["return"] = Tuple[()]
    class Pair(p.Task):  # type: ignore[misc,name-defined]
        def run(self) -> Any:
            return 1, 2

    Pair.run.__annotations__["return"] = Tuple[int, int]
    return [p.task(two).nout, p.task(many).nout, p.task(bare).nout, p.task(none).nout,
            Pair().nout, p.task(two, nout=5).nout, raised_type(p.Task, nout=-1),
            raised_type(p.Task, nout="x")]


@case
def inputs_and_outputs(p: Any) -> Any:
    def function(a: int, b: str = "x", *, c: Any = None) -> float:
        return 1.0

    function.__annotations__.update({"a": int, "b": str, "c": Any, "return": float})
    task = p.task(function)
    return [{k: [str(v["type"]), v["required"], plain(v["default"])]
             for k, v in task.inputs().items()},
            str(task.outputs()), plain(p.task(lambda x: x).inputs()["x"]["required"]),
            str(p.task(lambda x: x).outputs()), p.Task().inputs(),
            plain(p.Parameter("q", default=4).inputs())]


@case
def task_serialize(p: Any) -> Any:
    found = p.Task(name="n", slug="s", tags=["b"], max_retries=1, retry_delay=timedelta(5),
                   timeout=3).serialize()
    return {k: plain(v) for k, v in found.items() if k != "__version__"}


@case
def parameter_serialize(p: Any) -> Any:
    found = p.Parameter("n", default=[1], tags=["t"]).serialize()
    return {k: plain(v) for k, v in found.items() if k != "__version__"}


@case
def parameters(p: Any) -> Any:
    a, b, c = p.Parameter("a"), p.Parameter("b", default=5), p.Parameter("c", required=False)
    return [[q.name, q.slug, q.required, plain(q.default) if q is not a else None,
             sorted(q.tags)] for q in (a, b, c)] + [
        p.Parameter("d", default=None).required, p.Parameter("d", default=1, required=True).required]


@case
def parameter_errors(p: Any) -> Any:
    with p.Flow("f") as flow:
        flow.add_task(p.Parameter("q"))
        return [raised_type(flow.add_task, p.Parameter("q")),
                raises(p.Parameter("z").set_upstream, p.Task(), flow=flow),
                raised_type(p.Parameter, "bad", default=object()),
                raised_type(p.Parameter)]


@case
def parameter_call_and_copy(p: Any) -> Any:
    q = p.Parameter("q", default=1)
    with p.Flow("f") as flow:
        called = q()
        same = called is q
    copied = q.copy("r")
    return [same, [t.name for t in flow.parameters()], copied.name, copied.default, copied.slug,
            raised_type(q.copy)]


@case
def parameter_map_is_refused(p: Any) -> Any:
    with p.Flow("f"):
        return raised_type(p.Parameter("q").map, [1])


@case
def datetime_parameter(p: Any) -> Any:
    DateTimeParameter = p.module("core.parameter").DateTimeParameter
    a, b = DateTimeParameter("a"), DateTimeParameter("b", required=False)
    return [a.required, b.required, raised_type(DateTimeParameter, "c", default=3),
            raises(lambda: str(DateTimeParameter("d", default="2020-01-01", required=False).default))]


@case
def task_decorator(p: Any) -> Any:
    @p.task
    def bare(x: int) -> int:
        """Words."""
        return x

    @p.task()
    def empty() -> None:
        return None

    @p.task(name="given", tags=["t"])
    def given() -> None:
        return None

    return [bare.name, empty.name, given.name, type(bare).__name__, bare.run(3), bare.__doc__,
            raised_type(p.task, 5), raised_type(p.task(bare).run) if False else None]


@case
def task_decorator_on_a_class(p: Any) -> Any:
    class Callable:
        def __call__(self, x: int) -> int:
            return x

    import functools

    return [raises(p.task, Callable()).get("raised"),
            raises(p.task, functools.partial(len, "a")).get("raised"),
            raises(p.task, len).get("raised"), p.task(Callable(), name="c").run(3)]


@case
def decorated_method(p: Any) -> Any:
    class Holder:
        def method(self, x: int) -> int:
            return x + 1

    task = p.task(Holder().method)
    return [task.name, task.run(1)]


@case
def as_task(p: Any) -> Any:
    as_task = p.module("utilities.tasks").as_task
    flow = p.Flow("f")
    t = p.Task(name="t")
    values = [t, 1, "s", None, [1, 2], (1,), {1}, {"a": 1}, [t, 1], (t,), {t}, {"a": t},
              [[t]], p.unmapped(t), [], {}]
    made = [as_task(v, flow=flow) for v in values]
    return [[type(m).__name__, m.name, m.auto_generated] for m in made] + [made[0] is t]


@case
def edges(p: Any) -> Any:
    Edge = p.module("core.edge").Edge
    a, b = p.task(lambda: 1, name="a"), p.task(lambda x=1: x, name="b")
    edge, keyed = Edge(a, b), Edge(a, b, key="x", mapped=True, flattened=True)
    return [repr(edge), repr(keyed), edge == Edge(a, b), edge == keyed, edge.key, edge.mapped,
            edge.flattened, keyed.mapped, keyed.flattened, sorted(t.name for t in edge.tasks),
            hash(edge) == hash(Edge(a, b)), raises(Edge, a, b, key="not valid"),
            raises(Edge, a, b, key=3).get("raised"), edge == 5,
            plain({k: v for k, v in keyed.serialize().items() if k not in ("__version__",
                   "upstream_task", "downstream_task")})]


@case
def edge_identifier(p: Any) -> Any:
    valid = p.module("core.edge").is_valid_identifier
    return [valid(s) for s in ("a", "_a", "1a", "a b", "", "class", "é", "a.b")]


@case
def edge_annotations(p: Any) -> Any:
    module = p.module("utilities.edges")
    inner = module.flatten([1])
    return [module.unmapped(3).value, module.mapped([1]).value, inner.value,
            {k: plain(v) for k, v in module.unmapped(3).annotations.items()},
            {k: plain(v) for k, v in module.mapped(3).annotations.items()},
            {k: plain(v) for k, v in module.flatten(3).annotations.items()},
            module.unmapped(module.flatten([1])).value == [1],
            {k: plain(v) for k, v in module.mapped(module.flatten([1])).annotations.items()}]


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
    return [_edges(flow), plain(flow.constants[m]),
            sorted([t.name, type(t).__name__] for t in flow.tasks)]


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
    return [_edges(flow), sorted([type(x).__name__, x.name, x.auto_generated] for x in flow.tasks),
            {task.name + str(i): plain(values) for i, (task, values) in
             enumerate(sorted(flow.constants.items(), key=lambda kv: repr(kv)))}]


@case
def constant_task(p: Any) -> Any:
    Constant = p.module("tasks.core.constants").Constant
    c = Constant(5)
    return [c.name, c.value, c.run(), Constant([1], name="n").name, Constant("x" * 60).name,
            repr(Constant({"a": 1})), Constant(None).name]


@case
def function_task(p: Any) -> Any:
    FunctionTask = p.module("tasks.core.function").FunctionTask

    def f(a: int, b: int = 2) -> int:
        return a + b

    task = FunctionTask(f, name="x")
    return [task.name, task.run(1), FunctionTask(f).name, raised_type(FunctionTask, fn=5),
            raises(lambda: task.nothing).get("raised")]


@case(
    differs="Arguments of a wrong type are refused where they are written (promise 5).",
)
def task_attributes_that_are_wrong(p: Any) -> Any:
    return [raised_type(p.Task, trigger=5), raised_type(p.Task, unknown=1),
            raised_type(p.Task, name=5), raised_type(p.Task, cache_for=5),
            raised_type(p.Task, on_failure=5), raised_type(p.Task, nout=1.5)]


@case
def subclass_with_init(p: Any) -> Any:
    class Mine(p.Task):  # type: ignore[misc,name-defined]
        def __init__(self, value: int, **kwargs: Any) -> None:
            self.value = value
            super().__init__(**kwargs)

        def run(self, x: int) -> int:
            return self.value + x

    task = Mine(3, name="m", max_retries=1, retry_delay=timedelta(1))
    with p.Flow("f"):
        copied = task(1)
    return [copied.value, copied.name, copied.max_retries, copied.run(2),
            task.copy(value=9).run(0)]


@case
def subclass_without_super_init(p: Any) -> Any:
    class Bad(p.Task):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.x = 1

    with p.Flow("f") as flow:
        return raised_type(lambda: flow.add_task(Bad()))


@case
def pickling_tasks(p: Any) -> Any:
    task = pickle.loads(pickle.dumps(p.Task(name="n", tags=["a"], timeout=4)))
    q = pickle.loads(pickle.dumps(p.Parameter("q", default=3)))
    return [task.name, sorted(task.tags), task.timeout, q.name, q.default]


@case
def cloudpickling_a_function_task(p: Any) -> Any:
    import cloudpickle

    task = cloudpickle.loads(cloudpickle.dumps(p.task(lambda x: x + 1, name="n")))
    return [task.name, task.run(2)]


@case
def task_in_a_set_and_dict(p: Any) -> Any:
    a, b = p.Task(name="a"), p.Task(name="a")
    return [len({a, b, a}), {a: 1, b: 2}[b], a in [b], bool(a)]


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
def slug_rules(p: Any) -> Any:
    with p.Flow("f") as flow:
        t = p.task(lambda: 1, name="t")
        s = p.task(lambda: 1, name="s", slug="fixed")
        made = [t(), t(), p.task(lambda: 1, name="t", tags=["b", "a"])(), s(), s,
                p.task(lambda: 1, name="a b")(), p.task(lambda: 1, name="t")(task_args={
                    "slug": "mine"})]
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


@case
def date_constant(p: Any) -> Any:
    with p.Flow("f") as flow:
        t = p.task(lambda d: d, name="t")(datetime.date(2020, 1, 2))
    return str(flow.constants[t]["d"])
