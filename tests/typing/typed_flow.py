"""What type checkers make of tasks and flows; test_types.py holds them to the comments.

Nothing imports this file: it is read by mypy and by pyright.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from typing_extensions import reveal_type

from prefectlite import Flow, Parameter, Task, case, task, unmapped
from prefectlite.engine.state import State
from prefectlite.tasks.core.function import FunctionTask


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task(max_retries=2, retry_delay=timedelta(seconds=1), tags=["text"])
def shout(text: str) -> str:
    return text.upper()


class Load(Task):
    """Subclasses give `run` the arguments that they need."""

    def __init__(self, table: str, **kwargs: Any) -> None:
        self.table = table
        super().__init__(**kwargs)

    def run(self, rows: list[int], replace: bool = False) -> int:
        return len(rows)


load = Load("people", name="load")

with Flow("typed") as flow:
    number = Parameter("number", default=1)
    total = add(number, 2)
    named = add(x=total, y=total, task_args={"name": "again"})
    constant = add(1)
    many = add.map([1, 2, 3], y=unmapped(total))
    loaded = load(many, upstream_tasks=[constant])
    element = many[0]
    with case(total, 3):
        loud = shout("yes")

state = flow.run(number=3)

reveal_type(add)  # FunctionTask[(x: int, y: int = ...), int]
reveal_type(add.run)  # (x: int, y: int = ...) -> int
reveal_type(add.run(1))  # int
reveal_type(shout)  # FunctionTask[(text: str), str]
reveal_type(shout.run("a"))  # str
reveal_type(total)  # FunctionTask[(x: int, y: int = ...), int]
reveal_type(named)  # FunctionTask[(x: int, y: int = ...), int]
reveal_type(many)  # FunctionTask[(x: int, y: int = ...), int]
reveal_type(add.copy(name="b"))  # FunctionTask[(x: int, y: int = ...), int]
reveal_type(loaded)  # Load
reveal_type(load.run([1]))  # int
reveal_type(loaded.table)  # str
reveal_type(total + 1)  # Task
reveal_type(flow)  # Flow
reveal_type(state)  # State | None


def on_change(changed: Task, old: State, new: State) -> State | None:
    return new


handled: FunctionTask[..., int] = add.copy(state_handlers=[on_change])

add.run("1")  # error
add.run(1, z=2)  # error
shout.run(1)  # error
load.run()  # error
