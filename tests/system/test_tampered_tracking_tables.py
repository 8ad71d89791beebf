"""What a tracking table holds is input. Whatever stands in it, an operation answers with an agentdb error or does its work,
and no statement reaches another file."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdb import Migration, Migrator, create_client_sync
from agentdb.errors import AgentDBError

_OURS = [
    Migration("1", "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "DROP TABLE notes"),
    Migration("2", "tags", "CREATE TABLE tags (tag TEXT)", "DROP TABLE tags"),
    Migration("3", "stars", "ALTER TABLE notes ADD COLUMN stars", "ALTER TABLE notes DROP COLUMN stars"),
]

#: OTHER is the path of another database, NEW of a file that is not there.
_STATEMENTS = (
    "ATTACH 'OTHER' AS o",
    "ATTACH 'NEW' AS o",
    "INSERT INTO o.victim VALUES (2)",
    "DROP TABLE o.victim",
    "CREATE TABLE o.made (a)",
    "DETACH o",
    "VACUUM INTO 'NEW'",
    "/* c */ VACUUM main INTO 'NEW'",
    "VACUUM",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA main.user_version = 77",
    "PRAGMA temp_store_directory = '/tmp'",
    "SELECT * FROM pragma_journal_mode('DELETE')",
    "SELECT load_extension('NEW')",
    "SELECT writefile('NEW', 'x')",
    "UPDATE sqlite_master SET sql = 'x'",
    "CREATE TEMP TABLE notes (a)",
    "CREATE TEMP TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE v USING fts5(a)",
    "CREATE TRIGGER t AFTER DELETE ON tags BEGIN SELECT load_extension('NEW'); END",
    "COMMIT",
    "BEGIN",
    "SAVEPOINT x",
    "ROLLBACK",
    "DROP TABLE migrations",
    "DELETE FROM migrations",
    "DROP TABLE tags",
    "ALTER TABLE notes DROP COLUMN stars",
    "SELECT 1; ATTACH 'NEW' AS o",
    "SELECT '",
    ".shell touch NEW",
    "",
    "-- nothing",
    "\0",
    "\ud800",
)
_ODD: tuple[Any, ...] = (
    None,
    0,
    1,
    -1,
    7,
    2**63 - 1,
    9e999,
    "",
    "x",
    "manual",
    "v1:",
    b"\xff\x00",
    "9" * 5000,
    "²",
    "up",
    "down",
)


def _recorded(chance: random.Random, other: Path, new: Path) -> Any:
    def statement() -> Any:
        if chance.random() < 0.15:
            return chance.choice(
                [None, 1, [], {}, {"rebuild_table": "notes"}, {"table": 1}, {"rebuild": {"table": []}}]
            )
        return chance.choice(_STATEMENTS).replace("OTHER", str(other)).replace("NEW", str(new))

    if chance.random() < 0.1:
        return chance.choice([*_ODD, "[" * 3000, "{}", '"DROP TABLE tags"', "[1e999]"])
    return json.dumps([statement() for _ in range(chance.choice([0, 1, 1, 1, 2, 3]))])


def _tamper(path: Path, chance: random.Random, other: Path, new: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(migrations)")]
        connection.execute("UPDATE migrations SET use_transaction = ?", (chance.choice([0, 1]),))
        for _ in range(chance.randint(1, 5)):
            column = chance.choice(["down", "down", "down", "up", "note", "use_transaction", "foreign_keys", *columns])
            value = _recorded(chance, other, new) if column in ("up", "down") else chance.choice(_ODD)
            try:
                connection.execute(
                    f'UPDATE migrations SET "{column}" = ? WHERE id = ?', (value, chance.choice(["1", "2", "3"]))
                )
            except (sqlite3.Error, OverflowError, UnicodeError):
                pass  # STRICT keeps that one out


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A migrated database, and another one."""
    folder = tmp_path_factory.mktemp("templates")
    with closing(sqlite3.connect(folder / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE victim (a)")
    with create_client_sync(folder / "a.db") as client:
        Migrator(client, _OURS).migrate()
    return folder / "a.db", folder / "other.db"


@pytest.mark.parametrize("seed", range(200))
def test_a_tampered_tracking_table_reaches_no_other_file(
    tmp_path: Path, seed: int, templates: tuple[Path, Path]
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "application"
    folder.mkdir()
    path, other, new = folder / "a.db", tmp_path / "other.db", tmp_path / "new"
    shutil.copyfile(templates[0], path)
    shutil.copyfile(templates[1], other)
    before = other.read_bytes()
    _tamper(path, chance, other, new)
    registered = chance.choice([(), (), _OURS[:1], _OURS])
    with create_client_sync(path, synchronous="OFF") as client:
        migrator = Migrator(client, registered)
        calls: list[Callable[[], object]] = [
            lambda: migrator.rollback(limit=2, dry_run=True),
            migrator.rollback_last,
            migrator.get_migration_summary,
            migrator.validate_migrations,
            migrator.rollback_last,
            lambda: migrator.rollback(limit=3),
            migrator.migrate,
        ]
        for call in calls:
            try:
                call()
            except AgentDBError:
                pass
        assert client.execute("SELECT file FROM pragma_database_list WHERE name NOT IN ('main', 'temp')").tuples == []
        assert client.execute("SELECT name FROM sqlite_temp_master").tuples == []
        assert client.execute("PRAGMA journal_mode").tuples == [("wal",)]
        assert client.execute("PRAGMA user_version").tuples == [(0,)]
        assert client.execute("PRAGMA writable_schema").tuples == [(0,)]
        tampered = "CHECK constraint failed in migrations"  # that is ours: ignore_check_constraints
        assert {text for (text,) in client.execute("PRAGMA integrity_check").tuples} <= {"ok", tampered}
    assert other.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["application", "other.db"]
