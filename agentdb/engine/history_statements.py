"""The SQL of a tracking table: its columns, and every statement but the one that each start runs."""

from __future__ import annotations

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
  down TEXT,
  schema_fingerprint TEXT
"""
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


class Statements:
    """The statements for one tracking table."""

    #: What History.read() reads, in the order of a Row.
    columns = _FULL

    def __init__(self, name: str, guarded: str) -> None:
        """name: the table's, as SQL. guarded: the FROM clause that reads it as `m`."""
        #: What tells databases of one build apart.
        self.select_times = (
            f"SELECT id, checksum, applied_at FROM {name} WHERE in_progress IS NULL OR in_progress = 'down'"
        )
        self.select_begun = f"SELECT id, note, in_progress FROM {name} WHERE in_progress IS NOT NULL"
        self.read_full = f"SELECT {', '.join([f'm.{column}' for column in _FULL])} {guarded}"
        self.places = f"SELECT 1 FROM {name} WHERE applied_after IS NOT NULL LIMIT 1"
        self.find = f"SELECT checksum, in_progress, note FROM {name} WHERE id = :id"
        self.any_row = f"SELECT 1 FROM {name} WHERE id = ?"
        self.create = f"CREATE TABLE IF NOT EXISTS {name} ({_COLUMNS}) STRICT, WITHOUT ROWID"
        self.write = (
            f"INSERT INTO {name} (id, description, applied_at, execution_time, checksum, up, down, use_transaction, "
            "foreign_keys, backward_compatible, app_version, applied_after, in_progress, note) VALUES "
            "(:id, :description, :applied_at, :execution_time, :checksum, :up, :down, :use_transaction, :foreign_keys, "
            ":backward_compatible, :app_version, :applied_after, :in_progress, :note)"
        )
        self.insertion = (
            f"INSERT INTO {name} (id, description, applied_at, execution_time, checksum, up, down, backward_compatible, "
            "app_version, applied_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self.settle = (
            f"UPDATE {name} SET in_progress = NULL, note = :note, execution_time = :execution_time "
            "WHERE id = :id AND in_progress = 'up'"
        )
        self.note = f"UPDATE {name} SET note = :note, in_progress = :in_progress WHERE id = :id"
        self.accept = (
            f"UPDATE {name} SET description = :description, checksum = :checksum, up = :up, down = :down, use_transaction = "
            ":use_transaction, foreign_keys = :foreign_keys, backward_compatible = :backward_compatible WHERE id = :id"
        )
        self.remove = f"DELETE FROM {name} WHERE id = :id"
