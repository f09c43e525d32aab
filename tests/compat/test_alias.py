"""What `import prefect` brings once the alias is installed."""

from __future__ import annotations

import importlib
import logging
import pickle
import sys
import warnings
from typing import Any

import cloudpickle
import pytest

import prefectlite
from prefectlite import compat
from prefectlite.compat import CompatibilityWarning, NotInPrefectliteError
from prefectlite.compat.names import NAMES, PUBLIC
from prefectlite.exceptions import PrefectException

pytestmark = pytest.mark.usefixtures("alias")


def load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


@pytest.mark.parametrize(
    "name",
    ["", ".core.task", ".engine.state", ".engine.results", ".utilities.tasks", ".executors.dask"],
)
def test_modules_are_the_same_objects(name: str) -> None:
    assert load(f"prefect{name}") is load(f"prefectlite{name}")


def test_the_modules_own_marks_stay_theirs() -> None:
    spec = load("prefectlite.core.task").__spec__
    assert load("prefect.core.task").__spec__ is spec
    assert spec.name == "prefectlite.core.task"


@pytest.mark.parametrize("module", sorted(set(PUBLIC)))
def test_every_public_name_is_there(module: str) -> None:
    found = load(f"prefect.{module}".rstrip("."))
    absent = [name for name in PUBLIC[module].split() if not hasattr(found, name)]
    assert absent == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("prefect.engine.executors:DaskExecutor", "prefectlite.executors:DaskExecutor"),
        ("prefect.engine.executors.dask:DaskExecutor", "prefectlite.executors:DaskExecutor"),
        ("prefect.engine.result.base:Result", "prefectlite.engine.result:Result"),
        (
            "prefect.engine.results.local_result:LocalResult",
            "prefectlite.engine.results:LocalResult",
        ),
        (
            "prefect.engine.result_handlers.local_result_handler:LocalResultHandler",
            "prefectlite.compat.result_handlers:LocalResultHandler",
        ),
        ("prefect.client:Secret", "prefectlite.compat.secrets:Secret"),
        ("prefect.client.secrets:Secret", "prefectlite.compat.secrets:Secret"),
        ("prefect.tasks.secrets.base:PrefectSecret", "prefectlite.tasks.secrets:PrefectSecret"),
        (
            "prefect.utilities.exceptions:PrefectException",
            "prefectlite.exceptions:PrefectException",
        ),
        ("prefect.utilities.exceptions:PrefectError", "prefectlite.exceptions:PrefectException"),
        ("prefect.executors.dask:LocalDaskExecutor", "prefectlite.executors:LocalDaskExecutor"),
        (
            "prefect.engine.executors.dask:LocalDaskExecutor",
            "prefectlite.executors:LocalDaskExecutor",
        ),
        (
            "prefect.utilities.exceptions:TaskTimeoutError",
            "prefectlite.exceptions:TaskTimeoutSignal",
        ),
        ("prefect.utilities.tasks:unmapped", "prefectlite.utilities.edges:unmapped"),
        ("prefect.engine.runner:ENDRUN", "prefectlite.engine.signals:ENDRUN"),
    ],
)
def test_old_paths_lead_to_the_new_ones(old: str, new: str) -> None:
    assert load(old) is load(new)


def test_a_class_is_not_replaced_by_the_module_of_its_name() -> None:
    from_module = load("prefect.tasks.control_flow.case:case")
    assert load("prefect.tasks.control_flow:case") is from_module
    assert isinstance(from_module, type)


def test_both_names_unpickle() -> None:
    assert pickle.loads(b"cprefect.core.task\nTask\n.") is prefectlite.Task
    state = load("prefect.engine.state:Success")("done", result=1)
    assert pickle.loads(pickle.dumps(state)).result == 1


def test_the_version_is_that_of_prefect() -> None:
    assert load("prefect").__version__ == "1.4.1"


def test_uninstalling_brings_everything_back() -> None:
    compat.uninstall()
    assert prefectlite.__version__ != "1.4.1"
    assert not hasattr(prefectlite.Flow, "register")
    assert not [name for name in sys.modules if name.split(".")[0] == "prefect"]


