"""What SQLite is asked to open: the file with real locks, or without any where nobody can write it."""

from __future__ import annotations

import os
import sys

from agentdb.errors import StorageError

#: Files whose headers were read here, by device and inode. They stay open: closing one would drop every lock that this
#: process has on that file.
_headers: dict[tuple[int, int], int] = {}
_WRITE_VERSION = 18
_WAL = 2


def place_of(path: str, *, read_only: bool) -> str:
    """The path of a file that is there, or a URI of it, for sqlite3.connect().

    Raises StorageError `read_only` for a file in WAL mode that cannot be locked.
    """
    if os.access(path, os.W_OK):
        # Not mode=ro, which leaves -wal and -shm files behind.
        return uri_of(path) + "?mode=rw" if read_only else path
    if _is_sealed(path) and not _is_unfinished(path):
        return uri_of(path) + "?immutable=1"
    _check_wal(path)
    # A -shm file that this user made could keep the owner of the database from writing.
    return uri_of(path) + "?mode=ro&readonly_shm=1"


def _check_wal(path: str) -> None:
    """Whoever may not write a file in WAL mode needs the -wal and -shm of one who may. SQLite would make a -wal as well, which
    would then keep the owner of the database from writing."""
    if os.path.exists(f"{path}-shm") and os.path.exists(f"{path}-wal"):
        return
    try:
        if _write_version(path) != _WAL:
            return
    except OSError:  # SQLite says what is wrong
        return
    raise StorageError(
        f"{path} is in WAL mode and no program has it open for writing. This user may only read it, "
        "so it cannot be locked against programs that write",
        code="read_only",
    )


def _write_version(path: str) -> int | None:
    """Byte 18 of the header; None where the file is shorter."""
    if os.name == "nt":  # where locks belong to the handle
        with open(path, "rb") as file:
            header = file.read(_WRITE_VERSION + 1)
    else:
        status = os.stat(path)
        descriptor = _headers.get((status.st_dev, status.st_ino))
        if descriptor is None:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            status = os.fstat(descriptor)
            _headers[status.st_dev, status.st_ino] = descriptor
        header = os.pread(descriptor, _WRITE_VERSION + 1, 0)
    return header[_WRITE_VERSION] if len(header) > _WRITE_VERSION else None


def uri_of(path: str) -> str:
    """A path as a `file:` URI of SQLite, without parameters."""
    from urllib.parse import quote

    name = os.fsencode(path.replace("\\", "/") if os.name == "nt" else path)
    return f"file://{'' if name.startswith(b'/') else '/'}{quote(name)}"


def _is_sealed(path: str) -> bool:
    """Whether nobody can write the file or beside it, because the whole file system is read-only.

    The permissions of a file do not tell: its owner and root can write it.
    """
    try:
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            return False
        return not sys.platform.startswith("linux") or _is_read_only_for_all(os.stat(path).st_dev)
    except (AttributeError, OSError):  # Windows has no statvfs
        return False


def _is_read_only_for_all(device: int) -> bool:
    """Whether a file system is read-only itself, and not one mount of it; a server may write what a network mount shows."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            mount, _, system = line.partition(" - ")
            if mount.split()[2] == wanted:
                kind, _, options = system.split()
                is_local = os.major(device) != 0 or kind in ("tmpfs", "ramfs")
                return is_local and "ro" in options.split(",")
    return False


def _is_unfinished(path: str) -> bool:
    """Whether a -journal or -wal holds a part of the content: with immutable=1 SQLite does not look at them."""
    return any(_has_content(path + suffix) for suffix in ("-journal", "-wal"))


def _has_content(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(1) not in (b"", b"\0")  # journal_mode=PERSIST overwrites the header with zeros
    except FileNotFoundError:
        return False
    except OSError:
        return True
