"""Identifiers that every process of a run makes alike."""

from __future__ import annotations

import uuid


def task_run_id(flow_run_id: str, slug: str) -> str:
    """The identifier of a task's run in a flow run; its elements share it, as in Prefect 1.

    Args:
        flow_run_id: The flow run's identifier.
        slug: The task's slug in the flow.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{flow_run_id}/{slug}"))
