"""The statements that mark, prune and restore: what they change, and that a host's rows keep their references."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from agentdb.queries import compactions, conversations, messages

Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

AT, LATER = "2024-05-17T12:30:15.123Z", "2024-05-18T12:30:15.123Z"
EVENT = {
    "session_id": "s",
    "strategy": "summary",
    "original_tokens": 9,
    "compacted_tokens": 3,
    "messages_removed": 2,
    "is_estimated": 0,
    "summary_content": "in short",
    "preserved_message_ids_json": "[]",
    "model_used": None,
    "created_at": AT,
}
HOSTS = ("cascading", "clearing", "refusing")


@pytest.fixture(autouse=True)
def _said(connection: sqlite3.Connection, add_agent: Add, add_session: Add) -> None:
    """Messages 1 to 4 of session 's', 5 of session 't', and three tables of a host that refer to each."""
    add_agent(connection)
    for session, seqs in (("s", (1, 2, 3, 4)), ("t", (1,))):
        add_session(connection, id=session)
        for seq in seqs:
            connection.execute(
                "INSERT INTO messages (session_id, seq, role, content, token_count) VALUES (?, ?, 'user', ?, ?)",
                (session, seq, f"no. {seq}", seq),
            )
    for table, action in zip(HOSTS, ("ON DELETE CASCADE", "ON DELETE SET NULL", ""), strict=True):
        connection.execute(f"CREATE TABLE {table} (note TEXT, message_id INTEGER REFERENCES messages (id) {action})")
        connection.execute(f"INSERT INTO {table} SELECT 'note ' || id, id FROM messages")


def of_hosts(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for table in HOSTS for row in connection.execute(f"SELECT * FROM {table} ORDER BY note")]


def context(connection: sqlite3.Connection, session_id: str = "s") -> list[int]:
    found = connection.execute(messages.GET_CONTEXT, {"session_id": session_id, "include_deleted": 0})
    return [row["id"] for row in found]


def rows_of(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute("SELECT * FROM messages WHERE is_summary = 0 ORDER BY id")]


def compact(connection: sqlite3.Connection, ids: str) -> int:
    """What a compaction does: an event, marks on the messages of these ids, a summary. The id of the event."""
    (event,) = connection.execute(compactions.INSERT_EVENT, EVENT).fetchone()
    marked = set(json.loads(ids))
    kept = json.dumps([id for id in context(connection) if id not in marked])
    marks = {"session_id": "s", "ids": kept, "event_id": event, "first_seq": 1, "last_seq": 9}
    connection.execute(compactions.MARK, marks)
    summary = {"session_id": "s", "seq": 2, "role": "system", "token_count": 1, "created_at": AT, "content": "in short"}
    summary["estimated_tokens"] = None
    (summary_id,) = connection.execute(compactions.INSERT_SUMMARY, summary).fetchone()
    finished = {"id": event, "summary_message_id": summary_id, "duration_ms": 1}
    connection.execute(compactions.FINISH_EVENT, finished)
    return int(event)


def test_a_compaction_and_its_restoration_leave_messages_and_a_hosts_rows_as_they_were(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    before, hosts = rows_of(connection), of_hosts(connection)
    event = compact(connection, "[1, 2, 5, 99]")
    assert context(connection) == [6, 3, 4]
    assert context(connection, "t") == [5]  # of another session: not marked
    assert [row["id"] for row in fetch(connection, compactions.TAKEN_OUT, event_id=event)] == [1, 2]
    assert of_hosts(connection) == hosts
    connection.execute(compactions.CLEAR_MARKS, {"event_id": event})
    connection.execute(compactions.REMOVE_SUMMARY, {"id": 6, "removed_at": LATER})
    connection.execute(compactions.SET_RESTORED, {"id": event, "restored_at": LATER})
    assert context(connection) == [1, 2, 3, 4]
    assert rows_of(connection) == before
    assert of_hosts(connection) == hosts


def test_a_pruning_and_its_restoration_leave_messages_and_a_hosts_rows_as_they_were(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    before, hosts = rows_of(connection), of_hosts(connection)
    (event,) = connection.execute(compactions.INSERT_EVENT, EVENT).fetchone()
    connection.execute(compactions.ARCHIVE, {"session_id": "s", "ids": "[2, 3, 5]", "event_id": event})
    for id in (2, 3):
        gone = {"id": id, "content": "gone", "payload_json": None, "token_count": 1, "estimated_tokens": None}
        connection.execute(compactions.PRUNE, gone)
    pruned, originals = (fetch(connection, sql, event_id=event) for sql in (compactions.PRUNED, compactions.ORIGINALS))
    assert [(row["id"], row["content"], row["token_count"]) for row in pruned] == [(2, "gone", 1), (3, "gone", 1)]
    assert [(row["id"], row["content"], row["token_count"]) for row in originals] == [(2, "no. 2", 2), (3, "no. 3", 3)]
    of_session = fetch(connection, compactions.ORIGINALS_OF_SESSION, session_id="s")
    assert of_session == [row | {"words": "in short"} for row in originals]
    assert originals[0].keys() == pruned[0].keys() - {"in_transcript", "search_words"}
    connection.execute(compactions.PUT_BACK, {"event_id": event})
    connection.execute(compactions.EMPTY_ARCHIVE, {"event_id": event})
    assert rows_of(connection) == before
    assert of_hosts(connection) == hosts


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        (messages.REMOVE_BY_ID, {"id": 2, "removed_at": AT}),
        (messages.REMOVE_FROM_SEQ, {"session_id": "s", "seq": 2, "removed_at": AT}),
        (messages.POP, {"session_id": "s", "removed_at": AT}),
        (conversations.REMOVE, {"ids": "[1, 2]", "removed_at": AT}),
        (conversations.MOVE, {"id": 4, "seq": 9}),
        (conversations.BRING_BACK, {"ids": "[1, 2]"}),
    ],
)
def test_what_removes_or_moves_messages_leaves_a_hosts_rows_as_they_were(
    connection: sqlite3.Connection, sql: str, args: dict[str, Any]
) -> None:
    hosts = of_hosts(connection)
    connection.execute(sql, args).fetchall()
    assert of_hosts(connection) == hosts
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_first_original_of_a_message_that_was_pruned_twice_comes_back(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    for text in ("first", "second"):
        (event,) = connection.execute(compactions.INSERT_EVENT, EVENT).fetchone()
        connection.execute(compactions.ARCHIVE, {"session_id": "s", "ids": "[2]", "event_id": event})
        connection.execute(
            compactions.PRUNE,
            {"id": 2, "content": text, "payload_json": None, "token_count": 1, "estimated_tokens": None},
        )
    (original,) = fetch(connection, compactions.ORIGINALS_OF_SESSION, session_id="s")
    assert (original["id"], original["content"]) == (2, "no. 2")
    connection.execute(conversations.PUT_BACK, {"ids": "[2]"})
    assert rows_of(connection)[1][:2] == (2, "s")
    content = connection.execute("SELECT content, token_count FROM messages WHERE id = 2").fetchone()
    assert tuple(content) == ("no. 2", 2)


def test_the_tokens_of_a_context_count_what_nobody_counted_by_its_bytes(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    def totals() -> tuple[int, ...]:
        (row,) = fetch(connection, compactions.TOTALS, session_id="s")
        return tuple(row.values())

    assert totals() == (10, 0, 0)
    connection.execute("UPDATE messages SET token_count = NULL, content = 'üüüü' WHERE id = 1")
    compact(connection, "[2]")
    assert totals() == (3 + 4 + 1, 1, 1)
    assert [row["id"] for row in fetch(connection, compactions.UNESTIMATED, session_id="s")] == [1]
    connection.execute("UPDATE messages SET estimated_tokens = 2 WHERE id = 1")
    assert totals() == (2 + 3 + 4 + 1, 1, 0)
    places = {"cursor_seq": 0, "cursor_id": 0, "end_seq": 9, "end_id": 0, "limit": -1}
    assert [row["id"] for row in fetch(connection, compactions.LINES, session_id="s", **places)] == [1, 6, 3, 4]
    assert fetch(connection, compactions.TAIL_BY_COUNT, session_id="s", offset=1) == [{"seq": 3, "id": 3}]
    backwards = fetch(connection, compactions.TOKENS_BACKWARDS, session_id="s", cursor_seq=4, cursor_id=0, limit=9)
    assert [(row["id"], row["tokens"]) for row in backwards] == [(3, 3), (6, 1), (1, 2)]
    assert fetch(connection, compactions.PRESERVED, session_id="s") == []
    assert [row["id"] for row in fetch(connection, compactions.MESSAGES, session_id="s", ids="[4, 2, 1, 5]")] == [1, 4]


def test_events_and_their_sums_are_of_those_that_are_not_restored(connection: sqlite3.Connection, fetch: Fetch) -> None:
    first, second = compact(connection, "[1]"), compact(connection, "[3]")
    assert [row["id"] for row in fetch(connection, compactions.STANDING_EVENTS, session_id="s")] == [second, first]
    connection.execute(compactions.SET_RESTORED, {"id": second, "restored_at": LATER})
    assert [row["id"] for row in fetch(connection, compactions.NEWEST_EVENT, session_id="s")] == [first]
    (stats,) = fetch(connection, compactions.STATS, session_id="s", include_deleted=0)
    assert stats == {
        "session_id": "s",
        "events": 2,
        "standing_events": 1,
        "messages_removed": 2,
        "tokens_saved": 6,
        "last_event_at": AT,
    }
    (none,) = fetch(connection, compactions.STATS, session_id="t", include_deleted=0)
    assert none == {**stats, "session_id": "t", **dict.fromkeys(list(stats)[1:], 0), "last_event_at": None}
    page = {"session_id": "s", "include_deleted": 0, "limit": 9}
    assert [row["id"] for row in fetch(connection, compactions.EVENTS, **page, cursor_id=second)] == [first]


def test_a_save_settles_events_of_which_nothing_is_left(connection: sqlite3.Connection, fetch: Fetch) -> None:
    event = compact(connection, "[1, 2]")
    connection.execute(conversations.BRING_BACK, {"ids": "[1]"})
    settle = {"session_id": "s", "restored_at": LATER}
    connection.execute(conversations.SETTLE_EVENTS, settle)
    assert fetch(connection, compactions.NEWEST_EVENT, session_id="s")[0]["id"] == event
    assert [row["seq"] for row in fetch(connection, conversations.SEQS_OUT_OF_CONTEXT, session_id="s")] == [2]
    connection.execute(conversations.BRING_BACK, {"ids": "[2]"})
    connection.execute(conversations.SETTLE_SUMMARIES, settle)
    connection.execute(conversations.SETTLE_EVENTS, settle)
    assert fetch(connection, compactions.NEWEST_EVENT, session_id="s") == []
