"""The faults: each hurts what a run stands on, and mends it when its time is over.

A fault is a generator. It hurts, yields for how many seconds that is to last, and mends when it is
gone on with. It yields nothing where there was nothing to hurt: the run is too far.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from soak.cases import Blow
from soak.processes import RUN_MARK, children, command_of, marked, state_of, tell
from soak.proxies import Proxy
from soak.world import World


@dataclass
class Scene:
    """What a fault may hurt.

    Attributes:
        world: What runs share.
        executor: That of the run.
        mark: That of the run's processes.
        driver: The driver's process.
    """

    world: World
    executor: str
    mark: str
    driver: int


Fault = Callable[[Scene, Blow], Iterator[float]]


def _victim(scene: Scene, blow: Blow) -> int | None:
    """A process that runs tasks."""
    if scene.executor == "dask":
        return scene.world.cluster_as_it_is.worker(blow.variant % 2)
    found = sorted(p for p in marked(RUN_MARK, scene.mark) if p != scene.driver)
    found = [p for p in found if "tracker" not in command_of(p) and not children(p)]
    return found[blow.variant % len(found)] if found else None


def _kill_worker(scene: Scene, blow: Blow) -> Iterator[float]:
    victim = _victim(scene, blow)
    if victim is not None and tell(victim, signal.SIGKILL):
        yield 0.0


def _freeze_worker(scene: Scene, blow: Blow) -> Iterator[float]:
    victim = _victim(scene, blow)
    if victim is not None and tell(victim, signal.SIGSTOP):
        yield blow.lasts
        tell(victim, signal.SIGCONT)


def _cut_worker(scene: Scene, blow: Blow) -> Iterator[float]:
    yield from _cut(scene.world.cluster_as_it_is.way_of_worker, blow)


def _cut_driver(scene: Scene, blow: Blow) -> Iterator[float]:
    yield from _cut(scene.world.cluster_as_it_is.way_of_driver, blow)


def _cut(way: Proxy, blow: Blow) -> Iterator[float]:
    """Drop the connections, drop them and all new ones, or let nothing pass for a while."""
    ways = [way.cut, lambda: way.cut(and_refuse=True), way.block]
    ways[blow.variant % len(ways)]()
    yield blow.lasts
    way.mend()


def _full_disk(scene: Scene, blow: Blow) -> Iterator[float]:
    processes = marked(RUN_MARK, scene.mark)
    if scene.executor == "dask":
        processes += scene.world.cluster_as_it_is.workers()
    scene.world.disk.fill(processes)
    yield blow.lasts
    scene.world.disk.free()


def _busy_store(scene: Scene, blow: Blow) -> Iterator[float]:
    scene.world.way_of_store.be_busy()
    yield blow.lasts
    scene.world.way_of_store.mend()


def _kill_scheduler(scene: Scene, blow: Blow) -> Iterator[float]:
    scene.world.cluster_as_it_is.scheduler.kill()
    yield 0.0


def _restart_scheduler(scene: Scene, blow: Blow) -> Iterator[float]:
    """Another scheduler and other workers take the places of those that were."""
    scene.world.cluster_as_it_is.scheduler.kill()
    yield blow.lasts
    scene.world.cluster_as_it_is.restart()


def _leave_worker(scene: Scene, blow: Blow) -> Iterator[float]:
    """A worker leaves as those of adaptive clusters do, and another one comes."""
    if scene.world.cluster_as_it_is.retire(blow.variant % 2):
        yield blow.lasts
        scene.world.cluster_as_it_is.hire()


def _journal_gone(scene: Scene, blow: Blow) -> Iterator[float]:
    yield from _cut(scene.world.way_of_journals, blow)


def _kill_driver(scene: Scene, blow: Blow) -> Iterator[float]:
    # one that is dead, and not yet waited for, has come to its end by itself
    if state_of(scene.driver) not in ("", "Z") and tell(scene.driver, signal.SIGKILL):
        yield 0.0


def _cancel(scene: Scene, blow: Blow) -> Iterator[float]:
    if state_of(scene.driver) in ("", "Z"):
        return
    if blow.variant % 2:
        # as a terminal does: to all processes in front
        os.killpg(scene.driver, signal.SIGINT)
    else:
        tell(scene.driver, signal.SIGTERM)
    yield 0.0


FAULTS: dict[str, Fault] = {
    "kill-worker": _kill_worker,
    "freeze-worker": _freeze_worker,
    "cut-worker": _cut_worker,
    "cut-driver": _cut_driver,
    "disk-full": _full_disk,
    "store-503": _busy_store,
    "kill-scheduler": _kill_scheduler,
    "restart-scheduler": _restart_scheduler,
    "leave-worker": _leave_worker,
    "journal-gone": _journal_gone,
    "kill-driver": _kill_driver,
    "cancel": _cancel,
}
