"""Versions that differ between this process and a cluster, said before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefectlite._version import __version__
from prefectlite.exceptions import ExecutorError
from prefectlite.executors.dask_calls import answer_of
from prefectlite.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed import Client

# what the pickles and messages of a run are made with; how many parts of the version must agree
_WARNED_OF = {"cloudpickle": 2, "dask": 3, "distributed": 3, "msgpack": 1}
_MOST_NAMED = 5


def check_versions(client: Client) -> None:
    """Compare this process's versions with those of the scheduler and the workers there are.

    Args:
        client: The connected client.

    Raises:
        ExecutorError: A worker has another minor version of Python, or another prefectlite: what
            is sent to it could not be loaded, or would be taken for something else.
    """
    try:
        found: Any = answer_of(
            client, lambda: client.get_versions(check=False, packages=["prefectlite"])
        )
    except (OSError, asyncio.TimeoutError):
        # one that is leaving; a run finds out by itself
        return
    ours = {**_packages(found["client"]), "prefectlite": __version__}
    wrong: dict[str, list[str]] = {}
    doubtful: dict[str, list[str]] = {}
    places = {f"worker {address}": info for address, info in found["workers"].items()}
    for place, theirs in {"scheduler": found["scheduler"], **places}.items():
        versions = _packages(theirs)
        if not versions:
            continue
        if place != "scheduler":
            for name, parts in (("python", 2), ("prefectlite", 9)):
                if _differ(ours, versions, name, parts):
                    wrong.setdefault(_told(name, ours, versions), []).append(place)
        for name, parts in _WARNED_OF.items():
            if _differ(ours, versions, name, parts):
                doubtful.setdefault(_told(name, ours, versions), []).append(place)
    if doubtful:
        get_logger("DaskExecutor").warning(
            "Versions differ between this process and the cluster: %s. Install the same ones.",
            _listed(doubtful),
        )
    if wrong:
        raise ExecutorError(
            f"The cluster cannot run this flow: {_listed(wrong)}. Install the same minor version "
            "of Python, and the same version of prefectlite, here and on every worker."
        )


def _packages(info: Any) -> Mapping[str, Any]:
    if not isinstance(info, dict):
        return {}
    packages: Mapping[str, Any] = info.get("packages", {})
    return packages


def _differ(ours: Mapping[str, Any], theirs: Mapping[str, Any], name: str, parts: int) -> bool:
    mine, other = ours.get(name), theirs.get(name)
    # what is not installed as a package, but found by its path, tells no version
    if mine is None or other is None:
        return False
    return str(mine).split(".")[:parts] != str(other).split(".")[:parts]


def _told(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    return f"{name} {ours.get(name)} here, {theirs.get(name)} there"


def _listed(differences: Mapping[str, list[str]]) -> str:
    told = []
    for difference, places in differences.items():
        named = ", ".join(places[:_MOST_NAMED])
        more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
        told.append(f"{difference} ({named}{more})")
    return "; ".join(told)
