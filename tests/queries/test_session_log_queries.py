from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdb.queries import session_logs

Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"
FULL = {
    "session_id": "s",
    "parent_id": 1,
    "role": "tool",
    "type": "observation",
    "content": '{"a": [1]}',
    "metadata": '{"b": 2}',
    "created_at": EARLY,
    "updated_at": LATE,
}


@pytest.fixture(autouse=True)
def _sessions(connection: sqlite3.Connection, add_agent: Add, add_session: Add, add_log: Add) -> None:
    """Sessions 's' and 't', one log in each: 1 and 2."""
    add_agent(connection)
    for id in ("s", "t"):
        add_session(connection, id=id)
        add_log(connection, session_id=id, created_at=EARLY)


def test_what_is_inserted_is_what_is_read(connection: sqlite3.Connection, fetch: Fetch) -> None:
    id = connection.execute(session_logs.INSERT, FULL).lastrowid
    assert fetch(connection, session_logs.GET_BY_ID, id=id) == [FULL | {"id": id}]
    assert fetch(connection, session_logs.GET_BY_ID, id=99) == []


def test_null_inserts_the_default(connection: sqlite3.Connection, fetch: Fetch, add_log: Add) -> None:
    add_log(connection)
    (row,) = fetch(connection, session_logs.GET_BY_ID, id=3)
    assert row.pop("created_at") == row.pop("updated_at") > LATE
    given = {"id": 3, "session_id": "s", "role": "user", "type": "message", "content": '"hello"'}
    assert row == {**given, "parent_id": None, "metadata": None}


def test_the_id_of_a_removed_log_is_not_given_again(connection: sqlite3.Connection, fetch: Fetch, add_log: Add) -> None:
    connection.execute(session_logs.DELETE_BY_ID, {"id": 2})
    add_log(connection)
    assert [row["id"] for row in fetch(connection, session_logs.GET_BY_SESSION_ID, session_id="s")] == [1, 3]


def test_the_transcript_is_in_order_of_time_then_id(connection: sqlite3.Connection, fetch: Fetch, add_log: Add) -> None:
    for created_at in (LATE, EARLY, LATE, "2023-01-01T00:00:00.000Z"):
        add_log(connection, created_at=created_at)
    ids = [row["id"] for row in fetch(connection, session_logs.GET_BY_SESSION_ID, session_id="s")]
    assert ids == [6, 1, 4, 3, 5]
    assert fetch(connection, session_logs.GET_BY_SESSION_ID, session_id="nowhere") == []


@given(times=st.lists(st.sampled_from([EARLY, LATE]), max_size=12), limit=st.integers(1, 5))
def test_pages_together_are_the_transcript_and_the_latest_are_its_end_reversed(
    database: Callable[[], sqlite3.Connection],
    fetch: Fetch,
    add_agent: Add,
    add_session: Add,
    add_log: Add,
    times: list[str],
    limit: int,
) -> None:
    connection = database()
    add_agent(connection)
    add_session(connection)
    add_session(connection, id="t")
    for time in times:
        add_log(connection, session_id="t", created_at=time)
        add_log(connection, created_at=time)
    transcript = fetch(connection, session_logs.GET_BY_SESSION_ID, session_id="s")
    assert len(transcript) == len(times)
    page = session_logs.GET_BY_SESSION_ID_WITH_PAGINATION
    offsets = range(0, len(times) + 1, limit)
    pages = [fetch(connection, page, session_id="s", limit=limit, offset=offset) for offset in offsets]
    assert all(len(page) == limit for page in pages[:-1])
    assert list(chain.from_iterable(pages)) == transcript
    latest = fetch(connection, session_logs.GET_LATEST_BY_SESSION_ID, session_id="s", limit=limit)
    assert latest == transcript[::-1][:limit]


@pytest.mark.parametrize("updated_at", [None, "2024-01-03T00:00:00.000Z"])
@pytest.mark.parametrize("metadata", [None, "{}"])
def test_update_replaces_content_and_metadata_and_the_time(
    connection: sqlite3.Connection, fetch: Fetch, metadata: str | None, updated_at: str | None
) -> None:
    for _ in range(2):
        connection.execute(session_logs.INSERT, FULL)
    new = {"id": 3, "content": "[]", "metadata": metadata, "updated_at": updated_at}
    connection.execute(session_logs.UPDATE, new)
    (row,) = fetch(connection, session_logs.GET_BY_ID, id=3)
    assert row["updated_at"] == updated_at or (updated_at is None and row["updated_at"] > LATE)
    assert row | {"updated_at": None} == FULL | new | {"updated_at": None}
    assert fetch(connection, session_logs.GET_BY_ID, id=4) == [FULL | {"id": 4}]


def test_a_log_without_content_is_refused(connection: sqlite3.Connection, add_log: Add) -> None:
    for content in (None, "null"):
        with pytest.raises(sqlite3.IntegrityError):
            add_log(connection, content=content)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(session_logs.UPDATE, {"id": 1, "content": content, "metadata": None, "updated_at": None})


def test_a_parent_in_another_session_or_nowhere_is_refused(connection: sqlite3.Connection, add_log: Add) -> None:
    add_log(connection, parent_id=1)
    for parent_id in (2, 99):
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            add_log(connection, parent_id=parent_id)


def test_deleting_by_id_takes_one_log_that_is_no_parent(
    connection: sqlite3.Connection, fetch: Fetch, add_log: Add
) -> None:
    add_log(connection, parent_id=1)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute(session_logs.DELETE_BY_ID, {"id": 1})
    for id in (3, 1):
        connection.execute(session_logs.DELETE_BY_ID, {"id": id})
    assert fetch(connection, session_logs.GET_BY_SESSION_ID, session_id="s") == []


def test_deleting_by_session_takes_all_of_its_logs_and_no_others(
    connection: sqlite3.Connection, fetch: Fetch, add_log: Add
) -> None:
    add_log(connection, parent_id=1)
    add_log(connection, parent_id=3)
    assert fetch(connection, session_logs.COUNT_BY_SESSION_ID, session_id="s") == [{"total": 3}]
    connection.execute(session_logs.DELETE_BY_SESSION_ID, {"session_id": "s"})
    assert fetch(connection, session_logs.COUNT_BY_SESSION_ID, session_id="s") == [{"total": 0}]
    assert fetch(connection, session_logs.COUNT_BY_SESSION_ID, session_id="t") == [{"total": 1}]
