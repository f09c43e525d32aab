"""Random flows: how they are drawn, built, and how what a run came to is compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies

import prefectlite
from prefectlite import Flow, Task, flatten, triggers, unmapped
from prefectlite.engine import signals
from prefectlite.engine.state import Mapped, State

TRIGGERS = {
    "all_successful": triggers.all_successful,
    "all_finished": triggers.all_finished,
    "any_failed": triggers.any_failed,
    "any_successful": triggers.any_successful,
    "all_failed": triggers.all_failed,
    "not_all_skipped": triggers.not_all_skipped,
}


class Step(Task):
    """Makes a value from its inputs alone, so that every run of it comes to the same.

    What it does is chosen by a checksum of its inputs: it fails, skips, loops, or fails only at
    first.
    """

    def __init__(self, salt: int, shape: str, moods: tuple[str, ...], **settings: Any) -> None:
        super().__init__(**settings)
        self.salt = salt
        self.shape = shape
        self.moods = moods

    def run(self, x: Any = None, y: Any = None, z: Any = None) -> Any:
        """A number, a list of numbers, or a list of lists."""
        number = checksum((self.salt, x, y, z, prefectlite.context.map_index))
        mood = self.moods[number % len(self.moods)]
        if mood == "fail":
            raise ValueError(f"{self.name} fails with {number}")
        if mood == "skip":
            raise signals.SKIP(f"{self.name} skips")
        if mood == "loop" and prefectlite.context.get("task_loop_count", 1) < 3:
            raise signals.LOOP(result=number)
        if mood == "flaky" and prefectlite.context.task_run_count == 1:
            raise ValueError("only at first")
        if self.shape == "number":
            return number
        if self.shape == "list":
            return [number + i for i in range(number % 8 and number % 4 + 1)]
        return [[number + i * j for j in range((number + i) % 4)] for i in range(number % 4)]


def checksum(value: Any) -> int:
    """A small number that depends on all of a value, the same in every process."""
    total = 7
    for character in described(value):
        total = (total * 31 + ord(character)) % 1_000_003
    return total


def described(value: Any) -> str:
    """A text for a value; exceptions by their class and text."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(described(item) for item in value)}]"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}({value})"
    return repr(value)


@dataclass(frozen=True)
class Input:
    """One edge: from which earlier task, and how."""

    upstream: int
    # plain, mapped, flattened
    how: str
    key: str | None


@dataclass(frozen=True)
class Sketch:
    """One task of a random flow."""

    shape: str
    moods: tuple[str, ...]
    trigger: str
    minds_skips: bool
    inputs: tuple[Input, ...]
    constant: int | None
    batch_size: Any = None


_works = strategies.just(("work",))
_mixed = strategies.lists(
    strategies.sampled_from(["work", "work", "work", "fail", "skip", "flaky", "flaky"]),
    min_size=2,
    max_size=5,
).map(tuple)
_moods = _works | _works | _mixed


@strategies.composite
def sketches(draw: Any, most: int = 9) -> list[Sketch]:
    """The tasks of one flow, each with edges from earlier ones."""
    made: list[Sketch] = []
    for number in range(draw(strategies.integers(1, most))):
        made.append(_sketch(draw, number, made))
    return made


def _sketch(draw: Any, number: int, made: list[Sketch]) -> Sketch:
    count = draw(strategies.integers(min(1, number), min(number, 3)))
    keys = draw(strategies.permutations(["x", "y", None]))
    inputs: dict[tuple[int, str | None], Input] = {}
    for key in keys[:count]:
        # near ones are more likely, so that chains are
        upstream = draw(strategies.integers(max(0, number - 3), number - 1))
        inputs[upstream, key] = Input(upstream, draw(_ways(made[upstream])), key)
    return Sketch(
        shape=draw(strategies.sampled_from(["number", "list", "list", "nested"])),
        moods=draw(_moods),
        trigger=draw(strategies.sampled_from(["all_successful"] * 12 + list(TRIGGERS))),
        minds_skips=draw(strategies.sampled_from([True, True, False])),
        inputs=tuple(inputs.values()),
        constant=draw(strategies.none() | strategies.integers(0, 3)),
        batch_size=draw(strategies.sampled_from([None, None, None, 2, "auto"])),
    )


def _ways(upstream: Sketch) -> strategies.SearchStrategy[str]:
    """How to depend on a task: seldom by a map over what cannot be mapped over."""
    if any(each.how == "mapped" for each in upstream.inputs):
        return strategies.sampled_from(["plain", "mapped", "mapped", "mapped", "flattened"])
    if upstream.shape == "number":
        return strategies.sampled_from(["plain"] * 12 + ["mapped", "flattened"])
    return strategies.sampled_from(["plain", "mapped", "mapped", "flattened"])


def build(drawn: list[Sketch]) -> tuple[Flow, list[Task]]:
    """The flow of some sketches, and its tasks in their order."""
    tasks: list[Task] = []
    with Flow("random") as flow:
        for number, sketch in enumerate(drawn):
            step = Step(
                number,
                sketch.shape,
                sketch.moods,
                name=f"t{number}",
                max_retries=1,
                retry_delay=timedelta(0),
                retry_on=None if "flaky" in sketch.moods else KeyError,
                trigger=TRIGGERS[sketch.trigger],
                skip_on_upstream_skip=sketch.minds_skips,
                batch_size=sketch.batch_size,
            )
            _bind(flow, step, sketch, tasks)
            tasks.append(step)
    return flow, tasks


def _bind(flow: Flow, step: Step, sketch: Sketch, tasks: list[Task]) -> None:
    mapped = any(each.how == "mapped" for each in sketch.inputs)
    arguments: dict[str, Any] = {}
    upstream: list[Any] = []
    for each in sketch.inputs:
        value: Any = tasks[each.upstream]
        if each.how == "flattened":
            value = flatten(value)
        elif mapped and each.how == "plain":
            value = unmapped(value)
        if each.key is None:
            upstream.append(tasks[each.upstream] if each.how == "flattened" else value)
        else:
            arguments[each.key] = value
    if sketch.constant is not None:
        arguments["z"] = unmapped(sketch.constant) if mapped else sketch.constant
    flow.add_task(step)
    step.bind(mapped=mapped, upstream_tasks=upstream, flow=flow, **arguments)


def outcome(state: State) -> Any:
    """What a state comes down to: its class, its value, and its elements'."""
    elements = None
    if isinstance(state, Mapped):
        elements = [outcome(each) for each in state.map_states]
    message = state.message if "unmappable" not in (state.message or "") else "unmappable"
    return type(state).__name__, message, described(state.result), elements


def outcomes(flow: Flow, tasks: list[Task], **settings: Any) -> dict[str, Any]:
    """What each task of a run comes down to, and the run as a whole."""
    state = flow.run(**settings)
    assert state is not None
    assert isinstance(state.result, dict), state
    found: dict[str, Any] = {task.name: outcome(state.result[task]) for task in tasks}
    return {**found, "the flow": (type(state).__name__, state.message)}
