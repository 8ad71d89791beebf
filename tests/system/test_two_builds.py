"""Builds of three versions in turn on one file, each in a process of its own, some of them killed."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentdb import Migration, Migrator, RebuildTable, create_client_sync
from agentdb.errors import DatabaseTooNewError
from system.kills import in_a_process

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

_NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT{}) STRICT"
NEWEST = (
    Migration("001", "notes", (_NOTES.format(""), "CREATE INDEX notes_by_text ON notes (text)"), "DROP TABLE notes"),
    Migration(
        "002",
        "tags",
        (
            "CREATE TABLE tags (note INTEGER REFERENCES notes ON DELETE CASCADE, tag TEXT)",
            "CREATE TRIGGER tagged AFTER INSERT ON tags BEGIN UPDATE notes SET text = trim(text) WHERE id = new.note; END",
        ),
        "DROP TABLE tags",
    ),
    Migration(
        "003",
        "a column",
        "ALTER TABLE notes ADD COLUMN more TEXT",
        "ALTER TABLE notes DROP COLUMN more",
        backward_compatible=True,
    ),
    Migration("004", "a table", "CREATE TABLE extras (x)", "DROP TABLE extras", backward_compatible=True),
    Migration(
        "005",
        "what an older build cannot bear",
        (
            RebuildTable("notes", _NOTES.format(" NOT NULL CHECK (text <> ''), more TEXT")),
            "UPDATE tags SET tag = upper(tag)",
        ),
        (RebuildTable("notes", _NOTES.format(", more TEXT")), "UPDATE tags SET tag = lower(tag)"),
    ),
)
#: How many migrations each build knows.
BUILDS = (2, 4, 5)


def start(path: Path, known: int, number: int) -> None:
    """An application that starts, goes back to what it knows where it must, and writes."""
    with create_client_sync(path, busy_timeout=30) as client:
        migrator = Migrator(client, NEWEST[:known], app_version=f"{known}.0")
        try:
            migrator.migrate()
        except DatabaseTooNewError:
            migrator.rollback(target=NEWEST[known - 1].id)
            migrator.migrate()
        client.batch(
            [
                ("INSERT INTO notes (id, text) VALUES (?, ?)", (number, f"note {number}")),
                ("INSERT INTO tags VALUES (?, 'tag')", (number,)),
            ]
        )


def look(path: Path) -> tuple[int, set[int], Any]:
    """How many migrations are applied, the rows, and the schema. Fails where anything is not sound."""
    with closing(sqlite3.connect(path)) as connection:
        ask = lambda sql: connection.execute(sql).fetchall()  # noqa: E731
        assert ask("PRAGMA integrity_check") == [("ok",)]
        assert ask("PRAGMA foreign_key_check") == []
        history = ask("SELECT id, in_progress FROM migrations ORDER BY id")
        assert history == [(migration.id, None) for migration in NEWEST[: len(history)]]
        rows = {number for (number,) in ask("SELECT id FROM notes WHERE text = 'note ' || id")}
        assert ask("SELECT count(*), count(text) FROM notes") == [(len(rows), len(rows))]
        assert {number for (number,) in ask("SELECT note FROM tags WHERE tag LIKE 'tag'")} == rows
        names = ask("SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name")
        schema = [names, *(ask(f"PRAGMA table_xinfo({table})") for kind, table, _ in names if kind == "table")]
        schema.append(sorted("CHECK" in sql for (sql,) in ask("SELECT sql FROM sqlite_master WHERE name = 'notes'")))
    return len(history), rows, schema


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """The schema after so many migrations, on a new file."""
    schemas = {}
    for number in range(2, len(NEWEST) + 1):
        path = tmp_path_factory.mktemp("fresh") / "a.db"
        with create_client_sync(path) as client:
            Migrator(client, NEWEST[:number]).migrate()
        schemas[number] = look(path)[2]
    return schemas


def take_turns(path: Path, fresh: dict[int, Any], rounds: int) -> dict[str, int]:
    chance = random.Random(5)
    start(path, 2, 0)
    rows, seen = {0}, dict.fromkeys(("upgraded", "taken back", "borne", "same", "killed"), 0)
    for number in range(1, rounds + 1):
        applied = look(path)[0]
        known = chance.choice(BUILDS)
        killed_before = chance.randrange(150) if chance.random() < 0.3 else None
        killed = in_a_process(partial(start, path, known, number), killed_before=killed_before, statements=True) != 0
        after, found, schema = look(path)
        assert rows <= found <= rows | {number}
        assert schema == fresh[after]
        assert len(list(path.parent.glob("a.db.backups/*.backup"))) <= 3
        if killed:
            seen["killed"] += 1
        else:
            assert number in found
            assert after == known or (after > known and after == applied == 4)
            seen[
                "upgraded"
                if after > applied
                else "taken back"
                if after < applied
                else "borne"
                if after > known
                else "same"
            ] += 1
        rows = found
    start(path, 5, rounds + 1)
    assert look(path)[:2] == (5, rows | {rounds + 1})
    return seen


def test_builds_that_take_turns_lose_nothing(tmp_path: Path, fresh: dict[int, Any]) -> None:
    take_turns(tmp_path / "a.db", fresh, 12)


@pytest.mark.soak
def test_builds_that_take_turns_for_100_rounds_lose_nothing(tmp_path: Path, fresh: dict[int, Any]) -> None:
    seen = take_turns(tmp_path / "a.db", fresh, 100)
    assert min(seen.values()) >= 5, seen
