"""Train models over a grid, keep the best: apply_map, several outputs, targets by callables."""

from typing import Tuple

import prefect
from prefect import Flow, Parameter, Task, apply_map, task, unmapped
from prefect.engine.state import State
from prefect.utilities.debug import raise_on_exception
from prefect.utilities.edges import mapped
from prefect.utilities.tasks import defaults_from_attrs


@task(nout=2)
def split(rows):
    half = len(rows) // 2
    return rows[:half], rows[half:]


@task
def bounds(rows) -> Tuple[int, int]:
    return min(rows), max(rows)


@task
def fit(rows, weight):
    return sum(rows) * weight


@task
def score(model, rows):
    return abs(model - sum(rows))


@task
def pair(weight, value):
    return (value, weight)


class Best(Task):
    def __init__(self, default=None, **kwargs):
        self.default = default
        super().__init__(**kwargs)

    @defaults_from_attrs("default")
    def run(self, results, default=None):
        return min(results) if results else default


def log_best(task: Task, old: State, new: State) -> State:
    if new.is_successful():
        prefect.context.get("logger").info("best: %s", new.result)
    return new


def experiment(weight, train, test):
    model = fit(train, weight)
    return pair(weight, score(model, test))


with Flow("Training") as flow:
    rows = Parameter("rows", default=[1, 2, 3, 4])
    train, test = split(rows)
    low, high = bounds(rows)
    results = apply_map(experiment, [1, 2, 3], unmapped(train), unmapped(test))
    best = Best(default=(0, 0), state_handlers=[log_best])(results)
    spread = high - low
    scaled = fit(mapped([[1], [2]]), spread)

if __name__ == "__main__":
    with raise_on_exception():
        state = flow.run()
    assert state.is_successful()
    assert state.result[best].result == (1, 2), state.result[best].result
    assert state.result[spread].result == 3
    assert state.result[scaled].result == [3, 6]
    print("EXPECTED training")
