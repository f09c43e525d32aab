"""Random flows come to the same on every executor, fused or not, as in process without fusion."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from prefectlite.utilities.configuration import set_temporary_config
from tests.clusters import EXECUTORS, started_executor
from tests.engine.random_flows import Sketch, build, outcomes, sketches

EXAMPLES = {"local": 150, "sync": 10, "threads": 60, "processes": 40, "dask": 40}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    # thousands of runs: what they log, and their journals, are tested elsewhere
    logger = logging.getLogger("prefectlite")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    with set_temporary_config({"runs.journal": False}):
        yield
    logger.setLevel(level)


@pytest.mark.timeout(300)
# Dask's threads use that module by themselves, also while a strategy draws
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize("fuse", [True, False])
def test_every_executor_comes_to_the_same(kind: str, fuse: bool) -> None:
    executor = started_executor(kind)

    @given(sketches())
    @settings(
        max_examples=EXAMPLES[kind],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def compare(drawn: list[Sketch]) -> None:
        flow, tasks = build(drawn)
        flow.fuse = False
        expected = outcomes(flow, tasks, executor=started_executor("local"))
        flow.fuse = fuse
        assert outcomes(flow, tasks, executor=executor) == expected

    with executor.start():
        compare()
