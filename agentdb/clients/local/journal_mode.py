"""A database in WAL mode where its -shm file cannot be shared, as in many network folders: back to the rollback journal."""

from __future__ import annotations

import os
import sqlite3
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from stat import S_ISREG
from time import monotonic, sleep

from agentdb.clients.local.error_translation import translate
from agentdb.errors import BusyError, StatementError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agentdb.errors import AgentDBError

_PAUSE = 0.01
#: The folder may not be written, or the disk is full: that is for SQLite to say.
_OTHERWISE_WRONG = (EACCES, EPERM, EROFS, ENOSPC, EDQUOT)
#: Of a new -shm file, in bytes.
_SHM_SIZE = 32_768
#: How SQLite calls a -shm file that it cannot open, map or lock; READONLY where it may only be read.
_OF_SHARED_MEMORY = ("SQLITE_CANTOPEN", "SQLITE_IOERR_SHM", "SQLITE_PROTOCOL", "SQLITE_READONLY")


def wal_is_possible(path: str) -> bool:
    """Whether files in this folder can be mapped into memory and locked, as a -shm file must be.

    Asked before a file is switched to WAL: a program that has it open then could not go on, nor let it be switched back.
    """
    try:
        if not S_ISREG(os.lstat(f"{path}-shm").st_mode):
            return False
    except OSError:
        pass
    try:
        from fcntl import LOCK_EX, LOCK_NB, lockf
        from mmap import mmap
    except ImportError:  # Windows, or a Python without them: SQLite will find out
        return True
    probe = f"{path}-{os.urandom(4).hex()}.probe"  # not the -shm itself, which another program may be about to use
    try:
        descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.unlink(probe)
            os.ftruncate(descriptor, _SHM_SIZE)
            lockf(descriptor, LOCK_EX | LOCK_NB, 1)
            mmap(descriptor, _SHM_SIZE).close()  # not written: on a full disk that would be a SIGBUS
        finally:
            os.close(descriptor)
    except OSError as error:
        return error.errno in _OTHERWISE_WRONG
    return True


def is_of_shared_memory(error: AgentDBError) -> bool:
    """Whether it may be about the -shm file; leave_wal() finds out."""
    return (error.engine_code or "").startswith(_OF_SHARED_MEMORY) and error.code != "disk_full"


def leave_wal(path: str, timeout: float, interrupted: Callable[[], bool]) -> bool:
    """Switch the file to the rollback journal, whatever its -wal holds included. False where it cannot be WAL that is at fault.

    With the file locked for one connection SQLite needs no shared memory; that lock cannot be taken while anybody uses
    the file. No connection of the caller may be open.

    Raises BusyError, StatementError `interrupted`, or what SQLite says.
    """
    if not os.access(path, os.W_OK) or not os.access(os.path.dirname(path), os.W_OK):
        return False
    deadline = monotonic() + timeout
    connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        while True:
            try:
                if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    return False
                left = bool(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] == "delete")
                break
            except sqlite3.Error as error:
                failure = translate(error, path)
                if not isinstance(failure, BusyError) or monotonic() >= deadline:
                    raise failure from error
                if interrupted():
                    raise StatementError(
                        f"interrupted while waiting for a lock on {path}", code="interrupted"
                    ) from error
                sleep(_PAUSE)
    finally:
        connection.close()
    if left:
        warn(path)
    return left


def warn(path: str) -> None:
    """Say that there is no WAL for this file."""
    log(
        WARNING,
        "%s is in journal mode DELETE: the -shm file of WAL cannot be shared here. Open it with journal_mode='delete'",
        path,
    )
