"""Parameters, and which values a run takes for them."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import pendulum
import pytest

import prefectlite
from prefectlite import DateTimeParameter, Flow, Parameter, tags, task
from prefectlite.core.parameter import check_parameters
from prefectlite.core.task import NoDefault
from prefectlite.engine.results import PrefectResult
from prefectlite.engine.signals import FAIL
from prefectlite.exceptions import ParameterError
from prefectlite.utilities.configuration import set_temporary_config


@task
def increment(x: Any) -> Any:
    return x + 1


class TestParameter:
    @pytest.mark.parametrize(
        ("arguments", "required", "default"),
        [
            ({}, True, None),
            ({"default": 3}, False, 3),
            ({"default": None}, False, None),
            ({"default": 3, "required": True}, True, 3),
            ({"required": False}, False, None),
        ],
    )
    def test_required_and_default(
        self, arguments: dict[str, Any], required: bool, default: Any
    ) -> None:
        parameter = Parameter("p", **arguments)
        assert (parameter.required, parameter.default) == (required, default)

    def test_is_named(self) -> None:
        with tags("t"):
            parameter = Parameter("p", tags=["own"])
        assert (parameter.name, parameter.slug, repr(parameter)) == ("p", "p", "<Parameter: p>")
        assert parameter.tags == {"own", "t"}
        assert parameter.inputs() == {}
        assert parameter.outputs() is Any
        assert parameter.checkpoint is True
        assert isinstance(parameter.result, PrefectResult)

    def test_other_arguments(self) -> None:
        with pytest.raises(TypeError, match=r"max_retries"):
            Parameter("p", max_retries=2)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match=r"must be a string"):
            Parameter(3)  # type: ignore[arg-type]

    def test_calling_adds_it_and_makes_no_copy(self) -> None:
        with Flow("f") as flow:
            parameter = Parameter("p")
            assert parameter() is parameter
            increment(parameter)
        assert flow.parameters() == {parameter}
        other = Flow("other")
        assert parameter(flow=other) in other.tasks
        with pytest.raises(ValueError, match=r"Could not infer an active Flow"):
            parameter()

    def test_copy(self) -> None:
        original = Parameter("p", default=3)
        copied = original.copy("q")
        assert (copied.name, copied.slug, copied.default, copied.required) == ("q", "q", 3, False)
        assert original.copy("r", default=4).default == 4
        with pytest.raises(AttributeError, match=r"<Parameter: p> does not have foo"):
            original.copy("r", foo=4)
        with pytest.raises(TypeError, match=r"name"):
            original.copy()  # type: ignore[call-arg]

    def test_pickles(self) -> None:
        loaded = pickle.loads(pickle.dumps(Parameter("p", default=3)))
        assert (loaded.name, loaded.default) == ("p", 3)

    def test_run(self) -> None:
        assert Parameter("p", default=3).run() == 3
        assert Parameter("p", required=False).run() is None
        with prefectlite.context(parameters={"p": 5}):
            assert Parameter("p", default=3).run() == 5
        with pytest.raises(FAIL, match=r'Parameter "p" was required but not provided'):
            Parameter("p").run()

    def test_there_is_one_value_for_no_default(self) -> None:
        assert list(NoDefault) == [NoDefault.value]
        assert repr(NoDefault.value) == "<no default>"


class TestDateTimeParameter:
    @pytest.mark.parametrize(
        ("given", "location"), [("2020-01-01", "2020-01-01T00:00:00Z"), (None, None)]
    )
    def test_is_kept_as_text(self, given: str | None, location: str | None) -> None:
        with Flow("f") as flow:
            since = DateTimeParameter("since", required=False)
            flow.add_task(since)
        with set_temporary_config({"flows.checkpointing": True}):
            state = flow.run(since=given)
        assert state is not None
        assert state.result[since].is_successful()
        assert state.result[since]._result.location == location

    def run(self, value: Any) -> Any:
        with prefectlite.context(parameters={"p": value}):
            return DateTimeParameter("p").run()

    def test_strings(self) -> None:
        assert self.run("2020-01-01") == pendulum.datetime(2020, 1, 1)
        assert self.run("2020-01-01T03:04:05+05:00").utcoffset() == datetime.timedelta(hours=5)
        with pytest.raises(ValueError, match=r"garbage"):
            self.run("garbage")

    def test_datetimes(self) -> None:
        value = self.run(datetime.datetime(2020, 1, 1))
        assert isinstance(value, pendulum.DateTime)
        assert value == pendulum.datetime(2020, 1, 1)

    def test_nothing(self) -> None:
        assert self.run(None) is None
        assert DateTimeParameter("p", required=False).run() is None

    def test_is_required_unless_said_otherwise(self) -> None:
        assert DateTimeParameter("p", default="2020-01-01").required is True
        with pytest.raises(FAIL, match=r"required"):
            DateTimeParameter("p").run()


class TestCheck:
    @pytest.fixture
    def flow(self) -> Flow:
        return Flow("f", tasks=[Parameter("p"), Parameter("q"), Parameter("r", default=1)])

    def test_all_is_well(self, flow: Flow) -> None:
        check_parameters(flow, {"p": 1, "q": None})

    def test_unexpected(self, flow: Flow) -> None:
        said = r"unexpected parameters: x, y\. Flow 'f' has these parameters: p, q, r"
        with pytest.raises(ParameterError, match=said):
            check_parameters(flow, {"p": 1, "q": 2, "y": 3, "x": 4})
        with pytest.raises(ValueError, match=r"Flow 'g' has no parameters"):
            check_parameters(Flow("g"), {"x": 1})

    def test_missing(self, flow: Flow) -> None:
        said = r"required parameters: p, q\. Pass them as flow.run\(parameters=\{'p': \.\.\.\}\)"
        with pytest.raises(ParameterError, match=said):
            check_parameters(flow, {})

    def test_flow_run_checks(self, flow: Flow) -> None:
        with pytest.raises(ParameterError, match=r"unexpected parameters: x"):
            flow.run({"p": 1, "q": 2, "x": 3})
        with pytest.raises(ParameterError, match=r"required parameters: q"):
            flow.run(p=1)
        with pytest.raises(TypeError):
            flow.run(parameters=3)  # type: ignore[arg-type]


def test_flow_run_takes_parameters_as_keywords(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefectlite.engine import flow_runner

    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(flow_runner, "run_flow", lambda flow, **kwargs: seen.append(kwargs))
    flow = Flow("f", tasks=[Parameter("p"), Parameter("executor", default=1)])
    flow.run({"p": 1}, p=2, executor=3, context={}, run_on_schedule=False)
    assert seen == [
        {
            "parameters": {"p": 2, "executor": 3},
            "run_on_schedule": False,
            "runner_cls": None,
            "context": {},
        }
    ]
