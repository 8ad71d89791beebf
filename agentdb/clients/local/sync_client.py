"""A local file or ':memory:', for callers that wait.

There is one writer at a time, with a few readers beside it. A connection is opened when it is needed: a program with
one thread has one. A long read never delays a write.
"""

from __future__ import annotations

from _thread import RLock, _local, get_ident
from _weakref import ref

from agentdb.clients.base import SYNC
from agentdb.clients.local import fork_safety
from agentdb.clients.local.connection import Connection
from agentdb.clients.local.fair_semaphore import FairSemaphore, Turn
from agentdb.clients.local.file_identity import FileIdentity
from agentdb.clients.local.pool import Pool, TransactionBase
from agentdb.clients.local.started_inside import is_waited_for_by, mark
from agentdb.clients.location import MEMORY
from agentdb.clients.statements import READ, kind_of, statement_of, statements_of
from agentdb.errors import ClosedError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from types import TracebackType
    from typing import Any, Self

    from agentdb.clients.base import InArgs, InStatement, ResultSet
    from agentdb.clients.local.fair_semaphore import Token
    from agentdb.clients.local.settings import Settings
    from agentdb.clients.local.started_inside import Mark


class _Thread(_local):
    """What tells a thread from every other; its number will not do, because the next thread may get it."""

    def __init__(self) -> None:
        self.identity = object()


_thread = _Thread()


