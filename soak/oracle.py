"""What is right, and what a run left that is not: values, effects, journals and files compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soak.cases import Case
from soak.effects import LATE, START, STORED, Effect
from soak.flows import whose
from soak.shapes import Node
from soak.values import Failure, expected

# what a run may get wrong; the columns of the report
LOST, WRONG, REPEATED, TORN, HANG, LEFT = "lost", "wrong", "repeated", "torn", "hangs", "left"
PROBLEMS = {
    LOST: "results that were lost, and runs that failed without a reason to",
    WRONG: "values that are wrong",
    REPEATED: "finished and stored task runs that were run again",
    TORN: "files that are torn, or nobody's",
    HANG: "runs that neither ended nor said why",
    LEFT: "processes left, and work that went on after its timeout",
}
# a run that met one of these may fail, if it says why and can be resumed
MAY_END_A_RUN = {"kill-scheduler", "cut-driver", "disk-full", "cancel", "kill-driver"}
GOOD_STATES = ("Success", "Cached")


@dataclass(frozen=True)
class Problem:
    """Something that is not right: one of `PROBLEMS`, and what it is."""

    kind: str
    text: str


@dataclass
class Leg:
    """One driver of a run.

    Attributes:
        began, ended: By the machine's monotonic clock.
        blows: The kinds of the faults that were inflicted while it was there.
        outcome: What it says it came to; None where it says nothing.
        exit_code: That of the process; None where it was ended for being silent too long.
        output: The end of what it printed.
        left: Processes that were still there 10 seconds after its end.
    """

    began: float
    ended: float = 0.0
    blows: list[str] = field(default_factory=list)
    outcome: dict[str, Any] | None = None
    exit_code: int | None = None
    output: str = ""
    left: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether the run of it was a success."""
        return self.outcome is not None and self.outcome["state"] == "Success"


@dataclass(frozen=True)
class Kept:
    """A run's journal, as far as the oracle asks.

    Attributes:
        run: The run's identifier.
        state: What the run came to, or None.
        damage: Why the journal is not believed from some byte on, or None.
        stored: The location of each task run that it calls finished and stored.
    """

    run: str
    state: str | None
    damage: str | None
    stored: Mapping[tuple[int, int], str]


@dataclass(frozen=True)
class Found:
    """All that a run left.

    Attributes:
        legs: Its drivers, in their order.
        effects: What its task runs wrote.
        journals: Those of its drivers, the oldest first.
        values: By place and location: the value that is stored there, or the exception that
            reading it raises.
    """

    legs: Sequence[Leg]
    effects: Sequence[Effect]
    journals: Sequence[Kept]
    values: Mapping[tuple[str, str], Any]


def judge(case: Case, found: Found) -> list[Problem]:
    """Everything that is not right.

    Args:
        case: The run.
        found: What it left.
    """
    checks = (_reasons, _warnings, _outcome, _repeats, _late, _journals, _files, _left)
    return [problem for check in checks for problem in check(case, found)]


def may_fail(case: Case, leg: Leg) -> bool:
    """Whether a driver met a fault that may end its run."""
    if case.executor == "processes" and "kill-worker" in leg.blows:
        # a process that dies fails the task run that it was at
        return True
    return bool(MAY_END_A_RUN & set(leg.blows))


# each run ends, or says why


def _reasons(case: Case, found: Found) -> Iterator[Problem]:
    for number, leg in enumerate(found.legs):
        if leg.exit_code is None:
            yield Problem(HANG, f"driver {number}: nothing happened for long: {leg.output}")
            continue
        if leg.outcome is None:
            if "kill-driver" in leg.blows and leg.exit_code == -9:
                continue
            if "cancel" in leg.blows and found.journals and found.journals[-1].state:
                # the signal came when the run had ended already
                continue
            yield Problem(HANG, f"driver {number} exits with {leg.exit_code}: {leg.output}")
            continue
        if leg.is_good:
            continue
        message = str(leg.outcome["message"] or "")
        failed = _failures(leg.outcome)
        if not message:
            yield Problem(HANG, f"driver {number}: {leg.outcome['state']} without a message")
        if case.kind == "poison" and not leg.blows:
            continue
        if not may_fail(case, leg):
            told = f"driver {number}: {leg.outcome['state']}, {message}; {'; '.join(failed[:3])}"
            yield Problem(LOST, f"{told} [faults: {leg.blows}]")


def _warnings(case: Case, found: Found) -> Iterator[Problem]:
    """A journal that is not written is one warning."""
    for number, leg in enumerate(found.legs):
        count = leg.output.count("cannot be written to")
        if count > 1 and case.kind == "journal-gone":
            yield Problem(HANG, f"driver {number} warned {count} times of its journal")


def _failures(outcome: Mapping[str, Any]) -> list[str]:
    failed = []
    for name, told in outcome["tasks"].items():
        for index, each in enumerate(told.get("elements", [told])):
            if each["state"] not in (*GOOD_STATES, "TriggerFailed", "Mapped"):
                failed.append(f"{name}[{index}] {each['state']}: {each['message']}")
    return failed


# every value is right


def _outcome(case: Case, found: Found) -> Iterator[Problem]:
    if not found.legs or found.legs[-1].outcome is None:
        if found.legs and found.legs[-1].exit_code is not None:
            yield Problem(LOST, "the run has come to no end")
        return
    last = found.legs[-1].outcome
    values = expected(case.shape)
    if not last["tasks"]:
        yield Problem(LOST, f"no task has a state: {last['state']}, {last['message']}")
        return
    resumed = len(found.legs) > 1
    for node in case.shape.nodes:
        right, told = values[node.number], last["tasks"].get(node.name)
        if told is None:
            yield Problem(LOST, f"{node.name} has no state")
        elif isinstance(right, Failure) or not node.mapped:
            yield from _value(node, None, right, told, resumed)
        else:
            elements = told.get("elements")
            if elements is None or len(elements) != len(right):
                count = told["state"] if elements is None else len(elements)
                yield Problem(LOST, f"{node.name} has not {len(right)} elements, but {count}")
                continue
            for index, (one, each) in enumerate(zip(right, elements, strict=True)):
                yield from _value(node, index, one, each, resumed)


