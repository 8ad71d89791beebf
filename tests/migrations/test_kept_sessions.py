"""A session with a conversation in it, under raw SQL: deleted, never replaced."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]
EVENT = {
    "session_id": "t",
    "strategy": "summary",
    "original_tokens": 9,
    "compacted_tokens": 3,
    "messages_removed": 2,
    "summary_content": "in short",
    "preserved_message_ids_json": "[]",
}
OWNED = {
    "messages": {"session_id": "t", "seq": 1, "role": "user", "content": "hello"},
    "agent_contexts": {"session_id": "t", "current_agent": "coder"},
    "compaction_events": EVENT,
}
REPLACES = [
    "REPLACE INTO sessions (id, main_agent_id) VALUES ('t', 'a')",
    "INSERT OR REPLACE INTO sessions (id, main_agent_id, title) SELECT id, main_agent_id, 'T' FROM sessions",
    "UPDATE OR REPLACE sessions SET id = 't' WHERE id = 'empty'",
]


def count(connection: sqlite3.Connection, table: str) -> int:
    total: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return total


@pytest.fixture
def sessions(connection: sqlite3.Connection, insert: Insert) -> sqlite3.Connection:
    """Sessions 't' and 'empty', with nothing in them."""
    connection.execute("DELETE FROM sessions")
    for id in ("empty", "t"):
        insert(connection, "sessions", id=id, main_agent_id="a")
    return connection


@pytest.mark.parametrize("statement", REPLACES)
@pytest.mark.parametrize("table", OWNED)
def test_replacing_a_session_that_has_something_is_refused(
    sessions: sqlite3.Connection, insert: Insert, table: str, statement: str
) -> None:
    insert(sessions, table, **OWNED[table])
    with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
        sessions.execute(statement)
    assert (count(sessions, table), count(sessions, "sessions")) == (1, 2)
    sessions.execute("DELETE FROM sessions")  # a deletion is one, after a refusal too
    assert (count(sessions, table), count(sessions, "deleting")) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR IGNORE INTO sessions (id, main_agent_id) VALUES ('t', 'a')",
        "INSERT INTO sessions (id, main_agent_id) VALUES ('t', 'a') ON CONFLICT DO NOTHING",
        "INSERT INTO sessions (id, main_agent_id) VALUES ('t', 'a') ON CONFLICT (id) DO UPDATE SET title = 'T'",
        "REPLACE INTO sessions (id, main_agent_id) VALUES ('empty', 'a')",
        "DELETE FROM messages",
    ],
)
def test_what_replaces_nothing_goes_on(sessions: sqlite3.Connection, insert: Insert, statement: str) -> None:
    insert(sessions, "messages", **OWNED["messages"])
    sessions.execute(statement)
    assert count(sessions, "messages") == (0 if statement.startswith("DELETE") else 1)
    assert count(sessions, "deleting") == 0


@pytest.mark.parametrize("statement", ["DELETE FROM sessions WHERE id = 't'", "DELETE FROM agents"])
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_deleting_a_session_takes_all_of_it_along(
    sessions: sqlite3.Connection, insert: Insert, statement: str, recursive: str
) -> None:
    sessions.execute(f"PRAGMA recursive_triggers = {recursive}")
    for table, row in OWNED.items():
        insert(sessions, table, **row)
    sessions.execute(statement)
    assert [count(sessions, table) for table in (*OWNED, "deleting")] == [0, 0, 0, 0]


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("009"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("010")
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="t", main_agent_id="a")
    for table, row in OWNED.items():
        insert(connection, table, **row)
    for _ in range(2):
        execute_all(connection, migration.up)
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert count(connection, "messages") == 1
