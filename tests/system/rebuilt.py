"""An upgrade that rebuilds a table with children, and what a database then must hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from agentdb import Migration, RebuildTable

ROWS = 300
FIRST = Migration(
    "001",
    "notes",
    (
        "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT) STRICT",
        "CREATE TABLE tags (note INTEGER REFERENCES notes ON DELETE CASCADE, tag TEXT)",
        "CREATE INDEX notes_by_text ON notes (text)",
        "CREATE TRIGGER t AFTER DELETE ON notes BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT count(*) AS number FROM notes",
        f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) "
        "INSERT INTO notes (text) SELECT 'text ' || n || hex(randomblob(100)) FROM c",
        "INSERT INTO tags SELECT id, 'tag' FROM notes",
    ),
)
SECOND = Migration(
    "002",
    "rebuilt",
    (
        RebuildTable(
            "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL CHECK (text <> ''))"
        ),
        "UPDATE tags SET tag = 'new'",
    ),
    (
        RebuildTable("notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)"),
        "UPDATE tags SET tag = 'tag'",
    ),
)


def state_of(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        schema = connection.execute(  # a table that was renamed has quotes about its name
            "SELECT type, name, replace(sql, '\"', '') FROM sqlite_master ORDER BY type, name"
        ).fetchall()
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM tags), (SELECT max(seq) FROM sqlite_sequence), "
            "(SELECT count(*) FROM migrations), (SELECT min(tag) FROM tags)"
        ).fetchone()
    return [schema, counts]
