"""Clients that libsql-client made, accepted wherever agentdb takes a client.

Its `file:` clients open a new connection for every call, and foreign keys are off on it. Its clients of servers have no
timeouts and cannot hold a transaction safely. So agentdb opens a client of its own on the same path or URL for each
operation. Both see the same committed rows.
"""

from __future__ import annotations

from agentdb.clients.location import MEMORY
from agentdb.errors import ClosedError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient


class BorrowedFile:
    """The file behind a `file:` client of libsql-client."""

    is_remote = False

    def __init__(self, client: Any, path: str, *, is_async: bool) -> None:
        #: For the clients that are opened; see create_client_sync().
        self.on_connect: OnConnect | None = None
        self._client = client
        self._path = path
        self.is_async = is_async

    def open(self) -> LocalClient:
        """A sync client of our own on the same file. Raises ClosedError where theirs is closed."""
        from agentdb.clients import create_client_sync

        return create_client_sync(self._checked_path(), on_connect=self.on_connect, **self._options())

    def open_async(self) -> AsyncLocalClient:
        """An async client of our own on the same file. Raises ClosedError where theirs is closed."""
        from agentdb.clients import create_client

        return create_client(self._checked_path(), on_connect=self.on_connect, **self._options())

    def _options(self) -> dict[str, Any]:
        """What else a client of our own needs."""
        return {}

    def _check(self) -> None:
        if self._client.closed:
            raise ClosedError(f"the libsql-client client of {self._path} is closed")

    def _checked_path(self) -> Any:
        self._check()
        # As a path, not as text: libsql-client does not decode it, so it is no URL any more.
        from pathlib import Path

        from agentdb.clients.location import absolute

        return Path(absolute(self._path))

    def __repr__(self) -> str:
        return f"<{self._path} of {type(self._client).__name__}>"


class BorrowedServer(BorrowedFile):
    """The server behind a `http:` or `ws:` client of libsql-client: the same URL, with the same token."""

    is_remote = True

    def __init__(self, client: Any, inner: Any, *, is_async: bool) -> None:
        super().__init__(client, inner._url, is_async=is_async)
        token = getattr(inner, "_auth_token", None)
        if token is None and hasattr(inner, "_session"):
            # Its http: client keeps it in a header, which says `Bearer None` where there is none.
            token = str(inner._session.headers.get("authorization") or "").removeprefix("Bearer ")
        self._token = token if token and token != "None" else None

    def _checked_path(self) -> str:
        self._check()
        return self._path

    def _options(self) -> dict[str, Any]:
        return {"auth_token": self._token}


def borrow(client: Any) -> BorrowedFile | None:
    """The file or the server behind a client that libsql-client made; None for anything that is not its client.

    Never imports libsql_client: whoever has such a client has imported it already. Raises InvalidArgumentError for an
    in-memory database of theirs (every call of theirs sees another, empty one).
    """
    if not any(base.__module__.partition(".")[0] == "libsql_client" for base in type(client).__mro__):
        return None
    inner = getattr(client, "_client", client)
    is_async = inner is client
    path = getattr(inner, "_path", None)
    if type(inner).__name__ in ("HranaClient", "HttpClient"):
        return BorrowedServer(client, inner, is_async=is_async)
    if type(inner).__name__ != "Sqlite3Client" or not isinstance(path, str):
        raise InvalidArgumentError(f"{type(client).__name__} of libsql-client is not a client", code="foreign_client")
    if path in (MEMORY, ""):
        raise InvalidArgumentError(
            "libsql-client opens a new, empty database at each call of a 'file::memory:' client",
            code="foreign_client",
            remedy="Use create_client(':memory:') or create_client_sync(':memory:') of agentdb.",
        )
    return BorrowedFile(client, path, is_async=is_async)
