"""Tasks: arguments, names, copies, the decorator, pickling, errors."""

from __future__ import annotations

import pickle
import warnings
from datetime import timedelta
from typing import Any

from compat.harness import case, plain, raised_type, raises

ATTRIBUTES = [
    "name",
    "slug",
    "max_retries",
    "retry_delay",
    "timeout",
    "skip_on_upstream_skip",
    "cache_for",
    "cache_key",
    "checkpoint",
    "log_stdout",
    "target",
    "task_run_name",
    "nout",
    "auto_generated",
]


def _attributes(task: Any) -> Any:
    found = {name: plain(getattr(task, name)) for name in ATTRIBUTES}
    found["tags"] = sorted(task.tags)
    found["trigger"] = task.trigger.__name__
    found["cache_validator"] = task.cache_validator.__name__
    found["result"] = type(task.result).__name__
    found["state_handlers"] = len(task.state_handlers)
    return found


@case
def defaults(p: Any) -> Any:
    return [_attributes(p.Task()), _attributes(p.task(lambda: 1)), _attributes(p.Parameter("q"))]


@case
def all_arguments(p: Any) -> Any:
    task = p.Task(
        name="n",
        slug="s",
        tags=["a", "b"],
        max_retries=2,
        retry_delay=timedelta(seconds=3),
        timeout=4,
        trigger=p.triggers.any_failed,
        skip_on_upstream_skip=False,
        cache_for=timedelta(1),
        cache_key="k",
        checkpoint=True,
        state_handlers=[print],
        on_failure=print,
        log_stdout=True,
        target="t",
        task_run_name="r",
        nout=2,
    )
    return _attributes(task)


@case
def names(p: Any) -> Any:
    class MyTask(p.Task):  # type: ignore[misc,name-defined]
        pass

    def function() -> None:
        return None

    return [
        MyTask().name,
        MyTask(name="x").name,
        p.task(function).name,
        p.task(lambda: 1).name,
        p.task(function, name="other").name,
        repr(MyTask()),
        str(MyTask(name="q")),
        repr(p.Parameter("z")),
    ]


@case(
    differs="A timeout below one second is rounded up to one second, not down to none (promise 6).",
)
def timeout_types(p: Any) -> Any:
    return [
        raised_type(p.Task, timeout=1.5),
        raised_type(p.Task, timeout="1"),
        raises(p.Task(timeout=timedelta(seconds=2)).__getattribute__, "timeout"),
        raises(lambda: p.Task(timeout=timedelta(seconds=2.5)).timeout),
        raises(lambda: p.Task(timeout=timedelta(milliseconds=500)).timeout),
    ]


@case
def tags_types(p: Any) -> Any:
    tags = p.module("utilities.tasks").tags
    with tags("outer", "a"):
        inside = p.Task(tags=["a", "b"])
        with tags("inner"):
            deeper = p.Task()
    return [
        raises(p.Task, tags="text"),
        sorted(p.Task(tags={"x"}).tags),
        sorted(inside.tags),
        sorted(deeper.tags),
        sorted(p.Task().tags),
    ]


@case(
    differs="A negative number of retries is refused where it is written (promise 5).",
)
def retry_arguments(p: Any) -> Any:
    return [
        raises(p.Task, max_retries=1),
        raises(p.Task, retry_delay=timedelta(1)),
        raises(p.Task, max_retries=0, retry_delay=timedelta(1)),
        raised_type(p.Task, retry_on=ValueError),
        raised_type(p.Task, retry_on="x", max_retries=1, retry_delay=timedelta(0)),
        raised_type(p.Task, retry_on=[1], max_retries=1, retry_delay=timedelta(0)),
        raised_type(p.Task, max_retries=-1),
    ]


@case
def retry_on_is_kept(p: Any) -> Any:
    task = p.Task(retry_on=[ValueError, KeyError], max_retries=1, retry_delay=timedelta(0))
    one = p.Task(retry_on=ValueError, max_retries=1, retry_delay=timedelta(0))
    return [
        sorted(c.__name__ for c in task.retry_on),
        sorted(c.__name__ for c in one.retry_on),
        p.Task().retry_on,
    ]


