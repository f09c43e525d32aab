"""The delays of 336,776 flights, computed on a Dask cluster of two processes.

`python -m examples.flights` runs it; `flow.py` is where to begin to read.
"""
