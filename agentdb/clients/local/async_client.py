"""A local file or ':memory:', for callers on an event loop: LocalClient's rules, with the work on threads of its own."""

from __future__ import annotations

import asyncio
from _weakref import ref

from agentdb.clients.base import ASYNC
from agentdb.clients.local import fork_safety
from agentdb.clients.local.async_fair_semaphore import AsyncFairSemaphore, AsyncTurn
from agentdb.clients.local.connection import Connection
from agentdb.clients.local.connection_thread import ConnectionThread
from agentdb.clients.local.file_identity import FileIdentity
from agentdb.clients.local.pool import Pool, TransactionBase
from agentdb.clients.local.started_inside import mark
from agentdb.clients.location import MEMORY
from agentdb.clients.statements import READ, kind_of, statement_of, statements_of
from agentdb.errors import BusyError, ClosedError, InvalidArgumentError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from agentdb.clients.base import InArgs, InStatement, ResultSet
    from agentdb.clients.local.settings import Settings

    T = TypeVar("T")


class AsyncLocalClient(Pool):
    """The async client; see agentdb.clients.base.AsyncClient for its interface. Used from one event loop at a time."""

    is_async = True
    world = ASYNC

    def __init__(self, path: str, settings: Settings) -> None:
        self._idle: list[ConnectionThread] = []
        self._generation = 0
        #: Every thread that is not closed. A thread in use must not be garbage together with a transaction that was dropped.
        self._threads: set[ConnectionThread] = set()
        super().__init__(path, settings)
        self._file = FileIdentity(path)
        self._set_gates()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transaction: ref[AsyncLocalTransaction] | None = None
        self._open_first()
        #: The thread of the connection that is the database, where it is in memory.
        self._only = self._idle[0] if path == MEMORY else None
        fork_safety.track_pool(self)

    def _open_first(self) -> None:
        thread = self._new_thread()
        try:
            # At once, so that a wrong path is an error here; but never by waiting for a lock on the event loop.
            thread.connection.open(patient=False)
            self._idle.append(thread)
        except BusyError:
            self._close_thread(thread)

    def _new_thread(self) -> ConnectionThread:
        """A thread with a connection that is not yet open."""
        return self._remember(ConnectionThread(Connection(self.path, self.settings, self._file, self._generation)))

    def _set_gates(self) -> None:
        self._write_semaphore = AsyncFairSemaphore(1)
        self._read_semaphore = (
            self._write_semaphore if self.path == MEMORY else AsyncFairSemaphore(self.settings.readers)
        )

    def _caller(self) -> Hashable:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # outside an event loop
            return None
        return None if task is None else ref(task)

    async def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement; a writing one in a transaction of its own. Errors as in LocalClient.execute()."""
        sql, values = statement_of(stmt, args)
        kind = kind_of(sql)
        self._check()
        semaphore, thread = await self._enter(writing=kind != READ)
        try:
            if kind == READ:
                return await thread.run(thread.connection.execute, sql, values)
            return await thread.run(thread.connection.write, sql, values, kind)
        finally:
            self._leave(semaphore, thread)

    async def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements in one transaction: all, or none. Errors as in LocalClient.execute()."""
        prepared, writing = statements_of(stmts)
        self._check()
        semaphore, thread = await self._enter(writing=writing)
        try:
            return await thread.run(thread.connection.batch, prepared, writing)
        finally:
            self._leave(semaphore, thread)

    async def script(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> bool:
        """As LocalClient.script(); the statements are taken on the connection's thread."""
        self._check()
        semaphore, thread = await self._enter(writing=True)
        try:
            return await thread.run(thread.connection.script, statements, unless)
        finally:
            self._leave(semaphore, thread)

    def transaction(self, *, foreign_keys: bool = True) -> AsyncLocalTransaction:
        """A write transaction. It begins (BEGIN IMMEDIATE) at `async with`, or at its first statement.

        foreign_keys: as for LocalClient.transaction().
        """
        self._check()
        return self._new_transaction(foreign_keys)

    def _new_transaction(self, foreign_keys: bool) -> AsyncLocalTransaction:
        return AsyncLocalTransaction(self, foreign_keys)

    async def close(self) -> None:
        """Close. May be called twice. A statement that runs for another task ends first; a transaction of
        another task is rolled back at its next use."""
        if self._born != fork_safety.generation:
            self._closed = True
            return
        transaction = self._transaction and self._transaction()
        if transaction and self._owner is not None and self._owner == self._caller():
            await transaction.rollback()
        self._closed = True
        self._only = None
        threads = self._idle[:]
        self._idle.clear()
        try:
            for thread in threads:
                await thread.run(thread.connection.close, interrupt=False)
        finally:
            for thread in threads:
                self._close_thread(thread)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _enter(self, *, writing: bool) -> tuple[AsyncFairSemaphore, ConnectionThread]:
        """A thread to use, once the semaphore lets the caller in. Raises BusyError after the busy timeout."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._move_to(loop)
        semaphore = self._write_semaphore if writing else self._read_semaphore
        if not semaphore.enter_at_once() and not await semaphore.enter(self.settings.busy_timeout):
            raise self._busy()
        if self._idle:
            return semaphore, self._idle.pop()
        if self._closed:
            semaphore.leave()
            raise ClosedError(f"the client of {self.path} is closed")
        if self._only is not None:
            return semaphore, self._only
        thread = self._new_thread()
        try:
            await thread.run(thread.connection.open)
        except BaseException:
            self._leave(semaphore, thread)
            raise
        return semaphore, thread

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._write_semaphore.in_use or self._read_semaphore.in_use:
            if self._loop is not None and not self._loop.is_closed():
                raise InvalidArgumentError(
                    f"the client of {self.path} is in use on another event loop",
                    remedy="Open one client for each event loop.",
                )
            # The loop they were on is gone, and so are they.
            transaction = self._transaction and self._transaction()
            if transaction:
                transaction.close()
            self._set_gates()
        self._loop = loop

    def _remember(self, thread: ConnectionThread) -> ConnectionThread:
        self._threads.add(thread)
        return thread

    def _close_thread(self, thread: ConnectionThread) -> None:
        self._threads.discard(thread)
        thread.close()

    def close_idle_files(self) -> None:
        """Close the connections that nobody uses, where the database is a file."""
        if self._only is None:
            for thread in self._idle[:]:
                if thread.at_rest:
                    self._idle.remove(thread)
                    thread.connection.close()
                    self._close_thread(thread)

    def renew(self) -> None:
        """As LocalClient.renew(); the connections are closed on their own threads."""
        if self._only is None:
            self._generation += 1
            for thread in self._idle[:]:
                self._idle.remove(thread)
                self._close_thread(thread)

    def _leave(self, semaphore: AsyncFairSemaphore, thread: ConnectionThread) -> None:
        connection = thread.connection
        if connection.is_open and not connection.usable:  # somebody's coroutine ended without a chance to wait for this
            thread.post(connection.rollback)
        if self._closed or not connection.is_open or connection.generation != self._generation:
            self._close_thread(thread)
        elif thread is not self._only or not self._idle:
            self._idle.append(thread)
        semaphore.leave()

    def __del__(self) -> None:
        if self._born == fork_safety.generation:
            for thread in self._threads:
                thread.close()


class AsyncLocalTransaction(TransactionBase):
    """A write transaction of an AsyncLocalClient. Belongs to the task that asked for it, or else in which it began."""

    is_async = True
    world = ASYNC
    _client: AsyncLocalClient
    _thread: ConnectionThread | None = None

    def __init__(self, client: AsyncLocalClient, foreign_keys: bool) -> None:
        self._client = client
        self._foreign_keys = foreign_keys
        self._semaphore = client._write_semaphore
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beginning = asyncio.Lock()
        self._owner = client._caller()
        self._mark = mark()  # here: another task may begin it, whose context is not that of the caller
        self.turn = AsyncTurn(client.settings.busy_timeout)  # of operations on it; see agentdb.operations.runners
        self._ended = False

    async def begin(self) -> None:
        """Begin, waiting for the write lock up to the busy timeout. Does nothing where it has begun."""
        self._check(ended=self._ended)
        if self._thread is None:
            async with self._beginning:
                if self._thread is None:
                    await self._begin()

    async def _begin(self) -> None:
        client = self._client
        client._check()
        semaphore, thread = await client._enter(writing=True)
        try:
            await thread.run(thread.connection.begin, True, self._foreign_keys)
            self._check(ended=self._ended)
        except BaseException as error:
            # A cancelled BEGIN may have been granted.
            try:
                if isinstance(error, GeneratorExit):  # nobody awaits this any more
                    thread.post(thread.connection.rollback)
                else:
                    await thread.run(thread.connection.rollback, interrupt=False)
            finally:
                client._leave(semaphore, thread)
            raise
        self._semaphore = semaphore
        self._loop = client._loop
        self._thread = thread
        if self._owner is None:
            self._owner = client._caller()
        client._mark = ref(self._mark)
        client._owner = self._owner
        client._transaction = ref(self)

    async def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement inside the transaction. Errors as in LocalClient.execute()."""
        sql, values = statement_of(stmt, args)
        return await self._run("execute_inside", sql, values, kind_of(sql))  # type: ignore[no-any-return]

    async def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements inside the transaction: all, or none of them."""
        return await self._run("batch_inside", statements_of(stmts)[0])  # type: ignore[no-any-return]

    async def savepoint(self, *, confined: bool = False) -> str:
        """As LocalTransaction.savepoint()."""
        return await self._run("savepoint", confined, interrupt=False)  # type: ignore[no-any-return]

    async def release(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        await self._run("release", name, interrupt=False)

    async def rollback_to(self, name: str) -> None:
        """Undo what was done since the savepoint. Does nothing where the transaction is gone already."""
        thread = self._thread
        if thread is not None and self._client._born == fork_safety.generation:
            await thread.run(thread.connection.rollback_to, name, interrupt=False)

    async def commit(self) -> None:
        """Keep everything, and end. Where it fails everything is rolled back. Once sent, it is not cancelled."""
        thread = await self._open_thread()
        self._ended = True
        self._mark.is_open = False  # whoever was started inside may wait for this
        try:
            await thread.run(thread.connection.commit, interrupt=False)
        finally:
            self._finish()

    async def rollback(self) -> None:
        """Take everything back, and end. Does nothing where it has ended. Once sent, it is not cancelled."""
        thread = self._thread
        self._ended = True
        self._mark.is_open = False
        if thread is not None and self._client._born == fork_safety.generation:
            try:
                await thread.run(thread.connection.rollback, interrupt=False)
            finally:
                self._finish()

    def close(self) -> None:
        """End: without commit() everything is rolled back, on the connection's thread, after what runs there."""
        thread, client, loop, semaphore = self._thread, self._client, self._loop, self._semaphore
        self._thread = None
        self._ended = True
        self._mark.is_open = False
        if thread is None or client._born != fork_safety.generation:
            return
        client._lift(self._owner)

        def give_back() -> None:
            try:
                assert loop is not None  # a transaction has begun on one
                loop.call_soon_threadsafe(client._leave, semaphore, thread)
            except RuntimeError:
                client._leave(semaphore, thread)  # the loop is closed: nobody waits on it

        thread.post(thread.connection.rollback)
        thread.post(give_back)

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._ended

    async def _run(self, method: str, *arguments: Any, interrupt: bool = True) -> Any:
        thread = await self._open_thread()
        try:
            return await thread.run(getattr(thread.connection, method), *arguments, interrupt=interrupt)
        except ClosedError:  # SQLite has rolled back by itself
            self._finish()
            raise

    async def _open_thread(self) -> ConnectionThread:
        if self._client.closed:
            await self.rollback()
            raise ClosedError(f"the client of {self._client.path} was closed, so its transaction was rolled back")
        await self.begin()
        assert self._thread is not None
        return self._thread

    def _finish(self) -> None:
        thread, self._thread = self._thread, None
        self._ended = True
        self._mark.is_open = False
        if thread is not None:
            self._client._lift(self._owner)
            self._client._leave(self._semaphore, thread)

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
        if kind is GeneratorExit:  # nobody awaits this block any more
            self.close()
        else:
            await self.rollback()

    def __del__(self) -> None:
        if self._thread is not None and self._client._born == fork_safety.generation:
            log(
                WARNING,
                "a transaction on %s was dropped without commit() or close(); it is rolled back",
                self._client.path,
            )
            self.close()
