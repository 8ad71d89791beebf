"""The tracking table: its DDL, its statements, its rows."""

from __future__ import annotations

from agentdb.errors import InvalidArgumentError, MigrationError, StatementError
from agentdb.operations import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from agentdb.engine.migration import Migration
    from agentdb.operations import Steps

UP: Literal["up"] = "up"
DOWN: Literal["down"] = "down"

_COLUMNS = """
  id TEXT PRIMARY KEY NOT NULL,
  description TEXT,
  applied_at TEXT,
  execution_time REAL,
  checksum TEXT,
  up TEXT,
  down TEXT,
  use_transaction INTEGER NOT NULL DEFAULT 1,
  foreign_keys INTEGER NOT NULL DEFAULT 1,
  backward_compatible INTEGER NOT NULL DEFAULT 0,
  app_version TEXT,
  in_progress TEXT CHECK (in_progress IN ('up', 'down')),
  note TEXT
"""
_FULL = "id, checksum, in_progress, description, up, down, use_transaction, applied_at, execution_time"


class Row:
    """One row of the tracking table. What was not read, or is not recorded, is None.

    in_progress: 'up' or 'down' where a migration outside a transaction began and has not ended.
    """

    __slots__ = (
        "applied_at",
        "checksum",
        "description",
        "down",
        "execution_time",
        "id",
        "in_progress",
        "up",
        "use_transaction",
    )

    def __init__(
        self,
        id: str,
        checksum: str | None,
        in_progress: str | None = None,
        description: str | None = None,
        up: str | None = None,
        down: str | None = None,
        use_transaction: int = 1,
        applied_at: str | None = None,
        execution_time: float | None = None,
    ) -> None:
        self.id = id
        self.checksum = checksum
        self.in_progress = in_progress
        self.description = description
        self.up = up
        self.down = down
        self.use_transaction = use_transaction
        self.applied_at = applied_at
        self.execution_time = execution_time

    def __repr__(self) -> str:
        return f"<Row {self.id}{' ' + self.in_progress if self.in_progress else ''}>"


class History:
    """The tracking table of one migrator."""

    def __init__(self, table: str) -> None:
        """Raises InvalidArgumentError for a name that cannot be a table's."""
        if type(table) is not str or not table or "\0" in table or table.lower().startswith("sqlite_"):
            raise InvalidArgumentError(f"{table!r} cannot be the name of the tracking table")
        self.table = table
        name = '"' + table.replace('"', '""') + '"'
        self._read = f"SELECT id, checksum, in_progress FROM {name}"
        self._read_full = f"SELECT {_FULL} FROM {name}"
        self._find = f"SELECT checksum, in_progress FROM {name} WHERE id = :id"
        self._create = f"CREATE TABLE IF NOT EXISTS {name} ({_COLUMNS}) STRICT"
        self._write = (
            f"INSERT OR REPLACE INTO {name} (id, description, applied_at, execution_time, checksum, up, down, "
            "use_transaction, app_version, in_progress) VALUES (:id, :description, :applied_at, :execution_time, "
            ":checksum, :up, :down, :use_transaction, :app_version, :in_progress)"
        )
        self._settle = f"UPDATE {name} SET in_progress = NULL, execution_time = :execution_time WHERE id = :id"
        self._mark = f"UPDATE {name} SET in_progress = :in_progress WHERE id = :id"
        self._remove = f"DELETE FROM {name} WHERE id = :id"

    def create(self) -> Steps[None]:
        """Create the table if it is missing."""
        yield from execute(self._create)

    def read(self, *, full: bool = False) -> Steps[list[Row] | None]:
        """All rows, or None where the table is missing; `full` with texts and times. One SELECT.

        Raises MigrationError `foreign_table` where a table of that name has another shape.
        """
        try:
            result = yield from execute(self._read_full if full else self._read)
        except StatementError as error:
            if not (yield from self._exists()):
                return None
            raise MigrationError(
                f"the table {self.table!r} is not a tracking table of agentdb: {error.message}", code="foreign_table"
            ) from error
        return [Row(*values) for values in result.tuples]

    def _exists(self) -> Steps[bool]:
        result = yield from execute("SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE", (self.table,))
        return len(result) > 0

    def find(self, migration_id: str) -> Steps[Row | None]:
        """One row, by the id as it is written there."""
        result = yield from execute(self._find, {"id": migration_id})
        return Row(migration_id, *result.tuples[0]) if result.tuples else None

    def write(
        self,
        migration: Migration,
        *,
        applied_at: str,
        execution_time: float | None,
        app_version: str | None,
        use_transaction: bool,
        in_progress: str | None = None,
    ) -> Steps[None]:
        """Put a migration's row in, with its texts, so that any later or earlier build can take it back."""
        import json

        values: dict[str, Any] = {
            "id": migration.id,
            "description": migration.description,
            "applied_at": applied_at,
            "execution_time": execution_time,
            "checksum": migration.checksum,
            "up": json.dumps(migration.up, ensure_ascii=False),
            "down": json.dumps(migration.down, ensure_ascii=False),
            "use_transaction": use_transaction,
            "app_version": app_version,
            "in_progress": in_progress,
        }
        yield from execute(self._write, values)

    def settle(self, migration_id: str, execution_time: float) -> Steps[None]:
        """A migration outside a transaction has come to its end. `execution_time` in milliseconds."""
        yield from execute(self._settle, {"id": migration_id, "execution_time": execution_time})

    def mark(self, migration_id: str, in_progress: str) -> Steps[None]:
        """A migration outside a transaction begins to be taken back."""
        yield from execute(self._mark, {"id": migration_id, "in_progress": in_progress})

    def remove(self, migration_id: str) -> Steps[None]:
        """Take a migration's row out."""
        yield from execute(self._remove, {"id": migration_id})
