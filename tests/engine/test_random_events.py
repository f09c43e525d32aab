"""Random plans driven by an executor that answers in any order, loses, defers and retries."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings, strategies

from prefectlite import Task
from prefectlite.engine.events import Summary
from prefectlite.engine.limits import Limits
from prefectlite.engine.plan import compile_flow
from prefectlite.engine.state import State
from tests.engine.random_flows import Sketch, build, sketches
from tests.engine.toy_executor import ToyExecutor, leftovers


def _watch(task: Task, old: State, new: State) -> None:
    """A handler: its task's expansion has to be confirmed."""


@given(
    drawn=sketches(),
    random=strategies.randoms(use_true_random=False),
    submit_ahead=strategies.booleans(),
    fuse=strategies.booleans(),
    handled=strategies.booleans(),
    limits=strategies.none()
    | strategies.builds(
        Limits,
        strategies.dictionaries(
            strategies.sampled_from(["t0", "t1", "t2", "t4"]), strategies.integers(1, 3)
        ),
        strategies.none() | strategies.integers(1, 4),
    ),
)
@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_order_of_events_comes_to_an_end(
    drawn: list[Sketch],
    random: Any,
    submit_ahead: bool,
    fuse: bool,
    handled: bool,
    limits: Limits | None,
) -> None:
    flow, tasks = build(drawn)
    for task in tasks[:: 2 if handled else len(tasks) + 1]:
        task.state_handlers.append(_watch)
    plan = compile_flow(flow, fuse=fuse)
    known = {
        planned.index: Summary(length=random.randrange(4), flat_length=random.randrange(4))
        for planned in plan.tasks
        if planned.known
    }
    toy = ToyExecutor(plan, known, random.randrange, submit_ahead, limits)
    toy.run()
    assert all(runs.settled for runs in toy.state.runs)
    for segment, runs in zip(plan.segments, toy.state.runs, strict=True):
        done = [element for at, element in toy.ended_at if at == segment.index]
        assert sorted(done) == list(range(runs.length or 0))
    assert leftovers(toy) == []
