"""Results in files, below one directory."""

from __future__ import annotations

import contextlib
import os
import uuid
from datetime import datetime, timezone
from typing import Any

from prefectlite.configuration import config
from prefectlite.engine.result import Result
from prefectlite.engine.seals import check_seal, seal
from prefectlite.exceptions import ResultNotFoundError, ResultReadError, ResultWriteError

__all__ = ["LocalResult"]


class LocalResult(Result):
    """Keeps each result in a file.

    What is visible at a location is whole: a file is written under another name, flushed to the
    disk and renamed. It ends with a checksum that plain tools pass over (see
    `prefectlite.engine.seals`).

    Args:
        dir: the directory that locations are relative to; "results" in the configuration's
            `home_dir` by default. "~" is filled in.
        validate_dir: whether to create the directory now.
        **kwargs: `value`, `location` and `serializer`, as in `Result`. An absolute location is
            used as it is.

    Raises:
        OSError: the directory cannot be created.

    Example:
        >>> LocalResult(dir="/data", location="{task_name}.pickle").write(1, task_name="one")
        <LocalResult: 1>
    """

    _store_fields = ("dir",)

    def __init__(
        self, dir: str | os.PathLike[str] | None = None, validate_dir: bool = True, **kwargs: Any
    ) -> None:
        chosen = os.path.join(config.home_dir, "results") if dir is None else os.fspath(dir)
        self.dir = os.path.abspath(os.path.expanduser(chosen))
        if validate_dir:
            os.makedirs(self.dir, exist_ok=True)
        super().__init__(**kwargs)

    @property
    def default_location(self) -> str:
        """A new location in the directory, named after the time in UTC."""
        now = datetime.now(timezone.utc)
        return os.path.join(self.dir, f"prefect-result-{now:%Y-%m-%dt%H-%M-%S-%f}-00-00")

    def read(self, location: str) -> Result:
        """Read the result in a file.

        Args:
            location: the file, relative to the directory or absolute.

        Returns:
            A result with the value and the location.

        Raises:
            ResultNotFoundError: there is no such file; a FileNotFoundError as well.
            ResultReadError: the file cannot be read, is damaged or of another format.
        """
        path = os.path.join(self.dir, location)
        serializer = self.serializer
        try:
            with open(path, "rb") as file:
                data = file.read()
            check_seal(serializer, data)
            value = serializer.deserialize(data)
        except FileNotFoundError as error:
            raise ResultNotFoundError(f"There is no result at {path!r}") from error
        except Exception as error:
            raise ResultReadError(
                f"The result at {path!r} cannot be read with {type(serializer).__name__}: "
                f"{error or type(error).__name__}"
            ) from error
        found = self.copy()
        found.value = value
        found.location = location
        return found

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Write a value to the file at this result's location.

        Args:
            value_: the value.
            **kwargs: what the template of the location may name.

        Returns:
            A result with the value and the location, now an absolute path.

        Raises:
            KeyError: the template names something that was not given.
            TypeError, pickle.PicklingError: the serializer does not take the value.
            ResultWriteError: the file cannot be written; names the path and the reason.
        """
        written = self.format(**kwargs)
        path = os.path.join(self.dir, written.location or self.default_location)
        data = self.serializer.serialize(value_)
        try:
            _write_whole(path, data, seal(self.serializer, data))
        except OSError as error:
            raise ResultWriteError(
                f"The result cannot be written to {path!r}: {error.strerror or error}"
            ) from error
        written.value = value_
        written.location = path
        return written

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Tell whether there is a file at a location.

        Args:
            location: the file, relative to the directory or absolute; may be a template.
            **kwargs: what the template may name.

        Raises:
            KeyError: the template names something that was not given.
        """
        return os.path.exists(os.path.join(self.dir, location.format(**kwargs)))


def _write_whole(path: str, *parts: bytes) -> None:
    """Write a file so that at no moment, not even after a power cut, part of it is visible."""
    # A symbolic link keeps pointing to the file, which is what is replaced.
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    _make_folder(folder)
    # Not named after the file, whose name may be as long as the file system allows.
    unfinished = os.path.join(folder, f".prefectlite-{uuid.uuid4().hex}.tmp")
    try:
        # Unlike a file of the tempfile module it gets the rights that the user's umask leaves.
        with open(unfinished, "xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    _sync_folder(folder)


def _make_folder(folder: str) -> None:
    """Create a folder and those above it, and have the disk know of them."""
    made = []
    level = folder
    while not os.path.isdir(level):
        made.append(level)
        level = os.path.dirname(level)
    if made:
        os.makedirs(folder, exist_ok=True)
        for level in made:
            _sync_folder(os.path.dirname(level))


def _sync_folder(folder: str) -> None:
    """Have the disk know which files are in a folder, where the file system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
