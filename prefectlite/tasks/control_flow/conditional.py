"""Branches by the value of a task, and their merging to one result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefectlite.core.conversion import as_task
from prefectlite.core.task import Task
from prefectlite.engine.signals import SKIP
from prefectlite.tasks.core.function import FunctionTask
from prefectlite.triggers import not_all_skipped
from prefectlite.utilities.tasks import tags

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["CompareValue", "Merge", "ifelse", "merge", "switch"]

# A state's message shows no more of a value than this.
_MOST_CHARACTERS = 500


class CompareValue(Task):
    """Ends well if it is given a certain value, and is skipped with any other.

    Args:
        value: the value.
        **kwargs: arguments of `Task`.

    Example:
        >>> CompareValue("yes").name
        'CompareValue: "yes"'
    """

    def __init__(self, value: Any, **kwargs: Any) -> None:
        self.value = value
        kwargs.setdefault("name", f'CompareValue: "{value}"')
        super().__init__(**kwargs)

    def run(self, value: Any) -> None:
        """Compare.

        Args:
            value: what to compare with the task's value.

        Raises:
            SKIP: they are not equal.
        """
        if value != self.value:
            raise SKIP(f'Provided value "{_short(value)}" did not match "{_short(self.value)}"')


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}..."


class Merge(Task):
    """Returns the result of the branch that ran.

    Args:
        **kwargs: arguments of `Task`. The trigger is by default ``not_all_skipped``.

    Raises:
        ValueError: with ``skip_on_upstream_skip=True`` it would be skipped with any branch.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.pop("skip_on_upstream_skip", False):
            raise ValueError(
                "Merge tasks must have `skip_on_upstream_skip=False`. Leave the argument out."
            )
        kwargs.setdefault("trigger", not_all_skipped)
        super().__init__(skip_on_upstream_skip=False, **kwargs)

    def run(self, **task_results: Any) -> Any:
        """Return the first result that is not None.

        Args:
            **task_results: the results, taken in the order of the names of the arguments.
        """
        for _, result in sorted(task_results.items()):
            if result is not None:
                return result
        return None


def switch(condition: Task, cases: Mapping[Any, Any], mapped: bool = False) -> None:
    """Run of several tasks only the one that belongs to the value of a task.

    The others are skipped, and what waits for them as well. If there is none for the value, all
    are.

    Args:
        condition: the task that decides, or a plain value.
        cases: the first task of each branch by the value with which it runs.
        mapped: whether to decide for each element of ``condition``, the tasks being mapped too.

    Raises:
        TypeError: ``cases`` is no dictionary.
        ValueError: there is no flow.

    Example:
        >>> with Flow("branches") as flow:
        ...     bike, car = fetch_bike(), fetch_car()
        ...     switch(choose(), {"bike": bike, "car": car})
        ...     vehicle = merge(bike, car)
    """
    if not isinstance(cases, Mapping):
        raise TypeError(
            f"switch({condition!r}): cases must be a dictionary of tasks by value, e.g. "
            f'{{"bike": fetch_bike()}}; received {cases!r}.'
        )
    with tags("switch"):
        for value, case_task in cases.items():
            task = as_task(case_task)
            matches = CompareValue(value).bind(value=condition, mapped=mapped)
            task.set_dependencies(upstream_tasks=[matches], mapped=mapped)


def _as_bool(x: Any) -> bool:
    return bool(x)


def ifelse(condition: Task, true_task: Any, false_task: Any, mapped: bool = False) -> None:
    """Run one of two tasks, depending on whether the result of a third one is true.

    Args:
        condition: the task that decides, or a plain value. What is not a bool counts as in ``if``.
        true_task: the first task of one branch; None: there is nothing to do.
        false_task: the first task of the other branch; None: there is nothing to do.
        mapped: whether to decide for each element of ``condition``, the tasks being mapped too.

    Raises:
        ValueError: there is no flow.

    Example:
        >>> with Flow("branches") as flow:
        ...     small, large = use_laptop(), use_cluster()
        ...     ifelse(count_rows() < 1_000_000, small, large)
        ...     table = merge(small, large)
    """
    branches = ((True, true_task), (False, false_task))
    cases = {value: task for value, task in branches if task is not None}
    if cases:
        truth = FunctionTask(_as_bool, name="as_bool").bind(x=condition, mapped=mapped)
        switch(truth, cases, mapped=mapped)


def merge(*tasks: Any, flow: Flow | None = None, mapped: bool = False, **kwargs: Any) -> Task:
    """Join branches of which one runs, such as those of `case`, `switch` and `ifelse`.

    Args:
        *tasks: the last task of each branch.
        flow: the flow; by default that of the ``with Flow(...)`` block.
        mapped: whether to join element by element.
        **kwargs: arguments of `Task` for the new task, e.g. ``name``.

    Returns:
        A task that returns the result of the first of these tasks that was not skipped and
        returned anything but None. It is skipped if they all were, or if there is none.

    Raises:
        ValueError: there is no flow.
        TypeError: an argument is none of `Task`.
    """
    named: dict[str, Any] = {f"task_{number}": task for number, task in enumerate(tasks, start=1)}
    return Merge(**kwargs).bind(mapped=mapped, flow=flow, **named)
