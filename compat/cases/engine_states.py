"""What states a run ends in: success, failure, triggers, skips, signals, timeouts, loops."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from compat.harness import case, plain


@case
def one_task_succeeds(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="one", state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def chain_passes_values(p: Any, run: Any) -> Any:
    add = p.task(lambda x, y=1: x + y, name="add", state_handlers=[run.handler])
    with p.Flow("f") as flow:
        add(add(add(0)), y=10)
    return [run(flow), run.notes]


@case
def failure_fails_everything_below(p: Any, run: Any) -> Any:
    bad = p.task(lambda: 1 / 0, name="bad", state_handlers=[run.handler])
    after = p.task(lambda x: x, name="after", state_handlers=[run.handler])
    with p.Flow("f") as flow:
        after(after(bad()))
    return [run(flow), run.notes]


@case
def exception_with_a_message_is_quoted(p: Any, run: Any) -> Any:
    def bad() -> None:
        raise KeyError("no 'such' \"key\"")

    with p.Flow("f") as flow:
        p.task(bad)()
    return run(flow)


@case
def exception_of_ones_own_class(p: Any, run: Any) -> Any:
    def bad() -> None:
        class Mine(Exception):
            pass

        raise Mine("one", 2)

    with p.Flow("f") as flow:
        p.task(bad)()
    return run(flow)


@case
def stop_iteration_is_a_failure(p: Any, run: Any) -> Any:
    def bad() -> None:
        raise StopIteration("s")

    with p.Flow("f") as flow:
        p.task(bad)()
    return run(flow)


@case
def assertion_error_is_a_failure(p: Any, run: Any) -> Any:
    def bad() -> None:
        raise AssertionError()

    with p.Flow("f") as flow:
        p.task(bad)()
    return run(flow)


def _signal(p: Any, run: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    def go() -> None:
        raise getattr(p.engine.signals, name)(*args, **kwargs)

    with p.Flow("f", state_handlers=[run.handler]) as flow:
        first = p.task(go, state_handlers=[run.handler])()
        p.task(lambda x: x, name="after", state_handlers=[run.handler])(first)
    return [run.runner(flow), run.notes]


@case
def fail_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "FAIL", "because")


@case
def fail_signal_without_message(p: Any, run: Any) -> Any:
    return _signal(p, run, "FAIL")


@case
def fail_signal_with_result(p: Any, run: Any) -> Any:
    return _signal(p, run, "FAIL", "because", result=3)


@case
def success_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "SUCCESS", "early")


@case
def success_signal_with_result(p: Any, run: Any) -> Any:
    return _signal(p, run, "SUCCESS", "early", result=[1, 2])


@case
def skip_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "SKIP", "not today")


@case
def skip_signal_without_message(p: Any, run: Any) -> Any:
    return _signal(p, run, "SKIP")


@case
def skip_signal_with_result(p: Any, run: Any) -> Any:
    return _signal(p, run, "SKIP", "s", result="kept")


@case
def triggerfail_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "TRIGGERFAIL", "tf")


@case
def validationfail_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "VALIDATIONFAIL", "vf")


@case
def retry_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "RETRY", "again")


@case
def pause_signal(p: Any, run: Any) -> Any:
    return _signal(p, run, "PAUSE", "wait")


@case
def pause_signal_without_message(p: Any, run: Any) -> Any:
    return _signal(p, run, "PAUSE")


@case
def endrun_with_failed(p: Any, run: Any) -> Any:
    def go() -> None:
        raise p.engine.signals.ENDRUN(p.engine.state.Failed("ended", result=4))

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="after")(p.task(go, state_handlers=[run.handler])())
    return [run.runner(flow), run.notes]


@case
def endrun_with_success(p: Any, run: Any) -> Any:
    def go() -> None:
        raise p.engine.signals.ENDRUN(p.engine.state.Success("ended", result=4))

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="after")(p.task(go, state_handlers=[run.handler])())
    return [run.runner(flow), run.notes]


@case
def endrun_with_pending(p: Any, run: Any) -> Any:
    def go() -> None:
        raise p.engine.signals.ENDRUN(p.engine.state.Pending("not yet"))

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="after")(p.task(go, state_handlers=[run.handler])())
    return [run.runner(flow), run.notes]


@case
def context_of_a_state_holds_tags(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a", tags=["x", "y"])()
        b = p.task(lambda v: 1 / 0, name="b")(a)
        c = p.task(lambda v: 1, name="c", tags=["z"])(b)
    state = run.state(flow)
    return [
        {key: sorted(v) if key == "tags" else v for key, v in state.result[t].context.items()}
        for t in (a, b, c)
    ] + [plain(state.context)]


@case
def skip_spreads_downstream(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    after = p.task(lambda x: x, name="after", state_handlers=[run.handler])
    with p.Flow("f") as flow:
        after(after(p.task(skip)()))
    return [run(flow), run.notes]


@case
def skip_stops_at_skip_on_upstream_skip_false(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        middle = p.task(lambda x: ["got", type(x).__name__], name="m", skip_on_upstream_skip=False)
        p.task(lambda x: x, name="last")(middle(p.task(skip)()))
    return run(flow)


@case
def skip_wins_over_failed_sibling(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        skipped, failed = p.task(skip)(), p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda x, y: 1, name="both")(skipped, failed)
    return run(flow)


@case
def result_of_a_signal_skip_downstream_value(p: Any, run: Any) -> Any:
    def skip() -> None:
        raise p.engine.signals.SKIP("s", result=7)

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="m", skip_on_upstream_skip=False)(p.task(skip)())
    return run(flow)


def _trigger(p: Any, run: Any, trigger: Any, *upstream: str) -> Any:
    def make(kind: str) -> Any:
        def go() -> str:
            if kind == "bad":
                raise ValueError("boom")
            if kind == "skip":
                raise p.engine.signals.SKIP("s")
            return "ok"

        return p.task(go, name=kind)()

    with p.Flow("f") as flow:
        ups = [make(kind) for kind in upstream]
        last = p.task(
            lambda: "ran", name="last", trigger=trigger, skip_on_upstream_skip=False,
            state_handlers=[run.handler],
        )
        last(upstream_tasks=ups)
    return [run.runner(flow), run.notes]


def _trigger_table(p: Any, run: Any, trigger: Any) -> Any:
    combinations = ([], ["ok"], ["bad"], ["skip"], ["ok", "bad"], ["ok", "skip"], ["bad", "skip"])
    outcomes = {}
    for kinds in combinations:
        run.notes.clear()
        outcomes["+".join(kinds)] = _trigger(p, run, trigger, *kinds)
    return outcomes


@case
def trigger_all_successful(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.all_successful)


@case
def trigger_all_failed(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.all_failed)


@case
def trigger_all_finished(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.all_finished)


@case
def trigger_always_run(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.always_run)


@case
def trigger_any_failed(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.any_failed)


@case
def trigger_any_successful(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.any_successful)


@case
def trigger_not_all_skipped(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.not_all_skipped)


@case
def trigger_manual_only(p: Any, run: Any) -> Any:
    return _trigger_table(p, run, p.triggers.manual_only)


@case
def trigger_some_failed(p: Any, run: Any) -> Any:
    some = p.triggers.some_failed
    return [
        _trigger_table(p, run, some(at_least=1)),
        _trigger_table(p, run, some(at_most=1)),
        _trigger_table(p, run, some(at_least=0.5, at_most=0.5)),
    ]


@case
def trigger_some_successful(p: Any, run: Any) -> Any:
    some = p.triggers.some_successful
    return [
        _trigger_table(p, run, some(at_least=1)),
        _trigger_table(p, run, some(at_most=1)),
        _trigger_table(p, run, some(at_least=0.5, at_most=0.5)),
    ]


@case
def trigger_returns_false(p: Any, run: Any) -> Any:
    return _trigger(p, run, lambda upstream: False, "ok")


@case
def trigger_returns_none(p: Any, run: Any) -> Any:
    return _trigger(p, run, lambda upstream: None, "ok")


@case
def trigger_raises(p: Any, run: Any) -> Any:
    return _trigger(p, run, lambda upstream: 1 / 0, "ok")


@case
def trigger_raises_skip(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> None:
        raise p.engine.signals.SKIP("in trigger")

    return _trigger(p, run, trigger, "ok")


@case
def trigger_raises_fail(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> None:
        raise p.engine.signals.FAIL("in trigger")

    return _trigger(p, run, trigger, "ok")


@case
def trigger_raises_success(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> None:
        raise p.engine.signals.SUCCESS("in trigger", result=5)

    return _trigger(p, run, trigger, "ok")


@case
def trigger_raises_retry(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> None:
        raise p.engine.signals.RETRY("in trigger")

    return _trigger(p, run, trigger, "ok")


@case
def trigger_raises_pause(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> None:
        raise p.engine.signals.PAUSE("in trigger")

    return _trigger(p, run, trigger, "ok")


@case
def trigger_sees_edges_and_states(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> bool:
        for edge, state in upstream.items():
            run.note(edge.upstream_task.name, edge.key, edge.mapped, state)
        return True

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b = p.task(lambda: 1 / 0, name="b")()
        p.task(lambda x: 3, name="c", trigger=trigger)(a, upstream_tasks=[b])
    return [run(flow), run.sorted_notes()]


@case
def trigger_on_a_root_task(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> bool:
        run.note("called", len(upstream))
        return False

    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a", trigger=trigger)()
    return [run(flow), run.notes]


@case
def failed_upstream_result_with_always_run(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda x: type(x).__name__, name="a", trigger=p.triggers.all_finished)(bad)
    return run(flow)


@case
def timeout_in_seconds(p: Any, run: Any) -> Any:
    def slow() -> None:
        time.sleep(3)

    with p.Flow("f") as flow:
        p.task(slow, timeout=1, state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def timeout_not_reached(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="quick", timeout=5)(3)
    return run(flow)


@case
def timeout_then_retry(p: Any, run: Any) -> Any:
    def slow() -> str:
        if p.context.task_run_count == 1:
            time.sleep(3)
        return "second"

    with p.Flow("f") as flow:
        p.task(
            slow, timeout=1, max_retries=1, retry_delay=timedelta(0), state_handlers=[run.handler]
        )()
    return [run(flow), run.notes]


@case
def loop_three_times(p: Any, run: Any) -> Any:
    def loop() -> Any:
        count = p.context.get("task_loop_count")
        result = p.context.get("task_loop_result")
        run.note(count, result)
        if (count or 1) < 3:
            raise p.engine.signals.LOOP(message=f"round {count}", result=(result or 0) + 10)
        return result

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="after")(p.task(loop, state_handlers=[run.handler])())
    return [run(flow), run.notes]


@case
def loop_without_message(p: Any, run: Any) -> Any:
    def loop() -> Any:
        if p.context.get("task_loop_count", 1) < 3:
            raise p.engine.signals.LOOP()
        return repr(p.context.get("task_loop_result"))

    with p.Flow("f") as flow:
        p.task(loop, state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def loop_then_fail(p: Any, run: Any) -> Any:
    def loop() -> Any:
        if p.context.get("task_loop_count", 1) < 2:
            raise p.engine.signals.LOOP(result=1)
        raise ValueError("in the second round")

    with p.Flow("f") as flow:
        p.task(loop, state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def loop_with_retry_in_between(p: Any, run: Any) -> Any:
    def loop() -> Any:
        count = p.context.get("task_loop_count", 1)
        run.note("run", count, p.context.task_run_count, p.context.get("task_loop_result"))
        if count == 1:
            raise p.engine.signals.LOOP(result="one")
        if p.context.task_run_count == 1:
            raise ValueError("once")
        return "done"

    with p.Flow("f") as flow:
        p.task(loop, max_retries=1, retry_delay=timedelta(0), state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def mapped_loop(p: Any, run: Any) -> Any:
    def loop(x: int) -> Any:
        count = p.context.get("task_loop_count", 1)
        if count < x:
            raise p.engine.signals.LOOP(result=count)
        return [x, count, p.context.get("task_loop_result")]

    with p.Flow("f") as flow:
        p.task(loop, state_handlers=[run.handler]).map([1, 2, 3])
    return [run(flow), run.notes_by_name()]


def _base_exception(p: Any, run: Any, error: BaseException) -> Any:
    def go() -> None:
        raise error

    with p.Flow("f") as flow:
        p.task(lambda x: x, name="after")(p.task(go)())
    try:
        return run(flow)
    except BaseException as raised:
        return ["raised", type(raised).__name__, str(raised)]


@case(
    differs="A task that raises KeyboardInterrupt of its own fails alone, by name (promise 4).",
)
def keyboard_interrupt_in_a_task(p: Any, run: Any) -> Any:
    if run.executor_name != "local" and p.module("executors").__name__.startswith("prefect."):
        return "not tried: it ends the worker"
    return _base_exception(p, run, KeyboardInterrupt("k"))


@case(differs="A task that calls sys.exit fails alone, by name (promise 4).")
def system_exit_in_a_task(p: Any, run: Any) -> Any:
    if run.executor_name != "local" and p.module("executors").__name__.startswith("prefect."):
        return "not tried: it ends the worker"
    return _base_exception(p, run, SystemExit(3))


@case
def nothing_returned_is_none(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: None, name="none")()
    return run(flow)


@case
def empty_flow(p: Any, run: Any) -> Any:
    with p.Flow("f", state_handlers=[run.handler]) as flow:
        pass
    return [run(flow), run.runner(flow), run.notes]


@case
def returned_state_object_is_a_plain_value(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: p.engine.state.Failed("value"), name="a")()
    return run(flow)


@case
def returned_exception_is_a_plain_value(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: ValueError("value"), name="a")()
    return run(flow)


@case
def upstream_tasks_order_without_data(p: Any, run: Any) -> Any:
    def say(name: str) -> Any:
        return p.task(lambda: run.note(name), name=name)

    with p.Flow("f") as flow:
        c, b, a = say("c")(), say("b")(), say("a")()
        c.set_upstream(b)
        b.set_upstream(a)
    return [run(flow), run.notes]


@case
def raise_on_exception_raises(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1 / 0, name="bad")()
    try:
        with p.module("utilities.debug").raise_on_exception():
            return run(flow)
    except ZeroDivisionError as error:
        return ["raised", str(error)]


@case
def raise_on_exception_lets_signals_be(p: Any, run: Any) -> Any:
    def go() -> None:
        raise p.engine.signals.FAIL("signal")

    with p.Flow("f") as flow:
        p.task(go)()
    with p.module("utilities.debug").raise_on_exception():
        return run(flow)


@case
def raise_on_exception_in_a_trigger(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="x", trigger=lambda upstream: 1 / 0)()
    try:
        with p.module("utilities.debug").raise_on_exception():
            return run(flow)
    except ZeroDivisionError as error:
        return ["raised", str(error)]


@case
def trigger_sees_constants(p: Any, run: Any) -> Any:
    def trigger(upstream: Any) -> bool:
        for edge, state in upstream.items():
            run.note(type(edge.upstream_task).__name__, edge.key, edge.mapped, state)
        return True

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        p.task(lambda x, y=0: 3, name="c", trigger=trigger)(5, y=a)
        p.task(lambda x: 3, name="d", trigger=trigger)([1, 2])
    return [run(flow), run.sorted_notes()]


@case
def triggers_beside_a_constant(p: Any, run: Any) -> Any:
    outcomes = {}
    for name in ("all_failed", "any_failed", "any_successful", "all_successful"):
        with p.Flow("f") as flow:
            bad = p.task(lambda: 1 / 0, name="bad")()
            t = p.task(lambda x, y: type(y).__name__, name="t", trigger=getattr(p.triggers, name))
            made = t(5, bad)
            alone = p.task(lambda x: x, name="alone", trigger=getattr(p.triggers, name))(6)
        state = run.state(flow)
        outcomes[name] = [plain(state.result[made]), plain(state.result[alone])]
    return outcomes


@case
def some_failed_beside_constants(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        t = p.task(lambda x, y: 1, name="t", trigger=p.triggers.some_failed(at_least=0.8))
        made = t(5, bad)
    return plain(run.state(flow).result[made])
