"""Tasks that put a list, tuple, set or dictionary together from the results of other tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefectlite.core.task import Task

if TYPE_CHECKING:
    from typing_extensions import Self

    from prefectlite.core.flow import Flow

__all__ = ["Dict", "List", "Set", "Tuple", "VarArgsTask"]


class VarArgsTask(Task):
    """The root of tasks that take any number of positional arguments.

    ``run`` takes them as keywords ``arg_1``, ``arg_2`` and so on.
    """

    def bind(  # type: ignore[override]
        self,
        *args: Any,
        upstream_tasks: Iterable[Any] | None = None,
        mapped: bool = False,
        flow: Flow | None = None,
    ) -> Self:
        """Bind arguments in a flow, without making a copy of the task.

        Args:
            *args: tasks or plain values.
            upstream_tasks: tasks to wait for, whose results are not used.
            mapped: go over the arguments element by element.
            flow: the flow; by default that of the ``with Flow(...)`` block.

        Returns:
            This task.

        Raises:
            ValueError: there is no flow, or the task has been bound in it before.
        """
        keywords = {f"arg_{position}": value for position, value in enumerate(args, start=1)}
        return super().bind(upstream_tasks=upstream_tasks, mapped=mapped, flow=flow, **keywords)


def _in_order(task_results: dict[str, Any]) -> list[Any]:
    return [
        task_results[key] for key in sorted(task_results, key=lambda key: int(key.split("_")[1]))
    ]


class List(VarArgsTask):
    """Returns its arguments as a list."""

    def run(self, **task_results: Any) -> list[Any]:
        """Return the results as a list, in the order of the numbers of their keywords."""
        return _in_order(task_results)


class Tuple(VarArgsTask):
    """Returns its arguments as a tuple."""

    def run(self, **task_results: Any) -> tuple[Any, ...]:
        """Return the results as a tuple, in the order of the numbers of their keywords."""
        return tuple(_in_order(task_results))


class Set(VarArgsTask):
    """Returns its arguments as a set."""

    def run(self, **task_results: Any) -> set[Any]:
        """Return the results as a set."""
        return set(task_results.values())


class Dict(Task):
    """Returns a dictionary of keys and values."""

    def run(self, keys: Iterable[Any], values: Iterable[Any]) -> dict[Any, Any]:
        """Return the dictionary.

        Args:
            keys: the keys.
            values: as many values.

        Raises:
            ValueError: there are more of the one than of the other.
        """
        keys, values = list(keys), list(values)
        if len(keys) != len(values):
            raise ValueError(
                f"A different number of keys and values were provided: {len(keys)} keys and "
                f"{len(values)} values."
            )
        return dict(zip(keys, values, strict=True))
