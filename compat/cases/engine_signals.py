"""Signals and exceptions raised in a task, loops and timeouts."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from compat.harness import case


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
def each_round_of_a_loop_has_its_retries(p: Any, run: Any) -> Any:
    def loop() -> Any:
        count = p.context.get("task_loop_count", 1)
        run.note("run", count, p.context.task_run_count)
        if p.context.task_run_count == 1:
            raise ValueError(f"once in {count}")
        if count < 3:
            raise p.engine.signals.LOOP(result=count)
        return "done"

    with p.Flow("f") as flow:
        p.task(loop, max_retries=1, retry_delay=timedelta(0))()
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
