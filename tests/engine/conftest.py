"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefectlite import Flow
from tests.clusters import close_all
from tests.engine.machine import Machine, MakeMachine


@pytest.fixture(scope="session", autouse=True)
def _end_of_cluster() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture
def machine() -> Iterator[MakeMachine]:
    """Makes run state machines, and checks their invariants when the test is over."""
    made: list[Machine] = []

    def make(flow: Flow, **settings: Any) -> Machine:
        made.append(Machine(flow, **settings))
        return made[-1]

    yield make
    assert made
    for each in made:
        each.state.check()
