"""States, signals, triggers and cache validators by themselves, and TaskRunner.run on its own."""

from __future__ import annotations

import datetime
import pickle
from datetime import timedelta
from typing import Any

from compat.harness import case, plain, raised_type, raises

STATES = [
    "State",
    "Pending",
    "Scheduled",
    "Paused",
    "Resume",
    "Retrying",
    "Running",
    "Cancelling",
    "Finished",
    "Success",
    "Cached",
    "Mapped",
    "Skipped",
    "Looped",
    "Failed",
    "TimedOut",
    "TriggerFailed",
    "ValidationFailed",
    "Cancelled",
    "Submitted",
    "Queued",
    "ClientFailed",
]
QUESTIONS = [
    "is_cached",
    "is_failed",
    "is_finished",
    "is_looped",
    "is_mapped",
    "is_meta_state",
    "is_pending",
    "is_queued",
    "is_retrying",
    "is_running",
    "is_scheduled",
    "is_skipped",
    "is_submitted",
    "is_successful",
]


def _states(p: Any) -> Any:
    module = p.module("engine.state")
    return {name: getattr(module, name) for name in STATES}


@case
def what_states_are(p: Any) -> Any:
    return {
        name: [q for q in QUESTIONS if getattr(state(), q)()] for name, state in _states(p).items()
    }


@case
def colors(p: Any) -> Any:
    return {name: state.color for name, state in _states(p).items()}


@case
def class_tree(p: Any) -> Any:
    states = _states(p)
    return {
        name: [other for other in STATES if issubclass(state, states[other])]
        for name, state in states.items()
    }


@case
def children_and_parents(p: Any) -> Any:
    states = _states(p)
    return [
        sorted(states["Failed"].children(names_only=True)),
        sorted(states["Failed"].children(include_self=True, names_only=True)),
        sorted(states["TimedOut"].parents(names_only=True)),
        sorted(states["TimedOut"].parents(include_self=True, names_only=True)),
        sorted(c.__name__ for c in states["Success"].children()),
        sorted(states["State"].children(names_only=True)),
    ]


@case
def default_attributes(p: Any) -> Any:
    found = {}
    for name, state in _states(p).items():
        made = state()
        attributes = {
            k: plain(getattr(made, k)) for k in ("message", "result", "context", "cached_inputs")
        }
        for extra in (
            "start_time",
            "run_count",
            "loop_count",
            "map_states",
            "n_map_states",
            "state",
            "cached_parameters",
            "hashed_inputs",
            "cached_result_expiration",
        ):
            if hasattr(made, extra):
                value = getattr(made, extra)
                attributes[extra] = type(value).__name__ if extra == "start_time" else plain(value)
        found[name] = attributes
    return found


@case
def reprs(p: Any) -> Any:
    states = _states(p)
    return [
        repr(states["Success"]()),
        repr(states["Failed"]("why")),
        str(states["Pending"]("m")),
        repr(states["Mapped"](map_states=[])),
        repr(states["Success"]("m", result=1)),
    ]


@case
def equality(p: Any) -> Any:
    s = _states(p)
    Success, Failed = s["Success"], s["Failed"]
    return [
        Success() == Success(),
        Success("a") == Success("b"),
        Success(result=1) == Success(result=1),
        Success(result=1) == Success(result=2),
        Success() == Failed(),
        s["Retrying"](run_count=1) == s["Retrying"](run_count=2),
        Success(context={"a": 1}) == Success(),
        Success() == 1,
        s["Mapped"](map_states=[Success(result=1)]) == s["Mapped"](map_states=[Success(result=1)]),
        s["Skipped"]() == Success(),
        raises(hash, Success()).get("raised"),
    ]


@case
def results_of_states(p: Any) -> Any:
    s, Result = _states(p), p.module("engine.result").Result
    value = s["Success"](result=5)
    wrapped = s["Success"](result=Result(6, location="l"))
    value.result = 7
    return [
        value.result,
        wrapped.result,
        type(wrapped._result).__name__,
        wrapped._result.location,
        type(s["Success"]()._result).__name__,
        s["Success"]().result,
        s["Failed"](result=ValueError("v")).result.args[0],
        plain(s["Success"](result=None).result),
        type(s["Success"](result=None)._result).__name__,
    ]


@case
def mapped_state(p: Any) -> Any:
    s = _states(p)
    m = s["Mapped"](map_states=[s["Success"](result=1), s["Failed"](result=2)])
    n = s["Mapped"](n_map_states=3)
    return [
        m.result,
        m.n_map_states,
        n.n_map_states,
        plain(n.map_states),
        plain(n.result),
        m.is_successful(),
        m.is_failed(),
        s["Mapped"]().n_map_states,
    ]


