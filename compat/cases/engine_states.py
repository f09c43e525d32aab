"""What states a run ends in."""

from __future__ import annotations

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
