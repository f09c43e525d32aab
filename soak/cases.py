"""One run of the soak as plain data, drawn from its seed: a flow, an executor, and its faults."""

from __future__ import annotations

import random
from dataclasses import dataclass

from soak.shapes import Shape, draw_shape, with_trouble
from soak.values import run_count

# by fault: on which executors, and how often each
ANYWHERE = {"dask": 6, "threads": 2, "local": 2, "processes": 2}
CHOICES: dict[str, dict[str, int]] = {
    "kill-worker": {"dask": 6, "processes": 1},
    "freeze-worker": {"dask": 1},
    "memory": {"dask": 1},
    "cut-worker": {"dask": 1},
    "cut-driver": {"dask": 1},
    "disk-full": ANYWHERE,
    "store-503": ANYWHERE,
    "kill-scheduler": {"dask": 1},
    "restart-scheduler": {"dask": 1},
    "leave-worker": {"dask": 1},
    "journal-gone": ANYWHERE,
    "kill-driver": {**ANYWHERE, "local-cluster": 1},
    "cancel": {**ANYWHERE, "local-cluster": 1},
    "poison": {"dask": 4, "processes": 1},
}
# these are in the flow itself: nobody has to do anything
IN_FLOW = ("memory", "poison")
# what may come on top: what leaves the cluster and the driver as they should be
SECOND = ("kill-worker", "freeze-worker", "store-503", "kill-driver", "cancel")
# a run whose journal could not be begun cannot be gone on with
NOT_TOGETHER = {("journal-gone", "kill-driver"), ("journal-gone", "cancel")}
# how many task runs' values the small disk holds easily, of this size
DISK_WEIGHT = 6000


@dataclass(frozen=True)
class Blow:
    """A fault and its moment.

    Attributes:
        kind: A key of `CHOICES`.
        after: After how many task runs began.
        pause: So many seconds later.
        lasts: For so many seconds, where it passes.
        variant: A number that decides between ways of doing it.
    """

    kind: str
    after: int
    pause: float
    lasts: float
    variant: int


@dataclass(frozen=True)
class Case:
    """One run of the soak.

    Attributes:
        seed: What it was drawn from.
        only: The kind of fault that was asked for, if one was.
        shape: The flow.
        executor: dask, local-cluster, processes, threads or local.
        blows: The faults; the first gives the run its kind.
    """

    seed: int
    only: str | None
    shape: Shape
    executor: str
    blows: tuple[Blow, ...]

    @property
    def kind(self) -> str:
        """The kind of its first fault."""
        return self.blows[0].kind

    @property
    def replay(self) -> str:
        """The command that does it again."""
        only = f" --only {self.only}" if self.only else ""
        return f'make soak ARGS="--seed {self.seed} --runs 1{only}"'


def draw_case(seed: int, only: str | None = None) -> Case:
    """Draw the run of a seed.

    Args:
        seed: The seed.
        only: The kind of its first fault, or None for one that is drawn.
    """
    dice = random.Random(f"{seed}-{only or ''}")
    kind = only or list(CHOICES)[seed % len(CHOICES)]
    executors = CHOICES[kind]
    executor = dice.choices(list(executors), list(executors.values()))[0]
    places = dice.choice([("local",), ("local",), ("local", "s3"), ("s3",)])
    if kind == "store-503":
        places = dice.choice([("s3",), ("s3", "local")])
    elif kind == "disk-full":
        places = dice.choice([("local",), ("local", "s3")])
    shape = draw_shape(dice, places, DISK_WEIGHT if kind == "disk-full" else 0)
    if kind in IN_FLOW:
        shape = with_trouble(dice, shape, kind)
    runs = run_count(shape)
    blows = [_blow(dice, kind, runs)]
    if kind not in IN_FLOW and dice.random() < 0.25:
        able = [each for each in SECOND if each != kind and executor in CHOICES[each]]
        able = [each for each in able if (kind, each) not in NOT_TOGETHER]
        if able:
            blows.append(_blow(dice, dice.choice(able), runs))
    return Case(seed, only, shape, executor, tuple(blows))


def _blow(dice: random.Random, kind: str, runs: int) -> Blow:
    lasts = dice.uniform(0.3, 2.0)
    if kind == "freeze-worker" and dice.random() < 0.25:
        # longer than the scheduler is patient
        lasts = dice.uniform(6.0, 9.0)
    if kind == "journal-gone":
        # longer than clients of a store try again by themselves, in some runs
        lasts = dice.uniform(0.5, 8.0)
    return Blow(
        kind,
        after=1 + int(runs * dice.uniform(0.0, 0.8)),
        pause=dice.uniform(0.0, 0.05),
        lasts=lasts,
        variant=dice.randrange(1 << 16),
    )
