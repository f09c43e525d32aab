"""Resource managers: the tasks and edges they make, and when they clean up."""

from __future__ import annotations

from typing import Any

from compat.cases.control_flow import _control, _graph, _graph_by_name, _settings, _tasks
from compat.harness import case, describe_flow, plain, raises


def _resource(p: Any, run: Any, name: str = "r") -> Any:
    class R:
        def __init__(self, a: Any = 1) -> None:
            run.note("init", a)
            self.a = a

        def setup(self) -> Any:
            run.note("setup", self.a)
            return [self.a]

        def cleanup(self, resource: Any) -> None:
            run.note("cleanup", self.a, resource)

    return p.resource_manager(R, name=name)


def _no_setup(p: Any, run: Any) -> Any:
    class N:
        def cleanup(self, resource: Any) -> None:
            run.note("cleanup", resource)

    return p.resource_manager(N)


def _seen(flow: Any, run: Any) -> Any:
    """The flow's graph and states, without the manager objects; and what was noted."""
    described = describe_flow(flow, run.state(flow))
    for slug, state in described["tasks"].items():
        if isinstance(state.get("result"), dict) and "object" in state["result"]:
            described["tasks"][slug] = {**state, "result": state["result"]["object"]}
    return [_graph(flow), described, run.sorted_notes()]


@case(executors=("local", "threads"))
def resource_basic(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    R = _resource(p, run)
    with p.Flow("f") as flow:
        with R(3) as resource:
            b = inc(inc(1))
            ident(resource)
            ident(5)
        inc(b)
        ident(9)
    return _seen(flow, run)


@case(executors=("local", "threads"))
def resource_with_failures(p: Any, run: Any) -> Any:
    inc, ident, fail, skip = _tasks(p)
    R = _resource(p, run)
    seen = []
    for problem in (fail, skip):
        run.notes.clear()
        with p.Flow("f") as flow, R() as resource:
            inc(problem())
            ident(resource)
        seen.append(_seen(flow, run))
    return seen


@case(executors=("local", "threads"))
def resource_without_setup(p: Any, run: Any) -> Any:
    inc, _, _, _ = _tasks(p)
    with p.Flow("f") as flow, _no_setup(p, run)() as resource:
        inc(1)
    return [resource, _seen(flow, run)]


@case(executors=("local",))
def resource_setup_fails(p: Any, run: Any) -> Any:
    _, ident, _, _ = _tasks(p)

    class Broken:
        def setup(self) -> Any:
            raise ValueError("setup")

        def cleanup(self, resource: Any) -> None:
            run.note("cleanup")

    class Skipping(Broken):
        def setup(self) -> Any:
            raise p.module("engine.signals").SKIP("not now")

    seen = []
    for broken in (Broken, Skipping):
        with p.Flow("f") as flow, p.resource_manager(broken)() as resource:
            ident(resource)
        seen.append(_seen(flow, run))
    return seen


@case(executors=("local",))
def resource_cleanup_fails(p: Any, run: Any) -> Any:
    _, ident, _, _ = _tasks(p)

    class Stubborn:
        def cleanup(self, resource: Any) -> None:
            raise ValueError("clean")

    with p.Flow("f") as flow, p.resource_manager(Stubborn)():
        ident(1)
    return _seen(flow, run)


@case(executors=("local",))
def resources_nested(p: Any, run: Any) -> Any:
    inc, _, _, _ = _tasks(p)
    R, N = _resource(p, run), _no_setup(p, run)
    with p.Flow("f") as flow:
        with R(1):
            with R(2):
                a = inc(1)
            b = inc(a)
            with N():
                inc(5)
        inc(b)
    return _seen(flow, run)


@case(executors=("local",))
def resource_and_case(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    R, N = _resource(p, run), _no_setup(p, run)
    with p.Flow("f") as flow:
        with p.case(ident(True), True):
            with R(1):
                inc(1)
            with N():
                inc(1)
        with R(2):
            with p.case(ident(True), False):
                a = inc(1)
            with p.case(ident(True), True):
                b = inc(1)
            _control(p).merge(a, b)
        with N(), p.case(ident(True), False):
            inc(1)
    return _seen(flow, run)


@case(executors=("local",))
def resource_and_maps(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    R = _resource(p, run)
    with p.Flow("f") as flow:
        with R(1) as resource:
            mapped = inc.map([1, 2])
            ident([resource, mapped])
            inc(p.Parameter("P", default=3))
            ident.map([resource, resource])
            ident(resource[0])
        inc.map(mapped)
    return _seen(flow, run)


@case(executors=("local",))
def resource_in_apply_map(p: Any, run: Any) -> Any:
    inc, _, _, _ = _tasks(p)
    R = _resource(p, run)

    def body(x: Any) -> Any:
        with R(x):
            result = inc(inc(x))
        return result

    with p.Flow("f") as flow:
        result = p.apply_map(body, [1, 2])
    state = run.state(flow)
    return [_graph_by_name(flow), plain(state.result[result]), run.sorted_notes()]


@case(executors=("local",))
def resource_blocks_of_all_kinds(p: Any, run: Any) -> Any:
    inc, ident, _, _ = _tasks(p)
    R = _resource(p, run)
    with p.Flow("f") as flow:
        with R(1):
            pass
        R(2)
        block = R(3, upstream_tasks=[ident()], task_args={"name": "q"})
        with block:
            inc(1)
        with block:
            inc(2)
        inc(3, upstream_tasks=[block.cleanup_task])
    first = _seen(flow, run)
    flow.set_reference_tasks([block.cleanup_task])
    return [first, _graph(flow)[3]]


@case
def resource_settings(p: Any) -> Any:
    class K:
        def __init__(self, a: Any = 1) -> None:
            self.a = a

        def setup(self) -> Any:
            return self.a

        def cleanup(self, resource: Any) -> None:
            pass

    def factory(a: Any) -> Any:
        return K(a)

    make = p.resource_manager
    managers = [
        make(K),
        make(name="n")(K),
        make()(K),
        make(
            K,
            name="n",
            init_task_kwargs={"name": "i", "tags": ["t"]},
            setup_task_kwargs={"checkpoint": True},
            cleanup_task_kwargs={"name": "c", "trigger": p.triggers.all_finished},
        ),
        make(factory),
    ]
    seen: list[Any] = []
    for manager in managers:
        with p.Flow("f"):
            block = manager(1)
        tasks = (block.init_task, block.setup_task, block.cleanup_task)
        seen.append([manager.name, [task and _settings(task) for task in tasks]])
    return seen


@case
def resource_misuse(p: Any, run: Any) -> Any:
    inc, _, _, _ = _tasks(p)
    R = _resource(p, run)

    def two_flows() -> None:
        one, other = p.Flow("one"), p.Flow("other")
        with R(1, flow=one):
            inc(1, flow=other)

    flow = p.Flow("f")
    return [
        raises(R, 1),
        raises(two_flows),
        raises(R, zz=1, flow=flow),
        raises(R, 1, 2, 3, flow=flow),
    ]
