"""What a journal says of a flow: its tasks, edges and code; and what two of these differ in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefectlite.core.parameter import Parameter
from prefectlite.core.task import Task
from prefectlite.engine.plan import Plan, PlannedTask
from prefectlite.engine.storage.credentials import names_a_secret
from prefectlite.runs.fingerprints import PYTHON, code_fingerprints, digest, value_fingerprint
from prefectlite.tasks.core.constants import Constant

TASK, PARAMETER, CONSTANT = 0, 1, 2


def describe(plan: Plan) -> dict[str, Any]:
    """The part of a journal's header that is about the flow.

    Args:
        plan: The flow, compiled.

    Returns:
        `flow`, `structure` (a fingerprint of all tasks and edges), `python`, and `tasks`: a list
        with slug, name, kind, whether it is mapped, edges (number of the upstream, key, mapped,
        flattened), fingerprints of bytecode and source, and that of the values bound to it.
    """
    tasks = [_described(planned) for planned in plan.tasks]
    import msgpack

    shape = [[task[0], task[2], task[3], task[4]] for task in tasks]
    return {
        "flow": plan.flow_name,
        "structure": digest(msgpack.packb(shape)),
        "python": PYTHON,
        "tasks": tasks,
    }


def _described(planned: PlannedTask) -> list[Any]:
    task = planned.task
    kind = (
        PARAMETER
        if isinstance(task, Parameter)
        else CONSTANT
        if isinstance(task, Constant)
        else TASK
    )
    edges = [[e.upstream, e.key, e.mapped, e.flattened] for e in planned.edges]
    bytecode, source = _code_of(task)
    return [
        planned.slug,
        planned.name,
        kind,
        planned.mapped,
        edges,
        bytecode,
        source,
        _bound(planned),
    ]


def _code_of(task: Task) -> tuple[bytes, bytes]:
    own = vars(task).get("run")
    if own is not None:
        return code_fingerprints(own)
    found = [type(task).__qualname__.encode()]
    sources = list(found)
    # a class of a user's own may call its other methods
    for kind in type(task).__mro__:
        if kind is Task or kind.__module__.startswith("prefectlite."):
            break
        for method in vars(kind).values():
            if callable(method):
                bytecode, source = code_fingerprints(method)
                found.append(bytecode)
                sources.append(source)
    return digest(*found), digest(*sources)


def _bound(planned: PlannedTask) -> bytes:
    """The fingerprint of the plain values that a task gets, and of its own attributes."""
    task = planned.task
    if isinstance(task, Constant):
        return value_fingerprint(task.value)
    attributes = vars(task)
    # few tasks have any; sorted, since a set has no order of its own
    names = sorted(attributes.keys() - _attributes_of_all())
    own = {name: attributes[name] for name in names if not names_a_secret(name)}
    if not own and not planned.constants:
        return b""
    constants = {k: v for k, v in planned.constants.items() if not names_a_secret(k)}
    return value_fingerprint([constants, own])


_common: set[str] = set()


def _attributes_of_all() -> set[str]:
    if not _common:
        from prefectlite.tasks.core.function import FunctionTask

        _common.update(vars(FunctionTask(lambda: None, name="any")), vars(Parameter("any")))
    return _common


def changed_tasks(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """What of a flow has changed since a run.

    Args:
        old: The header of the run's journal.
        new: The description of the flow as it is.

    Returns:
        For the slug of each task that is another one now, why.
    """
    before = {task[0]: task for task in old["tasks"]}
    same_python = old.get("python") == new["python"]
    changed = {}
    for task in new["tasks"]:
        earlier = before.get(task[0])
        reason = (
            "it is new"
            if earlier is None
            else _difference(earlier, task, old["tasks"], new["tasks"], same_python)
        )
        if reason:
            changed[task[0]] = reason
    return changed


def removed_tasks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The slugs of the tasks that the flow had and has no more."""
    kept = {task[0] for task in new["tasks"]}
    return [task[0] for task in old["tasks"] if task[0] not in kept and task[2] == TASK]


def _difference(
    old: list[Any],
    new: list[Any],
    old_tasks: list[list[Any]],
    new_tasks: list[list[Any]],
    same_python: bool,
) -> str | None:
    if old[2] != new[2]:
        return "it is of another kind"
    if old[3] != new[3]:
        return "it is mapped now" if new[3] else "it is mapped no more"
    if _edges_by_slug(old, old_tasks) != _edges_by_slug(new, new_tasks):
        return "its upstream tasks are others"
    # source that could not be read says nothing: then the bytecode decides
    which = 5 if same_python or not (old[6] and new[6]) else 6
    if old[which] != new[which]:
        return "its code has changed"
    if old[7] != new[7]:
        return "the value has changed" if new[2] == CONSTANT else "values bound to it have changed"
    return None


def _edges_by_slug(task: list[Any], tasks: list[list[Any]]) -> set[tuple[Any, ...]]:
    return {(tasks[edge[0]][0], *edge[1:]) for edge in task[4]}
