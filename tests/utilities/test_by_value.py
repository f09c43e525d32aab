"""What travels by value comes out whole in another process."""

from __future__ import annotations

import pickle
import traceback

import prefectlite
from prefectlite import Flow, task
from prefectlite.utilities.by_value import dumps_by_value


def test_a_traceback_through_a_function_has_its_file_and_source() -> None:
    def outer() -> None:
        def inner() -> None:
            raise ValueError("said here")

        inner()

    try:
        pickle.loads(dumps_by_value(outer))()
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    assert 'raise ValueError("said here")' in text
    assert __file__ in text
    assert "<dynamic-code>" not in text


def test_the_context_is_that_of_the_process_which_loads() -> None:
    def of_context() -> object:
        return prefectlite.context

    def named(context: object = prefectlite.context) -> object:
        return context

    assert pickle.loads(dumps_by_value(of_context))() is prefectlite.context
    assert pickle.loads(dumps_by_value(named))() is prefectlite.context


def test_a_saved_flow_says_where_its_task_failed(tmp_path: object) -> None:
    @task
    def failing() -> None:
        raise KeyError("of the saved flow")

    with Flow("saved") as flow:
        made = failing()
    loaded = Flow.load(flow.save(f"{tmp_path}/saved.prefect"))
    state = loaded.run()
    (copy,) = loaded.get_tasks(name="failing")
    error = state.result[copy].result
    assert 'raise KeyError("of the saved flow")' in "".join(traceback.format_exception(error))
    assert made.name == copy.name
