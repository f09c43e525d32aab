"""What of Prefect 1 there is here, what is different, and what to use instead of the rest.

The one table behind the import alias, ``prefectlite doctor`` and docs/migrating.md. Names are
written without the leading ``prefect.``; a name stands for everything below it, and the longest one
that fits counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MOVED", "NAMES", "PUBLIC", "REEXPORTED", "Entry", "lookup"]

Status = Literal["same", "different", "ignored", "missing"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be said of a name of Prefect 1.

    Args:
        status: ``same``; ``different``: it works, in another way; ``ignored``: it can be written
            and has no effect; ``missing``: using it is an error.
        note: what is different, or what to use instead.
    """

    status: Status
    note: str = ""


def _same(note: str = "") -> Entry:
    return Entry("same", note)


def _different(note: str) -> Entry:
    return Entry("different", note)


def _ignored(note: str) -> Entry:
    return Entry("ignored", note)


def _missing(note: str) -> Entry:
    return Entry("missing", note)


# The public names of the modules that Prefect 1 and prefectlite share.
PUBLIC: dict[str, str] = {
    "": "Flow Parameter Task apply_map case config context flatten mapped resource_manager tags "
    "task unmapped",
    "configuration": "BACKEND_CONFIG DEFAULT_CONFIG ENV_VAR_PREFIX USER_CONFIG config "
    "create_user_config interpolate_config interpolate_env_vars load_configuration "
    "load_default_config load_toml process_task_defaults string_to_type "
    "to_environment_variables validate_config",
    "core": "Edge Flow Parameter Task",
    "core.edge": "Edge is_valid_identifier",
    "core.flow": "Flow ParameterDetails cache",
    "core.parameter": "DateTimeParameter Parameter",
    "core.task": "EXTRA_CALL_PARAMETERS NoDefault Task",
    "engine": "FlowRunner TaskRunner",
    "engine.cache_validators": "all_inputs all_parameters duration_only never_use "
    "partial_inputs_only partial_parameters_only",
    "engine.flow_runner": "FlowRunner run_task",
    "engine.result": "NoResult NoResultType Result",
    "engine.results": "AzureResult ConstantResult GCSResult LocalResult PrefectResult S3Result "
    "SecretResult",
    "engine.serializers": "CompressedSerializer DateTimeSerializer JSONSerializer "
    "PandasSerializer PickleSerializer Serializer",
    "engine.signals": "ENDRUN FAIL LOOP PAUSE PrefectStateSignal RETRY SKIP SUCCESS TRIGGERFAIL "
    "VALIDATIONFAIL signal_from_state",
    "engine.state": "Cached Cancelled Cancelling ClientFailed Failed Finished Looped Mapped "
    "Paused Pending Queued Resume Retrying Running Scheduled Skipped State Submitted Success "
    "TimedOut TriggerFailed ValidationFailed",
    "engine.task_runner": "TaskRunner",
    "exceptions": "AuthorizationError ClientError FlowStorageError ObjectNotFoundError "
    "PrefectException PrefectSignal TaskTimeoutSignal VersionLockMismatchSignal",
    "executors": "DaskExecutor Executor LocalDaskExecutor LocalExecutor",
    "schedules": "CronSchedule IntervalSchedule RRuleSchedule Schedule",
    "schedules.adjustments": "add next_weekday",
    "schedules.clocks": "Clock ClockEvent CronClock DatesClock IntervalClock RRuleClock",
    "schedules.filters": "at_time between_dates between_datetimes between_times is_day_of_week "
    "is_month_end is_month_start is_weekday is_weekend on_date on_datetime",
    "schedules.schedules": "CronSchedule IntervalSchedule RRuleSchedule Schedule",
    "tasks.control_flow": "FilterTask case ifelse merge switch",
    "tasks.control_flow.case": "case",
    "tasks.control_flow.conditional": "CompareValue Merge ifelse merge switch",
    "tasks.control_flow.filter": "FilterTask",
    "tasks.core.collections": "Dict List Set Tuple VarArgsTask",
    "tasks.core.constants": "Constant",
    "tasks.core.function": "FunctionTask",
    "tasks.core.operators": "Add And Div Equal FloorDiv GetAttr GetItem GreaterThan "
    "GreaterThanOrEqual LessThan LessThanOrEqual Mod Mul Not NotEqual Or Pow Sub",
    "tasks.core.resource_manager": "ResourceCleanupTask ResourceContext ResourceInitTask "
    "ResourceManager ResourceSetupTask resource_cleanup_trigger resource_manager",
    "tasks.secrets": "EnvVarSecret PrefectSecret SecretBase",
    "tasks.shell": "PIPE ShellTask defaults_from_attrs",
    "tasks.templates": "JinjaTemplate StringFormatter",
    "tasks.templates.jinja2": "JinjaTemplate",
    "tasks.templates.strings": "StringFormatter",
    "triggers": "all_failed all_finished all_successful always_run any_failed any_successful "
    "manual_only not_all_skipped some_failed some_successful",
    "utilities.collections": "CompoundKey DotDict as_nested_dict dict_to_flatdict "
    "flatdict_to_dict flatten_seq merge_dicts",
    "utilities.configuration": "set_temporary_config",
    "utilities.context": "Context context",
    "utilities.debug": "is_serializable raise_on_exception",
    "utilities.diagnostics": "config_overrides diagnostic_info environment_variables "
    "flow_information system_information",
    "utilities.edges": "EdgeAnnotation flatten mapped unmapped",
    "utilities.filesystems": "ParsedPath parse_path read_bytes_from_path",
    "utilities.importtools": "import_object",
    "utilities.logging": "RedirectToLog configure_extra_loggers configure_logging "
    "create_diagnostic_logger get_logger getlogsize temporary_logger_config",
    "utilities.notifications": "callback_factory gmail_notifier slack_message_formatter "
    "slack_notifier",
    "utilities.tasks": "apply_map as_task defaults_from_attrs pause_task tags task",
}

