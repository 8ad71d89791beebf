"""Cancelling an async call: what was sent is waited for, unless it only reads, and nothing is left open on the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from libsql_server import LibsqlServer
from tcp_proxy import PASS, TcpProxy

from agentdb import create_client, create_client_sync


class Gate:
    """A rule of a proxy that holds back what has this word in it."""

    def __init__(self, word: bytes) -> None:
        self.word = word
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, piece: bytes) -> str:
        if self.word in piece:
            self.reached.set()
            self.open.wait(30)
        return PASS


def cancelled_at(server: LibsqlServer, word: bytes, work: Callable[[Any], Any], *, waits: bool) -> None:
    """Cancel the work when what has the word in it is on its way; see whether it waits for the answer."""
    gate = Gate(word)

    async def main() -> None:
        with TcpProxy(server.port, gate) as proxy:
            async with create_client(proxy.url) as client:
                task = asyncio.create_task(work(client))
                await asyncio.to_thread(gate.reached.wait, 30)
                task.cancel()
                done, _ = await asyncio.wait((task,), timeout=0.2 if waits else 10)
                assert bool(done) is not waits
                gate.open.set()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert (await client.execute("SELECT 1")).tuples == [(1,)]
            gate.open.set()

    asyncio.run(main())


@pytest.fixture
def rows(server: LibsqlServer) -> Callable[[], list[Any]]:
    def read() -> list[Any]:
        with create_client_sync(server.url) as client:
            return [b for (b,) in client.execute("SELECT b FROM t ORDER BY b").tuples]

    with create_client_sync(server.url) as client:
        client.execute("CREATE TABLE t (b)")
    return read


def test_a_read_is_let_go_at_once(server: LibsqlServer) -> None:
    cancelled_at(server, b"SELECT 7", lambda client: client.execute("SELECT 7"), waits=False)


def test_a_write_that_was_sent_is_waited_for(server: LibsqlServer, rows: Callable[[], list[Any]]) -> None:
    cancelled_at(server, b"INSERT", lambda client: client.execute("INSERT INTO t VALUES (1)"), waits=True)
    assert rows() == [1]


def test_a_commit_that_was_sent_is_waited_for(server: LibsqlServer, rows: Callable[[], list[Any]]) -> None:
    async def work(client: Any) -> None:
        transaction = client.transaction()
        await transaction.execute("INSERT INTO t VALUES (1)")
        await transaction.commit()

    cancelled_at(server, b"COMMIT", work, waits=True)
    assert rows() == [1]


def test_a_block_that_is_cancelled_is_rolled_back_and_its_lock_is_free(
    server: LibsqlServer, rows: Callable[[], list[Any]]
) -> None:
    async def work(client: Any) -> None:
        async with client.transaction() as transaction:
            await transaction.execute("INSERT INTO t VALUES (1)")
            await transaction.execute("INSERT INTO t VALUES ('held')")
            await transaction.commit()

    cancelled_at(server, b"'held'", work, waits=True)
    with create_client_sync(server.url, timeout=3.0) as client:  # below the five seconds after which a lock is taken away
        client.execute("INSERT INTO t VALUES (2)")
    assert rows() == [2]
