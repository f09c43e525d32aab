"""Choose a model: data in parts, a grid of settings, branches for each, and its tests below."""

import functools
import random
import unittest
from datetime import timedelta
from typing import Tuple
from unittest import mock

import prefect
from prefect import Flow, Parameter, Task, apply_map, case, task, unmapped
from prefect.core import Edge
from prefect.engine import TaskRunner
from prefect.engine.result import Result
from prefect.engine.state import Success
from prefect.tasks.control_flow import merge
from prefect.utilities.tasks import defaults_from_attrs


class Line:
    def __init__(self, rate):
        self.rate, self.slope, self.offset = rate, 0.0, 0.0

    def fit(self, xs, ys):
        for _ in range(150):
            errors = [self.slope * x + self.offset - y for x, y in zip(xs, ys)]
            self.slope -= self.rate * sum(e * x for e, x in zip(errors, xs)) / len(xs)
            self.offset -= self.rate * sum(errors) / len(xs)
        return self

    def loss(self, xs, ys):
        return sum((self.slope * x + self.offset - y) ** 2 for x, y in zip(xs, ys)) / len(xs)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        prefect.context.get("logger").debug("in %s", function.__name__)
        return function(*args, **kwargs)

    return wrapper


class Train(Task):
    def __init__(self, rate=0.1, **kwargs):
        self.rate = rate
        super().__init__(**kwargs)

    @defaults_from_attrs("rate")
    def run(self, xs, ys, rate=None):
        self.logger.info("rate %s", rate)
        return Line(rate).fit(xs, ys)


@task
def data(seed) -> Tuple[list, list]:
    chance = random.Random(seed)
    xs = [chance.random() for _ in range(20)]
    return xs, [2 * x + 1 for x in xs]


@task(max_retries=1, retry_delay=timedelta(0))
@logged
def score(model, xs, ys):
    if model.rate == 0.5 and prefect.context.task_run_count == 1:
        raise ConnectionError("try again")
    return round(model.loss(xs, ys), 4)


@task
def is_good(loss):
    return loss < 0.02


@task(name="Keep it")
def keep(loss):
    return "good"


@task(name="Drop it")
def drop(loss):
    return "bad"


def judged(loss):
    good = is_good(loss)
    with case(good, True):
        kept = keep(loss)
    with case(good, False):
        dropped = drop(loss)
    return merge(kept, dropped)


train = Train(name="train")

with Flow("selection") as flow:
    xs, ys = data(Parameter("seed", default=3))
    models = train.map(rate=[0.001, 0.5], xs=unmapped(xs), ys=unmapped(ys))
    losses = score.map(models, xs=unmapped(xs), ys=unmapped(ys))
    verdicts = apply_map(judged, losses)
    default = train(xs, ys)


class FlowTest(unittest.TestCase):
    def test_tasks(self):
        self.assertEqual(is_good.run(0.5), False)
        self.assertEqual([t.name for t in flow.get_tasks(name="Keep it")], ["Keep it"])
        self.assertEqual(len(flow.get_tasks(task_type=Train)), 2)
        self.assertIn(Edge(losses, flow.get_tasks(name="is_good")[0], "loss", True), flow.edges)

    def test_one_task(self):
        upstream = {Edge(Task(), is_good, key="loss"): Success(result=Result(0.001))}
        self.assertTrue(TaskRunner(is_good).run(upstream_states=upstream).result)

    def test_with_a_mock(self):
        with mock.patch.object(Train, "run", return_value="model") as run:
            self.assertEqual(Train().run([1], ys=[2]), "model")
        run.assert_called_once_with([1], ys=[2])


if __name__ == "__main__":
    state = flow.run()
    assert state.result[verdicts].result == ["bad", "good"], state.result[verdicts].result
    assert state.result[default].result.rate == 0.1
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(FlowTest)
    assert unittest.TextTestRunner().run(tests).wasSuccessful()
    print("EXPECTED")