@case
def start_times(p: Any) -> Any:
    s = _states(p)
    when = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
    return [
        str(s["Scheduled"](start_time=when).start_time)[:10],
        s["Paused"]().start_time,
        type(s["Retrying"]().start_time).__name__,
        type(s["Scheduled"]().start_time).__name__,
        type(s["Resume"]().start_time).__name__,
    ]


@case
def meta_states(p: Any) -> Any:
    s = _states(p)
    submitted = s["Submitted"](state=s["Retrying"](run_count=2))
    queued = s["Queued"](state=s["Pending"]("p"))
    return [
        type(submitted.state).__name__,
        queued.state.message,
        submitted.is_meta_state(),
        submitted.is_pending(),
        submitted.is_retrying(),
        repr(submitted),
        repr(queued),
    ]


@case
def serialize_states(p: Any) -> Any:
    s = _states(p)
    made = [
        s["Success"]("m", result=1),
        s["Failed"]("f", result=ValueError()),
        s["Retrying"]("r", run_count=3),
        s["Mapped"](map_states=[s["Success"](result=3)]),
        s["Looped"](loop_count=2),
        s["Skipped"](context={"tags": ["a"]}),
        s["Submitted"](state=s["Pending"]()),
        s["Paused"](),
    ]
    return [
        [
            [k, plain(v)]
            for k, v in sorted(x.serialize().items())
            if k not in ("__version__", "start_time", "_result", "state")
        ]
        for x in made
    ]


@case
def deserialize_states(p: Any) -> Any:
    s = _states(p)
    made = [
        s["Success"]("m", result=1),
        s["Retrying"]("r", run_count=3),
        s["Mapped"](map_states=[s["Success"](result=3)]),
        s["Looped"](loop_count=2),
        s["Submitted"](state=s["Pending"]("in")),
    ]
    back = [s["State"].deserialize(x.serialize()) for x in made]
    return [[type(x).__name__, x.message, plain(x.result)] for x in back] + [
        back[1].run_count,
        back[2].n_map_states,
        back[3].loop_count,
        type(back[4].state).__name__,
    ]


@case
def pickle_states(p: Any) -> Any:
    back = [pickle.loads(pickle.dumps(state("m"))) for state in _states(p).values()]
    return [[type(x).__name__, x.message] for x in back]


@case
def states_with_extra_arguments(p: Any) -> Any:
    s = _states(p)
    return [
        raised_type(s["Success"], nothing=1),
        raised_type(s["Success"], "a", 1, {}, {}, 5),
        s["Success"]("a", 1).result,
        s["Failed"]("a", 2).result,
    ]


@case
def own_state_class(p: Any) -> Any:
    class Mine(p.module("engine.state").Success):  # type: ignore[misc,name-defined]
        color = "#123456"

    return [Mine("m", result=1).is_successful(), repr(Mine("m")), Mine.color, Mine().is_finished()]


@case
def load_results(p: Any, folder: str) -> Any:
    s = _states(p)
    result = p.module("engine.results").LocalResult(dir=folder)
    written = result.write(5) if False else None
    stored = p.module("engine.results").LocalResult(dir=folder, location="x.pkl").write(5)
    state = s["Success"](result=p.module("engine.result").Result(location=stored.location))
    loaded = state.load_result(result)
    return [
        loaded.result,
        type(loaded._result).__name__,
        written,
        s["Success"](result=3).load_result(result).result,
    ]


@case
def signals_and_their_states(p: Any) -> Any:
    module = p.module("engine.signals")
    found = {}
    for name in (
        "FAIL",
        "TRIGGERFAIL",
        "VALIDATIONFAIL",
        "SUCCESS",
        "SKIP",
        "RETRY",
        "PAUSE",
        "LOOP",
    ):
        signal = getattr(module, name)("why")
        found[name] = [
            type(signal.state).__name__,
            signal.state.message,
            str(signal),
            repr(signal),
            signal.state.result is signal,
            isinstance(signal, Exception),
            [c.__name__ for c in type(signal).__mro__][1:4],
        ]
    return found


@case
def signals_with_arguments(p: Any) -> Any:
    module = p.module("engine.signals")
    loop = module.LOOP(result=5)
    retry = module.RETRY(
        "r", start_time=datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    )
    return [
        plain(loop.state.result),
        loop.state.loop_count,
        loop.state.message,
        module.RETRY().state.run_count,
        str(retry.state.start_time)[:10],
        raised_type(module.FAIL, "a", nothing=1),
        plain(module.FAIL().state.message),
        str(module.FAIL()),
        type(module.ENDRUN(state=p.engine.state.Failed("e")).state).__name__,
    ]


