"""Flows generated from seeds: 2,000 in process, some of them on threads and on a cluster."""

from __future__ import annotations

from typing import Any

from compat.generated import make_flow
from compat.harness import case, describe_flow

PER_CASE = 50
CASES = 40
ON_OTHERS = 5


def _make(number: int) -> Any:
    def generated(p: Any, run: Any) -> Any:
        first = number * PER_CASE
        seeds = range(first, first + (PER_CASE if run.executor_name == "local" else ON_OTHERS))
        found = {}
        for seed in seeds:
            flow = make_flow(p, seed)
            found[seed] = describe_flow(flow, run.state(flow))
        return found

    generated.__name__ = f"generated_{number:02}"
    return case(generated)


for _number in range(CASES):
    globals()[f"generated_{_number:02}"] = _make(_number)
