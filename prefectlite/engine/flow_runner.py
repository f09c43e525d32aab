"""`FlowRunner`: runs a flow with an executor, and `run_flow`: what `Flow.run` does."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import prefectlite
from prefectlite.core.parameter import Parameter, check_parameters
from prefectlite.engine.active_runs import FlowRun, active_run
from prefectlite.engine.caches import remember
from prefectlite.engine.cancellation import INTERRUPTED, Cancellation
from prefectlite.engine.driver import Driver
from prefectlite.engine.launchers import launcher_for
from prefectlite.engine.limits import Limits, limits_of
from prefectlite.engine.plan import Plan, PlannedTask, compile_flow
from prefectlite.engine.reporting import Reader, Reporter
from prefectlite.engine.rest import states_to_go_on_from
from prefectlite.engine.run_context import flow_run_context
from prefectlite.engine.runner import Runner
from prefectlite.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Mapped,
    Pending,
    Running,
    Scheduled,
    State,
    Success,
)
from prefectlite.engine.task_run import RunScope, call_handlers, run_pipeline
from prefectlite.engine.task_runner import TaskRunner, run_task
from prefectlite.engine.task_states import TaskStates, result_of_elements
from prefectlite.exceptions import RunCancelledSignal, SchedulerLostError
from prefectlite.runs.journal import Journal, open_journal, stores_values
from prefectlite.runs.resume import resumed
from prefectlite.tasks.core.constants import Constant
from prefectlite.utilities.context import context as run_context
from prefectlite.utilities.importtools import import_object

if TYPE_CHECKING:
    from datetime import datetime

    from prefectlite.core.edge import Edge
    from prefectlite.core.flow import Flow
    from prefectlite.core.task import Task
    from prefectlite.executors.base import Executor


class FlowRunner(Runner):
    """Runs a flow once.

    Args:
        flow: The flow.
        task_runner_cls: The class that runs a single task, where it is not `TaskRunner`.
        state_handlers: Functions `(runner, old_state, new_state) -> State | None`, called after
            the flow's own.

    Example:
        ```python
        FlowRunner(flow).run(return_tasks=[total]).result[total].result
        ```
    """

    # Flow.run waits until retries are due; a runner by itself returns with them as they are
    waits = False

    def __init__(
        self,
        flow: Flow,
        task_runner_cls: type | None = None,
        state_handlers: Iterable[Callable[..., Any]] | None = None,
    ) -> None:
        super().__init__(state_handlers)
        self.flow = flow
        self.task_runner_cls = task_runner_cls or _configured("task_runner")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.flow.name}>"

    def run(
        self,
        state: State | None = None,
        task_states: Mapping[Task, State] | None = None,
        return_tasks: Iterable[Task] | None = None,
        parameters: Mapping[str, Any] | None = None,
        task_runner_state_handlers: Iterable[Callable[..., Any]] | None = None,
        executor: Executor | None = None,
        context: Mapping[str, Any] | None = None,
        task_contexts: Mapping[Task, Mapping[str, Any]] | None = None,
        readers: Sequence[Reader] = (),
        task_concurrency: Mapping[str, int] | None = None,
        max_in_flight: int | None = None,
    ) -> State:
        """Run the flow.

        Args:
            state: The state to start from; Pending by default. A finished one, or one that is
                scheduled for later, is returned as it is.
            task_states: States of tasks to start from; a finished task is not run again.
            return_tasks: The tasks whose states the result holds; none by default.
            parameters: Values for the flow's parameters, by name.
            task_runner_state_handlers: Functions `(task_runner, old_state, new_state)` that are
                called after each task's own handlers.
            executor: Where to run; the flow's, or the configuration's, by default.
            context: Keys to add to the context of the run.
            task_contexts: Keys to add to the context of single tasks.
            readers: Functions that are called with each `StateChange`.
            task_concurrency: How many runs of the tasks with a tag, a name or a slug may be at work
                at a time, such as `{"db": 3}`; goes before `engine.task_concurrency` of the
                configuration.
            max_in_flight: How many task runs, or futures, may be with the executor at a time;
                `engine.max_in_flight` of the configuration by default.

        Returns:
            The state the run came to; its result maps `return_tasks` to their states.
        """
        state = Pending() if state is None else state
        if state._finished or _is_later(state):
            return state
        values = flow_run_context(self.flow, parameters, context)
        request = _RunRequest(
            task_states=dict(task_states or {}),
            return_tasks=None if return_tasks is None else set(return_tasks),
            handlers=[
                _as_task_handler(self.task_runner_cls, handler)
                for handler in task_runner_state_handlers or ()
            ],
            executor=executor or self.flow.executor or _configured_executor(),
            task_contexts=dict(task_contexts or {}),
            readers=tuple(readers),
            values=values,
            limits=(task_concurrency, max_in_flight),
        )
        self.logger.info("Beginning Flow run for '%s'", self.flow.name)
        with run_context(values):
            return self._run_request(state, request)

    def _run_request(self, state: State, request: _RunRequest) -> State:
        running = state
        if not state._running:
            running = self._changed(state, Running("Running flow."))
        if not running._running:
            return running
        final = self._run_tasks(running, request)
        return final if final is running else self._changed(running, final)

    def _changed(self, old: State, new: State) -> State:
        """Show a change of the flow's state to its handlers."""

        def log(error: Exception) -> None:
            self.logger.error(
                "Unexpected error while calling state handlers: %r", error, exc_info=error
            )

        self.logger.debug(
            "Flow '%s': Handling state change from %s to %s",
            self.flow.name,
            type(old).__name__,
            type(new).__name__,
        )
        returned = call_handlers(self.flow.state_handlers, self.flow, old, new, log)
        if returned is new or not isinstance(returned._held, Exception):
            returned = call_handlers(self.state_handlers, self, old, returned, log)
        if returned is not new and returned._held is None and new._held is not None:
            returned.result = new._held
        return returned

    def _run_tasks(self, running: State, request: _RunRequest) -> State:
        run = _FlowRun(self, request)
        final = None
        try:
            final = self._run_to_its_end(running, run)
            return final
        finally:
            if run.journal is not None:
                run.journal.end(final)

    def _run_to_its_end(self, running: State, run: _FlowRun) -> State:
        try:
            run.check()
            run.start()
        except (KeyboardInterrupt, RunCancelledSignal):
            message = run.cancellation.reason or INTERRUPTED
            self.logger.warning("Flow run CANCELLED: %s", message)
            return Cancelled(message, result=run.results())
        except Exception as error:
            if run_context.get("raise_on_exception"):
                raise
            self.logger.exception("Unexpected error: %r", error)
            return Failed(f"Unexpected error: {error!r}", result=error)
        return self._final_state(running, run)

    def _final_state(self, running: State, run: _FlowRun) -> State:
        """The flow's state, from those of its reference tasks."""
        flow = self.flow
        states = run.final_states(flow.terminal_tasks() | flow.reference_tasks())
        reference = run.final_states(flow.reference_tasks())
        if not all(state._finished for state in states):
            self.logger.info("Flow run RUNNING: terminal tasks are incomplete.")
            final = running
        elif any(state._failed for state in reference):
            self.logger.info("Flow run FAILED: some reference tasks failed.")
            final = Failed("Some reference tasks failed.")
        elif all(state._successful for state in reference):
            self.logger.info("Flow run SUCCESS: all reference tasks succeeded")
            final = Success("All reference tasks succeeded.")
        else:
            self.logger.info("Flow run SUCCESS: no reference tasks failed")
            final = Success("No reference tasks failed.")
        final.result = run.results()
        handler = flow.terminal_state_handler
        if handler is None:
            return final
        try:
            replaced = handler(flow, final, states)
        except Exception as error:
            self.logger.exception("Unexpected error: %r", error)
            return Failed(f"Unexpected error: {error!r}", result=error)
        if replaced is None or replaced is final:
            return final
        if not isinstance(replaced, State):
            raise TypeError(
                f"The terminal_state_handler of flow {flow.name!r} returned {replaced!r}; it must "
                f"return a State, or None to keep the one that it was given."
            )
        if replaced._held is None:
            replaced.result = final._held
        return replaced


