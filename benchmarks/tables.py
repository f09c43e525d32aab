"""What was measured, as markdown and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.measure import Measured, fit_line
from benchmarks.processes import Options
from benchmarks.workload import BY_HAND, OURS, PREFECT1

NAMES = {BY_HAND: "by hand", OURS: "prefectlite", PREFECT1: "Prefect 1", "ray": "Ray",
         "parsl": "Parsl"}  # fmt: skip


def number(value: float) -> str:
    """Return a number with three significant figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(ratios: Sequence[float]) -> str:
    """Return the median of ratios, and the least and the greatest of them."""
    if not ratios:
        return "-"
    median = number(statistics.median(ratios))
    return f"{median} ({number(min(ratios))} to {number(max(ratios))})"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *body = [
        "".join(f"| {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) + "|"
        for row in rows
    ]
    return "\n".join([head, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body])


def libraries_in(results: Sequence[Measured]) -> list[str]:
    """Return the libraries that were measured, by hand first."""
    return [name for name in NAMES if any(name in measured.seconds for measured in results)]


def time_table(results: Sequence[Measured]) -> str:
    """Return the table of times: a row a workload and size."""
    libraries = libraries_in(results)
    rows = [["work", "size", "unit", *(f"{NAMES[name]}, ms" for name in libraries)]]
    rows[0] += ["ratio to by hand", "goal"]
    for measured in results:
        times = [
            number(measured.milliseconds(name)) if measured.seconds.get(name) else "-"
            for name in libraries
        ]
        rows.append(
            [
                measured.workload.label,
                f"{measured.size:,}",
                measured.workload.unit,
                *times,
                spread(measured.ratios()),
                measured.workload.goal or "-",
            ]
        )
    return markdown(rows)


def variants_table(results: Sequence[Measured]) -> str:
    """Return the table of workloads that ran in several settings, seconds for all of each."""
    rows = [["work", "size", "prefectlite, s", "other settings, s", "ratio to the best of them"]]
    for measured in results:
        variants = {
            name: statistics.median(measured.seconds[name])
            for name in measured.workload.variants
            if measured.seconds.get(name)
        }
        if variants:
            others = ", ".join(f"{name} {number(value)}" for name, value in variants.items())
            ratios = measured.ratios(OURS, min(variants, key=variants.__getitem__))
            own = number(statistics.median(measured.seconds[OURS]))
            size = f"{measured.size:,}"
            rows.append([measured.workload.label, size, own, others, spread(ratios)])
    return markdown(rows) if len(rows) > 1 else ""


def busy_table(results: Sequence[Measured], processes: int) -> str:
    """Return how much of the workers' time the tasks themselves took, from connecting on."""
    rows = [["work", "size", "side", "of the workers' time in tasks"]]
    for measured in results:
        for name, times in measured.seconds.items() if measured.workload.busy else ():
            share = measured.workload.busy * measured.size / statistics.median(times) / processes
            cells = [measured.workload.label, f"{measured.size:,}", NAMES.get(name, name)]
            rows.append([*cells, f"{share:.1%}"])
    return markdown(rows) if len(rows) > 1 else ""


def memory_table(results: Sequence[Measured]) -> str:
    """Return the table of peak memory: of the driver, and of a cluster's scheduler and worker."""
    rows = [["work", "size", "side", "driver, MiB", "scheduler, MiB", "worker, MiB"]]
    for measured in results:
        for name, peaks in measured.memory.items():
            cells = [
                number(peaks[part]) if part in peaks else "-"
                for part in ("driver", "scheduler", "worker")
            ]
            side = NAMES.get(name, name)
            rows.append([measured.workload.label, f"{measured.size:,}", side, *cells])
    return markdown(rows)


def growth_table(results: Sequence[Measured]) -> str:
    """Return the lines that fit the times and the driver's memory of each workload's sizes."""
    rows = [["work", "side", "ms for one more", "ms at the start", "KiB for one more"]]
    by_name: dict[str, list[Measured]] = {}
    for measured in results:
        by_name.setdefault(measured.workload.name, []).append(measured)
    for several in by_name.values():
        sizes = [measured.size for measured in several]
        for name in libraries_in(several) if len(set(sizes)) > 1 else []:
            times = [statistics.median(measured.seconds[name]) * 1000 for measured in several]
            slope, start = fit_line(sizes, times)
            peaks = [measured.memory.get(name, {}).get("driver", 0.0) for measured in several]
            memory = number(fit_line(sizes, peaks)[0] * 1024) if all(peaks) else "-"
            rows.append(
                [several[0].workload.label, NAMES[name], number(slope), number(start), memory]
            )
    return markdown(rows) if len(rows) > 1 else ""


def describe_run(options: Options) -> str:
    """Return what has to be known to judge the figures."""
    import dask

    prefect1 = f" (Prefect 1: {options.prefect1_repeats})" if PREFECT1 in options.pythons else ""
    logging = f"at level {options.log_level}" if options.log_level else "at default settings"
    cluster = "in the driver's process" if options.inside else "in a process of its own"
    timed = (
        "Building the flow or the graph is part of the time"
        if options.building
        else (
            "Building the flow or the graph is not timed (futures are submitted in the timed part)"
        )
    )
    return (
        f"Python {platform.python_version()}, dask {dask.__version__}, {os.cpu_count()} cores; "
        f"medians of {options.repeats} alternating turns{prefect1}; "
        f"clusters of {options.processes} processes, the scheduler {cluster}; "
        f"logging {logging} on all sides. {timed}. Tasks do nothing, unless it says so."
    )


def full_report(results: Sequence[Measured], options: Options) -> str:
    """Return all tables as markdown."""
    parts = [describe_run(options), time_table(results)]
    if options.memory:
        parts.append(memory_table(results))
    further = [variants_table(results), busy_table(results, options.processes)]
    parts += [table for table in [*further, growth_table(results)] if table]
    return "\n\n".join(parts)


def as_json(results: Sequence[Measured], options: Options) -> dict[str, Any]:
    """Return everything that was measured."""
    return {
        "run": describe_run(options),
        "results": [
            {
                "workload": measured.workload.name,
                "size": measured.size,
                "unit": measured.workload.unit,
                "seconds": measured.seconds,
                "ratios": measured.ratios(),
                "memory_mib": measured.memory,
            }
            for measured in results
        ],
    }
