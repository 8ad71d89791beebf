"""One sqlite3 connection that keeps the promises: foreign keys on, errors translated, nothing bound that would change."""

from __future__ import annotations

import sqlite3
from time import monotonic, sleep

from agentdb.clients import forks
from agentdb.clients.base import ResultSet, Statement
from agentdb.clients.faults import FAULTS, check_args, shorten, translate
from agentdb.clients.location import MEMORY, check_place
from agentdb.errors import AgentDBError, BusyError, ClosedError, InvalidArgumentError, StatementError, StorageError
from agentdb.lexer import TRANSACTION_CONTROL, verb
from agentdb.logs import WARNING, log
from agentdb.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.base import InArgs, InStatement

#: The first SQLite with all that the schema uses (STRICT 3.37, unixepoch and JSON built in 3.38).
MINIMUM_SQLITE = (3, 38, 0)
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")

#: How long SQLite itself waits for a lock, in seconds, before it is asked again; see Connection._try_again.
_SLICE = 0.1
_PLAIN = frozenset((str, int, bytes, type(None), bool))
_READING = frozenset(("SELECT", "VALUES", "EXPLAIN"))
_kinds: dict[str, str] = {}


class Settings(Record):
    """How connections to one database are opened. Times in seconds, sizes in bytes."""

    busy_timeout: float = 5.0
    synchronous: str = "NORMAL"
    journal_size_limit: int = 64 * 1024 * 1024
    readers: int = 4
    read_only: bool = False

    def check(self) -> Settings:
        """Raises InvalidArgumentError for a value that cannot be meant, AgentDBError for a SQLite that is too old."""
        if not isinstance(self.busy_timeout, (int, float)) or not 0 <= self.busy_timeout <= 86_400:
            raise InvalidArgumentError(f"busy_timeout is {self.busy_timeout!r}; it is seconds, from 0 to 86,400")
        if self.synchronous not in SYNCHRONOUS:
            raise InvalidArgumentError(f"synchronous is {self.synchronous!r}; it is one of {', '.join(SYNCHRONOUS)}")
        if type(self.journal_size_limit) is not int or not -1 <= self.journal_size_limit < 2**63:
            raise InvalidArgumentError(
                f"journal_size_limit is {self.journal_size_limit!r}; it is bytes, or -1 for none"
            )
        if type(self.readers) is not int or not 1 <= self.readers <= 64:
            raise InvalidArgumentError(f"readers is {self.readers!r}; it is a number from 1 to 64")
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise AgentDBError(
                f"this Python has SQLite {sqlite3.sqlite_version}",
                code="cannot_open",
                remedy="Use a Python with SQLite 3.38 or newer.",
            )
        return self


def statement_of(stmt: InStatement, args: InArgs = None) -> tuple[str, Any]:
    """SQL and arguments of whatever names a statement. Raises InvalidArgumentError for anything else."""
    if isinstance(stmt, str):
        sql: object = stmt
    elif isinstance(stmt, Statement):
        if args is not None:
            raise InvalidArgumentError("a Statement brings its own arguments")
        sql, args = stmt.sql, stmt.args
    elif isinstance(stmt, tuple) and len(stmt) == 1:
        sql = stmt[0]
    elif isinstance(stmt, tuple) and len(stmt) == 2:
        if args is not None:
            raise InvalidArgumentError("a (sql, args) tuple brings its own arguments")
        sql, args = stmt
    else:
        raise InvalidArgumentError(f"a statement is SQL, (sql, args) or a Statement, not {type(stmt).__name__}")
    if not isinstance(sql, str):
        raise InvalidArgumentError(f"SQL is text, not {type(sql).__name__}")
    if args is None:
        args = ()
    if type(args) is tuple or type(args) is list:
        if _PLAIN.issuperset(map(type, args)):
            return sql, args
    elif type(args) is dict and _PLAIN.issuperset(map(type, args.values())):
        for key in args:
            if type(key) is not str or not key.isidentifier():
                break
        else:
            return sql, args
    return sql, check_args(args)


def kind_of(sql: str) -> str:
    """What a statement needs: "read" (nothing), "write" (the write lock), "pragma" (the connection to itself).

    Raises InvalidArgumentError for BEGIN, COMMIT and their like, and for switching foreign keys off.
    """
    kind = _kinds.get(sql)
    if kind is None:
        kind = _kind_of(sql)
        if len(sql) <= 4096:
            if len(_kinds) >= 1024:
                _kinds.clear()
            _kinds[sql] = kind
    return kind


