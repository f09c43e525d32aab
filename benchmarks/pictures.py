"""What was measured, as pictures: SVG written by hand, light and dark as the reader's page is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.measure import Measured, fit_line
from benchmarks.tables import NAMES, libraries_in, number
from benchmarks.workload import BY_HAND, OURS

WIDTH, LEFT, RIGHT, ROW = 900, 420, 90, 26
COLOURS = {OURS: "#2563eb", BY_HAND: "#64748b"}
OTHER_COLOUR = "#d97706"
STYLE = (
    "<style>text{font:13px sans-serif;fill:#1f2937}.line{stroke:#9ca3af;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}}</style>"
)


def draw(results: Sequence[Measured], folder: Path) -> list[Path]:
    """Write a picture of the ratios, and one of the growth of each workload of several sizes.

    Returns:
        The files that were written; none where nothing has a ratio or a second size.
    """
    pictures = {}
    with_ratio = [measured for measured in results if measured.ratios()]
    if with_ratio:
        pictures["ratios.svg"] = ratios_picture(with_ratio)
    for name in {measured.workload.name for measured in results}:
        several = [measured for measured in results if measured.workload.name == name]
        if len({measured.size for measured in several}) > 2:
            pictures[f"{name}.svg"] = growth_picture(several)
    for name, picture in pictures.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(picture, encoding="utf-8")
    return [folder / name for name in pictures]


def svg(height: float, title: str, parts: Sequence[str]) -> str:
    """Return the whole picture."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
        f"<title>{escape(title)}</title>{STYLE}"
    )
    return "\n".join([head, text(12, 22, title), *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Return a line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = "") -> str:
    """Return a straight line; thin and grey without a colour."""
    look = f'stroke="{colour}" stroke-width="2"' if colour else 'class="line"'
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {look}/>'


def ratios_picture(results: Sequence[Measured]) -> str:
    """Return bars on a scale of tens, from the work by hand at 1."""
    ratios = [statistics.median(measured.ratios()) for measured in results]
    lowest = math.floor(math.log10(min([*ratios, 0.1])))
    highest = math.ceil(math.log10(max([*ratios, 1.01])))
    scale = (WIDTH - LEFT - RIGHT) / (highest - lowest)

    def place(ratio: float) -> float:
        return LEFT + (math.log10(ratio) - lowest) * scale

    bottom = 44 + ROW * len(results)
    parts = [
        line(place(10.0**power), 36, place(10.0**power), bottom)
        + text(place(10.0**power), bottom + 18, f"{10.0**power:g} x", "middle")
        for power in range(lowest, highest + 1)
    ]
    for row, (measured, ratio) in enumerate(zip(results, ratios, strict=True)):
        y = 44 + ROW * row
        start, end = sorted([place(1), place(ratio)])
        label = f"{measured.workload.label} ({measured.size:,})"
        parts += [
            text(LEFT - 10, y + 15, label[:58], "end"),
            f'<rect x="{start:.1f}" y="{y + 4}" width="{max(end - start, 1):.1f}" '
            f'height="{ROW - 10}" fill="{COLOURS[OURS]}"/>',
            text(WIDTH - 12, y + 15, number(ratio), "end"),
        ]
    return svg(bottom + 32, "Time of a run, beside the same work written by hand (1 x)", parts)


def growth_picture(several: Sequence[Measured]) -> str:
    """Return the times of a workload's sizes, a line through them for each side."""
    top, bottom, left, right = 44.0, 300.0, 70.0, WIDTH - 150.0
    sizes = [measured.size for measured in several]
    medians = {
        name: [statistics.median(measured.seconds[name]) for measured in several]
        for name in libraries_in(several)
    }
    longest = max(max(times) for times in medians.values())

    def x(size: float) -> float:
        return left + (right - left) * size / max(sizes)

    def y(seconds: float) -> float:
        return bottom - (bottom - top) * seconds / longest

    parts = [line(left, bottom, right, bottom), line(left, top, left, bottom)]
    parts += [text(x(size), bottom + 18, f"{size:,}", "middle") for size in sizes]
    parts += [text(left - 8, y(part * longest) + 4, f"{number(part * longest)} s", "end")
              for part in (0.5, 1.0)]  # fmt: skip
    for row, (name, times) in enumerate(medians.items()):
        colour = COLOURS.get(name, OTHER_COLOUR)
        slope, start = fit_line(sizes, times)
        parts.append(line(x(0), y(max(start, 0)), x(max(sizes)), y(start + slope * max(sizes)),
                          colour))  # fmt: skip
        parts += [f'<circle cx="{x(size):.1f}" cy="{y(seconds):.1f}" r="4" fill="{colour}"/>'
                  for size, seconds in zip(sizes, times, strict=True)]  # fmt: skip
        parts.append(f'<rect x="{right + 14}" y="{top + 22 * row}" width="12" height="12" '
                     f'fill="{colour}"/>')  # fmt: skip
        parts.append(text(right + 32, top + 11 + 22 * row, NAMES.get(name, name)))
    return svg(bottom + 32, several[0].workload.label, parts)
