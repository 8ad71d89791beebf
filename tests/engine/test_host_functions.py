"""A host application's own functions and collations in the file that agentdb migrates."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentdb import AsyncMigrator, Migration, Migrator, create_client, create_client_sync, validate_migrations
from agentdb.errors import InvalidArgumentError

SCHEMA = "CREATE TABLE theirs (name TEXT COLLATE HOST PRIMARY KEY, kind TEXT CHECK (is_known(kind))) WITHOUT ROWID"
ONE = Migration("001", "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "DROP TABLE notes")
TWO = Migration("002", "more", "ALTER TABLE notes ADD COLUMN more TEXT", "ALTER TABLE notes DROP COLUMN more")


def register(connection: sqlite3.Connection) -> None:
    connection.create_collation("HOST", lambda one, other: (one < other) - (one > other))
    connection.create_function("is_known", 1, lambda kind: kind != "unknown", deterministic=True)
    connection.create_function("shout", 1, lambda text: text and text.upper(), deterministic=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "host.db"
    connection = sqlite3.connect(path)
    register(connection)
    connection.execute(SCHEMA)
    connection.execute("INSERT INTO theirs VALUES ('a', 'x'), ('b', 'y')")
    connection.commit()
    connection.close()
    return path


def upgrade(path: Path, *, is_async: bool, **options: Any) -> None:
    if not is_async:
        with create_client_sync(path, **options) as client:
            Migrator(client, [ONE]).migrate()
            Migrator(client, [ONE, TWO]).migrate()
        return

    async def run() -> None:
        async with create_client(path, **options) as client:
            await AsyncMigrator(client, [ONE]).migrate()
            await AsyncMigrator(client, [ONE, TWO]).migrate()

    asyncio.run(run())


@pytest.mark.parametrize("is_async", [False, True])
def test_an_upgrade_goes_through_where_the_host_has_not_said_what_it_registers(
    path: Path, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "agentdb"):
        upgrade(path, is_async=is_async)
    assert "could not be checked" in caplog.text
    assert "theirs" in caplog.text
    assert list((path.parent / "host.db.backups").glob("*.backup"))


@pytest.mark.parametrize("is_async", [False, True])
def test_with_on_connect_all_of_the_backup_is_checked(
    path: Path, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "agentdb"):
        upgrade(path, is_async=is_async, on_connect=register)
    assert "checked" not in caplog.text


def test_the_copy_of_a_backup_is_prepared_too(path: Path) -> None:
    seen: list[str] = []

    def counted(connection: sqlite3.Connection) -> None:
        seen.extend(Path(name).name for _, _, name in connection.execute("PRAGMA database_list").fetchall())
        register(connection)

    upgrade(path, is_async=False, on_connect=counted)
    assert seen.count("host.db") >= 2  # the client, and the snapshot that is copied
    assert any(name != "host.db" for name in seen), seen  # the copy


def test_migrations_that_use_them_are_proved_with_on_connect() -> None:
    loud = Migration(
        "001",
        "loud",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE HOST, loud TEXT AS (shout(v)) STORED)",
        "DROP TABLE t",
    )
    indexed = Migration("002", "indexed", "CREATE INDEX i ON t (v)", "DROP INDEX i")
    assert not validate_migrations([loud, indexed]).is_valid
    result = validate_migrations([loud, indexed], on_connect=register)
    assert result.is_valid, result.errors


def test_a_migrator_takes_it_for_the_clients_that_it_opens_itself(path: Path) -> None:
    libsql_client = pytest.importorskip("libsql_client")
    calls = 0

    def counted(connection: sqlite3.Connection) -> None:
        nonlocal calls
        calls += 1
        register(connection)

    client = libsql_client.create_client_sync(f"file:{path}")
    try:
        Migrator(client, [ONE], on_connect=counted).migrate()
    finally:
        client.close()
    assert calls


def test_a_migrator_refuses_it_for_a_client_that_is_open_already(path: Path) -> None:
    with create_client_sync(path) as client, pytest.raises(InvalidArgumentError, match="on_connect"):
        Migrator(client, [ONE], on_connect=register)
