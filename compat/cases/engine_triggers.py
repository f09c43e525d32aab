"""Triggers: what they see, what they decide, and what happens when they raise."""

from __future__ import annotations

from typing import Any

from compat.harness import case, plain


def _signal(p: Any, run: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    def go() -> None:
        raise getattr(p.engine.signals, name)(*args, **kwargs)

    with p.Flow("f", state_handlers=[run.handler]) as flow:
        first = p.task(go, state_handlers=[run.handler])()
        p.task(lambda x: x, name="after", state_handlers=[run.handler])(first)
    return [run.runner(flow), run.notes]


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
            lambda: "ran",
            name="last",
            trigger=trigger,
            skip_on_upstream_skip=False,
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