class LocalClient(Pool):
    """The sync client. Thread-safe; see agentdb.clients.base.Client for its interface."""

    is_async = False
    world = SYNC

    def __init__(self, path: str, settings: Settings) -> None:
        super().__init__(path, settings)
        self._file = FileIdentity(path)
        self._write_semaphore = FairSemaphore(1)
        self._read_semaphore = self._write_semaphore if path == MEMORY else FairSemaphore(settings.readers)
        self._transaction: ref[LocalTransaction] | None = None
        #: The connection of the open transaction: it must not be garbage together with a transaction that was dropped.
        self._lent: Connection | None = None
        self._generation = 0
        self._idle = [self._new_connection().open()]
        #: The connection that is the database, where it is in memory.
        self._only = self._idle[0] if path == MEMORY else None
        fork_safety.track_pool(self)

    def _caller(self) -> Hashable:
        return _thread.identity

    def _check_wait(self) -> None:
        """Raises TransactionActiveError where the owner of the open transaction waits for the calling thread."""
        transaction = None if self._transaction is None else self._transaction()
        if transaction is not None and not transaction.closed and is_waited_for_by(transaction.thread):
            raise self._started_inside()

    def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement; a writing one in a transaction of its own.

        What belongs to one connection of SQLite (TEMP tables, ATTACH, most PRAGMAs) may not be there at the next call.

        Raises InvalidArgumentError for what cannot be bound or is no single statement, BusyError where another writer
        held the lock, IntegrityError, StatementError or StorageError for what SQLite says, ClosedError,
        TransactionActiveError.
        """
        sql, values = statement_of(stmt, args)
        kind = kind_of(sql)
        if self._closed or self._owner is not None or self._in_callback or self._born != fork_safety.generation:
            self._check()
        semaphore = self._read_semaphore if kind == READ else self._write_semaphore
        check = self._check_wait if semaphore is self._write_semaphore else None
        token = semaphore.enter(self.settings.busy_timeout, check)
        if token is None:
            raise self._busy()
        try:
            connection = self._take()
            try:
                if kind == READ:
                    return connection.execute(sql, values)
                return connection.write(sql, values, kind)
            finally:
                self._give(connection)
        finally:
            semaphore.leave(token)

    def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements in one transaction: all, or none. Errors as in execute()."""
        prepared, writing = statements_of(stmts)
        self._check()
        semaphore = self._write_semaphore if writing else self._read_semaphore
        check = self._check_wait if semaphore is self._write_semaphore else None
        token = semaphore.enter(self.settings.busy_timeout, check)
        if token is None:
            raise self._busy()
        try:
            connection = self._take()
            try:
                return connection.batch(prepared, writing)
            finally:
                self._give(connection)
        finally:
            semaphore.leave(token)

    def script(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> bool:
        """As Connection.script(), for an engine of migrations: its statements are taken as they are."""
        self._check()
        token = self._write_semaphore.enter(self.settings.busy_timeout)
        if token is None:
            raise self._busy()
        try:
            connection = self._take()
            try:
                return connection.script(statements, unless)
            finally:
                self._give(connection)
        finally:
            self._write_semaphore.leave(token)

    def transaction(self, *, foreign_keys: bool = True) -> LocalTransaction:
        """Begin a write transaction (BEGIN IMMEDIATE): commit() keeps it, close() without it rolls back.

        foreign_keys: False, for an engine of migrations: they are not enforced until the transaction has ended, on a
        connection that nobody else gets meanwhile. What it leaves dangling, nobody reports.
        """
        self._check()
        transaction = self._new_transaction()
        transaction._begin(foreign_keys)
        return transaction

    def _new_transaction(self) -> LocalTransaction:
        return LocalTransaction(self)

    def close(self) -> None:
        """Close. May be called twice. A statement that runs on another thread ends first; a transaction of
        another thread is rolled back at its next use."""
        if self._born == fork_safety.generation:
            transaction = self._transaction and self._transaction()
            if transaction and self._owner == self._caller():
                transaction.close()
            self._closed = True
            self._only = None
            self._close_idle()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        if self._closed:
            raise ClosedError(f"the client of {self.path} is closed")
        if self._only is not None:  # lost on its way back, to a KeyboardInterrupt; and so may be its ROLLBACK
            self._only.rollback()
            return self._only
        return self._new_connection().open()

    def _new_connection(self) -> Connection:
        """A connection that is not yet open."""
        return Connection(self.path, self.settings, self._file, self._generation)

    def _give(self, connection: Connection) -> None:
        if not connection.usable:
            connection.rollback()
        if connection.generation != self._generation:
            connection.close()
        elif connection.usable:
            self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def renew(self) -> None:
        """Let what comes next have a new connection, for an engine of migrations. One that is in use is closed when it is
        given back. A database in memory keeps its one."""
        if self._only is None:
            self._generation += 1
            self._close_idle()

    def close_idle_files(self) -> None:
        """Close the connections that nobody uses, where the database is a file."""
        if self._only is None:
            self._close_idle()

    def _close_idle(self) -> None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            connection.close()


class LocalTransaction(TransactionBase):
    """A write transaction of a LocalClient. Belongs to the thread that began it."""

    is_async = False
    world = SYNC
    _client: LocalClient
    _token: Token | None = None

    def __init__(self, client: LocalClient) -> None:
        self._client = client
        self._lock = RLock()  # what one thread finds, that the transaction is still open, must hold while it uses it
        self.turn = Turn(client.settings.busy_timeout)  # of operations on it; see agentdb.operations.runners
        self._ended = False
        self._owner: Hashable | None = None
        self._connection: Connection | None = None
        self._mark: Mark | None = None
        #: The number of the thread that began it.
        self.thread = get_ident()

    def _begin(self, foreign_keys: bool) -> None:
        client = self._client
        self._token = client._write_semaphore.enter(client.settings.busy_timeout, client._check_wait)
        if self._token is None:
            raise client._busy()
        try:
            self._connection = client._lent = client._take()
            self._connection.begin(foreign_keys=foreign_keys)
            self._mark = mark()
            client._mark = ref(self._mark)
            self._owner = client._owner = client._caller()
            client._transaction = ref(self)
        except BaseException:
            self._finish()
            raise

    def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement inside the transaction. Errors as in LocalClient.execute()."""
        sql, values = statement_of(stmt, args)
        kind = kind_of(sql)
        client = self._client
        if self._ended or client._in_callback or client._born != fork_safety.generation:
            self._check(ended=self._ended)
        with self._lock:
            connection = self._open_connection()
            try:
                return connection.execute(sql, values, kind)
            except ClosedError:  # a server has rolled back by itself
                self._finish()
                raise

    def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements inside the transaction: all, or none of them."""
        prepared, _ = statements_of(stmts)
        self._check(ended=self._ended)
        with self._lock:
            connection = self._open_connection()
            try:
                return connection.batch_inside(prepared)
            except ClosedError:  # rolled back by the database itself
                self._finish()
                raise

    def savepoint(self, *, confined: bool = False) -> str:
        """Open a SAVEPOINT and return its name, for release() or rollback_to(). confined: until then statements can change
        nothing but the database itself."""
        self._check(ended=self._ended)
        with self._lock:
            return self._open_connection().savepoint(confined)

    def release(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        self._check(ended=self._ended)
        with self._lock:
            self._open_connection().release(name)

    def rollback_to(self, name: str) -> None:
        """Undo what was done since the savepoint. Does nothing where the transaction is gone already."""
        if self._client._born == fork_safety.generation:
            with self._lock:
                if self._connection is not None:
                    self._connection.rollback_to(name)

    def commit(self) -> None:
        """Keep everything, and end. Where it fails everything is rolled back."""
        self._check(ended=self._ended)
        with self._lock:
            connection = self._open_connection()
            try:
                connection.commit()
            finally:
                self._finish()

    def rollback(self) -> None:
        """Take everything back, and end. Does nothing where it has ended."""
        if self._client._born != fork_safety.generation:
            self._ended = True
            return
        with self._lock:
            try:
                if self._connection is not None:
                    self._connection.rollback()
            finally:
                self._finish()

    close = rollback

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._ended

    def _open_connection(self) -> Connection:
        """What the transaction runs on. Raises ClosedError where it has ended, by somebody else or by SQLite itself."""
        connection = self._connection
        if connection is None:
            self._check(ended=True)
            raise AssertionError
        if self._client.closed:
            self.close()
            raise ClosedError(f"the client of {self._client.path} was closed, so its transaction was rolled back")
        try:
            connection.check_transaction()
        except ClosedError:
            self._finish()
            raise
        return connection

    def _finish(self) -> None:
        """Give back all that it has: to the client the connection, to the next writer the turn."""
        client = self._client
        self._ended = True
        if self._mark is not None:
            self._mark.is_open = False
        # Once: by now the same thread may own another one. And without a call, in which an exception could strike.
        owner, self._owner = self._owner, None
        if owner is not None and client._owner is owner:
            client._owner = None
        connection, self._connection = self._connection, None
        if connection is not None:
            client._lent = None
            client._give(connection)
        token, self._token = self._token, None
        if token is not None:
            client._write_semaphore.exchange(token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._token is not None and self._client._born == fork_safety.generation:
            log(
                WARNING,
                "a transaction on %s was dropped without commit() or close(); it is rolled back",
                self._client.path,
            )
            self.close()
