"""What an earlier run left of each task run, by the tasks of a plan."""

from __future__ import annotations

from collections.abc import Mapping

from prefectlite.engine.events import StateChange
from prefectlite.engine.plan import Plan
from prefectlite.engine.state import State
from prefectlite.exceptions import JournalError
from prefectlite.runs import open_run
from prefectlite.runs.run import Run

WHOLE = 0


class History:
    """The last state of each task run of an earlier run.

    Args:
        run: The earlier run.
        plan: The flow as it is now.

    Attributes:
        run_ids: The runs whose values may be there without the journal telling.
        ends: By task index: the last change of each run of the task; a run that is not an element
            is number 0.
        lengths: How many elements each mapped task has, where the run came to know.
    """

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run_ids = [run.run_id]
        latest: Mapping[str, Mapping[int | None, StateChange]] = run.latest
        earlier = None if run.is_complete_copy else run.info.resumes
        if earlier is not None:
            # it died before it had written what it went on from
            latest = _laid_over(latest, earlier, self.run_ids)
        self.ends: list[dict[int, StateChange]] = []
        self.lengths: dict[int, int] = {}
        for planned in plan.tasks:
            runs = latest.get(planned.slug, {})
            parent = runs.get(None)
            if not planned.mapped or (parent is not None and parent.state != "Mapped"):
                # a mapped task that was skipped, or failed, as a whole has no elements
                self.ends.append({} if parent is None else {WHOLE: parent})
                continue
            self.ends.append({i: end for i, end in runs.items() if i is not None})
            if parent is not None and parent.length is not None:
                self.lengths[planned.index] = parent.length

    def ended_as_a_whole(self, task: int) -> bool:
        """Whether a mapped task came to an end without elements."""
        end = self.ends[task].get(WHOLE)
        return end is not None and end.map_index is None


def _laid_over(
    latest: Mapping[str, Mapping[int | None, StateChange]], earlier: str, run_ids: list[str]
) -> Mapping[str, Mapping[int | None, StateChange]]:
    try:
        before = Run(*open_run(earlier, None, None))
    except JournalError:
        return latest
    run_ids.append(before.run_id)
    base = before.latest
    if not before.is_complete_copy and before.info.resumes is not None:
        base = {k: dict(v) for k, v in _laid_over(base, before.info.resumes, run_ids).items()}
    return {slug: {**base.get(slug, {}), **latest.get(slug, {})} for slug in {**base, **latest}}


_classes: dict[str, type[State]] = {}


def class_of(change: StateChange) -> type[State]:
    """The class of the state that a change came to; State itself where it is not known here."""
    if not _classes:
        _classes.update({c.__name__: c for c in State.children(include_self=True)})
    return _classes.get(change.state, State)
