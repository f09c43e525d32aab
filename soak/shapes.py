"""Random flows as plain data: what their tasks are, and how they depend on each other."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

MOST_RUNS = 60
# what a node's value is: a number, a list that one task made, numbers or lists of a mapped task
NUMBER, LIST, NUMBERS, LISTS = "number", "list", "numbers", "lists"


@dataclass(frozen=True)
class Input:
    """Where an argument comes from: `how` is plain, mapped, flattened or unmapped."""

    upstream: int
    how: str


@dataclass(frozen=True)
class Node:
    """One task.

    Attributes:
        number: Its place in the flow.
        kind: What its value is: NUMBER, LIST, NUMBERS or LISTS.
        inputs: Its arguments x and y, as many as there are.
        length: Of how many items a list of its own making is at most.
        sleep: Seconds that a run takes.
        weight: Blanks that are added to each value, so that it is large.
        store: How values are kept: "none", "target" or "checkpoint".
        place: Where: "local" or "s3".
        flaky: Every so many elements fail at first; 0 for none.
        loops: Every so many elements loop three times.
        hangs: Every so many elements hang at first, until their timeout of a second.
        blocked: They hang in a system call, and not in Python.
        timeout_method: That of the task.
        batch_size: Elements in a batch: a number, "auto" or None.
        trouble: What befalls one element: "memory" once, "poison" each time, or nothing.
        troubled: Which element.
    """

    number: int
    kind: str
    inputs: tuple[Input, ...] = ()
    length: int = 4
    sleep: float = 0.0
    weight: int = 0
    store: str = "none"
    place: str = "local"
    flaky: int = 0
    loops: int = 0
    hangs: int = 0
    blocked: bool = False
    timeout_method: str = "auto"
    batch_size: int | str | None = None
    trouble: str = ""
    troubled: int = 0

    @property
    def mapped(self) -> bool:
        """Whether it has elements."""
        return self.kind in (NUMBERS, LISTS)

    @property
    def name(self) -> str:
        """The task's name; its slug is this and "-1"."""
        return f"t{self.number}"


@dataclass(frozen=True)
class Shape:
    """A flow: its nodes in an order in which they can run, and whether chains are fused."""

    nodes: tuple[Node, ...]
    fuse: bool

    def described(self) -> str:
        """The flow in a few lines, for people."""
        lines = [f"fuse={self.fuse}"]
        plain = Node(0, NUMBER)
        for node in self.nodes:
            inputs = ", ".join(f"{each.how} t{each.upstream}" for each in node.inputs)
            told = [
                f"{name}={getattr(node, name)}"
                for name in plain.__dataclass_fields__
                if name not in ("number", "kind", "inputs", "sleep")
                and getattr(node, name) != getattr(plain, name)
            ]
            lines.append(f"{node.name}: {node.kind} of ({inputs}) {' '.join(told)}".rstrip())
        return "\n".join(lines)


def draw_shape(dice: random.Random, places: tuple[str, ...], weight: int = 0) -> Shape:
    """Draw a flow.

    Args:
        dice: What decides.
        places: Where values may be stored, out of "local" and "s3".
        weight: The size of values in bytes, at least.
    """
    from soak.values import run_count

    storing = dice.choice(["most", "most", "all", "some"])
    nodes = [_first(dice)]
    for number in range(1, dice.randint(4, 8)):
        grown = [*nodes, _next(dice, number, nodes)]
        if run_count(Shape(tuple(grown), True)) <= MOST_RUNS:
            nodes = grown
        else:
            nodes.append(_total(number, nodes[-1]))
            break
    nodes = [_with_store(dice, _with_moods(dice, node), storing, places) for node in nodes]
    if weight:
        nodes = [replace(node, weight=weight) for node in nodes]
    return Shape(tuple(nodes), dice.random() < 0.6)


def with_trouble(dice: random.Random, shape: Shape, trouble: str) -> Shape:
    """Give one element of a flow a trouble: "memory" or "poison"."""
    from soak.values import expected

    values = expected(shape)
    nodes = list(shape.nodes)
    # what is flattened of a task with a failed element is another matter
    able = [node for node in nodes if node.mapped and not _is_flattened(node.number, nodes)]
    able = [node for node in able if values[node.number]]
    chosen = dice.choice(able) if able else nodes[0]
    troubled = dice.randrange(len(values[chosen.number])) if chosen.mapped else 0
    nodes[chosen.number] = replace(
        chosen, trouble=trouble, troubled=troubled, flaky=0, loops=0, hangs=0
    )
    return Shape(tuple(nodes), shape.fuse)


def _is_flattened(number: int, nodes: list[Node]) -> bool:
    after = {number}
    for node in nodes:
        for each in node.inputs:
            if each.upstream in after:
                after.add(node.number)
                if each.how == "flattened":
                    return True
    return False


def _first(dice: random.Random) -> Node:
    return Node(0, LIST, length=dice.randint(6, 16), sleep=0.01)


def _total(number: int, upstream: Node) -> Node:
    return Node(number, NUMBER, (Input(upstream.number, "plain"),), sleep=0.01)


def _next(dice: random.Random, number: int, nodes: list[Node]) -> Node:
    # near ones are more likely, so that there are chains
    upstream = nodes[max(0, len(nodes) - 1 - int(dice.expovariate(1.2)))]
    sleep = dice.uniform(0.005, 0.06)
    if upstream.kind == NUMBER:
        kind = dice.choice([NUMBER, LIST, LIST])
        return Node(number, kind, (Input(upstream.number, "plain"),), sleep=sleep)
    kind = dice.choice([NUMBERS] * 4 + [LISTS, NUMBER, LIST])
    if kind in (NUMBER, LIST):
        return Node(number, kind, (Input(upstream.number, "plain"),), length=6, sleep=sleep)
    how = "mapped"
    if upstream.kind == LISTS and dice.random() < 0.7:
        how = "flattened"
    inputs = [Input(upstream.number, how)]
    second = _second(dice, upstream, how, nodes)
    if second is not None and dice.random() < 0.3:
        inputs.append(second)
    batch = dice.choice([None, None, 1, 3, "auto"])
    return Node(number, kind, tuple(inputs), length=3, sleep=sleep, batch_size=batch)


def _second(dice: random.Random, first: Node, how: str, nodes: list[Node]) -> Input | None:
    """Another argument: a number for all elements, or the element of the same number."""
    found = [Input(node.number, "unmapped") for node in nodes if node.kind in (NUMBER, LIST)]
    if how == "mapped" and first.mapped:
        before = first.inputs[0]
        if before.how == "mapped":
            found.append(Input(before.upstream, "mapped"))
    return dice.choice(found) if found else None


def _with_moods(dice: random.Random, node: Node) -> Node:
    mood = dice.choice(["work"] * 5 + ["flaky", "flaky", "loops", "hangs"])
    every = dice.randint(2, 5)
    if mood == "flaky":
        return replace(node, flaky=every)
    if mood == "loops":
        return replace(node, loops=every)
    if mood == "hangs" and node.mapped:
        return replace(
            node,
            # few of them: each takes a second
            hangs=dice.randint(5, 9),
            blocked=dice.random() < 0.5,
            timeout_method=dice.choice(["auto", "thread", "process"]),
        )
    return node


def _with_store(dice: random.Random, node: Node, storing: str, places: tuple[str, ...]) -> Node:
    stores = {
        "all": ["target", "checkpoint"],
        "most": ["target", "target", "checkpoint", "checkpoint", "none"],
        "some": ["target", "checkpoint", "none", "none"],
    }
    return replace(node, store=dice.choice(stores[storing]), place=dice.choice(places))
