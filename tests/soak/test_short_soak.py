"""The soak in short: a run for each kind of fault, of seeds that are always the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soak.__main__ import attempt
from soak.cases import CHOICES, draw_case
from soak.report import failure
from soak.world import World

# seeds that take little time
SEEDS = {
    "kill-worker": 224,
    "freeze-worker": 114,
    "memory": 207,
    "cut-worker": 344,
    "cut-driver": 244,
    "disk-full": 225,
    "store-503": 15,
    "kill-scheduler": 278,
    "restart-scheduler": 101,
    "leave-worker": 105,
    "journal-gone": 100,
    "kill-driver": 134,
    "cancel": 195,
    "poison": 166,
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


# what needs a whole cluster comes before what leaves none
@pytest.mark.parametrize("kind", sorted(CHOICES, key="kill-scheduler".__eq__))
def test_a_run_that_is_hurt_keeps_what_is_promised(kind: str, world: World) -> None:
    verdict = attempt(world, draw_case(SEEDS[kind], kind))
    assert verdict.inflicted, "the fault came too late"
    assert not verdict.problems, failure(verdict)
