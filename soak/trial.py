"""One run of the soak: drivers one after the other until it is done, and faults while they run."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefectlite.utilities.configuration import set_temporary_config
from soak.cases import IN_FLOW, Blow, Case
from soak.cluster import SETTINGS
from soak.driver import Order
from soak.effects import START, count_effects
from soak.evidence import gather
from soak.faults import FAULTS, Scene
from soak.flows import Places
from soak.oracle import HANG, Found, Leg, Problem, judge, may_fail
from soak.processes import (
    RUN_MARK,
    command_of,
    end_all,
    environment,
    marked,
    start,
    wait_until,
)
from soak.world import World

HANG_SECONDS = 60.0
LONGEST_SECONDS = 600.0
# the longest time between two looks that counts
TURN_SECONDS = 0.05
GONE_SECONDS = 10.0
MOST_LEGS = 5
# how long a run waits for a scheduler that comes back
RECONNECT_SECONDS = 60.0


@dataclass
class Verdict:
    """What came of a run.

    Attributes:
        case: The run.
        inflicted: The kinds of faults that it met, in their order.
        problems: What is not right.
        seconds: How long it took.
        legs: How many drivers it took.
        tasks: How many task runs began.
    """

    case: Case
    inflicted: list[str]
    problems: list[Problem]
    seconds: float
    legs: int
    tasks: int


class Trial:
    """Runs one case.

    Args:
        world: What runs share.
        case: The run.
    """

    def __init__(self, world: World, case: Case) -> None:
        self.world = world
        self.case = case
        self.mark = uuid.uuid4().hex
        self.folder = world.folder / f"run-{case.seed}-{self.mark[:6]}"
        on_disk = case.kind == "disk-full"
        kept = world.disk.folder / self.mark[:6] if on_disk else self.folder
        # the journal meets the full disk as well, in every other run
        journal_too = on_disk and case.blows[0].variant % 2
        self.journals = str((kept if journal_too else self.folder) / "runs")
        self.journal_options: dict[str, Any] = {}
        if case.kind == "journal-gone":
            self.journal_options = world.journal_options()
            self.journals = f"s3://{world.bucket}/runs-{self.mark}"
        self.places = self._places(kept)
        self.legs: list[Leg] = []
        self._blows = [blow for blow in case.blows if blow.kind not in IN_FLOW]
        self._lasting: list[tuple[float, Iterator[float]]] = []

    def _places(self, kept: Path) -> Places:
        for name in ("effects", "once", "home"):
            (self.folder / name).mkdir(parents=True)
        (kept / "results").mkdir(parents=True)
        places = [str(self.folder / "effects"), str(self.folder / "once"), str(kept / "results")]
        if not any(node.place == "s3" for node in self.case.shape.nodes):
            return Places(*places)
        kwargs = self.world.store_kwargs()
        return Places(*places, self.world.bucket, f"targets-{self.mark}", kwargs)

    def run(self) -> Verdict:
        """Run it to its end, and judge it."""
        began = time.monotonic()
        if self.case.executor == "dask":
            assert self.world.cluster
        try:
            while not self._is_done():
                self._drive()
            with set_temporary_config({"runs.storage_options": self.journal_options}):
                found = gather(self.world, self.case, self.places, self.journals, self.legs)
            problems = judge(self.case, found)
        finally:
            end_all(RUN_MARK, self.mark)
        verdict = Verdict(
            self.case,
            self._inflicted(found),
            problems,
            time.monotonic() - began,
            len(self.legs),
            sum(effect.what == START for effect in found.effects),
        )
        self._tidy(keep=bool(problems))
        return verdict

    def _is_done(self) -> bool:
        if not self.legs:
            return False
        last = self.legs[-1]
        if last.exit_code is None or last.is_good or len(self.legs) == MOST_LEGS:
            return True
        # the last word is spoken where nobody hurt it: with poison, that is a failure
        return not may_fail(self.case, last)

    def _inflicted(self, found: Found) -> list[str]:
        kinds = [kind for leg in self.legs for kind in leg.blows]
        for node in self.case.shape.nodes:
            index = node.troubled if node.mapped else -1
            if node.trouble and any(
                (e.task, e.index, e.what) == (node.number, index, START) for e in found.effects
            ):
                kinds.insert(0, node.trouble)
        return kinds

    def _tidy(self, keep: bool) -> None:
        if self.case.kind == "disk-full":
            self.world.disk.empty()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # one driver

    def _drive(self) -> None:
        number = len(self.legs)
        outcome = self.folder / f"outcome-{number}.json"
        log = self.folder / f"driver-{number}.log"
        order = self._order(outcome)
        (self.folder / "order").write_bytes(pickle.dumps(order))
        leg = Leg(began=time.monotonic())
        self.legs.append(leg)
        command = [sys.executable, "-m", "soak.driver", str(self.folder / "order")]
        process = start(command, log, self._environment())
        try:
            self._watch(process, leg)
        finally:
            self._mend_all()
            if process.poll() is None:
                process.kill()
                process.wait()
        leg.ended = time.monotonic()
        leg.output = log.read_text(errors="replace")[-6000:]
        if outcome.exists():
            leg.outcome = json.loads(outcome.read_text())
        leg.left = self._left()

    def _order(self, outcome: Path) -> Order:
        address = ""
        if self.case.executor == "dask":
            cluster = self.world.cluster
            address = cluster.address
            if any(blow.kind == "cut-driver" for blow in self._blows):
                address = f"tcp://127.0.0.1:{cluster.way_of_driver.port}"
        shape, places = self.case.shape, self.places
        resumes = bool(self.legs)
        reconnect = RECONNECT_SECONDS if self.case.kind == "restart-scheduler" else None
        return Order(shape, places, self.case.executor, address, resumes, str(outcome), reconnect)

    def _environment(self) -> dict[str, str]:
        settings = {
            "HOME": str(self.folder / "home"),
            "PREFECTLITE__HOME_DIR": str(self.folder / "home"),
            "PREFECTLITE__RUNS__FOLDER": self.journals,
            "PREFECTLITE__RUNS__STORAGE_OPTIONS": json.dumps(self.journal_options),
            "PREFECTLITE__LOGGING__LEVEL": "WARNING",
        }
        return environment(**SETTINGS, **settings, **{RUN_MARK: self.mark})

    def _watch(self, process: subprocess.Popen[bytes], leg: Leg) -> None:
        """Inflict what is due until the driver ends, or has been silent for too long."""
        effects = Path(self.places.effects)
        seen, silence, before = (0, 0), 0.0, time.monotonic()
        due: float | None = None
        while process.poll() is None:
            now = time.monotonic()
            progress = (count_effects(effects), self._journal_bytes())
            # where this process does not get its turn, those of the run do not either
            silence += min(now - before, TURN_SECONDS)
            before = now
            if progress != seen:
                seen, silence = progress, 0.0
            if silence > HANG_SECONDS or now - leg.began > LONGEST_SECONDS:
                _end_hanging(process)
                return
            if self._blows and due is None and progress[0] >= self._blows[0].after:
                due = now + self._blows[0].pause
            if due is not None and now >= due:
                self._inflict(self._blows.pop(0), process.pid, leg)
                due = None
            self._mend(now)
            time.sleep(0.01)
        leg.exit_code = process.returncode

    def _journal_bytes(self) -> int:
        # none where they are in a store
        return sum(path.stat().st_size for path in Path(self.journals).glob("*/journal"))

    def _inflict(self, blow: Blow, driver: int, leg: Leg) -> None:
        scene = Scene(self.world, self.case.executor, self.mark, driver)
        fault = FAULTS[blow.kind](scene, blow)
        lasts = next(fault, None)
        if lasts is None:
            return
        leg.blows.append(blow.kind)
        self._lasting.append((time.monotonic() + lasts, fault))
        if self.case.executor == "dask":
            self.world.cluster_as_it_is.forget()

    def _mend(self, now: float) -> None:
        for lasting in [each for each in self._lasting if each[0] <= now]:
            self._lasting.remove(lasting)
            next(lasting[1], None)

    def _mend_all(self) -> None:
        self._mend(float("inf"))

    def _left(self) -> list[str]:
        """What the driver left, 10 seconds later."""

        def there() -> list[int]:
            found = marked(RUN_MARK, self.mark)
            if self.case.executor == "dask":
                found += self.world.cluster_as_it_is.strays()
            return found

        if wait_until(lambda: not there(), GONE_SECONDS):
            return []
        told = [f"{pid}: {command_of(pid)[:200]}" for pid in there()]
        end_all(RUN_MARK, self.mark)
        return told


def _end_hanging(process: subprocess.Popen[bytes]) -> None:
    """End a driver that is silent; its log gets what each of its threads is at."""
    process.send_signal(signal.SIGUSR1)
    time.sleep(1.0)
    process.kill()
    process.wait()


def hang_of(case: Case, error: BaseException) -> Verdict:
    """The verdict on a run that the soak itself could not bring to an end."""
    return Verdict(case, [case.kind], [Problem(HANG, f"the soak: {error!r}")], 0.0, 0, 0)
