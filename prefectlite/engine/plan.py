"""Compile a flow to a frozen, int-keyed plan.

The plan is built once for a run, in time proportional to tasks + edges, and is all that the run
state machine, the driver and the workers know of the flow. Tasks that always run one after the
other on one element are joined to a *segment*; a segment is the unit of submission.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import TYPE_CHECKING, Any

import prefectlite
from prefectlite.core.edge import Edge
from prefectlite.core.parameter import Parameter
from prefectlite.core.task import annotations_of, batch_size_of, is_associative
from prefectlite.exceptions import FlowCompileError
from prefectlite.tasks.core.constants import Constant
from prefectlite.triggers import all_successful

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow
    from prefectlite.core.task import Task

RESOURCE_TAG = "dask-resource:"


class Link(Enum):
    """How the runs of a segment depend on the runs of a segment upstream of it."""

    PLAIN = "one run waits for one run"
    REDUCE = "one run waits for all elements"
    ITEM = "elements index the result of one run, and need its length"
    SHARED = "all elements wait for one run"
    ELEMENT = "element i waits for element i"
    SHARED_MAP = "all elements wait for all elements upstream"
    FLAT = "elements index the results of all elements upstream, and need their lengths"


class Measure(Flag):
    """What of a result's size is asked for by the maps downstream."""

    NOTHING = 0
    # elements of a map over it
    LENGTH = auto()
    # elements of a map over it flattened by one level
    FLAT_LENGTH = auto()
    # what one element adds to a map over all elements, flattened
    ITEMS = auto()


@dataclass(frozen=True, slots=True)
class PlannedEdge:
    """One edge into a task: where its value comes from, and under which key it is passed on."""

    upstream: int
    key: str | None
    mapped: bool
    flattened: bool


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task with what the engine needs to run it.

    `known` says that its state is there before anything is submitted (a constant, a parameter, a
    state that the caller passed in); `confirms` that it is mapped and has handlers, which may end
    the map before its elements start.
    """

    index: int
    task: Task
    name: str
    slug: str
    edges: tuple[PlannedEdge, ...]
    constants: Mapping[str, Any]
    mapped: bool
    known: bool
    terminal: bool
    confirms: bool

    def run_name(self, map_index: int | None) -> str:
        """The name of a run of it: the task's, with the map index of an element."""
        return self.name if map_index is None else f"{self.name}[{map_index}]"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A segment downstream and the way it depends on this one."""

    segment: int
    link: Link


@dataclass(frozen=True, slots=True)
class Segment:
    """Tasks that one submission runs one after the other on one element.

    `inputs` are the edges that enter the segment at its head from other segments; `depth` is the
    length of the longest way to it, so that deeper work can go first; `measure` is what the maps
    over its last task's result need to know of it; `batch_size` how many elements go to a worker
    at a time (a number, "auto", or None for one by one).
    """

    index: int
    tasks: tuple[int, ...]
    mapped: bool
    depth: int
    inputs: tuple[tuple[int, Link], ...]
    consumers: tuple[Consumer, ...]
    measure: Measure
    batch_size: int | str | None

    @property
    def head(self) -> int:
        return self.tasks[0]

    @property
    def tail(self) -> int:
        return self.tasks[-1]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run follows: tasks in topological order, and the segments they were joined to.

    Example:
        ```python
        plan = compile_flow(flow)
        [plan.tasks[t].name for t in plan.segments[0].tasks]
        ```
    """

    flow_name: str
    tasks: tuple[PlannedTask, ...]
    segments: tuple[Segment, ...]
    segment_of: tuple[int, ...]
    not_fused: Mapping[int, str] = field(default_factory=dict)

    def edge(self, task: int, position: int) -> Edge:
        """The user's view of an edge, for triggers that look at it."""
        planned = self.tasks[task]
        edge = planned.edges[position]
        return Edge(
            upstream_task=self.tasks[edge.upstream].task,
            downstream_task=planned.task,
            key=edge.key,
            mapped=edge.mapped,
            flattened=edge.flattened,
        )


