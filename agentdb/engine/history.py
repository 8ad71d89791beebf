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
  note TEXT,
  up TEXT,
  down TEXT
"""
_encode: Callable[[object], str] | None = None
_FULL = (
    "id, checksum, in_progress, description, up, down, use_transaction, applied_at, execution_time, foreign_keys, "
    "backward_compatible, note"
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
        """How long it took, in milliseconds."""
        return self._get(8)  # type: ignore[no-any-return]

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

    def _progress(self) -> tuple[str, int, str] | None:
        """Direction, number and fingerprint of the statements that are done, where the last line of the note tells that."""
        direction, _, rest = (self.note or "").rpartition("\n")[2].partition(": ")
        number, _, mark = rest.partition(_DONE)
        if direction in (UP, DOWN) and number.isdigit() and len(mark) == _MARK_LENGTH:
            return direction, int(number), mark
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
        self._read = f"SELECT id, checksum, in_progress FROM {name}"
        #: What tells databases of one build apart.
        self.select_times = f"SELECT id, checksum, applied_at FROM {name} WHERE in_progress IS NULL"
        self.select_begun = f"SELECT id, note FROM {name} WHERE in_progress = 'up'"
        self._read_full = f"SELECT {_FULL} FROM {name}"
        self._find = f"SELECT checksum, in_progress, note FROM {name} WHERE id = :id"
        self._create = f"CREATE TABLE IF NOT EXISTS {name} ({_COLUMNS}) STRICT, WITHOUT ROWID"
        self._write = (
            f"INSERT INTO {name} (id, description, applied_at, execution_time, checksum, up, down, use_transaction, "
            "foreign_keys, backward_compatible, app_version, in_progress, note) VALUES (:id, :description, :applied_at, "
            ":execution_time, :checksum, :up, :down, :use_transaction, :foreign_keys, :backward_compatible, :app_version, "
            ":in_progress, :note)"
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
        rows = yield from self._select(self._read_full)
        return list(map(Row, rows or ()))

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
                raise self._foreign(error.message) from error
        for row in result.tuples:
            if type(row[0]) is not str:  # ours is STRICT
                raise self._foreign("its ids are not text")
        return result.tuples

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
    ) -> Steps[None]:
        """Put a migration's row in, with its texts, so that any later or earlier build can take it back.

        instead_of: of one that is there, which may spell the id in another way. Its note stays.
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