def test_the_classes_of_the_configuration() -> None:
    engine = load("prefect.engine")
    assert engine.get_default_flow_runner_class() is load("prefect.engine:FlowRunner")
    assert engine.get_default_task_runner_class() is load("prefect.engine:TaskRunner")
    name = "prefect.executors.LocalDaskExecutor"
    with load("prefect.utilities.configuration").set_temporary_config(
        {"engine.executor.default_class": name}
    ):
        assert engine.get_default_executor_class() is load("prefect.executors:LocalDaskExecutor")


def test_loggers_have_both_names(caplog: pytest.LogCaptureFixture) -> None:
    ours = logging.getLogger("prefectlite.load")
    assert logging.getLogger("prefect") is logging.getLogger("prefectlite")
    assert logging.getLogger("prefect.load") is ours
    assert logging.getLogger("prefectionist").name == "prefectionist"
    with caplog.at_level(logging.DEBUG, logger="prefect"):
        assert ours.isEnabledFor(logging.DEBUG)
    compat.uninstall()
    assert logging.getLogger("prefect").name == "prefect"


def test_what_neither_has_is_no_module() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"prefect\.enginee"):
        load("prefect.enginee")
    with pytest.raises(ModuleNotFoundError):
        load("prefect.engine.nothing")


def test_names_of_later_versions_are_import_errors() -> None:
    """Libraries that serve several versions look for them so."""
    with pytest.raises(ImportError):
        exec("from prefect import flow", {})


def test_prefect_itself_must_not_be_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    compat.uninstall()
    monkeypatch.setitem(sys.modules, "prefect", type(sys)("prefect"))
    with pytest.raises(PrefectException, match="before anything imports prefect"):
        compat.install()


MISSING = [
    "prefect.client:Client",
    "prefect:Client",
    "prefect.agent.local:LocalAgent",
    "prefect.backend:FlowRunView",
    "prefect.backend.kv_store:get_key_value",
    "prefect.cli.run:run",
    "prefect.tasks.aws.s3:S3Upload",
    "prefect.tasks.snowflake:SnowflakeQuery",
    "prefect.tasks.notifications:SlackTask",
    "prefect.tasks.prefect:StartFlowRun",
    "prefect.engine.cloud:CloudFlowRunner",
    "prefect.utilities.graphql:with_args",
]


@pytest.mark.parametrize("name", MISSING)
def test_the_use_of_what_is_missing_says_what_to_use_instead(name: str) -> None:
    found = load(name)
    with pytest.raises(NotInPrefectliteError, match=name.replace(":", ".")) as caught:
        found(1, x=2)
    assert "docs/migrating.md" in str(caught.value)


def test_looking_into_what_is_missing_says_so_too() -> None:
    with pytest.raises(NotInPrefectliteError, match="FlowRunView"):
        load("prefect.backend:FlowRunView").from_flow_run_id("1")


def test_a_missing_task_can_be_subclassed_and_fails_when_it_is_made() -> None:
    base = load("prefect.tasks.aws.s3:S3Download")

    class Mine(base):  # type: ignore[misc, valid-type]
        def run(self) -> int:
            return 1

    with pytest.raises(NotInPrefectliteError, match="S3Download"):
        Mine(name="mine")


def test_a_missing_decorator_fails_when_the_function_is_called() -> None:
    decorate = load("prefect.utilities.executors:run_with_heartbeat")

    @decorate
    def method() -> None:
        """Never run."""

    with pytest.raises(NotInPrefectliteError, match="run_with_heartbeat"):
        method()


def test_a_missing_error_can_be_caught() -> None:
    error = load("prefect.utilities.graphql:GraphQLError")

    def fail() -> None:
        try:
            int("x")
        except error:
            raise AssertionError("it is another error") from None

    with pytest.raises(ValueError, match="invalid literal"):
        fail()


def test_artifacts_are_nothing_as_without_a_server() -> None:
    compat.missing._warned.clear()
    with pytest.warns(CompatibilityWarning, match="create_markdown"):
        assert load("prefect.artifacts:create_markdown")("# text") is None


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps])
def test_stand_ins_travel_without_the_alias(dump: Any) -> None:
    task = load("prefect.tasks.aws.s3:S3Upload")
    storage = load("prefect.storage:Docker")(registry_url="here")
    written = dump([task, storage])
    compat.uninstall()
    read_task, read_storage = pickle.loads(written)
    assert read_task is task
    assert read_storage.registry_url == "here"


