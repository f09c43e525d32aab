"""What all results share, and those that keep nothing in files."""

from __future__ import annotations

import pickle
import re
from datetime import date, datetime, timezone

import cloudpickle
import pendulum
import pytest

from prefectlite.core.task import Task
from prefectlite.engine.result import NoResult, NoResultType, Result
from prefectlite.engine.results import ConstantResult, LocalResult, PrefectResult, SecretResult
from prefectlite.engine.serializers import DateTimeSerializer, JSONSerializer, PickleSerializer
from prefectlite.exceptions import ResultReadError


class Secret(Task):
    def run(self, name=None):
        return f"secret of {name or self.name}"


class TestResult:
    def test_defaults(self):
        result = Result()
        assert (result.value, result.location) == (None, None)
        assert result.serializer == PickleSerializer()
        assert result.logger.name == "prefectlite.Result"
        assert repr(result) == "<Result: None>"

    def test_arguments(self):
        result = Result("v", "l", JSONSerializer())
        assert (result.value, result.location) == ("v", "l")
        assert result.serializer == JSONSerializer()
        assert repr(result) == "<Result: 'v'>"
        result.serializer = PickleSerializer()
        assert result.serializer == PickleSerializer()

    @pytest.mark.parametrize(
        ("one", "other", "equal"),
        [
            (Result(5), Result(5), True),
            (Result(5), Result(6), False),
            (Result(5, "a"), Result(5, "b"), False),
            (Result(5, serializer=JSONSerializer()), Result(5), False),
            (Result(5), 5, False),
            (Result(5), ConstantResult(value=5), False),
            (Result(), NoResult, False),
            (NoResult, NoResultType(), True),
            (PrefectResult(value=5), PrefectResult(value=5), True),
            (PrefectResult(), PrefectResult(serializer=DateTimeSerializer()), True),
        ],
    )
    def test_equality(self, one, other, equal):
        assert (one == other) is equal
        assert (one != other) is not equal

    def test_looking_at_the_serializer_changes_no_equality(self):
        looked_at = Result(5)
        assert looked_at.serializer is looked_at.serializer
        assert looked_at == Result(5)

    def test_no_hash(self):
        with pytest.raises(TypeError, match="unhashable"):
            hash(Result(5))

    @pytest.mark.parametrize("module", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
    def test_pickles(self, module):
        assert module.loads(module.dumps(Result(5, "l"))) == Result(5, "l")
        assert module.loads(module.dumps(NoResult)) == NoResult
        assert module.loads(module.dumps(PrefectResult(location="5"))).read("5").value == 5

    def test_callable_locations_travel(self):
        result = Result(location=lambda **kwargs: f"at {kwargs['x']}")
        assert cloudpickle.loads(cloudpickle.dumps(result)).format(x=1).location == "at 1"

    def test_from_value(self):
        given = LocalResult(validate_dir=False, location="l", serializer=JSONSerializer())
        made = given.from_value(6)
        assert isinstance(made, LocalResult)
        assert (made.value, made.location, made.dir) == (6, None, given.dir)
        assert made.serializer == JSONSerializer()
        assert (given.value, given.location) == (None, "l")

    def test_copy_is_another(self):
        given = Result([1], "l")
        made = given.copy()
        assert made == given
        assert made is not given
        assert made.value is given.value


class TestFormat:
    def test_template(self):
        given = Result(5, "{flow}/{day:%Y}-{item[0]}.p")
        made = given.format(flow="f", day=date(2020, 1, 1), item=["a"], more=1)
        assert (made.value, made.location) == (5, "f/2020-a.p")
        assert given.location == "{flow}/{day:%Y}-{item[0]}.p"

    def test_filled_in_once(self):
        assert Result(location="{x}").format(x="{y}").location == "{y}"

    def test_callable(self):
        given = Result(5, lambda **kwargs: f"at {kwargs['x']}")
        assert given.location is None
        assert given.format(x=1).location == "at 1"
        # What is filled in stays so.
        assert given.format(x=1).format(x=2).location == "at 1"

    def test_what_is_missing(self):
        with pytest.raises(KeyError, match="x"):
            Result(location="{x}").format()
        with pytest.raises(TypeError):
            Result(location=lambda x: "a").format(x=1, y=2)

    def test_without_a_location(self):
        made = Result(5).format(x=1)
        today = datetime.now(timezone.utc)
        pattern = rf"20\d\d/{today.month}/\d+/[0-9a-f-]{{36}}\.prefect_result"
        assert re.fullmatch(pattern, made.location)
        assert made.location != Result(5).format().location

    def test_no_location(self):
        # as in Prefect 1, it shows where it is used
        with pytest.raises(TypeError, match="not callable"):
            Result(location=7).format()


@pytest.mark.parametrize("result", [Result(), NoResult])
def test_without_a_store(result):
    for method, argument in [("read", "x"), ("write", 3), ("exists", "x")]:
        with pytest.raises(NotImplementedError, match=r"base Result class.*LocalResult"):
            getattr(result, method)(argument)


def test_users_stores():
    class Memory(Result):
        kept: dict[str, object] = {}  # noqa: RUF012

        def exists(self, location, **kwargs):
            return location.format(**kwargs) in self.kept

        def read(self, location):
            made = self.copy()
            made.value, made.location = self.kept[location], location
            return made

        def write(self, value_, **kwargs):
            made = self.format(**kwargs)
            made.value = value_
            self.kept[made.location] = value_
            return made

    written = Memory(location="{x}").write(3, x="a")
    assert written.location == "a"
    assert Memory().exists("{x}", x="a")
    assert Memory().read("a") == written


class TestConstantResult:
    def test_is_there_at_any_location(self):
        result = ConstantResult(value=5)
        assert result.read("anywhere") is result
        assert result.exists("anywhere")
        assert result.exists(None)
        assert result.location is None

    def test_is_not_written(self):
        with pytest.raises(ValueError, match="Cannot write values to `ConstantResult` types"):
            ConstantResult(value=5).write(6)

    def test_takes_keywords_only(self):
        with pytest.raises(TypeError):
            ConstantResult(5)


class TestPrefectResult:
    def test_the_location_is_the_value(self):
        written = PrefectResult(location="ignored").write({"a": [1, None]})
        assert (written.value, written.location) == ({"a": [1, None]}, '{"a": [1, null]}')
        read = PrefectResult().read(written.location)
        assert (read.value, read.location) == (written.value, written.location)

    @pytest.mark.parametrize(
        ("location", "exists"),
        [("5", True), ('"a"', True), ("not json", False), ("", False), (None, False)],
    )
    def test_exists(self, location, exists):
        assert PrefectResult().exists(location) is exists

    def test_what_cannot_be_read_is_named(self):
        with pytest.raises(ResultReadError, match=r"'not json' cannot be read.*JSONSerializer"):
            PrefectResult().read("not json")

    def test_what_json_cannot_hold(self):
        with pytest.raises(TypeError, match="JSON"):
            PrefectResult().write({1, 2})

    def test_dates(self):
        result = PrefectResult(serializer=DateTimeSerializer())
        written = result.write(pendulum.datetime(2020, 1, 1))
        assert written.location == "2020-01-01T00:00:00Z"
        assert result.read(written.location).value == pendulum.datetime(2020, 1, 1)
        assert not result.exists("x")

    def test_serializers(self):
        assert PrefectResult().serializer == JSONSerializer()
        with pytest.raises(TypeError, match="received PickleSerializer"):
            PrefectResult(serializer=PickleSerializer())
        with pytest.raises(TypeError, match="received NoneType"):
            PrefectResult(serializer=None)
        result = PrefectResult()
        with pytest.raises(TypeError, match="received PickleSerializer"):
            result.serializer = PickleSerializer()
        result.serializer = DateTimeSerializer()
        assert result.serializer == DateTimeSerializer()


class TestSecretResult:
    def test_reading_runs_the_task(self):
        result = SecretResult(Secret(name="password"))
        assert result.location == "password"
        read = result.read("other")
        assert (read.value, read.location) == ("secret of other", "other")
        assert result.value is None
        assert result.read(None).value == "secret of password"

    def test_location_can_be_given(self):
        assert SecretResult(Secret(name="password"), location="other").location == "other"

    def test_is_not_written(self):
        with pytest.raises(ValueError, match="cannot be written"):
            SecretResult(Secret(name="password")).write(5)
        with pytest.raises(NotImplementedError):
            SecretResult(Secret(name="password")).exists("password")
