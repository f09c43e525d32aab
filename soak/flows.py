"""The flows of random shapes: tasks that leave effects, and results that tell what was stored."""

from __future__ import annotations

import os
import posixpath
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import prefectlite
from prefectlite import Flow, Task, flatten, unmapped
from prefectlite.engine import signals
from prefectlite.engine.results import LocalResult, S3Result
from soak.effects import END, LATE, START, STORED, write_effect
from soak.shapes import Node, Shape
from soak.values import checksum, value_of

ROUNDS = 3
TIMEOUT_SECONDS = 1
HANG_SECONDS = 3.0
MEMORY_STEP, MEMORY_STEPS = 50 << 20, 40
# "t3-7" of a target, "t3-1-7" of a checkpoint: the slug of task t3 is t3-1
_TARGET = re.compile(r"t(\d+)-(-1|\d+)\Z")
_CHECKPOINT = re.compile(r"t(\d+)-1(?:-(\d+))?\Z")


@dataclass(frozen=True)
class Places:
    """Where a run leaves what.

    Attributes:
        effects: The folder of the effects.
        once: A folder for marks of what is to happen only once.
        results: The folder of local results.
        bucket, prefix: Where results are on S3; `prefix` is that of targets.
        boto3_kwargs: How the store is reached.
    """

    effects: str
    once: str
    results: str
    bucket: str = ""
    prefix: str = ""
    boto3_kwargs: Mapping[str, Any] | None = None


def whose(location: str) -> tuple[int, int] | None:
    """The node and the element that a location is of; None where it is nobody's."""
    name = posixpath.basename(location)
    folder = posixpath.basename(posixpath.dirname(location))
    if folder.startswith("prefect-result-"):
        found = _CHECKPOINT.fullmatch(name)
        return None if found is None else (int(found[1]), int(found[2] or -1))
    found = _TARGET.fullmatch(name)
    return None if found is None else (int(found[1]), int(found[2]))


class _Telling:
    """Leaves an effect when bytes have been stored."""

    effects: str

    def _store(self, location: str, parts: Sequence[Any]) -> None:
        super()._store(location, parts)  # type: ignore[misc]
        owner = whose(location)
        if owner is not None:
            context = prefectlite.context
            run, attempt = str(context.get("flow_run_id")), context.get("task_run_count", 1)
            write_effect(self.effects, STORED, *owner, attempt, 1, run)


class TellingLocalResult(_Telling, LocalResult):
    """A local result that leaves effects."""


class TellingS3Result(_Telling, S3Result):
    """A result on S3 that leaves effects."""


def result_of(places: Places, place: str) -> Any:
    """The result that reads and writes at a place, "local" or "s3"."""
    result: Any
    if place == "s3":
        result = TellingS3Result(places.bucket, boto3_kwargs=places.boto3_kwargs)
    else:
        result = TellingLocalResult(dir=places.results)
    result.effects = places.effects
    return result


class Work(Task):
    """A task of a random flow: leaves effects, has its moods, and comes to a value.

    Args:
        node: What it is.
        places: Where it leaves effects.
        **settings: Those of every task.
    """

    def __init__(self, node: Node, places: Places, **settings: Any) -> None:
        super().__init__(**settings)
        self.node = node
        self.effects = places.effects
        self.once = places.once

    def run(self, x: Any = None, y: Any = None) -> Any:
        """Do what is to be done."""
        node, context = self.node, prefectlite.context
        index = context.get("map_index")
        element = -1 if index is None else int(index)
        attempt, loop = context.get("task_run_count", 1), context.get("task_loop_count", 1)
        about = (node.number, element, attempt, loop, str(context.get("flow_run_id")))
        write_effect(self.effects, START, *about)
        arguments = [x, y][: len(node.inputs)]
        # which elements have a mood depends on their values, not on their places alone
        mood = checksum([node.number, *arguments])
        if node.trouble and node.troubled == max(element, 0):
            self._be_in_trouble()
        if node.hangs and mood % node.hangs == 0 and attempt == 1:
            self._hang()
            write_effect(self.effects, LATE, *about)
        time.sleep(node.sleep)
        if node.flaky and mood % node.flaky == 0 and attempt == 1:
            raise ValueError("only at first")
        if node.loops and mood % node.loops == 0 and loop < ROUNDS:
            raise signals.LOOP(result=loop)
        value = value_of(node, arguments)
        write_effect(self.effects, END, *about)
        return value

    def _hang(self) -> None:
        left = HANG_SECONDS
        if self.node.blocked:
            time.sleep(HANG_SECONDS)
            left = 1.0
        # by turns, not by the clock: a process that is frozen has to be told first that time is up
        while left > 0:
            time.sleep(0.01)
            left -= 0.01

    def _be_in_trouble(self) -> None:
        if self.node.trouble == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            Path(self.once, "memory").touch(exist_ok=False)
        except FileExistsError:
            return
        held = []
        for _ in range(MEMORY_STEPS):
            held.append(b"x" * MEMORY_STEP)
            time.sleep(0.02)
        # the nanny looks ten times a second
        time.sleep(10)
        del held


def build(shape: Shape, places: Places, name: str) -> Flow:
    """The flow of a shape.

    Args:
        shape: What it is.
        places: Where its runs leave what.
        name: The flow's name.
    """
    results = {place: result_of(places, place) for place in {n.place for n in shape.nodes}}
    tasks: list[Task] = []
    with Flow(name, fuse=shape.fuse) as flow:
        for node in shape.nodes:
            task = Work(node, places, name=node.name, **_settings(node, places, results))
            flow.add_task(task)
            arguments = {
                key: _argument(tasks[each.upstream], each.how)
                for key, each in zip("xy", node.inputs, strict=False)
            }
            task.bind(mapped=node.mapped, flow=flow, **arguments)
            tasks.append(task)
    return flow


def _argument(task: Task, how: str) -> Any:
    return {"flattened": flatten, "unmapped": unmapped}.get(how, lambda each: each)(task)


def _settings(node: Node, places: Places, results: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {"max_retries": 5, "retry_delay": timedelta(milliseconds=50)}
    if node.hangs:
        settings.update(timeout=TIMEOUT_SECONDS, timeout_method=node.timeout_method)
    if node.batch_size is not None:
        settings["batch_size"] = node.batch_size
    if node.store == "none":
        return settings
    settings["result"] = results[node.place]
    if node.store == "target":
        index = "{map_index}" if node.mapped else "-1"
        name = f"t{node.number}-{index}"
        settings["target"] = f"{places.prefix}/{name}" if node.place == "s3" else name
    return settings