class _RunRequest:
    """What a caller asked of one run."""

    def __init__(
        self,
        task_states: dict[Task, State],
        return_tasks: set[Task] | None,
        handlers: list[Callable[..., Any]],
        executor: Executor,
        task_contexts: dict[Task, Mapping[str, Any]],
        readers: tuple[Reader, ...],
        values: dict[str, Any],
        limits: tuple[Mapping[str, int] | None, int | None],
    ) -> None:
        self.task_states = task_states
        self.return_tasks = return_tasks
        self.handlers = handlers
        self.executor = executor
        self.task_contexts = task_contexts
        self.readers = readers
        self.values = values
        self.limits = limits

    def limits_in(self, plan: Plan) -> Limits | None:
        """The limits of the run, and those of the configuration.

        Raises:
            ValueError: One is no positive number, or concerns no task.
        """
        engine = run_context.config.engine
        configured = engine.get("task_concurrency") or {}
        return limits_of(plan, *self.limits, configured, engine.max_in_flight)


class _FlowRun:
    """One run of a flow, from its request to the states of its tasks."""

    def __init__(self, runner: FlowRunner, request: _RunRequest) -> None:
        self.flow = runner.flow
        self.runner = runner
        self.request = request
        self.plan: Plan | None = None
        self.states: TaskStates | None = None
        self.journal: Journal | None = None
        self.cancellation = Cancellation()
        self.flow_run = FlowRun(
            str(request.values.get("flow_run_id")), runner.flow.name, self.cancellation.request
        )

    def check(self) -> None:
        """Refuse a request that the flow cannot serve.

        Raises:
            ValueError: A task to be returned is not in the flow.
        """
        unknown = (self.request.return_tasks or set()) - set(self.flow.tasks)
        if unknown:
            raise ValueError("Some tasks in return_tasks were not found in the flow.")

    def start(self) -> None:
        """Compile the flow, find the states that are known, and run the rest."""
        request = self.request
        given = {task: _unwrapped(state) for task, state in request.task_states.items()}
        known = {task for task, state in given.items() if _is_final(state)}
        plan = self.plan = compile_flow(self.flow, known, handled=bool(request.handlers))
        limits = request.limits_in(plan)
        index_of = {planned.task: planned.index for planned in plan.tasks}
        states = self.states = TaskStates(
            plan, {index_of[task]: state for task, state in given.items() if task in index_of}
        )
        cancellation = self.cancellation
        with cancellation.listening(), active_run(self.flow_run), _progress(plan) as progress:
            scope = self._scope(plan, index_of, cancellation.requested)
            reporter = Reporter(plan, str(request.values.get("flow_run_id")), request.readers)
            if progress is not None:
                reader, lines_are_seen = progress
                reporter.readers.append(reader)
                reporter.logs = reporter.logs and lines_are_seen
            self._run_known(plan, states, scope, reporter)
            executor = request.executor
            self.journal = open_journal(plan, states.given, request.values, executor, self.flow_run)
            if self.journal is not None:
                reporter.readers.append(self.journal.take)
            self.runner.logger.debug("Using executor type %s", type(executor).__name__)
            with executor.start():
                self._have_journal_first(plan, scope)
                self._drive(plan, states, scope, reporter, limits)

    def _have_journal_first(self, plan: Plan, scope: RunScope) -> None:
        """See to it that no value is stored before the journal names the run."""
        journal, executor = self.journal, self.request.executor
        if journal is None or not stores_values(plan, self.flow.result):
            return
        if executor.kind in ("inline", "threads") and scope.runner_class is None:
            # a run that finds all its values does not wait at all
            scope.before_store = journal.wait_until_begun
        else:
            journal.wait_until_begun()

    def _drive(
        self,
        plan: Plan,
        states: TaskStates,
        scope: RunScope,
        reporter: Reporter,
        limits: Limits | None,
    ) -> None:
        """Run the plan to its end, and what is left of it where a lost scheduler came back."""
        request, executor = self.request, self.request.executor
        while True:
            driver = Driver(plan, states, scope, reporter, self.runner.waits, limits)
            driver.wanted = request.return_tasks
            driver.wants_all = request.return_tasks == set(self.flow.tasks)
            driver.outlives_scheduler = bool(getattr(executor, "reconnect", None))
            try:
                driver.run(launcher_for(executor, driver))
                return
            except SchedulerLostError:
                if not driver.outlives_scheduler:
                    raise
                if not executor.connect_again():  # type: ignore[attr-defined]
                    driver.clean_up()
                    raise
            given = states_to_go_on_from(plan, states)
            known = {plan.tasks[index].task for index, state in given.items() if _is_final(state)}
            plan = self.plan = compile_flow(self.flow, known, handled=bool(request.handlers))
            states = self.states = TaskStates(plan, given)

    def _scope(
        self, plan: Plan, index_of: Mapping[Task, int], interrupted: Callable[[], bool]
    ) -> RunScope:
        edges: dict[int, list[Edge]] = {}

        def edges_of(planned: PlannedTask) -> list[Edge]:
            found = edges.get(planned.index)
            if found is None:
                found = [plan.edge(planned.index, i) for i in range(len(planned.edges))]
                edges[planned.index] = found
            return found

        return RunScope(
            base_context=self.request.values,
            checkpointing=run_context.config.flows.checkpointing,
            flow_result=self.flow.result,
            task_contexts={
                index_of[task]: values
                for task, values in self.request.task_contexts.items()
                if task in index_of
            },
            runner_handlers=self.request.handlers,
            in_place=self.runner.waits,
            runner_class=_custom(self.runner.task_runner_cls),
            edges=edges_of,
            interrupted=interrupted,
        )

    def _run_known(
        self, plan: Plan, states: TaskStates, scope: RunScope, reporter: Reporter
    ) -> None:
        """Constants and parameters need no executor: their states are there at once."""
        for planned in plan.tasks:
            if not planned.known or planned.index in states.given:
                continue
            if isinstance(planned.task, Constant):
                states.parents[planned.index] = Success(result=planned.task.value)
            elif isinstance(planned.task, Parameter):
                reporter.started(planned, None)
                state = run_pipeline(scope, planned, ())
                states.parents[planned.index] = state
                reporter.finished(planned, None, state)

    def results(self) -> dict[Task, State]:
        """The states of the tasks that the caller wants back."""
        wanted = self.request.return_tasks
        return {task: self._state(task) for task in (wanted or ())}

    def final_states(self, tasks: Iterable[Task]) -> set[State]:
        """The states of tasks, with the elements in the place of a mapped task."""
        found: set[State] = set()
        for task in tasks:
            state = self._state(task)
            if isinstance(state, Mapped) and state.map_states:
                found.update(state.map_states)
            else:
                found.add(state)
        return found

    def _state(self, task: Task) -> State:
        if self.plan is None or self.states is None:
            return Pending()
        if not hasattr(self, "_index_of"):
            self._index_of = {planned.task: planned.index for planned in self.plan.tasks}
        state = self.states.whole(self._index_of[task])
        if isinstance(state, Mapped) and state._held is None:
            state._held = result_of_elements(state.map_states)
        return state


