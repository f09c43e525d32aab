"""The flights flow on a Dask cluster that runs already, with its results in a bucket.

    python -m examples.flights.submit

is what the job of docker-compose.yml does. Scheduler, bucket and months come from the variables
SCHEDULER, BUCKET and MONTHS ("1,2,3"; all if it is not set). The store's address and credentials
are where every tool of AWS looks for them: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, on the workers too.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from examples.flights.data import MONTHS
from examples.flights.flow import build_flow
from examples.flights.report import count_runs, describe_delays, describe_runs
from prefectlite.engine.results import S3Result
from prefectlite.executors import DaskExecutor


def main() -> int:
    """Run the flow; print the delays and what was computed. Returns the exit code."""
    bucket = os.environ["BUCKET"]
    months = [int(month) for month in os.environ.get("MONTHS", "").split(",") if month]
    result = S3Result(bucket)
    if not result.filesystem.exists(bucket):
        result.filesystem.mkdir(bucket)
    with tempfile.TemporaryDirectory() as unused:
        flow = build_flow(Path(unused), DaskExecutor(os.environ["SCHEDULER"]))
    flow.result = result
    state = flow.run(parameters={"months": months or list(MONTHS)})
    assert state is not None
    if state.is_successful():
        tables = state.result[flow.get_tasks(name="combine")[0]].result
        worst = state.result[flow.get_tasks(name="worst_routes")[0]].result
        print(describe_delays(tables["carrier"], worst.head(10), 15))
    print(describe_runs(count_runs(flow, state)))
    return 0 if state.is_successful() else 1


if __name__ == "__main__":
    sys.exit(main())
