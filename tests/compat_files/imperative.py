"""The imperative style, with an old executor path and a loop."""

import datetime

import prefect
from prefect import Flow, Parameter, Task, task
from prefect.core import Edge
from prefect.engine.executors import LocalExecutor
from prefect.engine.signals import LOOP
from prefect.environments import LocalEnvironment
from prefect.environments.storage import Docker


class Extract(Task):
    def run(self, count):
        return list(range(count))


class Load(Task):
    def run(self, values):
        return sum(values)


@task
def collatz(start):
    value = prefect.context.get("task_loop_result", start)
    if value == 1:
        return prefect.context.get("task_loop_count", 1)
    raise LOOP(message=f"at {value}", result=value // 2 if value % 2 == 0 else 3 * value + 1)


@task(cache_for=datetime.timedelta(hours=1))
def expensive(x):
    return x * 2


extract = Extract(name="extract")
load = Load(name="load", max_retries=1, retry_delay=datetime.timedelta(minutes=1))
count = Parameter("count", default=5)

flow = Flow("Imperative")
flow.add_task(extract)
flow.set_dependencies(task=extract, keyword_tasks={"count": count})
flow.add_edge(upstream_task=extract, downstream_task=load, key="values")
steps = collatz.copy(name="steps")
flow.set_dependencies(steps, keyword_tasks={"start": 6}, upstream_tasks=[load])
double = expensive.copy()
double.bind(load, flow=flow)

flow.environment = LocalEnvironment(executor=LocalExecutor(), labels=["dev"])
flow.storage = Docker(registry_url="registry.example.com", env_vars={"A": "b"})

if __name__ == "__main__":
    assert Edge(extract, load, key="values") in flow.edges
    assert flow.sorted_tasks()[0].name in ("count",)
    assert {each.name for each in flow.get_tasks(task_type=Parameter)} == {"count"}
    state = flow.run(count=4)
    assert state.is_successful(), state
    assert state.result[load].result == 6
    assert state.result[steps].result == 9
    assert state.result[double].result == 12
    copy = flow.copy()
    assert copy == flow
    print("EXPECTED imperative")
