"""Flow: building, order, errors, copies, equality, update, replace, serialize, save and load."""

from __future__ import annotations

import pickle
from typing import Any

from compat.harness import case, plain, raised_type, raises


def _edges(flow: Any) -> Any:
    return sorted(
        [e.upstream_task.name, e.downstream_task.name, e.key or "", e.mapped] for e in flow.edges
    )


def _names(tasks: Any) -> Any:
    return sorted(task.name for task in tasks)


def _task(p: Any, name: str) -> Any:
    return p.task(lambda x=0: x, name=name)


def _chain(p: Any, *names: str) -> Any:
    flow = p.Flow("f")
    tasks = [_task(p, name) for name in names]
    for before, after in zip(tasks, tasks[1:]):
        flow.add_edge(before, after)
    return (flow, *tasks)


@case
def flow_defaults(p: Any) -> Any:
    flow = p.Flow("f")
    return [
        flow.name,
        len(flow.tasks),
        len(flow.edges),
        len(flow.constants),
        flow.schedule,
        type(flow.executor).__name__,
        flow.state_handlers,
        flow.result,
        repr(flow),
        str(flow),
        flow.terminal_state_handler,
    ]


@case
def flow_name_errors(p: Any) -> Any:
    return [raised_type(p.Flow), raises(p.Flow, ""), raises(p.Flow, None)]


@case
def flow_with_tasks_and_edges(p: Any) -> Any:
    Edge = p.module("core.edge").Edge
    a, b = _task(p, "a"), _task(p, "b")
    flow = p.Flow("f", tasks=[a, b], edges=[Edge(a, b)], reference_tasks=[a])
    return [_names(flow.tasks), _edges(flow), _names(flow.reference_tasks())]


@case
def flow_context(p: Any) -> Any:
    seen = []
    with p.Flow("a") as a:
        seen.append(p.context.flow is a)
        with p.Flow("b") as b:
            seen.append(p.context.flow is b)
            _task(p, "inner")()
        seen.append(p.context.flow is a)
    return [seen, p.context.get("flow"), _names(a.tasks), _names(b.tasks)]


@case
def add_task(p: Any) -> Any:
    flow, task = p.Flow("f"), _task(p, "a")
    returned = flow.add_task(task)
    again = flow.add_task(task)
    return [
        returned is task,
        again is task,
        len(flow.tasks),
        raises(flow.add_task, 5).get("raised"),
        task in flow.tasks,
    ]


@case
def add_edge(p: Any) -> Any:
    flow, a, b = p.Flow("f"), _task(p, "a"), _task(p, "b")
    edge = flow.add_edge(a, b, key="x")
    same = flow.add_edge(a, b, key="x") if False else None
    return [
        type(edge).__name__,
        edge.key,
        _names(flow.tasks),
        same,
        raises(flow.add_edge, _task(p, "c"), b, key="x"),
        raises(flow.add_edge, a, b, key="nope").get("raised"),
    ]


@case
def add_edge_mapped_flattened(p: Any) -> Any:
    flow, a, b = p.Flow("f"), _task(p, "a"), _task(p, "b")
    edge = flow.add_edge(a, b, key="x", mapped=True, flattened=True)
    return [edge.mapped, edge.flattened]


@case
def same_edge_twice(p: Any) -> Any:
    flow, a, b = p.Flow("f"), _task(p, "a"), _task(p, "b")
    flow.add_edge(a, b)
    return [raises(flow.add_edge, a, b).get("raised"), len(flow.edges)]


@case
def chain(p: Any) -> Any:
    flow = p.Flow("f")
    made = flow.chain(_task(p, "a"), _task(p, "b"), _task(p, "c"))
    return [len(made), _edges(flow)]


@case
def cycles(p: Any) -> Any:
    flow, a, b, c = _chain(p, "a", "b", "c")
    own = p.Flow("g")
    return [
        raises(flow.add_edge, c, a, validate=True),
        raises(flow.add_edge, c, a).get("raised"),
        raises(flow.validate).get("raised"),
        raises(flow.sorted_tasks).get("raised"),
        raises(own.add_edge, a, a, validate=True).get("raised"),
    ]


