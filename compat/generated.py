"""Random flows from a seed: the same flow on both sides, to be run and described.

A flow has up to a dozen tasks. A task takes up to two arguments (earlier tasks, lists of them,
constants), plain, mapped, flattened or unmapped, may have more upstream tasks, and behaves in one
of a few ways: returns a number or a list, fails, skips, fails or skips for some elements, or fails
the first time and is retried. Triggers and skip_on_upstream_skip vary.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

BEHAVIOURS = [
    "number",
    "number",
    "number",
    "list",
    "list",
    "list",
    "short",
    "empty",
    "fail",
    "skip",
    "fail_odd",
    "skip_odd",
    "retry",
    "none",
    "signal_success",
    "retry_all",
]
TRIGGERS = [
    "all_successful",
    "all_successful",
    "all_successful",
    "all_finished",
    "any_successful",
    "any_failed",
    "all_failed",
    "not_all_skipped",
]


def total(value: Any) -> int:
    """A number made of all numbers inside of a value; exceptions and signals count as one."""
    if isinstance(value, (list, tuple)):
        return sum(total(item) for item in value)
    if isinstance(value, bool) or value is None:
        return 0
    return value % 97 if isinstance(value, int) else 1


def behave(p: Any, behaviour: str, seen: int) -> Any:
    """What a task of this behaviour does with what it was given."""
    if behaviour in ("fail", "fail_odd") and (behaviour == "fail" or seen % 2):
        raise ValueError(f"fails with {seen}")
    if behaviour in ("skip", "skip_odd") and (behaviour == "skip" or seen % 2):
        raise p.engine.signals.SKIP(f"skips with {seen}")
    if behaviour == "signal_success":
        raise p.engine.signals.SUCCESS("signal", result=[seen, seen + 1])
    retried = behaviour == "retry_all" or (behaviour == "retry" and seen % 2)
    if retried and p.context.task_run_count == 1:
        raise ValueError(f"once with {seen}")
    results: dict[str, Any] = {
        "list": [seen, seen + 1, seen + 2],
        "short": [[seen], [seen + 1, seen]],
        "empty": [],
        "none": None,
    }
    return results.get(behaviour, seen + 1)


def make_task(p: Any, choose: random.Random, name: str) -> Any:
    """A task with a random behaviour, trigger and answer to skips."""
    behaviour = choose.choice(BEHAVIOURS)

    def body(x: Any = 0, y: Any = 0) -> Any:
        return behave(p, behaviour, total(x) * 3 + total(y))

    settings: dict[str, Any] = {"name": f"{name}_{behaviour}"}
    if behaviour in ("retry", "retry_all"):
        settings.update(max_retries=1, retry_delay=timedelta(0))
    if choose.random() < 0.3:
        settings["trigger"] = getattr(p.triggers, choose.choice(TRIGGERS))
    if choose.random() < 0.2:
        settings["skip_on_upstream_skip"] = False
    return p.task(body, **settings)


def _source(argument: Any) -> Any:
    """What an argument is, whatever its annotation."""
    return getattr(argument, "value", argument)


def make_flow(p: Any, seed: int) -> Any:
    """The flow of a seed."""
    choose = random.Random(seed)
    made: list[Any] = []

    def argument() -> Any:
        kind = choose.random()
        if not made or kind < 0.1:
            return choose.choice([3, [1, 2], [4], [[1], [2, 3]], 0])
        if kind < 0.2 and len(made) > 1:
            return [choose.choice(made), choose.choice([7, choose.choice(made)])]
        return choose.choice(made)

    def annotated(mapped: bool) -> Any:
        value, kind = argument(), choose.random()
        if mapped and kind < 0.2:
            return p.unmapped(value)
        if mapped and isinstance(value, int):
            return p.unmapped(value)
        return p.flatten(value) if kind > 0.85 and not isinstance(value, int) else value

    with p.Flow(f"generated {seed}") as flow:
        for number in range(choose.randint(2, 12)):
            task = make_task(p, choose, f"t{number}")
            mapped = bool(made) and choose.random() < 0.5
            arguments = {key: annotated(mapped) for key in ("x", "y") if choose.random() < 0.6}
            # Flattening a task that is also an argument unflattened is a fault of Prefect's: see
            # the case same_task_flattened_and_not.
            if _source(arguments.get("x")) is _source(arguments.get("y")):
                arguments.pop("y", None)
            upstream = []
            if made and choose.random() < 0.2:
                upstream = [choose.choice(made)]
            if not made or not (arguments or upstream):
                made.append(task())
            elif mapped:
                made.append(task.map(**arguments, upstream_tasks=[p.unmapped(u) for u in upstream]))
            else:
                made.append(task(**arguments, upstream_tasks=upstream))
    return flow
