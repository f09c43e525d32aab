"""What a scheduler keeps of each run and client for ever, and need not: it is forgotten."""

from __future__ import annotations

from typing import Any

# late messages of a run, and heartbeats of workers that name its spans, have come by then
FORGET_SECONDS = 60.0


def forget_run(topic: str, client: str, seconds: float, dask_scheduler: Any) -> None:
    """Have a scheduler forget a run that is over, and what is left of earlier ones.

    It runs on the scheduler, which need not have this package: it uses no name of its module.

    Args:
        topic: The run's topic, "prefectlite-" and 32 hexadecimal digits; the first 24 of these
            are in the names of its groups of tasks.
        client: The identifier of the client that ran it.
        seconds: After what time what is left of a run is forgotten.
        dask_scheduler: The scheduler.
    """
    import time

    topics = dask_scheduler._broker._topics
    topics.pop(topic, None)
    ended = dask_scheduler.__dict__.setdefault("_prefectlite_ended", [])
    now = time.time()
    ended.append((now, topic, client))
    old = [each for each in ended if now - each[0] > seconds]
    if not old:
        return
    ended[:] = [each for each in ended if now - each[0] <= seconds]
    for _, left, left_client in old:
        topics.pop(left, None)
        if left_client not in dask_scheduler.clients:
            topics.pop(left_client, None)
    spans = dask_scheduler.extensions["spans"]
    runs = {left.rpartition("-")[2][:24] for _, left, _ in old}
    gone = {
        number
        for number, span in spans.spans.items()
        if span.done and any(group.name[-32:-8] in runs for group in span.groups)
    }
    for number in gone:
        del spans.spans[number]
    lists = [*spans.spans_search_by_name.values(), *spans.spans_search_by_tag.values()]
    for kept in (spans.root_spans, *lists):
        kept[:] = [span for span in kept if span.id not in gone]
