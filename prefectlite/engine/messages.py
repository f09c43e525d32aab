"""The messages of states that more than one part of the engine makes; Prefect 1's, as observed."""

SKIPPED_UPSTREAM = (
    "Upstream task was skipped; if this was not the intended behavior, consider changing "
    "`skip_on_upstream_skip=False` for this task."
)
NOTHING_TO_MAP = "No upstream states can be mapped over."
UNMAPPABLE_RESULT = "At least one upstream state has an unmappable result."
EXPANDED = "Ready to proceed with mapping."
STARTING = "Starting task run."
SUCCEEDED = "Task run succeeded."
CONSTANT = "Auto-generated constant value"