def compile_flow(
    flow: Flow, known: Collection[Task] = (), fuse: bool | None = None, handled: bool = False
) -> Plan:
    """Compile a flow to the plan of one run.

    Args:
        flow: The flow; it is not changed.
        known: Tasks whose final state the caller passes in; they are not run.
        fuse: Whether to join linear chains to one submission; `None` takes the flow's own
            setting, then `engine.fuse` of the configuration.
        handled: Whether the run has state handlers for all tasks, next to the tasks' own.

    Returns:
        The frozen plan.

    Raises:
        FlowCompileError: The flow has a cycle; the error names the tasks on it.
    """
    with _without_collections():
        return _compile(flow, known, fuse, handled)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the garbage collector away from many new objects of which all are going to stay.

    It would go through all that there are each time their number has grown by a quarter.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # there and back, which makes new objects old ones: else the next allocation would
            # have the collector go through them
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def _compile(flow: Flow, known: Collection[Task], fuse: bool | None, handled: bool) -> Plan:
    tasks = _planned_tasks(flow, set(known), handled)
    if fuse is None:
        fuse = flow.fuse if flow.fuse is not None else bool(prefectlite.config.engine.fuse)
    chains, not_fused = _chains(tasks, fuse)
    segment_of = [-1] * len(tasks)
    for number, chain in enumerate(chains):
        for index in chain:
            segment_of[index] = number
    return Plan(
        flow_name=flow.name,
        tasks=tasks,
        segments=_segments(tasks, chains, segment_of),
        segment_of=tuple(segment_of),
        not_fused=not_fused,
    )


def _planned_tasks(flow: Flow, known: set[Task], handled: bool) -> tuple[PlannedTask, ...]:
    incoming, outgoing = flow.graph.into, flow.graph.out_of
    order = _topological(flow, incoming, outgoing)
    index_of = {task: index for index, task in enumerate(order)}
    slugs, constants = flow.slugs, flow.constants
    planned = []
    for index, task in enumerate(order):
        # by key, in whatever order they were added
        edges = sorted(incoming[task], key=lambda e: (e.key or "", index_of[e.upstream_task]))
        mapped = any(e.mapped for e in edges)
        planned.append(
            PlannedTask(
                index=index,
                task=task,
                name=task.name,
                slug=slugs.get(task) or task.slug or task.name,
                edges=tuple(
                    PlannedEdge(index_of[e.upstream_task], e.key, bool(e.mapped), bool(e.flattened))
                    for e in edges
                ),
                constants=dict(constants[task]) if task in constants else {},
                mapped=mapped,
                known=task in known or (not edges and _is_value(task)),
                terminal=not outgoing[task],
                confirms=mapped and bool(task.state_handlers or handled),
            )
        )
    return tuple(planned)


def _topological(
    flow: Flow,
    incoming: Mapping[Task, Collection[Edge]],
    outgoing: Mapping[Task, Collection[Edge]],
) -> list[Task]:
    # tasks are taken in the order of their slugs so that equal flows give equal plans
    missing = {task: len(edges) for task, edges in incoming.items()}
    slugs = flow.slugs

    def slug(task: Task) -> str:
        return slugs.get(task) or ""

    ready = deque(sorted((t for t, count in missing.items() if not count), key=slug))
    order = []
    while ready:
        task = ready.popleft()
        order.append(task)
        for downstream in sorted((e.downstream_task for e in outgoing[task]), key=slug):
            missing[downstream] -= 1
            if not missing[downstream]:
                ready.append(downstream)
    if len(order) < len(missing):
        names = " -> ".join(task.name for task in _cycle(incoming, set(missing) - set(order)))
        raise FlowCompileError(
            f"Flow {flow.name!r} has a cycle: {names}. "
            "A task cannot wait for itself: remove one of the edges between them."
        )
    return order


def _cycle(incoming: Mapping[Task, Collection[Edge]], stuck: set[Task]) -> list[Task]:
    """One cycle among tasks that all wait for others of them, its first task last again."""
    task = min(stuck, key=lambda task: task.name)
    way: dict[Task, None] = {}
    while task not in way:
        way[task] = None
        task = next(e.upstream_task for e in incoming[task] if e.upstream_task in stuck)
    walked = list(way)
    return [task, *reversed(walked[walked.index(task) :])]


def _chains(tasks: tuple[PlannedTask, ...], fuse: bool) -> tuple[list[list[int]], dict[int, str]]:
    """Join each task to its upstream's chain where nothing forbids it; say why where not."""
    consumers: list[set[int]] = [set() for _ in tasks]
    for planned in tasks:
        for edge in planned.edges:
            consumers[edge.upstream].add(planned.index)
    chains: list[list[int]] = []
    chain_of: dict[int, int] = {}
    not_fused: dict[int, str] = {}
    for planned in tasks:
        if planned.known:
            continue
        upstream, reason = _upstream_to_join(planned, tasks, consumers, fuse)
        if upstream is not None:
            chain = chain_of[upstream]
            chains[chain].append(planned.index)
            chain_of[planned.index] = chain
            continue
        if reason:
            not_fused[planned.index] = reason
        chain_of[planned.index] = len(chains)
        chains.append([planned.index])
    return chains, not_fused