_HANDLERS = (
    "azure_result_handler constant_result_handler gcs_result_handler json_result_handler "
    "local_result_handler result_handler s3_result_handler secret_result_handler"
)

# Modules that are found under another path here.
MOVED: dict[str, str] = {
    "client.secrets": "compat.secrets",
    "engine.executors": "executors",
    "engine.result.base": "engine.result",
    "engine.result_handlers": "compat.result_handlers",
    **{f"engine.result_handlers.{kind}": "compat.result_handlers" for kind in _HANDLERS.split()},
    "tasks.database": "compat.sqlite_tasks",
    "tasks.database.sqlite": "compat.sqlite_tasks",
    "tasks.files": "compat.file_tasks",
    "tasks.files.compression": "compat.file_tasks",
    "tasks.files.operations": "compat.file_tasks",
    "tasks.secrets.base": "tasks.secrets",
    "tasks.secrets.env_var": "tasks.secrets",
    "utilities.exceptions": "exceptions",
    "utilities.notifications.notifications": "utilities.notifications",
}

# Names that modules of Prefect have besides their own, and that people import from there.
REEXPORTED: dict[str, str] = {
    "executors.dask.LocalDaskExecutor": "executors.LocalDaskExecutor",
    "engine.executors.dask.LocalDaskExecutor": "executors.LocalDaskExecutor",
    "engine.get_default_executor_class": "compat.engine_defaults.get_default_executor_class",
    "engine.get_default_flow_runner_class": "compat.engine_defaults.get_default_flow_runner_class",
    "engine.get_default_task_runner_class": "compat.engine_defaults.get_default_task_runner_class",
    "engine.runner.ENDRUN": "engine.signals.ENDRUN",
    "engine.task_runner.ENDRUN": "engine.signals.ENDRUN",
    "engine.flow_runner.ENDRUN": "engine.signals.ENDRUN",
    "engine.signals.state": "engine.state",
    "exceptions.PrefectError": "exceptions.PrefectException",
    "exceptions.StorageError": "exceptions.FlowStorageError",
    "exceptions.TaskTimeoutError": "exceptions.TaskTimeoutSignal",
    "exceptions.VersionLockError": "exceptions.VersionLockMismatchSignal",
    "utilities.exceptions.PrefectError": "exceptions.PrefectException",
    "utilities.exceptions.StorageError": "exceptions.FlowStorageError",
    "utilities.exceptions.TaskTimeoutError": "exceptions.TaskTimeoutSignal",
    "tasks.Task": "core.task.Task",
    "utilities.tasks.unmapped": "utilities.edges.unmapped",
}

_NO_SERVER = "there is no server and no account here. "
_RUN_IT = "run the flow with flow.run(), `prefectlite run FILE` or `prefectlite serve FILE`"
_WRITE_TASK = "write a task that calls the service's own Python package"
_NO_EFFECT = f"it has no effect; {_RUN_IT}"