def run_flow(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    run_on_schedule: bool | None = None,
    runner_cls: type | None = None,
    **kwargs: Any,
) -> State:
    """Run a flow to its end, retries included, once or at each event of its schedule.

    See `Flow.run`.

    Args:
        flow: The flow.
        parameters: Values for its parameters; checked already.
        run_on_schedule: Whether to follow the flow's schedule; the configuration's by default.
        runner_cls: The class that runs it; the configuration's by default.
        **kwargs: Arguments of the runner's `run`.

    Returns:
        The final state, of the last run; its result maps each task to its state.
    """
    if kwargs.get("resume") is not None:
        return _run_resumed(flow, parameters, runner_cls, kwargs)
    kwargs.pop("resume", None)
    if run_on_schedule is None:
        run_on_schedule = run_context.config.flows.run_on_schedule
    if flow.schedule is None or not run_on_schedule:
        return _run_once(flow, parameters, runner_cls, kwargs)
    from prefectlite.engine.scheduled_runs import follow_schedule

    def run_once(values: Mapping[str, Any], state: State, start: datetime) -> State:
        given = {**(kwargs.get("context") or {}), "scheduled_start_time": start}
        return _run_once(flow, values, runner_cls, {**kwargs, "state": state, "context": given})

    return follow_schedule(flow, parameters, run_once)


