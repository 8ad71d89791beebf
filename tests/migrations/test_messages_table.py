"""Messages: their columns, their places, and what an UPDATE may not do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

Insert = Callable[..., None]

AT = "2024-01-01T00:00:00.000Z"
MESSAGE = {"session_id": "s", "seq": 1, "role": "user"}
OBJECTS = ("usage_json", "metadata_json")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("id", value) for value in (0, -1, "one")],
        *[("session_id", value) for value in (None, "nowhere")],
        *[("seq", value) for value in (None, 0, -1, 1.5, "first", 2**53, 2**63 - 1)],
        *[("role", value) for value in (None, "")],
        *[("status", value) for value in (None, "", "done", "Complete")],
        *[("content", value) for value in (b"bytes",)],
        *[("token_count", value) for value in (-1, 1.5, 2**53)],
        *[(name, value) for name in ("is_preserved", "is_summary") for value in (None, 2, -1)],
        *[("compaction_event_id", value) for value in ("one", 1.5)],
        ("external_id", ""),
        *[("payload_json", value) for value in ("null", '"x"', "1", "[]\0")],
    ],
    ids=ascii,
)
def test_messages_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "messages", **MESSAGE | {column: value})
    assert connection.execute("SELECT last_seq, message_count FROM sessions").fetchone()[:] == (0, 0)


@pytest.mark.parametrize("role", ["user", "assistant", "system", "tool", "developer", "model", "function", "of a host"])
@pytest.mark.parametrize("status", ["complete", "partial"])
def test_messages_accepts_any_role_and_every_status(
    connection: sqlite3.Connection, insert: Insert, role: str, status: str
) -> None:
    insert(connection, "messages", **MESSAGE | {"role": role, "status": status})
    assert connection.execute("SELECT role, status FROM messages").fetchone()[:] == (role, status)


@pytest.mark.parametrize("value", ["[]", "{}", None])
def test_a_payload_is_an_array_or_an_object_or_nothing(
    connection: sqlite3.Connection, insert: Insert, value: str | None
) -> None:
    insert(connection, "messages", **MESSAGE, payload_json=value)
    assert connection.execute("SELECT payload_json FROM messages").fetchone()[0] == value


def test_a_message_gets_defaults(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE)
    row = dict(connection.execute("SELECT * FROM messages").fetchone())
    assert row.pop("created_at") == row.pop("updated_at")
    given = {"id": 1, "status": "complete", "is_preserved": 0, "is_summary": 0, "in_transcript": 1}
    assert row == dict.fromkeys(row) | MESSAGE | given


@pytest.mark.parametrize(
    ("mark", "in_transcript"),
    [
        ({}, 1),
        ({"compaction_event_id": 7}, 1),
        ({"is_summary": 1}, None),
        ({"removed_at": AT}, None),
        ({"is_summary": 1, "removed_at": AT, "compaction_event_id": 7}, None),
    ],
)
def test_a_message_is_in_the_transcript_unless_it_is_a_summary_or_removed(
    connection: sqlite3.Connection, insert: Insert, mark: dict[str, object], in_transcript: int | None
) -> None:
    insert(connection, "messages", **MESSAGE, **mark)
    assert connection.execute("SELECT in_transcript FROM messages").fetchone()[0] == in_transcript
    with pytest.raises(sqlite3.OperationalError, match="generated column"):
        connection.execute("UPDATE messages SET in_transcript = 1")


def test_no_two_messages_of_a_transcript_have_a_seq_and_others_share_it(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    insert(connection, "messages", **MESSAGE)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        insert(connection, "messages", **MESSAGE)
    for mark in ({"is_summary": 1}, {"removed_at": AT}):
        for _ in range(2):
            insert(connection, "messages", **MESSAGE, **mark)
    connection.execute("UPDATE messages SET removed_at = ? WHERE id = 1", (AT,))
    insert(connection, "messages", **MESSAGE)  # what is removed keeps its seq; another one takes the place
    for back in ("removed_at = NULL", "is_summary = 0"):
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
            connection.execute(f"UPDATE messages SET {back} WHERE in_transcript IS NULL")
    seqs = connection.execute("SELECT count(*), count(in_transcript) FROM messages WHERE seq = 1").fetchone()
    assert seqs[:] == (6, 1)


def test_an_external_id_is_that_of_one_message_of_its_session(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a")
    insert(connection, "messages", **MESSAGE, external_id="x", removed_at=AT)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        insert(connection, "messages", **MESSAGE, external_id="x")
    insert(connection, "messages", **MESSAGE | {"session_id": "t"}, external_id="x")
    for seq in (2, 3):
        insert(connection, "messages", **MESSAGE | {"seq": seq})


def test_the_id_of_a_message_that_is_gone_is_not_given_again(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE)
    connection.execute("DELETE FROM messages")
    insert(connection, "messages", **MESSAGE | {"seq": 2})
    assert connection.execute("SELECT id FROM messages").fetchone()[0] == 2


@pytest.mark.parametrize("conflict", ["", "OR IGNORE", "OR REPLACE"])
@pytest.mark.parametrize("change", ["session_id = 't'", "id = 99", "id = 2", "session_id = 't', seq = 9"])
def test_a_message_stays_in_its_session_and_keeps_its_id(
    connection: sqlite3.Connection, insert: Insert, change: str, conflict: str
) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a")
    for seq in (1, 2):
        insert(connection, "messages", **MESSAGE | {"seq": seq})
    before = [tuple(row) for row in connection.execute("SELECT * FROM messages")]
    with pytest.raises(sqlite3.IntegrityError, match="never change"):
        connection.execute(f"UPDATE {conflict} messages SET {change} WHERE id = 1")
    assert [tuple(row) for row in connection.execute("SELECT * FROM messages")] == before
    connection.execute("UPDATE messages SET id = id, session_id = session_id, seq = seq + 10")


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ("content = 'other'", False),
        ("payload_json = '{}'", False),
        ("tool_call_id = 'c'", False),
        ("content = 'other', estimated_tokens = 9", True),
        ("name = 'n', status = 'partial'", True),
    ],
)
def test_raw_sql_that_changes_what_is_sent_leaves_no_estimate_of_before(
    connection: sqlite3.Connection, insert: Insert, change: str, is_kept: bool
) -> None:
    insert(connection, "messages", **MESSAGE | {"content": "text", "estimated_tokens": 1, "links_json": "{}"})
    connection.execute(f"UPDATE messages SET {change}")
    estimate, links = connection.execute("SELECT estimated_tokens, links_json FROM messages").fetchone()
    assert (links is not None, estimate is not None) == (is_kept, is_kept)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM agents", "DELETE FROM sessions WHERE id = 's'", "DELETE FROM messages"]
)
def test_messages_go_with_their_session(connection: sqlite3.Connection, insert: Insert, statement: str) -> None:
    for seq in range(1, 50):
        insert(connection, "messages", **MESSAGE | {"seq": seq})
    connection.execute(statement)
    assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] == 0
