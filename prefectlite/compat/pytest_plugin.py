"""A pytest plugin: tests of code that was written for Prefect 1 run with prefectlite.

Use it with ``pytest -p prefectlite.compat.pytest_plugin``, or put that into ``addopts``. It must be
loaded before anything imports ``prefect``, which is why naming it is what installs the alias.
"""

from __future__ import annotations

from prefectlite.compat import install

install()
