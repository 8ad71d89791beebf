"""Whose a file is and who may read it, and what its name may be: of what agentdb makes beside a database."""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

#: Bytes of a path that SQLite opens.
_LONGEST_PATH = 512


def create_new(path: str, mode: int) -> None:
    """An empty file with these rights, less what the umask takes, where there is none. SQLite gives -wal and -shm the same.

    Never raises: SQLite will say itself what is wrong.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode))
    except OSError:
        pass


def make_folder(folder: str, like: str) -> None:
    """Make a folder, and those it is in, if they are missing; what is made belongs to the owner of `like`. Raises OSError."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    if above != folder:
        make_folder(above, like)
    os.makedirs(folder, exist_ok=True)
    give_to_owner(folder, like)


def give_to_owner(path: str, like: str) -> None:
    """Let a file or folder of ours have the owner of `like`: what root makes, the user's own application must be able to write.

    Only root can; for anybody else, and where there is no `like`, this does nothing. Nothing is given away through a link.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    try:
        wanted, found = os.stat(like), os.lstat(path)
        is_ours = S_ISDIR(found.st_mode) or (S_ISREG(found.st_mode) and found.st_nlink == 1)
        if is_ours and found.st_uid == 0 and wanted.st_uid != 0:
            os.chown(path, wanted.st_uid, wanted.st_gid, follow_symlinks=False)
    except OSError:
        pass


def fitting(folder: str, name: str, room: int) -> str:
    """A file name that leaves `room` bytes for an ending; a longer one is cut, and known by a hash of the whole."""
    limit = min(_longest_name(folder), _LONGEST_PATH - len(os.fsencode(folder)) - 1) - room
    if len(os.fsencode(name)) <= limit:
        return name
    from hashlib import sha256

    mark = f"~{sha256(os.fsencode(name)).hexdigest()[:16]}"
    while name and len(os.fsencode(name)) + len(mark) > limit:
        name = name[:-1]
    return name + mark


def _longest_name(folder: str) -> int:
    while folder and not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows; a file system that does not say
        return 255
