"""`prefectlite serve`: one process that keeps the schedules of many files' flows.

The server never executes a file of a user. A process of its own reads a file and says when its
flows are due (`child.inspect_file`), and one of its own runs a flow (`child.run_flow_of`). So a
flow that fails, leaks, hangs or takes its process down harms nobody else, each run has the text of
the file as it was loaded, and the server's memory stays what it was at the start.
"""

__all__: list[str] = []
