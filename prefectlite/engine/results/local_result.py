"""Results in files, below one directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from prefectlite.configuration import config
from prefectlite.engine.results.stored_result import StoredResult, _told
from prefectlite.engine.serializers import runs_code
from prefectlite.engine.storage import files
from prefectlite.engine.storage.trust import check_trust

__all__ = ["LocalResult"]

_NO_ROOM = "free some space, or choose another dir"
_NO_RIGHT = "let this user write to the folder, or choose another dir"
_WAYS_OUT = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: _NO_ROOM,
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: _NO_RIGHT,
    errno.ENOENT: "no folder can be made there, choose another dir",
    errno.ENOTDIR: "a part of the path is a file; choose another dir or location",
    errno.EISDIR: "it is a folder; choose another location",
    errno.ENAMETOOLONG: "shorten the location",
}


class LocalResult(StoredResult):
    """Keeps each result in a file.

    What is visible at a location is whole: a file is written under another name, flushed to the
    disk and renamed. It ends with a checksum that plain tools pass over (see
    `prefectlite.engine.seals`).

    Args:
        dir: the directory that locations are relative to; "results" in the configuration's
            `home_dir` by default.
        validate_dir: whether to create the directory now, and to have its full path in `dir`; if
            not, `dir` stays as it is given. In both cases a relative one is looked for where the
            result was made, also in processes that run somewhere else, and "~" is filled in.
        **kwargs: `value`, `location` and `serializer`, as in `Result`. An absolute location is
            used as it is; a value that is filled in cannot make it one.

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
        self.dir = chosen
        self._made_in = os.getcwd()
        if validate_dir:
            self.dir = os.path.abspath(self._base)
            os.makedirs(self.dir, mode=0o775, exist_ok=True)
        # as configured where the result is made: it is used on workers too
        self._allows_shared = bool(config.results.get("allow_shared_pickles"))
        super().__init__(**kwargs)

    @property
    def default_location(self) -> str:
        """A new location in the directory, named after the time in UTC."""
        now = datetime.now(timezone.utc)
        return os.path.join(self._base, f"prefect-result-{now:%Y-%m-%dt%H-%M-%S-%f}-00-00")

    @property
    def _base(self) -> str:
        if self.dir.startswith(os.sep):
            return self.dir
        return os.path.abspath(os.path.join(self._made_in, os.path.expanduser(self.dir)))

    def named(self, location: str) -> str:
        """The path of the file."""
        return os.path.join(self._base, location)

    _kept_as = named

    def _fetch(self, location: str) -> bytes:
        return files.read_file(self.named(location), self._check_of_files())

    def _store(self, location: str, parts: Sequence[files.Buffer]) -> None:
        path = self.named(location)
        if os.path.basename(path) in ("", os.curdir, os.pardir):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        check = self._check_of_files()
        if check is not None:
            # better no result than one that nobody may read
            check(path, None)
        files.write_file(path, parts)

    def _check_of_files(self) -> files.Check | None:
        """What is asked of each file: nothing where reading it runs no code.

        It looks at each folder once, so it is to be used for what is done at one time.
        """
        if not runs_code(self.serializer):
            return None
        folders: dict[str, os.stat_result | None] = {}

        def check(path: str, file: os.stat_result | None) -> None:
            check_trust(path, file, self._allows_shared, folders)

        return check

    def _why_unwritten(self, error: Exception) -> str:
        number = error.errno if isinstance(error, OSError) else None
        way_out = _WAYS_OUT.get(number or 0)
        return f"{_told(error)}{f': {way_out}' if way_out else ''}"

    def _exists(self, location: str) -> bool:
        return os.path.exists(self.named(location))

    def listing(self, folder: str) -> dict[str, int]:
        """The files in a folder, and their sizes in bytes."""
        return files.list_folder(self.named(folder))

    def fetch_many(self, locations: Sequence[str]) -> list[bytes | Exception]:
        """Read several files, one after the other: more at a time is no faster."""
        found: list[bytes | Exception] = []
        check = self._check_of_files()
        for location in locations:
            try:
                found.append(files.read_file(self.named(location), check))
            except Exception as error:
                found.append(error)
        return found
