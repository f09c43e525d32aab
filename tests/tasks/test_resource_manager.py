"""Resource managers: the tasks they make, and clean-ups that run once, whatever happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest

from prefectlite import Flow, Task, apply_map, case, resource_manager, task, unmapped
from prefectlite.engine.signals import SKIP
from prefectlite.executors import DaskExecutor, Executor, LocalDaskExecutor
from prefectlite.tasks.core.resource_manager import (
    ResourceCleanupTask,
    ResourceContext,
    ResourceManager,
    resource_cleanup_trigger,
)
from prefectlite.triggers import all_finished
from tests.clusters import started_executor
from tests.tasks.conftest import Journal


@resource_manager
class Folder:
    """Writes down what is done with it."""

    def __init__(self, journal: Journal, name: str = "r") -> None:
        self.journal = journal
        self.name = name

    def setup(self) -> str:
        self.journal.write(f"set up {self.name}")
        return self.name

    def cleanup(self, resource: str) -> None:
        self.journal.write(f"clean up {resource}")


@resource_manager
class NothingToSetUp:
    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def cleanup(self, resource: None) -> None:
        self.journal.write(f"clean up {resource}")


@task
def use(resource: Any = None, journal: Journal | None = None) -> Any:
    if journal is not None:
        journal.write(f"use {resource}")
    return resource


@task
def fail(resource: Any) -> None:
    raise ValueError("no")


@task
def skip(resource: Any) -> None:
    raise SKIP("not today")


@task(timeout=1)
def take_long(resource: Any) -> None:
    time.sleep(30)


@task
def leave(resource: Any) -> None:
    raise SystemExit(3)


@task
def lose_first_worker(resource: Any, marker: Path) -> Any:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return resource


@task
def lose_every_worker(resource: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def edges(flow: Flow) -> set[tuple[str, str, str | None]]:
    return {
        (flow.slugs[edge.upstream_task], flow.slugs[edge.downstream_task], edge.key)
        for edge in flow.edges
    }


def names(tasks: Any) -> set[str]:
    return {task.name for task in tasks}


def test_use_between_set_up_and_clean_up(executor: Executor, journal: Journal) -> None:
    with Flow("f") as flow:
        with Folder(journal, "r") as resource:
            used = use(resource, journal)
            again = use(use(used), journal)
        outside = use(again)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[outside].result == "r"
    assert journal.lines() == ["set up r", "use r", "use r", "clean up r"]


@pytest.mark.parametrize("problem", [fail, skip, take_long])
def test_cleaned_up_once_after(problem: Task, executor: Executor, journal: Journal) -> None:
    with Flow("f") as flow, Folder(journal) as resource:
        ended = problem(resource)
        after = use(ended)
        good = use(resource)
    state = flow.run(executor=executor)
    assert state.is_successful() == (problem is skip)
    assert not state.result[after].is_successful() or problem is skip
    assert state.result[good].result == "r"
    assert journal.lines() == ["set up r", "clean up r"]


@pytest.fixture(params=["processes", "dask"])
def dying_workers(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Processes of their own, since those of other tests may not die."""
    if request.param == "processes":
        yield LocalDaskExecutor(scheduler="processes", num_workers=2)
        return
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    # a task is given up at the second worker that dies, and not at the fourth
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        yield DaskExecutor(cluster_kwargs=workers)


def test_cleaned_up_once_after_the_death_of_a_worker(
    dying_workers: Executor, journal: Journal, tmp_path: Path
) -> None:
    with Flow("f") as flow, Folder(journal) as resource:
        used = lose_first_worker(resource, tmp_path / "died")
    state = flow.run(executor=dying_workers)
    assert state.result[used].result == "r"
    assert journal.lines() == ["set up r", "clean up r"]


def test_cleaned_up_once_after_the_death_of_every_worker(
    dying_workers: Executor, journal: Journal
) -> None:
    with Flow("f") as flow, Folder(journal) as resource:
        used = lose_every_worker(resource)
    state = flow.run(executor=dying_workers)
    assert state.result[used].is_failed()
    assert journal.lines() == ["set up r", "clean up r"]


