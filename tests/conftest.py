"""What every test starts from: no settings of the user's, a home of its own, an empty context."""

from __future__ import annotations

import copy
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before the first import of prefectlite, which reads its configuration then; processes that tests
# start inherit it.
_home = tempfile.TemporaryDirectory(prefix="prefectlite-tests-")
for _name in [name for name in os.environ if name.startswith("PREFECTLITE__")]:
    del os.environ[_name]
os.environ["HOME"] = _home.name
os.environ["PREFECTLITE__HOME_DIR"] = str(Path(_home.name, ".prefectlite"))

import prefectlite  # noqa: E402
from prefectlite.utilities.logging import prefect_logger  # noqa: E402
from prefectlite.utilities.secrets import forget_secrets  # noqa: E402


@pytest.fixture(autouse=True)
def fresh_surroundings() -> Iterator[None]:
    """Put the configuration, the context and the root logger back as they were."""
    config = copy.deepcopy(dict(prefectlite.config))
    saved = prefectlite.context.push({})
    level, handlers = prefect_logger.level, prefect_logger.handlers[:]
    factory = logging.getLogRecordFactory()
    yield
    prefectlite.context.pop(saved)
    prefectlite.config.clear()
    prefectlite.config.update(config)
    prefect_logger.setLevel(level)
    prefect_logger.handlers[:] = handlers
    logging.setLogRecordFactory(factory)
    forget_secrets()