def _upstream_to_join(
    planned: PlannedTask,
    tasks: tuple[PlannedTask, ...],
    consumers: list[set[int]],
    fuse: bool,
) -> tuple[int | None, str]:
    """The upstream task whose chain this task goes on with, or why there is none."""
    waits_for = {edge.upstream for edge in planned.edges if not tasks[edge.upstream].known}
    if not waits_for:
        return None, ""
    if len(waits_for) > 1:
        return None, "it waits for more than one task"
    upstream = tasks[next(iter(waits_for))]
    if not fuse or planned.task.fuse is False or upstream.task.fuse is False:
        return None, "fuse=False"
    if consumers[upstream.index] != {planned.index}:
        return None, f"another task waits for {upstream.name!r} too"
    if planned.confirms:
        return None, "its state handlers may end the map before its elements start"
    if planned.mapped != upstream.mapped:
        return None, "one of the two is mapped, the other is not"
    for edge in planned.edges:
        from_upstream = edge.upstream == upstream.index
        if from_upstream and edge.flattened:
            return None, "its edge is flattened"
        if edge.mapped != (planned.mapped and from_upstream):
            return None, "not all of its mapped values come from the same elements"
        if planned.mapped and not from_upstream and not _is_value(tasks[edge.upstream].task):
            return None, "a state that was passed in could skip it as a whole"
    if _asked_for(planned.task) != _asked_for(upstream.task):
        return None, "it asks for other workers, resources or another priority"
    return upstream.index, ""


def _is_value(task: Task) -> bool:
    return isinstance(task, (Constant, Parameter))


def _asked_for(task: Task) -> tuple[frozenset[str], Mapping[str, object]]:
    """What a task asks of Dask's scheduler: by tags, and by annotations."""
    tags = frozenset(tag for tag in task.tags if tag.startswith(RESOURCE_TAG))
    return tags, annotations_of(task)


def reduced_edge(plan: Plan, segment: Segment) -> PlannedEdge | None:
    """The edge over which a segment's first task may reduce its upstream's elements in a tree.

    The task has to be associative, and nothing but the values may count: a trigger that looks at
    how many there are, or a timeout, keeps them together. All its other arguments are constants.
    """
    head = plan.tasks[segment.head]
    if head.mapped or not is_associative(head.task) or len(head.edges) != 1:
        return None
    edge = head.edges[0]
    counts = head.task.trigger is not all_successful or head.task.timeout is not None
    if counts or edge.flattened or edge.key is None or not plan.tasks[edge.upstream].mapped:
        return None
    return None if plan.tasks[edge.upstream].known else edge


def _segments(
    tasks: tuple[PlannedTask, ...], chains: list[list[int]], segment_of: list[int]
) -> tuple[Segment, ...]:
    inputs: list[tuple[tuple[int, Link], ...]] = []
    consumers: list[list[Consumer]] = [[] for _ in chains]
    depths: list[int] = []
    measures = [Measure.NOTHING for _ in chains]
    for number, chain in enumerate(chains):
        head = tasks[chain[0]]
        found: dict[tuple[int, Link], None] = {}
        for edge in head.edges:
            upstream = tasks[edge.upstream]
            if upstream.known:
                continue
            link = link_between(edge, upstream, head)
            found[segment_of[edge.upstream], link] = None
            if edge.mapped:
                measure = _measure(edge, link)
                of = segment_of[edge.upstream]
                measures[of] |= measure
        inputs.append(tuple(found))
        depths.append(1 + max((depths[segment] for segment, _ in found), default=-1))
        for segment, link in found:
            consumers[segment].append(Consumer(number, link))
    return tuple(
        Segment(
            index=number,
            tasks=tuple(chain),
            mapped=tasks[chain[0]].mapped,
            depth=depths[number],
            inputs=inputs[number],
            consumers=tuple(consumers[number]),
            measure=measures[number],
            batch_size=_batch_size(tasks, chain),
        )
        for number, chain in enumerate(chains)
    )


def link_between(edge: PlannedEdge, upstream: PlannedTask, downstream: PlannedTask) -> Link:
    """How the runs of a task depend on those of an upstream that is not known beforehand."""
    if not downstream.mapped:
        return Link.REDUCE if upstream.mapped else Link.PLAIN
    if not edge.mapped:
        return Link.SHARED_MAP if upstream.mapped else Link.SHARED
    if not upstream.mapped:
        return Link.ITEM
    return Link.FLAT if edge.flattened else Link.ELEMENT


def _batch_size(tasks: tuple[PlannedTask, ...], chain: list[int]) -> int | str | None:
    """The first batch size that a task of the chain asks for; only maps have any."""
    if not tasks[chain[0]].mapped:
        return None
    sizes = (batch_size_of(tasks[index].task) for index in chain)
    return next((size for size in sizes if size is not None), None)


def _measure(edge: PlannedEdge, link: Link) -> Measure:
    if link is Link.ITEM:
        return Measure.FLAT_LENGTH if edge.flattened else Measure.LENGTH
    return Measure.ITEMS if link is Link.FLAT else Measure.NOTHING
