"""Starting in the middle: given states, pauses, resuming, retries in rounds."""

from __future__ import annotations

import datetime
from datetime import timedelta
from typing import Any

from compat.harness import case, describe_flow, plain


def _later(hours: int = 1) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + timedelta(hours=hours)


def _chain(p: Any, run: Any) -> Any:
    with p.Flow("f", state_handlers=[run.handler]) as flow:
        a = p.task(lambda: 1, name="a", state_handlers=[run.handler])()
        b = p.task(lambda x: x + 1, name="b", state_handlers=[run.handler])(a)
        c = p.task(lambda x: x + 1, name="c", state_handlers=[run.handler])(b)
    return flow, a, b, c


@case
def task_states_success(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [
        run.runner(flow, task_states={b: p.engine.state.Success("given", result=50)}),
        run.notes_by_name(),
    ]


@case
def task_states_failed(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Failed("given")}), run.notes_by_name()]


@case
def task_states_skipped(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Skipped("given")}), run.notes_by_name()]


@case
def task_states_running(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    return [run.runner(flow, task_states={b: p.engine.state.Running("given")}), run.notes_by_name()]


@case
def task_states_scheduled_later(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = p.engine.state.Scheduled("later", start_time=_later())
    return [run.runner(flow, task_states={b: state}), run.notes_by_name()]


@case
def task_states_scheduled_earlier(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = p.engine.state.Scheduled("earlier", start_time=_later(-1))
    return [run.runner(flow, task_states={b: state}), run.notes_by_name()]


@case
def task_states_retrying_counts_on(p: Any, run: Any) -> Any:
    def count() -> int:
        return int(p.context.task_run_count)

    with p.Flow("f") as flow:
        a = p.task(count, state_handlers=[run.handler])()
    state = p.engine.state.Retrying("r", start_time=_later(-1), run_count=4)
    return [run.runner(flow, task_states={a: state}), run.notes]


@case
def task_states_submitted_and_queued(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    states = p.engine.state
    return [
        run.runner(
            flow,
            task_states={
                a: states.Submitted(state=states.Pending("p")),
                b: states.Queued(state=states.Retrying("r", run_count=1)),
            },
        ),
        run.notes_by_name(),
    ]


@case
def task_states_cached(p: Any, run: Any) -> Any:
    flow, a, b, c = _chain(p, run)
    state = p.engine.state.Cached("given", result=20)
    return [run.runner(flow, task_states={b: state}), run.notes_by_name()]


@case
def task_states_mapped_in_the_middle(p: Any, run: Any) -> Any:
    states = p.engine.state
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m", state_handlers=[run.handler]).map([1, 2])
        p.task(lambda x: x, name="r")(m)
    given = states.Mapped("given", map_states=[states.Success("s", result=5), states.Pending("p")])
    return [run.runner(flow, task_states={m: given}), run.notes_by_name()]


@case
def task_states_mapped_by_number(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m", state_handlers=[run.handler]).map([1, 2])
    given = p.engine.state.Mapped("given", n_map_states=2)
    return [run.runner(flow, task_states={m: given}), run.notes_by_name()]


@case
def task_states_success_for_a_mapped_task(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        m = p.task(lambda x: x * 10, name="m").map([1, 2])
        p.task(lambda x: x, name="next").map(m)
        p.task(lambda x: x, name="r")(m)
    return run.runner(flow, task_states={m: p.engine.state.Success("given", result=[7, 8, 9])})


@case
def pause_and_resume(p: Any, run: Any) -> Any:
    def pause(x: int) -> Any:
        if not p.context.get("resume"):
            raise p.engine.signals.PAUSE("wait")
        return [x, p.context.get("resume")]

    with p.Flow("f", state_handlers=[run.handler]) as flow:
        a = p.task(lambda: 1, name="a", state_handlers=[run.handler])()
        b = p.task(pause, state_handlers=[run.handler])(a)
        p.task(lambda x: x, name="c", state_handlers=[run.handler])(b)
    first = run.runner_state(flow)
    again = run.runner_state(flow, state=first, task_states=dict(first.result))
    resumed = run.runner_state(
        flow, state=again, task_states={**again.result, b: p.engine.state.Resume("go")}
    )
    return [describe_flow(flow, state) for state in (first, again, resumed)] + [run.notes]


@case
def manual_only_and_resume(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b = p.task(
            lambda x: x, name="b", trigger=p.triggers.manual_only, state_handlers=[run.handler]
        )(a)
    first = run.runner_state(flow)
    resumed = run.runner_state(flow, task_states={**first.result, b: p.engine.state.Resume("go")})
    return [describe_flow(flow, first), describe_flow(flow, resumed), run.notes]


@case
def pause_with_a_past_start_time_resumes_under_flow_run(p: Any, run: Any) -> Any:
    def pause() -> Any:
        if p.context.get("resume"):
            return "resumed"
        run.note("paused")
        raise p.engine.signals.PAUSE("wait", start_time=_later(-1))

    with p.Flow("f") as flow:
        b = p.task(pause, state_handlers=[run.handler])()
    first = run.runner_state(flow)
    second = run.runner_state(flow, task_states=dict(first.result))
    return [describe_flow(flow, first), describe_flow(flow, second), run.notes, b.name]


@case
def retry_first_round_under_the_runner(p: Any, run: Any) -> Any:
    def bad(x: int) -> None:
        raise ValueError("v")

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a")()
        b = p.task(bad, max_retries=2, retry_delay=timedelta(minutes=5), tags=["t"])(a)
        p.task(lambda x: x, name="c")(b)
        p.task(lambda: 2, name="d")()
    state = run.runner_state(flow)
    retrying = state.result[b]
    seconds = (retrying.start_time - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    return [
        describe_flow(flow, state),
        retrying.run_count,
        290 < seconds <= 300,
        plain(retrying.context),
        type(retrying._result).__name__,
    ]


@case
def retry_second_round_from_the_first(p: Any, run: Any) -> Any:
    def flaky(x: int) -> Any:
        if p.context.task_run_count == 1:
            raise ValueError("v")
        return [x, p.context.task_run_count]

    with p.Flow("f") as flow:
        a = p.task(lambda: run.note("a ran"), name="a")()
        p.task(flaky, max_retries=2, retry_delay=timedelta(0))(a)
    first = run.runner_state(flow)
    second = run.runner_state(flow, state=first, task_states=dict(first.result))
    return [describe_flow(flow, first), describe_flow(flow, second), run.notes]


@case
def retry_until_it_works(p: Any, run: Any) -> Any:
    def flaky() -> int:
        if p.context.task_run_count < 4:
            raise ValueError(p.context.task_run_count)
        return int(p.context.task_run_count)

    with p.Flow("f") as flow:
        p.task(flaky, max_retries=5, retry_delay=timedelta(0))()
    return run(flow)


@case
def retries_run_out(p: Any, run: Any) -> Any:
    def bad() -> None:
        run.note("run", p.context.task_run_count)
        raise ValueError(p.context.task_run_count)

    with p.Flow("f") as flow:
        p.task(bad, max_retries=2, retry_delay=timedelta(0), state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def retry_on_one_class(p: Any, run: Any) -> Any:
    def bad(kind: str) -> None:
        raise {"v": ValueError, "z": ZeroDivisionError, "u": UnicodeError}[kind](kind)

    with p.Flow("f") as flow:
        p.task(
            bad,
            max_retries=1,
            retry_delay=timedelta(0),
            retry_on=ValueError,
            state_handlers=[run.handler],
        ).map(["v", "z", "u"])
    return [run(flow), run.notes_by_name()]


@case
def retry_on_several_classes(p: Any, run: Any) -> Any:
    def bad(kind: str) -> None:
        raise {"v": ValueError, "z": ZeroDivisionError, "t": TypeError}[kind](kind)

    with p.Flow("f") as flow:
        p.task(
            bad,
            max_retries=1,
            retry_delay=timedelta(0),
            retry_on={ValueError, TypeError},
            state_handlers=[run.handler],
        ).map(["v", "z", "t"])
    return [run(flow), run.notes_by_name()]


@case
def retry_on_and_the_fail_signal(p: Any, run: Any) -> Any:
    def bad() -> None:
        raise p.engine.signals.FAIL("f")

    with p.Flow("f") as flow:
        p.task(bad, max_retries=1, retry_delay=timedelta(0), state_handlers=[run.handler])()
        p.task(
            bad,
            name="on",
            max_retries=1,
            retry_delay=timedelta(0),
            retry_on=ValueError,
            state_handlers=[run.handler],
        )()
    return [run(flow), run.notes_by_name()]


@case
def retry_signal_goes_beyond_max_retries(p: Any, run: Any) -> Any:
    def go() -> int:
        if p.context.task_run_count < 3:
            raise p.engine.signals.RETRY(f"round {p.context.task_run_count}")
        return int(p.context.task_run_count)

    with p.Flow("f") as flow:
        p.task(go, state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def retry_signal_with_a_start_time(p: Any, run: Any) -> Any:
    def go() -> int:
        if p.context.task_run_count < 2:
            raise p.engine.signals.RETRY("later", start_time=_later(2))
        return 1

    with p.Flow("f") as flow:
        a = p.task(go)()
    state = run.runner_state(flow)
    left = state.result[a].start_time - datetime.datetime.now(datetime.timezone.utc)
    return [describe_flow(flow, state), timedelta(minutes=110) < left, state.result[a].run_count]


@case
def trigger_failure_is_not_retried(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(
            lambda x: 1,
            name="a",
            max_retries=2,
            retry_delay=timedelta(0),
            state_handlers=[run.handler],
        )(bad)
    return [run(flow), run.notes]


@case
def flow_run_from_a_state_that_is_over(p: Any, run: Any) -> Any:
    states = p.engine.state
    with p.Flow("f") as flow:
        task = p.task(lambda: run.note("ran"), name="a")()
    ends = [
        run.state(flow, state=given)
        for given in (states.Success("s"), states.Failed("f"), states.Success("r", result=5))
    ]
    return [[[str(end), str(end.result[task])] for end in ends], run.notes]