_SERVICES = (
    "airbyte airtable asana azureml census cubejs databricks dbt docker dremio dropbox exasol "
    "firebolt fivetran github great_expectations gsheets hightouch jira jupyter kafka kubernetes "
    "mixpanel monday monte_carlo mysql neo4j postgres powershell prometheus redis rss sendgrid "
    "sftp snowflake sodaspark sodasql spacy sql_server toloka transform trello twitter zendesk"
)

NAMES: dict[str, Entry] = {
    # what works in another way
    "Flow.register": _ignored(_NO_EFFECT),
    "Flow.run_agent": _missing(_NO_SERVER + f"Instead: {_RUN_IT}"),
    "Flow.run_config": _ignored(_NO_EFFECT + "; the executor decides where tasks run"),
    "Flow.storage": _ignored(_NO_EFFECT + "; the flow is read from its file"),
    "Flow.environment": _ignored(_NO_EFFECT + "; pass the executor to Flow or to flow.run()"),
    "Flow.visualize": _same("needs the extra `viz`"),
    "Task.result_handler": _different("deprecated, as in Prefect 1: write result="),
    "config": _different(
        "prefectlite's own configuration: PREFECTLITE__ variables and ~/.prefectlite/config.toml; "
        "what was set for Prefect is read when asked for (see the page on the import alias)"
    ),
    "config.cloud": _ignored(f"{_NO_SERVER}With the import alias these keys can be read and set"),
    "config.server": _ignored(f"{_NO_SERVER}With the import alias these keys can be read and set"),
    "config.backend": _ignored(f"{_NO_SERVER}With the import alias this key can be read and set"),
    "configuration.ENV_VAR_PREFIX": _different("`PREFECTLITE`"),
    "configuration.USER_CONFIG": _different("`~/.prefectlite/config.toml`"),
    "configuration.BACKEND_CONFIG": _different("read where it exists; nothing here writes it"),
    "engine.flow_runner.run_task": _different("runs a task by itself; executors do not call it"),
    "engine.results.PrefectResult": _same("JSON in the location itself"),
    "engine.results.S3Result": _different("needs the extra `s3`; fsspec, not boto3, does the work"),
    "engine.results.GCSResult": _different("needs the extra `gcs`; fsspec does the work"),
    "engine.results.AzureResult": _different("needs the extra `azure`; fsspec does the work"),
    "engine.executors": _same("the old path of `executors`"),
    "engine.result_handlers": _different("each makes the `Result` that took its place"),
    "engine.result.base": _same("is `engine.result`"),
    "executors.DaskExecutor": _different(
        "values stay on the workers; `disable_cancellation_event` has no effect"
    ),
    "executors.LocalDaskExecutor": _different(
        "its processes are its own; a process that dies costs the task run it had, no other"
    ),
    "utilities.logging": _different("the loggers' names begin with `prefectlite`"),
    "utilities.exceptions": _different("the old path of `exceptions`"),
    "tasks.templates.jinja2": _same("needs the package jinja2"),
    "client.Secret": _same("looked up in the context and in PREFECT__CONTEXT__SECRETS__NAME"),
    "client.secrets": _same("looked up in the context and in PREFECT__CONTEXT__SECRETS__NAME"),
    # what can be written and does nothing
    "storage": _ignored(_NO_EFFECT),
    "run_configs": _ignored(_NO_EFFECT),
    "environments": _ignored(_NO_EFFECT + "; an executor in it is not used: pass it to Flow"),
    "artifacts": _ignored("nothing shows them; as in Prefect 1 without a server, None comes back"),
    "backend.artifacts": _ignored("nothing shows them"),
    "backend.create_link_artifact": _ignored("nothing shows it"),
    "backend.create_markdown_artifact": _ignored("nothing shows it"),
    "backend.update_link_artifact": _ignored("nothing shows it"),
    "backend.update_markdown_artifact": _ignored("nothing shows it"),
    "backend.delete_artifact": _ignored("nothing shows it"),
    # what is not here
    "Client": _missing(_NO_SERVER + f"Instead: {_RUN_IT}"),
    "client": _missing(_NO_SERVER + f"Instead: {_RUN_IT}"),
    "agent": _missing("there are no agents. Instead: `prefectlite serve FILE` keeps schedules"),
    "backend": _missing(
        _NO_SERVER + "Instead: look at the state that flow.run() returns, or keep values in a file "
        "or a database of your own"
    ),
    "cli": _missing("Instead: the commands `prefectlite run`, `serve` and `doctor`"),
    "engine.cloud": _missing(_NO_SERVER + "Instead: prefectlite.engine.FlowRunner and TaskRunner"),
    "engine.get_default_executor_class": _same(),
    "engine.get_default_flow_runner_class": _same(),
    "engine.get_default_task_runner_class": _same(),
    "hello_world": _missing("Instead: the first flow of the README"),
    "serialization": _missing("Instead: flow.serialize(), task.serialize(), state.serialize()"),
    "tasks.aws": _missing(f"Instead: {_WRITE_TASK} (boto3), or targets in an S3Result"),
    "tasks.azure": _missing(f"Instead: {_WRITE_TASK}, or targets in an AzureResult"),
    "tasks.cloud": _missing(_NO_SERVER + "Instead: call the other flow's run() inside of a task"),
    "tasks.database": _same("with the import alias; `SQLiteQuery`, `SQLiteScript`"),
    "tasks.files": _same("with the import alias; `Copy`, `Move`, `Remove`, `Glob`, `Zip`, `Unzip`"),
    "tasks.gcp": _missing(f"Instead: {_WRITE_TASK} (google-cloud-*), or targets in a GCSResult"),
    "tasks.notifications": _missing(
        "Instead: slack_notifier or gmail_notifier of utilities.notifications, or a task that "
        "sends the message"
    ),
    "tasks.prefect": _missing(_NO_SERVER + "Instead: call the other flow's run() inside of a task"),
    "tasks.secrets.vault_secret": _missing("Instead: a subclass of SecretBase, or EnvVarSecret"),
    "tasks.secrets.VaultSecret": _missing("Instead: a subclass of SecretBase, or EnvVarSecret"),
    "utilities.agent": _missing(_NO_SERVER.capitalize().strip()),
    "utilities.aws": _missing("Instead: boto3.client(...)"),
    "utilities.backend": _missing(_NO_SERVER.capitalize().strip()),
    "utilities.compatibility": _missing("It was internal to Prefect"),
    "utilities.datetimes": _missing("Instead: a timedelta for retry_delay, or the RETRY signal"),
    "utilities.executors": _missing("It was internal to Prefect"),
    "utilities.gcp": _missing("Instead: the clients of the packages google-cloud-*"),
    "utilities.git": _missing("Instead: a task that calls git"),
    "utilities.graphql": _missing(_NO_SERVER.capitalize().strip()),
    "utilities.kubernetes": _missing("Instead: the package kubernetes"),
    "utilities.plugins": _missing("It was internal to Prefect"),
    "utilities.serialization": _missing("Instead: the package marshmallow"),
    "utilities.storage": _missing("Instead: flow.save() and Flow.load()"),
    "utilities.notifications.jira_notification": _missing("Instead: callback_factory"),
    "utilities.notifications.jira_notifier": _missing("Instead: callback_factory"),
    "utilities.notifications.snowflake_logger": _missing("Instead: callback_factory"),
    "utilities.notifications.snowflake_message_formatter": _missing("Instead: callback_factory"),
    **{f"tasks.{service}": _missing(f"Instead: {_WRITE_TASK}") for service in _SERVICES.split()},
}