def _value(
    node: Node, index: int | None, right: Any, told: Mapping[str, Any], resumed: bool
) -> Iterator[Problem]:
    name = node.name if index is None else f"{node.name}[{index}]"
    state, message = told.get("state", "Mapped"), told.get("message")
    # a map over what failed has no elements, and says that it has nothing to map over
    as_a_whole = node.mapped and index is None
    if isinstance(right, Failure):
        if right.is_cause:
            if state != "Failed" or f"'{name}'" not in str(message):
                yield Problem(LOST, f"{name} should fail by name: {state}, {message}")
        elif state not in (("TriggerFailed", "Failed") if as_a_whole else ("TriggerFailed",)):
            yield Problem(WRONG, f"{name} should be TriggerFailed: {state}, {message}")
    elif state not in GOOD_STATES:
        yield Problem(LOST, f"{name}: {state}, {message}")
    elif "value" not in told:
        # a value that was not stored, and that nobody needs, is not made again by a resumed run
        if node.store != "none" or not resumed:
            yield Problem(LOST, f"{name} has no value: {told.get('unread')}")
    elif told["value"] != right:
        yield Problem(WRONG, f"{name} is {told['value']!r}, not {right!r}")


# what finished and was stored is not run again


def _moved(case: Case, found: Found) -> set[int]:
    """The maps whose elements had other indexes in a run before the last one.

    A list that fails is one item of the flattened list, and as many as it has when it succeeds.
    """
    names = {node.number: node.name for node in case.shape.nodes}
    moved: set[int] = set()
    for leg in found.legs[:-1]:
        tasks = {} if leg.outcome is None else leg.outcome["tasks"]
        for node in case.shape.nodes:
            for each in node.inputs:
                told = tasks.get(names[each.upstream], {}).get("elements", ())
                fails = any(element["state"] not in GOOD_STATES for element in told)
                by_element = node.mapped and each.how in ("mapped", "flattened")
                if (each.how == "flattened" and fails) or (by_element and each.upstream in moved):
                    moved.add(node.number)
    return moved


def _repeats(case: Case, found: Found) -> Iterator[Problem]:
    begins, moved = _begin_of_runs(found), _moved(case, found)
    stored: dict[tuple[int, int], list[Effect]] = {}
    for effect in found.effects:
        run = (effect.task, effect.index)
        if effect.what == STORED:
            stored.setdefault(run, []).append(effect)
        elif effect.what == START:
            for before in stored.get(run, ()) if effect.task not in moved else ():
                # what a worker of a killed driver stores while the next driver looks for results
                # is stored too late for that
                if before.run == effect.run or before.when < begins[effect.run]:
                    yield Problem(
                        REPEATED,
                        f"t{effect.task}[{effect.index}] was stored by process {before.process}, "
                        f"attempt {before.attempt}, and began {effect.when - before.when:.3f} s "
                        f"later in process {effect.process}, attempt {effect.attempt}, loop "
                        f"{effect.loop} ({'the same' if before.run == effect.run else 'another'} "
                        "run)",
                    )
                    break


def _begin_of_runs(found: Found) -> dict[str, float]:
    """When the driver of each flow run was started."""
    begins: dict[str, float] = {}
    for effect in found.effects:
        if effect.run not in begins:
            begun = [leg.began for leg in found.legs if leg.began <= effect.when]
            begins[effect.run] = begun[-1] if begun else 0.0
    return begins


def _late(case: Case, found: Found) -> Iterator[Problem]:
    for effect in found.effects:
        if effect.what == LATE:
            yield Problem(LEFT, f"t{effect.task}[{effect.index}] went on after its timeout")


# journals and files tell the truth


def _journals(case: Case, found: Found) -> Iterator[Problem]:
    nodes = {node.number: node for node in case.shape.nodes}
    for kept in found.journals:
        if kept.damage is not None and "middle of a record" not in kept.damage:
            yield Problem(TORN, f"the journal of run {kept.run}: {kept.damage}")
        for (task, index), location in kept.stored.items():
            value = found.values.get((nodes[task].place, location), KeyError(location))
            if isinstance(value, FileNotFoundError | KeyError):
                yield Problem(LOST, f"t{task}[{index}] is finished, and not at {location}")


def _files(case: Case, found: Found) -> Iterator[Problem]:
    values, moved = expected(case.shape), _moved(case, found)
    nodes = {node.number: node for node in case.shape.nodes}
    for (place, location), value in found.values.items():
        owner = whose(location)
        if owner is None or owner[0] not in nodes:
            yield Problem(TORN, f"nobody's file is visible: {location} ({place})")
            continue
        if isinstance(value, FileNotFoundError):
            continue
        if isinstance(value, Exception):
            yield Problem(TORN, f"{location} ({place}): {value}")
            continue
        if owner[0] in moved:
            continue
        right = values[owner[0]]
        if nodes[owner[0]].mapped and isinstance(right, list):
            right = right[owner[1]] if 0 <= owner[1] < len(right) else "nothing"
        if value != right:
            yield Problem(WRONG, f"{location} ({place}) holds {value!r}, not {right!r}")


def _left(case: Case, found: Found) -> Iterator[Problem]:
    for number, leg in enumerate(found.legs):
        for text in leg.left:
            yield Problem(LEFT, f"driver {number} left {text}")
