"""What a session says of its messages is true whatever raw SQL does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_index import check_search_index

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]

EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"
MESSAGE = {"session_id": "s", "seq": 1, "role": "user"}
MOST = 2**53 - 1


def counters(connection: sqlite3.Connection) -> tuple[int, ...]:
    """last_seq, message_count, total_tokens, context_tokens."""
    sql = "SELECT last_seq, message_count, total_tokens, context_tokens FROM sessions WHERE id = 's'"
    return tuple(connection.execute(sql).fetchone())


@pytest.mark.parametrize(
    ("mark", "counted"),
    [
        ({}, (1, 1, 5, 5)),
        ({"token_count": None}, (1, 1, 0, 0)),
        ({"compaction_event_id": 7}, (1, 1, 5, 0)),
        ({"removed_at": EARLY}, (1, 0, 0, 0)),
        ({"is_summary": 1}, (1, 0, 0, 5)),
        ({"is_summary": 1, "compaction_event_id": 7}, (1, 0, 0, 0)),
        ({"is_summary": 1, "removed_at": EARLY}, (1, 0, 0, 0)),
        ({"removed_at": EARLY, "compaction_event_id": 7}, (1, 0, 0, 0)),
    ],
)
def test_the_transcript_and_the_context_are_counted_each_for_itself(
    connection: sqlite3.Connection, insert: Insert, mark: dict[str, Any], counted: tuple[int, ...]
) -> None:
    row = MESSAGE | {"token_count": 5} | mark
    insert(connection, "messages", **row)
    assert counters(connection) == counted
    connection.execute("DELETE FROM messages")
    assert counters(connection) == (1, 0, 0, 0)
    insert(connection, "messages", **MESSAGE, token_count=5)
    change = ", ".join(f"{name} = :{name}" for name in row)
    connection.execute(f"UPDATE messages SET {change}", row)  # the mark is set later
    assert counters(connection) == counted
    back = "token_count = 5, compaction_event_id = NULL, removed_at = NULL, is_summary = 0"
    connection.execute(f"UPDATE messages SET {back}")
    assert counters(connection) == (1, 1, 5, 5)


def test_the_last_seq_is_the_highest_that_ever_was(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE | {"seq": 5})
    insert(connection, "messages", **MESSAGE | {"seq": 3})
    assert counters(connection)[:2] == (5, 2)
    connection.execute("UPDATE messages SET seq = 9 WHERE seq = 3")
    assert counters(connection)[:2] == (9, 2)
    connection.execute("UPDATE messages SET seq = 1 WHERE seq = 9")
    connection.execute("DELETE FROM messages")
    assert counters(connection)[:2] == (9, 0)
    insert(connection, "messages", **MESSAGE | {"seq": 12}, removed_at=EARLY)
    assert counters(connection)[:2] == (12, 0)


def test_tokens_that_do_not_fit_a_total_are_refused_whole(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE, token_count=MOST)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "messages", **MESSAGE | {"seq": 2}, token_count=1)
    insert(connection, "messages", **MESSAGE | {"seq": 2}, token_count=0)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE messages SET token_count = 1 WHERE seq = 2")
    assert counters(connection) == (2, 2, MOST, MOST)


def test_the_activity_moves_forward_with_the_transcript_and_a_value_that_is_set_stays(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    def activity() -> str | None:
        value: str | None = connection.execute("SELECT last_activity_at FROM sessions").fetchone()[0]
        return value

    insert(connection, "messages", **MESSAGE, is_summary=1)
    insert(connection, "messages", **MESSAGE, removed_at=EARLY)
    assert activity() is None
    insert(connection, "messages", **MESSAGE, created_at=LATE)
    assert activity() == LATE
    insert(connection, "messages", **MESSAGE | {"seq": 2}, created_at=EARLY)
    assert activity() == LATE
    connection.execute("UPDATE sessions SET last_activity_at = ?", ("2023-01-01T00:00:00.000Z",))
    connection.execute("DELETE FROM messages WHERE seq = 2")
    connection.execute("UPDATE messages SET token_count = 5, removed_at = NULL, is_summary = 0, seq = 10 * id")
    assert activity() == "2023-01-01T00:00:00.000Z"
    insert(connection, "messages", **MESSAGE | {"seq": 3}, created_at=EARLY)
    assert activity() == EARLY


# Statements of every kind, by a few numbers: which session, which seq, how many tokens, which marks.
STATEMENTS = st.sampled_from(
    [
        "INSERT INTO messages (session_id, seq, role, token_count, content, is_summary, compaction_event_id, removed_at)"
        " VALUES (:session, :seq, 'user', :tokens, :content, :summary, :event, :removed)",
        "INSERT OR REPLACE INTO messages (session_id, seq, role, token_count, external_id, is_summary)"
        " VALUES (:session, :seq, 'user', :tokens, :tokens || '', :summary)",
        "INSERT OR IGNORE INTO messages (session_id, seq, role, token_count, external_id)"
        " VALUES (:session, :seq, 'user', :tokens, :tokens || ''), (:session, :seq + 1, 'user', :tokens, NULL)",
        "INSERT INTO messages (session_id, seq, role, token_count, external_id) VALUES (:session, :seq, 'user', 3, 'x')"
        " ON CONFLICT DO UPDATE SET token_count = :tokens, removed_at = :removed",
        "INSERT INTO messages (session_id, seq, role, token_count, content)"
        " SELECT :session, seq + 8, role, token_count, content FROM messages WHERE session_id = 's' AND seq < 8",
        "UPDATE messages SET token_count = :tokens WHERE seq = :seq",
        "UPDATE messages SET token_count = :tokens, content = :content WHERE session_id = :session",
        "UPDATE messages SET compaction_event_id = :event WHERE seq < :seq",
        "UPDATE messages SET removed_at = :removed WHERE session_id = :session AND seq > :seq",
        "UPDATE messages SET removed_at = NULL WHERE seq = :seq",
        "UPDATE messages SET is_summary = :summary, token_count = :tokens, seq = seq + 1 WHERE id = :seq",
        "UPDATE messages SET seq = seq + 20, compaction_event_id = :event WHERE session_id = :session",
        "UPDATE OR REPLACE messages SET seq = :seq WHERE session_id = :session",
        "UPDATE OR IGNORE messages SET seq = :seq, removed_at = :removed WHERE session_id = :session",
        "UPDATE messages SET session_id = :session WHERE seq = :seq",
        "DELETE FROM messages WHERE seq = :seq",
        "DELETE FROM messages WHERE session_id = :session AND seq > :seq",
        "DELETE FROM sessions WHERE id = 't'",
        "INSERT OR IGNORE INTO sessions (id, main_agent_id) VALUES ('t', 'a')",
        "INSERT OR REPLACE INTO sessions (id, main_agent_id) VALUES (:session, 'a')",
    ]
)
ARGUMENTS = st.fixed_dictionaries(
    {
        "session": st.sampled_from(["s", "t"]),
        "seq": st.integers(1, 8),
        "tokens": st.none() | st.integers(0, 9),
        "content": st.sampled_from([None, "", "hello", "hello world", "say\0hello", "数据库检索"]),
        "event": st.none() | st.integers(1, 2),
        "removed": st.sampled_from([None, EARLY]),
        "summary": st.integers(0, 1),
    }
)
TRUTH = """\
SELECT sessions.id, last_seq, message_count, total_tokens, context_tokens,
  count(CASE WHEN removed_at IS NULL AND is_summary = 0 THEN 1 END),
  COALESCE(sum(CASE WHEN removed_at IS NULL AND is_summary = 0 THEN token_count END), 0),
  COALESCE(sum(CASE WHEN removed_at IS NULL AND compaction_event_id IS NULL THEN token_count END), 0),
  COALESCE(max(seq), 0)
