"""Results and serializers by themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from compat.harness import case


def _local(p: Any, folder: str, **kwargs: Any) -> Any:
    return p.module("engine.results").LocalResult(dir=folder, **kwargs)


@case
def local_result_class(p: Any, folder: str) -> Any:
    result = _local(p, folder, location="a/{x}.pkl")
    written = result.write([1, 2], x="k")
    again = _local(p, folder).read(written.location)
    return [
        result.location,
        written.location,
        written.value,
        again.value,
        again.location,
        result.exists("a/{x}.pkl", x="k"),
        result.exists("none"),
        repr(result),
        repr(written),
        result.dir == folder,
    ]


@case
def local_result_bad_folder(p: Any, folder: str) -> Any:
    from compat.harness import raised_type

    LocalResult = p.module("engine.results").LocalResult
    return [
        raised_type(LocalResult, dir=os.path.join(folder, "no", "such")),
        type(LocalResult(dir="rel", validate_dir=False)).__name__,
        LocalResult(dir="rel", validate_dir=False).dir,
    ]


@case
def result_base_class(p: Any) -> Any:
    from compat.harness import raises

    Result = p.module("engine.result").Result
    result = Result(3, location="x-{a}")
    formatted = result.format(a=1)
    return [
        result.value,
        result.location,
        formatted.location,
        formatted.value,
        repr(result),
        result == Result(3, location="x-{a}"),
        result == Result(4),
        result == 3,
        raises(result.write, 1).get("raised"),
        raises(result.read, "x").get("raised"),
        raises(result.exists, "x").get("raised"),
        result.copy() == result,
        result.from_value(9).value,
        type(result.serializer).__name__,
        raises(Result().format, a=1),
        raises(result.format),
    ]


@case
def result_location_must_be_text(p: Any) -> Any:
    from compat.harness import raised_type

    Result = p.module("engine.result").Result
    return [
        raised_type(Result, 1, location=3),
        raised_type(Result(1, location=lambda **kw: "f").format) if False else None,
    ]


@case
def no_result(p: Any) -> Any:
    from compat.harness import raises

    module = p.module("engine.result")
    return [
        repr(module.NoResult),
        str(module.NoResult),
        module.NoResult.value,
        module.NoResult.location,
        type(module.NoResult).__name__,
        module.NoResult == module.NoResult,
        raises(module.NoResult.write, 1).get("raised"),
        raises(module.NoResult.from_value, 1).get("raised"),
    ]


@case
def prefect_result_class(p: Any) -> Any:
    from compat.harness import raises

    PrefectResult = p.module("engine.results").PrefectResult
    result = PrefectResult()
    written = result.write({"a": [1]})
    return [
        written.location,
        written.value,
        result.read(written.location).value,
        result.exists("1"),
        result.exists("{bad"),
        type(result.serializer).__name__,
        raises(PrefectResult, location="x").get("raised"),
        raises(result.write, object()).get("raised"),
    ]


@case
def constant_result_class(p: Any) -> Any:
    from compat.harness import raises

    ConstantResult = p.module("engine.results").ConstantResult
    result = ConstantResult(value=5)
    return [
        result.value,
        result.read("").value,
        result.exists(""),
        raises(result.write, 6).get("raised"),
        repr(result),
        result.location,
    ]


@case
def serializers(p: Any) -> Any:
    import datetime

    module = p.module("engine.serializers")
    value = {"a": [1, None, "x"]}
    json_bytes = module.JSONSerializer().serialize(value)
    pickled = module.PickleSerializer().serialize(value)
    stamp = module.DateTimeSerializer()
    when = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    packed = module.CompressedSerializer(module.PickleSerializer(), format="gzip")
    return [
        json_bytes.decode(),
        module.JSONSerializer().deserialize(json_bytes),
        module.PickleSerializer().deserialize(pickled),
        stamp.serialize(when).decode(),
        str(stamp.deserialize(stamp.serialize(when))),
        packed.deserialize(packed.serialize(value)),
        module.PickleSerializer() == module.PickleSerializer(),
        module.PickleSerializer() == module.JSONSerializer(),
        packed == module.CompressedSerializer(module.PickleSerializer(), format="gzip"),
        packed == module.CompressedSerializer(module.PickleSerializer(), format="bz2"),
    ]


@case
def serializers_that_results_refuse(p: Any) -> Any:
    from compat.harness import raised_type, raises

    results = p.module("engine.results")
    secret = p.module("tasks.secrets").PrefectSecret("name")
    json = p.module("engine.serializers").JSONSerializer()
    return [
        raises(results.ConstantResult, serializer=json),
        raises(results.ConstantResult, serializer=None),
        raises(results.SecretResult, secret, serializer=json),
        raised_type(results.PrefectResult, serializer=3),
    ]


def _raises(function: Callable[..., Any], *arguments: Any) -> bool:
    try:
        function(*arguments)
    except Exception:
        return True
    return False


@case
def serializers_of_odd_values(p: Any) -> Any:
    from compat.harness import raised_type

    serializers = p.module("engine.serializers")
    return [
        # which exception it is depends on the version of pendulum
        _raises(serializers.DateTimeSerializer().serialize, 5),
        raised_type(serializers.JSONSerializer().deserialize, b"{"),
        serializers.PandasSerializer("csv").serialize(None).decode(),
        raised_type(serializers.PandasSerializer("csv").serialize, [1]),
    ]


@case
def a_folder_that_is_not_validated(p: Any, folder: str) -> Any:
    LocalResult = p.module("engine.results").LocalResult
    result = LocalResult(dir="later", validate_dir=False, location="a/b.pkl")
    before = os.path.isdir("later")
    result.write(1)
    return [result.dir, before, os.path.isfile("later/a/b.pkl"), result.read("a/b.pkl").value]


@case
def errors_of_damaged_files(p: Any, folder: str) -> Any:
    from compat.harness import raised_type

    json = p.module("engine.serializers").JSONSerializer()
    contents = {"empty": b"", "cut": b"\x80\x04\x95", "text": b"{}"}
    for name, data in contents.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    return [
        *(raised_type(_local(p, folder).read, name) for name in contents),
        raised_type(_local(p, folder, serializer=json).read, "empty"),
        raised_type(_local(p, folder, serializer=json).read, "cut"),
        raised_type(_local(p, folder).read, "."),
        raised_type(_local(p, folder, location=".").write, 1),
        raised_type(_local(p, folder, location="a\0b").write, 1),
        raised_type(_local(p, folder, location="{x.nothing}").write, 1, x=1),
    ]


@case
def serializers_and_equality_of_odd_settings(p: Any) -> Any:
    from compat.harness import raised_type

    PrefectResult = p.module("engine.results").PrefectResult
    serializers = p.module("engine.serializers")
    return [
        raised_type(PrefectResult, serializer=None),
        PrefectResult() == PrefectResult(serializer=serializers.DateTimeSerializer()),
        raised_type(serializers.PandasSerializer, "fwf"),
        raised_type(serializers.PandasSerializer, "table"),
        raised_type(serializers.PickleSerializer().deserialize, "text"),
    ]


@case(
    differs="Where a folder was not validated, a written result bears its whole path, so that "
    "workers that run in another folder can read it back (promise 1)."
)
def the_location_in_a_folder_that_is_not_validated(p: Any) -> Any:
    result = p.module("engine.results").LocalResult(dir="later", validate_dir=False, location="x")
    return result.write(1).location


@case(differs="An empty file is damage: one warning, and the task runs again (promise 2).")
def an_empty_file_that_was_no_value(p: Any, run: Any, folder: str) -> Any:
    with open(os.path.join(folder, "t.pkl"), "wb"):
        pass
    with p.Flow("f") as flow:
        p.task(lambda: 4, name="a", target="t.pkl", result=_local(p, folder))()
    with p.module("utilities.configuration").set_temporary_config({"flows.checkpointing": True}):
        return run(flow)
