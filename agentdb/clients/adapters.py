"""Clients that libsql-client made, accepted wherever agentdb takes a client.

Its `file:` clients open a new connection for every call, and foreign keys are off on it. So agentdb opens a client of
its own on the same path for each operation. Both see the same committed rows.
"""

from __future__ import annotations

from agentdb.clients.location import MEMORY
from agentdb.errors import AgentDBError, ClosedError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient


class BorrowedFile:
    """The file behind a `file:` client of libsql-client."""

    def __init__(self, client: Any, path: str, *, is_async: bool) -> None:
        #: For the clients that are opened; see create_client_sync().
        self.on_connect: OnConnect | None = None
        self._client = client
        self._path = path
        self.is_async = is_async

    def open(self) -> LocalClient:
        """A sync client of our own on the same file. Raises ClosedError where theirs is closed."""
        from agentdb.clients import create_client_sync

        return create_client_sync(self._checked_path(), on_connect=self.on_connect)

    def open_async(self) -> AsyncLocalClient:
        """An async client of our own on the same file. Raises ClosedError where theirs is closed."""
        from agentdb.clients import create_client

        return create_client(self._checked_path(), on_connect=self.on_connect)

    def _checked_path(self) -> Any:
        if self._client.closed:
            raise ClosedError(f"the libsql-client client of {self._path} is closed")
        # As a path, not as text: libsql-client does not decode it, so it is no URL any more.
        from pathlib import Path

        from agentdb.clients.location import absolute

        return Path(absolute(self._path))

    def __repr__(self) -> str:
        return f"<{self._path} of {type(self._client).__name__}>"


def borrow(client: Any) -> BorrowedFile | None:
    """The file behind a client that libsql-client made; None for anything that is not its client.

    Never imports libsql_client: whoever has such a client has imported it already. Raises InvalidArgumentError for an
    in-memory database of theirs (every call of theirs sees another, empty one), AgentDBError for their remote clients.
    """
    if not any(base.__module__.partition(".")[0] == "libsql_client" for base in type(client).__mro__):
        return None
    inner = getattr(client, "_client", client)
    is_async = inner is client
    path = getattr(inner, "_path", None)
    if type(inner).__name__ in ("HranaClient", "HttpClient"):
        raise AgentDBError(f"{type(inner).__name__} speaks to a libSQL server", code="remote_not_supported")
    if type(inner).__name__ != "Sqlite3Client" or not isinstance(path, str):
        raise InvalidArgumentError(f"{type(client).__name__} of libsql-client is not a client", code="foreign_client")
    if path in (MEMORY, ""):
        raise InvalidArgumentError(
            "libsql-client opens a new, empty database at each call of a 'file::memory:' client",
            code="foreign_client",
            remedy="Use create_client(':memory:') or create_client_sync(':memory:') of agentdb.",
        )
    return BorrowedFile(client, path, is_async=is_async)