@case
def signal_from_state(p: Any) -> Any:
    function = p.module("engine.signals").signal_from_state
    found = {}
    for name, state in _states(p).items():
        outcome = raises(function, state("m"))
        found[name] = outcome.get("raised", outcome.get("returned"))
    return found


def _edge_states(p: Any, *names: str) -> Any:
    Edge, states = p.module("core.edge").Edge, _states(p)
    return {
        Edge(p.Task(name=str(i)), p.Task(name="d")): states[n](result=1)
        if n != "Mapped"
        else states[n](map_states=[states["Success"](), states["Failed"]()])
        for i, n in enumerate(names)
    }


@case
def triggers_called_directly(p: Any) -> Any:
    t = p.triggers
    found = {}
    chosen = {
        "all_successful": t.all_successful,
        "all_failed": t.all_failed,
        "all_finished": t.all_finished,
        "always_run": t.always_run,
        "any_failed": t.any_failed,
        "any_successful": t.any_successful,
        "not_all_skipped": t.not_all_skipped,
        "manual_only": t.manual_only,
        "some_failed_1": t.some_failed(at_least=1),
        "some_failed_0.5": t.some_failed(at_least=0.5, at_most=1.0),
        "some_successful_2": t.some_successful(at_least=2),
        "some_successful_most": t.some_successful(at_most=0.5),
    }
    groups = [
        (),
        ("Success",),
        ("Failed",),
        ("Skipped",),
        ("Success", "Failed"),
        ("Mapped",),
        ("Success", "Skipped"),
        ("Pending", "Success"),
        ("Skipped", "Failed"),
    ]
    for name, trigger in chosen.items():
        for group in groups:
            outcome = raises(trigger, _edge_states(p, *group))
            outcome.pop("text", None)
            found[f"{name}({','.join(group)})"] = outcome
    return found


@case
def trigger_names(p: Any) -> Any:
    return [
        p.triggers.some_failed(at_least=1).__name__,
        p.triggers.all_successful.__name__,
        p.triggers.always_run.__name__,
        p.triggers.some_successful().__name__,
        p.triggers.all_finished is p.triggers.always_run,
    ]


@case
def some_triggers_without_thresholds(p: Any) -> Any:
    return [
        raises(p.triggers.some_failed(), _edge_states(p, "Success")),
        raises(p.triggers.some_successful(), _edge_states(p, "Failed")),
    ]


@case
def cache_validators_called_directly(p: Any) -> Any:
    module, Cached = p.module("engine.cache_validators"), p.module("engine.state").Cached
    Result = p.module("engine.result").Result
    later = datetime.datetime.now(datetime.timezone.utc) + timedelta(hours=1)
    earlier = later - timedelta(hours=2)
    try:
        import dask.base

        tokens = {"x": dask.base.tokenize(1), "y": dask.base.tokenize(2)}
    except ImportError:
        tokens = {}
    states = {
        "later": Cached(
            hashed_inputs=tokens, cached_parameters={"p": 1}, cached_result_expiration=later
        ),
        "earlier": Cached(
            hashed_inputs=tokens, cached_parameters={"p": 1}, cached_result_expiration=earlier
        ),
        "none": Cached(),
    }
    chosen = {
        "duration_only": module.duration_only,
        "never_use": module.never_use,
        "all_inputs": module.all_inputs,
        "all_parameters": module.all_parameters,
        "partial_inputs": module.partial_inputs_only(["x"]),
        "partial_inputs_none": module.partial_inputs_only(),
        "partial_parameters": module.partial_parameters_only(["p"]),
        "partial_parameters_none": module.partial_parameters_only(),
    }
    inputs = {
        "same": ({"x": Result(1), "y": Result(2)}, {"p": 1}),
        "other": ({"x": Result(1), "y": Result(3)}, {"p": 2}),
        "nothing": ({}, {}),
    }
    return {
        f"{n} {s} {i}": raises(v, states[s], *inputs[i]).get("returned", "raised")
        for n, v in chosen.items()
        if n not in ("all_inputs", "partial_inputs")
        for s in states
        for i in inputs
    }


