"""Whether a file that runs code when it is read, a pickle, may have been put there by anybody."""

from __future__ import annotations

import os
import stat

from prefectlite.configuration import config

ROOT = 0


def why_untrusted(
    file: os.stat_result | None, folder: os.stat_result | None, user: int
) -> str | None:
    """Why somebody else may have written a file, or may put another one in its place.

    A file is trusted that belongs to the user or to root and that others may not write, in a
    folder where others may not write, or where they may not replace what is not theirs (the
    sticky bit, as on /tmp). The group of a file or folder is trusted: somebody chose it.

    Args:
        file: What the system tells of the file; None where it is to be written yet.
        folder: What it tells of its folder; None where that is not there yet.
        user: The number of the user that reads or writes.

    Returns:
        The reason, with what to do; None where nobody else can.
    """
    if file is not None and file.st_uid not in (user, ROOT):
        return f"it belongs to user {file.st_uid}, not to user {user} who reads it"
    if file is not None and file.st_mode & stat.S_IWOTH:
        return "anybody on this machine may write to it (chmod o-w it)"
    if folder is not None and folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return "anybody on this machine may write to its folder (chmod o-w, or +t, the folder)"
    return None


def check_trust(
    path: str,
    file: os.stat_result | None,
    allowed: bool = False,
    folders: dict[str, os.stat_result | None] | None = None,
) -> None:
    """Refuse a pickle that anybody on the machine may have written.

    Args:
        path: The file.
        file: What the system tells of it; None where it is to be written.
        allowed: Whether this is allowed whatever the configuration says.
        folders: What the system tells of folders that were looked at already; filled in here.

    Raises:
        PermissionError: `why_untrusted` has a reason, and `results.allow_shared_pickles` of the
            configuration is not set.
    """
    if not hasattr(os, "geteuid"):
        return
    name = path.rpartition(os.sep)[0] or (os.sep if path.startswith(os.sep) else os.curdir)
    folders = {} if folders is None else folders
    if name not in folders:
        try:
            folders[name] = os.stat(name)
        except OSError:
            folders[name] = None
    reason = why_untrusted(file, folders[name], os.geteuid())
    if reason is None or allowed or config.results.get("allow_shared_pickles"):
        return
    raise PermissionError(
        f"{reason}, and loading a pickle runs what it says. Use JSONSerializer or "
        "MsgpackSerializer there, or set results.allow_shared_pickles in the configuration, on "
        "workers too"
    )
