"""A run state machine for tests, with segments that go by the names of their tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from prefectlite import Flow, Task
from prefectlite.engine.events import (
    Event,
    Finished,
    Instruction,
    Release,
    Submit,
    Summary,
)
from prefectlite.engine.plan import Link, compile_flow
from prefectlite.engine.run_state import RunState

OF_THREE = Summary(length=3)
OF_TWO = Summary(length=2)
FAILED = Summary(successful=False)
SKIPPED = Summary(skipped=True)


class Node(Task):
    def run(self, x: Any = None, y: Any = None) -> Any:
        raise AssertionError("the run state machine runs nothing")


class Machine:
    """A run state machine whose segments are named after their first task."""

    def __init__(self, flow: Flow, fuse: bool = False, **settings: Any) -> None:
        known = settings.pop("known", {})
        self.plan = compile_flow(flow, known, fuse=fuse)
        index_of = {planned.task: planned.index for planned in self.plan.tasks}
        summaries = {index_of[task]: summary for task, summary in known.items()}
        self.state = RunState(self.plan, summaries, **settings)

    def __getitem__(self, name: str) -> int:
        for segment in self.plan.segments:
            if self.plan.tasks[segment.head].name == name:
                return segment.index
        raise LookupError(name)

    def task(self, name: str) -> int:
        return next(planned.index for planned in self.plan.tasks if planned.name == name)

    def links(self, upstream: str, downstream: str) -> list[Link]:
        inputs = self.plan.segments[self[downstream]].inputs
        return [link for segment, link in inputs if segment == self[upstream]]

    def __call__(self, *events: Event) -> list[Instruction]:
        instructions: list[Instruction] = []
        for event in events:
            instructions += self.state.handle(event)
            self.state.check()
        return [
            dataclasses.replace(each, elements=tuple(each.elements))
            if isinstance(each, Submit | Release)
            else each
            for each in instructions
        ]


MakeMachine = Callable[..., Machine]


def done(
    segment: int, element: int = 0, summary: Summary | None = None, attempt: int = 1
) -> Finished:
    return Finished(segment, element, attempt, (summary or Summary(),))


def all_done(segment: int, count: int) -> list[Event]:
    return [done(segment, element) for element in range(count)]


def chain(*names: str) -> Flow:
    flow = Flow("chain")
    tasks = [flow.add_task(Node(name=name)) for name in names]
    flow.chain(*tasks)
    return flow


def mapping_flow(reduce: bool = True) -> Flow:
    """source -> map -> next (element by element) -> total."""
    with Flow("mapping") as flow:
        source = Node(name="source")()
        first = Node(name="first").map(source)
        second = Node(name="second").map(first)
        if reduce:
            Node(name="total")(second)
    return flow


def released(instructions: list[Instruction], segment: int) -> list[int]:
    releases = [each for each in instructions if isinstance(each, Release)]
    return [e for each in releases if each.segment == segment for e in each.elements]