@case
def validate_reference_tasks(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    return [raises(flow.set_reference_tasks, [_task(p, "z")]), _names(flow.reference_tasks())]


@case
def root_terminal_reference(p: Any) -> Any:
    flow, a, b, c = _chain(p, "a", "b", "c")
    flow.add_task(_task(p, "alone"))
    first = [
        _names(flow.root_tasks()),
        _names(flow.terminal_tasks()),
        _names(flow.reference_tasks()),
    ]
    flow.set_reference_tasks([a])
    second = _names(flow.reference_tasks())
    flow.set_reference_tasks([])
    return [first, second, _names(flow.reference_tasks())]


@case
def sorted_tasks(p: Any) -> Any:
    flow, a, b, c = _chain(p, "a", "b", "c")
    found = flow.sorted_tasks()
    return [
        type(found).__name__,
        [t.name for t in found],
        [t.name for t in flow.sorted_tasks(root_tasks=[b])],
        raises(flow.sorted_tasks, root_tasks=[_task(p, "z")]).get("raised"),
    ]


@case
def neighbours(p: Any) -> Any:
    flow, a, b, c = _chain(p, "a", "b", "c")
    return [
        _names(flow.upstream_tasks(b)),
        _names(flow.downstream_tasks(b)),
        len(flow.edges_to(b)),
        len(flow.edges_from(b)),
        raises(flow.edges_to, _task(p, "z")),
        raises(flow.upstream_tasks, _task(p, "z")).get("raised"),
        sorted([k.name, len(v)] for k, v in flow.all_upstream_edges().items()),
        sorted([k.name, len(v)] for k, v in flow.all_downstream_edges().items()),
    ]


@case(
    differs="A slug given by the flow finds its task; Prefect compares only slugs given by the "
    "user.",
)
def get_tasks(p: Any) -> Any:
    flow = p.Flow("f")
    for name, tags in (("a", ["x"]), ("b", ["x", "y"]), ("a", [])):
        flow.add_task(p.Task(name=name, tags=tags))
    flow.add_task(p.Parameter("q"))
    return [
        _names(flow.get_tasks(name="a")),
        _names(flow.get_tasks(tags=["x"])),
        _names(flow.get_tasks(tags=["x", "y"])),
        _names(flow.get_tasks(slug="a-1")),
        _names(flow.get_tasks(task_type=p.Parameter)),
        len(flow.get_tasks()),
        _names(flow.get_tasks(name="none")),
        _names(flow.get_tasks(slug="a-x-1")),
    ]


@case
def parameters_of_a_flow(p: Any) -> Any:
    with p.Flow("f") as flow:
        _task(p, "t")(p.Parameter("b", default=1) + p.Parameter("a"))
    return [type(flow.parameters()).__name__, _names(flow.parameters())]


@case
def set_dependencies_of_a_flow(p: Any) -> Any:
    flow, a, b, c = p.Flow("f"), _task(p, "a"), _task(p, "b"), _task(p, "c")
    flow.set_dependencies(a, upstream_tasks=[b], downstream_tasks=[c], keyword_tasks={"x": 7})
    flow.set_dependencies(c, keyword_tasks={"x": [1]}, mapped=True)
    return [_edges(flow), {t.name: plain(v) for t, v in flow.constants.items()}]


@case
def set_dependencies_without_a_task(p: Any) -> Any:
    flow = p.Flow("f")
    flow.set_dependencies(5, downstream_tasks=[_task(p, "a")])
    return [_edges(flow), _names(flow.tasks)]


@case
def copy_of_a_flow(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    flow.set_reference_tasks([a])
    copied = flow.copy()
    copied.add_task(_task(p, "c"))
    copied.name = "g"
    return [
        _names(flow.tasks),
        _names(copied.tasks),
        flow.name,
        a in copied.tasks,
        _names(copied.reference_tasks()),
        flow.slugs[a] == copied.slugs[a],
    ]


@case
def equality_of_flows(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    other = p.Flow("f", tasks=[a, b])
    before = flow == other
    other.add_edge(a, b)
    same = flow == other
    other.set_reference_tasks([a])
    return [
        before,
        same,
        flow == other,
        flow == flow.copy(),
        flow == p.Flow("f"),
        flow == 5,
        p.Flow("a") == p.Flow("b"),
    ]


@case
def flows_hash(p: Any) -> Any:
    return [raises(hash, p.Flow("f")).get("raised")]


@case
def update_with_another_flow(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    other, c, d = _chain(p, "c", "d")
    with other:
        _task(p, "k")(5)
    other.set_reference_tasks([c])
    flow.update(other)
    return [_names(flow.tasks), _edges(flow), len(flow.constants), _names(flow.reference_tasks())]


@case
def update_with_parameters(p: Any) -> Any:
    def make(name: str, default: int) -> Any:
        with p.Flow("f") as flow:
            _task(p, name)(p.Parameter("q", default=default))
        return flow

    merged = make("a", 1)
    merged.update(make("b", 2), merge_parameters=True)
    return [
        raises(make("a", 1).update, make("b", 2)).get("raised"),
        _edges(merged),
        [parameter.default for parameter in merged.parameters()],
    ]


@case
def update_with_reference_tasks(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    other, c, d = _chain(p, "c", "d")
    flow.set_reference_tasks([a])
    other.set_reference_tasks([c])
    flow.update(other, merge_reference_tasks=True)
    return _names(flow.reference_tasks())


@case
def replace_a_task(p: Any) -> Any:
    flow, a, b, c = _chain(p, "a", "b", "c")
    flow.set_reference_tasks([b])
    flow.replace(b, _task(p, "new"))
    return [
        _names(flow.tasks),
        _edges(flow),
        _names(flow.reference_tasks()),
        sorted(flow.slugs.values()),
        raises(flow.replace, b, a).get("raised"),
    ]


@case(
    differs="A replaced task leaves no constants behind in the flow.",
)
def replace_with_constants(p: Any) -> Any:
    with p.Flow("f") as flow:
        t = _task(p, "t")(5)
    new = _task(p, "new")
    flow.replace(t, new)
    return [
        _names(flow.tasks),
        plain(flow.constants.get(new, {})),
        plain(dict(flow.constants[t])) if t in flow.constants else "gone",
    ]


@case
def replace_with_a_constant_value(p: Any) -> Any:
    with p.Flow("f") as flow:
        q = p.Parameter("q")
        _task(p, "t")(q)
    flow.replace(q, 5)
    return [
        _names(flow.tasks),
        _edges(flow),
        sorted([t.name, plain(v)] for t, v in flow.constants.items()),
    ]


@case
def contains_and_iteration(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    return [
        raises(lambda: a in flow),
        raises(lambda: len(flow)),
        raises(lambda: sorted(t.name for t in flow)),
    ]


@case
def slugs_of_a_flow(p: Any) -> Any:
    with p.Flow("f") as flow:
        _task(p, "b")(_task(p, "a")() + 1)
        p.task(lambda x: x, name="m").map([1, [2]])
    return sorted(flow.slugs.values())


def _stripped(value: Any) -> Any:
    """A serialized flow without versions, empty extras and the parts of Cloud."""
    if isinstance(value, dict):
        dropped = ("__version__", "environment", "storage", "run_config", "outputs", "inputs")
        return {k: _stripped(v) for k, v in value.items() if k not in dropped}
    if isinstance(value, (list, set)):
        return sorted((_stripped(v) for v in value), key=repr)
    return value


@case
def serialize_a_flow(p: Any) -> Any:
    flow, a, b = _chain(p, "a", "b")
    flow.add_task(p.Parameter("q", default=1))
    found = flow.serialize()
    return [
        sorted(k for k in found if k not in ("environment", "storage", "run_config")),
        _stripped(found),
    ]


@case
def serialized_hash(p: Any) -> Any:
    def make(name: str) -> Any:
        flow, *_ = _chain(p, "a", name)
        return flow

    first = make("b").serialized_hash()
    return [len(first), first == make("b").serialized_hash(), first == make("c").serialized_hash()]


@case
def save_and_load(p: Any, folder: str) -> Any:
    flow, a, b = _chain(p, "a", "b")
    path = flow.save(folder + "/x.prefect")
    loaded = p.Flow.load(path)
    default = flow.save()
    return [
        path,
        loaded.name,
        _names(loaded.tasks),
        _edges(loaded),
        default.rsplit("/", 1)[-1],
        p.Flow.load("f").name,
        raised_type(p.Flow.load, folder + "/none"),
    ]


@case
def pickle_a_flow(p: Any) -> Any:
    import cloudpickle

    flow, a, b = _chain(p, "a", "b")
    loaded = pickle.loads(cloudpickle.dumps(flow))
    return [loaded.name, _names(loaded.tasks), _edges(loaded), sorted(loaded.slugs.values())]


@case
def add_edge_to_a_parameter(p: Any) -> Any:
    flow = p.Flow("f")
    return raises(flow.add_edge, _task(p, "a"), p.Parameter("q"))


@case
def keyed_edge_to_a_task_without_the_argument(p: Any) -> Any:
    flow = p.Flow("f")
    return [
        raises(flow.add_edge, _task(p, "a"), p.task(lambda: 1, name="b"), key="zz").get("raised"),
        raises(flow.add_edge, _task(p, "a"), p.task(lambda **k: 1, name="b"), key="zz").get(
            "raised"
        ),
    ]


@case
def flow_attributes_can_be_set(p: Any) -> Any:
    flow = p.Flow("f")
    flow.executor = p.executors.LocalDaskExecutor()
    flow.state_handlers.append(print)
    flow.name = "g"
    return [type(flow.executor).__name__, len(flow.state_handlers), repr(flow)]


@case
def visualize_needs_graphviz(p: Any) -> Any:
    import sys

    hidden = sys.modules.get("graphviz")
    sys.modules["graphviz"] = None  # type: ignore[assignment]
    try:
        return raised_type(p.Flow("f").visualize)
    finally:
        del sys.modules["graphviz"]
        if hidden:
            sys.modules["graphviz"] = hidden


@case
def diagnostics(p: Any) -> Any:
    import json

    flow, a, b = _chain(p, "a", "b")
    found = json.loads(flow.diagnostics())
    return sorted(found)


@case
def task_added_to_two_flows(p: Any) -> Any:
    task = _task(p, "a")
    one, two = p.Flow("one"), p.Flow("two")
    one.add_edge(task, _task(p, "b"))
    two.add_edge(_task(p, "c"), task)
    return [_edges(one), _edges(two)]


@case
def imperative_flow(p: Any) -> Any:
    class Add(p.Task):  # type: ignore[misc,name-defined]
        def run(self, x: int, y: int) -> int:
            return x + y

    flow, add, one = p.Flow("f"), Add(), _task(p, "one")
    flow.set_dependencies(add, keyword_tasks={"x": one, "y": 5}, upstream_tasks=[_task(p, "up")])
    return [_edges(flow), plain(flow.constants[add])]


@case
def missing_required_argument_is_found_by_validate(p: Any) -> Any:
    flow = p.Flow("f")
    flow.add_task(p.task(lambda x: x, name="t"))
    return [raises(flow.validate), raises(flow.run).get("raised")]


@case
def case_insensitive_names(p: Any) -> Any:
    with p.Flow("f") as flow:
        _task(p, "A")()
        _task(p, "a")()
    return sorted(flow.slugs.values())
