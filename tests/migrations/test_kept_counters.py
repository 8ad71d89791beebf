"""What a session says of its messages, under raw SQL: nobody else writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]
EVENT = {
    "session_id": "s",
    "strategy": "prune_tool_outputs",
    "original_tokens": 9,
    "compacted_tokens": 3,
    "messages_removed": 0,
    "summary_content": "gone",
    "preserved_message_ids_json": "[]",
}


def counters(connection: sqlite3.Connection) -> tuple[int, ...]:
    sql = "SELECT last_seq, message_count, total_tokens, compaction_count FROM sessions WHERE id = 's'"
    return tuple(connection.execute(sql).fetchone())


def say(connection: sqlite3.Connection, insert: Insert) -> None:
    """Two messages and an event of session 's'."""
    for seq in (1, 2):
        insert(connection, "messages", session_id="s", seq=seq, role="user", token_count=seq)
    insert(connection, "compaction_events", **EVENT)


@pytest.mark.parametrize(
    "statement",
    [
        *[f"UPDATE sessions SET {name} = 7" for name in ("message_count", "total_tokens", "compaction_count")],
        *[f"UPDATE sessions SET {name} = 0" for name in ("last_seq", "message_count", "total_tokens")],
        "UPDATE sessions SET compaction_count = compaction_count - 1",
        "UPDATE sessions SET message_count = message_count + 1, total_tokens = total_tokens + 1, last_seq = last_seq + 1",
        "UPDATE OR IGNORE sessions SET title = 'T', message_count = 7",
        "UPDATE OR REPLACE sessions SET message_count = 7",
        "INSERT INTO sessions (id, main_agent_id) VALUES ('s', 'a') ON CONFLICT (id) DO UPDATE SET message_count = 7",
        "UPDATE sessions SET last_seq = 9007199254740991",
        "INSERT INTO messages (session_id, seq, role) VALUES ('s', 9007199254740991, 'user')",
        "INSERT OR REPLACE INTO messages (session_id, seq, role) VALUES ('s', 4503599627370497, 'user')",
        *[
            f"INSERT INTO sessions (main_agent_id, {name}) VALUES ('a', {value})"
            for name, value in (
                ("message_count", 1),
                ("total_tokens", 1),
                ("compaction_count", 1),
                ("last_seq", 2**53 - 1),
            )
        ],
    ],
)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_a_counter_that_is_not_true_is_refused(
    connection: sqlite3.Connection, insert: Insert, statement: str, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    say(connection, insert)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert counters(connection) == (2, 2, 3, 1)
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1
    insert(connection, "messages", session_id="s", seq=3, role="user", token_count=1)
    assert counters(connection) == (3, 3, 4, 1)


def test_a_whole_row_may_be_written_back_and_a_session_may_begin_behind_a_gap(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    say(connection, insert)
    connection.execute("UPDATE sessions SET title = 'T', last_seq = 2, message_count = 2, total_tokens = 3")
    connection.execute(
        "INSERT INTO sessions (id, main_agent_id, message_count) VALUES ('s', 'a', 9)"
        " ON CONFLICT (id) DO UPDATE SET title = 'U'"
    )
    insert(connection, "sessions", id="t", main_agent_id="a", last_seq=9)
    insert(connection, "messages", session_id="t", seq=4, role="user")
    rows = connection.execute("SELECT last_seq, message_count, title FROM sessions ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == [(2, 2, "U"), (9, 1, None)]


def test_no_mark_is_left_whatever_counts(connection: sqlite3.Connection, insert: Insert) -> None:
    say(connection, insert)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "messages", session_id="s", seq=3, role="user", token_count=2**63 - 1)
    connection.execute("UPDATE messages SET token_count = 5")
    connection.execute("UPDATE compaction_events SET restored_at = '2024-01-01T00:00:00.000Z'")
    connection.execute("DELETE FROM messages WHERE seq = 1")
    assert counters(connection) == (2, 1, 5, 0)
    connection.execute("DELETE FROM sessions")
    assert connection.execute("SELECT count(*) FROM counting").fetchone()[0] == 0


def test_the_up_lets_a_wrong_counter_be_set_right_and_the_down_leaves_all_as_it_was(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("008"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("009")
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    say(connection, insert)
    for _ in range(2):
        connection.execute("UPDATE sessions SET message_count = 7, total_tokens = 7, compaction_count = 7")
        execute_all(connection, migration.up)
        connection.execute("UPDATE sessions SET message_count = 2, total_tokens = 3, compaction_count = 1")
        assert counters(connection) == (2, 2, 3, 1)
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
