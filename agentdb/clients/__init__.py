"""How agentdb reaches a database: one interface, several engines."""

from __future__ import annotations

from agentdb.clients.location import is_remote, local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.clients.base import AsyncClient as AsyncClient
    from agentdb.clients.base import AsyncTransaction as AsyncTransaction
    from agentdb.clients.base import Client as Client
    from agentdb.clients.base import ResultSet as ResultSet
    from agentdb.clients.base import Row as Row
    from agentdb.clients.base import Statement as Statement
    from agentdb.clients.base import Transaction as Transaction
    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.settings import Settings
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place
    from agentdb.clients.remote.settings import AuthToken

_OF_BASE = ("AsyncClient", "AsyncTransaction", "Client", "ResultSet", "Row", "Statement", "Transaction")


def __getattr__(name: str) -> object:
    if name in _OF_BASE:
        from agentdb.clients import base

        return getattr(base, name)
    raise AttributeError(f"module 'agentdb.clients' has no attribute {name!r}")


def create_client_sync(
    url: Place,
    *,
    busy_timeout: float = 5.0,
    synchronous: str = "NORMAL",
    journal_size_limit: int = 64 * 1024 * 1024,
    readers: int | None = None,
    read_only: bool = False,
    journal_mode: str = "wal",
    on_connect: OnConnect | None = None,
    mode: int = 0o600,
    secure_delete: str = "on",
    auth_token: AuthToken | None = None,
    tls: bool | None = None,
    connect_timeout: float | None = None,
    timeout: float | None = None,
) -> LocalClient:
    """Open a database: a path, a `file:` URL, ':memory:', or the URL of a libSQL server.

    A file is opened at once; a new one is created in an existing folder. A server is spoken to at the first statement.

    busy_timeout: seconds to wait for a lock, of another process and of this one. readers: how many reads may run at once,
    beside the one writer; 4 of a file, 16 of a server, unless it is given.

    Of a file only: synchronous: OFF, NORMAL, FULL or
    EXTRA; with NORMAL a power cut may cost the last transactions, never the file. journal_size_limit: bytes that the
    -wal file is cut down to after a checkpoint, -1 for no limit. read_only: create nothing, change nothing, and refuse to
    write. journal_mode: wal, delete, truncate or
    persist; a file is switched at its first write. In a network folder use delete: where the -shm file of WAL cannot be
    shared, agentdb goes back to it by itself. With anything but wal, synchronous NORMAL becomes FULL. mode: the rights of a
    file that is created, less what the umask takes; those of an existing one stay. secure_delete: 'on' overwrites with
    zeros what is deleted, which writes more at a deletion; 'fast' only in pages that are written anyway; 'off' leaves it in
    the file.

    on_connect: a function that is called with every sqlite3.Connection that agentdb opens for this database, before
    anything else is done with it, on whatever thread opens it. It registers functions and collations, or loads extensions.

    Of a server only: auth_token: the token, or a function that gives one; it is asked again where the server refuses the
    last. tls: False speaks http to a `libsql:` URL. connect_timeout: seconds until there must be a connection, 10 unless
    it is given. timeout: seconds for a whole request with its answer, 30 unless it is given. On a file auth_token and tls
    have no effect, so that code which was written for libsql-client keeps working.

    Raises StorageError (`folder_missing`, `is_a_directory`, `not_a_database`, `file_missing`, `cannot_open`, …),
    InvalidArgumentError, BusyError where the file is locked against reading, AgentDBError `on_connect_failed`.
    """
    given = (synchronous, journal_size_limit, read_only, journal_mode, on_connect, mode, secure_delete)
    if is_remote(url):
        from agentdb.clients.remote.opening import server_of
        from agentdb.clients.remote.sync_client import RemoteClient

        return RemoteClient(server_of(url, given, busy_timeout, readers, auth_token, tls, connect_timeout, timeout))
    from agentdb.clients.local.sync_client import LocalClient

    if (auth_token, tls, connect_timeout, timeout) != (None, None, None, None):
        from agentdb.clients.libsql_names import check_server_options

        check_server_options(auth_token, tls, connect_timeout, timeout)
    return LocalClient(local_path(url), _settings(given, busy_timeout, readers))


def create_client(
    url: Place,
    *,
    busy_timeout: float = 5.0,
    synchronous: str = "NORMAL",
    journal_size_limit: int = 64 * 1024 * 1024,
    readers: int | None = None,
    read_only: bool = False,
    journal_mode: str = "wal",
    on_connect: OnConnect | None = None,
    mode: int = 0o600,
    secure_delete: str = "on",
    auth_token: AuthToken | None = None,
    tls: bool | None = None,
    connect_timeout: float | None = None,
    timeout: float | None = None,
) -> AsyncLocalClient:
    """The same for an event loop: what it returns is awaited. A file is worked on by threads of its own; a server needs the
    extra `libsql`. Errors as in create_client_sync(), but a file that is locked against reading is waited for at its first
    use. auth_token may be a coroutine function here."""
    given = (synchronous, journal_size_limit, read_only, journal_mode, on_connect, mode, secure_delete)
    if is_remote(url):
        from agentdb.clients.remote.opening import check_extra, server_of

        check_extra()
        from agentdb.clients.remote.async_client import AsyncRemoteClient

        return AsyncRemoteClient(
            server_of(url, given, busy_timeout, readers, auth_token, tls, connect_timeout, timeout)
        )
    from agentdb.clients.local.async_client import AsyncLocalClient

    if (auth_token, tls, connect_timeout, timeout) != (None, None, None, None):
        from agentdb.clients.libsql_names import check_server_options

        check_server_options(auth_token, tls, connect_timeout, timeout)
    return AsyncLocalClient(local_path(url), _settings(given, busy_timeout, readers))


def _settings(given: tuple[Any, ...], busy_timeout: float, readers: int | None) -> Settings:
    from agentdb.clients.local.settings import Settings

    synchronous, journal_size_limit, read_only, journal_mode, on_connect, mode, secure_delete = given
    return Settings(
        busy_timeout,
        synchronous,
        journal_size_limit,
        4 if readers is None else readers,
        read_only,
        journal_mode,
        on_connect,
        mode,
        secure_delete,
    ).check()
