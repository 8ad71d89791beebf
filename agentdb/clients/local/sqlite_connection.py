"""One sqlite3 connection: how it is opened, how it waits for locks, and how its file comes into its journal mode."""

from __future__ import annotations

import sqlite3
from time import monotonic, sleep

from agentdb.clients.base import ResultSet
from agentdb.clients.local import fork_safety
from agentdb.clients.local.error_translation import FAULTS, redacted, translate
from agentdb.clients.local.file_identity import FileIdentity
from agentdb.clients.local.open_database import place_of
from agentdb.clients.local.permissions import create_new
from agentdb.clients.local.settings import Settings
from agentdb.clients.location import MEMORY, check_place
from agentdb.clients.statements import CHANGE, INSERT, READ
from agentdb.errors import AgentDBError, BusyError, StatementError, StorageError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

#: How long SQLite itself waits for a lock, in seconds, before it is asked again; see SqliteConnection._try_again.
_SLICE = 0.1
#: Seconds between two tries where SQLite answers 'locked' at once, without waiting.
_PAUSE = 0.002
#: Times that a file is opened whose name leads to another one afterwards.
_TRIES = 10
_COUNTING = frozenset((INSERT, CHANGE))


class SqliteConnection:
    """One connection of sqlite3: opened and set up, its statements run, its locks waited for."""

    __slots__ = (
        "__weakref__",
        "_confined",
        "_enforcing",
        "_file",
        "_give_up_at",
        "_interrupted",
        "_patient",
        "_savepoints",
        "_settings",
        "_sqlite",
        "_writable",
        "_writing",
        "generation",
        "path",
    )

    def __init__(self, path: str, settings: Settings, file: FileIdentity | None = None, generation: int = 0) -> None:
        """Not yet open; see open(). file: shared by the connections of one client, so that all have the same file open.
        generation: of the client's connections; those of an earlier one are not used again."""
        self.generation = generation
        self.path = path
        self._settings = settings
        self._file = FileIdentity(path) if file is None else file
        self._patient = True
        self._interrupted = False
        self._savepoints = 0
        self._enforcing = True  # foreign keys
        self._confined: str | None = None  # the savepoint until whose end statements are
        self._give_up_at: float | None = None
        self._writable = path == MEMORY
        self._writing = False  # whether the open transaction has the write lock
        self._sqlite: sqlite3.Connection = _UNOPENED

    def open(self, *, patient: bool = True) -> Self:
        """Open, and return itself. Raises StorageError, or BusyError where the file is locked against reading: after the
        busy timeout, or at once where the caller is not `patient`."""
        if self.path != MEMORY:
            check_place(self.path, read_only=self._settings.read_only)
            fork_safety.check_file(self.path)
        self._patient = patient
        fork_safety.track(self)
        try:
            try:
                self._connect()
            except StorageError as error:
                if not self._leave_wal(error):
                    raise
                self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def _connect(self) -> None:
        """Open the file that has the name, for sure, and the one that the client's other connections have open."""
        for _ in range(_TRIES):
            before = self._file.found()
            if before is None and not self._settings.read_only:
                create_new(self.path, self._settings.mode)
                before = self._file.found()
            self._sqlite = self._sqlite_connection(is_there=before is not None)
            after = self._file.found()
            if after is not None and after == before:
                self._file.adopt(after)
                self._configure()
                return
            self._sqlite.close()  # it did not exist before, or it was replaced meanwhile
        raise StorageError(f"{self.path} is replaced by another file again and again", code="file_replaced")

    def _sqlite_connection(self, *, is_there: bool) -> sqlite3.Connection:
        settings = self._settings
        # Where it is not there, another process may be about to create it: no rights to ask for.
        place = self.path if self.path == MEMORY or not is_there else place_of(self.path, read_only=settings.read_only)
        try:
            return sqlite3.connect(
                place,
                timeout=min(settings.busy_timeout, _SLICE) if self._patient else 0.0,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                uri=place != self.path,
            )
        except FAULTS as error:
            raise translate(error, self.path) from error

    def _configure(self) -> None:
        if self._settings.on_connect is not None:
            from agentdb.clients.local.on_connect import call_on_connect

            call_on_connect(self._settings.on_connect, self._sqlite)
        # The first reads the header: a file that is no database is refused here and now, not at the first use.
        for pragma in self._settings.pragmas:
            self._run(pragma)
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

    def execute(self, sql: str, args: Any, kind: str = READ) -> ResultSet:
        """Run one statement to its end. `sql`, `args` and `kind` come from agentdb.clients.statements."""
        self._interrupted = False
        cursor = None
        try:
            cursor = self._sqlite.execute(sql, args)
            tuples = cursor.fetchall()
        except FAULTS as error:
            _end(cursor)
            cursor, tuples = self._try_again(error, sql, args)
        if kind in _COUNTING:
            affected, rowid = cursor.rowcount, cursor.lastrowid
            if affected < 0:  # sqlite3 counts only where the statement opens with its verb, not behind WITH
                affected, rowid = self._sqlite.execute("SELECT changes(), last_insert_rowid()").fetchone()
            return ResultSet(cursor.description, tuples, affected, rowid if affected and kind == INSERT else None)
        return ResultSet(cursor.description, tuples)

    def _try_again(self, error: Exception, sql: str, args: Any) -> tuple[sqlite3.Cursor, list[tuple[Any, ...]]]:
        """Wait for a lock up to the busy timeout; anything but a lock is raised, translated.

        SQLite's own wait cannot be interrupted, so it is given in slices. A statement that met a lock has done nothing.
        One that names a function of sqlite-vec has that extension loaded, where it is installed.
        """
        if "no such function: vec_" in str(error) and self._confined is None:
            from agentdb.clients.local.vector_functions import load

            if load(self._sqlite):
                try:
                    loaded = self._sqlite.execute(sql, args)
                    return loaded, loaded.fetchall()
                except FAULTS as again:
                    error = again
        deadline = self._give_up_at
        if deadline is None:
            deadline = monotonic() + self._settings.busy_timeout - _SLICE
        while True:
            error = redacted(error, sql, args)
            failure = translate(error, self.path, sql, args)
            # PROTOCOL: the readers and the writer of a -wal file got in each other's way, which passes.
            waits = isinstance(failure, BusyError) or failure.engine_code == "SQLITE_PROTOCOL"
            if not waits or not self._patient:
                raise failure from error
            if self._interrupted:
                raise StatementError(
                    f"interrupted while waiting for a lock on {self.path}", code="interrupted"
                ) from error
            if monotonic() >= deadline:
                raise failure from error
            sleep(_PAUSE)
            cursor = None
            try:
                cursor = self._sqlite.execute(sql, args)
                return cursor, cursor.fetchall()
            except FAULTS as again:
                _end(cursor)
                error = again

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        self._interrupted = False
        try:
            return self._sqlite.execute(sql).fetchall()
        except FAULTS as error:
            return self._try_again(error, sql, ())[1]

    def _prepare_to_write(self) -> None:
        """Switch the journal mode, once, before the first write: a connection that only reads changes nothing."""
        if self._settings.read_only:
            raise StorageError(f"{self.path} was opened read-only", code="read_only", remedy="Open it for writing.")
        self._interrupted = False
        wanted = self._file.journal_mode or self._settings.journal_mode
        deadline = monotonic() + self._settings.busy_timeout
        mode = ""
        while True:
            # The switch answers 'database is locked' at once, without asking the busy handler.
            try:
                mode = self._sqlite.execute("PRAGMA journal_mode").fetchone()[0]
                if mode == wanted:
                    break
                if wanted == "wal" and not self._wal_is_possible():
                    break
                mode = self._sqlite.execute(f"PRAGMA journal_mode={wanted}").fetchone()[0]
                if mode != wanted:
                    log(WARNING, "%s stays in journal mode %s: %s is not possible here", self.path, mode, wanted)
                elif mode == "wal" and not self._wal_works():
                    mode = "delete"
                break
            except FAULTS as error:
                failure = translate(error, self.path, f"PRAGMA journal_mode={wanted}")
                if not isinstance(failure, BusyError):
                    raise failure from error
                if self._interrupted:
                    raise StatementError(
                        f"interrupted while waiting for a lock on {self.path}", code="interrupted"
                    ) from error
                if monotonic() >= deadline:
                    log(WARNING, "%s stays in its journal mode: it is locked", self.path)
                    # The statement itself has one more try, not a busy timeout of its own.
                    self._give_up_at = deadline
                    break
                sleep(_PAUSE)
        # NORMAL is safe against power loss with WAL only.
        if mode != "wal" and self._settings.synchronous == "NORMAL":
            self._run("PRAGMA synchronous=FULL")
        self._writable = True

    def _wal_is_possible(self) -> bool:
        from agentdb.clients.local import journal_mode

        if journal_mode.wal_is_possible(self.path):
            return True
        journal_mode.warn(self.path)
        self._file.journal_mode = "delete"
        return False

    def _wal_works(self) -> bool:
        """Whether the file, just switched to WAL, can be written so; else it is switched back."""
        try:
            self._sqlite.execute("BEGIN IMMEDIATE")
            self._sqlite.execute("ROLLBACK")
        except FAULTS as error:
            failure = translate(error, self.path)
            if isinstance(failure, BusyError):
                return True  # another connection writes so
            if not isinstance(failure, StorageError) or not self._leave_wal(failure):
                raise failure from error
            self._connect()
            return False
        return True

    def _leave_wal(self, error: StorageError) -> bool:
        """Go back to the rollback journal where the -shm file is not available; then this connection is closed. False where that
        is not what the error is about."""
        from agentdb.clients.local import journal_mode

        if self._settings.read_only or self.path == MEMORY or not journal_mode.is_of_shared_memory(error):
            return False
        self._sqlite.close()
        timeout = self._settings.busy_timeout if self._patient else 0.0
        if not journal_mode.leave_wal(self.path, timeout, lambda: self._interrupted):
            return False
        self._file.journal_mode = "delete"
        return True

    def copy_into(self, target: sqlite3.Connection, pages: int, progress: Callable[[int, int, int], None]) -> None:
        """Copy the whole database, so many pages at a time. What `progress` raises ends it."""
        self._sqlite.backup(target, pages=pages, progress=progress)

    # -- the end

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed."""
        try:
            return self._sqlite.in_transaction is not None
        except sqlite3.ProgrammingError:
            return False

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
        fork_safety.forget(self)

    def __del__(self) -> None:
        try:
            self.close()
        except AttributeError:  # an exception has struck before it was made
            pass

    def abandon(self) -> None:
        """Let it leak: after a fork, closing what the parent has open would harm the parent."""
        fork_safety.leak(self._sqlite)
        self._sqlite = _UNOPENED


def _end(cursor: sqlite3.Cursor | None) -> None:
    """After a row that could not be read. The frames of the error hold the cursor, and an open one keeps its lock and its
    file, even behind the close of its connection."""
    if cursor is not None:
        cursor.close()


def _closed_connection() -> sqlite3.Connection:
    connection = sqlite3.connect(MEMORY, check_same_thread=False)
    connection.close()
    return connection


#: Stands for a connection that is not open yet, so that no use of one needs to ask.
_UNOPENED = _closed_connection()
