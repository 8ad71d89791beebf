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
EVENT = {
    "session_id": "s",
    "strategy": "summary",
    "original_tokens": 9,
    "compacted_tokens": 3,
    "messages_removed": 2,
    "summary_content": "in short",
    "preserved_message_ids_json": "[]",
}


def put_away(connection: sqlite3.Connection, insert: Insert) -> None:
    """Event 1 of session 's', made by hand: messages 1 and 2 are in its archive, 3 is its summary."""
    for number in (1, 2):
        insert(connection, "messages", session_id="s", seq=number, role="user", content=f"message {number}")
    insert(connection, "compaction_events", id=1, summary_message_id=3, **EVENT)
    connection.execute(
        f"INSERT INTO message_archive (event_id, message_id, {COLUMNS}) SELECT 1, id, {COLUMNS} FROM messages"
    )
    connection.execute("DELETE FROM messages")
    insert(connection, "messages", id=3, session_id="s", seq=2, role="system", content="in short", is_summary=1)


def put_back(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM messages")
    connection.execute(f"INSERT INTO messages (id, {COLUMNS}) SELECT message_id, {COLUMNS} FROM message_archive")


def count(connection: sqlite3.Connection, table: str) -> int:
    total: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return total


def test_the_archive_has_every_column_of_a_message(connection: sqlite3.Connection) -> None:
    def columns(table: str) -> dict[str, tuple[str, int]]:
        found = connection.execute(f"PRAGMA table_info({table})")
        return {row["name"]: (row["type"], row["notnull"]) for row in found if row["name"] not in ("id", "message_id")}

    assert columns("message_archive") == columns("messages") | {"event_id": ("INTEGER", 1)}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM message_archive", "the event still stands"),
        ("DELETE FROM compaction_events", "the event still stands"),
        ("UPDATE message_archive SET content = 'other'", "never changes"),
        ("UPDATE message_archive SET event_id = 9", "never changes"),
        ("UPDATE compaction_events SET id = 9", "never changes"),
        ("UPDATE compaction_events SET rowid = 9", "never changes"),
        ("UPDATE compaction_events SET session_id = 't'", "never changes"),
        ("UPDATE compaction_events SET summary_message_id = NULL", "never changes"),
        ("UPDATE compaction_events SET summary_content = 'other'", "never changes"),
        ("UPDATE compaction_events SET restored_at = '2024-01-01T00:00:00.000Z'", "not all back"),
        ("INSERT OR REPLACE INTO compaction_events SELECT * FROM compaction_events", "never replaced"),
        ("INSERT OR REPLACE INTO message_archive SELECT * FROM message_archive", "never changes"),
    ],
)
def test_raw_sql_cannot_destroy_an_archive_that_is_needed(
    connection: sqlite3.Connection, insert: Insert, statement: str, reason: str
) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a")
    put_away(connection, insert)
    with pytest.raises(sqlite3.IntegrityError, match=reason):
        connection.execute(statement)
    assert (count(connection, "compaction_events"), count(connection, "message_archive")) == (1, 2)


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("statement", ["DELETE FROM sessions WHERE id = 's'", "DELETE FROM agents"])
def test_deleting_the_session_takes_its_events_and_their_archives_along(
    connection: sqlite3.Connection, insert: Insert, statement: str, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    put_away(connection, insert)
    connection.execute(statement)
    for table in ("messages", "compaction_events", "message_archive"):
        assert count(connection, table) == 0


def test_an_event_is_restored_only_when_its_messages_are_back_in_their_places(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    put_away(connection, insert)
    restored = "UPDATE compaction_events SET restored_at = '2024-01-01T00:00:00.000Z'"
    put_back(connection)
    connection.execute("UPDATE messages SET content = 'edited' WHERE id = 1")
    with pytest.raises(sqlite3.IntegrityError, match="not all back"):
        connection.execute(restored)
    connection.execute("UPDATE messages SET content = 'message 1' WHERE id = 1")
    connection.execute(restored)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        connection.execute("UPDATE compaction_events SET restored_at = NULL")
    connection.execute("DELETE FROM message_archive")
    connection.execute("DELETE FROM compaction_events")


def test_the_count_of_a_session_is_that_of_its_standing_events_under_raw_sql(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    def counted() -> int:
        total: int = connection.execute("SELECT compaction_count FROM sessions WHERE id = 's'").fetchone()[0]
        return total

    put_away(connection, insert)
    insert(connection, "compaction_events", **EVENT)
    assert counted() == 2
    connection.execute("UPDATE compaction_events SET duration_ms = 5")
    assert counted() == 2
    put_back(connection)
    connection.execute("UPDATE compaction_events SET restored_at = '2024-01-01T00:00:00.000Z' WHERE id = 1")
    assert counted() == 1
    connection.execute("DELETE FROM compaction_events WHERE id = 1")
    assert counted() == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", 0),
        ("session_id", "nowhere"),
        ("strategy", ""),
        ("original_tokens", -1),
        ("compacted_tokens", None),
        ("messages_removed", -1),
        ("summary_content", None),
        ("preserved_message_ids_json", "{}"),
        ("preserved_message_ids_json", None),
        ("duration_ms", -1),
        ("created_at", "now"),
        ("restored_at", "2024-01-01"),
    ],
)
def test_an_event_that_says_nothing_clear_is_refused(
    connection: sqlite3.Connection, insert: Insert, column: str, value: object
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "compaction_events", **{**EVENT, column: value})


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("005"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("006")
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    for _ in range(2):
        execute_all(connection, migration.up)
        put_away(connection, insert)
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
        assert connection.execute("SELECT compaction_count, message_count FROM sessions").fetchone()[:] == (0, 1)
        connection.execute("DELETE FROM messages")
