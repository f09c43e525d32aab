"""The counts by kind of fault, and what to say of a run that failed."""

from __future__ import annotations

from collections.abc import Iterable

from soak.oracle import PROBLEMS
from soak.trial import Verdict

COLUMNS = ["runs", *PROBLEMS]


def table(verdicts: Iterable[Verdict]) -> str:
    """The counts by kind of the first fault; more than one problem of a kind in a run count."""
    counts: dict[str, dict[str, int]] = {}
    total = dict.fromkeys(COLUMNS, 0)
    for verdict in verdicts:
        row = counts.setdefault(verdict.case.kind, dict.fromkeys(COLUMNS, 0))
        for each in (row, total):
            each["runs"] += 1
            for problem in verdict.problems:
                each[problem.kind] += 1
    lines = [f"{'fault':<16}" + "".join(f"{name:>10}" for name in COLUMNS)]
    for name, row in [*sorted(counts.items()), ("all", total)]:
        lines.append(f"{name:<16}" + "".join(f"{row[column]:>10}" for column in COLUMNS))
    return "\n".join(lines)


def legend() -> str:
    """What the columns count."""
    return "\n".join(f"{name}: {meaning}" for name, meaning in PROBLEMS.items())


def line(verdict: Verdict) -> str:
    """A run in a line."""
    case = verdict.case
    faults = ", ".join(verdict.inflicted) or "no fault"
    result = "ok" if not verdict.problems else "FAILED"
    return (
        f"seed {case.seed}: {case.executor}, {faults}; {verdict.tasks} task runs, "
        f"{verdict.legs} drivers, {verdict.seconds:.1f} s: {result}"
    )


def failure(verdict: Verdict) -> str:
    """All that there is to say of a run that failed, and how to do it again."""
    case = verdict.case
    blows = [
        f"{blow.kind} after {blow.after} effects and {blow.pause * 1000:.0f} ms, "
        f"for {blow.lasts:.1f} s (variant {blow.variant})"
        for blow in case.blows
    ]
    problems = [f"  {each.kind}: {each.text}" for each in verdict.problems[:12]]
    more = len(verdict.problems) - len(problems)
    if more > 0:
        problems.append(f"  and {more} more")
    return "\n".join(
        [
            f"seed {case.seed} failed on {case.executor}: {'; '.join(blows)}",
            *(f"  {text}" for text in case.shape.described().splitlines()),
            *problems,
            f"  again: {case.replay}",
        ]
    )
