"""A disk that can be full."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

DISK_BYTES = 8 << 20
# with a limit in the place of a full disk: below a value's size, above that of the smallest files
FILE_BYTES = 4096


class Disk:
    """A small file system of its own, in memory, where that may be mounted.

    Elsewhere a full disk is played by a limit to the size of the files that the run's processes
    write: the call to write fails then as well.

    Args:
        folder: Where it is to be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = shutil.which("mount")
        command = [mount or "", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "soak", str(folder)]
        self.is_real = bool(mount) and (
            subprocess.run(command, capture_output=True, check=False).returncode == 0
        )
        self._limited: dict[int, tuple[int, int]] = {}

    @property
    def described(self) -> str:
        """What it is, for the report."""
        if self.is_real:
            return f"a tmpfs of {DISK_BYTES >> 20} MiB that is filled"
        return "RLIMIT_FSIZE, as no file system may be mounted here"

    def fill(self, processes: Iterable[int]) -> None:
        """Leave no room.

        Args:
            processes: Those that write, for where there is no file system of its own.
        """
        if not self.is_real:
            for pid in processes:
                limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                self._limited[pid] = limits
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES, limits[1]))
            return
        ballast = os.open(self.folder / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        os.write(ballast, b"x" * size)
                except OSError:
                    continue
        finally:
            os.close(ballast)

    def free(self) -> None:
        """Leave room again."""
        for pid, limits in self._limited.items():
            try:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
            except ProcessLookupError:
                continue
        self._limited.clear()
        (self.folder / "ballast").unlink(missing_ok=True)

    def empty(self) -> None:
        """Remove everything on it."""
        self.free()
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        """Take it away."""
        if self.is_real:
            subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)