@case
def cache_arguments(p: Any) -> Any:
    def warned(**kwargs: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            task = p.Task(**kwargs)
        return [[w.category.__name__ for w in caught], task.cache_validator.__name__]

    validators = p.module("engine.cache_validators")
    return [
        warned(cache_validator=validators.all_inputs),
        warned(cache_for=timedelta(1)),
        warned(cache_for=timedelta(1), cache_validator=validators.all_inputs),
        warned(),
    ]


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
def copy_with_attributes(p: Any) -> Any:
    task = p.task(lambda x: x, name="t")
    copied = task.copy(name="u", timeout=3)
    return [
        copied.name,
        copied.timeout,
        task.name,
        copied is task,
        type(copied).__name__,
        raises(task.copy, nope=1),
        copied.run(4),
    ]


@case
def copy_is_shallow_but_separate(p: Any) -> Any:
    task = p.Task(name="t", tags=["a"], state_handlers=[print])
    copied = task.copy()
    copied.tags.add("b")
    copied.state_handlers.append(len)
    return [sorted(task.tags), len(task.state_handlers), sorted(copied.tags)]


@case
def nout_from_annotations(p: Any) -> Any:

    def two() -> tuple[int, str]:
        return 1, "a"

    def many() -> tuple[int, ...]:
        return (1,)

    def none() -> tuple[()]:
        return ()

    def bare() -> tuple:  # type: ignore[type-arg]
        return ()

    for function, returns in ((two, tuple[int, str]), (many, tuple[int, ...]), (bare, tuple)):
        function.__annotations__["return"] = returns
    none.__annotations__["return"] = tuple[()]

    class Pair(p.Task):  # type: ignore[misc,name-defined]
        def run(self) -> Any:
            return 1, 2

    Pair.run.__annotations__["return"] = tuple[int, int]
    return [
        p.task(two).nout,
        p.task(many).nout,
        p.task(bare).nout,
        p.task(none).nout,
        Pair().nout,
        p.task(two, nout=5).nout,
        raised_type(p.Task, nout=-1),
        raised_type(p.Task, nout="x"),
    ]


@case
def inputs_and_outputs(p: Any) -> Any:
    def function(a: int, b: str = "x", *, c: Any = None) -> float:
        return 1.0

    function.__annotations__.update({"a": int, "b": str, "c": Any, "return": float})
    task = p.task(function)
    return [
        {k: [str(v["type"]), v["required"], plain(v["default"])] for k, v in task.inputs().items()},
        str(task.outputs()),
        plain(p.task(lambda x: x).inputs()["x"]["required"]),
        str(p.task(lambda x: x).outputs()),
        p.Task().inputs(),
        plain(p.Parameter("q", default=4).inputs()),
    ]


@case
def task_serialize(p: Any) -> Any:
    found = p.Task(
        name="n", slug="s", tags=["b"], max_retries=1, retry_delay=timedelta(5), timeout=3
    ).serialize()
    return {k: plain(v) for k, v in found.items() if k != "__version__"}


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

    return [
        bare.name,
        empty.name,
        given.name,
        type(bare).__name__,
        bare.run(3),
        bare.__doc__,
        raised_type(p.task, 5),
        raised_type(p.task(bare).run) if False else None,
    ]


@case
def task_decorator_on_a_class(p: Any) -> Any:
    class Callable:
        def __call__(self, x: int) -> int:
            return x

    import functools

    return [
        raises(p.task, Callable()).get("raised"),
        raises(p.task, functools.partial(len, "a")).get("raised"),
        raises(p.task, len).get("raised"),
        p.task(Callable(), name="c").run(3),
    ]


@case
def decorated_method(p: Any) -> Any:
    class Holder:
        def method(self, x: int) -> int:
            return x + 1

    task = p.task(Holder().method)
    return [task.name, task.run(1)]


@case(
    differs="Arguments of a wrong type are refused where they are written (promise 5).",
)
def task_attributes_that_are_wrong(p: Any) -> Any:
    return [
        raised_type(p.Task, trigger=5),
        raised_type(p.Task, unknown=1),
        raised_type(p.Task, name=5),
        raised_type(p.Task, cache_for=5),
        raised_type(p.Task, on_failure=5),
        raised_type(p.Task, nout=1.5),
    ]


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
    return [copied.value, copied.name, copied.max_retries, copied.run(2), task.copy(value=9).run(0)]


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