def test_a_large_resource_is_set_up_once(
    dying_workers: Executor, journal: Journal, tmp_path: Path
) -> None:
    with Flow("f") as flow, Folder(journal, "r" * 100_000) as resource:
        used = lose_first_worker.map([resource, resource], unmapped(tmp_path / "died"))
    state = flow.run(executor=dying_workers)
    assert state.result[used].is_successful()
    assert [line[:8] for line in journal.lines()] == ["set up r", "clean up"]


def test_a_clean_up_does_not_count_for_the_flow() -> None:
    @resource_manager
    class Stubborn:
        def cleanup(self, resource: None) -> None:
            raise ValueError("cannot be removed")

    with Flow("f") as flow:
        block = Stubborn()
        with block:
            inside = use(1)
    assert flow.reference_tasks() == {inside}
    state = flow.run()
    assert state.is_successful()
    assert state.result[block.cleanup_task].is_failed()
    flow.set_reference_tasks([block.cleanup_task])
    assert flow.run().is_failed()


def test_without_anything_to_set_up(executor: Executor, journal: Journal) -> None:
    with Flow("f") as flow, NothingToSetUp(journal) as resource:
        use(1)
    assert resource is None
    assert edges(flow) == {
        ("NothingToSetUp-1", "NothingToSetUp.cleanup-1", "mgr"),
        ("use-1", "NothingToSetUp.cleanup-1", None),
    }
    assert names(flow.reference_tasks()) == {"use"}
    flow.run(executor=executor)
    assert journal.lines() == ["clean up None"]


def test_edges_of_a_block(journal: Journal) -> None:
    with Flow("f") as flow:
        outside = use(0)
        with Folder(journal) as resource:
            first = use(outside)
            use(first)
            use(resource)
        use(first)
    assert edges(flow) == {
        ("Folder-1", "Folder.setup-1", "mgr"),
        ("Folder-1", "Folder.cleanup-1", "mgr"),
        ("Folder.setup-1", "Folder.cleanup-1", "resource"),
        ("Folder.setup-1", "use-2", None),
        ("use-1", "use-2", "resource"),
        ("use-2", "use-3", "resource"),
        ("Folder.setup-1", "use-4", "resource"),
        ("use-3", "Folder.cleanup-1", None),
        ("use-4", "Folder.cleanup-1", None),
        ("use-2", "use-5", "resource"),
    }
    assert {flow.slugs[t] for t in flow.reference_tasks()} == {"use-3", "use-4", "use-5"}


def test_an_empty_block(journal: Journal) -> None:
    with Flow("f") as flow, Folder(journal):
        pass
    assert names(flow.reference_tasks()) == {"Folder.setup"}
    assert flow.run().is_successful()
    assert journal.lines() == ["set up r", "clean up r"]


def test_resources_in_resources(executor: Executor, journal: Journal) -> None:
    with Flow("f") as flow, Folder(journal, "outer"):
        with Folder(journal, "inner") as inner:
            used = use(inner, journal)
        use(used)
    flow.run(executor=executor)
    assert journal.lines() == [
        "set up outer", "set up inner", "use inner", "clean up inner", "clean up outer"
    ]  # fmt: skip


def test_a_resource_for_each_element(executor: Executor, journal: Journal) -> None:
    def with_resource(name: Any) -> Any:
        with Folder(journal, name) as resource:
            used = use(resource)
        return used

    with Flow("f") as flow:
        used = apply_map(with_resource, ["a", "b"])
    state = flow.run(executor=executor)
    assert state.result[used].result == ["a", "b"]
    assert sorted(journal.lines()) == ["clean up a", "clean up b", "set up a", "set up b"]


def test_mapped_use(executor: Executor, journal: Journal) -> None:
    with Flow("f") as flow, Folder(journal) as resource:
        failed = fail.map([1, 2])
        used = use.map([resource, resource])
    state = flow.run(executor=executor)
    assert state.result[used].result == ["r", "r"]
    assert state.result[failed].is_failed() or state.result[failed].is_mapped()
    assert journal.lines() == ["set up r", "clean up r"]


