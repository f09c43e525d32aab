"""How bytes get to a store and back: local files, and every place that fsspec reaches.

`files` writes files whole or not at all, `objects` does the same on object stores and other file
systems, `clients` keeps one client per process and configuration, `credentials` keeps what must
not be seen out of sight, and `paths` fills locations in. The classes of results in
`prefectlite.engine.results` stand on them.
"""

from __future__ import annotations

from prefectlite.engine.storage.credentials import Secret

__all__ = ["Secret"]
