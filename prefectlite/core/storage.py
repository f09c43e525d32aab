"""Flows in files: cloudpickle's bytes, by default below ``<home_dir>/flows``."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefectlite import configuration
from prefectlite.engine.storage.trust import check_trust
from prefectlite.exceptions import FlowStorageError
from prefectlite.utilities.by_value import dumps_by_value

if TYPE_CHECKING:
    from prefectlite.core.flow import Flow

__all__ = ["default_path", "read_flow", "write_flow"]


def default_path(name: str) -> Path:
    """Return where a flow of this name is kept if nothing else is said.

    Args:
        name: the flow's name; in the file's name it is in lower case, without accents, and with
            hyphens for what is neither letter nor digit.

    Example:
        >>> default_path("My Flow!").name
        'my-flow.prefect'
    """
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    simple = re.sub(r"[\W_]+", "-", letters.lower()).strip("-") or "flow"
    home = Path(os.path.expandvars(str(configuration.config.home_dir))).expanduser()
    return home / "flows" / f"{simple}.prefect"


def write_flow(flow: Flow, fpath: str | os.PathLike[str] | None) -> str:
    """Write a flow to a file, which afterwards is either whole or as it was before.

    Args:
        flow: the flow.
        fpath: the file; by default :func:`default_path`.

    Returns:
        The path of the file.

    Raises:
        FileNotFoundError: the folder of ``fpath`` does not exist.
    """
    import uuid

    if fpath is None:
        path = default_path(flow.name)
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        path = Path(fpath)
    content = dumps_by_value(flow)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    try:
        # the rights are those that the umask leaves; to ask for the umask is to change it for all
        # threads, for a moment
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o664)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return str(path)


def read_flow(fpath: str | os.PathLike[str]) -> Any:
    """Read what :func:`write_flow` has written. Reading runs code: only read files you trust.

    Args:
        fpath: a file; or the name of a flow that was written to its default path.

    Returns:
        What was in the file.

    Raises:
        FileNotFoundError: there is no such file and no flow of this name.
        FlowStorageError: what is in the file cannot be read.
    """
    import cloudpickle

    path = Path(fpath)
    if not path.is_absolute() and not path.exists():
        path = default_path(str(fpath))
    with path.open("rb") as file:
        try:
            check_trust(str(path), os.fstat(file.fileno()))
        except PermissionError as error:
            raise FlowStorageError(f"The flow in {path} is not read: {error}.") from None
        content = file.read()
    try:
        return cloudpickle.loads(content)
    except Exception as error:
        raise FlowStorageError(
            f"An error occurred while unpickling the flow in {path}: {error!r}. It may be damaged, "
            f"written with other versions of Python or prefectlite, or need a module that is "
            f"missing here."
        ) from error