def _run_resumed(
    flow: Flow,
    parameters: Mapping[str, Any] | None,
    runner_cls: type | None,
    kwargs: dict[str, Any],
) -> State:
    with resumed(flow, kwargs["resume"], parameters or {}) as earlier:
        check_parameters(flow, earlier.parameters)
        rest = {name: value for name, value in kwargs.items() if name != "resume"}
        rest["task_states"] = {**earlier.task_states, **(kwargs.get("task_states") or {})}
        rest["context"] = {**earlier.context, **(kwargs.get("context") or {})}
        return _run_once(flow, earlier.parameters, runner_cls, rest)


def _run_once(
    flow: Flow,
    parameters: Mapping[str, Any] | None,
    runner_cls: type | None,
    kwargs: dict[str, Any],
) -> State:
    import pendulum

    kwargs = dict(kwargs)
    runner = (runner_cls or _configured("flow_runner"))(flow=flow)
    runner.waits = True
    given = dict(kwargs.pop("context", None) or {})
    known_caches = run_context.__dict__.setdefault("caches", {})
    values = {
        "flow_id": flow.name,
        "flow_run_id": str(uuid.uuid4()),
        "flow_run_name": str(uuid.uuid4()),
        "scheduled_start_time": pendulum.now("utc"),
        **{key: value for key, value in given.items() if value is not None},
        # those that were given are the run's own: the process's are left alone
        "caches": (given["caches"] or {}) if "caches" in given else known_caches,
    }
    if "return_tasks" in kwargs:
        raise ValueError(
            "The `return_tasks` keyword cannot be provided to `flow.run()`; all task states are "
            "always returned. To have only some, use a FlowRunner: "
            "FlowRunner(flow).run(return_tasks=[...])."
        )
    kwargs["return_tasks"] = set(flow.tasks)
    kwargs.setdefault("state", Scheduled())
    state: State = runner.run(parameters=parameters, context=values, **kwargs)
    if isinstance(state.result, Exception):
        flow.logger.error("Unexpected error occured in FlowRunner: %r", state.result)
    elif not isinstance(state.result, (dict, BaseException)):
        # a state that was given and is not to be run
        state.result = {}
    if isinstance(state.result, dict):
        for task in flow.tasks_in_order_of_adding():
            if task in state.result:
                remember(known_caches, task, state.result[task])
        for task in flow.tasks:
            state.result.setdefault(task, Pending("Task not run."))
    return state


