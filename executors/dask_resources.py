"""Which of a task's tags ask for resources of a worker."""

from __future__ import annotations

from collections.abc import Iterable


def resources_of(tags: Iterable[str] | None) -> dict[str, float] | None:
    """The resources that tags of the form `dask-resource:GPU=1` ask for.

    Raises:
        ValueError: A tag has no number.
    """
    found = {}
    for tag in tags or ():
        if tag.startswith("dask-resource:"):
            name, _, amount = tag.removeprefix("dask-resource:").partition("=")
            try:
                found[name] = float(amount)
            except ValueError:
                raise ValueError(
                    f"The tag {tag!r} names no amount: write it as dask-resource:GPU=1."
                ) from None
    return found or None
