"""The tracking table: what is read from it and written to it."""

from __future__ import annotations

from agentdb.engine.canonical_text import is_encodable
from agentdb.engine.history_row import DONE, DOWN, POSITION, STRUCK_OUT, UP, Row, as_json, mark_of, recorded_of
from agentdb.errors import InvalidArgumentError, MigrationError, StatementError
from agentdb.operations import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.engine.history_row import Key
    from agentdb.engine.history_statements import Statements
    from agentdb.engine.migration import Item, Migration
    from agentdb.operations import Steps

_TEXTS = frozenset(
    ("id", "checksum", "in_progress", "description", "up", "down", "applied_at", "note", "applied_after")
)
_DEFINITIONS = "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE ORDER BY type, name"
#: What is of a name, and how many of its columns are computed when they are read.
_SHAPE = (
    "SELECT s.type, s.sql, CASE WHEN s.type = 'table' THEN (SELECT count(*) FROM "
    "pragma_table_xinfo(s.name) WHERE hidden) END FROM sqlite_master AS s "
    "WHERE s.name = ? COLLATE NOCASE"
)


def _said(error: StatementError) -> str:
    return error.message.partition(" in: SELECT ")[0].replace("no such column: m.", "it has no column ")


def _guarded(table: str, name: str) -> str:
    """The tracking table `m`, of which nothing is read unless it is an ordinary table whose columns hold what they hold.

    A view may have no end, a generated column no bounds, and a virtual table, which has no root page, computes what it
    likes. The right side of a LEFT JOIN is not looked at before the left side has a row, and SQLite may not put a view's
    own tables in front of it. An empty table gives one row of NULLs. No row at all means that the guard refused the
    table: its definition has an `as` behind the name, which may be that of a generated column.
    """
    literal = table.replace("'", "''")
    return (
        f"FROM (SELECT 1 FROM sqlite_master WHERE name = '{literal}' COLLATE NOCASE AND type = 'table' "
        f"AND rootpage AND substr(sql, {len('CREATE TABLE ') + len(name) + 1}) NOT LIKE '%as%' LIMIT 1) "
        f"LEFT JOIN {name} AS m"
    )


