"""All workloads by name, in the order in which they are run."""

from __future__ import annotations

from benchmarks import batches, durations, flights, shapes, startup, targets

WORKLOADS = {
    workload.name: workload
    for module in (shapes, batches, durations, targets, startup, flights)
    for workload in module.WORKLOADS
}
