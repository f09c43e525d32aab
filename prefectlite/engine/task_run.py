"""The pipeline of one task run: upstream states in, one state out.

Each step returns None for "go on" or the state to stop with. Failures and signals are states here,
not exceptions that steer the flow of control. The steps stand in the order in which they run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefectlite import triggers
from prefectlite.core.edge import Edge
from prefectlite.core.task import timeout_method_of
from prefectlite.engine import signals
from prefectlite.engine.caches import check_cache, keep_for_later
from prefectlite.engine.checkpoints import store
from prefectlite.engine.earlier_attempts import find_stored
from prefectlite.engine.identifiers import task_run_id
from prefectlite.engine.messages import CONSTANT, SKIPPED_UPSTREAM, STARTING
from prefectlite.engine.plan import PlannedTask
from prefectlite.engine.state import (
    Cached,
    ClientFailed,
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
)
from prefectlite.engine.stdout import stdout_to_log
from prefectlite.engine.targets import (
    TargetBook,
    check_target,
    failed_unexpectedly,
    shelf_with,
    take_found,
    template_values,
)
from prefectlite.engine.upstream import input_value
from prefectlite.engine.usage import Begun
from prefectlite.exceptions import (
    PrefectException,
    ResultError,
    StoreUnreachableError,
    TaskTimeoutSignal,
)
from prefectlite.tasks.core.constants import Constant
from prefectlite.utilities.context import context
from prefectlite.utilities.logging import detached_logger, get_logger
from prefectlite.utilities.secrets import without_secrets

if TYPE_CHECKING:
    from prefectlite.engine.claims import Claims
    from prefectlite.engine.result import Result

UNEXPECTED_IN_HANDLERS = "Unexpected error while calling state handlers"


@dataclass(slots=True)
class RunScope:
    """What all task runs of one flow run share, in one process.

    `base_context` holds the context keys of the flow run. `in_place` says whether a retry that is
    due at once, and the next round of a loop, may run where the last one ran. `on_change` is told
    of each change of state as it happens, `on_again` of a retry that follows at once; `edges` gives
    the user's view of a task's edges, and `interrupted` says whether the user pressed Ctrl-C,
    rather than a task raising the like.
    """

    base_context: Mapping[str, Any]
    checkpointing: bool | None
    flow_result: Result | None = None
    task_contexts: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    runner_handlers: Sequence[Callable[..., Any]] = ()
    in_place: bool = True
    on_change: Callable[[TaskRun, State], None] | None = None
    on_again: Callable[[TaskRun, State], None] | None = None
    edges: Callable[[PlannedTask], Sequence[Edge]] | None = None
    interrupted: Callable[[], bool] = bool
    # whether values go to other processes, so that they have to be picklable
    leaves_process: bool = False
    # called before a value is stored, where the driver's memory is shared
    before_store: Callable[[], object] | None = None
    # the last value that was let out of the process, and its size in bytes
    admitted: tuple[Any, int] | None = None
    # by task, from which element on the index may be another one in the next run: an element of
    # the flattened list that it goes over has failed, and how many items it will have is not known
    shifted: dict[int, int] = field(default_factory=dict)
    # what the driver found out about the targets of mapped tasks
    book: TargetBook | None = None
    # who has which location, where that is known only as elements run in several processes
    claims: Claims | None = None
    # whether a task run ends, as it was, where its target is not there
    only_looks: bool = False
    # a user's own class of task runners, which runs tasks in the place of `run_pipeline`
    runner_class: Any = None
    task_run_ids: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class TaskRun:
    """One run of a task, or of one element of a mapped task, on its way through the pipeline."""

    scope: RunScope
    planned: PlannedTask
    map_index: int | None
    upstream: Sequence[State]
    state: State
    run_count: int = 1
    # a handler, or ENDRUN, has said the last word: no retry, no further step
    ended: bool = False
    # when the attempt began, where somebody asks what it used
    begun: Begun | None = None
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def is_shifted(self) -> bool:
        """Whether its map index may be another one in the next run of the flow."""
        if self.map_index is None or not self.scope.shifted:
            return False
        first = self.scope.shifted.get(self.planned.index)
        return first is not None and self.map_index >= first

    @property
    def full_name(self) -> str:
        """The task's name, with the map index of an element."""
        return self.planned.run_name(self.map_index)