class History:
    """The tracking table of one migrator."""

    def __init__(self, table: str) -> None:
        """Raises InvalidArgumentError for a name that cannot be a table's."""
        if (
            type(table) is not str
            or not table
            or "\0" in table
            or not is_encodable(table)
            or table.lower().startswith("sqlite_")
        ):
            raise InvalidArgumentError(f"{table!r} cannot be the name of the tracking table")
        self.table = table
        name = '"' + table.replace('"', '""') + '"'
        self._name = name
        self._guarded = _guarded(table, name)
        self._read = f"SELECT m.id, m.checksum, m.in_progress {self._guarded}"
        self._statements: Statements | None = None

    @property
    def sql(self) -> Statements:
        """The other statements, written when one of them is needed: most starts need none."""
        if self._statements is None:
            from agentdb.engine.history_statements import Statements

            self._statements = Statements(self._name, self._guarded)
        return self._statements

    @property
    def select_keys(self) -> str:
        """The SELECT of read_keys(), for a connection of its own."""
        return self._read

    def create(self) -> Steps[None]:
        """Create the table if it is missing."""
        yield from execute(self.sql.create)

    def read_keys(self, known: list[Key] | None = None) -> Steps[list[Key] | None]:
        """Id, checksum and in_progress of all rows, or None where the table is missing. One SELECT where it is there.

        known: what they probably are; this very list is returned where they are just that.

        Raises MigrationError `foreign_table` where a table of that name has another shape.
        """
        return (yield from self._select(self._read, known))

    def read(self) -> Steps[list[Row]]:
        """All rows, whole; none where the table is missing. Errors as above."""
        try:
            rows = yield from self._select(self.sql.read_full)
        except MigrationError:
            yield from self._refuse_development_build()
            raise
        for row in rows or ():
            for column, value in zip(self.sql.columns, row, strict=False):
                if value is not None and not isinstance(value, str if column in _TEXTS else (int, float)):
                    raise self._foreign(f"its {column} holds a {type(value).__name__}")
        return list(map(Row, rows or ()))

    def _refuse_development_build(self) -> Steps[None]:
        """Their tracking table lacks columns. Raises MigrationError `development_build`."""
        from agentdb.engine.development_builds import told

        for id, checksum, _ in (yield from self.read_keys()) or ():
            what = told(checksum) if type(checksum) is str else None
            if what is not None:
                raise MigrationError(what, code="development_build", migration_id=id)

    def _select(self, select: str, known: list[Key] | None = None) -> Steps[list[Key] | None]:
        try:
            result = yield from execute(select)
        except StatementError:
            if not (yield from self._exists()):
                return None
            # It is of another shape; or another process that starts with us has just created it.
            try:
                result = yield from execute(select)
            except StatementError as error:
                raise self._foreign((yield from self._other_shape()) or _said(error)) from error
        rows = result.tuples
        if rows and rows == known:
            return known
        if not rows:
            rows = yield from self._select_unguarded(select)
        for row in rows:
            if type(row[0]) is not str:  # ours is STRICT
                if self.keys_of(rows):
                    raise self._foreign("its ids are not text")
                return []
            if row[1] is not None and type(row[1]) is not str:
                raise self._foreign("its checksums are not text")
            if row[2] is not None and row[2] != UP and row[2] != DOWN:
                raise self._foreign("its in_progress is neither 'up' nor 'down'")
        return rows

    def _select_unguarded(self, select: str) -> Steps[list[Key]]:
        """The rows of a table that the guard did not let through at a glance."""
        why = yield from self._other_shape()
        if why is not None:
            raise self._foreign(why)
        columns = select.partition(" FROM ")[0]
        return (yield from execute(f"{columns} FROM {self._name} AS m")).tuples

    def _other_shape(self) -> Steps[str | None]:
        """Why what has the name cannot be ours. None where it is an ordinary table."""
        for kind, sql, computed in (yield from execute(_SHAPE, (self.table,))).tuples:
            if kind != "table":
                return f"it is {'an' if kind == 'index' else 'a'} {kind}"
            if not str(sql).startswith("CREATE TABLE"):
                return "it is a virtual table"
            if computed:
                return "it has generated columns"
        return None

    @staticmethod
    def keys_of(rows: list[Key]) -> list[Key]:
        """The rows of select_keys, which has one without values where the table is empty."""
        return [] if len(rows) == 1 and not any(value is not None for value in rows[0]) else rows

    def _foreign(self, why: str) -> MigrationError:
        return MigrationError(
            f"the table {self.table!r} is not a tracking table of agentdb: {why}", code="foreign_table"
        )

    def _exists(self) -> Steps[bool]:
        result = yield from execute("SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE", (self.table,))
        return len(result) > 0

    def has_company(self) -> Steps[bool]:
        """Whether there are other tables in the file."""
        others = yield from execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
            "AND name <> ? COLLATE NOCASE LIMIT 1",
            (self.table,),
        )
        return len(others) > 0

    def shape(self) -> Steps[list[Key]]:
        """The definitions of the table and of its indexes and triggers."""
        return (yield from execute(_DEFINITIONS, (self.table,))).tuples

    def has_places(self) -> Steps[bool]:
        """Whether a migration was applied out of order, and others may come behind it."""
        return len((yield from execute(self.sql.places))) > 0

    def find(self, migration_id: str) -> Steps[Row | None]:
        """One row, by the id as it is written there: its key and its note."""
        result = yield from execute(self.sql.find, {"id": migration_id})
        if not result.tuples:
            return None
        checksum, in_progress, note = result.tuples[0]
        return Row.noted(migration_id, note, checksum, in_progress)

    def any_row(self, migration_id: str) -> tuple[str, Any]:
        """The SELECT that gives a row where the table has this id, in any state."""
        return self.sql.any_row, (migration_id,)

    def insertion(
        self,
        migration: Migration,
        applied_at: str,
        execution_time: float,
        app_version: str | None,
        applied_after: str | None,
    ) -> tuple[str, Any]:
        """The INSERT of what write() writes, for a migration whose flags, but backward_compatible, are the defaults, and whose
        id is not in the table."""
        return self.sql.insertion, (
            migration.id,
            migration.description,
            applied_at,
            execution_time,
            migration.checksum,
            as_json(migration.up),
            as_json(migration.down),
            migration.backward_compatible,
            app_version,
            applied_after,
        )

    def write(
        self,
        migration: Migration,
        *,
        applied_at: str,
        execution_time: float | None,
        app_version: str | None,
        instead_of: Row | None = None,
        in_progress: str | None = None,
        applied_after: str | None = None,
    ) -> Steps[None]:
        """Put a migration's row in, with its texts, so that any later or earlier build can roll it back.

        instead_of: of one that is there, which may spell the id in another way. Its note stays. applied_after: the newest
        id that is applied already, where this one is applied out of order.
        """
        note = None
        if instead_of is not None:
            yield from self.remove(instead_of.id)
            # The line feed closes the note: what comes next is another life of the row.
            note = instead_of.own_note and f"{instead_of.own_note}\n"
        values = {
            **recorded_of(migration),
            "applied_at": applied_at,
            "execution_time": execution_time,
            "app_version": app_version,
            "applied_after": applied_after,
            "in_progress": in_progress,
            "note": note,
        }
        yield from execute(self.sql.write, values)

    def settle(self, row: Row, execution_time: float) -> Steps[bool]:
        """A migration outside a transaction is complete. `execution_time` in milliseconds.

        False where another process has seen to that.
        """
        settled = yield from execute(
            self.sql.settle, {"id": row.id, "note": row.own_note, "execution_time": execution_time}
        )
        return settled.rows_affected == 1

    def progress(self, row: Row, direction: str, done: tuple[Item, ...], position: str | None = None) -> Steps[None]:
        """A migration outside a transaction is under way, and these of its statements are done. position: where the next one
        stands, if a part of it is done."""
        note = f"{row.own_note}\n" if row.own_note else ""
        line = f"{direction}: {len(done)}{DONE}{mark_of(done)}"
        if position is not None:
            line += f"{POSITION}{position}"
        yield from execute(self.sql.note, {"id": row.id, "note": f"{note}{line}", "in_progress": direction})

    def restore(self, row: Row) -> Steps[None]:
        """What was begun and has done nothing was not begun: the state and the note of a row are again what they were."""
        yield from execute(self.sql.note, {"id": row.id, "note": row.note, "in_progress": row.in_progress})

    def annotate(self, row: Row, line: str, in_progress: str | None) -> Steps[None]:
        """Add a line to the note of a row, and say what state it is in."""
        note = f"{row.own_note}\n{line}" if row.own_note else line
        yield from execute(self.sql.note, {"id": row.id, "note": note, "in_progress": in_progress})

    def accept(self, migration_id: str, migration: Migration) -> Steps[None]:
        """Take a migration, as this build has it, for the one that was applied: its texts, and how to roll it back."""
        yield from execute(self.sql.accept, {**recorded_of(migration), "id": migration_id})

    def forget(self, row: Row, at: str) -> Steps[None]:
        """A migration is rolled back. Its row goes; with a note it stays, struck out, for the sake of that."""
        if row.own_note:
            yield from self.annotate(row, f"{at}{STRUCK_OUT}rolled back", UP)
        else:
            yield from self.remove(row.id)

    def remove(self, migration_id: str) -> Steps[None]:
        """Take a migration's row out."""
        yield from execute(self.sql.remove, {"id": migration_id})
