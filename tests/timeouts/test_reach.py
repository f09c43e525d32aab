"""Which functions would notice that they run in another process: decided from their code."""

from __future__ import annotations

import dataclasses
import enum
import functools
import logging
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import prefectlite
from prefectlite import Task, task
from prefectlite.engine.reach import Noticeable, Reach
from prefectlite.engine.signals import SKIP
from prefectlite.engine.timed_calls import _Choice

LIMIT = 3
PLACE = Path("somewhere")
COLLECTED: list[int] = []
UNITS = {"s": 1, "min": 60}
logger = logging.getLogger("tests.reach")


def helper(x: int) -> int:
    return x + LIMIT


def counts(x: int) -> int:
    global LIMIT
    LIMIT = LIMIT + x
    return LIMIT


BODIES = {"helper": helper}
WITH_STATE = {"counts": counts}


class Unit(enum.Enum):
    SECOND = 1


class Pair(NamedTuple):
    left: int
    right: Path


@dataclasses.dataclass
class Point:
    x: int

    def far(self) -> bool:
        return self.x > LIMIT


class Registry:
    known: list[int] = []  # noqa: RUF012


class Connected:
    def __init__(self) -> None:
        self.calls = 0


CONNECTED = Connected()


def loops() -> None:
    while True:
        pass


def in_c() -> int:
    return sum(range(10**11))


def waits(path: Path) -> None:
    time.sleep(60)
    path.write_text("late")


def receives() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.recv(1)


def starts() -> None:
    subprocess.run(["sleep", "60"], check=False)


def uses_much(x: int) -> Any:
    def inner(y: int) -> int:
        return helper(y) + x

    if x > LIMIT:
        raise SKIP("too large")
    found = [inner(item) for item in range(x) if item in UNITS]
    return found, Unit.SECOND, Pair(1, PLACE), Point(x).far(), timedelta(seconds=UNITS["s"])


def picks(name: str) -> int:
    return BODIES[name](1)


def imports() -> str:
    import json
    from base64 import b64encode as encode

    return json.dumps(encode(b"a/b").decode())


def tells() -> None:
    logger.info("told")
    print("printed", file=sys.stderr)
    prefectlite.context.logger.warning("also")
    prefectlite.context.get("task_run_count", 1)


SHAREABLE = [loops, in_c, waits, receives, starts, uses_much, picks, imports, tells, time.sleep]


@pytest.mark.parametrize("function", SHAREABLE, ids=lambda f: f.__name__)
def test_what_touches_nothing_that_changes_is_called_apart(function: Callable[..., Any]) -> None:
    assert _Choice(function).why == ""


def collects(x: int) -> None:
    COLLECTED.append(x)


def gives_away() -> Any:
    return COLLECTED


def picks_state(name: str) -> int:
    return WITH_STATE[name](1)


def counts_on_an_object() -> None:
    CONNECTED.calls += 1


def counts_on_a_class() -> None:
    Registry.known.append(1)


def sets_on_a_class() -> None:
    Point.x = 1


def sets_on_a_function() -> None:
    helper.calls = 1  # type: ignore[attr-defined]


def through_a_helper() -> int:
    return max(counts(1) for _ in range(2))


def by_an_import() -> None:
    from os import environ

    environ["X"] = "1"


def changes_folder() -> None:
    os.chdir("/")


def rolls() -> float:
    return random.random()


def reads_a_key_of_the_user() -> Any:
    return prefectlite.context.collected


def fills_the_context() -> None:
    prefectlite.context["seen"] = 1


def asks_the_worker() -> Any:
    from distributed import get_worker

    return get_worker()


def yields() -> Any:
    yield 1


NOTICEABLE = [
    collects,
    gives_away,
    picks_state,
    counts,
    counts_on_an_object,
    counts_on_a_class,
    sets_on_a_class,
    sets_on_a_function,
    through_a_helper,
    by_an_import,
    changes_folder,
    rolls,
    reads_a_key_of_the_user,
    fills_the_context,
    asks_the_worker,
    yields,
]


@pytest.mark.parametrize("function", NOTICEABLE, ids=lambda f: f.__name__)
def test_what_others_could_see_stays_here(function: Callable[..., Any]) -> None:
    with pytest.raises(Noticeable):
        Reach(function)


def test_closures_defaults_and_wrappers_count() -> None:
    seen: list[int] = []
    number, place = 3, Path("x")

    def appends() -> None:
        seen.append(1)

    def by_default(x: int, found: Any = seen.append) -> None:
        found(x)

    def nested() -> Any:
        return [seen.append(item) for item in range(2)]

    def recounts() -> None:
        nonlocal number
        number += 1

    @functools.wraps(appends)
    def wrapped() -> None:
        appends()

    def harmless() -> Any:
        return number, place

    for function in (appends, by_default, nested, recounts, wrapped):
        with pytest.raises(Noticeable):
            Reach(function)
        with pytest.raises(Noticeable):
            Reach(functools.partial(function))
    Reach(harmless)
    Reach(functools.partial(harmless))


def test_a_task_that_only_reads_what_it_has_is_called_apart() -> None:
    class Reads(Task):
        def __init__(self, url: str, **kwargs: Any) -> None:
            self.url = url
            super().__init__(**kwargs)

        def run(self) -> str:
            self.logger.info("reads")
            return self.with_name()

        def with_name(self) -> str:
            return self.name + self.url

    class Counts(Reads):
        def run(self) -> str:
            self.url += "x"
            return self.url

    class Keeps(Reads):
        def run(self) -> str:
            return str(CONNECTED if self else self)

    Reach(Reads("x").run)
    for made in (Counts("x"), Keeps("x")):
        with pytest.raises(Noticeable):
            Reach(made.run)


def test_a_change_of_what_is_reached_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    reach = Reach(uses_much)
    assert reach.is_unchanged()
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", 5)
    assert not reach.is_unchanged()
    reach = Reach(uses_much)
    monkeypatch.setitem(UNITS, "h", 3600)
    assert not reach.is_unchanged()
    reach = Reach(waits)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert not reach.is_unchanged()
    with pytest.raises(Noticeable):
        Reach(waits)


def test_objects_that_others_see_stay_where_they_see_them() -> None:
    @task
    def takes(x: Any) -> None:
        """Takes anything."""

    choice = _Choice(takes.run)
    for shares_memory in (True, False):
        assert choice.admits({"x": {"items": [1, {2}], "pair": (1, [2])}}, shares_memory)
        assert not choice.admits({"x": "x" * (1 << 20)}, shares_memory)
        assert choice.admits({"x": CONNECTED}, shares_memory) is not shares_memory
        assert choice.admits({"x": [[CONNECTED]]}, shares_memory) is not shares_memory
