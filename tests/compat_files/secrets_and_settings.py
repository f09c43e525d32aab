"""Secrets, tags, state handlers, a class of tasks of our own."""

import os

import prefect
from prefect import Flow, Task, tags, task
from prefect.client import Secret
from prefect.engine.state import Failed
from prefect.tasks.secrets import EnvVarSecret, PrefectSecret

os.environ["SERVICE_PASSWORD"] = "hunter2"
seen = []


def notify(obj, old_state, new_state):
    if new_state.is_finished() and not isinstance(new_state, Failed):
        seen.append((obj.name, type(new_state).__name__))
    return new_state


class Login(Task):
    def __init__(self, user, **kwargs):
        self.user = user
        super().__init__(**kwargs)

    def run(self, password, token=None):
        self.logger.info("logging in as %s", self.user)
        return f"{self.user}:{len(password)}:{token['key'] if token else None}"


@task(checkpoint=False)
def key_of_client():
    with prefect.context(secrets={"INNER": "inside"}):
        return Secret("INNER").get()


with Flow("Secrets", state_handlers=[notify]) as flow:
    password = EnvVarSecret("SERVICE_PASSWORD", raise_if_missing=True)
    token = PrefectSecret("TOKEN")
    with tags("outside"):
        session = Login("ada", name="log in", state_handlers=[notify])(password, token=token)
    inner = key_of_client()

if __name__ == "__main__":
    with prefect.context(secrets={"TOKEN": '{"key": "abc"}'}):
        state = flow.run()
    assert state.is_successful(), state
    assert state.result[session].result == "ada:7:abc", state.result[session].result
    assert state.result[inner].result == "inside"
    assert session.tags == {"outside"}
    assert ("Secrets", "Success") in seen
    print("EXPECTED secrets")