FROM sessions LEFT JOIN messages ON messages.session_id = sessions.id GROUP BY sessions.id"""


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(STATEMENTS, ARGUMENTS), min_size=5, max_size=25))
def test_counters_and_index_are_right_after_any_statements(
    populated_database: Open, insert: Insert, recursive: str, steps: list[tuple[str, dict[str, Any]]]
) -> None:
    connection = populated_database()
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    insert(connection, "sessions", id="t", main_agent_id="a")
    highest: dict[str, int] = {}
    for sql, args in steps:
        before = [tuple(row) for row in connection.execute("SELECT * FROM messages ORDER BY id")]
        try:
            connection.execute(sql, args)
        except sqlite3.IntegrityError:
            assert [tuple(row) for row in connection.execute("SELECT * FROM messages ORDER BY id")] == before
        if "DELETE" not in sql:  # nothing else removes a row
            there = {row["id"] for row in connection.execute("SELECT id FROM messages")}
            assert {row[0] for row in before} <= there
        seen = {}
        for id, last_seq, message_count, total, context, *truth, top in connection.execute(TRUTH).fetchall():
            assert [message_count, total, context] == truth
            assert last_seq >= max(highest.get(id, 0), top)
            seen[id] = last_seq
        highest = seen
    check_search_index(connection.execute)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    held = connection.execute("SELECT id FROM messages WHERE content LIKE 'hello%' ORDER BY id").fetchall()
    found = connection.execute("SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'hello' ORDER BY rowid")
    assert [row["rowid"] for row in found] == [row["id"] for row in held]
    connection.close()
