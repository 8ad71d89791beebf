"""Every exception of agentdb, and the one table of codes.

An error carries `.code` (stable, for programs), `.remedy` (what to do next, for people) and, where a database engine
spoke, `.engine_code` (for instance `SQLITE_BUSY`). `str(error)` is the message and the remedy.
"""

from __future__ import annotations

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


#: code -> what to do next. A remedy given to an exception at the place where it is raised wins over this one.
REMEDIES: dict[str, str] = {
    # how the library is called
    "invalid_argument": "Pass a value that the documentation of this call allows.",
    "not_bindable": "Bind None, bool, int (64 bits), float (neither NaN nor infinite), str, or bytes; turn anything else "
    "into text or an integer yourself, so that it reads back as you expect.",
    "transaction_control": "Use client.transaction() or @atomic; transactions are never opened or ended by a statement.",
    "foreign_keys_stay_on": "Leave foreign keys on; they are enforced on every connection. In a migration use RebuildTable, or "
    "Migration(…, foreign_keys=False): inside a transaction SQLite ignores the PRAGMA.",
    "session_pragma": "Leave it out: it switches the connection, which the application goes on with, not the database. Where a "
    "table must change under its rows, RebuildTable needs none of these.",
    "temporary_gone": "Nothing more was run. Finish or undo by hand what it has done, then call mark_applied() or "
    "mark_reverted(); or put the backup back that was made before. Let the migration keep such rows in a table of the "
    "database.",
    "no_effect_inside": "Give it to a migration of its own with use_transaction=False: inside a transaction SQLite ignores it "
    "without a word.",
    "many_statements": "Pass one statement per call; agentdb.sql.lexer.split() takes a script apart.",
    "unsupported_url": "Use a path, a file: URL or ':memory:'.",
    "remote_not_supported": "Open a local file. This version of agentdb does not speak to libSQL servers.",
    "foreign_client": "Pass a client of agentdb.create_client() or create_client_sync(), or a file: client of libsql-client.",
    "wrong_world": "Use Migrator with create_client_sync() and AsyncMigrator with create_client().",
    # the state of a handle
    "closed": "Open it again; a closed handle stays closed.",
    "forked": "Open a client of your own in the child process; a SQLite connection must not cross a fork.",
    "transaction_lost": "Run the whole transaction again; the database has already rolled it back.",
    "transaction_active": "Inside the block, work through the transaction object; or end it first.",
    "callback_active": "Do not use the database from an event callback; note what you need and act after the call returns.",
    # the database file
    "folder_missing": "Create the folder first, or correct the path.",
    "file_missing": "Check the path; a command that only reads does not create a database.",
    "is_a_directory": "Name a file inside that folder.",
    "cannot_open": "Check that the path can be opened by this user, then try again.",
    "not_a_database": "Point to a SQLite file. If this one should be one, restore it from a backup; it was not changed.",
    "corrupt": "Keep the file, and restore from a backup; `sqlite3 FILE .recover` may save what is left.",
    "read_only": "Give this user write permission on the file and on its folder (SQLite writes -wal and -shm beside it). "
    "Where it is only to be read, have a program that may write keep it open, or switch it to journal_mode='delete'.",
    "file_replaced": "Close the client and open it again, which opens the file that has the name now. What the old file "
    "holds can be read until this client is closed.",
    "recovery_needed": "Open it once as a user who may write it, which rolls back what was not finished. Or copy it, with its "
    "-journal or -wal, to a folder that you may write, and open the copy.",
    "wal_unavailable": "Move the file to a local disk, or open it with journal_mode='delete': WAL does not "
    "work in a network folder.",
    "on_connect_failed": "Correct that function: it takes a sqlite3.Connection, registers what the schema needs, and returns.",
    "disk_full": "Free some space on that disk, then try again; nothing was changed.",
    "temp_folder_full": "Nothing was changed. VACUUM writes the whole database there once more: free some space in the folder "
    "for temporary files, or name another in SQLITE_TMPDIR before the program starts.",
    "io_error": "Check that disk (dmesg, free space, network mount), then try again.",
    "busy": "Another process or thread is writing. Try again, or open with a longer busy_timeout.",
    # backups
    "backup_failed": "Nothing was changed. Make room or give the right to write there, or keep backups in another place with "
    "Migrator(…, backup_dir=FOLDER); backup=False makes none.",
    "backup_no_space": "Free some space there, or keep backups in another place with Migrator(…, backup_dir=FOLDER); "
    "backup=False makes none.",
    "backup_damaged": "Nothing was changed. Most likely the database itself is damaged: keep its file, and restore an earlier "
    "backup; `sqlite3 FILE .recover` may save what is left.",
    "not_a_backup": "Name a whole SQLite database, for instance one of those in the folder DATABASE.backups.",
    "file_in_use": "Close every program that has it open, then try again; nothing was changed.",
    "restore_failed": "Correct what the message names, then restore again; the database is as it was.",
    # statements
    "statement_failed": "Correct the statement.",
    "constraint": "Correct the values, or the rows that they refer to.",
    "foreign_key": "Create the row that is referred to first, or remove the rows that refer to this one.",
    "unique": "Use another value; one row already has this one.",
    "not_null": "Give this column a value.",
    "check": "Give a value that the column's CHECK allows.",
    "module_missing": "Run a Python whose SQLite has it; those of python.org, uv and conda have FTS5 with trigrams. Where Python "
    "uses the system's SQLite, install a complete one.",
    "too_big": "Store less in one value; SQLite's limit is 1,000,000,000 bytes.",
    "interrupted": "The statement was interrupted and has changed nothing; run it again if it is still wanted.",
    # migrations: how they are written
    "invalid_migration": "Correct the migration.",
    "invalid_id": "Use digits, as in '001'.",
    "duplicate_id": "Give each migration a number of its own; ids are compared as numbers, so '1' is '001'.",
    "empty_up": "Nothing, if that is meant. Else write its statements before it is released: afterwards it cannot change.",
    "no_statement": "Write at least one statement, or delete the entry.",
    "control_statement": "Delete it: each migration runs in a transaction as it is, so BEGIN and COMMIT around it are not "
    "needed. One that cannot run in one says use_transaction=False.",
    "bad_migration_file": "Name files NNN_name.up.sql and NNN_name.down.sql, in UTF-8.",
    "skipped_file": "Nothing, if it is none. A migration is named NNN_name.up.sql, and what undoes it NNN_name.down.sql.",
    # migrations: what would be lost
    "data_loss": "Nothing was changed. A table that is rebuilt with foreign keys on empties the tables that refer to it: use "
    'RebuildTable. If the loss is meant, name it: Migration(…, allows_loss=("table",)).',
    "dangling_references": "Nothing was changed. Move or delete the rows that refer, in the migration, before what they refer to "
    "goes.",
    "dependent_rows": "Nothing was changed. Roll back first what made those tables, with the migrator that they belong to; or "
    "delete the rows.",
    "rebuild_refused": "Nothing was changed. Correct the RebuildTable, or what stands before it.",
    "unknown_form": "Nothing was run. Take it back with the build that applied it, or with a newer one.",
    # migrations: what a database says to them
    "checksum_mismatch": "Restore the migration's original text, and put the change into a new migration. If the text is right "
    "as it is, accept_checksum() or `agentdb repair accept-checksum` says so.",
    "development_build": "Nothing converts it. Move the file away, and let the application make a new one.",
    "unknown_migration": "Update the application to a build that has them, or roll them back with rollback(target=…) or "
    "`agentdb rollback --target ID`, which work from the recorded downs.",
    "newer_database": "Nothing; update the application when you can.",
    "other_application": "Nothing was changed. Name another file; or, if this one is meant, pass its application_id, or None.",
    "nothing_to_repair": "Look at what is applied, with `agentdb status` or get_migration_summary().",
    "out_of_order": "Give the new migration a number above the newest applied one, or pass allow_out_of_order=True.",
    "duplicate_in_table": "Delete the row that is wrong from the tracking table; ids are compared as numbers.",
    "bad_id_in_table": "Delete or correct that row of the tracking table; ids are digits.",
    "bad_value_in_table": "Nothing; it is not used. Correct that row of the tracking table where it disturbs.",
    "foreign_table": "This table belongs to something else: pass table='another_name' to AgentDB.open() or Migrator.",
    "not_for_a_script": "Correct the statement; where the database recorded it, look at its row in the tracking table, which "
    "somebody may have altered.",
    "no_down": "Write a down for it, or roll back to a target above it.",
    "recorded_down_refused": "Run a build of the application that has this migration; or look at its row in the tracking "
    "table, which somebody may have altered, and correct it.",
    "changed_meanwhile": "Look at what is applied now, with get_migration_summary() or `agentdb status`, and roll back again if "
    "that is still wanted.",
    "wrong_migration_set": "Name the table of these migrations with table=, or the migrations of this table. Each set has a "
    "tracking table of its own. If it is the right one, their texts and descriptions were edited: restore them.",
    "tracking_table_changed": "Nothing of it is kept. Let the down change no row of that table; or drop the trigger on it.",
    "view_broken": "Drop the view or the trigger in the down before, or roll back the migration that made it first.",
    "not_allowed": "An authorizer forbids it. Recorded statements may change nothing but the database itself: run a build of the "
    "application that has this migration; or correct its row in the tracking table.",
    "target_passed": "To go back to it, call rollback(target=…) or run `agentdb rollback --target ID`.",
    "interrupted_rollback": "Finish it first: call rollback_last(), or `agentdb rollback`. If it is rolled back already, "
    "mark_reverted() or `agentdb repair mark-reverted` says so.",
    "interrupted_migration": "Call migrate(): it goes on behind what is done; only VACUUM and its like may run twice. If all of "
    "it is done already, mark_applied() or `agentdb repair mark-applied` says so.",
    "begun_otherwise": "Run the build that began it, which goes on where it stopped. Or finish it by hand and say so with "
    "mark_applied() or `agentdb repair mark-applied`; or undo by hand what is done, and then mark_reverted().",
    "name_taken": "Nothing was changed. Rename or drop the other table, or keep the two in files of their own.",
    "gap": "Nothing, if the number was skipped on purpose.",
    "changed_description": "Nothing, if the new wording is meant.",
    "changed_down": "Nothing, if the down was mended on purpose; the registered one is used.",
    "manual_row": "Nothing, if the row was put in by hand on purpose; its text cannot be compared.",
    "up_failed": "Correct the up.",
    "down_failed": "Correct the down.",
    "down_incomplete": "Let the down undo all that the up made.",
    "populated_up_failed": "Correct the up so that it also runs on tables that hold rows.",
    "populated_down_failed": "Correct the down so that it also runs on tables that hold rows.",
    "schema_differs": "Let the schema not depend on what the tables hold.",
    "not_filled": "Give rows for it: validate_migrations(…, fixtures={'TABLE': [{'column': value}]}).",
    "bad_fixture": "Correct the rows of fixtures={'TABLE': [{'column': value}]}.",
    "not_repeatable": "Let down undo all that up made, so that up can run again with the same result.",
    # fields
    "missing_value": "Give this field a value.",
    "wrong_type": "Give a value of that type.",
    "not_text": "Leave the surrogate out, or decode the text with errors='replace' before it gets here.",
    "too_large": "Give a smaller value, or store it as text.",
    "too_small": "Give a value from 0 on.",
    "naive_datetime": "Give it a time zone: datetime.now(UTC), or value.replace(tzinfo=…).",
    "not_json": "Give None, bool, int, finite float, str, list, and dict with text as keys; anything else in a form of yours.",
    "not_one_of": "Give one of those values.",
    "other_session": "Name a log of the same session, or None.",
    "bad_search": "Correct the expression, or pass syntax=False to look for the text as it is.",
    "bad_cursor": "Pass next_cursor of the page before, or None for the first page.",
    # rows
    "unreadable_row": "Read the other rows with on_error='placeholder', which marks what cannot be read. Then write "
    "that column anew with raw SQL, or delete the row by its id.",
    "not_found": "Check the id.",
    "session_deleted": "Call sessions.restore() with its id first; it brings back all of the session.",
    "session_full": "Go on in another session; somebody has given this one the last of all seqs.",
    "plan_outdated": "Ask for a new plan, sum up what it names, and compact with that.",
    "already_restored": "Nothing; what it took out is back in its place.",
    "newer_event": "Restore the newer event first; events of a session are restored from the newest to the oldest.",
    "output_changed": "Give the message the text that the event has as summary_content, or read what the event keeps with "
    "compactions.archived().",
    "place_taken": "Remove the message that stands there first, or append the text of this one anew.",
    "cycle": "Choose a parent that is not one of its descendants.",
    "in_use": "Delete what uses it first, or pass cascade=True to delete all of it.",
    "default_agent": "Make another agent the default one with agents.set_default() first.",
    "already_exists": "Use another id, or update the one that is there.",
}


class AgentDBError(RuntimeError):
    """The root of all errors that agentdb raises.

    Attributes: `message` (what and where), `code` (stable), `remedy` (what next), `engine_code` (the engine's own name
    for it, or None), `results` (what a migration call had applied before it failed; empty elsewhere).
    `explanation` is `message`, as libsql-client calls it, whose errors are RuntimeErrors, too.
    """

    code: str = "invalid_argument"
    engine_code: str | None = None
    results: tuple[MigrationResult, ...] = ()

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
        return str(self.args[0])

    @property
    def explanation(self) -> str:
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
        about = f"a {type(value).__name__}"
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
    """The write lock was not to be had within the busy timeout."""

    code = "busy"


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
