"""Functions that the Dask executor has the scheduler run; these use what they are given only."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any


def forget_topic(topic: str, dask_scheduler: Any) -> None:
    """Have the scheduler keep no events and no claims of a topic."""
    dask_scheduler._broker._topics.pop(topic, None)
    dask_scheduler.__dict__.get("prefectlite_claims", {}).pop(topic, None)


def keep_claims(topic: str, dask_scheduler: Any) -> None:
    """Have the scheduler keep who has which location, for the run that has the topic."""
    claims = dask_scheduler.__dict__.setdefault("prefectlite_claims", {})
    claims[topic] = {}

    def claim(run: str, task: int, element: int, location: str) -> int:
        taken: dict[tuple[int, str], int] = claims.get(run, {})
        return taken.setdefault((task, location), element)

    dask_scheduler.handlers["prefectlite_claim"] = claim


def make_again(keys: list[Any], themselves: bool, dask_scheduler: Any) -> list[Any]:
    """Make again what tasks wait for that failed, or got lost and is left alone.

    Args:
        keys: The keys of the tasks; those are looked at that wait.
        themselves: Whether to look at all of them, and to make them again, too.
        dask_scheduler: The scheduler.

    Returns:
        The keys of what is made again.
    """
    tasks = dask_scheduler.tasks
    found = [tasks[key] for key in keys if key in tasks]
    seen, failed, left = set(found), [], []
    stack = [task for task in found if task.state == "waiting"]
    if themselves:
        failed = [task for task in found if task.state == "erred"]
        left = [task for task in found if task.state == "released"]
        stack += left
    while stack:
        for task in stack.pop().dependencies:
            if task in seen or task.state not in ("erred", "released", "waiting"):
                continue
            seen.add(task)
            (failed if task.state == "erred" else left).append(task)
            if task.state != "erred":
                stack.append(task)
    # first what failed: what got lost for it can only be made again once that is under way
    wanted = failed or [task for task in left if task.state == "released"]
    if wanted:
        dask_scheduler.stimulus_retry(keys=[task.key for task in wanted])
    return [task.key for task in wanted]


def for_any_scheduler(function: Callable[..., Any]) -> FunctionType:
    """The same function, pickled with its code: a scheduler need not have this package."""
    assert isinstance(function, FunctionType)
    copied = FunctionType(function.__code__, {}, function.__name__)
    copied.__module__ = "__main__"
    return copied
