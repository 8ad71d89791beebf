"""A database in WAL mode where its -shm file cannot be shared, as in many network folders: back to the rollback journal."""

from __future__ import annotations

import os
import sqlite3
from time import monotonic, sleep

from agentdb.clients.faults import translate
from agentdb.errors import BusyError, StatementError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agentdb.errors import AgentDBError

_PAUSE = 0.01
#: How SQLite calls a -shm file that it cannot open, map or lock; READONLY where it may only be read.
_OF_SHARED_MEMORY = ("SQLITE_CANTOPEN", "SQLITE_IOERR_SHM", "SQLITE_PROTOCOL", "SQLITE_READONLY")


def is_of_shared_memory(error: AgentDBError) -> bool:
    """Whether it may be about the -shm file; leave_wal() finds out."""
    return (error.engine_code or "").startswith(_OF_SHARED_MEMORY) and error.code != "disk_full"


def leave_wal(path: str, timeout: float, interrupted: Callable[[], bool]) -> bool:
    """Switch the file to the rollback journal, whatever its -wal holds included. False where it cannot be WAL that is at fault.

    With the file locked for one connection SQLite needs no shared memory; that lock is not to be had while anybody uses
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
        log(
            WARNING,
            "%s is back in journal mode DELETE: its -shm file cannot be shared here. Open it with journal_mode='delete'",
            path,
        )
    return left
