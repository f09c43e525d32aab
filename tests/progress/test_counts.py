"""What the progress of a run counts, told as single state changes."""

from __future__ import annotations

import pytest

from prefectlite import Flow, task
from prefectlite.engine.events import StateChange
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.engine.state import Success
from prefectlite.progress import DONE, FAILED, RETRYING, SKIPPED, WAITING, Progress, category_of


def change(
    slug: str | None, state: str, index: int | None = None, length: int | None = None
) -> StateChange:
    return StateChange("run", slug, slug, index, 1, state, 1.0, length=length)


def counts(progress: Progress, slug: str) -> dict[str, int]:
    found = progress.tasks[slug].counts
    return {
        "waiting": found[WAITING],
        "done": found[DONE],
        "failed": found[FAILED],
        "skipped": found[SKIPPED],
        "retrying": found[RETRYING],
    }


def test_elements_are_counted_where_they_ended() -> None:
    progress = Progress({"a-1": "a"})
    progress(change("a-1", "Mapped", length=4))
    for index, state in enumerate(["Success", "Failed", "Skipped"]):
        progress(change("a-1", "Running", index))
        progress(change("a-1", state, index))
    expected = {"waiting": 1, "done": 1, "failed": 1, "skipped": 1, "retrying": 0}
    assert counts(progress, "a-1") == expected
    assert (progress.tasks["a-1"].settled, progress.tasks["a-1"].total) == (3, 4)
    assert progress.complete == 0


def test_an_element_that_retries_is_not_failed_any_more() -> None:
    progress = Progress({"a-1": "a"})
    progress(change("a-1", "Mapped", length=1))
    for state in ("Running", "Failed", "Retrying"):
        progress(change("a-1", state, 0))
    assert counts(progress, "a-1")["retrying"] == 1
    assert counts(progress, "a-1")["failed"] == 0
    for state in ("Running", "Success", "Cached"):
        progress(change("a-1", state, 0))
    assert counts(progress, "a-1")["done"] == 1
    assert progress.complete == 1


def test_a_single_task_that_fails_and_retries_is_complete_once() -> None:
    progress = Progress({"a-1": "a"})
    for state in ("Running", "Failed", "Retrying", "Running", "Success"):
        progress(change("a-1", state))
    assert progress.complete == 1
    assert [task.name for task in progress.shown(10)] == ["a"]


def test_a_map_over_nothing_is_complete() -> None:
    progress = Progress({"a-1": "a"})
    progress(change("a-1", "Mapped", length=0))
    assert progress.complete == 1
    assert progress.tasks["a-1"].total == 0


def test_elements_may_be_told_before_their_number() -> None:
    progress = Progress({"a-1": "a"})
    progress(change("a-1", "Success", 2))
    assert progress.tasks["a-1"].total == 3
    assert counts(progress, "a-1")["waiting"] == 2


def test_what_is_no_task_is_not_counted() -> None:
    progress = Progress({})
    progress(change(None, "Running"))
    assert progress.tasks == {}


@pytest.mark.parametrize(
    ("state", "category"),
    [
        ("Success", DONE),
        ("Cached", DONE),
        ("TriggerFailed", FAILED),
        ("TimedOut", FAILED),
        ("Cancelled", FAILED),
        ("Skipped", SKIPPED),
        ("Retrying", RETRYING),
        ("Paused", WAITING),
    ],
)
def test_where_states_are_counted(state: str, category: int) -> None:
    assert category_of(state) == category


def test_a_users_own_state_is_counted_as_its_parent_is() -> None:
    class WentWellForProgress(Success):
        """A state of the user's own."""

    assert category_of(WentWellForProgress.__name__) == DONE


def test_only_as_many_tasks_are_shown_as_have_room() -> None:
    progress = Progress({f"t-{i}": f"t{i}" for i in range(1000)})
    for index in range(900):
        progress(change(f"t-{index}", "Success"))
    progress(change("t-900", "Running"))
    shown = [task.name for task in progress.shown(5)]
    assert len(shown) == 5
    assert "t900" in shown
    assert "t899" in shown


def test_it_reads_the_events_of_a_run() -> None:
    @task
    def invert(x: int) -> float:
        return 1 / x

    with Flow("f") as flow:
        mapped = invert.map([1, 0, 2])
    progress = Progress({})
    FlowRunner(flow).run(readers=[progress])
    slug = flow.slugs[mapped]
    assert counts(progress, slug)["done"] == 2
    assert counts(progress, slug)["failed"] == 1
