"""A resource that is set up, used by several tasks and taken down."""

import os
import shutil

from prefect import Flow, Parameter, resource_manager, task
from prefect.run_configs import LocalRun
from prefect.storage import GitHub


@resource_manager
class Workspace:
    """A folder that is there for the tasks in the block."""

    def __init__(self, name):
        self.name = name

    def setup(self):
        os.makedirs(self.name, exist_ok=True)
        return os.path.abspath(self.name)

    def cleanup(self, path):
        shutil.rmtree(path)


@task
def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


@task
def join(paths):
    texts = []
    for path in paths:
        with open(path) as file:
            texts.append(file.read())
    return " ".join(texts)


with Flow("Workspace") as flow:
    name = Parameter("name", default="work")
    with Workspace(name) as folder:
        first = write(folder, "a.txt", "hello")
        second = write(folder, "b.txt", "world")
        joined = join([first, second])

flow.storage = GitHub(repo="example/flows", path="flows/workspace.py", access_token_secret="TOKEN")
flow.run_config = LocalRun(env={"SOME_VAR": "value"}, labels=["staging"])

if __name__ == "__main__":
    state = flow.run()
    assert state.is_successful(), state
    assert state.result[joined].result == "hello world"
    assert not os.path.exists("work")
    print("EXPECTED workspace")
