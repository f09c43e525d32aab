"""Results: checkpointing, targets, result classes, caching, and the files that are written."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from compat.harness import case, plain


def _files(folder: str) -> Any:
    found = []
    for root, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(root, name), folder) for name in names]
    return sorted("<default>" if "prefect-result" in name else name for name in found)


def _checkpointing(p: Any, on: bool = True) -> Any:
    settings = p.module("utilities.configuration")
    return settings.set_temporary_config({"flows.checkpointing": on})


def _where(state: Any) -> Any:
    return [type(state).__name__, state.message, type(state._result).__name__,
            state._result.location, plain(state.result)]


def _local(p: Any, folder: str, **kwargs: Any) -> Any:
    return p.module("engine.results").LocalResult(dir=folder, **kwargs)


def _write(p: Any, run: Any, folder: str, on: bool, times: int = 1, **kwargs: Any) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        a = p.task(go, name="a", state_handlers=[run.handler], **kwargs)(3)
    seen = []
    with _checkpointing(p, on):
        for _ in range(times):
            seen.append(_where(run.state(flow).result[a]))
    return [seen, run.notes, _files(folder)]


@case
def result_without_checkpointing(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, False, result=_local(p, folder, location="r.pkl"))


@case
def result_with_checkpointing(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, 2, result=_local(p, folder, location="r-{task_name}.pkl"))


@case
def result_with_checkpoint_false(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, checkpoint=False, result=_local(p, folder, location="r"))


@case
def result_with_checkpoint_true_but_off(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, False, checkpoint=True, result=_local(p, folder, location="r"))


@case
def checkpoint_true_without_result(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, checkpoint=True)


@case
def result_default_location(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, result=_local(p, folder))


@case
def result_location_with_inputs_and_context(p: Any, run: Any, folder: str) -> Any:
    location = "{flow_name}/{task_name}-{x}-{map_index}.pkl"
    return _write(p, run, folder, True, result=_local(p, folder, location=location))


@case
def result_location_with_date(p: Any, run: Any, folder: str) -> Any:
    location = "{date:%Y}-len.pkl"
    return _write(p, run, folder, True, result=_local(p, folder, location=location))[1:2]


@case
def result_location_with_a_missing_key(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, result=_local(p, folder, location="{nokey}.pkl"))


@case
def target_with_checkpointing(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, 2, target="t-{x}.pkl", result=_local(p, folder))


@case
def target_without_checkpointing(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, False, 2, target="t-{x}.pkl", result=_local(p, folder))


@case
def target_as_a_callable(p: Any, run: Any, folder: str) -> Any:
    def target(**kwargs: Any) -> str:
        run.note("target", kwargs["task_name"], kwargs["x"], kwargs["map_index"])
        return "called.pkl"

    return _write(p, run, folder, True, 2, target=target, result=_local(p, folder))


@case
def target_callable_that_raises(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, target=lambda **kw: 1 / 0, result=_local(p, folder))


@case
def target_with_a_missing_key(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, target="{nokey}.pkl", result=_local(p, folder))


@case
def target_in_a_subfolder(p: Any, run: Any, folder: str) -> Any:
    return _write(p, run, folder, True, 2, target="sub/{x}/t.pkl", result=_local(p, folder))


@case(
    differs="The error says that a result is missing and how to give one (promise 5).",
)
def target_without_a_result(p: Any, run: Any, folder: str) -> Any:
    found = _write(p, run, folder, True, target="t.pkl")
    return [found[0][0][0], found[1]]


@case
def target_and_result_location_are_refused(p: Any, folder: str) -> Any:
    from compat.harness import raised_type

    return raised_type(p.Task, target="t", result=_local(p, folder, location="r"))


@case(
    differs="A JSON file ends with a seal of white space, by which a damaged file is known "
    "(promise 2).",
)
def target_with_json_serializer(p: Any, run: Any, folder: str) -> Any:
    serializer = p.module("engine.serializers").JSONSerializer()
    found = _write(
        p, run, folder, True, 2, target="t.json", result=_local(p, folder, serializer=serializer)
    )
    with open(os.path.join(folder, "t.json")) as file:
        return [found, file.read()]


@case
def target_written_by_hand_is_read(p: Any, run: Any, folder: str) -> Any:
    serializer = p.module("engine.serializers").JSONSerializer()
    with open(os.path.join(folder, "t.json"), "w") as file:
        file.write('{"from": "hand"}')
    return _write(
        p, run, folder, True, target="t.json", result=_local(p, folder, serializer=serializer)
    )


@case
def mapped_targets(p: Any, run: Any, folder: str) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        m = p.task(
            go, name="m", target="m-{map_index}-{x}.pkl", result=_local(p, folder),
            state_handlers=[run.handler],
        ).map([1, 2])
        p.task(lambda x: x, name="r")(m)
    seen = []
    with _checkpointing(p):
        for _ in range(2):
            state = run.state(flow).result[m]
            seen.append([plain(state), [_where(item) for item in state.map_states]])
    return [seen, run.notes_by_name(), _files(folder)]


@case
def mapped_targets_one_missing(p: Any, run: Any, folder: str) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        m = p.task(go, name="m", target="m-{x}.pkl", result=_local(p, folder)).map([1, 2])
    with _checkpointing(p):
        run.state(flow)
        os.remove(os.path.join(folder, "m-2.pkl"))
        state = run.state(flow).result[m]
    return [plain(state), run.sorted_notes(), _files(folder)]


@case
def flow_result_is_the_default(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f", result=_local(p, folder)) as flow:
        a = p.task(lambda: 1, name="a", checkpoint=False)()
        b = p.task(lambda x: x, name="b", target="b.pkl")(a)
        c = p.task(lambda x: x, name="c", result=_local(p, folder, location="c.pkl"))(b)
    with _checkpointing(p):
        state = run.state(flow)
    return [[_where(state.result[t]) for t in (a, b, c)], _files(folder)]


@case
def prefect_result(p: Any, run: Any, folder: str) -> Any:
    PrefectResult = p.module("engine.results").PrefectResult
    return _write(p, run, folder, True, result=PrefectResult())


@case
def constant_result_on_a_task(p: Any, run: Any, folder: str) -> Any:
    ConstantResult = p.module("engine.results").ConstantResult
    found = _write(p, run, folder, True, result=ConstantResult(value=6))
    return [found[0][0][0], found[0][0][2]]


@case
def unpicklable_result_with_checkpointing(p: Any, run: Any, folder: str) -> Any:
    if run.executor_name == "dask":
        return "not tried"

    def go() -> Any:
        return (i for i in [1])

    with p.Flow("f") as flow:
        a = p.task(go, name="a", result=_local(p, folder, location="r.pkl"))()
    with _checkpointing(p):
        state = run.state(flow).result[a]
    return [type(state).__name__, _files(folder)]


@case
def failed_task_writes_nothing(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1 / 0, name="a", result=_local(p, folder, location="r.pkl"))()
    with _checkpointing(p):
        state = run.state(flow).result[a]
    return [_where(state), _files(folder)]


@case(
    differs="With a target no task run is Success unless its result can be read back, None too "
    "(promise 1).",
)
def none_is_checkpointed(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: None, name="a", target="n.pkl", result=_local(p, folder))()
    with _checkpointing(p):
        return [_where(run.state(flow).result[a]), _where(run.state(flow).result[a]),
                _files(folder)]


@case
def success_signal_with_a_target(p: Any, run: Any, folder: str) -> Any:
    def go() -> None:
        raise p.engine.signals.SUCCESS("early", result=3)

    with p.Flow("f") as flow:
        a = p.task(go, target="s.pkl", result=_local(p, folder))()
    with _checkpointing(p):
        return [_where(run.state(flow).result[a]), _files(folder)]


@case
def skipped_task_with_a_target(p: Any, run: Any, folder: str) -> Any:
    def go() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        a = p.task(go, target="s.pkl", result=_local(p, folder))()
    with _checkpointing(p):
        return [_where(run.state(flow).result[a]), _files(folder)]


@case(
    differs="The count of a loop is known where its result is stored, so its location may use it "
    "(promise 1).",
)
def loop_with_a_result(p: Any, run: Any, folder: str) -> Any:
    def go() -> Any:
        if p.context.get("task_loop_count", 1) < 2:
            raise p.engine.signals.LOOP(result=5)
        return 6

    with p.Flow("f") as flow:
        a = p.task(go, result=_local(p, folder, location="l-{task_loop_count}.pkl"))()
    with _checkpointing(p):
        return [_where(run.state(flow).result[a]), _files(folder)]


@case
def parameter_in_a_location(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q", default="d")
        a = p.task(lambda x: x, name="a", target="{parameters[q]}.pkl", result=_local(p, folder))(q)
    with _checkpointing(p):
        return [_where(run.state(flow, q="given").result[a]), _files(folder)]


def _cache_flow(p: Any, run: Any, values: Any, parameters: Any, **kwargs: Any) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        q = p.Parameter("q", default=0)
        extra = p.Parameter("extra", default=0)
        flow.add_task(extra)
        a = p.task(go, name="cached", state_handlers=[run.handler], **kwargs)(q)
    return [
        plain(run.state(flow, parameters={"q": v, "extra": e}).result[a])
        for v, e in zip(values, parameters)
    ] + [run.notes]


def _validators(p: Any) -> Any:
    return p.module("engine.cache_validators")


CACHING = ("local", "threads")


@case(executors=CACHING)
def cache_for_duration(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 2, 2], [0, 0, 1], cache_for=timedelta(hours=1))


@case(executors=CACHING)
def cache_all_inputs(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 2, 1], [0, 0, 1], cache_for=timedelta(hours=1),
                       cache_validator=_validators(p).all_inputs)


@case(executors=CACHING)
def cache_all_parameters(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 1, 1], [0, 0, 1], cache_for=timedelta(hours=1),
                       cache_validator=_validators(p).all_parameters)


@case(executors=CACHING)
def cache_never(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 1], [0, 0], cache_for=timedelta(hours=1),
                       cache_validator=_validators(p).never_use)


@case(executors=CACHING)
def cache_partial_parameters(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 1, 2], [0, 1, 1], cache_for=timedelta(hours=1),
                       cache_validator=_validators(p).partial_parameters_only(["q"]))


@case(executors=CACHING)
def cache_partial_inputs(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 1, 2], [0, 1, 1], cache_for=timedelta(hours=1),
                       cache_validator=_validators(p).partial_inputs_only(["x"]))


@case(executors=CACHING)
def cache_expired(p: Any, run: Any) -> Any:
    return _cache_flow(p, run, [1, 1], [0, 0], cache_for=timedelta(seconds=-1))


@case(executors=CACHING)
def cache_key_shared_by_tasks(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a", cache_for=timedelta(hours=1), cache_key="k")()
    with p.Flow("g") as other:
        b = p.task(lambda: 2, name="b", cache_for=timedelta(hours=1), cache_key="k")()
    return [plain(run.state(flow).result[a]), plain(run.state(other).result[b])]


@case(executors=CACHING)
def cache_validator_that_raises(p: Any, run: Any) -> Any:
    def validator(state: Any, inputs: Any, parameters: Any) -> bool:
        raise ValueError("validator")

    return _cache_flow(p, run, [1, 1], [0, 0], cache_for=timedelta(hours=1),
                       cache_validator=validator)


@case(executors=CACHING)
def cache_validator_arguments(p: Any, run: Any) -> Any:
    def validator(state: Any, inputs: Any, parameters: Any) -> bool:
        run.note(type(state).__name__, inputs, parameters, state.cached_parameters,
                 sorted(state.hashed_inputs or {}), state.cached_result_expiration is not None)
        return True

    return _cache_flow(p, run, [1, 2], [0, 0], cache_for=timedelta(hours=1),
                       cache_validator=validator)


@case(executors=CACHING)
def cache_of_mapped_elements(p: Any, run: Any) -> Any:
    def go(x: int) -> int:
        run.note("ran", x)
        return x * 2

    with p.Flow("f") as flow:
        m = p.task(go, name="m", cache_for=timedelta(hours=1),
                   cache_validator=_validators(p).all_inputs).map([1, 2])
    return [plain(run.state(flow).result[m]), plain(run.state(flow).result[m]),
            run.sorted_notes()]


@case(executors=CACHING)
def cache_does_not_keep_failures(p: Any, run: Any) -> Any:
    def go() -> int:
        run.note("ran")
        raise ValueError("v")

    with p.Flow("f") as flow:
        a = p.task(go, cache_for=timedelta(hours=1))()
    return [plain(run.state(flow).result[a]), plain(run.state(flow).result[a]), run.notes]


@case(executors=CACHING)
def cache_with_checkpointed_result(p: Any, run: Any, folder: str) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 5, name="a", cache_for=timedelta(hours=1),
                   result=_local(p, folder, location="c.pkl"))()
    with _checkpointing(p):
        return [_where(run.state(flow).result[a]), _where(run.state(flow).result[a]),
                _files(folder)]


@case(executors=CACHING)
def cached_state_fields(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q", default=2)
        a = p.task(lambda x, y: 5, name="a", cache_for=timedelta(hours=1))(q, "c")
    state = run.state(flow).result[a]
    return [type(state).__name__, plain(state.cached_parameters), sorted(state.hashed_inputs),
            [len(v) for v in state.hashed_inputs.values()], plain(state.cached_inputs),
            type(state.cached_result_expiration).__name__]


@case
def local_result_class(p: Any, folder: str) -> Any:
    result = _local(p, folder, location="a/{x}.pkl")
    written = result.write([1, 2], x="k")
    again = _local(p, folder).read(written.location)
    return [result.location, written.location, written.value, again.value, again.location,
            result.exists("a/{x}.pkl", x="k"), result.exists("none"), repr(result), repr(written),
            result.dir == folder]


@case
def local_result_bad_folder(p: Any, folder: str) -> Any:
    from compat.harness import raised_type

    LocalResult = p.module("engine.results").LocalResult
    return [raised_type(LocalResult, dir=os.path.join(folder, "no", "such")),
            type(LocalResult(dir="rel", validate_dir=False)).__name__,
            LocalResult(dir="rel", validate_dir=False).dir]


@case
def result_base_class(p: Any) -> Any:
    from compat.harness import raises

    Result = p.module("engine.result").Result
    result = Result(3, location="x-{a}")
    formatted = result.format(a=1)
    return [result.value, result.location, formatted.location, formatted.value, repr(result),
            result == Result(3, location="x-{a}"), result == Result(4), result == 3,
            raises(result.write, 1).get("raised"), raises(result.read, "x").get("raised"),
            raises(result.exists, "x").get("raised"), result.copy() == result,
            result.from_value(9).value, type(result.serializer).__name__,
            raises(Result().format, a=1), raises(result.format)]


@case
def result_location_must_be_text(p: Any) -> Any:
    from compat.harness import raised_type

    Result = p.module("engine.result").Result
    return [raised_type(Result, 1, location=3),
            raised_type(Result(1, location=lambda **kw: "f").format) if False else None]


@case
def no_result(p: Any) -> Any:
    from compat.harness import raises

    module = p.module("engine.result")
    return [repr(module.NoResult), str(module.NoResult), module.NoResult.value,
            module.NoResult.location, type(module.NoResult).__name__,
            module.NoResult == module.NoResult, raises(module.NoResult.write, 1).get("raised"),
            raises(module.NoResult.from_value, 1).get("raised")]


@case
def prefect_result_class(p: Any) -> Any:
    from compat.harness import raises

    PrefectResult = p.module("engine.results").PrefectResult
    result = PrefectResult()
    written = result.write({"a": [1]})
    return [written.location, written.value, result.read(written.location).value,
            result.exists("1"), result.exists("{bad"), type(result.serializer).__name__,
            raises(PrefectResult, location="x") .get("raised"),
            raises(result.write, object()).get("raised")]


@case
def constant_result_class(p: Any) -> Any:
    from compat.harness import raises

    ConstantResult = p.module("engine.results").ConstantResult
    result = ConstantResult(value=5)
    return [result.value, result.read("").value, result.exists(""), raises(result.write, 6).get("raised"),
            repr(result), result.location]


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
    return [json_bytes.decode(), module.JSONSerializer().deserialize(json_bytes),
            module.PickleSerializer().deserialize(pickled), stamp.serialize(when).decode(),
            str(stamp.deserialize(stamp.serialize(when))),
            packed.deserialize(packed.serialize(value)),
            module.PickleSerializer() == module.PickleSerializer(),
            module.PickleSerializer() == module.JSONSerializer(),
            packed == module.CompressedSerializer(module.PickleSerializer(), format="gzip"),
            packed == module.CompressedSerializer(module.PickleSerializer(), format="bz2")]
