"""Messages under raw SQL: what the schema refuses, and what its triggers keep right whatever is done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdb import Migration, Migrator, create_client_sync
from agentdb.errors import MigrationError
from agentdb.migrations import get_migration

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]

EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"
MESSAGE = {"session_id": "s", "seq": 1, "role": "user"}
JSON_COLUMNS = {"tool_calls_json": "[]", "usage_json": "{}", "metadata_json": "{}"}


def counters(connection: sqlite3.Connection, id: str = "s") -> tuple[int, ...]:
    sql = "SELECT last_seq, message_count, total_tokens FROM sessions WHERE id = ?"
    return tuple(connection.execute(sql, (id,)).fetchone())


def check_index(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where the index and the messages say different things."""
    connection.execute("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)")


def found(connection: sqlite3.Connection, word: str) -> list[int]:
    rows = connection.execute("SELECT rowid FROM messages_fts WHERE messages_fts MATCH ?", (f'"{word}"',))
    return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("id", value) for value in (0, -1, "one")],
        *[("session_id", value) for value in (None, "nowhere")],
        *[("seq", value) for value in (None, 0, -1, 1.5, "first", 2**53, 2**63 - 1)],
        *[("role", value) for value in (None, "", "agent", "User")],
        *[("content", value) for value in (b"bytes",)],
        *[("token_count", value) for value in (-1, 1.5)],
        *[(name, value) for name in ("is_preserved", "is_summary") for value in (None, 2, -1)],
        *[("created_at", value) for value in (None, "now", "2024-01-01 00:00:00", "2024-02-30T00:00:00.000Z")],
        *[(name, value) for name in JSON_COLUMNS for value in ("", "null", "[1", "0", "[]\0", "{}\0")],
        *[("payload_json", value) for value in ("null", '"x"', "1", "[]\0")],
        ("tool_calls_json", "{}"),
        ("usage_json", "[]"),
        ("metadata_json", "[]"),
    ],
    ids=ascii,
)
def test_messages_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "messages", **{**MESSAGE, column: value})
    assert counters(connection) == (0, 0, 0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("last_seq", value) for value in (None, -1, 2**53, 2**63 - 1)],
        *[(name, -1) for name in ("message_count", "total_tokens", "compaction_count")],
        *[(name, "yesterday") for name in ("last_activity_at", "deleted_at")],
        *[("metadata_json", value) for value in ("[]", "null", "{}\0")],
    ],
    ids=ascii,
)
def test_the_new_columns_of_sessions_refuse(
    connection: sqlite3.Connection, insert: Insert, column: str, value: object
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "sessions", main_agent_id="a", **{column: value})
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"UPDATE sessions SET {column} = ?", (value,))


def test_a_message_gets_defaults(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE)
    row = dict(connection.execute("SELECT * FROM messages").fetchone())
    assert row.pop("created_at") == connection.execute("SELECT last_activity_at FROM sessions").fetchone()[0]
    assert row == dict.fromkeys(row) | MESSAGE | {"id": 1, "is_preserved": 0, "is_summary": 0}


