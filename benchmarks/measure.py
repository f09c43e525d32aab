"""Measuring a workload: the sides take turns in one run, and each pair of turns gives a ratio."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.processes import Options, start_side
from benchmarks.workload import BY_HAND, OURS, PREFECT1, Workload


@dataclass
class Measured:
    """What was measured of a workload at one size, by library."""

    workload: Workload
    size: int
    seconds: dict[str, list[float]]
    """A time a turn, in the order of the turns."""
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    """Peaks in MiB of a run in new processes: of "driver", "scheduler" and "worker"."""

    def milliseconds(self, library: str) -> float:
        """Return the median time of one of the workload's units, in milliseconds."""
        return statistics.median(self.seconds[library]) / self.size * 1000

    def ratios(self, library: str = OURS, beside: str = BY_HAND) -> list[float]:
        """Return the time of each turn divided by that of the same turn of another side."""
        pairs = zip(self.seconds.get(library, ()), self.seconds.get(beside, ()), strict=False)
        return [time / other for time, other in pairs]


def libraries_of(workload: Workload, options: Options) -> list[str]:
    """Return the sides of a workload, in the order of their turns."""
    libraries = [OURS] if workload.by_hand is None else [BY_HAND, OURS]
    if workload.prefect1 and PREFECT1 in options.pythons:
        libraries.append(PREFECT1)
    libraries += [name for name in workload.peers if name in options.pythons]
    return [*libraries, *workload.variants]


def measure(workload: Workload, size: int, options: Options) -> Measured:
    """Measure the times of a workload and, if the options say so, its memory."""
    libraries = libraries_of(workload, options)
    once = workload.once_from is not None and size >= workload.once_from
    measured = Measured(workload, size, {library: [] for library in libraries})
    with ExitStack() as stack:
        sides = {
            library: stack.enter_context(start_side(library, workload, options))
            for library in libraries
        }
        for side in sides.values():
            side.ask(warm_up_size(workload, size))
        for turn in range(1 if once else options.repeats):
            answers = {}
            for library, side in sides.items():
                if library == PREFECT1 and turn >= options.prefect1_repeats:
                    continue
                answers[library] = side.ask(size)
                measured.seconds[library].append(answers[library]["seconds"])
                if once and options.memory:
                    measured.memory[library] = answers[library]["memory"]
            check_values(workload, {name: answer["digest"] for name, answer in answers.items()})
    if options.memory and not once:
        for library in libraries:
            with start_side(library, workload, options) as side:
                measured.memory[library] = side.ask(size)["memory"]
    return measured


def warm_up_size(workload: Workload, size: int) -> int:
    """Return the size of the first run, which is not counted: it loads what is loaded late."""
    return min([size, *workload.sizes, 36])


def check_values(workload: Workload, digests: dict[str, str]) -> None:
    """Raise RuntimeError unless all sides came to the same value."""
    if len(set(digests.values())) > 1:
        raise RuntimeError(f"{workload.name}: {', '.join(digests)} came to different values.")


def fit_line(sizes: list[int], values: list[float]) -> tuple[float, float]:
    """Return the slope and the intercept of the straight line that fits best."""
    slope, intercept = statistics.linear_regression(sizes, values)
    return slope, intercept
