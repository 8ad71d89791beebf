"""A local file or ':memory:', for callers that wait.

One writer at a time and a few readers beside it, on as many connections as are needed at once: a program with one thread
has one connection, and a long read never delays a write.
"""

from __future__ import annotations

from _thread import get_ident
from _weakref import ref

from agentdb.clients import forks
from agentdb.clients.connection import Connection, kind_of, statement_of
from agentdb.clients.gate import Gate
from agentdb.clients.location import MEMORY
from agentdb.clients.pool import Pool
from agentdb.errors import ClosedError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from agentdb.clients.base import InArgs, InStatement, ResultSet
    from agentdb.clients.connection import Settings


class LocalClient(Pool):
    """The sync client. Thread-safe; see agentdb.clients.base.Client for its interface."""

    is_async = False

    def __init__(self, path: str, settings: Settings) -> None:
        super().__init__(path, settings)
        self._write_gate = Gate(1)
        self._read_gate = self._write_gate if path == MEMORY else Gate(settings.readers)
        self._transaction: ref[LocalTransaction] | None = None
        self._idle = [Connection(path, settings)]

    def _caller(self) -> int:
        return get_ident()

    def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement; a writing one in a transaction of its own.

        Raises InvalidArgumentError for what cannot be bound or is no single statement, BusyError where the lock was not
        to be had, IntegrityError, StatementError or StorageError for what SQLite says, ClosedError,
        TransactionActiveError.
        """
        sql, values = statement_of(stmt, args)
        kind = kind_of(sql)
        if self._closed or self._barred or self._born != forks.generation:
            self._check()
        gate = self._read_gate if kind == "read" else self._write_gate
        if not gate.enter(self.settings.busy_timeout):
            raise self._busy()
        try:
            connection = self._take()
            try:
                if kind == "read":
                    return connection.execute(sql, values)
                return connection.write(sql, values, kind)
            finally:
                self._give(connection)
        finally:
            gate.leave()

    def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements in one transaction: all, or none. Errors as in execute()."""
        prepared = [statement_of(stmt) for stmt in stmts]
        writing = any(kind_of(sql) != "read" for sql, _ in prepared)
        self._check()
        gate = self._write_gate if writing else self._read_gate
        if not gate.enter(self.settings.busy_timeout):
            raise self._busy()
        try:
            connection = self._take()
            try:
                return connection.batch(prepared, writing=writing)
            finally:
                self._give(connection)
        finally:
            gate.leave()

    def transaction(self) -> LocalTransaction:
        """Begin a write transaction (BEGIN IMMEDIATE): commit() keeps it, close() without it rolls back."""
        self._check()
        if not self._write_gate.enter(self.settings.busy_timeout):
            raise self._busy()
        try:
            connection = self._take()
            try:
                connection.begin()
            except BaseException:
                self._give(connection)
                raise
        except BaseException:
            self._write_gate.leave()
            raise
        transaction = LocalTransaction(self, connection, self.bar("transaction_active"))
        self._transaction = ref(transaction)
        return transaction

    def close(self) -> None:
        """Close. May be called twice. An open transaction is rolled back, by its next use if another thread has it."""
        if self._born != forks.generation:
            self._closed = True
            return
        transaction = self._transaction and self._transaction()
        if transaction and self._barred.get(get_ident()) == "transaction_active":
            transaction.close()
        self._closed = True
        self._close_idle()

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
            return Connection(self.path, self.settings)

    def _give(self, connection: Connection) -> None:
        if connection.usable:
            self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def _close_idle(self) -> None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            connection.close()

    def _end(self, connection: Connection, owner: int, before: str | None) -> None:
        """A transaction has ended: its connection comes back and the next writer may come."""
        self._lift(owner, before)
        self._give(connection)
        self._write_gate.leave()


class LocalTransaction:
    """A write transaction of a LocalClient. Belongs to the thread that began it."""

    is_async = False

    def __init__(self, client: LocalClient, connection: Connection, before: str | None) -> None:
        self._client = client
        self._connection: Connection | None = connection
        self._owner = get_ident()
        self._before = before

    def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement inside the transaction. Errors as in LocalClient.execute()."""
        sql, values = statement_of(stmt, args)
        kind_of(sql)
        return self._open_connection().execute(sql, values)

    def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements inside the transaction: all, or none of them."""
        prepared = [statement_of(stmt) for stmt in stmts]
        for sql, _ in prepared:
            kind_of(sql)
        connection = self._open_connection()
        name = connection.savepoint()
        try:
            results = [connection.execute(sql, values) for sql, values in prepared]
        except BaseException:
            connection.rollback_to(name)
            raise
        connection.release(name)
        return results

    def savepoint(self) -> str:
        """Open a SAVEPOINT and return its name, for release() or rollback_to()."""
        return self._open_connection().savepoint()

    def release(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        self._open_connection().release(name)

    def rollback_to(self, name: str) -> None:
        """Take back what was done since the savepoint. Does nothing where the transaction is gone already."""
        if self._connection is not None:
            self._connection.rollback_to(name)

    def commit(self) -> None:
        """Keep everything, and end. Where it fails everything is rolled back."""
        connection = self._open_connection()
        try:
            connection.commit()
        finally:
            self._finish()

    def rollback(self) -> None:
        """Take everything back, and end. Does nothing where it has ended."""
        connection = self._connection
        if connection is not None:
            try:
                if self._client._born == forks.generation:
                    connection.rollback()
            finally:
                self._finish()

    close = rollback

    def bar(self, reason: str) -> str | None:
        """Refuse the client to the caller until unbar(); see Pool.bar()."""
        return self._client.bar(reason)

    def unbar(self, before: str | None = None) -> None:
        """End the caller's bar, or put the one before back."""
        self._client.unbar(before)

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._connection is None

    def _open_connection(self) -> Connection:
        if self._client._born != forks.generation:
            raise ClosedError("the transaction was begun before a fork", code="forked")
        if self._connection is None:
            raise ClosedError("the transaction has ended", remedy="Begin another with client.transaction().")
        if self._client.closed:
            self.close()
            raise ClosedError("the client was closed, so its transaction was rolled back")
        try:
            self._connection.check_transaction()
        except ClosedError:
            self._finish()
            raise
        return self._connection

    def _finish(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._client._end(connection, self._owner, self._before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None and self._client._born == forks.generation:
            log(
                WARNING,
                "a transaction on %s was dropped without commit() or close(); it is rolled back",
                self._client.path,
            )
            self.close()
