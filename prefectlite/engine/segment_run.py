"""Run the tasks of a segment on one element, one after the other, as far as they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prefectlite.engine.events import Deferred, Event, Finished, Waiting
from prefectlite.engine.plan import Plan, PlannedTask, Segment
from prefectlite.engine.state import Mapped, Scheduled, State
from prefectlite.engine.task_run import RunScope, constant_states, run_pipeline
from prefectlite.engine.upstream import summarise
from prefectlite.utilities.context import context

Begun = Callable[[PlannedTask, int | None], None]
Ended = Callable[[PlannedTask, int | None, State], None]


def run_segment(
    scope: RunScope,
    plan: Plan,
    segment: Segment,
    element: int,
    link: int,
    upstream: Callable[[PlannedTask, int], Sequence[State]],
    initial: Callable[[int, int], State | None],
    begun: Begun,
    ended: Ended,
    end: int | None = None,
) -> int:
    """Run a segment's tasks on one element from a link on.

    Args:
        scope: What the task runs share.
        plan: The run's plan.
        segment: Whose tasks to run.
        element: The element; 0 where the segment is not mapped.
        link: The position of the first task to run.
        upstream: Gives the upstream states of a task's run; those of earlier links included.
        initial: Gives the state that a task's run starts from, or None.
        begun: Told of each task run that begins.
        ended: Told of each task run's last state, before the next task begins.
        end: The position of a task that is not run; all are by default.

    Returns:
        The position of the first task that did not finish; the segment's length if all did.
    """
    map_index = element if segment.mapped else None
    end = len(segment.tasks) if end is None else end
    for position in range(link, end):
        planned = plan.tasks[segment.tasks[position]]
        begun(planned, map_index)
        states = upstream(planned, element)
        start = initial(planned.index, element)
        if scope.runner_class is None:
            state = run_pipeline(scope, planned, states, map_index, start)
        else:
            state = _run_with_runner(scope, planned, states, map_index, start)
        ended(planned, map_index, state)
        if not state._finished:
            return position
    return end


def _run_with_runner(
    scope: RunScope,
    planned: PlannedTask,
    upstream: Sequence[State],
    map_index: int | None,
    initial: State | None,
) -> State:
    """Have a user's own task runner run the task, with what Prefect 1 gave it."""
    edges = scope.edges(planned) if scope.edges else ()
    states = dict(zip(edges, upstream, strict=True))
    states.update(constant_states(planned))
    runner = scope.runner_class(task=planned.task, flow_result=scope.flow_result)
    values = {
        **scope.base_context,
        **scope.task_contexts.get(planned.index, {}),
        "task_full_name": planned.run_name(map_index),
        "task_slug": planned.slug,
        "map_index": map_index,
    }
    saved = context.push(values)
    try:
        state: State = runner.run(
            state=initial,
            upstream_states=states,
            context=values,
        )
    finally:
        context.pop(saved)
    return state


def outcome(
    segment: Segment,
    element: int,
    attempt: int,
    reached: int,
    last: State,
    upstream_finished: bool = True,
) -> Event:
    """The event that says how far a segment's run came.

    Args:
        segment: The segment.
        element: The element.
        attempt: The number of the submission.
        reached: The position of the first task that did not finish.
        last: The last state the run came to.
        upstream_finished: False where the first task met an upstream that is not finished.
    """
    if reached == len(segment.tasks):
        return Finished(segment.index, element, attempt, (summarise(last, segment.measure),))
    if not upstream_finished:
        return Deferred(segment.index, element, attempt, reached)
    due = last.start_timestamp if isinstance(last, Scheduled) else None
    return Waiting(segment.index, element, attempt, reached, due)


def all_finished(upstream: Sequence[State]) -> bool:
    """Whether every upstream state is final, the elements of a mapped one included."""
    return all(
        all(element._finished for element in state.map_states)
        if isinstance(state, Mapped)
        else state._finished
        for state in upstream
    )
