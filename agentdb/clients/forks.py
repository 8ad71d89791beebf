"""What a fork does to open connections: in the child they are dead, and must not even be closed.

SQLite forbids carrying a connection across a fork: its POSIX locks stay with the parent while its shared memory is
written by both. So the child leaks them, and every use of a client from before the fork is an error.
"""

from __future__ import annotations

import os
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.connection import Connection

#: Grows in a child process at every fork; a client compares it with the one that it was born in.
generation = 0
_connections: dict[int, ref[Connection]] = {}


def track(connection: Connection) -> None:
    """Remember an open connection for as long as it lives."""
    key = id(connection)
    _connections[key] = ref(connection, lambda _: _connections.pop(key, None))


def _in_child() -> None:
    global generation
    generation += 1
    for connection in [reference() for reference in _connections.values()]:
        if connection is not None:
            connection.abandon()
    _connections.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
