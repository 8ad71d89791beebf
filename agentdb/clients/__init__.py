"""How agentdb reaches a database: one interface, several engines."""

from __future__ import annotations

from agentdb.clients.location import local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.base import AsyncClient as AsyncClient
    from agentdb.clients.base import AsyncTransaction as AsyncTransaction
    from agentdb.clients.base import Client as Client
    from agentdb.clients.base import ResultSet as ResultSet
    from agentdb.clients.base import Row as Row
    from agentdb.clients.base import Statement as Statement
    from agentdb.clients.base import Transaction as Transaction
    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place

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
    readers: int = 4,
    read_only: bool = False,
    journal_mode: str = "wal",
    on_connect: OnConnect | None = None,
    mode: int = 0o600,
    secure_delete: str = "on",
    auth_token: str | None = None,
    tls: bool | None = None,
) -> LocalClient:
    """Open a database: a path, a `file:` URL, or ':memory:'. Opens at once; a new file is created in an existing folder.

    busy_timeout: seconds to wait for a lock, of another process and of this one. synchronous: OFF, NORMAL, FULL or
    EXTRA; with NORMAL a power cut may cost the last transactions, never the file. journal_size_limit: bytes that the
    -wal file is cut down to after a checkpoint, -1 for no limit. readers: how many reads may run at once, beside the one
    writer. read_only: create nothing, change nothing, and refuse to write. journal_mode: wal, delete, truncate or
    persist; a file is switched at its first write. In a network folder use delete: where the -shm file of WAL cannot be
    shared, agentdb goes back to it by itself. With anything but wal, synchronous NORMAL becomes FULL. mode: the rights of a
    file that is created, less what the umask takes; those of an existing one stay. secure_delete: 'on' overwrites with
    zeros what is deleted, which writes more at a deletion; 'fast' only in pages that are written anyway; 'off' leaves it in
    the file.

    on_connect: a function that is called with every sqlite3.Connection that agentdb opens for this database, before
    anything else is done with it, on whatever thread opens it. It registers functions and collations, or loads extensions.

    auth_token, tls: as libsql-client has them, for code that was written for it. They matter to a server only, and servers
    are refused; on a file they have no effect.

    Raises StorageError (`folder_missing`, `is_a_directory`, `not_a_database`, `file_missing`, `cannot_open`, …),
    InvalidArgumentError, BusyError where the file is locked against reading, AgentDBError `remote_not_supported` and
    `on_connect_failed`.
    """
    from agentdb.clients.local.settings import Settings
    from agentdb.clients.local.sync_client import LocalClient

    if auth_token is not None or tls is not None:
        from agentdb.clients.libsql_names import check_server_options

        check_server_options(auth_token, tls)
    settings = Settings(
        busy_timeout,
        synchronous,
        journal_size_limit,
        readers,
        read_only,
        journal_mode,
        on_connect,
        mode,
        secure_delete,
    ).check()
    return LocalClient(local_path(url), settings)


def create_client(
    url: Place,
    *,
    busy_timeout: float = 5.0,
    synchronous: str = "NORMAL",
    journal_size_limit: int = 64 * 1024 * 1024,
    readers: int = 4,
    read_only: bool = False,
    journal_mode: str = "wal",
    on_connect: OnConnect | None = None,
    mode: int = 0o600,
    secure_delete: str = "on",
    auth_token: str | None = None,
    tls: bool | None = None,
) -> AsyncLocalClient:
    """The same for an event loop: what it returns is awaited, and works on threads of its own. Errors as in
    create_client_sync(), but a file that is locked against reading is waited for at its first use."""
    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.settings import Settings

    if auth_token is not None or tls is not None:
        from agentdb.clients.libsql_names import check_server_options

        check_server_options(auth_token, tls)
    settings = Settings(
        busy_timeout,
        synchronous,
        journal_size_limit,
        readers,
        read_only,
        journal_mode,
        on_connect,
        mode,
        secure_delete,
    ).check()
    return AsyncLocalClient(local_path(url), settings)
