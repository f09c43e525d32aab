"""A production file that names half of Prefect at its top, and runs without any of it."""

import os

import prefect
from prefect import Flow, Parameter, Task, task
from prefect.agent.docker import DockerAgent
from prefect.artifacts import create_markdown_artifact
from prefect.backend import FlowRunView
from prefect.backend.kv_store import get_key_value, set_key_value
from prefect.client import Client, Secret
from prefect.client.client import Client as OldClient
from prefect.engine.results import GCSResult, LocalResult, S3Result
from prefect.engine.runner import ENDRUN
from prefect.engine.state import Failed
from prefect.exceptions import AuthorizationError, ClientError
from prefect.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor
from prefect.run_configs import DockerRun, ECSRun, KubernetesRun, LocalRun, UniversalRun
from prefect.schedules import CronSchedule
from prefect.storage import GCS, S3, Bitbucket, Docker, Git, GitHub, Local, Module
from prefect.tasks.airbyte.airbyte import AirbyteConnectionTask
from prefect.tasks.aws import LambdaInvoke, S3Download, S3Upload
from prefect.tasks.aws.s3 import S3List
from prefect.tasks.databricks import DatabricksRunNow
from prefect.tasks.dbt.dbt import DbtShellTask
from prefect.tasks.docker import CreateContainer, StartContainer
from prefect.tasks.gcp.bigquery import BigQueryTask
from prefect.tasks.great_expectations import RunGreatExpectationsValidation
from prefect.tasks.kubernetes import RunNamespacedJob
from prefect.tasks.notifications import EmailTask, SlackTask
from prefect.tasks.postgres.postgres import PostgresExecute, PostgresFetch
from prefect.tasks.prefect import StartFlowRun, create_flow_run, wait_for_flow_run
from prefect.tasks.redis.redis_tasks import RedisGet
from prefect.tasks.snowflake.snowflake import SnowflakeQuery
from prefect.utilities.aws import get_boto_client
from prefect.utilities.graphql import EnumValue, with_args
from prefect.utilities.notifications import slack_notifier
from prefect.utilities.tasks import unmapped

ENVIRONMENT = os.environ.get("ENVIRONMENT", "local")
STORAGE = GitHub(repo="team/flows", path="flows/nightly.py", ref="main")
RUN_CONFIG = KubernetesRun(
    image="registry.example.com/flows:latest",
    labels=["k8s"],
    memory_request="1Gi",
    job_template={"kind": "Job"},
)
EXECUTOR = DaskExecutor(address="tcp://scheduler.example.com:8786")


class Upload(S3Upload):
    """Never used here."""

    def run(self, data, key):
        return super().run(data, key=key)


@task(result=S3Result(bucket="results"), target="{today}/{task_name}.pkl")
def sizes(number):
    prefect.context.logger.info("%s rows", number)
    return list(range(number))


@task
def publish(rows, times):
    create_markdown_artifact(f"# {len(rows)} rows")
    return sum(rows) * times


@task
def report(total):
    if prefect.config.backend == "server":
        return prefect.config.server.ui.endpoint
    return f"{total} at {prefect.config.cloud.api.split(':')[0]}"


with Flow(
    "nightly",
    storage=STORAGE,
    run_config=RUN_CONFIG if ENVIRONMENT == "production" else LocalRun(labels=["dev"]),
    schedule=CronSchedule("0 3 * * *") if ENVIRONMENT == "production" else None,
) as flow:
    rows = sizes(Parameter("number", default=4))
    results = publish.map(unmapped(rows), [1, 2])
    text = report(results)

if ENVIRONMENT == "production":
    flow.executor = EXECUTOR
    flow.register(project_name="nightly", labels=["production"])
elif ENVIRONMENT == "container":
    flow.storage = Docker(registry_url="registry.example.com", python_dependencies=["pandas"])
    flow.storage.add_flow(flow)
    flow.storage.build()

if __name__ == "__main__":
    state = flow.run()
    assert state.result[text].result == "[6, 12] at https", state.result[text]
    assert not state.result[rows].is_cached()
    print("EXPECTED")
