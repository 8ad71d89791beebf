"""A local file or ':memory:', for callers on an event loop: LocalClient's rules, with the work on threads of its own."""

from __future__ import annotations

import asyncio
from _weakref import ref
from collections import deque

from agentdb.clients import forks
from agentdb.clients.connection import Connection, kind_of, statement_of
from agentdb.clients.lane import Lane
from agentdb.clients.location import MEMORY
from agentdb.clients.pool import Pool
from agentdb.errors import BusyError, ClosedError, InvalidArgumentError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from types import TracebackType
    from typing import Any, Self

    from agentdb.clients.base import InArgs, InStatement, ResultSet
    from agentdb.clients.connection import Settings


class AsyncGate:
    """A semaphore with a queue, for tasks of one event loop: first come, first served, with a time-out."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._waiting: deque[asyncio.Future[None]] = deque()

    def enter_at_once(self) -> bool:
        """Take a token if one is free and nobody waits."""
        if self._free and not self._waiting:
            self._free -= 1
            return True
        return False

    async def enter(self, patience: float) -> bool:
        """Take a token, waiting up to `patience` seconds. False if none came."""
        if self.enter_at_once():
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait((turn,), timeout=patience)
        except asyncio.CancelledError:
            if turn.done():
                self.leave()
            else:
                self._waiting.remove(turn)
            raise
        if turn.done():
            return True
        self._waiting.remove(turn)
        return False

    def leave(self) -> None:
        """Give the token to the first who waits, or put it back."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free += 1


