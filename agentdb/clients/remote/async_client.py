"""The async client of a server."""

from __future__ import annotations

from agentdb.clients.local import fork_safety
from agentdb.clients.local.async_client import AsyncLocalClient, AsyncLocalTransaction
from agentdb.clients.remote.aiohttp_transport import Sessions, StreamTask
from agentdb.clients.statements import statements_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.base import InStatement
    from agentdb.clients.remote.exchange import Server


class AsyncRemoteClient(AsyncLocalClient):
    """The client of a server, for callers on an event loop; see agentdb.clients.base.AsyncClient for its interface.

    Its rules are those of RemoteClient. Cancelling a call waits for the answer to what has been sent, unless it only reads.
    """

    is_remote = True

    def __init__(self, server: Server) -> None:
        self.server = server
        self._sessions = Sessions(server)
        super().__init__(server.name, server.settings)  # type: ignore[arg-type]

    def _open_first(self) -> None:
        """Nothing is opened before it is needed."""

    def _new_thread(self) -> Any:
        return self._remember(StreamTask(self.server, self._sessions, self._generation))  # type: ignore[arg-type]

    def _new_transaction(self, foreign_keys: bool) -> AsyncLocalTransaction:
        return AsyncRemoteTransaction(self, foreign_keys)

    async def close(self) -> None:
        """Close. May be called twice. A transaction of another task is rolled back at its next use."""
        try:
            await super().close()
        finally:
            await self._sessions.close()

    def __del__(self) -> None:
        if self._born == fork_safety.generation:
            self._sessions.drop()
        super().__del__()


class AsyncRemoteTransaction(AsyncLocalTransaction):
    """A write transaction on a server. Its BEGIN travels with its first statement."""

    async def later(self, stmts: Iterable[InStatement]) -> None:
        """As RemoteTransaction.later()."""
        await self._run("later", statements_of(stmts)[0], interrupt=False)