def test_is_active_says_whether_a_session_is_deleted(connection: sqlite3.Connection) -> None:
    sql = "SELECT is_active FROM sessions WHERE id = 's'"
    assert connection.execute(sql).fetchone()[0] == 1
    connection.execute("UPDATE sessions SET deleted_at = ?", (EARLY,))
    assert connection.execute(sql).fetchone()[0] == 0
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("UPDATE sessions SET is_active = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO messages (id, session_id, seq, role) VALUES (1, 't', 1, 'user')",
        "INSERT OR REPLACE INTO messages (session_id, seq, role) VALUES ('s', 1, 'user')",
        "REPLACE INTO messages (rowid, session_id, seq, role) VALUES (1, 't', 1, 'user')",
        "INSERT INTO messages (session_id, seq, role) VALUES ('s', 1, 'user')",
        "INSERT OR IGNORE INTO messages (session_id, seq, role) VALUES ('s', 1, 'user')",
        "INSERT INTO messages (session_id, seq, role) VALUES ('s', 1, 'user') ON CONFLICT DO UPDATE SET content = 'x'",
        "UPDATE OR REPLACE messages SET seq = 2 WHERE seq = 1",
        *[f"UPDATE OR REPLACE messages SET {name} = 2 WHERE id = 1" for name in ("id", "rowid", "oid", "_rowid_")],
        "UPDATE messages SET id = 99 WHERE id = 1",
        "UPDATE messages SET session_id = 't'",
        "UPDATE messages SET seq = seq + 10",
    ],
)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_a_message_is_never_replaced_moved_or_renumbered(
    connection: sqlite3.Connection, insert: Insert, statement: str, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    insert(connection, "sessions", id="t", main_agent_id="a")
    for seq in (1, 2):
        insert(connection, "messages", **{**MESSAGE, "seq": seq, "content": f"no. {seq}", "token_count": seq})
    before = [tuple(row) for row in connection.execute("SELECT * FROM messages")]
    with pytest.raises(sqlite3.IntegrityError, match=r"never replaced|never change"):
        connection.execute(statement)
    assert [tuple(row) for row in connection.execute("SELECT * FROM messages")] == before
    assert counters(connection) == (2, 2, 3)
    check_index(connection)


def test_the_last_seq_never_falls(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **{**MESSAGE, "seq": 5})
    for value in (4, 0):
        with pytest.raises(sqlite3.IntegrityError, match="last_seq only grows"):
            connection.execute("UPDATE sessions SET last_seq = ?", (value,))
    connection.execute("UPDATE sessions SET last_seq = 9")
    insert(connection, "messages", **{**MESSAGE, "seq": 3})
    connection.execute("DELETE FROM messages")
    assert counters(connection) == (9, 0, 0)


def test_the_activity_moves_forward_with_messages_and_a_value_that_is_set_stays(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    def activity() -> str:
        return str(connection.execute("SELECT last_activity_at FROM sessions").fetchone()[0])

    insert(connection, "messages", **MESSAGE, created_at=LATE)
    assert activity() == LATE
    insert(connection, "messages", **{**MESSAGE, "seq": 2}, created_at=EARLY)
    assert activity() == LATE
    connection.execute("UPDATE sessions SET last_activity_at = ?", ("2023-01-01T00:00:00.000Z",))
    assert activity() == "2023-01-01T00:00:00.000Z"
    connection.execute("DELETE FROM messages WHERE seq = 2")
    connection.execute("UPDATE messages SET token_count = 5")
    assert activity() == "2023-01-01T00:00:00.000Z"
    insert(connection, "messages", **{**MESSAGE, "seq": 3}, created_at=EARLY)
    assert activity() == EARLY


def test_tokens_that_do_not_fit_the_total_are_refused_whole(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE, token_count=2**53 - 1)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "messages", **{**MESSAGE, "seq": 2}, token_count=1)
    assert counters(connection) == (1, 1, 2**53 - 1)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM agents WHERE id = 'a'",
        "DELETE FROM sessions WHERE id = 's'",
        "DELETE FROM messages",
        "DELETE FROM messages WHERE session_id = 's'",
    ],
)
def test_what_goes_under_a_cascade_leaves_the_index_too(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    for seq in range(1, 50):
        insert(connection, "messages", **{**MESSAGE, "seq": seq, "content": f"hello no. {seq}", "token_count": 1})
    assert len(found(connection, "hello")) == 49
    connection.execute(statement)
    assert found(connection, "hello") == []
    assert [tuple(row) for row in connection.execute("SELECT message_count, total_tokens FROM sessions")] in (
        [],
        [(0, 0)],
    )
    check_index(connection)


def test_the_number_of_a_removed_message_is_not_given_again(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE)
    connection.execute("DELETE FROM messages")
    insert(connection, "messages", **{**MESSAGE, "seq": 2})
    assert connection.execute("SELECT id FROM messages").fetchone()[0] == 2


# Statements of every kind, by a few numbers: which session, which seq, how many tokens.
NUMBERS = st.integers(1, 8)
TOKENS = st.none() | st.integers(0, 9)
CONTENT = st.sampled_from([None, "", "hello", "hello world", "say\0hello", "数据库检索"])
STATEMENTS = st.sampled_from(
    [
        "INSERT INTO messages (session_id, seq, role, token_count, content)"
        " VALUES (:session, :seq, 'user', :tokens, :content)",
        "INSERT OR REPLACE INTO messages (session_id, seq, role, token_count) VALUES (:session, :seq, 'user', :tokens)",
        "INSERT INTO messages (session_id, seq, role, token_count, content)"
        " SELECT :session, seq + 8, role, token_count, content FROM messages WHERE session_id = 's' AND seq < 8",
        "UPDATE messages SET token_count = :tokens WHERE seq = :seq",
        "UPDATE messages SET token_count = :tokens, content = :content WHERE session_id = :session",
        "UPDATE OR REPLACE messages SET seq = :seq WHERE session_id = :session",
        "DELETE FROM messages WHERE seq = :seq",
        "DELETE FROM messages WHERE session_id = :session AND seq > :seq",
        "DELETE FROM sessions WHERE id = 't'",
        "INSERT OR IGNORE INTO sessions (id, main_agent_id) VALUES ('t', 'a')",
        "UPDATE sessions SET deleted_at = created_at WHERE id = :session",
        "UPDATE sessions SET last_seq = :seq WHERE id = :session",
    ]
)
STEPS = st.tuples(
    STATEMENTS,
    st.fixed_dictionaries(
        {"session": st.sampled_from(["s", "t"]), "seq": NUMBERS, "tokens": TOKENS, "content": CONTENT}
    ),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
def test_counters_and_index_are_right_after_any_statements(
    populated_database: Open, insert: Insert, steps: list[tuple[str, dict[str, Any]]]
) -> None:
    connection = populated_database()
    insert(connection, "sessions", id="t", main_agent_id="a")
    highest = {"s": 0, "t": 0}
    for sql, args in steps:
        before = [tuple(row) for row in connection.execute("SELECT * FROM messages ORDER BY id")]
        try:
            connection.execute(sql, args)
        except sqlite3.IntegrityError:
            assert [tuple(row) for row in connection.execute("SELECT * FROM messages ORDER BY id")] == before
        rows = connection.execute(
            "SELECT sessions.id, last_seq, message_count, total_tokens, count(messages.id),"
            " COALESCE(sum(messages.token_count), 0), COALESCE(max(messages.seq), 0)"
            " FROM sessions LEFT JOIN messages ON messages.session_id = sessions.id GROUP BY sessions.id"
        ).fetchall()
        seen = {}
        for id, last_seq, message_count, total_tokens, count, total, top in rows:
            assert (message_count, total_tokens) == (count, total)
            assert last_seq >= max(highest.get(id, 0), top)
            seen[id] = last_seq
        highest = seen
    check_index(connection)
    held = connection.execute("SELECT id FROM messages WHERE content LIKE 'hello%' ORDER BY id").fetchall()
    assert sorted(found(connection, "hello")) == [row["id"] for row in held]
    connection.close()


def test_a_rebuilt_index_finds_what_was_there_before_it(
    connection: sqlite3.Connection, insert: Insert, execute_all: Callable[..., None]
) -> None:
    for seq, content in enumerate(["hello", None, "say\0hello", "", "数据库检索"], 1):
        insert(connection, "messages", **{**MESSAGE, "seq": seq, "content": content})
    search = get_migration("004")
    execute_all(connection, search.down)
    insert(connection, "messages", **{**MESSAGE, "seq": 6, "content": "hello again"})
    execute_all(connection, search.up)
    assert found(connection, "hello") == [1, 6]
    assert found(connection, "库检索") == [5]
    check_index(connection)


def test_a_module_that_this_sqlite_lacks_is_named_with_a_remedy_and_nothing_is_left() -> None:
    create = "CREATE VIRTUAL TABLE notes_index USING {} (text)"
    wanted = [
        create.format("fts9"),
        "CREATE VIRTUAL TABLE notes_index USING fts5 (text, tokenize = 'quadgram')",
    ]
    for sql, part in zip(wanted, ["module fts9", "tokenizer quadgram"], strict=True):
        with create_client_sync(":memory:") as client:
            notes = Migration("001", "Notes", ("CREATE TABLE notes (text TEXT)", sql))
            with pytest.raises(MigrationError, match=f"without the {part}") as refused:
                Migrator(client, [notes]).migrate()
            assert refused.value.code == "module_missing"
            assert "FTS5" in refused.value.remedy
            assert sqlite3.sqlite_version in str(refused.value)
            assert refused.value.statement_number == 2
            assert client.execute("SELECT name FROM sqlite_schema WHERE name = 'notes'").tuples == []
