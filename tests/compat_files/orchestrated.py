"""Several flows in one file, chosen at the bottom; failures that are handled."""

import os
import sys
from datetime import timedelta

import prefect
from prefect import Flow, Parameter, task
from prefect.artifacts import create_markdown
from prefect.engine import signals
from prefect.engine.state import Cancelled, Failed, State
from prefect.run_configs import UniversalRun
from prefect.storage import Local
from prefect.utilities.notifications import callback_factory

PROJECT = os.environ.get("PREFECT_PROJECT", "default")
calls = []


def record(obj, state):
    calls.append(f"{obj.name} {type(state).__name__}")


on_failed = callback_factory(record, check=lambda state: state.is_failed())


def decide(flow, state, reference_states):
    if any(isinstance(each, Cancelled) for each in reference_states):
        return Failed("something was cancelled")
    return state


@task(max_retries=1, retry_delay=timedelta(seconds=0), state_handlers=[on_failed])
def flaky(name):
    attempt = prefect.context.get("task_run_count")
    if attempt == 1:
        raise RuntimeError(f"{name} fails at first")
    return f"{name} {attempt}"


@task
def validate(value):
    if not value:
        raise signals.FAIL("no value", result="nothing")
    create_markdown(f"# value\n{value}")
    return value


@task(trigger=prefect.triggers.any_failed)
def alarm():
    return "alarm"


def build(name: str, value: str) -> Flow:
    with Flow(name, terminal_state_handler=decide) as built:
        which = Parameter("which", default=value)
        checked = validate(which)
        flaky(checked)
        alarm(upstream_tasks=[checked])
    built.storage = Local(directory="~/flows", add_default_labels=False)
    built.run_config = UniversalRun(labels=["any"])
    return built


def main(arguments) -> None:
    flows = {name: build(name, value) for name, value in (("first", "ada"), ("second", ""))}
    if "register" in arguments:
        for each in flows.values():
            each.register(PROJECT)
    states = {name: each.run() for name, each in flows.items()}
    first, second = flows["first"], flows["second"]
    made: State = states["first"]
    assert made.result[first.get_tasks("flaky")[0]].result == "ada 2"
    assert made.result[first.get_tasks("alarm")[0]].is_failed()
    failed = states["second"].result
    assert failed[second.get_tasks("validate")[0]].result == "nothing"
    assert failed[second.get_tasks("alarm")[0]].result == "alarm"
    assert failed[second.get_tasks("flaky")[0]].is_failed()
    print("EXPECTED orchestrated")


if __name__ == "__main__":
    main([*sys.argv[1:], "register"])