def run_pipeline(
    scope: RunScope,
    planned: PlannedTask,
    upstream: Sequence[State],
    map_index: int | None = None,
    initial: State | None = None,
) -> State:
    """Run a task once, with what may follow at once: loop rounds, and retries that are due.

    Args:
        scope: What the run shares with the others of its flow run.
        planned: The task.
        upstream: One state for each of its edges, in their order.
        map_index: The element, or None.
        initial: The state to start from; Pending by default.

    Returns:
        The state it came to: finished, or Retrying, Paused, Scheduled, or the initial state where
        that was not to be run.
    """
    run = TaskRun(scope, planned, map_index, upstream, initial or Pending())
    if isinstance(run.state, (ClientFailed, Queued, Submitted)):
        run.state = run.state.state or Pending()
    if isinstance(run.state, Looped):
        return run.state  # the caller's: rounds of a loop follow the first one
    while True:
        _run_round(run)
        state = run.state
        if isinstance(state, Looped):
            run.run_count = 1  # each round has its own retries
            run.state = Pending(
                message=f"Looping task (on loop index {state.loop_count})",
                context={
                    **state.context,
                    "task_loop_count": state.loop_count + 1,
                    "task_loop_result": state.result,
                },
            )
        elif isinstance(state, Retrying) and scope.in_place and _is_due(state):
            if scope.on_again is not None:
                scope.on_again(run, state)
        else:
            return state


def _run_round(run: TaskRun) -> None:
    """One round, with the context of the task run around it."""
    state = run.state
    if not state._pending and not isinstance(state, Cached):
        return
    if run.scope.book is not None and _find_at_once(run):
        return
    saved = context.push(_context_values(run))
    try:
        for step in _STEPS:
            stop = step(run)
            if stop is not None:
                _change(run, stop)
            if stop is not None or run.ended:
                break
    except Exception as error:
        if context.get("raise_on_exception"):
            raise
        _log("error", run, f"Unexpected error: {error!r}", error)
        is_named = not isinstance(error, ResultError) or run.full_name in str(error)
        _change(run, failed_unexpectedly(error, "" if is_named else f" (task {run.full_name!r})"))
        again = _retry(run) if isinstance(error, StoreUnreachableError) else None
        if again is not None:
            _change(run, again)
    finally:
        context.pop(saved)


def _find_at_once(run: TaskRun) -> bool:
    """Come to Cached without more, where all there is to do is to read what was found.

    No code of the user runs then, so no context is made for it.
    """
    scope, planned, state = run.scope, run.planned, run.state
    shelf = shelf_with(scope, planned, run.map_index)
    if shelf is None or run.run_count > 1 or run.is_shifted:
        return False
    if type(state) is not Pending or state._context is not None:
        return False
    if not all(type(upstream) in _READY for upstream in run.upstream):
        return False
    try:
        _take_inputs(run)
        found = take_found(run, shelf)
    except Exception:
        # the steps meet it too, and tell of it
        return False
    if found is not None:
        _change(run, found)
    return found is not None


def _context_values(run: TaskRun) -> dict[str, Any]:
    planned, state, scope = run.planned, run.state, run.scope
    values: dict[str, Any] = dict(scope.base_context)
    if scope.task_contexts:
        values.update(scope.task_contexts.get(planned.index, ()))
    name = run.full_name
    values["task_name"] = planned.name
    values["task_full_name"] = name
    values["task_slug"] = values["task_id"] = planned.slug
    values["task_tags"] = planned.task.tags
    values["map_index"] = run.map_index
    if "flow_run_id" in values:
        values["task_run_id"] = _task_run_id(scope, planned, values["flow_run_id"])
    values["checkpointing"] = scope.checkpointing
    values["logger"] = detached_logger(name)
    if type(state) is not Pending or state._context is not None:
        values.update(_context_of_state(run, state))
    values["task_run_count"] = run.run_count
    return values


def _task_run_id(scope: RunScope, planned: PlannedTask, flow_run_id: str) -> str:
    made = scope.task_run_ids.get(planned.index)
    if made is None:
        made = scope.task_run_ids[planned.index] = task_run_id(flow_run_id, planned.slug)
    return made


def _context_of_state(run: TaskRun, state: State) -> dict[str, Any]:
    """What an earlier round left in the state: the counts, a loop's result, that it was resumed."""
    kept = state.context
    if isinstance(state, Retrying):
        run.run_count = state.run_count + 1
    else:
        run.run_count = kept.get("task_run_count", run.run_count)
    values = {}
    if "task_loop_count" in kept:
        values["task_loop_count"] = kept["task_loop_count"]
        values["task_loop_result"] = kept.get("task_loop_result")
    if isinstance(state, Resume) or (isinstance(state, Paused) and _is_due(state)):
        values["resume"] = True
    return values


def _check_upstreams(run: TaskRun) -> State | None:
    """Stop where an upstream is not finished, was skipped, or the trigger says no."""
    trigger = run.planned.task.trigger
    if trigger is triggers.all_successful and all(type(s) is Success for s in run.upstream):
        return None
    states: list[State] = []
    for state in run.upstream:
        states.extend(state.map_states if isinstance(state, Mapped) else (state,))
    if not all(state._finished for state in states):
        return run.state
    if run.planned.task.skip_on_upstream_skip and any(state._skipped for state in states):
        return Skipped(SKIPPED_UPSTREAM)
    if trigger is triggers.all_successful and all(state._successful for state in states):
        return None
    return _check_trigger(run, trigger)


