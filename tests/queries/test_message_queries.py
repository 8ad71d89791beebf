"""Messages by their constants: the transcript, the context, and the marks that tell them apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from agentdb.queries import message_search, messages, sessions

Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

AT, LATER = "2024-05-17T12:30:15.123Z", "2024-05-18T12:30:15.123Z"
TEXTS = ("created_at", "external_id", "name", "tool_call_id", "content", "search_words")
JSON = ("tool_calls_json", "usage_json", "metadata_json", "payload_json")
MESSAGE = {
    **dict.fromkeys((*TEXTS, *JSON, "token_count", "estimated_tokens", "links_json")),
    "session_id": "s",
    "role": "user",
    "status": "complete",
    "is_preserved": 0,
    "is_summary": 0,
}
LIVE = {"session_id": "s", "include_deleted": 0}


@pytest.fixture(autouse=True)
def _session(connection: sqlite3.Connection, add_agent: Add, add_session: Add) -> None:
    add_agent(connection)
    add_session(connection)


@pytest.fixture
def said(connection: sqlite3.Connection) -> None:
    """Messages 1 to 4 at those seqs; a summary, 5, at seq 2; and what it stands for, 1 and 2, out of the context."""
    for seq in (1, 2, 3, 4):
        add(connection, seq, content=f"no. {seq}", token_count=seq)
    add(connection, 2, role="system", is_summary=1, content="in short", token_count=10)
    connection.execute("UPDATE messages SET compaction_event_id = 1 WHERE id IN (1, 2)")


def add(connection: sqlite3.Connection, seq: int, **columns: Any) -> None:
    connection.execute(messages.INSERT, MESSAGE | {"id": None, "seq": seq} | columns).fetchall()


def ids(connection: sqlite3.Connection, sql: str, **args: Any) -> list[int]:
    return [row["id"] for row in connection.execute(sql, args)]


def context(connection: sqlite3.Connection) -> list[int]:
    return ids(connection, messages.GET_CONTEXT, **LIVE)


def transcript(connection: sqlite3.Connection) -> list[int]:
    return ids(connection, messages.GET_BY_SESSION_ID, **LIVE)


def test_append_gives_the_next_seq_and_leaves_out_the_session_that_is_not_live(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    add(connection, 7)
    assert fetch(connection, messages.APPEND, **MESSAGE) == [{"id": 2, "seq": 8}]
    connection.execute("DELETE FROM messages")
    assert fetch(connection, messages.APPEND, **MESSAGE) == [{"id": 3, "seq": 9}]
    assert fetch(connection, messages.APPEND, **MESSAGE | {"session_id": "nowhere"}) == []
    connection.execute(sessions.SOFT_DELETE, {"id": "s", "deleted_at": None})
    assert fetch(connection, messages.APPEND, **MESSAGE) == []
    assert fetch(connection, messages.POP, session_id="s", removed_at=AT) == []
    assert connection.execute(messages.REMOVE_BY_ID, {"id": 3, "removed_at": AT}).rowcount == 0
    assert connection.execute(messages.REMOVE_FROM_SEQ, {"session_id": "s", "seq": 1, "removed_at": AT}).rowcount == 0


def test_an_append_stores_what_it_is_given_and_both_times_are_one(connection: sqlite3.Connection, fetch: Fetch) -> None:
    given = MESSAGE | {name: name for name in TEXTS} | dict.fromkeys(JSON, "{}")
    given |= {"tool_calls_json": "[]", "created_at": AT, "token_count": 7, "status": "partial", "is_preserved": 1}
    connection.execute(messages.APPEND, given).fetchall()
    connection.execute(messages.APPEND, MESSAGE).fetchall()
    first, second = (fetch(connection, messages.GET_BY_ID, id=id, include_deleted=0)[0] for id in (1, 2))
    assert {name: first[name] for name in given} == given
    assert first["updated_at"] == AT
    assert second["updated_at"] == second["created_at"] > LATER


def test_a_second_append_with_an_external_id_adds_nothing_even_where_the_first_is_removed(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add
) -> None:
    keyed = MESSAGE | {"external_id": "x", "content": "first"}
    assert fetch(connection, messages.APPEND, **keyed) == [{"id": 1, "seq": 1}]
    assert fetch(connection, messages.APPEND, **keyed | {"content": "second"}) == []
    connection.execute(messages.REMOVE_BY_ID, {"id": 1, "removed_at": AT})
    assert fetch(connection, messages.APPEND, **keyed) == []
    (row,) = fetch(connection, messages.GET_BY_EXTERNAL_ID, **LIVE, external_id="x")
    assert (row["id"], row["content"], row["removed_at"]) == (1, "first", AT)
    add_session(connection, id="t")
    assert fetch(connection, messages.APPEND, **keyed | {"session_id": "t"})[0]["seq"] == 1
    assert fetch(connection, messages.APPEND, **MESSAGE)[0]["seq"] == 2


def test_pages_and_the_latest_are_in_order_of_seq_not_of_time_or_id(connection: sqlite3.Connection) -> None:
    for seq, day in ((3, 1), (1, 3), (2, 2)):
        add(connection, seq, created_at=f"2024-01-0{day}T00:00:00.000Z")
    assert transcript(connection) == ids(connection, messages.PAGE, **LIVE, cursor_seq=0, limit=9) == [2, 3, 1]
    assert ids(connection, messages.PAGE, **LIVE, cursor_seq=1, limit=1) == [3]
    assert ids(connection, messages.PAGE_BACK, **LIVE, cursor_seq=3, limit=9) == [3, 2]
    assert ids(connection, messages.GET_LATEST_BY_SESSION_ID, **LIVE, limit=2) == [1, 3]


@pytest.mark.usefixtures("said")
def test_the_transcript_has_all_that_was_said_and_the_context_what_the_model_is_sent(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    assert transcript(connection) == [1, 2, 3, 4]
    assert ids(connection, messages.PAGE, **LIVE, cursor_seq=0, limit=9) == [1, 2, 3, 4]
    assert ids(connection, messages.PAGE_BACK, **LIVE, cursor_seq=3, limit=9) == [2, 1]
    assert context(connection) == [5, 3, 4]
    (stats,) = fetch(connection, messages.STATS, **LIVE)
    assert (stats["message_count"], stats["total_tokens"], stats["context_tokens"], stats["last_seq"]) == (4, 10, 17, 4)


@pytest.mark.usefixtures("said")
def test_what_is_removed_is_in_neither_and_comes_back_to_its_place(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    assert connection.execute(messages.REMOVE_BY_ID, {"id": 3, "removed_at": AT}).rowcount == 1
    assert connection.execute(messages.REMOVE_BY_ID, {"id": 3, "removed_at": LATER}).rowcount == 0
    assert (transcript(connection), context(connection)) == ([1, 2, 4], [5, 4])
    (row,) = fetch(connection, messages.GET_BY_ID, id=3, include_deleted=0)
    assert (row["removed_at"], row["updated_at"]) == (AT, AT)
    assert connection.execute(messages.RESTORE_BY_ID, {"id": 3, "updated_at": LATER}).rowcount == 1
    assert connection.execute(messages.RESTORE_BY_ID, {"id": 3, "updated_at": LATER}).rowcount == 0
    assert (transcript(connection), context(connection)) == ([1, 2, 3, 4], [5, 3, 4])


@pytest.mark.usefixtures("said")
def test_a_removed_message_whose_place_is_taken_stays_removed(connection: sqlite3.Connection) -> None:
    connection.execute(messages.REMOVE_BY_ID, {"id": 3, "removed_at": AT})
    add(connection, 3, content="instead")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        connection.execute(messages.RESTORE_BY_ID, {"id": 3, "updated_at": LATER})
    assert transcript(connection) == [1, 2, 6, 4]


@pytest.mark.usefixtures("said")
def test_popping_and_removing_from_a_seq_take_the_end_and_no_seq_is_given_again(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    (row,) = fetch(connection, messages.POP, session_id="s", removed_at=AT)
    assert (row["id"], row["removed_at"]) == (4, AT)
    args = {"session_id": "s", "seq": 2, "removed_at": AT}
    assert connection.execute(messages.REMOVE_FROM_SEQ, args).rowcount == 3
    assert (transcript(connection), context(connection)) == ([1], [])
    assert fetch(connection, messages.APPEND, **MESSAGE)[0]["seq"] == 5


@pytest.mark.usefixtures("said")
def test_a_purge_deletes_what_was_removed_by_then_and_nothing_else(connection: sqlite3.Connection) -> None:
    connection.execute(messages.REMOVE_BY_ID, {"id": 3, "removed_at": AT})
    connection.execute(messages.REMOVE_BY_ID, {"id": 4, "removed_at": LATER})
    assert connection.execute(messages.PURGE, {"session_id": "t", "before": LATER}).rowcount == 0
    assert connection.execute(messages.PURGE, {"session_id": "s", "before": AT}).rowcount == 1
    assert ids(connection, "SELECT id FROM messages ORDER BY id") == [1, 2, 4, 5]


@pytest.mark.usefixtures("said")
def test_an_update_replaces_what_a_caller_may_change(connection: sqlite3.Connection, fetch: Fetch) -> None:
    (before,) = fetch(connection, messages.GET_BY_ID, id=3, include_deleted=0)
    new = {"status": "partial", "token_count": 9, "is_preserved": 1, "name": "n", "content": "other"}
    new |= {
        "tool_calls_json": "[]",
        "usage_json": "{}",
        "metadata_json": "{}",
        "payload_json": "[]",
        "estimated_tokens": 7,
        "links_json": "{}",
        "search_words": "9 other",
        "updated_at": LATER,
    }
    assert connection.execute(messages.UPDATE, new | {"id": 3}).rowcount == 1
    assert fetch(connection, messages.GET_BY_ID, id=3, include_deleted=0) == [before | new]
    connection.execute(sessions.SOFT_DELETE, {"id": "s", "deleted_at": None})
    assert connection.execute(messages.UPDATE, new | {"id": 3}).rowcount == 0
    assert fetch(connection, messages.GET_BY_ID, id=3, include_deleted=0) == []
    assert len(fetch(connection, messages.GET_BY_ID, id=3, include_deleted=1)) == 1


@pytest.mark.usefixtures("said")
def test_a_search_finds_the_transcript_and_neither_summaries_nor_what_is_removed(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    connection.execute(messages.REMOVE_BY_ID, {"id": 4, "removed_at": AT})
    scope = {"session_id": None, "agent_id": None, "include_deleted": 0, "limit": 9}
    scope["cursor_rank"] = None
    found = fetch(connection, message_search.MATCH, **scope, cursor_id=99, expression='"no. "')
    assert sorted(row["id"] for row in found) == [1, 2, 3]
    assert fetch(connection, message_search.MATCH, **scope, cursor_id=99, expression='"short"') == []
    del scope["cursor_rank"]
    assert ids(connection, message_search.MATCH_NEWEST, **scope, cursor_id=99, expression='"no. "') == [3, 2, 1]
    assert ids(connection, message_search.MATCH_NEWEST, **scope, cursor_id=3, expression='"no. "') == [2, 1]
    term = {"term": "no", "last_term": "no\U0010ffff"}
    assert fetch(connection, message_search.COUNT_PLACES, **term, limit=9) == [{"total": 4}]
    assert fetch(connection, message_search.COUNT_PLACES, **term, limit=2) == [{"total": 2}]
    assert ids(connection, message_search.PLACES, **scope, **term, cursor_id=3) == [2, 1]
    assert ids(connection, message_search.NEWEST, **scope, cursor_id=99) == [3, 2, 1]
    assert ids(connection, message_search.NEWEST_OF_SESSION, **scope | {"session_id": "s"}, cursor_id=99) == [3, 2, 1]
    assert ids(connection, message_search.NEWEST_OF_SESSION, **scope | {"session_id": "s"}, cursor_id=3) == [2, 1]
    assert fetch(connection, message_search.SESSIONS_OF, ids="[1, 3, 99]") == [{"session_id": "s", "message_id": 3}]


def test_sizes_are_characters_of_all_that_is_searched(connection: sqlite3.Connection, fetch: Fetch) -> None:
    for content, payload in (("aü", '["x"]'), (None, None)):
        connection.execute(messages.APPEND, MESSAGE | {"content": content, "payload_json": payload}).fetchall()
    found = [{"id": 1, "characters": 7}, {"id": 2, "characters": 0}]
    assert fetch(connection, message_search.SIZES, ids="[1, 2, 3]") == found
    texts = [{"id": 1, "text": "aü\nx\n\n".encode()}, {"id": 2, "text": b"\n\n"}]
    assert fetch(connection, message_search.TEXTS, ids="[1, 2, 3]") == texts
