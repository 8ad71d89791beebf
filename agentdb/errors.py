"""Every exception of agentdb, and the one table of codes.

An error carries `.code` (stable, for programs), `.remedy` (what to do next, for people) and, where a database engine
spoke, `.engine_code` (for instance `SQLITE_BUSY`). `str(error)` is the message and the remedy.
"""

from __future__ import annotations

from agentdb.error_remedies import REMEDIES as REMEDIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Any, Protocol, Self

    class Migration(Protocol):
        """An agentdb.Migration, as far as an error tells of it."""

        @property
        def id(self) -> str: ...
        @property
        def description(self) -> str: ...
        @property
        def label(self) -> str: ...
        @property
        def up(self) -> tuple[Any, ...]: ...
        @property
        def down(self) -> tuple[Any, ...]: ...
        @property
        def use_transaction(self) -> bool: ...

    class MigrationResult(Protocol):
        """An agentdb.MigrationResult, as far as an error tells of it."""

        @property
        def migration(self) -> Migration: ...
        @property
        def success(self) -> bool: ...
        @property
        def error(self) -> Exception | None: ...
        @property
        def executed_at(self) -> datetime | None: ...
        @property
        def execution_time(self) -> float: ...
        @property
        def dry_run(self) -> bool: ...
        @property
        def statements(self) -> tuple[str, ...]: ...

    class StoredMessage(Protocol):
        """What ConflictError.messages holds; see agentdb.stores.Message."""

        @property
        def id(self) -> int: ...
        @property
        def seq(self) -> int: ...
        @property
        def role(self) -> str: ...
        @property
        def content(self) -> str | None: ...
        @property
        def external_id(self) -> str | None: ...
        @property
        def updated_at(self) -> datetime: ...
        @property
        def removed_at(self) -> datetime | None: ...


class AgentDBError(RuntimeError):
    """The root of all errors that agentdb raises.

    Attributes: `message` (what and where), `code` (stable), `remedy` (what next), `engine_code` (the engine's own name
    for it, or None), `results` (what a migration call had applied before it failed; empty elsewhere).
    `explanation` is `message`, as libsql-client calls it, whose errors are RuntimeErrors, too.
    """

    code: str = "invalid_argument"
    engine_code: str | None = None
    results: tuple[MigrationResult, ...] = ()
    #: Of a script whose statements were all taken before the first one ran: the number of the one that failed, from 1.
    script_statement: int | None = None

    def __init__(
        self, message: str, *, code: str | None = None, remedy: str | None = None, engine_code: str | None = None
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if engine_code is not None:
            self.engine_code = engine_code
        self.remedy: str = remedy if remedy is not None else REMEDIES[self.code]

    @property
    def message(self) -> str:
        """What happened, without the remedy."""
        return str(self.args[0])

    @property
    def explanation(self) -> str:
        """The message, under the name that libsql-client has for it."""
        return self.message

    def after(self, earlier: Iterable[MigrationResult]) -> None:
        """Put what a migration call had done before this error in front of `.results`."""
        self.results = (*earlier, *self.results)

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy} [{self.code}]"


class InvalidArgumentError(AgentDBError, ValueError):
    """A call that cannot be right, whatever the database holds."""


class FieldError(InvalidArgumentError):
    """A value that a field cannot hold; nothing was written.

    Attributes beside those of AgentDBError: `field` (its name) and `value` (what was given).
    """

    code = "wrong_type"
    field: str = ""
    value: object = None

    @classmethod
    def of(cls, field: str, value: object, why: str, *, code: str, remedy: str | None = None) -> Self:
        """The error of one field. The message holds the type of the value and its length, never what is in it: it may be
        somebody's conversation."""
        about = type(value).__name__
        if isinstance(value, (str, bytes, bytearray, list, tuple, dict, set, frozenset)):
            about += f" of length {len(value)}"
        error = cls(f"{field} {why} ({about})", code=code, remedy=remedy)
        error.field, error.value = field, value
        return error


class ClosedError(AgentDBError):
    """Use of a client or a transaction that is closed, lost, or from before a fork."""

    code = "closed"


class TransactionActiveError(AgentDBError):
    """The owner of an open transaction used the client beside it, or an event callback used the database."""

    code = "transaction_active"


class BusyError(AgentDBError):
    """Another writer held the write lock for the whole busy timeout."""

    code = "busy"


class NetworkError(AgentDBError):
    """A server that cannot be reached, a connection that was lost, or an answer that is none. Nothing was committed, unless it
    is an OutcomeUnknownError."""

    code = "network"


class TimedOutError(NetworkError):
    """A server that did not answer in time."""

    code = "timed_out"


class OutcomeUnknownError(NetworkError):
    """A connection that was lost after a write or a COMMIT was sent: it may have been done, whole, or not at all."""

    code = "outcome_unknown"


class OutcomeTimedOutError(OutcomeUnknownError, TimedOutError):
    """A write or a COMMIT that was sent, and that the server did not answer in time: it may have been done, or not."""

    code = "outcome_unknown"


