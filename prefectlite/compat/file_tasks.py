"""Prefect 1's tasks for files, which need no service."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

from prefectlite.core.task import Task
from prefectlite.utilities.tasks import defaults_from_attrs

__all__ = ["Copy", "Glob", "Move", "Remove", "Unzip", "Zip"]

Location = str | Path
_METHODS = {
    "deflate": zipfile.ZIP_DEFLATED,
    "store": zipfile.ZIP_STORED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def _given(**arguments: Any) -> None:
    for name, value in arguments.items():
        if not value:
            raise ValueError(f"No `{name}` provided.")


class _FromTo(Task):
    """What `Copy` and `Move` share: where from, and where to."""

    def __init__(
        self, source_path: Location = "", target_path: Location = "", **kwargs: Any
    ) -> None:
        self.source_path = source_path
        self.target_path = target_path
        super().__init__(**kwargs)


class Copy(_FromTo):
    """Copies a file, or a folder with all that is in it.

    Args:
        source_path: what to copy.
        target_path: its new place, or a folder for it.
        **kwargs: arguments of `Task`.
    """

    @defaults_from_attrs("source_path", "target_path")
    def run(self, source_path: Location | None = None, target_path: Location | None = None) -> Path:
        """Copy; what is not given here is the task's own. Returns where the copy is.

        Raises:
            ValueError: a path was not given.
            FileExistsError: a folder is to be copied to one that is there.
        """
        _given(source_path=source_path, target_path=target_path)
        source, target = str(source_path), str(target_path)
        self.logger.info("Copying %s to %s...", source, target)
        return Path(
            shutil.copytree(source, target)
            if Path(source).is_dir()
            else shutil.copy(source, target)
        )


class Move(_FromTo):
    """Moves a file or a folder.

    Args:
        source_path: what to move.
        target_path: its new place, or a folder for it.
        **kwargs: arguments of `Task`.
    """

    @defaults_from_attrs("source_path", "target_path")
    def run(self, source_path: Location | None = None, target_path: Location | None = None) -> Path:
        """Move; what is not given here is the task's own. Returns where it is now.

        Raises:
            ValueError: a path was not given.
        """
        _given(source_path=source_path, target_path=target_path)
        self.logger.info("Moving %s to %s...", source_path, target_path)
        return Path(shutil.move(str(source_path), str(target_path)))


class Remove(Task):
    """Removes a file, or an empty folder.

    Args:
        path: what to remove.
        **kwargs: arguments of `Task`.
    """

    def __init__(self, path: Location = "", **kwargs: Any) -> None:
        self.path = path
        super().__init__(**kwargs)

    @defaults_from_attrs("path")
    def run(self, path: Location | None = None) -> None:
        """Remove; the path is the task's own where it is not given here.

        Raises:
            ValueError: no path was given, or there is nothing at it.
            OSError: a folder that is not empty.
        """
        _given(path=path)
        found = Path(str(path))
        if not found.exists():
            raise ValueError(f"Path ({found}) not found")
        self.logger.info("Removing %s...", found)
        if found.is_dir():
            found.rmdir()
        else:
            found.unlink()


class Glob(Task):
    """Lists what in a folder matches a pattern.

    Args:
        path: the folder.
        pattern: as for ``pathlib.Path.glob``.
        **kwargs: arguments of `Task`.
    """

    def __init__(self, path: Location = "", pattern: str = "*", **kwargs: Any) -> None:
        self.path = path
        self.pattern = pattern
        super().__init__(**kwargs)

    @defaults_from_attrs("path", "pattern")
    def run(self, path: Location | None = None, pattern: str | None = None) -> list[Path]:
        """List; what is not given here is the task's own.

        Raises:
            ValueError: no path was given.
        """
        _given(path=path)
        return list(Path(str(path)).glob(pattern or "*"))


class Zip(Task):
    """Puts a file, a folder or several of them into a zip file.

    Args:
        source_path: what to put into it.
        zip_path: the zip file; written anew where it is there.
        compression_method: ``deflate``, ``store``, ``bzip2`` or ``lzma``.
        compression_level: as for ``zipfile.ZipFile``.
        **kwargs: arguments of `Task`.
    """

    def __init__(
        self,
        source_path: Location | list[Location] = "",
        zip_path: Location = "",
        compression_method: str = "deflate",
        compression_level: int | None = None,
        **kwargs: Any,
    ) -> None:
        if compression_method not in _METHODS:
            raise ValueError(f"Compression method {compression_method} is not supported!")
        self.source_path = source_path
        self.zip_path = zip_path
        self.compression_method = compression_method
        self.compression_level = compression_level
        super().__init__(**kwargs)

    @defaults_from_attrs("source_path", "zip_path")
    def run(
        self,
        source_path: Location | list[Location] | None = None,
        zip_path: Location | None = None,
    ) -> None:
        """Write the zip file; what is not given here is the task's own.

        Raises:
            ValueError: a path was not given.
        """
        _given(source_path=source_path, zip_path=zip_path)
        sources = source_path if isinstance(source_path, list) else [source_path or ""]
        method = _METHODS[self.compression_method]
        with zipfile.ZipFile(
            str(zip_path), "w", compression=method, compresslevel=self.compression_level
        ) as archive:
            for source in map(Path, sources):
                if source.is_dir():
                    for file in sorted(source.rglob("*")):
                        if file.is_file():
                            archive.write(file, file.relative_to(source.parent))
                else:
                    archive.write(source, source.name)


class Unzip(Task):
    """Takes everything out of a zip file.

    Args:
        zip_path: the zip file.
        extract_dir: the folder to put it into; by default the working directory.
        **kwargs: arguments of `Task`.
    """

    def __init__(self, zip_path: Location = "", extract_dir: Location = "", **kwargs: Any) -> None:
        self.zip_path = zip_path
        self.extract_dir = extract_dir
        super().__init__(**kwargs)

    @defaults_from_attrs("zip_path", "extract_dir")
    def run(
        self,
        zip_path: Location | None = None,
        extract_dir: Location | None = None,
        password: bytes | str | None = None,
    ) -> Path:
        """Extract; what is not given here is the task's own. Returns the folder.

        Raises:
            ValueError: no zip file was given.
        """
        _given(zip_path=zip_path)
        folder = Path(str(extract_dir)) if extract_dir else Path.cwd()
        secret = password.encode() if isinstance(password, str) else password
        with zipfile.ZipFile(str(zip_path)) as archive:
            archive.extractall(folder, pwd=secret)
        return folder
