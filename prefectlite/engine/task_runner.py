"""`TaskRunner`: runs one task by itself, outside of any flow run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prefectlite.engine.messages import EXPANDED, SKIPPED_UPSTREAM
from prefectlite.engine.plan import PlannedEdge, PlannedTask
from prefectlite.engine.run_state import parent_outcome
from prefectlite.engine.runner import Runner
from prefectlite.engine.state import Failed, Mapped, Pending, Skipped, State
from prefectlite.engine.task_run import (
    UNEXPECTED_IN_HANDLERS,
    RunScope,
    call_handlers,
    run_pipeline,
)
from prefectlite.engine.upstream import known_summary
from prefectlite.utilities.context import context as run_context

if TYPE_CHECKING:
    from prefectlite.core.edge import Edge
    from prefectlite.core.task import Task
    from prefectlite.engine.result import Result


class TaskRunner(Runner):
    """Runs one task, from the states of its upstreams to its own final state.

    Args:
        task: The task.
        state_handlers: Functions `(runner, old_state, new_state) -> State | None`, called after
            the task's own.
        flow_result: The Result that keeps the value where the task has none of its own.

    Example:
        ```python
        TaskRunner(task=add).run(upstream_states={Edge(one, add, key="x"): Success(result=1)})
        ```
    """

    def __init__(
        self,
        task: Task,
        state_handlers: Iterable[Callable[..., Any]] | None = None,
        flow_result: Result | None = None,
    ) -> None:
        super().__init__(state_handlers)
        self.task = task
        self.flow_result = flow_result

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.task.name}>"

    def run(
        self,
        state: State | None = None,
        upstream_states: Mapping[Edge, State] | None = None,
        context: Mapping[str, Any] | None = None,
        is_mapped_parent: bool = False,
    ) -> State:
        """Run the task once.

        Args:
            state: The state to start from; Pending by default.
            upstream_states: The upstream states by edge; for one element of a map, those of the
                element.
            context: Context keys for the run; `map_index` says which element it is.
            is_mapped_parent: Only find out how many elements the task maps over.

        Returns:
            The state the run came to: finished, Retrying, Paused, or `state` as it is where there
            was nothing to do.
        """
        upstream = dict(upstream_states or {})
        values = {**run_context.__dict__, **(context or {})}
        # a flow run tells of its task runs itself
        told, name, map_index = "task_full_name" in values, self.task.name, values.get("map_index")
        if map_index is not None:
            name = f"{name}[{map_index}]"
        if not told:
            self.logger.info("Task %r: Starting task run...", name)
        made = self._run(upstream, values, state, is_mapped_parent)
        if not told:
            self.logger.info(
                "Task %r: Finished task run for task with final state: %r",
                name,
                type(made).__name__,
            )
        return made

    def _run(
        self,
        upstream: Mapping[Edge, State],
        values: Mapping[str, Any],
        state: State | None,
        is_mapped_parent: bool,
    ) -> State:
        edges, states = list(upstream), list(upstream.values())
        planned = self._planned(edges)
        if is_mapped_parent:
            return self._parent(planned, states, state)
        scope = RunScope(
            base_context=values,
            checkpointing=run_context.config.flows.checkpointing,
            flow_result=self.flow_result,
            runner_handlers=[self._as_task_handler(handler) for handler in self.state_handlers],
            in_place=False,
            edges=lambda _: edges,
        )
        return run_pipeline(scope, planned, states, values.get("map_index"), state)

    def _planned(self, edges: list[Edge]) -> PlannedTask:
        return PlannedTask(
            index=0,
            task=self.task,
            name=self.task.name,
            slug=str(run_context.get("task_slug") or self.task.slug or self.task.name),
            edges=tuple(
                PlannedEdge(0, edge.key, bool(edge.mapped), bool(edge.flattened)) for edge in edges
            ),
            constants={},
            mapped=any(edge.mapped for edge in edges),
            known=False,
            terminal=True,
            confirms=False,
        )

    def _parent(self, planned: PlannedTask, upstream: list[State], state: State | None) -> State:
        old = state or Pending()
        if not old.is_pending() or not all(state.is_finished() for state in upstream):
            return old
        outcome: int | str = 0  # with nothing to map over, no element
        if upstream:
            outcome = parent_outcome(planned, [known_summary(state) for state in upstream])
        if isinstance(outcome, int):
            new: State = Mapped(EXPANDED, n_map_states=outcome)
        else:
            new = Skipped(outcome) if outcome is SKIPPED_UPSTREAM else Failed(outcome)
        new.context = {"tags": list(self.task.tags)}
        runners = [self._as_task_handler(handler) for handler in self.state_handlers]
        return call_handlers(
            [*self.task.state_handlers, *runners], self.task, old, new, self._handler_failed
        )

    def _handler_failed(self, error: Exception) -> None:
        message = f"Task {self.task.name!r}: {UNEXPECTED_IN_HANDLERS}: {error!r}"
        self.logger.error(message, exc_info=error)

    def _as_task_handler(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        def call(task: Task, old: State, new: State) -> Any:
            return handler(self, old, new)

        return call


def run_task(
    task: Task,
    state: State | None,
    upstream_states: Mapping[Edge, State],
    context: Mapping[str, Any],
    flow_result: Result | None,
    task_runner_cls: Callable[..., Any],
    task_runner_state_handlers: Iterable[Callable[..., Any]] | None,
    upstream_mapped_states: Mapping[Edge, list[State]],
    is_mapped_parent: bool = False,
) -> State:
    """Run one task with a runner of the given class, as executors of Prefect 1 were asked to.

    Args:
        task: The task.
        state: The state to start from.
        upstream_states: The upstream states by edge.
        context: Context keys for the run.
        flow_result: The Result that keeps the value where the task has none of its own.
        task_runner_cls: The class that runs the task.
        task_runner_state_handlers: Functions `(task_runner, old_state, new_state)`.
        upstream_mapped_states: The states of the elements, by edge from a mapped upstream.
        is_mapped_parent: Only find out how many elements the task maps over.

    Returns:
        The state the run came to.
    """
    for edge, elements in upstream_mapped_states.items():
        parent = upstream_states.get(edge)
        if isinstance(parent, Mapped):
            parent.map_states = elements
            parent.result = [element.result for element in elements]
    runner = task_runner_cls(
        task=task, state_handlers=task_runner_state_handlers, flow_result=flow_result
    )
    with run_context(dict(context)):
        made: State = runner.run(
            state=state,
            upstream_states=upstream_states,
            is_mapped_parent=is_mapped_parent,
            context=context,
        )
    return made