def lookup(name: str) -> Entry | None:
    """Say what there is to say of a name of Prefect 1.

    Args:
        name: a dotted name without the leading ``prefect.``: a module, or what is in it.

    Returns:
        The entry of the longest name in the table that it begins with; ``same`` for a public name
        that the table has nothing to say of; None for a name it does not know.

    Example:
        >>> lookup("tasks.aws.s3.S3Upload").status
        'missing'
    """
    name = canonical(name)
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        entry = NAMES.get(".".join(parts[:length]))
        if entry is not None:
            return entry
    for length in range(len(parts), -1, -1):
        public = PUBLIC.get(".".join(parts[:length]))
        if public is not None:
            # `engine.results.local_result.LocalResult` is one of `engine.results` as well
            rest, names = parts[length : length + 2], public.split()
            if not rest or any(part in names for part in rest):
                return Entry("same")
    if name in REEXPORTED:
        return Entry("same")
    return Entry("same") if any(module.startswith(f"{name}.") for module in PUBLIC) else None


# Classes by the shorter paths that flows are written with.
_SHORT = {
    "Flow": ("core.flow.Flow", "core.Flow"),
    "Task": ("core.task.Task", "core.Task"),
    "Parameter": ("core.parameter.Parameter", "core.Parameter"),
}


def canonical(name: str) -> str:
    """The name under which the table knows a class that can be imported from several places."""
    for short, longer in _SHORT.items():
        for path in longer:
            if name == path or name.startswith(f"{path}."):
                return short + name[len(path) :]
    return name
