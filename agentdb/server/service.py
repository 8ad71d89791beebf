"""The service as a process: it listens, and ends cleanly at SIGTERM and Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from agentdb.database import AsyncAgentDB
from agentdb.errors import StorageError
from agentdb.server.app import create_app
from agentdb.server.settings import ServerSettings

#: The seconds that open requests have to end.
_GRACE = 5


@dataclass(frozen=True)
class Service:
    """What to serve, where, and under which settings. options: as for AsyncAgentDB.open()."""

    database: str
    host: str
    port: int
    settings: ServerSettings
    options: dict[str, Any]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but without raising the signal again at the end: to be told to end is no failure."""
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Who listens to events would keep the service open.
        await self.config.app.state.agentdb_changes.stop()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def run(service: Service, tell: Callable[[str], None]) -> None:
    """Serve until the process is told to end. tell: called once, with the address, when it listens.

    Raises StorageError where the address is taken; errors of AsyncAgentDB.open().
    """
    asyncio.run(_serve(service, tell))


async def _serve(service: Service, tell: Callable[[str], None]) -> None:
    async with AsyncAgentDB.open(service.database, **service.options) as db:
        with _listening(service.host, service.port) as listening:
            _log_to_stderr()
            config = uvicorn.Config(
                create_app(db, service.settings),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE,
                server_header=False,
                lifespan="on",
            )
            name = f"[{service.host}]" if ":" in service.host else service.host
            tell(f"http://{name}:{listening.getsockname()[1]}")
            await _Server(config).serve(sockets=[listening])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    with listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        yield listening


def _cannot_listen(host: str, port: int, error: OSError) -> StorageError:
    return StorageError(f"cannot listen at {host}, port {port}: {error.strerror or error}", code="cannot_listen")


def _log_to_stderr() -> None:
    """A line for each answer, on stderr."""
    logger = logging.getLogger("agentdb.server.access")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
