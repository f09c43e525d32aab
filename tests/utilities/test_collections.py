"""Dictionaries with attribute access, nested and flat."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefectlite.utilities.collections import (
    CompoundKey,
    DotDict,
    as_nested_dict,
    dict_to_flatdict,
    flatdict_to_dict,
    flatten_seq,
    merge_dicts,
)

keys = st.text("abc", min_size=1, max_size=3)
nested = st.recursive(
    st.dictionaries(keys, st.integers(), max_size=3),
    lambda inner: st.dictionaries(keys, st.one_of(st.integers(), inner), max_size=3),
    max_leaves=10,
)


def without_empty(value: Any) -> Any:
    """The same without empty dictionaries inside, which a flat dictionary cannot hold."""
    if not isinstance(value, dict):
        return value
    kept = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item != {}}


class TestDotDict:
    def test_keys_are_attributes(self) -> None:
        d = DotDict({"a": 1}, b=2)
        d.c = 3
        d["d"] = 4
        assert (d.a, d.b, d["c"], d.d) == (1, 2, 3, 4)
        assert list(d) == ["a", "b", "c", "d"]
        assert len(d) == 4

    def test_keywords_win_over_the_first_dictionary(self) -> None:
        assert DotDict({"a": 1}, a=2).a == 2

    def test_pairs_and_other_dotdicts_are_taken(self) -> None:
        assert DotDict([("a", 1)]) == DotDict(DotDict(a=1)) == {"a": 1}

    def test_a_missing_attribute_is_an_attribute_error_that_names_it(self) -> None:
        with pytest.raises(AttributeError, match="'DotDict' object has no attribute 'nothing'"):
            _ = DotDict().nothing

    def test_a_missing_key_is_a_key_error(self) -> None:
        with pytest.raises(KeyError):
            DotDict()["nothing"]
        with pytest.raises(KeyError):
            del DotDict()["nothing"]

    def test_get_has_a_default(self) -> None:
        assert DotDict().get("a") is None
        assert DotDict().get("a", 5) == 5

    def test_deleted_keys_are_gone_as_attributes_too(self) -> None:
        d = DotDict(a=1, b=2)
        del d.a
        del d["b"]
        assert d == {}
        assert not d

    def test_values_stay_what_they_are(self) -> None:
        inner = {"b": 1}
        assert DotDict(a=inner).a is inner

    def test_keys_need_not_be_texts(self) -> None:
        d: Any = DotDict()
        d[1] = 2
        assert d[1] == 2

    def test_copy_is_shallow(self) -> None:
        d = DotDict(a=[1])
        copied = d.copy()
        copied.b = 2
        assert type(copied) is DotDict
        assert copied.a is d.a
        assert "b" not in d

    def test_deep_copies_and_pickles(self) -> None:
        d = DotDict(a={"b": 1})
        assert copy.deepcopy(d) == pickle.loads(pickle.dumps(d)) == d

    def test_to_dict_is_plain_at_every_level(self) -> None:
        plain = DotDict(a=DotDict(b=[DotDict(c=1)])).to_dict()
        assert json.loads(json.dumps(plain)) == {"a": {"b": [{"c": 1}]}}

    def test_repr_shows_the_keys_sorted(self) -> None:
        assert repr(DotDict(zebra=1, apple=2)) == "<DotDict: 'apple', 'zebra'>"

    def test_mapping_methods(self) -> None:
        d = DotDict(a=1)
        d.update({"b": 2}, c=3)
        assert d.pop("c") == 3
        assert d.setdefault("e", 5) == 5
        assert dict(d.items()) == {"a": 1, "b": 2, "e": 5}
        with pytest.raises(TypeError, match="unhashable"):
            hash(d)


class TestMerge:
    def test_at_every_level_the_second_wins(self) -> None:
        merged = merge_dicts({"a": {"b": 1, "c": 2}, "x": 1}, {"a": {"c": 3}, "x": {"y": 2}})
        assert merged == {"a": {"b": 1, "c": 3}, "x": {"y": 2}}

    def test_neither_is_changed(self) -> None:
        first: dict[str, Any] = {"a": {"b": 1}}
        second: dict[str, Any] = {"a": {"c": 2}}
        merge_dicts(first, second)["a"]["d"] = 3
        assert (first, second) == ({"a": {"b": 1}}, {"a": {"c": 2}})

    def test_the_class_is_the_first_ones(self) -> None:
        assert type(merge_dicts(DotDict(a=1), {"b": 2})) is DotDict
        assert type(merge_dicts({"a": 1}, DotDict(b=2))) is dict

    @given(nested, nested)
    def test_every_leaf_of_the_second_is_in_the_result(self, d1: Any, d2: Any) -> None:
        merged = dict_to_flatdict(merge_dicts(d1, d2))
        assert merged.items() >= dict_to_flatdict(d2).items()


class TestNested:
    def test_lists_tuples_and_sets_are_gone_through(self) -> None:
        made = as_nested_dict({"a": [{"b": 1}], "c": ({"d": 2},), "e": {3}})
        assert made.a[0].b == 1
        assert made.c[0].d == 2
        assert made.e == {3}

    def test_named_tuples_stay_named(self) -> None:
        class Pair(NamedTuple):
            left: Any
            right: Any

        made = as_nested_dict(Pair({"a": 1}, 2))
        assert type(made) is Pair
        assert made.left.a == 1

    @pytest.mark.parametrize("value", ["text", 1, None, b"bytes"])
    def test_other_values_are_returned_as_they_are(self, value: Any) -> None:
        assert as_nested_dict(value) is value

    @given(nested)
    def test_there_and_back(self, value: Any) -> None:
        assert as_nested_dict(as_nested_dict(value), dct_class=dict) == value


class TestFlat:
    def test_paths_are_keys(self) -> None:
        flat = dict_to_flatdict({"a": {"b": 1, "c": {"d": 2}}, "e": {}})
        assert flat == {("a", "b"): 1, ("a", "c", "d"): 2}
        assert {type(key) for key in flat} == {CompoundKey}

    def test_a_parent_is_put_before_each(self) -> None:
        assert dict_to_flatdict({"a": 1}, parent=CompoundKey(("x",))) == {("x", "a"): 1}

    def test_other_keys_are_taken_over(self) -> None:
        mixed = {CompoundKey(("a", "b")): 1, ("plain", "tuple"): 2, "text": 3}
        assert flatdict_to_dict(mixed) == {"a": {"b": 1}, ("plain", "tuple"): 2, "text": 3}

    def test_the_class_is_chosen_at_every_level(self) -> None:
        made = flatdict_to_dict({CompoundKey(("a", "b", "c")): 1}, dct_class=DotDict)
        assert made.a.b.c == 1

    @given(nested)
    def test_there_and_back(self, value: Any) -> None:
        assert flatdict_to_dict(dict_to_flatdict(value)) == without_empty(value)


class TestFlattenSeq:
    def test_every_depth_is_opened_but_texts_are_not(self) -> None:
        seq = [1, [2, (3, [4])], "abc", b"de", {5}, {"k": 1}, range(2), None]
        assert list(flatten_seq(seq)) == [1, 2, 3, 4, "abc", b"de", 5, "k", 0, 1, None]

    def test_it_is_lazy(self) -> None:
        def endless() -> Any:
            while True:
                yield [1]

        assert next(flatten_seq(endless())) == 1

    def test_what_is_no_iterable_is_refused(self) -> None:
        with pytest.raises(TypeError):
            list(flatten_seq(1))  # type: ignore[arg-type]
