"""The tracking table: its DDL, its statements, its rows."""

from __future__ import annotations

from agentdb.engine.migration import is_encodable
from agentdb.errors import InvalidArgumentError, MigrationError, StatementError
from agentdb.operations import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias

    from agentdb.engine.migration import Item, Migration
    from agentdb.operations import Steps

    #: The id, checksum and in_progress of a row, bare: an application that starts compares all of them with what it has
    #: registered. A Row begins with them.
    Key: TypeAlias = tuple[Any, ...]

UP: Literal["up"] = "up"
DOWN: Literal["down"] = "down"
#: What the last line of a note holds where its row stands for a migration that is not applied.
STRUCK_OUT = " mark_reverted: "
#: What stands in the last line of a note while a migration outside a transaction is under way; see History.progress().
_DONE = " statements done, "

# What every start reads stands first, so that the texts, which may be long, are not read on the way to it.
_COLUMNS = """
  id TEXT PRIMARY KEY NOT NULL,
  description TEXT,
  applied_at TEXT,
  execution_time REAL,
  checksum TEXT,
  in_progress TEXT CHECK (in_progress IN ('up', 'down')),
  use_transaction INTEGER NOT NULL DEFAULT 1,
  foreign_keys INTEGER NOT NULL DEFAULT 1,
  backward_compatible INTEGER NOT NULL DEFAULT 0,
  app_version TEXT,
  applied_after TEXT,
  note TEXT,
  up TEXT,
  down TEXT
"""
_ENDLESS = float("inf")
_encode: Callable[[object], str] | None = None
_FULL = (
    "id",
    "checksum",
    "in_progress",
    "description",
    "up",
    "down",
    "use_transaction",
    "applied_at",
    "execution_time",
    "foreign_keys",
    "backward_compatible",
    "note",
    "applied_after",
)
_TEXTS = frozenset(
    ("id", "checksum", "in_progress", "description", "up", "down", "applied_at", "note", "applied_after")
)
#: What is of a name, and how many of its columns are computed when they are read.
_SHAPE = (
    "SELECT s.type, s.sql, CASE WHEN s.type = 'table' THEN (SELECT count(*) FROM "
    "pragma_table_xinfo(s.name) WHERE hidden) END FROM sqlite_master AS s "
    "WHERE s.name = ? COLLATE NOCASE"
)


class Row(tuple["Any", ...]):
    """One row of the tracking table, in the order of the columns that are read. What was not read is None."""

    __slots__ = ()

    @classmethod
    def of(cls, id: str, checksum: str | None, in_progress: str | None = None, *more: Any) -> Row:
        """From values in the order of the properties below."""
        return cls((id, checksum, in_progress, *more))

    @classmethod
    def noted(cls, id: str, note: str | None, checksum: str | None = None, in_progress: str | None = None) -> Row:
        """A key and a note."""
        return cls.of(id, checksum, in_progress, *[None] * 8, note)

    def _get(self, index: int) -> Any:
        return self[index] if len(self) > index else None

    @property
    def id(self) -> str:
        """As it is written in the table."""
        return self[0]  # type: ignore[no-any-return]

    @property
    def checksum(self) -> str | None:
        """As it was recorded; `manual` in a row that was put in by hand."""
        return self[1]  # type: ignore[no-any-return]

    @property
    def in_progress(self) -> str | None:
        """'up' or 'down' where a migration outside a transaction began and has not ended."""
        return self[2]  # type: ignore[no-any-return]

    @property
    def description(self) -> str | None:
        """As it was applied."""
        return self._get(3)  # type: ignore[no-any-return]

    @property
    def up(self) -> str | None:
        """The statements as applied, a JSON array."""
        return self._get(4)  # type: ignore[no-any-return]

    @property
    def down(self) -> str | None:
        """The statements that take it back, a JSON array."""
        return self._get(5)  # type: ignore[no-any-return]

    @property
    def use_transaction(self) -> bool:
        """The flag of the migration."""
        return bool(self._get(6) != 0)

    @property
    def applied_at(self) -> str | None:
        """When, as text in UTC."""
        return self._get(7)  # type: ignore[no-any-return]

    @property
    def execution_time(self) -> float | None:
        """How long it took, in milliseconds. None also where something was written that is no time."""
        time = self._get(8)
        return time if isinstance(time, (int, float)) and abs(time) < _ENDLESS else None

    @property
    def has_bad_time(self) -> bool:
        """Whether something was written as its execution_time that is no time."""
        return self._get(8) is not None and self.execution_time is None

    @property
    def foreign_keys(self) -> bool:
        """The flag of the migration."""
        return bool(self._get(9) != 0)

    @property
    def backward_compatible(self) -> bool:
        """The flag of the migration; False where it was not read."""
        return bool(self._get(10))

    @property
    def note(self) -> str | None:
        """What was repaired by hand, a line each; see agentdb.engine.repair."""
        return self._get(11)  # type: ignore[no-any-return]

    @property
    def applied_after(self) -> str | None:
        """Where this one was applied out of order: the newest id that was applied already, a dot, and the how-manieth it is
        behind that; as in 005.2. No clock tells the order."""
        return self._get(12)  # type: ignore[no-any-return]

    def _progress(self) -> tuple[str, int, str] | None:
        """Direction, number and fingerprint of the statements that are done, where the last line of the note tells that."""
        direction, _, rest = (self.note or "").rpartition("\n")[2].partition(": ")
        number, _, mark = rest.partition(_DONE)
        # Other scripts have digits, too; and int() refuses very long numbers.
        if direction in (UP, DOWN) and number.isdecimal() and number.isascii() and len(number) < 10:
            return (direction, int(number), mark) if len(mark) == _MARK_LENGTH else None
        return None

    @property
    def own_note(self) -> str | None:
        """The note without what a migration under way has put there."""
        note = self.note or ""
        return (note.rpartition("\n")[0] if self._progress() else note).rstrip("\n") or None

    def statements_done(self, direction: str) -> int:
        """How many statements of a migration that is under way in this direction, outside a transaction, are done."""
        found = self._progress() if self.in_progress == direction else None
        return found[1] if found is not None and found[0] == direction else 0

    def done_of(self, direction: str, items: tuple[Item, ...]) -> int | None:
        """How many of these are done. None where those that are done are others."""
        done = self.statements_done(direction)
        found = self._progress()
        return done if not done or (found is not None and found[2] == _mark_of(items[:done])) else None

    @property
    def is_struck_out(self) -> bool:
        """Whether mark_reverted() has declared it not applied: it is kept for its note alone."""
        return self.in_progress == UP and STRUCK_OUT in (self.note or "").rpartition("\n")[2]


