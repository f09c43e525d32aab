"""What a run costs beside the same work in hand-written Dask: `python -m benchmarks --help`."""
