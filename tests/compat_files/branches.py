"""Choose a model by the size of the data, and merge the branches."""

import random

from prefect import Flow, Parameter, case, task
from prefect.tasks.control_flow import merge, switch


@task
def measure(size):
    random.seed(size)
    return [random.random() for _ in range(size)]


@task
def is_large(data):
    return len(data) > 10


@task
def sample(data):
    return data[:10]


@task
def everything(data):
    return data


@task
def quality(data):
    return "good" if len(data) >= 10 else "poor"


@task
def publish(data):
    return f"published {len(data)}"


@task
def complain(data):
    return f"only {len(data)}"


@task
def nobody():
    return "never"


with Flow("Branches") as flow:
    size = Parameter("size", default=25)
    data = measure(size)
    large = is_large(data)
    with case(large, True):
        sampled = sample(data)
    with case(large, False):
        whole = everything(data)
    chosen = merge(sampled, whole)
    good, poor = publish(chosen), complain(chosen)
    other = nobody()
    switch(quality(chosen), {"good": good, "poor": poor, "unknown": other})
    outcome = merge(good, poor, other)

if __name__ == "__main__":
    for number, expected in ((25, "published 10"), (4, "only 4")):
        state = flow.run(parameters={"size": number})
        assert state.is_successful()
        assert state.result[outcome].result == expected, state.result[outcome]
        assert state.result[other].is_skipped()
    print("EXPECTED branches")