#: Hexadecimal digits of a fingerprint of statements.
_MARK_LENGTH = 16


def _mark_of(items: tuple[Item, ...]) -> str:
    from agentdb.engine.migration import fingerprint

    return fingerprint(as_json(items))[:_MARK_LENGTH]


def as_json(statements: tuple[Item, ...]) -> str:
    """The items of an up or a down as the table keeps them."""
    global _encode
    if _encode is None:
        from json import JSONEncoder  # with something to record, its 4 ms do not matter

        _encode = JSONEncoder(ensure_ascii=False, default=_form).encode
    return _encode(statements)


def _form(item: Any) -> Any:
    return item.form


def _recorded(migration: Migration) -> dict[str, Any]:
    """What a row keeps of the migration itself."""
    return {
        "id": migration.id,
        "description": migration.description,
        "checksum": migration.checksum,
        "up": as_json(migration.up),
        "down": as_json(migration.down),
        "use_transaction": migration.use_transaction,
        "foreign_keys": migration.foreign_keys,
        "backward_compatible": migration.backward_compatible,
    }


def _said(error: StatementError) -> str:
    return error.message.partition(" in: SELECT ")[0].replace("no such column: m.", "it has no column ")


def _guarded(table: str, name: str) -> str:
    """The tracking table `m`, of which nothing is read unless it is an ordinary table whose columns hold what they hold.

    A view may have no end, and a generated column no bounds. The right side of a LEFT JOIN is not looked at before the
    left side has a row, and SQLite may not put a view's own tables in front of it. An empty table gives one row of NULLs;
    no row at all means that the guard let nothing through: where `as` stands in the definition, behind the name, it
    may be that of a generated column.
    """
    literal = table.replace("'", "''")
    return (
        f"FROM sqlite_master AS s LEFT JOIN {name} AS m WHERE s.name = '{literal}' COLLATE NOCASE AND s.type = 'table' "
        f"AND s.sql LIKE 'CREATE TABLE%' AND substr(s.sql, {len('CREATE TABLE ') + len(name) + 1}) NOT LIKE '%as%'"
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
        self._read = f"SELECT m.id, m.checksum, m.in_progress {_guarded(table, name)}"
        #: What tells databases of one build apart.
        self.select_times = f"SELECT id, checksum, applied_at FROM {name} WHERE in_progress IS NULL"
        self.select_begun = f"SELECT id, note FROM {name} WHERE in_progress = 'up'"
        self._read_full = f"SELECT {', '.join([f'm.{column}' for column in _FULL])} {_guarded(table, name)}"
        self._find = f"SELECT checksum, in_progress, note FROM {name} WHERE id = :id"
        self._create = f"CREATE TABLE IF NOT EXISTS {name} ({_COLUMNS}) STRICT, WITHOUT ROWID"
        self._write = (
            f"INSERT INTO {name} (id, description, applied_at, execution_time, checksum, up, down, use_transaction, "
            "foreign_keys, backward_compatible, app_version, applied_after, in_progress, note) VALUES "
            "(:id, :description, :applied_at, :execution_time, :checksum, :up, :down, :use_transaction, :foreign_keys, "
            ":backward_compatible, :app_version, :applied_after, :in_progress, :note)"
        )
        self._settle = (
            f"UPDATE {name} SET in_progress = NULL, note = :note, execution_time = :execution_time "
            "WHERE id = :id AND in_progress = 'up'"
        )
        self._note = f"UPDATE {name} SET note = :note, in_progress = :in_progress WHERE id = :id"
        self._accept = (
            f"UPDATE {name} SET description = :description, checksum = :checksum, up = :up, down = :down, use_transaction = "
            ":use_transaction, foreign_keys = :foreign_keys, backward_compatible = :backward_compatible WHERE id = :id"
        )
        self._remove = f"DELETE FROM {name} WHERE id = :id"

    @property
    def select_keys(self) -> str:
        """The SELECT of read_keys(), for a connection of its own."""
        return self._read

    def create(self) -> Steps[None]:
        """Create the table if it is missing."""
        yield from execute(self._create)

    def read_keys(self) -> Steps[list[Key] | None]:
        """Id, checksum and in_progress of all rows, or None where the table is missing. One SELECT where it is there.

        Raises MigrationError `foreign_table` where a table of that name has another shape.
        """
        return (yield from self._select(self._read))

    def read(self) -> Steps[list[Row]]:
        """All rows, whole; none where the table is missing. Errors as above."""
        try:
            rows = yield from self._select(self._read_full)
        except MigrationError:
            yield from self._refuse_development_build()
            raise
        for row in rows or ():
            for column, value in zip(_FULL, row, strict=False):
                if value is not None and not isinstance(value, str if column in _TEXTS else (int, float)):
                    raise self._foreign(f"its {column} holds a {type(value).__name__}")
        return list(map(Row, rows or ()))

    def _refuse_development_build(self) -> Steps[None]:
        """Their tracking table lacks columns. Raises MigrationError `development_build`."""
        from agentdb.migrations.development import told

        for id, checksum, _ in (yield from self.read_keys()) or ():
            what = told(checksum) if type(checksum) is str else None
            if what is not None:
                raise MigrationError(what, code="development_build", migration_id=id)

    def _select(self, select: str) -> Steps[list[Key] | None]:
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

    def find(self, migration_id: str) -> Steps[Row | None]:
        """One row, by the id as it is written there: its key and its note."""
        result = yield from execute(self._find, {"id": migration_id})
        if not result.tuples:
            return None
        checksum, in_progress, note = result.tuples[0]
        return Row.noted(migration_id, note, checksum, in_progress)

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
            **_recorded(migration),
            "applied_at": applied_at,
            "execution_time": execution_time,
            "app_version": app_version,
            "applied_after": applied_after,
            "in_progress": in_progress,
            "note": note,
        }
        yield from execute(self._write, values)

    def settle(self, row: Row, execution_time: float) -> Steps[bool]:
        """A migration outside a transaction has come to its end. `execution_time` in milliseconds.

        False where another process has seen to that.
        """
        settled = yield from execute(
            self._settle, {"id": row.id, "note": row.own_note, "execution_time": execution_time}
        )
        return settled.rows_affected == 1

    def progress(self, row: Row, direction: str, done: tuple[Item, ...]) -> Steps[None]:
        """A migration outside a transaction is under way, and these of its statements are done."""
        note = f"{row.own_note}\n" if row.own_note else ""
        line = f"{direction}: {len(done)}{_DONE}{_mark_of(done)}"
        yield from execute(self._note, {"id": row.id, "note": f"{note}{line}", "in_progress": direction})

    def restore(self, row: Row) -> Steps[None]:
        """What was begun and has done nothing was not begun: the state and the note of a row are again what they were."""
        yield from execute(self._note, {"id": row.id, "note": row.note, "in_progress": row.in_progress})

    def annotate(self, row: Row, line: str, in_progress: str | None) -> Steps[None]:
        """Add a line to the note of a row, and say what state it is in."""
        note = f"{row.own_note}\n{line}" if row.own_note else line
        yield from execute(self._note, {"id": row.id, "note": note, "in_progress": in_progress})

    def accept(self, migration_id: str, migration: Migration) -> Steps[None]:
        """Take a migration, as this build has it, for the one that was applied: its texts, and how to take it back."""
        yield from execute(self._accept, {**_recorded(migration), "id": migration_id})

    def forget(self, row: Row, at: str) -> Steps[None]:
        """A migration is taken back. Its row goes; with a note it stays, struck out, for the sake of that."""
        if row.own_note:
            yield from self.annotate(row, f"{at}{STRUCK_OUT}taken back by a rollback", UP)
        else:
            yield from self.remove(row.id)

    def remove(self, migration_id: str) -> Steps[None]:
        """Take a migration's row out."""
        yield from execute(self._remove, {"id": migration_id})