def _check_trigger(run: TaskRun, trigger: Callable[[Any], Any]) -> State | None:
    planned, scope = run.planned, run.scope
    states: dict[Any, State] = dict(
        zip(scope.edges(planned) if scope.edges else planned.edges, run.upstream, strict=True)
    )
    states.update(constant_states(planned))
    try:
        if not trigger(states):
            raise signals.TRIGGERFAIL("Trigger failed")
    except (signals.PrefectStateSignal, signals.ENDRUN) as signal:
        return signal.state
    except Exception as error:
        if context.get("raise_on_exception"):
            raise
        _log("error", run, f"Unexpected error while evaluating task trigger: {error!r}", error)
        message = f"Unexpected error while checking task trigger: {error!r}"
        return TriggerFailed(message, result=error)
    return None


def constant_states(planned: PlannedTask) -> dict[Edge, State]:
    """A task's constant arguments as triggers see them: upstreams that went well."""
    return {
        Edge(Constant(value), planned.task, key=key): Success(CONSTANT, result=value)
        for key, value in planned.constants.items()
    }


def _check_due(run: TaskRun) -> State | None:
    """Stop where the state says that it is not time yet, or that somebody has to resume it."""
    state = run.state
    if type(state) is Pending or isinstance(state, Resume):
        return None
    if isinstance(state, Paused) and context.get("resume"):
        return None
    if isinstance(state, Scheduled):
        start = state.start_timestamp
        if start is None or start > time.time():
            return state
    return None


def _take_inputs(run: TaskRun) -> State | None:
    planned = run.planned
    inputs = run.inputs = dict(planned.constants)
    for edge, state in zip(planned.edges, run.upstream, strict=True):
        if edge.key is not None:
            inputs[edge.key] = (
                state._held
                if type(state) is Success and not edge.flattened and type(state._held) in _PLAIN
                else input_value(edge, state)
            )
    return None


def _name_run(run: TaskRun) -> State | None:
    name = run.planned.task.task_run_name
    if name is None:
        return None
    try:
        values = template_values(run.inputs)
        context["task_run_name"] = name(**values) if callable(name) else name.format(**values)
    except Exception as error:
        message = f"Task {run.full_name!r}: Unexpected error while running task: {error!r}"
        return Failed(message, result=error)
    return None


def _check_given_cache(run: TaskRun) -> State | None:
    """A Cached state that the caller passed in counts as long as the task's validator says so."""
    state, task = run.state, run.planned.task
    if not isinstance(state, Cached):
        return None
    validator = task.cache_validator
    if validator(state, run.inputs, context.get("parameters", {})):
        return state
    _change(run, Pending("Cache was invalid; ready to run."))
    return None


def _start(run: TaskRun) -> State | None:
    _change(run, Running(STARTING))
    return None if run.state._running else run.state


def _run_method(run: TaskRun) -> State | None:
    """Call the task's own code; what it returns or raises becomes a state."""
    try:
        value = _call(run)
    except TaskTimeoutSignal as error:
        state: State = TimedOut("Task timed out during execution.", result=error)
    except signals.PrefectStateSignal as signal:
        state = _state_of_signal(run, signal)
    except signals.ENDRUN as signal:
        run.ended = True
        state = signal.state
    except Exception as error:
        if context.get("raise_on_exception"):
            raise
        _log("error", run, "Exception encountered during task execution!", error)
        state = Failed(f"Error during execution of task: {error!r}", result=error)
    except BaseException as error:
        if run.scope.interrupted():
            raise
        state = _process_exit(run, error)
    else:
        state = store(run, value)
    ended = run.ended
    run.ended = False
    _change(run, state)
    run.ended = run.ended or ended
    return None


def _call(run: TaskRun) -> Any:
    task = run.planned.task
    method: Callable[..., Any] = task.run
    if task.timeout:
        return _call_in_time(run, method, task.timeout)
    if task.log_stdout:
        method = _printing_to_log(method)
    return method(**run.inputs)


def _call_in_time(run: TaskRun, method: Callable[..., Any], seconds: float) -> Any:
    from prefectlite.engine.timed_calls import call_timed

    task = run.planned.task
    return call_timed(
        method,
        run.inputs,
        seconds,
        run.full_name,
        timeout_method_of(task),
        shares_memory=not run.scope.leaves_process,
        printing=_printing_to_log if task.log_stdout else _as_it_is,
    )


def _as_it_is(method: Callable[..., Any]) -> Callable[..., Any]:
    return method


def _printing_to_log(method: Callable[..., Any]) -> Callable[..., Any]:
    logger = get_logger("TaskRunner")

    def logged(**inputs: Any) -> Any:
        with stdout_to_log(logger):
            return method(**inputs)

    return logged