def _configured(kind: str) -> type:
    name = prefectlite.config.engine[kind].default_class
    found: type = import_object(name) if isinstance(name, str) else name
    return found


def _configured_executor() -> Executor:
    executor: Executor = _configured("executor")()
    return executor


def _custom(runner_cls: type) -> type | None:
    """A class of task runners that runs tasks in a way of its own, else None."""
    return None if getattr(runner_cls, "run", None) is TaskRunner.run else runner_cls


def _as_task_handler(runner_cls: type, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler of task runners, called as one of tasks is."""

    def call(task: Task, old: State, new: State) -> Any:
        return handler(runner_cls(task=task), old, new)

    return call


def _unwrapped(state: State) -> State:
    if isinstance(state, Mapped):
        # of a state that was serialized only the number of elements is known
        state.map_states = [element or Pending() for element in state.map_states]
    return getattr(state, "state", None) or state if state._meta else state


def _is_final(state: State) -> bool:
    if isinstance(state, Mapped):
        return bool(state.map_states) and all(s._finished for s in state.map_states)
    # whether a Cached state still counts is for the task's validator to say
    return state._finished and not isinstance(state, Cached)


def _is_later(state: State) -> bool:
    import time

    if not isinstance(state, Scheduled):
        return False
    start = state.start_timestamp
    return start is not None and start > time.time()


def _progress(plan: Plan) -> AbstractContextManager[tuple[Reader, bool] | None]:
    """The display of the run's progress, where there is a terminal and it is wanted."""
    is_terminal = getattr(sys.stdout, "isatty", None)
    if is_terminal is None or not is_terminal() or not run_context.config.progress.enabled:
        return nullcontext()
    from prefectlite.progress import progress_of

    return progress_of(plan)


__all__ = ["FlowRunner", "TaskRunner", "run_flow", "run_task"]
