"""Results: checkpointing, targets, result classes, and the files that are written."""

from __future__ import annotations

import os
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
    return [
        type(state).__name__,
        state.message,
        type(state._result).__name__,
        state._result.location,
        plain(state.result),
    ]


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


@case(
    differs="The name is made from the run's identifier and the task's slug, so that a value is "
    "found again after its driver was killed before it could tell where it is (promise 7).",
)
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


@case(differs="The error is a KeyError that lists the keys that there are (promise 5).")
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


@case(differs="The error is a KeyError that lists the keys that there are (promise 5).")
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
            go,
            name="m",
            target="m-{map_index}-{x}.pkl",
            result=_local(p, folder),
            state_handlers=[run.handler],
        ).map([1, 2])
        p.task(lambda x: x, name="r")(m)
    seen = []
    with _checkpointing(p):
        for _ in range(2):
            state = run.state(flow).result[m]
            seen.append([plain(state), [_where(item) for item in state.map_states]])
    return [seen, run.sorted_notes(), _files(folder)]


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
        return [
            _where(run.state(flow).result[a]),
            _where(run.state(flow).result[a]),
            _files(folder),
        ]


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


@case
def results_without_a_store_keep_nothing(p: Any, run: Any, folder: str) -> Any:
    Result = p.module("engine.result").Result
    return [
        _write(p, run, folder, True, result=Result()),
        _write(p, run, folder, True, result=Result(location="x")),
        _write(p, run, folder, True, checkpoint=True, result=Result(value=3)),
    ]


@case
def what_a_cached_state_of_a_target_tells(p: Any, run: Any, folder: str) -> Any:
    result = _local(p, folder)
    with p.Flow("f") as flow:
        one = p.task(lambda x, y, z: x, name="one", target="one.pkl", result=result)
        single = one(5, [1], z=p.Parameter("z", default=2))
        many = p.task(lambda x, y: x, name="many", target="{x}.pkl", result=result)
        elements = many.map(x=[1, 2], y=p.unmapped(3))
    with _checkpointing(p):
        run.state(flow)
        found = run.state(flow)
    return [
        [
            sorted(state.hashed_inputs),
            [len(hashed) for hashed in state.hashed_inputs.values()],
            state.cached_parameters,
            state.cached_inputs,
            state.cached_result_expiration,
            state.context,
        ]
        for state in [found.result[single], *found.result[elements].map_states]
    ]
