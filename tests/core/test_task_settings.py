"""What `Task(...)` accepts, what it makes of it, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Task, tags, task, triggers
from prefectlite.engine import cache_validators
from prefectlite.engine.results import LocalResult
from prefectlite.engine.state import Failed, Success
from prefectlite.utilities.configuration import set_temporary_config

MINUTE = timedelta(minutes=1)


def test_defaults() -> None:
    made = Task()
    assert made.name == "Task"
    assert made.slug is None
    assert made.tags == set()
    assert (made.max_retries, made.retry_delay, made.retry_on, made.timeout) == (
        0,
        None,
        None,
        None,
    )
    assert made.trigger is triggers.all_successful
    assert made.skip_on_upstream_skip is True
    assert made.cache_for is None
    assert made.cache_key is None
    assert made.cache_validator is cache_validators.never_use
    assert (made.checkpoint, made.result, made.target, made.task_run_name) == (None,) * 4
    assert made.state_handlers == []
    assert made.log_stdout is False
    assert made.nout is None
    assert made.auto_generated is False
    assert made.fuse is None


def test_a_subclass_is_named_after_its_class() -> None:
    class Load(Task):
        pass

    assert Load().name == "Load"
    assert repr(Load(name="load it")) == "<Task: load it>"


@pytest.mark.parametrize("arguments", [{"name": 3}, {"slug": 3}])
def test_names_and_slugs_are_strings(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"must be a string; received 3"):
        Task(**arguments)


def test_unknown_argument() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'retries'"):
        Task(retries=3)  # type: ignore[call-arg]


def test_tags_cannot_be_a_string() -> None:
    with pytest.raises(TypeError, match=r"not a string .*'load'.*tags=\['slow'\]"):
        Task(name="load", tags="slow")


def test_tags_of_the_context_are_added() -> None:
    with tags("outer"), tags("inner"):
        made = Task(tags=["own"])
    assert made.tags == {"outer", "inner", "own"}
    assert Task().tags == set()


class TestRetries:
    def test_need_a_delay(self) -> None:
        with pytest.raises(ValueError, match=r"`retry_delay` must be provided .*'load'"):
            Task(name="load", max_retries=2)

    @pytest.mark.parametrize("delay", [timedelta(0), 0, timedelta(seconds=3), 3])
    def test_the_delay_of_the_configuration(self, delay: Any) -> None:
        with set_temporary_config({"tasks.defaults.retry_delay": delay}):
            made = Task(max_retries=2)
        assert made.retry_delay == (timedelta(seconds=delay) if isinstance(delay, int) else delay)

    @pytest.mark.parametrize("retries", [None, 0])
    def test_a_delay_needs_retries(self, retries: int | None) -> None:
        with pytest.raises(ValueError, match=r"`max_retries` argument greater than 0"):
            Task(max_retries=retries, retry_delay=MINUTE)

    def test_retry_on_needs_retries(self) -> None:
        with pytest.raises(ValueError, match=r"`max_retries` must be provided if `retry_on`"):
            Task(retry_on=ValueError)

    @pytest.mark.parametrize("delay", [5, "5"])
    def test_a_delay_is_a_timedelta(self, delay: Any) -> None:
        with pytest.raises(TypeError, match=r"retry_delay=timedelta\(seconds="):
            Task(max_retries=1, retry_delay=delay)

    @pytest.mark.parametrize(("retries", "error"), [(-1, ValueError), ("2", TypeError)])
    def test_a_number_of_retries(self, retries: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match=r"max_retries must be an int of at least 0"):
            Task(max_retries=retries, retry_delay=MINUTE)

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (ValueError, {ValueError}),
            ([ValueError, KeyError], {ValueError, KeyError}),
            ((OSError,), {OSError}),
            ([], None),
        ],
    )
    def test_retry_on(self, given: Any, kept: Any) -> None:
        made = Task(max_retries=1, retry_delay=MINUTE, retry_on=given)
        assert made.retry_on == kept

    @pytest.mark.parametrize("given", [3, "ValueError", ValueError("x"), [1], BaseException])
    def test_retry_on_takes_exception_types_only(self, given: Any) -> None:
        with pytest.raises(TypeError, match=r"Invalid `retry_on` value .*Expected an exc.*'load'"):
            Task(name="load", max_retries=1, retry_delay=MINUTE, retry_on=given)

    def test_defaults_come_from_the_configuration(self) -> None:
        configured = {"tasks.defaults.max_retries": 3, "tasks.defaults.retry_delay": MINUTE}
        with set_temporary_config(configured):
            made, without = Task(), Task(max_retries=0)
        assert (made.max_retries, made.retry_delay) == (3, MINUTE)
        assert (without.max_retries, without.retry_delay) == (0, None)

    def test_a_configured_delay_is_in_seconds(self) -> None:
        configured = {"tasks.defaults.max_retries": 1, "tasks.defaults.retry_delay": 30}
        with set_temporary_config(configured):
            assert Task().retry_delay == timedelta(seconds=30)

    def test_configured_retries_need_a_delay_too(self) -> None:
        with set_temporary_config({"tasks.defaults.max_retries": 3}):
            with pytest.raises(ValueError, match=r"`retry_delay` must be provided"):
                Task()
            assert Task(retry_delay=MINUTE).max_retries == 3


class TestTimeout:
    @pytest.mark.parametrize(
        ("given", "kept"), [(3, 3), (0, 0), (MINUTE, 60), (timedelta(days=2), 172800)]
    )
    def test_whole_seconds(self, given: Any, kept: int) -> None:
        assert Task(timeout=given).timeout == kept

    @pytest.mark.parametrize("given", [1.0, 0.5, "1"])
    def test_other_types(self, given: Any) -> None:
        with pytest.raises(TypeError, match=r"Only integer timeouts .*'load' received"):
            Task(name="load", timeout=given)

    def test_negative(self) -> None:
        with pytest.raises(ValueError, match=r"cannot be negative"):
            Task(timeout=-1)

    def test_parts_of_seconds_are_ignored(self) -> None:
        with pytest.warns(UserWarning, match=r"sub-second resolution; 3.5 seconds .* become 3"):
            assert Task(timeout=timedelta(seconds=3.5)).timeout == 3

    def test_less_than_a_second_is_not_no_timeout(self) -> None:
        with pytest.warns(UserWarning, match=r"become 1"):
            assert Task(timeout=timedelta(seconds=0.2)).timeout == 1

    def test_the_default_comes_from_the_configuration(self) -> None:
        with set_temporary_config({"tasks.defaults.timeout": 7}):
            assert Task().timeout == 7
            assert Task(timeout=2).timeout == 2


class TestCache:
    def test_the_validator_with_cache_for(self) -> None:
        assert Task(cache_for=MINUTE).cache_validator is cache_validators.duration_only

    def test_a_validator_alone_is_of_no_use(self) -> None:
        with pytest.warns(UserWarning, match=r"without specifying cache expiration .*'load'"):
            Task(name="load", cache_validator=cache_validators.all_inputs)

    def test_types(self) -> None:
        with pytest.raises(TypeError, match=r"cache_for must be a datetime.timedelta"):
            Task(cache_for=3)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"cache_validator must be a function"):
            Task(cache_for=MINUTE, cache_validator=3)  # type: ignore[arg-type]


class TestHandlers:
    @pytest.mark.parametrize("given", [print, 3, {print}, "print"])
    def test_must_be_a_list(self, given: Any) -> None:
        with pytest.raises(TypeError, match=r"state_handlers should be iterable"):
            Task(state_handlers=given)

    def test_must_be_functions(self) -> None:
        with pytest.raises(TypeError, match=r"'load': each of state_handlers must be a function"):
            Task(name="load", state_handlers=[3])  # type: ignore[list-item]
        with pytest.raises(TypeError, match=r"on_failure must be a function"):
            Task(on_failure=3)  # type: ignore[arg-type]

    def test_on_failure_is_the_last_handler(self) -> None:
        seen: list[Any] = []
        made = Task(state_handlers=[print], on_failure=lambda *args: seen.append(args))
        assert made.state_handlers[0] is print
        handler = made.state_handlers[1]
        failed, success = Failed(), Success()
        assert handler(made, success, failed) is failed
        assert handler(made, failed, success) is success
        assert seen == [(made, failed)]

    def test_the_list_given_is_left_alone(self) -> None:
        given = [print]
        Task(state_handlers=given, on_failure=print)
        assert given == [print]


def test_a_trigger_is_a_function() -> None:
    assert Task(trigger=triggers.any_failed).trigger is triggers.any_failed
    with pytest.raises(TypeError, match=r"'load': trigger must be a function; received 'always'"):
        Task(name="load", trigger="always")  # type: ignore[arg-type]


class TestResult:
    def test_a_target_is_the_location_of_a_copy(self, tmp_path: Any) -> None:
        result = LocalResult(dir=str(tmp_path))
        made = Task(result=result, target="{x}.pkl")
        assert made.target == "{x}.pkl"
        assert made.result is not None
        assert made.result.location == "{x}.pkl"
        assert result.location is None

    def test_a_target_function_makes_the_location(self, tmp_path: Any) -> None:
        made = Task(result=LocalResult(dir=str(tmp_path)), target=lambda **kwargs: kwargs["x"])
        assert made.result is not None
        assert made.result.format(x="there").location == "there"

    def test_a_target_without_a_result(self) -> None:
        made = Task(target="{x}.pkl")
        assert (made.target, made.result, made.checkpoint) == ("{x}.pkl", None, None)

    def test_target_and_location(self, tmp_path: Any) -> None:
        result = LocalResult(dir=str(tmp_path), location="a.pkl")
        with pytest.warns(UserWarning, match=r"The `target` value will be used"):
            made = Task(result=result, target="b.pkl")
        assert made.result is not None
        assert made.result.location == "b.pkl"

    def test_a_class_in_the_place_of_a_result(self) -> None:
        with pytest.raises(TypeError, match=r"write result=LocalResult\(\.\.\.\)"):
            Task(result=LocalResult)  # type: ignore[arg-type]

    @pytest.mark.parametrize("argument", ["target", "task_run_name"])
    def test_templates_and_functions(self, argument: str) -> None:
        with pytest.raises(TypeError, match=rf"'load': {argument} must be a template or a func"):
            Task(name="load", **{argument: 3})
        assert getattr(Task(**{argument: str.upper}), argument) is str.upper

    def test_result_handler_is_deprecated(self, tmp_path: Any) -> None:
        result = LocalResult(dir=str(tmp_path))
        with pytest.warns(DeprecationWarning, match=r"'load': result_handler= .* write result="):
            made = Task(name="load", result_handler=result)
        assert made.result is result


class TestRunSignature:
    def test_positional_variables(self) -> None:
        with pytest.raises(ValueError, match=r"variable positional arguments \(\*args\).*'Bad'"):

            class Bad(Task):
                def run(self, *args: Any) -> None: ...

    @pytest.mark.parametrize("name", ["upstream_tasks", "task_args", "mapped", "flow"])
    def test_reserved_names(self, name: str) -> None:
        namespace: dict[str, Any] = {}
        exec(f"def run(self, {name}): ...", namespace)
        with pytest.raises(ValueError, match=f"argument names: {name}\\. .*'Bad'"):
            type("Bad", (Task,), {"run": namespace["run"]})

    def test_keyword_variables(self) -> None:
        class Good(Task):
            def run(self, **kwargs: Any) -> Any:
                return kwargs

        assert Good().run(a=1) == {"a": 1}

    @pytest.mark.parametrize("function", [str, dict, 3])
    def test_what_cannot_be_inspected(self, function: Any) -> None:
        bad = type("Bad", (Task,), {"run": property(lambda self: function)})
        with pytest.raises(ValueError, match=r"This function can not be inspected: .*'Bad'"):
            bad()

    def test_static_and_class_methods(self) -> None:
        class Static(Task):
            @staticmethod
            def run(x: int) -> int:  # type: ignore[override]
                return x

        class Class(Task):
            @classmethod
            def run(cls, x: int) -> int:  # type: ignore[override]
                return x

        assert list(Static().inputs()) == list(Class().inputs()) == ["x"]


def test_inputs_and_outputs() -> None:
    class Join(Task):
        def run(self, a, b: "str" = "q", *, c=None, **rest) -> "dict[str, int]":  # type: ignore # noqa: UP037
            return {}

    assert Join().inputs() == {
        "a": {"type": Any, "default": None, "required": True},
        "b": {"type": "'str'", "default": "q", "required": False},
        "c": {"type": Any, "default": None, "required": False},
        "rest": {"type": Any, "default": None, "required": True},
    }
    assert Join().outputs() == "'dict[str, int]'"


def test_outputs_without_annotation() -> None:
    assert task(lambda x: x).outputs() is Any
    assert Task().outputs() is None


def test_a_task_as_an_argument_of_the_class() -> None:
    class Scale(Task):
        def __init__(self, factor: Any) -> None:
            self.factor = factor
            super().__init__()

    with pytest.warns(UserWarning, match=r"A Task was passed as an argument to Scale"):
        Scale(Task())


def test_attributes_that_would_be_lost() -> None:
    class Slow(Task):
        def __init__(self) -> None:
            self.timeout = 3
            super().__init__()

    with pytest.warns(UserWarning, match=r"`Slow` sets a `timeout` attribute"):
        assert Slow().timeout is None


def test_a_class_that_forgets_to_call_init() -> None:
    class Bad(Task):
        def __init__(self) -> None:
            self.x = 1

    bad = Bad()
    with pytest.raises(AttributeError, match=r"Bad.__init__ must call super\(\).__init__"):
        Flow("f").add_task(bad)
    with Flow("f"), pytest.raises(AttributeError, match=r"'Bad' object has no attribute 'name'"):
        Bad()


def test_a_batch_size_of_a_subclass_is_its_own() -> None:
    class Insert(Task):
        def __init__(self, batch_size: int, **kwargs: Any) -> None:
            self.batch_size = batch_size
            super().__init__(**kwargs)

    from prefectlite.core.task import batch_size_of

    own = Insert(batch_size=500)
    assert (own.batch_size, batch_size_of(own)) == (500, None)
    changed = own.copy(batch_size=9)
    assert (changed.batch_size, batch_size_of(changed)) == (9, None)
    assert batch_size_of(Task(batch_size="auto")) == "auto"
    assert batch_size_of(Task().copy(batch_size=20)) == 20
    with pytest.raises(ValueError, match=r'batch_size must be a number of elements, "auto"'):
        Task(batch_size=0)


def test_the_logger_is_named_after_the_task() -> None:
    made = Task(name="load")
    assert made.logger.name == "prefectlite.load"
    assert made.copy(name="other").logger.name == "prefectlite.other"
    made.logger = prefectlite.context.logger
    assert made.logger is prefectlite.context.logger


def test_tasks_are_compared_by_identity() -> None:
    one, other = Task(), Task()
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    assert bool(one)