@case
def task_runner_alone(p: Any) -> Any:
    TaskRunner, s = p.module("engine.task_runner").TaskRunner, _states(p)
    task = p.task(lambda: 5, name="t", tags=["a"])
    return [
        plain(TaskRunner(task).run()),
        plain(TaskRunner(task).run(state=s["Pending"]("p"))),
        plain(TaskRunner(task).run(state=s["Success"]("s", result=1))),
        plain(TaskRunner(task).run(state=s["Failed"]("s"))),
        plain(TaskRunner(task).run(state=s["Running"]("s"))),
        plain(TaskRunner(task).run(state=s["Skipped"]("s"))),
    ]


@case
def task_runner_with_upstream_states(p: Any) -> Any:
    TaskRunner, s, Edge = (
        p.module("engine.task_runner").TaskRunner,
        _states(p),
        p.module("core.edge").Edge,
    )
    a, t = p.task(lambda: 1, name="a"), p.task(lambda x=0: x + 1, name="t")
    keyed, bare = Edge(a, t, key="x"), Edge(a, t)
    return [
        plain(TaskRunner(t).run(upstream_states={edge: state}))
        for edge in (keyed, bare)
        for state in (
            s["Success"](result=4),
            s["Failed"](result=4),
            s["Skipped"](),
            s["Pending"](),
            s["Retrying"](),
            s["Running"](),
            s["Cached"](result=6),
        )
    ]


@case
def task_runner_with_a_context(p: Any) -> Any:
    TaskRunner = p.module("engine.task_runner").TaskRunner
    task = p.task(
        lambda: [
            p.context.get("mine"),
            p.context.get("task_name"),
            p.context.map_index,
            p.context.get("task_run_count"),
        ],
        name="t",
    )
    return [
        plain(TaskRunner(task).run(context={"mine": 1})),
        plain(TaskRunner(task).run(context={"map_index": 4})),
    ]


@case
def task_runner_retry_and_scheduled(p: Any) -> Any:
    TaskRunner, s = p.module("engine.task_runner").TaskRunner, _states(p)
    task = p.task(lambda: 1 / 0, name="t", max_retries=2, retry_delay=timedelta(minutes=1))
    now = datetime.datetime.now(datetime.timezone.utc)
    first = TaskRunner(task).run()
    early = TaskRunner(task).run(state=first)
    due = TaskRunner(task).run(state=s["Retrying"](run_count=2, start_time=now - timedelta(1)))
    last = TaskRunner(task).run(state=s["Retrying"](run_count=3, start_time=now - timedelta(1)))
    return [plain(x) for x in (first, early, due, last)] + [first.run_count, early.run_count]


@case
def task_runner_mapped_parent(p: Any) -> Any:
    TaskRunner, s, Edge = (
        p.module("engine.task_runner").TaskRunner,
        _states(p),
        p.module("core.edge").Edge,
    )
    a, t = p.task(lambda: 1, name="a"), p.task(lambda x: x, name="t")
    edge = Edge(a, t, key="x", mapped=True)
    return [
        plain(TaskRunner(t).run(upstream_states={edge: state}, is_mapped_parent=True))["type"]
        for state in (s["Success"](result=[1, 2]), s["Skipped"](), s["Success"](result=4))
    ]


@case
def task_runner_state_handlers(p: Any) -> Any:
    TaskRunner = p.module("engine.task_runner").TaskRunner
    seen: Any = []

    def handler(runner: Any, old: Any, new: Any) -> Any:
        seen.append([type(runner).__name__, type(old).__name__, type(new).__name__])

    def task_handler(task: Any, old: Any, new: Any) -> Any:
        seen.append([task.name, type(old).__name__, type(new).__name__])

    task = p.task(lambda: 1, name="t", state_handlers=[task_handler])
    TaskRunner(task, state_handlers=[handler]).run()
    return seen


@case
def task_runner_repr(p: Any) -> Any:
    TaskRunner = p.module("engine.task_runner").TaskRunner
    FlowRunner = p.module("engine.flow_runner").FlowRunner
    return [
        repr(TaskRunner(p.Task(name="t"))),
        repr(FlowRunner(p.Flow("f"))),
        raised_type(TaskRunner, p.Task(), state_handlers=print),
        p.module("engine").TaskRunner is TaskRunner,
        p.module("engine").FlowRunner is FlowRunner,
    ]


@case
def exceptions(p: Any) -> Any:
    module = p.module("exceptions")
    found = {}
    for name in (
        "PrefectException",
        "ClientError",
        "AuthorizationError",
        "ObjectNotFoundError",
        "FlowStorageError",
        "PrefectSignal",
        "TaskTimeoutSignal",
        "VersionLockMismatchSignal",
    ):
        error = getattr(module, name)
        found[name] = [[c.__name__ for c in error.__mro__], str(error("text")), str(error())]
    return found
