"""Names and signatures: each public class, method and function takes the same arguments."""

from __future__ import annotations

import inspect
from typing import Any

from compat.harness import case, plain

OURS = {
    "annotations",
    "associative",
    "batch_size",
    "fuse",
    "max_in_flight",
    "readers",
    "reconnect",
    "result_handler",
    "task_concurrency",
    "timeout_method",
    "worker_timeout",
}


def _parameters(function: Any) -> Any:
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in OURS:
            continue
        has_default = parameter.default is not inspect.Parameter.empty
        simple = isinstance(parameter.default, (bool, int, str, type(None)))
        default = plain(parameter.default) if has_default and simple else has_default
        found.append([parameter.name, parameter.kind.name, default])
    return found


def _signatures(p: Any, module: str, *names: str) -> Any:
    found = {}
    for name in names:
        target = p.module(module)
        owner = None
        for part in name.split("."):
            owner, target = target, getattr(target, part)
        if isinstance(owner, type) and isinstance(inspect.getattr_static(owner, part), property):
            found[name] = "property"
        else:
            found[name] = _parameters(target)
    return found


@case
def of_task(p: Any) -> Any:
    methods = [
        "__call__",
        "bind",
        "copy",
        "inputs",
        "is_equal",
        "is_not_equal",
        "map",
        "not_",
        "or_",
        "outputs",
        "pipe",
        "run",
        "serialize",
        "set_dependencies",
        "set_downstream",
        "set_upstream",
    ]
    return _signatures(p, "core.task", "Task", *[f"Task.{name}" for name in methods])


@case
def of_flow(p: Any) -> Any:
    methods = [
        "__enter__",
        "__eq__",
        "add_edge",
        "add_task",
        "all_downstream_edges",
        "all_upstream_edges",
        "chain",
        "copy",
        "diagnostics",
        "downstream_tasks",
        "edges_from",
        "edges_to",
        "get_tasks",
        "load",
        "parameters",
        "reference_tasks",
        "replace",
        "root_tasks",
        "save",
        "serialize",
        "serialized_hash",
        "set_dependencies",
        "set_reference_tasks",
        "sorted_tasks",
        "terminal_tasks",
        "update",
        "upstream_tasks",
        "validate",
        "visualize",
    ]
    found = _signatures(p, "core.flow", *[f"Flow.{name}" for name in methods])
    known = [
        "name",
        "executor",
        "tasks",
        "edges",
        "reference_tasks",
        "state_handlers",
        "on_failure",
        "validate",
        "result",
        "terminal_state_handler",
        "schedule",
    ]
    found["Flow"] = [x for x in _parameters(p.Flow) if x[0] in known]
    found["run"] = _parameters(p.Flow.run)
    return found


@case
def of_edge_and_parameter(p: Any) -> Any:
    return [
        _signatures(p, "core.edge", "Edge", "Edge.serialize", "Edge.tasks", "is_valid_identifier"),
        _signatures(
            p,
            "core.parameter",
            "Parameter",
            "Parameter.__call__",
            "Parameter.copy",
            "Parameter.run",
            "Parameter.serialize",
            "DateTimeParameter",
        ),
    ]


@case
def of_states(p: Any) -> Any:
    names = [
        "State",
        "Cached",
        "Cancelled",
        "Cancelling",
        "ClientFailed",
        "Failed",
        "Finished",
        "Looped",
        "Mapped",
        "Paused",
        "Pending",
        "Queued",
        "Resume",
        "Retrying",
        "Running",
        "Scheduled",
        "Skipped",
        "Submitted",
        "Success",
        "TimedOut",
        "TriggerFailed",
        "ValidationFailed",
        "State.children",
        "State.parents",
        "State.deserialize",
        "State.load_cached_results",
        "State.load_result",
        "State.serialize",
    ]
    return _signatures(p, "engine.state", *names)


@case
def of_signals(p: Any) -> Any:
    names = [
        "ENDRUN",
        "FAIL",
        "LOOP",
        "PAUSE",
        "RETRY",
        "SKIP",
        "SUCCESS",
        "TRIGGERFAIL",
        "VALIDATIONFAIL",
    ]
    return _signatures(p, "engine.signals", *names, "signal_from_state")


@case
def of_results(p: Any) -> Any:
    methods = "Result.copy Result.exists Result.format Result.from_value Result.read Result.write"
    return [
        _signatures(p, "engine.result", "Result", *methods.split(), "Result.default_location"),
        _signatures(
            p,
            "engine.results",
            "LocalResult",
            "PrefectResult",
            "ConstantResult",
            "SecretResult",
            "LocalResult.exists",
            "LocalResult.read",
            "LocalResult.write",
            "LocalResult.default_location",
        ),
    ]


