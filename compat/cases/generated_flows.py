"""Flows generated from seeds: 2,200 in process, some of them on threads and on a cluster."""

from __future__ import annotations

from typing import Any

from compat.generated import make_flow
from compat.harness import case, describe_flow

PER_CASE = 50
CASES = 44
ON_OTHERS = 5
# Which promise wins says the case `engine_nested.failed_mapped_upstream_beside_a_list`.
KNOWN = "maps over a list, and over a map that failed as a whole: differs on purpose"


def _maps_over_a_failure(flow: Any, states: Any) -> bool:
    """Whether a task is mapped over something, and over a map that failed as a whole too.

    Prefect then makes a map of no elements, which is a success; here its elements fail.
    """
    if not isinstance(states, dict):
        return False

    def failed_map(task: Any) -> bool:
        is_map = any(edge.mapped for edge in flow.edges_to(task))
        return is_map and states[task].is_failed() and not states[task].is_mapped()

    for task in flow.tasks:
        failed = [failed_map(e.upstream_task) for e in flow.edges_to(task) if e.mapped]
        if any(failed) and not all(failed):
            return True
    return False


def _make(number: int) -> Any:
    def generated(p: Any, run: Any) -> Any:
        first = number * PER_CASE
        seeds = range(first, first + (PER_CASE if run.executor_name == "local" else ON_OTHERS))
        found = {}
        for seed in seeds:
            flow = make_flow(p, seed)
            state = run.state(flow)
            known = _maps_over_a_failure(flow, state.result)
            found[seed] = KNOWN if known else describe_flow(flow, state)
        return found

    generated.__name__ = f"generated_{number:02}"
    return case(generated)


for _number in range(CASES):
    globals()[f"generated_{_number:02}"] = _make(_number)
