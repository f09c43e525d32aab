"""State handlers of tasks and flows, on_failure, terminal_state_handler: order, values, errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from compat.harness import case, plain, raises


def _with_handler(p: Any, run: Any, handler: Any) -> Any:
    with p.Flow("f") as flow:
        first = p.task(lambda: "ran", name="x", state_handlers=[handler, run.handler])()
        p.task(lambda v: v, name="after")(first)
        p.task(lambda v: "ran", name="m", state_handlers=[handler, run.handler]).map([1])
    return [run.runner(flow), run.notes_by_name()]


@case
def handler_returns_none(p: Any, run: Any) -> Any:
    return _with_handler(p, run, lambda task, old, new: None)


@case
def handler_raises(p: Any, run: Any) -> Any:
    return _with_handler(p, run, lambda task, old, new: 1 / 0)


@case
def handler_raises_at_the_end(p: Any, run: Any) -> Any:
    return _with_handler(p, run, lambda task, old, new: 1 / 0 if new.is_finished() else None)


@case
def handler_raises_fail(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        raise p.engine.signals.FAIL("from handler")

    return _with_handler(p, run, handler)


@case
def handler_raises_skip_at_success(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        if new.is_successful():
            raise p.engine.signals.SKIP("from handler")

    return _with_handler(p, run, handler)


@case
def handler_raises_endrun(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        if new.is_successful():
            raise p.engine.signals.ENDRUN(p.engine.state.Failed("ended"))

    return _with_handler(p, run, handler)


@case
def handler_turns_success_into_failure(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Failed("changed", result=7) if new.is_successful() else None

    return _with_handler(p, run, handler)


@case
def handler_turns_running_into_failure(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Failed("not run", result=8) if new.is_running() else None

    return _with_handler(p, run, handler)


@case
def handler_turns_running_into_success(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Success("not run", result=9) if new.is_running() else None

    return _with_handler(p, run, handler)


@case
def handler_turns_running_into_skipped(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Skipped("not run") if new.is_running() else None

    return _with_handler(p, run, handler)


@case
def handler_turns_success_into_pending(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Pending("later") if new.is_successful() else None

    return _with_handler(p, run, handler)


@case(
    differs="The error says which handler returned what, not that an int has no attribute "
    "(promise 5).",
)
def handler_returns_no_state(p: Any, run: Any) -> Any:
    return _with_handler(p, run, lambda task, old, new: 5)


@case
def handler_turns_failure_into_success(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Success("saved", result=1) if new.is_failed() else None

    with p.Flow("f") as flow:
        bad = p.task(
            lambda: 1 / 0,
            name="bad",
            max_retries=2,
            retry_delay=timedelta(0),
            state_handlers=[handler, run.handler],
        )()
        p.task(lambda v: v, name="after")(bad)
    return [run(flow), run.notes]


@case
def handler_turns_trigger_failure_into_success(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Success("saved", result=1) if new.is_failed() else None

    with p.Flow("f") as flow:
        bad = p.task(lambda: 1 / 0, name="bad")()
        p.task(lambda v: v, name="after", state_handlers=[handler, run.handler])(bad)
    return [run(flow), run.notes]


@case
def handler_asks_for_a_retry(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        if new.is_successful() and new.result == 1:
            return p.engine.state.Retrying("once more", start_time=None, run_count=1)
        return None

    with p.Flow("f") as flow:
        p.task(lambda: p.context.task_run_count, name="x", state_handlers=[handler, run.handler])()
    return [run.runner(flow), run.notes]


@case
def several_handlers_see_what_the_one_before_returned(p: Any, run: Any) -> Any:
    def first(task: Any, old: Any, new: Any) -> Any:
        run.note("first", type(old).__name__, type(new).__name__, new.message)
        return p.engine.state.Success("first", result=1) if new.is_successful() else None

    def second(task: Any, old: Any, new: Any) -> Any:
        run.note("second", type(old).__name__, type(new).__name__, new.message)
        return p.engine.state.Success("second", result=2) if new.is_successful() else None

    with p.Flow("f") as flow:
        p.task(lambda: 0, name="x", state_handlers=[first, second])()
    return [run(flow), run.notes]


@case
def handler_changes_the_state_in_place(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        if new.is_successful():
            new.result = 50
            new.message = "in place"

    with p.Flow("f") as flow:
        p.task(lambda v: v, name="after")(p.task(lambda: 0, name="x", state_handlers=[handler])())
    return run(flow)


@case
def handler_on_retries(p: Any, run: Any) -> Any:
    def flaky() -> int:
        if p.context.task_run_count < 3:
            raise ValueError(p.context.task_run_count)
        return 3

    with p.Flow("f") as flow:
        p.task(flaky, max_retries=2, retry_delay=timedelta(0), state_handlers=[run.handler])()
    return [run(flow), run.notes]


@case
def handler_on_mapped_parent_and_elements(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        a = p.task(lambda: [1, 0, 2], name="a")()
        b = p.task(lambda x: 2 / x, name="b", state_handlers=[run.handler]).map(a)
        p.task(lambda x: x, name="c", state_handlers=[run.handler]).map(b)
    return [run(flow), run.notes_by_name()]


@case
def handler_on_mapped_retry(p: Any, run: Any) -> Any:
    def flaky(x: int) -> int:
        if x == 2 and p.context.task_run_count == 1:
            raise ValueError("once")
        return x

    with p.Flow("f") as flow:
        m = p.task(
            flaky, max_retries=1, retry_delay=timedelta(0), state_handlers=[run.handler]
        ).map([1, 2, 3])
        p.task(lambda x: sum(x), name="sum", state_handlers=[run.handler])(m)
    return [run(flow), run.notes_by_name()]


@case
def handler_sees_the_context(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        context = p.context
        run.note(
            type(new).__name__,
            context.get("task_name"),
            context.get("task_slug"),
            context.get("map_index"),
            context.get("flow_name"),
            context.get("task_run_count"),
            context.get("task_full_name"),
            sorted(context.get("parameters", {})),
        )

    with p.Flow("f") as flow:
        q = p.Parameter("q", default=1)
        p.task(lambda x: x, name="x", state_handlers=[handler])(q)
        p.task(lambda x: x, name="y", state_handlers=[handler]).map([1])
    return [run(flow), run.sorted_notes()]


@case
def handler_is_given_the_task(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> None:
        run.note(type(task).__name__, task.name, sorted(task.tags), task.max_retries)

    with p.Flow("f") as flow:
        p.task(lambda: 1, name="x", tags=["b", "a"], state_handlers=[handler])()
    run.state(flow)
    return run.notes


@case
def on_failure_of_a_task(p: Any, run: Any) -> Any:
    def flaky() -> int:
        if p.context.task_run_count < 2:
            raise ValueError("once")
        return 1

    def failed(task: Any, state: Any) -> None:
        run.note(task.name, type(state).__name__, state.message)

    with p.Flow("f") as flow:
        p.task(flaky, on_failure=failed, max_retries=1, retry_delay=timedelta(0))()
        bad = p.task(lambda: 1 / 0, name="bad", on_failure=failed)()
        p.task(lambda x: 1, name="tf", on_failure=failed)(bad)
    return [run(flow), run.notes_by_name()]


@case
def on_failure_that_raises(p: Any, run: Any) -> Any:
    def failed(task: Any, state: Any) -> None:
        raise RuntimeError("in on_failure")

    with p.Flow("f") as flow:
        p.task(lambda: 1 / 0, name="bad", on_failure=failed)()
    return run(flow)


@case
def on_failure_of_a_mapped_task(p: Any, run: Any) -> Any:
    def failed(task: Any, state: Any) -> None:
        run.note(p.context.get("map_index"), type(state).__name__)

    with p.Flow("f") as flow:
        p.task(lambda x: 1 / x, name="bad", on_failure=failed).map([0, 1, 0])
    return [run(flow), run.sorted_notes()]


@case
def on_failure_and_state_handlers_together(p: Any, run: Any) -> Any:
    task = p.task(
        lambda: 1 / 0,
        name="bad",
        on_failure=lambda task, state: run.note("on_failure"),
        state_handlers=[lambda task, old, new: run.note("handler", type(new).__name__)],
    )
    with p.Flow("f") as flow:
        task()
    run.state(flow)
    return [run.notes, len(task.state_handlers)]


@case
def flow_handlers_success(p: Any, run: Any) -> Any:
    with p.Flow("f", state_handlers=[run.handler]) as flow:
        p.task(lambda: 1, name="a")()
    return [run(flow), run.notes]


@case
def flow_handlers_failure_and_on_failure(p: Any, run: Any) -> Any:
    def failed(flow: Any, state: Any) -> None:
        run.note("on_failure", flow.name, type(state).__name__, state.message)

    with p.Flow("f", state_handlers=[run.handler], on_failure=failed) as flow:
        p.task(lambda: 1 / 0, name="a")()
    return [run(flow), run.notes]


@case
def flow_handlers_with_retries(p: Any, run: Any) -> Any:
    def flaky() -> int:
        if p.context.task_run_count < 3:
            raise ValueError("again")
        return 1

    with p.Flow("f", state_handlers=[run.handler]) as flow:
        p.task(flaky, max_retries=3, retry_delay=timedelta(0))()
    return [run(flow), run.notes]


@case
def flow_handler_raises_at_the_start(p: Any, run: Any) -> Any:
    with p.Flow("f", state_handlers=[lambda flow, old, new: 1 / 0, run.handler]) as flow:
        p.task(lambda: run.note("ran"), name="a")()
    return [run(flow), run.notes]


@case
def flow_handler_raises_at_the_end(p: Any, run: Any) -> Any:
    def handler(flow: Any, old: Any, new: Any) -> None:
        if new.is_finished():
            raise ValueError("at the end")

    with p.Flow("f", state_handlers=[handler, run.handler]) as flow:
        p.task(lambda: run.note("ran"), name="a")()
    return [run(flow), run.notes]


@case(
    differs="A flow's handler that returns a state gives that state; Prefect's Flow.run fails on "
    "it with a TypeError (promise 5)."
)
def flow_handler_returns_failed_under_flow_run(p: Any, run: Any) -> Any:
    def handler(flow: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Failed("changed") if new.is_finished() else None

    with p.Flow("f", state_handlers=[handler]) as flow:
        p.task(lambda: 1, name="a")()
    return raises(run, flow)


@case
def flow_handler_returns_failed_under_the_runner(p: Any, run: Any) -> Any:
    def handler(flow: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Failed("changed", result=3) if new.is_finished() else None

    with p.Flow("f", state_handlers=[handler, run.handler]) as flow:
        p.task(lambda: 1, name="a")()
    return [run.runner(flow), run.notes]


@case
def flow_handler_stops_at_running_under_the_runner(p: Any, run: Any) -> Any:
    def handler(flow: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Failed("no", result=3) if new.is_running() else None

    with p.Flow("f", state_handlers=[handler, run.handler]) as flow:
        p.task(lambda: run.note("ran"), name="a")()
    return [run.runner(flow), run.notes]


@case
def terminal_state_handler_keeps(p: Any, run: Any) -> Any:
    def terminal(flow: Any, state: Any, references: Any) -> None:
        run.note(flow.name, type(state).__name__, state.message)
        run.note(sorted(type(item).__name__ + str(item.result) for item in references))

    with p.Flow("f", terminal_state_handler=terminal, state_handlers=[run.handler]) as flow:
        p.task(lambda: 5, name="a")()
        p.task(lambda x: x, name="b").map([1, 2])
    return [run(flow), run.notes]


@case
def terminal_state_handler_changes_under_the_runner(p: Any, run: Any) -> Any:
    def terminal(flow: Any, state: Any, references: Any) -> Any:
        return p.engine.state.Failed("terminal", result={})

    with p.Flow("f", terminal_state_handler=terminal, state_handlers=[run.handler]) as flow:
        p.task(lambda: 5, name="a")()
    return [run.runner(flow), run.notes]


@case
def terminal_state_handler_changes_message_in_place(p: Any, run: Any) -> Any:
    def terminal(flow: Any, state: Any, references: Any) -> Any:
        state.message = "other words"
        return state

    with p.Flow("f", terminal_state_handler=terminal) as flow:
        p.task(lambda: 5, name="a")()
    return run(flow)


@case
def terminal_state_handler_raises(p: Any, run: Any) -> Any:
    def terminal(flow: Any, state: Any, references: Any) -> Any:
        raise ValueError("terminal")

    with p.Flow("f", terminal_state_handler=terminal, state_handlers=[run.handler]) as flow:
        p.task(lambda: 5, name="a")()
    return [run(flow), run.notes]


@case
def terminal_state_handler_of_a_round_that_is_not_done(p: Any, run: Any) -> Any:
    def terminal(flow: Any, state: Any, references: Any) -> Any:
        run.note("called", type(state).__name__)

    def pause() -> None:
        raise p.engine.signals.PAUSE("p")

    with p.Flow("f", terminal_state_handler=terminal) as flow:
        p.task(pause)()
    return [run.runner(flow), run.notes]


@case
def handlers_must_be_a_list(p: Any) -> Any:
    from compat.harness import raised_type

    def handler(task: Any, old: Any, new: Any) -> None:
        return None

    return [
        raised_type(p.Task, state_handlers=handler),
        raised_type(p.Flow, name="f", state_handlers=handler),
        len(p.Task(state_handlers=[handler]).state_handlers),
    ]


@case
def handler_order_is_list_order_then_on_failure(p: Any, run: Any) -> Any:
    def note(name: str) -> Any:
        return lambda task, old, new: run.note(name, type(new).__name__)

    with p.Flow("f") as flow:
        p.task(
            lambda: 1 / 0,
            name="a",
            state_handlers=[note("one"), note("two")],
            on_failure=lambda task, state: run.note("on_failure"),
        )()
    run.state(flow)
    return run.notes


@case
def task_runner_state_handlers(p: Any, run: Any) -> Any:
    def handler(runner: Any, old: Any, new: Any) -> None:
        run.note(type(runner).__name__, type(old).__name__, type(new).__name__)

    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a")()
    return [run.runner(flow, task_runner_state_handlers=[handler]), run.notes]


@case
def handler_changes_skipped(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Success("instead", result=2) if new.is_skipped() else None

    def skip() -> None:
        raise p.engine.signals.SKIP("s")

    with p.Flow("f") as flow:
        first = p.task(skip, state_handlers=[handler])()
        p.task(lambda x: x, name="after")(first)
    return run(flow)


@case
def state_context_after_handler_replacement(p: Any, run: Any) -> Any:
    def handler(task: Any, old: Any, new: Any) -> Any:
        return p.engine.state.Success("new", result=1) if new.is_successful() else None

    with p.Flow("f") as flow:
        a = p.task(lambda: 1, name="a", tags=["t"], state_handlers=[handler])()
    return plain(run.state(flow).result[a].context)