@case
def of_serializers(p: Any) -> Any:
    names = [
        "CompressedSerializer",
        "CompressedSerializer.compression_from_lib",
        "DateTimeSerializer",
        "JSONSerializer",
        "PandasSerializer",
        "PickleSerializer",
        "Serializer",
        "Serializer.serialize",
        "Serializer.deserialize",
    ]
    return _signatures(p, "engine.serializers", *names)


@case
def of_validators_and_triggers(p: Any) -> Any:
    validators = [
        "all_inputs",
        "all_parameters",
        "duration_only",
        "never_use",
        "partial_inputs_only",
        "partial_parameters_only",
    ]
    triggers = [
        "all_failed",
        "all_finished",
        "all_successful",
        "always_run",
        "any_failed",
        "any_successful",
        "manual_only",
        "not_all_skipped",
        "some_failed",
        "some_successful",
    ]
    return [
        _signatures(p, "engine.cache_validators", *validators),
        _signatures(p, "triggers", *triggers),
    ]


@case
def of_runners(p: Any) -> Any:
    return [
        _signatures(p, "engine.task_runner", "TaskRunner", "TaskRunner.run"),
        _signatures(p, "engine.flow_runner", "FlowRunner", "FlowRunner.run", "run_task"),
    ]


@case
def of_executors(p: Any) -> Any:
    names = [
        "Executor",
        "Executor.start",
        "Executor.submit",
        "Executor.wait",
        "LocalExecutor",
        "LocalExecutor.submit",
        "LocalExecutor.wait",
        "LocalDaskExecutor",
        "LocalDaskExecutor.start",
        "LocalDaskExecutor.submit",
        "LocalDaskExecutor.wait",
        "DaskExecutor",
        "DaskExecutor.start",
        "DaskExecutor.submit",
        "DaskExecutor.wait",
        "DaskExecutor.on_worker_status_changed",
        "DaskExecutor.performance_report",
    ]
    return _signatures(p, "executors", *names)


@case
def of_core_tasks(p: Any) -> Any:
    operators = [
        "Add.run",
        "Div.run",
        "GetAttr",
        "GetAttr.run",
        "GetItem",
        "GetItem.run",
        "Not.run",
        "Sub.run",
    ]
    return [
        _signatures(p, "tasks.core.operators", *operators),
        _signatures(p, "tasks.core.collections", "VarArgsTask.bind", "Dict.run", "List.run"),
        _signatures(p, "tasks.core.constants", "Constant", "Constant.run"),
        _signatures(p, "tasks.core.function", "FunctionTask"),
    ]


@case
def of_utilities(p: Any) -> Any:
    return [
        _signatures(
            p, "utilities.tasks", "apply_map", "as_task", "defaults_from_attrs", "tags", "task"
        ),
        _signatures(p, "utilities.edges", "EdgeAnnotation", "flatten", "mapped", "unmapped"),
        _signatures(
            p,
            "utilities.collections",
            "CompoundKey",
            "DotDict",
            "DotDict.copy",
            "DotDict.get",
            "DotDict.to_dict",
            "as_nested_dict",
            "dict_to_flatdict",
            "flatdict_to_dict",
            "flatten_seq",
            "merge_dicts",
        ),
        _signatures(p, "utilities.configuration", "set_temporary_config"),
        _signatures(
            p,
            "utilities.logging",
            "RedirectToLog",
            "RedirectToLog.write",
            "configure_logging",
            "get_logger",
            "temporary_logger_config",
            "create_diagnostic_logger",
            "configure_extra_loggers",
            "getlogsize",
        ),
        _signatures(p, "utilities.context", "Context"),
    ]


@case
def of_utilities_around_a_run(p: Any) -> Any:
    return [
        _signatures(p, "utilities.debug", "is_serializable", "raise_on_exception"),
        _signatures(
            p,
            "utilities.diagnostics",
            "config_overrides",
            "diagnostic_info",
            "environment_variables",
            "flow_information",
            "system_information",
        ),
        _signatures(p, "utilities.filesystems", "parse_path", "read_bytes_from_path"),
        _signatures(p, "utilities.importtools", "import_object"),
    ]


@case
def of_configuration(p: Any) -> Any:
    names = [
        "create_user_config",
        "interpolate_config",
        "interpolate_env_vars",
        "load_configuration",
        "load_default_config",
        "load_toml",
        "process_task_defaults",
        "string_to_type",
        "validate_config",
    ]
    found = _signatures(p, "configuration", *names)
    module = p.module("configuration")
    found["create_user_config"] = [x[0] for x in found["create_user_config"]]
    return [
        found,
        type(module.config).__name__,
        module.ENV_VAR_PREFIX,
        module.USER_CONFIG,
        module.DEFAULT_CONFIG.rsplit("/", 1)[-1],
    ]
