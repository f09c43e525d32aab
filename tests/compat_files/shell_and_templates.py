"""Commands, templates and named results."""

import os

import prefect
from prefect import Flow, task
from prefect.engine.results import LocalResult
from prefect.engine.serializers import JSONSerializer
from prefect.tasks.shell import ShellTask
from prefect.tasks.templates import StringFormatter
from prefect.triggers import all_finished

run_command = ShellTask(helper_script="cd .", return_all=True, stream_output=True)
last_line = ShellTask(name="last line")
path_of = StringFormatter(name="path", template="data-{kind}.txt")


@task(
    target="{task_name}-{parameters[day]}.json",
    checkpoint=True,
    result=LocalResult(dir=os.path.join(os.getcwd(), "results"), serializer=JSONSerializer()),
)
def summary(lines):
    return {"lines": lines, "day": prefect.context.parameters["day"]}


@task(trigger=all_finished, name="clean up")
def clean_up():
    return "clean"


with Flow("Commands") as flow:
    day = prefect.Parameter("day", default="2021-01-01")
    path = path_of(kind="raw")
    listing = run_command(command="printf 'a\\nb\\n'")
    word = last_line(command="echo first; echo second")
    bad = last_line(command="exit 3", task_args={"name": "fails"})
    made = summary(listing)
    made.set_upstream(day)
    cleaned = clean_up(upstream_tasks=[bad, made])

flow.set_reference_tasks([cleaned, made])

if __name__ == "__main__":
    with prefect.utilities.configuration.set_temporary_config({"flows.checkpointing": True}):
        state = flow.run()
        assert state.is_successful(), state
        again = flow.run()
    assert state.result[path].result == "data-raw.txt"
    assert state.result[listing].result == ["a", "b"]
    assert state.result[word].result == "second"
    assert state.result[bad].is_failed()
    assert os.listdir("results") == ["summary-2021-01-01.json"], os.listdir("results")
    assert again.result[made].is_cached()
    assert again.result[made].result == {"lines": ["a", "b"], "day": "2021-01-01"}
    print("EXPECTED commands")