def _kind_of(sql: str) -> str:
    word = verb(sql)
    if word in _READING:
        return "read"
    if word == "PRAGMA":
        if "foreign_keys" in sql.lower() and ("=" in sql or "(" in sql):
            raise InvalidArgumentError("PRAGMA foreign_keys as a statement", code="foreign_keys_stay_on")
        return "pragma"
    if word in TRANSACTION_CONTROL:
        raise InvalidArgumentError(f"{word} as a statement", code="transaction_control")
    return "write"


class Connection:
    """One open connection. Used by one caller at a time; which one, its client decides."""

    __slots__ = ("__weakref__", "_interrupted", "_patient", "_savepoints", "_settings", "_sqlite", "_writable", "path")

    def __init__(self, path: str, settings: Settings, *, patient: bool = True) -> None:
        """Opens at once. Raises StorageError, or BusyError where the file is locked against reading: after the busy
        timeout, or at once where the caller is not `patient`."""
        self.path = path
        self._settings = settings
        self._patient = patient
        self._interrupted = False
        self._savepoints = 0
        self._writable = path == MEMORY
        if path != MEMORY:
            check_place(path, read_only=settings.read_only)
        try:
            self._sqlite = sqlite3.connect(
                _uri_of_existing(path) if settings.read_only and path != MEMORY else path,
                timeout=min(settings.busy_timeout, _SLICE) if patient else 0.0,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                uri=settings.read_only and path != MEMORY,
            )
        except FAULTS as error:
            raise translate(error, path) from error
        try:
            self._configure()
        except BaseException:
            self._sqlite.close()
            raise
        forks.track(self)

    def _configure(self) -> None:
        # The first reads the header: a file that is no database is refused here and now, not at the first use.
        self._run(f"PRAGMA synchronous={self._settings.synchronous}")
        self._run(f"PRAGMA journal_size_limit={self._settings.journal_size_limit}")
        self._run("PRAGMA foreign_keys=ON")
        if self._settings.read_only:
            self._run("PRAGMA query_only=ON")
        if self._run("PRAGMA foreign_keys") != [(1,)]:
            raise AgentDBError(
                f"the SQLite of this Python ({sqlite3.sqlite_version}) does not enforce foreign keys",
                code="cannot_open",
                remedy="Use a SQLite that was not built with SQLITE_OMIT_FOREIGN_KEY.",
            )
        if not self._patient:
            self._run(f"PRAGMA busy_timeout={int(min(self._settings.busy_timeout, _SLICE) * 1000)}")
            self._patient = True

    # -- statements

    def execute(self, sql: str, args: Any) -> ResultSet:
        """Run one statement to its end. `sql` and `args` come from statement_of()."""
        self._interrupted = False
        try:
            cursor = self._sqlite.execute(sql, args)
            tuples = cursor.fetchall()
        except FAULTS as error:
            cursor, tuples = self._try_again(error, sql, args)
        affected = cursor.rowcount
        if affected < 0:
            return ResultSet(cursor.description, tuples)
        return ResultSet(cursor.description, tuples, affected, cursor.lastrowid)

    def _try_again(self, error: Exception, sql: str, args: Any) -> tuple[sqlite3.Cursor, list[tuple[Any, ...]]]:
        """Wait for a lock up to the busy timeout; anything but a lock is raised, translated.

        SQLite's own wait cannot be interrupted, so it is given in slices. A statement that met a lock has done nothing.
        """
        deadline = monotonic() + self._settings.busy_timeout - _SLICE
        while True:
            failure = translate(error, self.path, sql, args)
            if not isinstance(failure, BusyError) or (self._sqlite.in_transaction and sql != "COMMIT"):
                raise failure from error
            if self._interrupted:
                raise StatementError(f"interrupted while waiting for a lock in: {shorten(sql)}", code="interrupted")
            if not self._patient or monotonic() >= deadline:
                raise failure from error
            try:
                cursor = self._sqlite.execute(sql, args)
                return cursor, cursor.fetchall()
            except FAULTS as again:
                error = again

    def write(self, sql: str, args: Any, kind: str) -> ResultSet:
        """Run one statement of the kind "write" or "pragma", in a transaction of its own."""
        if kind == "write":
            self.prepare_to_write()
        try:
            return self.execute(sql, args)
        finally:
            if self._sqlite.in_transaction:
                self.rollback()

    def batch(self, statements: Iterable[tuple[str, Any]], *, writing: bool) -> list[ResultSet]:
        """Run statements in one transaction: all, or none."""
        self.begin(writing=writing)
        try:
            results = [self.execute(sql, args) for sql, args in statements]
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return results

    # -- transactions

    @property
    def in_transaction(self) -> bool:
        return self._sqlite.in_transaction

    def begin(self, *, writing: bool = True) -> None:
        """BEGIN IMMEDIATE, which waits for the write lock up to the busy timeout; a reading one takes a snapshot."""
        if writing:
            self.prepare_to_write()
        self._run("BEGIN IMMEDIATE" if writing else "BEGIN")

    def commit(self) -> None:
        """COMMIT. Where it fails the transaction is rolled back: there is no half-open one to forget."""
        try:
            self._run("COMMIT")
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """ROLLBACK, if SQLite has not done so by itself. A connection that cannot even do that is closed, which does."""
        self._savepoints = 0
        if not self._sqlite.in_transaction:
            return
        try:
            self._sqlite.execute("ROLLBACK")
        except FAULTS as error:
            log(WARNING, "ROLLBACK failed on %s; the connection is closed, which rolls back", self.path, error=error)
            self._sqlite.close()

    def savepoint(self) -> str:
        """Open a SAVEPOINT and return its name."""
        self._savepoints += 1
        name = f"agentdb_{self._savepoints}"
        self._run(f"SAVEPOINT {name}")
        return name

    def release(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        self._run(f"RELEASE {name}")

    def rollback_to(self, name: str) -> None:
        """Take back what was done since the savepoint, and forget it."""
        if self._sqlite.in_transaction:
            self._run(f"ROLLBACK TO {name}")
            self._run(f"RELEASE {name}")

    def check_transaction(self) -> None:
        """Raises ClosedError if SQLite has rolled back by itself: the next statement would be committed on its own."""
        if not self._sqlite.in_transaction:
            raise ClosedError("the transaction was rolled back by the database", code="transaction_lost")

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        self._interrupted = False
        try:
            return self._sqlite.execute(sql).fetchall()
        except FAULTS as error:
            return self._try_again(error, sql, ())[1]

    def prepare_to_write(self) -> None:
        """Switch the file to WAL, once, before the first write: a connection that only reads changes nothing."""
        if self._writable:
            return
        if self._settings.read_only:
            raise StorageError(f"{self.path} was opened read-only", code="read_only", remedy="Open it for writing.")
        deadline = monotonic() + self._settings.busy_timeout
        pause = 0.001
        while True:
            # The switch answers 'database is locked' at once, without asking the busy handler.
            try:
                if self._sqlite.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                    break
                if self._sqlite.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                    break
                log(WARNING, "%s stays in its journal mode: WAL is not possible here", self.path)
                self._leave_wal_out()
                break
            except FAULTS as error:
                failure = translate(error, self.path, "PRAGMA journal_mode=WAL")
                if not isinstance(failure, BusyError):
                    raise failure from error
                if self._interrupted or monotonic() >= deadline:
                    log(WARNING, "%s stays in its journal mode: it is locked", self.path)
                    self._leave_wal_out()
                    break
                sleep(pause)
                pause = min(pause * 2, 0.05)
        self._writable = True

    def _leave_wal_out(self) -> None:
        # NORMAL is safe against power loss with WAL only.
        if self._settings.synchronous == "NORMAL":
            self._run("PRAGMA synchronous=FULL")

    # -- the end

    def interrupt(self) -> None:
        """Stop what is running or waiting for a lock, from any thread."""
        self._interrupted = True
        try:
            self._sqlite.interrupt()
        except sqlite3.ProgrammingError:  # closed meanwhile: nothing is running
            pass

    def close(self) -> None:
        """Close; an open transaction is rolled back by SQLite."""
        self._sqlite.close()

    @property
    def usable(self) -> bool:
        """Whether the connection is open and in no transaction."""
        try:
            return not self._sqlite.in_transaction
        except sqlite3.ProgrammingError:
            return False

    def abandon(self) -> None:
        """Let it leak: after a fork, closing what the parent has open would harm the parent."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._sqlite))


def _uri_of_existing(path: str) -> str:
    """A URI that opens the file without creating it. Not mode=ro, which leaves -wal and -shm files behind."""
    from urllib.parse import quote

    path = path.replace("\\", "/")
    return f"file:{'' if path.startswith('/') else '/'}{quote(path)}?mode=rw"