def _state_of_signal(run: TaskRun, signal: signals.PrefectStateSignal) -> State:
    state = signal.state
    if type(state) is Success:
        if state.result is not signal:
            stored = store(run, state.result)
            if not stored._successful:
                return stored
            state._held = stored._held
    elif not isinstance(state, Looped):
        _log("info", run, f"{type(signal).__name__} signal raised: {signal!r}")
    elif state.message is None:
        state.message = f"Task is looping ({state.loop_count})"
    return state


def _process_exit(run: TaskRun, error: BaseException) -> State:
    """A task that exits or interrupts ends alone: the process is the run's, not the task's."""
    explained = PrefectException(
        f"Task {run.full_name!r} raised {error!r}, which would have ended the whole process. "
        "To end the task run, return, or raise an exception or one of prefectlite.engine.signals."
    )
    explained.__cause__ = error
    _log("error", run, str(explained), error)
    return Failed(f"Error during execution of task: {error!r}. {explained}", result=explained)


def _retry(run: TaskRun) -> State | None:
    state, task = run.state, run.planned.task
    if not state._failed or not task.max_retries or run.run_count > task.max_retries:
        return None
    if task.retry_on is not None and not isinstance(state.result, tuple(_types(task.retry_on))):
        kind = type(state.result).__name__
        _log("info", run, f"Not tried again: {kind} is none of the exceptions of its retry_on.")
        return None
    kept = {key: context[key] for key in ("task_loop_count", "task_loop_result") if key in context}
    retrying = Retrying(
        f"Retrying Task (after attempt {run.run_count} of {task.max_retries + 1})",
        context=kept,
        run_count=run.run_count,
    )
    delay = task.retry_delay.total_seconds() if task.retry_delay else 0.0
    retrying._start_time = time.time() + delay
    return retrying


def _types(retry_on: Any) -> list[type[BaseException]]:
    return [retry_on] if isinstance(retry_on, type) else list(retry_on)


_STEPS = (
    _check_upstreams,
    _check_due,
    _take_inputs,
    _name_run,
    _check_given_cache,
    check_target,
    find_stored,
    check_cache,
    _start,
    _run_method,
    keep_for_later,
    _retry,
)

# states whose value is there, and which no task run is skipped for
_READY = frozenset({Success, Cached})
# values that a Success holds as they are, not inside a Result that may have to be read first
_PLAIN = frozenset({int, float, str, bytes, bool, list, tuple, dict, set})


def _change(run: TaskRun, new: State) -> None:
    """Put a new state in place, after the handlers have seen and perhaps replaced it."""
    old = run.state
    if new is old:
        return
    task, scope = run.planned.task, run.scope
    if new._failed and type(new.message) is str:
        # it quotes an exception, which may quote a secret
        new.message = without_secrets(new.message)
    if task.state_handlers or scope.runner_handlers:
        new = call_handlers(
            [*task.state_handlers, *scope.runner_handlers], task, old, new, _handler_error(run)
        )
    run.state = new
    if scope.on_change is not None:
        scope.on_change(run, new)


def _handler_error(run: TaskRun) -> Callable[[Exception], None]:
    def report(error: Exception) -> None:
        run.ended = True
        _log("error", run, f"{UNEXPECTED_IN_HANDLERS}: {error!r}", error)

    return report


def call_handlers(
    handlers: Sequence[Callable[..., Any]],
    subject: Any,
    old: State,
    new: State,
    on_error: Callable[[Exception], None],
) -> State:
    """Show a change of state to handlers, one after the other.

    Args:
        handlers: Functions of subject, old and new state; one that returns a state replaces the
            new one for those after it.
        subject: The task or flow.
        old: The state before.
        new: The state to come.
        on_error: Told of an exception that a handler raised.

    Returns:
        The state to put in place: the last handler's, that of a signal one of them raised, or
        Failed where one raised anything else.
    """
    for handler in handlers:
        try:
            returned = handler(subject, old, new)
            if returned is not None:
                if not isinstance(returned, State):
                    raise AttributeError(
                        f"state handler {handler!r} returned {returned!r}; it must return a State "
                        "or None"
                    )
                new = returned
        except (signals.PrefectStateSignal, signals.ENDRUN) as signal:
            return signal.state
        except Exception as error:
            if context.get("raise_on_exception"):
                raise
            on_error(error)
            return Failed(f"{UNEXPECTED_IN_HANDLERS}: {error!r}", result=error)
    return new


def _is_due(state: Scheduled) -> bool:
    start = state.start_timestamp
    return start is not None and start <= time.time()


def _log(level: str, run: TaskRun, message: str, error: BaseException | None = None) -> None:
    getattr(get_logger("TaskRunner"), level)("Task %r: %s", run.full_name, message, exc_info=error)
