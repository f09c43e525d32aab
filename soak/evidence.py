"""Gathers what a run left: effects, journals, and every stored value there is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefectlite import runs
from prefectlite.engine.checkpoints import run_folder
from prefectlite.runs import Run
from soak.cases import Case
from soak.effects import read_effects
from soak.flows import Places, result_of
from soak.oracle import Found, Kept, Leg
from soak.world import World


def gather(world: World, case: Case, places: Places, journals: str, legs: Sequence[Leg]) -> Found:
    """All that the oracle looks at.

    Args:
        world: Where the run was.
        case: The run.
        places: Where its task runs left what.
        journals: The runs folder, a path or a URL.
        legs: Its drivers.
    """
    infos = sorted(runs.list_runs(journals), key=lambda info: info.started)
    local = {node.number: node.place == "local" for node in case.shape.nodes}
    kept = [kept_of(runs.load(info.run_id, journals), places, local) for info in infos]
    return Found(
        legs,
        read_effects(Path(places.effects)),
        kept,
        {
            (place, location): value
            for place in sorted({node.place for node in case.shape.nodes})
            for location, value in stored_values(world, places, place, kept).items()
        },
    )


def kept_of(run: Run, places: Places, local: Mapping[int, bool]) -> Kept:
    """What the oracle asks of a journal; `local` says which nodes' values are in files."""
    stored = {}
    for slug, latest in run.latest.items():
        for index, change in latest.items():
            if change.state in ("Success", "Cached") and change.location is not None:
                task = int(slug.removeprefix("t").partition("-")[0])
                # one that was found at its target has the target as its location
                folder = places.results if local[task] else ""
                location = os.path.join(folder, change.location)  # noqa: PTH118
                stored[task, -1 if index is None else index] = location
    damage = None if run.damage is None else str(run.damage)
    return Kept(run.run_id, run.info.state, damage, stored)


def stored_values(world: World, places: Places, place: str, kept: Sequence[Kept]) -> dict[str, Any]:
    """The values that can be seen at a place, and an exception for what cannot be read."""
    result = result_of(places, place)
    if place == "local":
        folder = Path(places.results)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        # what a writer that was killed left unfinished is under a name of its own
        visible = [str(path) for path in paths if not path.name.startswith(".prefectlite-")]
    else:
        folders = [places.prefix, *(run_folder(each.run) for each in kept)]
        visible = [key for folder in folders for key in world.list_store(folder)]
    found: dict[str, Any] = {}
    for location, data in zip(visible, result.fetch_many(visible), strict=True):
        if isinstance(data, Exception):
            found[location] = data
            continue
        try:
            found[location] = result.opened(location, data).value
        except Exception as error:
            found[location] = error
    return found
