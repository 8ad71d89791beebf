"""A file that has other tables: another tool's `migrations`, a table of the host's with the name of one of ours."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentdb import AgentDB, AsyncAgentDB, Migration, Migrator, create_client_sync
from agentdb.errors import MigrationError


def query(path: Path, *statements: str) -> list[Any]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return [connection.execute(sql).fetchall() for sql in statements][-1]
    finally:
        connection.close()


def schema(path: Path) -> list[Any]:
    return query(path, "SELECT type, name, sql FROM sqlite_master")


def opened(path: Path, is_async: bool, **options: Any) -> list[str]:
    """Open, make an agent, close; the ids of the agents."""

    async def in_a_loop() -> list[str]:
        async with AsyncAgentDB.open(path, **options) as db:
            await db.agents.create(id="a", name="A", model="m")
            return [(await db.agents.get("a")).id]

    if is_async:
        return asyncio.run(in_a_loop())
    with AgentDB.open(path, **options) as db:
        db.agents.create(id="a", name="A", model="m")
        return [db.agents.get("a").id]


TOOLS = {
    "TypeORM": "CREATE TABLE migrations (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, timestamp bigint, name varchar)",
    "Laravel": "CREATE TABLE migrations (id integer primary key autoincrement not null, migration varchar, batch integer)",
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("tool", TOOLS)
def test_another_tools_migrations_table_is_named_and_table_is_the_way_out(
    tmp_path: Path, tool: str, is_async: bool
) -> None:
    path = tmp_path / "app.db"
    query(path, TOOLS[tool], "CREATE TABLE users (id INTEGER PRIMARY KEY)")
    before = schema(path)
    with pytest.raises(MigrationError) as caught:
        opened(path, is_async)
    assert caught.value.code == "foreign_table"
    assert "table=" in caught.value.remedy
    assert "AgentDB.open" in caught.value.remedy
    assert schema(path) == before
    assert opened(path, is_async, table="agentdb_migrations")[-1] == "a"
    assert set(before) <= set(schema(path))
    assert query(path, "SELECT count(*) FROM migrations") == [(0,)]


@pytest.mark.parametrize("is_async", [False, True])
def test_where_tables_of_ours_are_taken_all_are_named_and_nothing_is_made(tmp_path: Path, is_async: bool) -> None:
    path = tmp_path / "app.db"
    query(path, "CREATE TABLE Messages (text)", "CREATE TABLE compaction_events (x)", "CREATE TABLE users (id)")
    before = schema(path)
    with pytest.raises(MigrationError) as caught:
        opened(path, is_async)
    assert caught.value.code == "name_taken"
    assert "'Messages'" in caught.value.message
    assert "'compaction_events'" in caught.value.message
    assert "users" not in caught.value.message
    assert schema(path) == before
    assert [file.name for file in tmp_path.iterdir() if file.is_dir()] == []


def step(id: str, *up: str) -> Migration:
    return Migration(id, f"step {id}", up)


@pytest.mark.parametrize(
    "up",
    [
        ("DROP TABLE old", "CREATE TABLE old (y)"),
        ("ALTER TABLE old RENAME TO older", "CREATE TABLE old (y)"),
        ("CREATE TABLE IF NOT EXISTS old (y)",),
        ("CREATE TEMP TABLE old (y)", "DROP TABLE temp.old"),
    ],
)
def test_a_name_that_the_migrations_free_themselves_is_not_taken(tmp_path: Path, up: tuple[str, ...]) -> None:
    path = tmp_path / "app.db"
    query(path, "CREATE TABLE old (x)")
    with create_client_sync(path) as client:
        assert len(Migrator(client, [step("001", "CREATE TABLE one (x)"), step("002", *up)]).migrate()) == 2


def test_an_upgrade_to_a_taken_name_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    first = step("001", "CREATE TABLE one (x)")
    with create_client_sync(path) as client:
        Migrator(client, [first]).migrate()
        client.execute("CREATE TABLE three (mine)")
        later = [first, step("002", "CREATE TABLE two (x)"), step("003", 'CREATE TABLE "three" (x)')]
        with pytest.raises(MigrationError) as caught:
            Migrator(client, later).migrate()
    assert caught.value.code == "name_taken"
    assert caught.value.migration_id == "003"
    assert query(path, "SELECT count(*) FROM sqlite_master WHERE name = 'two'") == [(0,)]


@pytest.mark.parametrize("is_async", [False, True])
def test_the_first_migration_over_a_file_with_other_tables_makes_a_backup(tmp_path: Path, is_async: bool) -> None:
    path = tmp_path / "app.db"
    query(path, "CREATE TABLE users (id INTEGER PRIMARY KEY)", "INSERT INTO users VALUES (7)")
    opened(path, is_async)
    (backup,) = (tmp_path / "app.db.backups").glob("*.backup")
    assert query(backup, "SELECT id FROM users") == [(7,)]
    assert [name for _, name, _ in schema(backup)] == ["users"]
    opened_again = AgentDB.open(path)
    opened_again.close()
    assert len(list((tmp_path / "app.db.backups").glob("*.backup"))) == 1


def test_a_first_migration_that_fails_at_every_start_keeps_one_backup(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    query(path, "CREATE TABLE users (id INTEGER PRIMARY KEY)")
    for _ in range(4):
        with create_client_sync(path) as client, pytest.raises(MigrationError):
            Migrator(
                client, [step("001", "CREATE TABLE one (x)"), step("002", "INSERT INTO gone VALUES (1)")]
            ).migrate()
    assert len(list((tmp_path / "app.db.backups").glob("*.backup"))) == 1


def test_a_file_of_ours_alone_needs_none(tmp_path: Path) -> None:
    opened(tmp_path / "app.db", False)
    assert not (tmp_path / "app.db.backups").exists()
