"""Templates of str.format and of Jinja."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Task, task
from prefectlite.engine.state import State
from prefectlite.executors import Executor
from prefectlite.tasks.templates import JinjaTemplate, StringFormatter


@task
def world() -> str:
    return "world"


def run(template: Task, /, **arguments: Any) -> State:
    with Flow("greet") as flow:
        filled = template(**arguments)
    state: State = flow.run().result[filled]
    return state


@pytest.mark.parametrize(
    "template", [StringFormatter("Hello, {name}"), JinjaTemplate("Hello, {{ name }}")]
)
def test_names_are_filled_in(template: Task, executor: Executor) -> None:
    with Flow("f") as flow:
        greeting = template(name=world())
    assert flow.run(executor=executor).result[greeting].result == "Hello, world"


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        (StringFormatter, "{flow_name} {task_name} {mine}"),
        (JinjaTemplate, "{{ flow_name }} {{ task_name }} {{ mine }}"),
    ],
)
def test_the_context_is_filled_in(kind: type[Any], template: str) -> None:
    with prefectlite.context(mine=3):
        assert run(kind(template)).result == f"greet {kind.__name__} 3"
    assert run(kind(template), flow_name="a", mine=4).result == f"a {kind.__name__} 4"


@pytest.mark.parametrize(("kind", "name"), [(StringFormatter, "{x}"), (JinjaTemplate, "{{ x }}")])
def test_template_of_the_call(kind: type[Any], name: str) -> None:
    assert run(kind("other"), template=name, x=5).result == "5"
    assert kind(name).run(x=5) == "5"
    assert kind().run(template=name, x=5) == "5"
    assert kind().run(x=5) == ""


def test_a_missing_value_is_named_and_others_go_on() -> None:
    with Flow("f") as flow:
        failed, other = StringFormatter("{a} {b}", name="greeting")(a=1), world()
    state = flow.run()
    assert isinstance(state.result[failed].result, KeyError)
    for said in ("greeting", "'b'", "{a} {b}"):
        assert said in state.result[failed].message
    assert state.result[other].result == "world"


def test_a_missing_value_is_empty_in_jinja() -> None:
    assert run(JinjaTemplate("[{{ a }}]")).result == "[]"


@pytest.mark.parametrize("kind", [StringFormatter, JinjaTemplate])
def test_templates_of_no_use(kind: type[Any]) -> None:
    state = run(kind(5))
    assert isinstance(state.result, TypeError)
    assert "the template must be text" in state.message
    assert run(kind("{{ a" if kind is JinjaTemplate else "{a")).is_failed()


def test_jinja_is_loaded_on_first_use() -> None:
    code = (
        "import sys, prefectlite.tasks.templates\n"
        "assert 'jinja2' not in sys.modules\n"
        "sys.modules['jinja2'] = None\n"
        "prefectlite.tasks.templates.JinjaTemplate('x', name='page').run()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "ImportError: Task 'page' needs Jinja: pip install 'prefectlite[templates]'" in ran.stderr
    )