class AuthenticationError(AgentDBError):
    """A token that is missing, that the server refuses, that has expired, or that may not write."""

    code = "token_refused"


class LimitError(AgentDBError):
    """A value, a request or an answer beyond what the server takes; nothing was changed."""

    code = "server_limit"


class StorageError(AgentDBError):
    """The file or its disk: missing folder, directory, not a database, corrupt, read-only, full, failing."""

    code = "io_error"


class BackupError(StorageError):
    """No backup could be made, so the upgrade was not begun; or none could be restored, so the database is as it was."""

    code = "backup_failed"


class StatementError(AgentDBError):
    """A statement that the database refused: a syntax error, no such table."""

    code = "statement_failed"


class IntegrityError(AgentDBError):
    """A row that a constraint of the schema refuses."""

    code = "constraint"


class UnreadableRowError(AgentDBError):
    """A row whose value cannot be read: damaged on disk, or written by raw SQL in a form that Python cannot hold.

    Attributes beside those of AgentDBError: `table`, `id` (the key of the row) and `column`.
    """

    code = "unreadable_row"

    def __init__(self, table: str, id: object, column: str, reason: str) -> None:
        super().__init__(f"the column {column} of row {id!r} in the table {table} cannot be read: {reason}")
        self.table, self.id, self.column, self.reason = table, id, column, reason


class ConflictError(AgentDBError):
    """Somebody else has changed a conversation since the caller read it; nothing was written.

    Attributes beside those of AgentDBError: `session_id`; `expected` and `actual` (the last seq, or the version);
    `messages`, what came in between, in its order: what was added, and, of a version, what was changed or removed. They are
    100 at most.
    """

    code = "conversation_changed"

    def __init__(
        self, *, session_id: str, expected: int | str, actual: int | str, messages: tuple[StoredMessage, ...]
    ) -> None:
        what = "the last seq" if isinstance(expected, int) else "the version"
        super().__init__(f"session {session_id!r} has changed: {what} is {actual!r}, where {expected!r} was expected")
        self.session_id, self.expected, self.actual, self.messages = session_id, expected, actual, messages


class TokenCounterError(AgentDBError):
    """The token_counter of an application raised, or gave no count; nothing was written."""

    code = "token_counter"


class DamagedAttachmentError(AgentDBError):
    """Stored bytes of an attachment that are not those that were added: a piece is missing, or of another length or hash."""

    code = "damaged_attachment"


class ExportFileError(AgentDBError):
    """A file that cannot be imported: it is no export, of another version, cut off, or has a row that does not fit. Nothing
    was imported.

    Attributes beside those of AgentDBError: `line`, the number of the line, from 1, or None.
    """

    code = "not_an_export"

    def __init__(self, message: str, *, line: int | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.line = line


class NotFoundError(AgentDBError):
    """Nothing has that id."""

    code = "not_found"


class AlreadyExistsError(AgentDBError):
    """Something has that id already."""

    code = "already_exists"


class MigrationError(AgentDBError):
    """A migration that was refused or that failed.

    Attributes beside those of AgentDBError: `migration` (the one that failed, or None), `migration_id` (its id, also
    where this build does not have it), `statement` (the SQL, or None), `statement_number` (from 1, or None).
    What was applied before it stays applied and is in `.results`, followed by the failed one. `backup` is the path of the
    backup that was made before, or None.
    """

    code = "invalid_migration"
    backup: str | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        remedy: str | None = None,
        engine_code: str | None = None,
        migration: Migration | None = None,
        migration_id: str | None = None,
        statement: str | None = None,
        statement_number: int | None = None,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, engine_code=engine_code)
        self.migration = migration
        self.migration_id = migration_id if migration_id is not None or migration is None else migration.id
        self.statement = statement
        self.statement_number = statement_number


class GuardError(MigrationError):
    """A migration that was rolled back for what it would have done to rows that are not its own to lose.

    Attributes beside those of MigrationError: `tables`, {name: (before, after)}.
    """

    def __init__(self, message: str, *, tables: dict[str, tuple[int, int]] | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.tables = dict(tables or {})


class DataLossError(GuardError):
    """Rows, or references, would have been fewer than before. `tables` counts rows; under "table.column" it counts the
    values of a nullable foreign-key column that are not NULL."""

    code = "data_loss"


class DanglingReferencesError(GuardError):
    """References would have pointed to nothing that did not before. `tables` counts them, in the tables that refer."""

    code = "dangling_references"


class DependentRowsError(GuardError):
    """Other tables hold rows under one that a rollback would drop. `tables` counts the rows that refer, in the tables
    that refer; nothing was run."""

    code = "dependent_rows"


class DatabaseTooNewError(MigrationError):
    """The database has migrations that this build does not know, and not all of them are backward compatible."""

    code = "unknown_migration"


class InvalidMigrationError(MigrationError, InvalidArgumentError):
    """A migration that can never be run as it is written; raised when it is made or registered."""
