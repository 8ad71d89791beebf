"""What a fork does to open connections: in the child they are dead, and must not even be closed.

SQLite forbids carrying a connection across a fork: its POSIX locks stay with the parent, while the child's SQLite still
believes that it has them. A connection that the child opens to the same file is not safe either. It would rely on a
lock that nobody holds, and committed rows would be lost when the parent removes the -wal file.

So connections that nobody uses are closed before a fork (they are opened again when they are needed). Those in use are
leaked in the child, every use of a client from before the fork is an error there, and so is opening such a file.
"""

from __future__ import annotations

import os
from _weakref import ref

from agentdb.errors import ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    T = TypeVar("T")

    class Connection(Protocol):
        """What a fork leaves dead in the child."""

        path: str

        @property
        def is_open(self) -> bool: ...
        def abandon(self) -> None: ...

    class Pool(Protocol):
        """What has connections that nobody uses."""

        def close_idle_files(self) -> None: ...


#: Grows in a child process at every fork; a client compares it with the one that it was born in.
generation = 0
_connections: dict[int, ref[Connection]] = {}
_pools: dict[int, ref[Pool]] = {}
_leaked: list[object] = []
#: Device and inode of every file to which a connection has come across a fork.
_tainted: set[tuple[int, int]] = set()


def track(connection: Connection) -> None:
    """Remember a connection, from before it is opened until it is closed."""
    _remember(_connections, connection)


def forget(connection: Connection) -> None:
    """It is closed."""
    _connections.pop(id(connection), None)


def is_open(path: str) -> bool:
    """Whether a client of this process has a connection to this file."""
    for connection in [reference() for reference in list(_connections.values())]:
        try:
            if connection is not None and connection.is_open and os.path.samefile(connection.path, path):
                return True
        except OSError:  # in memory, or gone
            pass
    return False


def track_pool(pool: Pool) -> None:
    """Remember a client for as long as it lives."""
    _remember(_pools, pool)


def _remember(known: dict[int, ref[T]], value: T) -> None:
    key = id(value)
    pop = known.pop  # bound now: at the interpreter's end the names of this module may be gone before its clients are
    known[key] = ref(value, lambda _: pop(key, None))


def check_file(path: str) -> None:
    """Raises ClosedError `forked` for a file that this process must not open any more."""
    if _tainted:
        try:
            found = os.stat(path)
        except OSError:
            return
        if (found.st_dev, found.st_ino) in _tainted:
            raise ClosedError(
                f"{path} was in use when this process was forked off, so it cannot be opened safely here",
                code="forked",
                remedy="Fork while no statement runs and no transaction is open, or start the process by spawn.",
            )


def _before() -> None:
    for pool in [reference() for reference in list(_pools.values())]:
        if pool is not None:
            pool.close_idle_files()


def _in_child() -> None:
    global generation
    generation += 1
    for connection in [reference() for reference in list(_connections.values())]:
        if connection is not None:
            try:
                found = os.stat(connection.path)
                _tainted.add((found.st_dev, found.st_ino))
            except OSError:  # in memory, or gone
                pass
            connection.abandon()
    _connections.clear()
    _pools.clear()


def leak(value: object) -> None:
    """Keep it alive until the process is gone, beyond the interpreter's own end, which deallocates all that it can."""
    try:
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
    except (ImportError, AttributeError):  # no ctypes here; multiprocessing's children end without deallocating
        _leaked.append(value)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
