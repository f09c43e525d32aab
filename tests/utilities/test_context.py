"""The context: one a thread, restored on leaving."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import cloudpickle
import pytest

import prefectlite
from prefectlite import context
from prefectlite.utilities.configuration import set_temporary_config
from prefectlite.utilities.context import Context


def in_thread(function: Callable[[], Any]) -> Any:
    """What ``function`` returns in a thread of its own."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


class TestBlocks:
    def test_keys_are_there_inside_and_gone_after(self) -> None:
        with context(a=1) as inside:
            assert inside is context
            assert (context.a, context["a"], context.get("a")) == (1, 1, 1)
        assert "a" not in context
        assert context.get("a", "gone") == "gone"
        with pytest.raises(AttributeError, match="'Context' object has no attribute 'a'"):
            _ = context.a

    def test_a_dictionary_and_keywords(self) -> None:
        with context({"a": 1, "b": 2}, b=3):
            assert (context.a, context.b) == (1, 3)

    def test_blocks_nest_and_restore(self) -> None:
        with context(a=1):
            with context(a=2, b=3):
                assert (context.a, context.b) == (2, 3)
            assert context.a == 1
            assert "b" not in context

    def test_dictionaries_are_replaced_and_not_merged(self) -> None:
        with context(parameters={"x": 1}), context(parameters={"y": 2}):
            assert context.parameters == {"y": 2}

    def test_it_is_restored_after_an_error(self) -> None:
        with pytest.raises(ValueError, match="inside"), context(a=1):
            raise ValueError("inside")
        assert "a" not in context

    def test_what_is_set_inside_goes_with_the_block(self) -> None:
        with context(a=1):
            context.b = 2
            del context.a
        assert "a" not in context
        assert "b" not in context

    @pytest.mark.parametrize("arguments", [(1,), ({}, {})])
    def test_other_arguments_are_refused(self, arguments: tuple[Any, ...]) -> None:
        with pytest.raises(TypeError), context(*arguments):
            pass

    def test_config_is_merged_at_every_level(self) -> None:
        with context(config={"flows": {"checkpointing": True}, "new": {"key": 1}}):
            assert context.config.flows.checkpointing is True
            assert context.config.flows.run_on_schedule is True
            assert context.config.new.key == 1
            assert prefectlite.config.flows.checkpointing is None
        assert context.config is prefectlite.config


class TestPush:
    def test_pop_undoes_push(self) -> None:
        saved = context.push({"a": 1})
        assert context.a == 1
        context.extra = 2
        assert context.pop(saved) is None
        assert "a" not in context
        assert "extra" not in context

    def test_values_are_not_converted(self) -> None:
        values = {"inner": {"b": 1}}
        saved = context.push(values)
        assert context.inner is values["inner"]
        context.pop(saved)

    def test_pop_of_a_key_is_that_of_a_mapping(self) -> None:
        context.a = 1
        assert context.pop("a") == 1
        assert context.pop("a", 5) == 5
        with pytest.raises(KeyError):
            context.pop("a")


class TestThreads:
    def test_each_has_its_own(self) -> None:
        with context(a=1):
            assert in_thread(lambda: "a" in context) is False

    def test_each_begins_with_config_and_logger(self) -> None:
        assert in_thread(lambda: sorted(context)) == ["config", "logger"]
        assert in_thread(lambda: context.config is prefectlite.config)
        assert in_thread(lambda: context.logger.name) == "prefectlite"

    def test_a_new_thread_sees_the_temporary_configuration(self) -> None:
        with set_temporary_config({"flows.checkpointing": True}):
            assert in_thread(lambda: context.config.flows.checkpointing) is True

    def test_the_configurations_context_section_is_in_each(self) -> None:
        with set_temporary_config({"context.secrets": {"TOKEN": "t"}}):
            assert in_thread(lambda: context.secrets) == {"TOKEN": "t"}

    def test_to_dict_carries_it_over(self) -> None:
        with context(a={"b": 1}):
            carried = pickle.loads(pickle.dumps(context.to_dict()))

        def there() -> Any:
            with context(carried):
                return context.a

        assert in_thread(there) == {"b": 1}


class TestIdentity:
    @pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps, copy.copy, copy.deepcopy])
    def test_it_cannot_be_pickled_and_says_what_to_do(self, dump: Callable[[Any], Any]) -> None:
        with pytest.raises(TypeError, match=r"`prefectlite\.context`"):
            dump(context)

    def test_its_repr_shows_nothing(self) -> None:
        with context(secrets={"TOKEN": "hidden"}):
            assert repr(context) == str(context) == "<Context>"

    def test_a_copy_is_another_context_with_the_same_content(self) -> None:
        with context(a=1):
            copied = context.copy()
        assert type(copied) is Context
        assert copied.a == 1
        assert "a" not in context

    def test_it_can_be_emptied(self) -> None:
        saved = context.push({})
        context.clear()
        assert dict(context) == {}
        context.pop(saved)
