"""The application's migrations. They have a tracking table of their own, so their numbers are their own too."""

from __future__ import annotations

from agentdb import Migration

#: Migrator(client, MIGRATIONS, table=TABLE)
TABLE = "notes_app_migrations"

MIGRATIONS = (
    Migration(
        id="001",
        description="Notes on sessions",
        up=(
            """\
CREATE TABLE notes (
  id TEXT NOT NULL PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  text TEXT NOT NULL,
  tags_json TEXT CHECK (tags_json IS NULL OR json_valid(tags_json) AND json_type(tags_json) = 'array'),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT""",
            "CREATE INDEX idx_notes_session_id ON notes (session_id, created_at, id)",
        ),
        down=("DROP TABLE notes",),
    ),
)