class AsyncLocalClient(Pool):
    """The async client; see agentdb.clients.base.AsyncClient for its interface. Used from one event loop at a time."""

    is_async = True

    def __init__(self, path: str, settings: Settings) -> None:
        super().__init__(path, settings)
        self._set_gates()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._users = 0
        self._transaction: ref[AsyncLocalTransaction] | None = None
        self._idle: list[Lane] = []
        try:
            # At once, so that a wrong path is an error here; but never by waiting for a lock on the event loop.
            self._idle.append(Lane(Connection(path, settings, patient=False)))
        except BusyError:
            pass

    def _set_gates(self) -> None:
        self._write_gate = AsyncGate(1)
        self._read_gate = self._write_gate if self.path == MEMORY else AsyncGate(self.settings.readers)

    def _caller(self) -> Hashable:
        return asyncio.current_task()

    async def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement; a writing one in a transaction of its own. Errors as in LocalClient.execute()."""
        sql, values = statement_of(stmt, args)
        kind = kind_of(sql)
        self._check()
        gate, lane = await self._enter(writing=kind != "read")
        try:
            connection = lane.connection or await self._connect(lane)
            if kind == "read":
                return await lane.run(connection.execute, sql, values)
            return await lane.run(connection.write, sql, values, kind)
        finally:
            self._leave(gate, lane)

    async def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements in one transaction: all, or none. Errors as in LocalClient.execute()."""
        prepared = [statement_of(stmt) for stmt in stmts]
        writing = any(kind_of(sql) != "read" for sql, _ in prepared)
        self._check()
        gate, lane = await self._enter(writing=writing)
        try:
            connection = lane.connection or await self._connect(lane)
            return await lane.run(_batch, connection, prepared, writing)
        finally:
            self._leave(gate, lane)

    def transaction(self) -> AsyncLocalTransaction:
        """A write transaction. It begins (BEGIN IMMEDIATE) at `async with`, or at its first statement."""
        self._check()
        return AsyncLocalTransaction(self)

    async def close(self) -> None:
        """Close, after what is running. May be called twice. An open transaction of another task is rolled back
        at its next use."""
        if self._born != forks.generation:
            self._closed = True
            return
        transaction = self._transaction and self._transaction()
        if transaction and self._barred.get(self._caller()) == "transaction_active":
            await transaction.rollback()
        self._closed = True
        while self._idle:
            lane = self._idle.pop()
            if lane.connection is not None:
                await lane.run(lane.connection.close, interrupt=False)
            lane.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        if getattr(self, "_born", None) == forks.generation:
            for lane in self._idle:
                lane.close()

    async def _enter(self, *, writing: bool) -> tuple[AsyncGate, Lane]:
        """A lane to use, once the gate lets the caller in. Raises BusyError after the busy timeout."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._users and self._loop is not None and not self._loop.is_closed():
                raise InvalidArgumentError(
                    f"the client of {self.path} is in use on another event loop",
                    remedy="Open one client for each event loop.",
                )
            if self._users:  # the loop they were on is gone, and so are they
                self._users = 0
                self._set_gates()
            self._loop = loop
        gate = self._write_gate if writing else self._read_gate
        self._users += 1
        try:
            if not gate.enter_at_once() and not await gate.enter(self.settings.busy_timeout):
                raise self._busy()
        except BaseException:
            self._users -= 1
            raise
        return gate, self._idle.pop() if self._idle else Lane()

    async def _connect(self, lane: Lane) -> Connection:
        connection = await lane.run(Connection, self.path, self.settings, interrupt=False)
        lane.connection = connection
        return connection

    def _leave(self, gate: AsyncGate, lane: Lane) -> None:
        self._users -= 1
        if self._closed or lane.connection is None or not lane.connection.usable:
            lane.close()
        else:
            self._idle.append(lane)
        gate.leave()


class AsyncLocalTransaction:
    """A write transaction of an AsyncLocalClient. Belongs to the task in which it began."""

    is_async = True

    def __init__(self, client: AsyncLocalClient) -> None:
        self._client = client
        self._lane: Lane | None = None
        self._gate = client._write_gate
        self._owner: Hashable = None
        self._before: str | None = None
        self._ended = False

    async def begin(self) -> None:
        """Begin, waiting for the write lock up to the busy timeout. Does nothing where it has begun."""
        if self._lane is not None or self._ended:
            return
        client = self._client
        client._check()
        gate, lane = await client._enter(writing=True)
        try:
            connection = lane.connection or await client._connect(lane)
            await lane.run(connection.begin)
        except BaseException:
            if lane.connection is not None:
                # A cancelled BEGIN may have been granted.
                await lane.run(lane.connection.rollback, interrupt=False)
            client._leave(gate, lane)
            raise
        self._gate = gate
        self._lane = lane
        self._owner = client._caller()
        self._before = client.bar("transaction_active")
        client._transaction = ref(self)

    async def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement inside the transaction. Errors as in LocalClient.execute()."""
        sql, values = statement_of(stmt, args)
        kind_of(sql)
        lane, connection = await self._open_lane()
        return await lane.run(_execute, connection, sql, values)

    async def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements inside the transaction: all, or none of them."""
        prepared = [statement_of(stmt) for stmt in stmts]
        for sql, _ in prepared:
            kind_of(sql)
        lane, connection = await self._open_lane()
        return await lane.run(_nested_batch, connection, prepared)

    async def savepoint(self) -> str:
        """Open a SAVEPOINT and return its name, for release() or rollback_to()."""
        lane, connection = await self._open_lane()
        return await lane.run(connection.savepoint, interrupt=False)

    async def release(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        lane, connection = await self._open_lane()
        await lane.run(connection.release, name, interrupt=False)

    async def rollback_to(self, name: str) -> None:
        """Take back what was done since the savepoint. Does nothing where the transaction is gone already."""
        if self._lane is not None and self._lane.connection is not None:
            await self._lane.run(self._lane.connection.rollback_to, name, interrupt=False)

    async def commit(self) -> None:
        """Keep everything, and end. Where it fails everything is rolled back. Once sent, it is not cancelled."""
        lane, connection = await self._open_lane()
        try:
            await lane.run(connection.commit, interrupt=False)
        finally:
            self._finish()

    async def rollback(self) -> None:
        """Take everything back, and end. Does nothing where it has ended. Once sent, it is not cancelled."""
        lane = self._lane
        if lane is None or lane.connection is None:
            self._ended = True
        elif self._client._born == forks.generation:
            try:
                await lane.run(lane.connection.rollback, interrupt=False)
            finally:
                self._finish()

    def close(self) -> None:
        """End: without commit() everything is taken back, on the lane's own thread, after what runs there."""
        lane, client, owner, before = self._lane, self._client, self._owner, self._before
        self._lane = None
        self._ended = True
        if lane is None or lane.connection is None or client._born != forks.generation:
            return
        connection, loop, gate = lane.connection, client._loop, self._gate
        client._lift(owner, before)

        def end() -> None:
            connection.rollback()
            try:
                assert loop is not None  # a transaction has begun on one
                loop.call_soon_threadsafe(client._leave, gate, lane)
            except RuntimeError:
                client._leave(gate, lane)  # the loop is closed: nobody waits on it

        lane.post(end)

    def bar(self, reason: str) -> str | None:
        """Refuse the client to the caller until unbar(); see Pool.bar()."""
        return self._client.bar(reason)

    def unbar(self, before: str | None = None) -> None:
        """End the caller's bar, or put the one before back."""
        self._client.unbar(before)

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._ended

    async def _open_lane(self) -> tuple[Lane, Connection]:
        if self._client._born != forks.generation:
            raise ClosedError("the transaction was begun before a fork", code="forked")
        if self._ended:
            raise ClosedError("the transaction has ended", remedy="Begin another with client.transaction().")
        if self._client.closed:
            await self.rollback()
            raise ClosedError("the client was closed, so its transaction was rolled back")
        await self.begin()
        assert self._lane is not None
        assert self._lane.connection is not None
        try:
            self._lane.connection.check_transaction()
        except ClosedError:
            self._finish()
            raise
        return self._lane, self._lane.connection

    def _finish(self) -> None:
        lane, self._lane = self._lane, None
        self._ended = True
        if lane is not None:
            self._client._lift(self._owner, self._before)
            self._client._leave(self._gate, lane)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.rollback()

    def __del__(self) -> None:
        if getattr(self, "_lane", None) is not None and self._client._born == forks.generation:
            log(
                WARNING,
                "a transaction on %s was dropped without commit() or close(); it is rolled back",
                self._client.path,
            )
            self.close()


def _batch(connection: Connection, prepared: list[tuple[str, Any]], writing: bool) -> list[ResultSet]:
    return connection.batch(prepared, writing=writing)


def _execute(connection: Connection, sql: str, values: Any) -> ResultSet:
    # Checked again on the lane: what was queued before may have cost the transaction, and then this would be committed.
    connection.check_transaction()
    return connection.execute(sql, values)


def _nested_batch(connection: Connection, prepared: list[tuple[str, Any]]) -> list[ResultSet]:
    connection.check_transaction()
    name = connection.savepoint()
    try:
        results = [connection.execute(sql, values) for sql, values in prepared]
    except BaseException:
        connection.rollback_to(name)
        raise
    connection.release(name)
    return results
