"""Constants, collections and operators, and how plain values become tasks."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import pytest

from prefectlite import Flow, Parameter, Task, flatten, task, unmapped
from prefectlite.core.conversion import as_task, holds_task
from prefectlite.core.edge import Edge
from prefectlite.engine.results import PrefectResult
from prefectlite.tasks.core import collections, operators
from prefectlite.tasks.core.constants import Constant


@task
def one() -> Any:
    return 1


@task
def increment(x: Any) -> Any:
    return x + 1


class Unprintable:
    def __repr__(self) -> str:
        raise AssertionError("not to be printed")


class TestConstant:
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            (3, "3"),
            ("abcdef", "'abcdef'"),
            ("abcdefg", "Constant[str]"),
            ("x" * 1000, "Constant[str]"),
            (b"a", "b'a'"),
            ([], "[]"),
            ([[1]], "[[1]]"),
            ([1, "a"], "[1, 'a']"),
            ([1, 2, 3], "Constant[list]"),
            ([Unprintable()] * 3, "Constant[list]"),
            ({"a": 1}, "{'a': 1}"),
            ({1, 2}, "{1, 2}"),
            (None, "None"),
            (10**7, "10000000"),
            (10**8, "Constant[int]"),
            pytest.param(10**5000, "Constant[int]", id="long integer"),
            (range(3), "Constant[range]"),
            (Unprintable(), "Constant[Unprintable]"),
            (print, "Constant[builtin_function_or_method]"),
        ],
    )
    def test_name(self, value: Any, name: str) -> None:
        assert Constant(value).name == name

    def test_is_a_task_like_others(self) -> None:
        made = Constant(3, name="three", tags=["a"])
        assert (made.name, made.tags, made.value, made.run()) == ("three", {"a"}, 3, 3)
        assert made.auto_generated is False


class TestConversion:
    def test_tasks_stay(self) -> None:
        assert as_task(one) is one
        assert as_task(unmapped(one)) is one

    @pytest.mark.parametrize("value", [3, None, [1, 2], (1,), {"a": [3]}, frozenset(), Task])
    def test_plain_values(self, value: Any) -> None:
        made = as_task(value)
        assert isinstance(made, Constant)
        assert made.value is value
        assert made.auto_generated is True

    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ([1, one], "List"),
            ((one, [2]), "Tuple"),
            ({one}, "Set"),
            ({"a": one}, "Dict"),
            ({one: "a"}, "Dict"),
            ([[[one]]], "List"),
            ([{"a": (one,)}], "List"),
            ([unmapped(3)], "List"),
            (OrderedDict(a=one), "Dict"),
            (namedtuple("Pair", "x y")(1, one), "Tuple"),
        ],
    )
    def test_collections_with_tasks_inside(self, value: Any, name: str) -> None:
        made = as_task(value, flow=Flow("f"))
        assert (type(made).__name__, made.name) == (name, name)
        assert made.auto_generated is True

    def test_structure(self) -> None:
        flow = Flow("f")
        made = as_task([one, 2, [3, 4], {"a": one, "b": 5}], flow=flow)
        assert flow.constants[made] == {"arg_2": 2, "arg_3": [3, 4]}
        keys = {edge.key: edge.upstream_task for edge in flow.edges_to(made)}
        assert keys.keys() == {"arg_1", "arg_4"}
        assert keys["arg_1"] is one
        assert flow.constants[keys["arg_4"]] == {"keys": ["a", "b"]}

    def test_marks_inside_are_kept(self) -> None:
        flow = Flow("f")
        made = as_task([flatten(one)], flow=flow)
        assert flow.edges == {Edge(one, made, "arg_1", flattened=True)}

    def test_without_a_flow(self) -> None:
        with pytest.raises(ValueError, match=r"Could not infer an active Flow"):
            as_task([one])

    def test_values_in_a_circle(self) -> None:
        circle: list[Any] = [1]
        circle.append(circle)
        assert holds_task(circle) is False
        circle.append({"a": (one,)})
        assert holds_task(circle) is True


class TestCollections:
    def test_run(self) -> None:
        arguments = {"arg_10": 10, "arg_2": 2, "arg_1": 1}
        assert collections.List().run(**arguments) == [1, 2, 10]
        assert collections.Tuple().run(**arguments) == (1, 2, 10)
        assert collections.Set().run(**arguments) == {1, 2, 10}
        assert collections.Dict().run(keys=["a"], values=[1]) == {"a": 1}

    def test_a_dictionary_needs_as_many_values_as_keys(self) -> None:
        with pytest.raises(ValueError, match=r"different number of keys and values"):
            collections.Dict().run(keys=["a"], values=[1, 2])

    def test_called_with_any_number_of_arguments(self) -> None:
        with Flow("f") as flow:
            made = collections.List()(1, one, upstream_tasks=[increment])
        assert flow.constants == {made: {"arg_1": 1}}
        assert flow.edges == {Edge(one, made, "arg_2"), Edge(increment, made)}

    def test_keywords_are_refused(self) -> None:
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'x'"):
            collections.List()(x=1, flow=Flow("f"))


BINARY = [
    ("Add", lambda x, y: x + y),
    ("Sub", lambda x, y: x - y),
    ("Mul", lambda x, y: x * y),
    ("Div", lambda x, y: x / y),
    ("FloorDiv", lambda x, y: x // y),
    ("Mod", lambda x, y: x % y),
    ("Pow", lambda x, y: x**y),
]


class TestOperators:
    @pytest.mark.parametrize(("name", "operation"), BINARY)
    def test_arithmetic(self, name: str, operation: Any) -> None:
        with Flow("f") as flow:
            left, right = operation(one, 3), operation(3, one)
        for made in (left, right):
            assert (type(made), made.name) == (getattr(operators, name), name)
            assert made.run(x=7, y=2) == operation(7, 2)
        assert flow.edges == {Edge(one, left, "x"), Edge(one, right, "y")}
        assert flow.constants == {left: {"y": 3}, right: {"x": 3}}

    @pytest.mark.parametrize(
        ("name", "operation"),
        [
            ("LessThan", lambda x, y: x < y),
            ("LessThanOrEqual", lambda x, y: x <= y),
            ("GreaterThan", lambda x, y: x > y),
            ("GreaterThanOrEqual", lambda x, y: x >= y),
        ],
    )
    @pytest.mark.parametrize("other", [6, 7, 8])
    def test_comparisons(self, name: str, operation: Any, other: int) -> None:
        with Flow("f") as flow:
            made = operation(one, other)
        assert type(made) is getattr(operators, name)
        assert made.run(x=7, y=other) is operation(7, other)
        assert flow.constants == {made: {"y": other}}

    def test_a_comparison_with_the_task_on_the_right(self) -> None:
        with Flow("f"):
            assert type(3 < one) is operators.GreaterThan  # noqa: SIM300

    @pytest.mark.parametrize(
        ("make", "cls", "run", "value"),
        [
            (lambda t: t.is_equal(2), operators.Equal, (2, 2), True),
            (lambda t: t.is_not_equal(2), operators.NotEqual, (2, 2), False),
            (lambda t: t.or_(2), operators.Or, (0, 5), 5),
            (lambda t: t & 2, operators.And, (0, 5), 0),
            (lambda t: 2 & t, operators.And, (2, 5), 5),
            (lambda t: t.not_(), operators.Not, (3,), False),
        ],
    )
    def test_logic(self, make: Any, cls: type, run: tuple[Any, ...], value: Any) -> None:
        with Flow("f") as flow:
            made = make(one)
        assert type(made) is cls
        assert made.run(*run) == value
        assert flow.upstream_tasks(made) == {one}

    @pytest.mark.parametrize("operation", [lambda t: -t, lambda t: ~t, lambda t: t ^ 1, abs, int])
    def test_what_there_is_not(self, operation: Any) -> None:
        with pytest.raises(TypeError):
            operation(one)

    def test_the_pipe_sets_an_order(self) -> None:
        first, second, third = Task(name="1"), Task(name="2"), Task(name="3")
        with Flow("f") as flow:
            assert (first | second | third) is third
            assert (4 | first) is first
            assert (third | [increment, one]) == [increment, one]
        assert [made.name for made in flow.sorted_tasks()] == [
            "4", "increment", "one", "1", "2", "3", "List",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("key", "name"),
        [(0, "one[0]"), ("a", "one['a']"), (slice(1, 2), "one[slice(1, 2, None)]"),
         (one, "one[one]")],
    )  # fmt: skip
    def test_items(self, key: Any, name: str) -> None:
        with Flow("f") as flow:
            made = one[key]
        assert (type(made), made.name) == (operators.GetItem, name)
        assert Edge(one, made, "task_result") in flow.edges
        if key is not one:
            assert flow.constants == {made: {"key": key}}

    def test_items_take_the_result_and_checkpoint(self) -> None:
        plain, named = PrefectResult(), PrefectResult(location="{task_name}")
        with Flow("f"):
            for result in (plain, named):
                whole = one.copy(result=result, checkpoint=False)
                assert whole["key"].result is result
                assert whole["key"].checkpoint is False
            # at one location the item would take the place of the whole
            assert one.copy(result=PrefectResult(location="1"))["key"].result is None
            assert Task(target="1", result=plain)["key"].result is None
            assert one["key"].result is None

    def test_unpacking(self) -> None:
        pair = one.copy(nout=2)
        with Flow("f") as flow:
            first, second = pair
        assert [flow.constants[made]["key"] for made in (first, second)] == [0, 1]
        with pytest.raises(TypeError, match=r"Task is not iterable: 'one'.*`nout`.*`Tuple`"):
            list(one)

    def test_get_item(self) -> None:
        assert operators.GetItem().run({"a": 1}, "a") == 1
        assert operators.GetItem(default=3).run({}, "a") == 3
        assert operators.GetItem(default=3).run([], 0) == 3
        assert operators.GetItem(default=3).run([], 0, default=None) is None
        with pytest.raises(KeyError):
            operators.GetItem().run({}, "a")
        with pytest.raises(TypeError):
            operators.GetItem(default=3).run(3, "a")

    def test_get_attr(self) -> None:
        assert operators.GetAttr().run(3, "real") == 3
        assert operators.GetAttr().run(one, "run.__name__") == "one"
        assert operators.GetAttr(default=3).run(one, "x.y") == 3
        assert operators.GetAttr().run(one, "x", default=None) is None
        with pytest.raises(AttributeError):
            operators.GetAttr().run(one, "x")

    def test_on_parameters_and_without_a_flow(self) -> None:
        with Flow("f") as flow:
            Parameter("p")["a"]["b"]
        assert sorted(flow.slugs.values()) == ["p", "p['a']-1", "p['a']['b']-1"]
        with pytest.raises(ValueError, match=r"`Add\(\.\.\.\)\.run\(\.\.\.\)`"):
            one + 1
