"""The sync client of a server."""

from __future__ import annotations

from agentdb.clients.local.sync_client import LocalClient, LocalTransaction
from agentdb.clients.remote.http_transport import HttpConnection
from agentdb.clients.statements import statements_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.base import InStatement
    from agentdb.clients.remote.exchange import Server


class RemoteClient(LocalClient):
    """The client of a server, for callers that wait. Thread-safe; see agentdb.clients.base.Client for its interface.

    Its rules are those of a client of a file: one writer at a time in this process, several readers, and one owner of an open
    transaction. Nothing is sent before the first statement.
    """

    is_remote = True

    def __init__(self, server: Server) -> None:
        self.server = server
        super().__init__(server.name, server.settings)  # type: ignore[arg-type]

    def _new_connection(self) -> Any:
        return HttpConnection(self.server, self._generation)

    def _new_transaction(self) -> LocalTransaction:
        return RemoteTransaction(self)


class RemoteTransaction(LocalTransaction):
    """A write transaction on a server. Its BEGIN travels with its first statement."""

    def later(self, stmts: Iterable[InStatement]) -> None:
        """Statements whose results nobody needs: they travel with the next one, or with the COMMIT, and what they raise is
        raised there."""
        prepared, _ = statements_of(stmts)
        self._check(ended=self._ended)
        with self._lock:
            connection: Any = self._open_connection()
            connection.later(prepared)
