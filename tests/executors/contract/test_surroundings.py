"""Context, parameters, names and logs are the same wherever a task runs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Parameter, task
from prefectlite.engine.flow_runner import FlowRunner
from prefectlite.engine.state import Cancelled, State
from prefectlite.executors import Executor

Records = list[logging.LogRecord]

KEYS = [
    "checkpointing",
    "config",
    "date",
    "flow_id",
    "flow_name",
    "flow_run_id",
    "flow_run_name",
    "logger",
    "map_index",
    "parameters",
    "scheduled_start_time",
    "task_full_name",
    "task_id",
    "task_name",
    "task_run_count",
    "task_run_id",
    "task_slug",
    "task_tags",
    "today",
    "today_nodash",
    "tomorrow",
    "tomorrow_nodash",
    "yesterday",
    "yesterday_nodash",
]


@task
def look(*, name: str) -> Any:
    return prefectlite.context.get(name)


@task
def one() -> int:
    return 1


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


def test_every_key_is_in_the_context(executor: Executor) -> None:
    @task
    def missing() -> list[str]:
        return [key for key in KEYS if key not in prefectlite.context]

    with Flow("keys") as flow:
        made = missing()
        each = missing.map(upstream_tasks=[[1, 2]])
    state = run(flow, executor)
    assert state.result[made].result == []
    assert state.result[each].result == [[], []]


def test_what_the_context_says(executor: Executor) -> None:
    @task(name="looks", tags=["a", "b"])
    def looks() -> dict[str, Any]:
        names = ("flow_name", "task_name", "task_full_name", "task_tags", "task_run_count")
        found = {name: prefectlite.context[name] for name in names}
        return {**found, "parameters": dict(prefectlite.context.parameters)}

    with Flow("says") as flow:
        flow.add_task(Parameter("p", default=5))
        made = looks()
    assert run(flow, executor).result[made].result == {
        "flow_name": "says",
        "task_name": "looks",
        "task_full_name": "looks",
        "task_tags": {"a", "b"},
        "task_run_count": 1,
        "parameters": {"p": 5},
    }


def test_task_run_ids_are_one_a_task(executor: Executor) -> None:
    with Flow("ids") as flow:
        first = look(name="task_run_id")
        second = look(name="task_run_id")
        flow_run = look(name="flow_run_id")
    state = run(flow, executor)
    ids = [state.result[made].result for made in (first, second, flow_run)]
    assert len(set(ids)) == 3
    again = run(flow, executor)
    assert again.result[first].result not in ids


def test_the_callers_context_and_task_contexts(executor: Executor) -> None:
    with Flow("given") as flow:
        everywhere = look(name="mine")
        special = look(name="mine")
        each = look.map(name=["mine", "mine"])
    state = run(
        flow,
        executor,
        context={"mine": "all"},
        task_contexts={special: {"mine": "special"}, each: {"mine": "elements"}},
    )
    assert state.result[everywhere].result == "all"
    assert state.result[special].result == "special"
    assert state.result[each].result == ["elements", "elements"]


def test_the_surrounding_context_is_seen(executor: Executor) -> None:
    with Flow("surrounding") as flow:
        made = look(name="today")
    with prefectlite.context(today="2001-02-03"):
        state = run(flow, executor)
    assert state.result[made].result == "2001-02-03"


def test_a_task_leaves_nothing_in_the_context(executor: Executor) -> None:
    @task
    def leaves() -> None:
        prefectlite.context.left = "behind"

    with Flow("leaves") as flow:
        left = leaves()
        made = look(name="left", upstream_tasks=[left])
    before = set(prefectlite.context)
    state = run(flow, executor)
    assert state.result[made].result is None
    assert set(prefectlite.context) - before <= {"caches"}


def test_parameters(executor: Executor) -> None:
    @task
    def show(given: Any, default: Any, optional: Any) -> tuple[Any, ...]:
        return given, default, optional

    with Flow("parameters") as flow:
        given = Parameter("given")
        made = show(given, Parameter("default", default=2), Parameter("opt", required=False))
    state = run(flow, executor, parameters={"given": [1]})
    assert state.result[made].result == ([1], 2, None)
    assert state.result[given].result == [1]


@pytest.mark.parametrize("template", ["{task_name}-{x}-{p}", lambda **values: f"f-{values['x']}"])
def test_task_run_names(executor: Executor, template: Any) -> None:
    @task(task_run_name=template)
    def named(x: int) -> Any:
        return prefectlite.context.task_run_name

    with Flow("names") as flow:
        flow.add_task(Parameter("p", default="q"))
        made = named.map([1, 2])
    names = run(flow, executor).result[made].result
    assert names == (["f-1", "f-2"] if callable(template) else ["named-1-q", "named-2-q"])


# logs


def messages(records: Records) -> list[str]:
    return [record.getMessage() for record in records]


def test_the_log_of_a_run(executor: Executor, records: Records) -> None:
    with Flow("logged") as flow:
        one()
    run(flow, executor)
    told = [(r.name, r.getMessage()) for r in records if r.levelno >= logging.INFO]
    # an executor may say which cluster it uses
    assert [line for line in told if line[0] != "prefectlite.DaskExecutor"] == [
        ("prefectlite.FlowRunner", "Beginning Flow run for 'logged'"),
        ("prefectlite.TaskRunner", "Task 'one': Starting task run..."),
        (
            "prefectlite.TaskRunner",
            "Task 'one': Finished task run for task with final state: 'Success'",
        ),
        ("prefectlite.FlowRunner", "Flow run SUCCESS: all reference tasks succeeded"),
    ]


def test_a_tasks_own_records_reach_the_driver(executor: Executor, records: Records) -> None:
    @task
    def talks(x: int) -> None:
        prefectlite.context.logger.info("said %s", x)
        prefectlite.context.logger.warning("warned")

    with Flow("talks") as flow:
        talks(5)
        talks.map([6, 7])
    run(flow, executor)
    said = {r.getMessage(): r for r in records if r.getMessage().startswith("said")}
    assert set(said) == {"said 5", "said 6", "said 7"}
    assert said["said 5"].name == "prefectlite.talks"
    assert said["said 6"].name == "prefectlite.talks[0]"
    assert said["said 5"].levelno == logging.INFO
    assert getattr(said["said 5"], "flow_name", None) == "talks"
    assert getattr(said["said 5"], "task_name", None) == "talks"
    assert messages(records).count("warned") == 3


def test_an_exception_is_logged_with_its_traceback(executor: Executor, records: Records) -> None:
    @task
    def broken() -> None:
        raise ValueError("the reason")

    with Flow("traceback") as flow:
        broken()
    run(flow, executor)
    (record,) = [r for r in records if r.levelno == logging.ERROR]
    assert "Exception encountered during task execution!" in record.getMessage()
    assert "ValueError: the reason" in logging.Formatter().format(record)


def test_debug_records_come_along_only_when_asked_for(executor: Executor, records: Records) -> None:
    @task
    def talks() -> None:
        prefectlite.context.logger.debug("in detail")

    with Flow("debug") as flow:
        talks()
    run(flow, executor)
    assert "in detail" not in messages(records)
    logger = logging.getLogger("prefectlite")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        run(flow, executor)
    finally:
        logger.setLevel(level)
    assert "in detail" in messages(records)


def test_what_a_task_prints_is_logged_if_it_asks_for_that(
    executor: Executor, records: Records
) -> None:
    @task(log_stdout=True)
    def prints(x: int) -> None:
        print(f"printed {x}")

    @task
    def prints_not_logged() -> None:
        print("not logged")

    with Flow("prints") as flow:
        prints.map([1, 2])
        prints_not_logged()
    run(flow, executor)
    printed = [text for text in messages(records) if text.startswith("printed")]
    assert sorted(printed) == ["printed 1", "printed 2"]
    assert "not logged" not in messages(records)


def test_a_run_after_a_cancelled_one_is_normal(executor: Executor) -> None:
    # the state a runner is given stands, and leaves nothing behind
    with Flow("after") as flow:
        made = one()
    assert FlowRunner(flow).run(state=Cancelled("no"), executor=executor).is_finished()
    assert run(flow, executor).result[made].result == 1
