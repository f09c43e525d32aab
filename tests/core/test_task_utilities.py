"""The decorator, tags, mapped functions, pauses and defaults from attributes."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any, NamedTuple, Optional, Tuple  # noqa: UP035 - users write these too
from unittest import mock

import pendulum
import pytest

import prefectlite
from prefectlite import Flow, Parameter, Task, flatten, mapped, tags, task, unmapped
from prefectlite.core.edge import Edge
from prefectlite.engine.signals import PAUSE
from prefectlite.tasks.core.function import FunctionTask
from prefectlite.utilities.tasks import apply_map, defaults_from_attrs, pause_task


@task
def one() -> Any:
    return 1


@task
def increment(x: Any) -> Any:
    return x + 1


@task
def add(x: Any, y: Any = 2) -> Any:
    return x + y


class Pair(NamedTuple):
    x: int
    y: int


class TestDecorator:
    def test_without_arguments(self) -> None:
        @task
        def load(x: int) -> int:
            """What it does."""
            return x

        assert isinstance(load, FunctionTask)
        assert (load.name, load.__doc__) == ("load", "What it does.")
        assert load.__wrapped__ is load.run  # type: ignore[attr-defined]
        assert load.run(3) == 3

    def test_with_arguments(self) -> None:
        @task(name="n", tags=["a"], nout=2)
        def load() -> Any: ...

        assert (load.name, load.tags, load.nout) == ("n", {"a"}, 2)
        assert task()(lambda: 1).name == "<lambda>"
        assert task(lambda: 1, name="n").name == "n"

    def test_unknown_arguments(self) -> None:
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'retries'"):
            task(retries=3)(lambda: 1)

    @pytest.mark.parametrize("value", [3, "load"])
    def test_what_is_no_function(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"`fn` must be callable; .*@task\(name="):
            task(value)

    def test_a_task(self) -> None:
        refused = pytest.raises(TypeError, match=r"<Task: one> is a task already.*one.copy")
        with pytest.warns(UserWarning, match=r"A Task was passed"), refused:
            task(one)

    def test_other_callables(self) -> None:
        class Adder:
            def __init__(self, y: int) -> None:
                self.y = y

            def __call__(self, x: int) -> int:
                return x + self.y

            def method(self, x: int) -> int:
                return x - self.y

            @staticmethod
            def static(x: int) -> int:
                return x

        partial = task(functools.partial(add.run, 1))
        assert (partial.name, list(partial.inputs())) == ("FunctionTask", ["y"])
        called = task(Adder(1))
        assert (called.name, list(called.inputs()), called.run(1)) == ("FunctionTask", ["x"], 2)
        method = task(Adder(1).method)
        assert (method.name, list(method.inputs()), method.run(1)) == ("method", ["x"], 0)
        assert list(task(Adder.method).inputs()) == ["self", "x"]
        assert list(task(Adder.static).inputs()) == ["x"]
        assert (task(Adder).name, list(task(Adder).inputs())) == ("Adder", ["y"])

    def test_callables_without_a_hash(self) -> None:
        class Unhashable:
            __hash__ = None  # type: ignore[assignment]

            def __call__(self, x: int) -> int:
                return x

        assert list(task(Unhashable()).inputs()) == ["x"]

    def test_attributes_of_the_function_are_no_settings(self) -> None:
        def load() -> None: ...

        load.tags = {"not a setting"}  # type: ignore[attr-defined]
        assert task(load).tags == set()

    def test_refused_signatures(self) -> None:
        def variable(*args: Any) -> None: ...
        def reserved(mapped: Any) -> None: ...
        def positional(a: Any, /, b: Any) -> None: ...

        with pytest.raises(ValueError, match=r"\(\*args\) are not supported.*'variable'"):
            task(variable)
        with pytest.raises(ValueError, match=r"names: mapped\. .*'reserved'"):
            task(reserved)
        with pytest.raises(TypeError, match=r"positional-only .*positional: \['a'\]"):
            task(positional)

    def test_a_mock_in_the_place_of_run(self) -> None:
        class Multiply(Task):
            def run(self, x: int, y: int) -> int:
                return x * y

        with mock.patch.object(Multiply, "run", return_value=7) as run:
            with Flow("f") as flow:
                result = Multiply()(x=2, y=3)
            state = flow.run()
        assert state is not None
        assert state.result[result].result == 7
        run.assert_called_once_with(x=2, y=3)


class TestNumberOfResults:
    @pytest.mark.parametrize(
        ("annotation", "nout"),
        [
            (Tuple[int, str], 2),  # noqa: UP006
            (tuple[int, str, int], 3),
            (tuple[int], 1),
            (tuple[()], 0),
            (Tuple[()], 0),  # noqa: UP006
            ("tuple[int, str]", 2),
            ("Tuple[int, 'str']", 2),
            ("Tuple[Unknown, int]", None),
            (tuple[int, ...], None),
            (Tuple, None),  # noqa: UP006
            (tuple, None),
            (Optional[Tuple[int, str]], None),  # noqa: UP006, UP045
            (list[int], None),
            (Pair, None),
            ("int", None),
            (None, None),
        ],
    )
    def test_annotations(self, annotation: Any, nout: int | None) -> None:
        def load() -> None: ...

        load.__annotations__["return"] = annotation
        assert task(load).nout == nout
        assert task(load, nout=5).nout == 5

    def test_of_a_class(self) -> None:
        class Split(Task):
            def run(self) -> tuple[int, str]:
                return 1, ""

        assert Split().nout == 2


def test_tags() -> None:
    with tags("a", "b"):
        with tags("c"):
            assert prefectlite.context.tags == {"a", "b", "c"}
            inner = Task()
        copied = one.copy()
    assert (inner.tags, copied.tags, one.tags) == ({"a", "b", "c"}, {"a", "b"}, set())


class TestApplyMap:
    @staticmethod
    def edges(flow: Flow) -> set[tuple[Any, ...]]:
        return {
            (e.upstream_task.name, e.downstream_task.name, e.key, e.mapped, e.flattened)
            for e in flow.edges
        }

    def test_all_tasks_of_the_function_are_mapped(self) -> None:
        with Flow("f") as flow:
            result = apply_map(lambda x: increment(add(x, y=4)), [1, 2, 3])
        assert result.name == "increment"
        assert self.edges(flow) == {
            ("Constant[list]", "add", "x", True, False),
            ("add", "increment", "x", True, False),
        }
        assert {"y": 4} in flow.constants.values()

    def test_marks(self) -> None:
        def build(x: Any, y: Any, z: Any) -> Any:
            return add(x, y), increment(z)

        with Flow("f") as flow:
            apply_map(build, mapped(one), unmapped(one.copy(name="whole")), z=flatten([[1]]))
        assert self.edges(flow) == {
            ("one", "add", "x", True, False),
            ("whole", "add", "y", False, False),
            ("[[1]]", "add", None, True, True),
            ("one", "increment", None, True, False),
            ("whole", "increment", None, False, False),
            ("[[1]]", "increment", "x", True, True),
        }

    def test_plain_values_that_are_not_mapped(self) -> None:
        with Flow("f") as flow:
            result = apply_map(lambda x, y: add(x, y), [1, 2], unmapped(3))
        assert flow.constants == {result: {"y": 3}}
        assert self.edges(flow) == {("[1, 2]", "add", "x", True, False)}

    def test_tasks_without_arguments_wait_and_are_mapped_too(self) -> None:
        with Flow("f") as flow:
            apply_map(lambda x: increment(x, upstream_tasks=[one()]), [1, 2])
        assert self.edges(flow) == {
            ("[1, 2]", "one", None, True, False),
            ("[1, 2]", "increment", "x", True, False),
            ("one", "increment", None, True, False),
        }

    def test_operators_and_collections(self) -> None:
        with Flow("f") as flow:
            apply_map(lambda x: increment([x + 1, 5]), [1, 2])
        assert self.edges(flow) == {
            ("[1, 2]", "Add", "x", True, False),
            ("Add", "List", "arg_1", True, False),
            ("List", "increment", "x", True, False),
        }

    def test_returns_what_the_function_returns(self) -> None:
        with Flow("f"):
            made = apply_map(lambda x: {"a": increment(x), "b": [add(x)]}, [1, 2])
            assert (made["a"].name, made["b"][0].name) == ("increment", "add")
            assert apply_map(lambda x: 3, [1]) == 3

    def test_a_task_in_the_place_of_a_function(self) -> None:
        with Flow("f") as flow:
            apply_map(increment, [1, 2])
        assert self.edges(flow) == {("[1, 2]", "increment", "x", True, False)}

    def test_results_can_be_mapped_again(self) -> None:
        with Flow("f") as flow:
            apply_map(increment, apply_map(add, one()))
        assert self.edges(flow) == {
            ("one", "add", "x", True, False),
            ("add", "increment", "x", True, False),
        }

    def test_a_flow_can_be_given(self) -> None:
        flow = Flow("f")
        apply_map(lambda x, flow: increment(x, flow=flow), [1, 2], flow=flow)
        assert self.edges(flow) == {("[1, 2]", "increment", "x", True, False)}

    def test_another_flow_inside_is_left_alone(self) -> None:
        inner = Flow("inner")

        def build(x: Any) -> Any:
            add(one, flow=inner)
            return increment(x)

        with Flow("f"):
            apply_map(build, [1, 2])
        assert self.edges(inner) == {("one", "add", "x", False, False)}

    def test_without_a_flow(self) -> None:
        with pytest.raises(ValueError, match=r"Couldn't infer a flow"):
            apply_map(increment, [1])

    def test_what_has_no_elements(self) -> None:
        with Flow("f"), pytest.raises(TypeError, match=r"non-sequence .*`int`.*unmapped"):
            apply_map(increment, 3)

    @pytest.mark.parametrize(
        "build",
        [increment.map, lambda x: apply_map(increment, x), lambda x: increment(x, mapped=True)],
    )
    def test_a_map_inside(self, build: Any) -> None:
        flow = Flow("f")
        with prefectlite.context(flow=flow), pytest.raises(ValueError, match=r"inside a mapped co"):
            apply_map(build, [[1], [2]])
        assert increment.map([1], flow=flow) in flow.tasks

    def test_a_parameter_inside(self) -> None:
        flow = Flow("f")
        with prefectlite.context(flow=flow), pytest.raises(ValueError, match=r"must be root tasks"):
            apply_map(lambda x: add(x, Parameter("p")), [1])


class TestPause:
    def test_signal(self) -> None:
        with pytest.raises(PAUSE) as caught:
            pause_task("wait", duration=timedelta(hours=1))
        state = caught.value.state
        assert state.message == "wait"
        waiting = state.start_time - pendulum.now("utc")  # type: ignore[attr-defined]
        assert timedelta(minutes=59) < waiting <= timedelta(hours=1)

    def test_default_message(self) -> None:
        with pytest.raises(PAUSE, match=r"Pause signal raised"):
            pause_task()

    def test_a_resumed_run_goes_on(self) -> None:
        with prefectlite.context(resume=True):
            pause_task("wait")


class TestDefaultsFromAttrs:
    class Join(Task):
        def __init__(self, x: Any = None, y: Any = None, **kwargs: Any) -> None:
            self.x, self.y = x, y
            super().__init__(**kwargs)

        @defaults_from_attrs("x", "y")
        def run(self, x: Any = None, y: Any = None, z: Any = None) -> Any:  # type: ignore[override]
            """Join."""
            return x, y, z

    def test_fills_in_what_is_missing(self) -> None:
        join = self.Join(x=1, y=2)
        assert join.run() == (1, 2, None)
        assert join.run(x=5, z=3) == (5, 2, 3)
        assert join.run(7) == (7, 2, None)
        assert self.Join(x=1).run(y=None) == (1, None, None)

    def test_none_is_given_too(self) -> None:
        assert self.Join(x=1, y=2).run(x=None) == (None, 2, None)

    def test_keeps_the_signature(self) -> None:
        assert list(self.Join().inputs()) == ["x", "y", "z"]
        assert (self.Join.run.__name__, self.Join.run.__doc__) == ("run", "Join.")

    def test_an_attribute_that_is_not_there(self) -> None:
        class Bad(Task):
            @defaults_from_attrs("x")
            def run(self, x: Any = None) -> Any:  # type: ignore[override]
                return x

        with pytest.raises(AttributeError, match=r"'x'"):
            Bad().run()


def test_edges_of_apply_map_are_ordinary_edges() -> None:
    with Flow("f") as flow:
        result = apply_map(increment, one())
    (edge,) = flow.edges_to(result)
    assert edge == Edge(edge.upstream_task, result, "x", mapped=True)
