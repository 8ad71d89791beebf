"""Writes and transactions on one sqlite3 connection, with foreign keys on."""

from __future__ import annotations

import sqlite3

from agentdb.clients.base import ResultSet
from agentdb.clients.local.error_translation import FAULTS
from agentdb.clients.local.sqlite_connection import SqliteConnection
from agentdb.clients.location import MEMORY
from agentdb.clients.statements import PRAGMA, refuse_writing_pragma
from agentdb.errors import AgentDBError, ClosedError, StatementError, StorageError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.statements import Prepared


class Connection(SqliteConnection):
    """One connection. Used by one caller at a time; which one, its client decides."""

    __slots__ = ()

    def write(self, sql: str, args: Any, kind: str) -> ResultSet:
        """Run one statement that is no READ, in a transaction of its own."""
        if not self.usable:
            self.rollback()  # a transaction that somebody left behind would swallow the statement
        if not self._writable:
            if kind != PRAGMA:
                self._prepare_to_write()
            elif self._settings.read_only:
                refuse_writing_pragma(sql, self.path)
        if not self._settings.read_only:
            self._file.check()
        try:
            return self.execute(sql, args, kind)
        finally:
            self._give_up_at = None

    def batch(self, prepared: list[Prepared], writing: bool) -> list[ResultSet]:
        """Run statements in one transaction: all, or none."""
        if self._settings.read_only:
            self._refuse_writing_pragmas(prepared)
        self.begin(writing)
        try:
            results = [self.execute(sql, args, kind) for sql, args, kind in prepared]
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return results

    def script(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> bool:
        """Run statements in one transaction, each taken when the one before has run: all, or none. False, and nothing is
        done, where the SELECT `unless` gives a row."""
        self.begin()
        try:
            if self.execute(*unless).tuples:
                self.rollback()
                return False
            execute = self._sqlite.execute
            for sql, args in statements:
                if self._interrupted:  # between two of them, where SQLite has nothing to stop
                    raise StatementError(f"interrupted inside a transaction on {self.path}", code="interrupted")
                try:
                    execute(sql, args)
                except FAULTS as error:
                    self._try_again(error, sql, args)
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return True

    def execute_inside(self, sql: str, args: Any, kind: str) -> ResultSet:
        """Run one statement of the open transaction. Raises ClosedError where there is none any more."""
        self.check_transaction()
        return self.execute(sql, args, kind)

    def batch_inside(self, prepared: list[Prepared]) -> list[ResultSet]:
        """Run statements of the open transaction: all of them, or none. Raises ClosedError where there is none."""
        name = self.savepoint()
        try:
            results = [self.execute_inside(sql, args, kind) for sql, args, kind in prepared]
            self.release(name)
        except BaseException:
            self.rollback_to(name)
            raise
        return results

    def _refuse_writing_pragmas(self, prepared: list[Prepared]) -> None:
        for sql, _, kind in prepared:
            if kind == PRAGMA:
                refuse_writing_pragma(sql, self.path)

    # -- transactions

    @property
    def in_transaction(self) -> bool:
        """False also where it is closed."""
        try:
            return self._sqlite.in_transaction
        except sqlite3.ProgrammingError:
            return False

    @property
    def usable(self) -> bool:
        """Whether it is open, in no transaction, not confined, and enforces foreign keys."""
        try:
            return not self._sqlite.in_transaction and self._enforcing and self._confined is None
        except sqlite3.ProgrammingError:
            return False

    def begin(self, writing: bool = True, foreign_keys: bool = True) -> None:
        """BEGIN IMMEDIATE, which waits for the write lock up to the busy timeout; a reading one takes a snapshot.

        foreign_keys: False switches their enforcement off until commit() or rollback().
        """
        if not self.usable:
            self.rollback()
        if writing and not self._writable:
            self._prepare_to_write()
        if not foreign_keys:
            self._enforcing = False
            self._enforce(False)
        try:
            self._run("BEGIN IMMEDIATE" if writing else "BEGIN")
        finally:
            self._give_up_at = None
        self._writing = writing
        if writing:
            self._check_file()  # before a journal is written beside another file

    def _set_free(self) -> None:
        """The statements that follow are not confined any more. An authorizer that the application's own function had set is
        gone: then this connection is not used again. That of a database in memory is the only one, and stays."""
        self._confined = None
        if self.is_open:
            self._sqlite.set_authorizer(None)
        if self._settings.on_connect is not None and self.path != MEMORY:
            self.generation = -1

    def _check_file(self) -> None:
        """Raises StorageError `file_replaced` where the file has lost its name; then the transaction is rolled back."""
        try:
            self._file.check()
        except StorageError:
            self.rollback()
            raise

    def commit(self) -> None:
        """COMMIT. Where it fails the transaction is rolled back: there is no half-open one to forget.

        Raises ClosedError where SQLite has rolled back by itself, StorageError `file_replaced`.
        """
        self.check_transaction()
        if self._writing:
            self._check_file()
        try:
            self._run("COMMIT")
        except BaseException:
            self.rollback()
            raise
        if self._confined is not None:
            self._set_free()
        if not self._enforcing:
            self._enforce_again()

    def _enforce(self, enforcing: bool) -> None:
        """Switch foreign keys, and read back whether they are: inside a transaction SQLite ignores the switch."""
        self._run(f"PRAGMA foreign_keys={'ON' if enforcing else 'OFF'}")
        if self._run("PRAGMA foreign_keys") != [(int(enforcing),)]:
            raise AgentDBError(
                f"foreign keys cannot be switched {'on' if enforcing else 'off'} on {self.path}", code="cannot_open"
            )

    def _enforce_again(self) -> None:
        """Switch foreign keys on again, outside a transaction. Where that fails the connection is closed: it must never
        come back to somebody who trusts in them."""
        while True:
            try:
                self._enforce(True)
                self._enforcing = True
                return
            except AgentDBError as error:
                if error.code == "interrupted":
                    continue  # meant for the statement before
                log(WARNING, "foreign keys stay off on %s; the connection is closed", self.path, error=error)
                self._sqlite.close()
                return

    def rollback(self) -> None:
        """ROLLBACK, if SQLite has not done so by itself, and foreign keys on, if they were off. A connection that cannot
        even do that is closed, which does."""
        self._savepoints = 0
        if self._confined is not None:
            self._set_free()
        while self.in_transaction:
            try:
                self._sqlite.execute("ROLLBACK")
            except FAULTS as error:
                if getattr(error, "sqlite_errorname", None) == "SQLITE_INTERRUPT":
                    continue  # meant for the statement before
                log(
                    WARNING, "ROLLBACK failed on %s; the connection is closed, which rolls back", self.path, error=error
                )
                self._sqlite.close()
        if not self._enforcing and self.is_open:
            self._enforce_again()

    def savepoint(self, confined: bool = False) -> str:
        """Open a SAVEPOINT and return its name. Raises ClosedError where SQLite has rolled back by itself.

        confined: True lets the statements until its end change nothing but the database itself; see
        agentdb.clients.local.authorizer. An authorizer of the application's own is lost by it.
        """
        self.check_transaction()
        self._savepoints += 1
        name = f"agentdb_{self._savepoints}"
        self._run(f"SAVEPOINT {name}")
        if confined:
            from agentdb.clients.local.authorizer import authorize

            self._confined = name
            self._sqlite.set_authorizer(authorize)
        return name

    def release(self, name: str) -> None:
        """Keep what was done since the savepoint. Raises ClosedError where SQLite has rolled back by itself."""
        self.check_transaction()
        if self._confined == name:
            self._set_free()
        self._run(f"RELEASE {name}")

    def rollback_to(self, name: str) -> None:
        """Undo what was done since the savepoint, and forget it; where that fails, the whole transaction.

        Never raises: it is called where something has failed already, and that is the error that matters.
        """
        if self._confined == name:
            self._set_free()
        try:
            for sql in (f"ROLLBACK TO {name}", f"RELEASE {name}"):
                while self.in_transaction:
                    try:
                        self._run(sql)
                        break
                    except StatementError as error:
                        if error.code != "interrupted":
                            raise
        except AgentDBError as error:
            log(WARNING, "a savepoint of %s could not be rolled back; the transaction is", self.path, error=error)
            self.rollback()

    def check_transaction(self) -> None:
        """Raises ClosedError if SQLite has rolled back by itself: the next statement would be committed on its own."""
        if not self.in_transaction:
            raise ClosedError(
                f"the transaction on {self.path} was rolled back by the database", code="transaction_lost"
            )