def test_a_skipped_resource_is_not_cleaned_up(executor: Executor, journal: Journal) -> None:
    with Flow("f") as flow, case(use(1), 2):
        block = Folder(journal)
        with block:
            use()
    state = flow.run(executor=executor).result[block.cleanup_task]
    assert state.is_skipped()
    assert state.message == "Resource manager init skipped"
    assert journal.lines() == []


def test_cases_in_a_resource(journal: Journal) -> None:
    with Flow("f") as flow, Folder(journal) as resource:
        with case(use(1), 1):
            taken = use(resource, journal)
        with case(use(1), 2):
            use(resource, journal)
    state = flow.run()
    assert state.result[taken].result == "r"
    assert journal.lines() == ["set up r", "use r", "clean up r"]


@pytest.mark.parametrize("step", ["init", "setup"])
def test_what_was_not_set_up_is_not_cleaned_up(step: str, journal: Journal) -> None:
    @resource_manager
    class Broken:
        def __init__(self) -> None:
            if step == "init":
                raise ValueError("no")

        def setup(self) -> None:
            raise ValueError("no")

        def cleanup(self, resource: None) -> None:
            journal.write("clean up")

    with Flow("f") as flow:
        block = Broken()
        with block:
            inside = use(1)
    state = flow.run()
    assert state.is_failed()
    assert type(state.result[inside]).__name__ == "TriggerFailed"
    assert state.result[block.cleanup_task].is_skipped()
    assert state.result[block.cleanup_task].message == f"Resource manager {step} failed"
    assert journal.lines() == []


def test_what_comes_after_the_clean_up(journal: Journal) -> None:
    with Flow("f") as flow:
        block = Folder(journal)
        with block as resource:
            use(resource)
        last = use("last", journal, upstream_tasks=[block.cleanup_task])
    state = flow.run()
    assert state.result[last].is_successful()
    assert journal.lines() == ["set up r", "clean up r", "use last"]


def test_settings_of_the_tasks() -> None:
    manager = resource_manager(
        name="n",
        init_task_kwargs={"tags": ["a"]},
        setup_task_kwargs={"checkpoint": True},
        cleanup_task_kwargs={"name": "c", "trigger": all_finished},
    )(Folder.resource_class)
    assert isinstance(manager, ResourceManager)
    with Flow("f"):
        block = manager(1, task_args={"max_retries": 0})  # type: ignore[arg-type]
    assert isinstance(block, ResourceContext)
    assert (block.init_task.name, block.init_task.tags) == ("n", {"a"})
    assert block.setup_task is not None
    assert (block.setup_task.name, block.setup_task.checkpoint) == ("n.setup", True)
    assert (block.cleanup_task.name, block.cleanup_task.trigger) == ("c", all_finished)
    assert isinstance(block.cleanup_task, ResourceCleanupTask)
    assert block.cleanup_task.checkpoint is False
    assert Folder.cleanup_task_kwargs["trigger"] is resource_cleanup_trigger


def test_a_function_as_a_manager(journal: Journal) -> None:
    @resource_manager
    def folder() -> Any:
        return Folder.resource_class(journal)

    with Flow("f") as flow, folder():
        use(1)
    flow.run()
    assert journal.lines() == ["clean up None"]


def test_misuse(journal: Journal) -> None:
    with pytest.raises(ValueError, match=r"active Flow context. Write `with Folder\(\.\.\.\)`"):
        Folder(journal)
    with pytest.raises(TypeError, match="decorates a class with a method cleanup"):
        resource_manager(5)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="unexpected keyword argument 'folder'"):
        Folder(journal, folder=1, flow=Flow("f"))
    one, other = Flow("one"), Flow("other")
    with (
        Folder(journal, flow=one),
        pytest.raises(ValueError, match=r"same resource block.*other.*one"),
    ):
        use(1, flow=other)


def test_a_task_that_ends_its_process(journal: Journal) -> None:
    with Flow("f") as flow, Folder(journal) as resource:
        leave(resource)
    flow.run(executor=started_executor("dask"))
    assert journal.lines() == ["set up r", "clean up r"]