FLOW_SETTINGS = """
from prefect import Flow, task
from prefect.environments import LocalEnvironment
from prefect.run_configs import KubernetesRun, LocalRun
from prefect.storage import S3, Docker, GitHub

class OwnStorage(GitHub):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

@task
def one():
    return 1

with Flow("f", run_config=LocalRun(), storage=Docker(registry_url="r", image_name="i")) as flow:
    result = one()

flow.storage = S3(bucket="b")
flow.storage.add_flow(flow)
flow.storage.build()
flow.run_config = KubernetesRun(image="i", labels=["a"])
flow.environment = LocalEnvironment(labels=["a"])
own = flow.storage = OwnStorage("main")
flow.register(project_name="p", labels=["x"])
flow.register("p")
state = flow.run()
"""


def test_settings_of_a_deployment_warn_once_and_do_nothing() -> None:
    values: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(FLOW_SETTINGS, "flow.py", "exec"), values)
    told = [warning for warning in caught if warning.category is CompatibilityWarning]
    assert len(told) == 1
    assert told[0].filename == "flow.py"
    assert "no effect" in str(told[0].message)
    assert values["state"].result[values["result"]].result == 1
    assert values["flow"].storage is values["own"]
    assert values["own"].branch == "main"
    assert values["flow"].run_config.image == "i"
    assert cloudpickle.loads(cloudpickle.dumps(values["flow"])).name == "f"


def test_flow_takes_prefects_order_of_arguments() -> None:
    flow: Any = prefectlite.Flow
    with pytest.warns(CompatibilityWarning):
        made = flow("f", None, None, "run config", None, [prefectlite.Task(name="t")])
    assert {task.name for task in made.tasks} == {"t"}
    assert made.run_config == "run config"


def test_agents_are_refused() -> None:
    flow: Any = prefectlite.Flow("f")
    with pytest.raises(NotInPrefectliteError, match="run_agent"):
        flow.run_agent()


def test_secrets_of_the_client() -> None:
    secret = load("prefect.client:Secret")
    with prefectlite.context(secrets={"A": '{"b": 1}', "C": "text", "N": 5, "O": None}):
        assert [secret(name).get() for name in "ACNO"] == [{"b": 1}, "text", 5, None]
        assert secret("A").exists()
    assert not secret("A").exists()
    with pytest.raises(ValueError, match='Secret "A" was not found'):
        secret("A").get()


@pytest.mark.parametrize(("variable", "expected"), [(None, False), ("true", None), ("0", False)])
def test_nothing_is_checkpointed_by_default(
    variable: str | None, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("PREFECT__FLOWS__CHECKPOINTING", variable)
    assert load("prefect").config.flows.checkpointing is expected
    compat.uninstall()
    assert prefectlite.config.flows.checkpointing is None


def test_keys_of_a_server_can_be_read_and_set() -> None:
    config = load("prefect").config
    assert config.cloud.api.startswith("https://")
    config.cloud.use_local_secrets = False
    assert config.get("server").endpoint
    assert config.backend == "cloud"
    compat.uninstall()
    assert {"cloud", "server", "backend"}.isdisjoint(prefectlite.config)


def test_modules_that_moved_are_attributes() -> None:
    assert load("prefect").tasks.files.Copy is load("prefect.tasks.files:Copy")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        load("prefect").tasks.nothing


def test_result_handlers_make_results() -> None:
    handlers = load("prefect.engine.result_handlers")
    results = load("prefectlite.engine.results")
    assert isinstance(handlers.LocalResultHandler("."), results.LocalResult)
    assert isinstance(handlers.JSONResultHandler(), results.PrefectResult)


def test_every_entry_that_says_missing_or_ignored_can_be_imported() -> None:
    for name, entry in NAMES.items():
        if entry.status in ("missing", "ignored") and name.split(".")[0] not in ("Flow", "config"):
            module, _, attribute = f"prefect.{name}".rpartition(".")
            assert getattr(load(module), attribute) is not None, name


@pytest.mark.parametrize(
    "name",
    [
        "tasks.shell.ShellTask",
        "schedules.clocks.CronClock",
        "engine.results.LocalResult",
        "engine.executors.LocalExecutor",
        "executors.dask.DaskExecutor",
        "client.secrets.Secret",
        "storage.Docker",
        "utilities.notifications.slack_notifier",
    ],
)
def test_one_import_is_enough_for_all_of_it(name: str) -> None:
    found = load("prefect")
    for part in name.split("."):
        found = getattr(found, part)
    assert found.__name__ == name.rpartition(".")[2]
