"""What only an archive holds, under raw SQL: nothing but deleting the session removes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]
COLUMNS = (
    "session_id, seq, role, token_count, is_preserved, is_summary, created_at, "
    "name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json"
)
ARCHIVE = f"INSERT INTO message_archive (event_id, message_id, {COLUMNS}) SELECT 1, id, {COLUMNS} FROM messages"
PRUNING = {
    "id": 1,
    "session_id": "s",
    "strategy": "prune_tool_outputs",
    "original_tokens": 9,
    "compacted_tokens": 3,
    "messages_removed": 0,
    "summary_content": "gone",
    "preserved_message_ids_json": "[]",
}
RESTORED = "UPDATE compaction_events SET restored_at = '2024-01-01T00:00:00.000Z'"


def restored_pruning(connection: sqlite3.Connection, insert: Insert) -> None:
    """Event 1 pruned messages 1 and 2 of session 's'; 2 was removed, then the event restored: its original is kept."""
    for seq in (1, 2):
        insert(connection, "messages", session_id="s", seq=seq, role="tool", content=f"output {seq}")
    insert(connection, "compaction_events", **PRUNING)
    connection.execute(ARCHIVE)
    connection.execute("DELETE FROM messages WHERE id = 2")
    connection.execute(RESTORED)
    connection.execute("DELETE FROM message_archive WHERE message_id = 1")


def kept(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT content FROM message_archive ORDER BY message_id")]


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM message_archive",
        "DELETE FROM message_archive WHERE event_id = 1 AND message_id = 2",
        "DELETE FROM compaction_events",
        "UPDATE message_archive SET content = NULL",
        "UPDATE OR REPLACE message_archive SET message_id = 1",
        "UPDATE compaction_events SET id = 9",
        "UPDATE compaction_events SET session_id = 't'",
        "UPDATE compaction_events SET restored_at = NULL",
        "INSERT OR REPLACE INTO message_archive SELECT * FROM message_archive",
        "INSERT OR REPLACE INTO compaction_events SELECT * FROM compaction_events",
    ],
)
def test_the_originals_that_a_restored_pruning_keeps_stay(
    connection: sqlite3.Connection, insert: Insert, statement: str, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    insert(connection, "sessions", id="t", main_agent_id="a")
    restored_pruning(connection, insert)
    with pytest.raises(sqlite3.IntegrityError, match=r"nowhere else|never changes|never replaced"):
        connection.execute(statement)
    assert kept(connection) == ["output 2"]


@pytest.mark.parametrize("statement", ["DELETE FROM sessions WHERE id = 's'", "DELETE FROM agents"])
def test_they_go_with_their_session(connection: sqlite3.Connection, insert: Insert, statement: str) -> None:
    restored_pruning(connection, insert)
    connection.execute(statement)
    assert kept(connection) == []
    assert connection.execute("SELECT count(*) FROM compaction_events").fetchone()[0] == 0


def test_a_restored_event_without_them_may_be_deleted(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", session_id="s", seq=1, role="tool", content="output")
    insert(connection, "compaction_events", **PRUNING)
    connection.execute(ARCHIVE)
    connection.execute(RESTORED)
    connection.execute("DELETE FROM compaction_events")
    assert kept(connection) == []


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("007"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("008")
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    restored_pruning(connection, insert)
    for _ in range(2):
        execute_all(connection, migration.up)
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert kept(connection) == ["output 2"]
