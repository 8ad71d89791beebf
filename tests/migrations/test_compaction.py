"""Compaction events and the archive: what counts them, and what keeps those that are in force."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

Insert = Callable[..., None]

AT = "2024-01-01T00:00:00.000Z"
EVENT: dict[str, Any] = {
    "session_id": "s",
    "strategy": "summary",
    "original_tokens": 9,
    "compacted_tokens": 3,
    "messages_removed": 2,
    "summary_content": "in short",
    "preserved_message_ids_json": "[]",
}


def compacted(connection: sqlite3.Connection, insert: Insert) -> None:
    """Event 1 of session 's' took message 1 out and pruned message 2; 3 is its summary."""
    for seq in (1, 2):
        insert(connection, "messages", session_id="s", seq=seq, role="user", content=f"no. {seq}")
    insert(connection, "messages", session_id="s", seq=1, role="system", content="in short", is_summary=1)
    insert(connection, "compaction_events", summary_message_id=3, **EVENT)
    insert(connection, "message_archive", event_id=1, message_id=2, content="no. 2")
    connection.execute("UPDATE messages SET compaction_event_id = 1 WHERE id = 1")
    connection.execute("UPDATE messages SET content = 'gone' WHERE id = 2")


def count(connection: sqlite3.Connection, table: str) -> int:
    total: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return total


def counted(connection: sqlite3.Connection) -> int:
    total: int = connection.execute("SELECT compaction_count FROM sessions WHERE id = 's'").fetchone()[0]
    return total


def test_an_event_gets_defaults(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "compaction_events", **EVENT)
    row = dict(connection.execute("SELECT * FROM compaction_events").fetchone())
    assert row.pop("created_at") > AT
    assert row == dict.fromkeys(row) | EVENT | {"id": 1, "duration_ms": 0, "is_estimated": 0}


@pytest.mark.parametrize("statement", ["DELETE FROM compaction_events", "DELETE FROM compaction_events WHERE id = 1"])
def test_an_event_in_force_is_kept_and_with_it_the_originals(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    compacted(connection, insert)
    with pytest.raises(sqlite3.IntegrityError, match="restore it before you delete it"):
        connection.execute(statement)
    assert (count(connection, "compaction_events"), count(connection, "message_archive")) == (1, 1)
    connection.execute("UPDATE compaction_events SET restored_at = ?", (AT,))
    connection.execute(statement)
    assert (count(connection, "compaction_events"), count(connection, "message_archive")) == (0, 0)
    assert counted(connection) == 0


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_an_event_is_never_replaced_and_with_it_the_originals_that_it_keeps(
    connection: sqlite3.Connection, insert: Insert, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    compacted(connection, insert)
    for verb in ("REPLACE", "INSERT OR REPLACE"):
        with pytest.raises(sqlite3.IntegrityError, match="an event is never replaced"):
            connection.execute(f"{verb} INTO compaction_events SELECT * FROM compaction_events")
    connection.execute("INSERT OR IGNORE INTO compaction_events SELECT * FROM compaction_events")
    connection.execute(
        "INSERT INTO compaction_events SELECT * FROM compaction_events WHERE true"
        " ON CONFLICT (id) DO UPDATE SET duration_ms = 7"
    )
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: compaction_events\.id"):
        connection.execute("INSERT INTO compaction_events SELECT * FROM compaction_events")
    assert (count(connection, "compaction_events"), count(connection, "message_archive")) == (1, 1)
    assert counted(connection) == 1


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("statement", ["DELETE FROM sessions WHERE id = 's'", "DELETE FROM agents"])
def test_deleting_the_session_takes_its_events_and_their_archives_along(
    connection: sqlite3.Connection, insert: Insert, statement: str, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    compacted(connection, insert)
    connection.execute(statement)
    for table in ("messages", "compaction_events", "message_archive"):
        assert count(connection, table) == 0


def test_an_original_and_the_name_of_a_summary_go_with_their_message(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    compacted(connection, insert)
    connection.execute("DELETE FROM messages WHERE id IN (2, 3)")
    assert count(connection, "message_archive") == 0
    assert connection.execute("SELECT summary_message_id FROM compaction_events").fetchone()[0] is None


def test_the_count_of_a_session_is_that_of_its_events_in_force(connection: sqlite3.Connection, insert: Insert) -> None:
    for _ in range(2):
        insert(connection, "compaction_events", **EVENT)
    insert(connection, "compaction_events", **EVENT, restored_at=AT)
    assert counted(connection) == 2
    connection.execute("UPDATE compaction_events SET duration_ms = 5, restored_at = restored_at")
    assert counted(connection) == 2
    connection.execute("UPDATE compaction_events SET restored_at = ? WHERE id = 1", (AT,))
    assert counted(connection) == 1
    connection.execute("UPDATE compaction_events SET restored_at = NULL WHERE id = 1")
    assert counted(connection) == 2
    connection.execute("UPDATE compaction_events SET restored_at = ?", (AT,))
    connection.execute("DELETE FROM compaction_events")
    assert counted(connection) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", 0),
        ("session_id", "nowhere"),
        ("session_id", None),
        ("strategy", ""),
        ("strategy", None),
        *[(name, value) for name in ("original_tokens", "compacted_tokens") for value in (-1, None, 1.5)],
        *[(name, value) for name in ("messages_removed", "duration_ms") for value in (-1, None, 1.5)],
        ("summary_message_id", 99),
        ("summary_content", None),
    ],
)
def test_an_event_that_says_nothing_clear_is_refused(
    connection: sqlite3.Connection, insert: Insert, column: str, value: object
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "compaction_events", **EVENT | {column: value})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("event_id", value) for value in (None, 99)],
        *[("message_id", value) for value in (None, 99, 2)],  # 2: taken
        *[("token_count", value) for value in (-1, 2**53)],
        *[("payload_json", value) for value in ("null", "1", '"x"', "[]\0")],
    ],
)
def test_an_original_that_says_nothing_clear_is_refused(
    connection: sqlite3.Connection, insert: Insert, column: str, value: object
) -> None:
    compacted(connection, insert)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "message_archive", **{"event_id": 1, "message_id": 1, column: value})
