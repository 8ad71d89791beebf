from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import MIGRATIONS, get_migration

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]

REPLACES = [
    "INSERT OR REPLACE INTO agents (id, name, model) VALUES ('a', 'x', 'y')",
    "REPLACE INTO agents (id, name, model) VALUES ('a', 'x', 'y')",
    "INSERT OR REPLACE INTO agents (rowid, id, name, model) VALUES (1, 'q', 'x', 'y')",
    "UPDATE OR REPLACE agents SET id = 'a' WHERE id = 'b'",
    *[f"UPDATE OR REPLACE agents SET {name} = 1 WHERE id = 'b'" for name in ("rowid", "oid", "_rowid_")],
]


def everything(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    tables = ("agents", "sessions", "session_logs", "default_agents")
    return [tuple(row) for table in tables for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]


@pytest.mark.parametrize("statement", REPLACES)
def test_an_agent_with_sessions_is_never_replaced(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    insert(connection, "agents", id="b", name="n", model="m")
    before = everything(connection)
    with pytest.raises(sqlite3.IntegrityError, match="one with sessions, is never replaced"):
        connection.execute(statement)
    assert everything(connection) == before


@pytest.mark.parametrize("statement", REPLACES)
def test_a_default_agent_is_never_replaced_even_while_nothing_runs_on_it(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    insert(connection, "agents", id="b", name="n", model="m")
    insert(connection, "default_agents", agent_id="a")
    connection.execute("DELETE FROM sessions")
    before = everything(connection)
    with pytest.raises(sqlite3.IntegrityError, match="a default agent"):
        connection.execute(statement)
    assert everything(connection) == before


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("default", [False, True])
def test_an_insert_that_ignores_or_updates_what_is_there_goes_on(
    connection: sqlite3.Connection, insert: Insert, default: bool, recursive: bool
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    if default:
        insert(connection, "default_agents", agent_id="a")
    row = "INTO agents (id, name, model) VALUES ('a', 'x', 'y')"
    before = everything(connection)
    connection.execute(f"INSERT OR IGNORE {row}")
    connection.execute(f"INSERT {row} ON CONFLICT DO NOTHING")
    insert(connection, "agents", id="b", name="n", model="m")
    connection.execute("UPDATE OR IGNORE agents SET id = 'a' WHERE id = 'b'")
    connection.execute("DELETE FROM agents WHERE id = 'b'")
    assert everything(connection) == before
    connection.execute(f"INSERT {row} ON CONFLICT (id) DO UPDATE SET name = excluded.name")
    assert connection.execute("SELECT name FROM agents").fetchone()[0] == "x"
    assert connection.execute("SELECT count(*) FROM session_logs").fetchone()[0] == 1
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: agents\.id"):
        connection.execute(f"INSERT {row}")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        connection.execute(f"INSERT OR FAIL {row}")
    with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
        connection.execute(f"INSERT OR REPLACE {row}")


def test_an_agent_that_nothing_runs_on_may_be_replaced_and_one_that_sessions_have_deleted(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    insert(connection, "agents", id="b", name="n", model="m")
    connection.execute("INSERT OR REPLACE INTO agents (id, name, model) VALUES ('b', 'x', 'y')")
    assert connection.execute("SELECT name FROM agents WHERE id = 'b'").fetchone()[0] == "x"
    connection.execute("DELETE FROM agents")
    assert everything(connection) == []


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    migration = get_migration("011")
    for earlier in MIGRATIONS[: MIGRATIONS.index(migration)]:
        execute_all(connection, earlier.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    for _ in range(2):
        execute_all(connection, migration.up)
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1
