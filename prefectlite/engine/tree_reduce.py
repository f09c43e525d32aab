"""Reduce a part of many elements on a worker, for a task that says that it is associative.

A part is only worth something where all of it went well. Else the blocks it was to reduce go on as
they are, and the task's own run meets them: its trigger, its retries and its errors stay its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefectlite.engine.feeding import Joined, Places, gather_blocks
from prefectlite.engine.plan import reduced_edge
from prefectlite.engine.remote import Block, SharedRun
from prefectlite.engine.upstream import value_of
from prefectlite.utilities.context import context

# how many futures one part is made of
WIDTH = 32


def reduce_part(
    shared: SharedRun, segment: int, values: Sequence[Any], places: Places | Joined | None
) -> list[Block]:
    """Run an associative task over some of the elements that it reduces.

    Args:
        shared: What the run is.
        segment: The index of the segment that begins with the task.
        values: See `gather_blocks`.
        places: See `gather_blocks`.

    Returns:
        One block with what the task returned; the elements' blocks where it cannot be run on them.
    """
    blocks = gather_blocks(values, places)
    states = [block.state() for block in blocks]
    if not all(state._successful and not state._skipped for state in states):
        return blocks
    plan = shared.plan
    task = plan.tasks[plan.segments[segment].head]
    edge = reduced_edge(plan, plan.segments[segment])
    assert edge is not None
    assert edge.key is not None
    saved = context.push(dict(shared.scope.base_context))
    try:
        inputs = {**task.constants, edge.key: [value_of(state) for state in states]}
        return [Block((task.task.run(**inputs),))]
    except Exception:
        return blocks
    finally:
        context.pop(saved)
