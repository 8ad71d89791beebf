from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdb.queries import sessions

Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"
FULL = {
    "id": "full",
    "name": "Name",
    "main_agent_id": "a",
    "sub_agent_ids": '["b"]',
    "user_goal": "Goal",
    "status": "running",
    "external_session_id": "x",
    "model": "large",
    "plan_model": "medium",
    "small_model": "",
    "built_in_tools": '["a"]',
    "mcps": "[]",
    "knowledges": "[1, 2]",
    "configuration": '{"a": null}',
    "accessible_paths": '["/"]',
    "permission_mode": "acceptEdits",
    "max_steps": 0,
    "created_at": EARLY,
    "updated_at": LATE,
}
# What else a session has; these statements leave it alone.
ADDED = {
    **dict.fromkeys(("user_id", "parent_session_id", "forked_from_id", "forked_at_seq", "source", "tags_json")),
    **dict.fromkeys(("quality_score", "user_satisfaction", "learning_outcomes_json", "started_at", "ended_at")),
    **dict.fromkeys(("metadata_json", "pinned_at", "archived_at", "deleted_at", "last_activity_at")),
    **dict.fromkeys(("last_seq", "message_count", "total_tokens", "context_tokens", "compaction_count"), 0),
}
# What an agent says, and what a session says instead: for texts, arrays and numbers also the explicit nothing.
OVERRIDES: dict[str, tuple[str | int, list[str | int]]] = {
    "model": ("am", ["sm", ""]),
    "plan_model": ("ap", ["sp", ""]),
    "small_model": ("as", ["ss", ""]),
    "built_in_tools": ('["a"]', ['["s"]', "[]"]),
    "mcps": ('["a"]', ['["s"]', "[]"]),
    "knowledges": ('["a"]', ['["s"]', "[]"]),
    "configuration": ('{"a": 1}', ['{"s": 1}', "{}"]),
    "accessible_paths": ('["/a"]', ['["/s"]', "[]"]),
    "permission_mode": ("acceptEdits", ["bypassPermissions", "readOnly"]),
    "max_steps": (5, [7, 0]),
}


@pytest.fixture(autouse=True)
def _agents(connection: sqlite3.Connection, add_agent: Add) -> None:
    add_agent(connection)
    add_agent(connection, id="b")


def test_what_is_inserted_is_what_is_read(connection: sqlite3.Connection, fetch: Fetch) -> None:
    connection.execute(sessions.INSERT, FULL)
    assert fetch(connection, sessions.GET_BY_ID, id="full") == [FULL | ADDED]
    assert fetch(connection, sessions.GET_BY_ID, id="other") == []


def test_null_inserts_the_default_and_overrides_nothing(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add
) -> None:
    add_session(connection, id=None)
    (row,) = fetch(connection, sessions.LIST)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", row.pop("id"))
    assert row.pop("created_at") == row.pop("updated_at") > LATE
    assert row == dict.fromkeys(row) | ADDED | {"main_agent_id": "a", "status": "idle"}


def test_a_session_of_no_agent_is_refused(connection: sqlite3.Connection, add_session: Add) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        add_session(connection, main_agent_id="nobody")
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        add_session(connection, main_agent_id=None)


def test_update_replaces_everything_but_created_at(connection: sqlite3.Connection, fetch: Fetch) -> None:
    connection.execute(sessions.INSERT, FULL)
    connection.execute(sessions.INSERT, FULL | {"id": "other"})
    new = {
        "id": "full",
        "name": None,
        "main_agent_id": "b",
        "sub_agent_ids": "[]",
        "user_goal": "",
        "status": "failed",
        "external_session_id": None,
        "model": "",
        "plan_model": None,
        "small_model": "s",
        "built_in_tools": None,
        "mcps": '["m"]',
        "knowledges": "[]",
        "configuration": "{}",
        "accessible_paths": None,
        "permission_mode": "bypassPermissions",
        "max_steps": None,
        "updated_at": "2024-01-03T00:00:00.000Z",
    }
    connection.execute(sessions.UPDATE, new)
    assert fetch(connection, sessions.GET_BY_ID, id="full") == [new | ADDED | {"created_at": EARLY}]
    assert fetch(connection, sessions.GET_BY_ID, id="other") == [FULL | ADDED | {"id": "other"}]


def test_null_in_update_means_what_it_means_in_insert(connection: sqlite3.Connection, fetch: Fetch) -> None:
    connection.execute(sessions.INSERT, FULL)
    connection.execute(sessions.UPDATE, {**dict.fromkeys(FULL), "id": "full", "main_agent_id": "a"})
    (row,) = fetch(connection, sessions.GET_BY_ID, id="full")
    assert row.pop("updated_at") > LATE
    given = {"id": "full", "main_agent_id": "a", "status": "idle", "created_at": EARLY}
    assert row == dict.fromkeys(row) | ADDED | given


@pytest.mark.parametrize(
    ("constant", "column", "value"),
    [
        ("UPDATE_STATUS", "status", "completed"),
        ("UPDATE_EXTERNAL_SESSION_ID", "external_session_id", "y"),
        ("UPDATE_EXTERNAL_SESSION_ID", "external_session_id", None),
    ],
)
@pytest.mark.parametrize("updated_at", [None, "2024-01-03T00:00:00.000Z"])
def test_a_small_update_changes_its_column_and_the_time(
    connection: sqlite3.Connection,
    fetch: Fetch,
    constant: str,
    column: str,
    value: str | None,
    updated_at: str | None,
) -> None:
    connection.execute(sessions.INSERT, FULL)
    connection.execute(sessions.INSERT, FULL | {"id": "other"})
    connection.execute(getattr(sessions, constant), {"id": "full", column: value, "updated_at": updated_at})
    (row,) = fetch(connection, sessions.GET_BY_ID, id="full")
    assert row["updated_at"] == updated_at or (updated_at is None and row["updated_at"] > LATE)
    assert row | {"updated_at": LATE} == FULL | ADDED | {column: value}
    assert fetch(connection, sessions.GET_BY_ID, id="other") == [FULL | ADDED | {"id": "other"}]


def test_a_status_cannot_be_set_to_nothing(connection: sqlite3.Connection, add_session: Add) -> None:
    add_session(connection)
    for status in (None, "", "done"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(sessions.UPDATE_STATUS, {"id": "s", "status": status, "updated_at": None})


def test_lists_are_newest_first_with_the_id_as_tie_break(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add
) -> None:
    for id, created_at in [("b", EARLY), ("d", EARLY), ("c", LATE), ("a", EARLY)]:
        add_session(connection, id=id, created_at=created_at, status="failed", external_session_id="x")
    add_session(connection, id="e", created_at=LATE)
    assert [row["id"] for row in fetch(connection, sessions.LIST)] == ["e", "c", "d", "b", "a"]
    assert [row["id"] for row in fetch(connection, sessions.GET_BY_STATUS, status="failed")] == ["c", "d", "b", "a"]
    assert [row["id"] for row in fetch(connection, sessions.GET_BY_STATUS, status="idle")] == ["e"]
    assert fetch(connection, sessions.GET_BY_STATUS, status="running") == []
    external = fetch(connection, sessions.GET_BY_EXTERNAL_SESSION_ID, external_session_id="x")
    assert [row["id"] for row in external] == ["c", "d", "b", "a"]
    assert fetch(connection, sessions.GET_BY_EXTERNAL_SESSION_ID, external_session_id=None) == []


@given(times=st.lists(st.sampled_from([EARLY, LATE]), max_size=12), limit=st.integers(1, 5))
def test_the_pages_together_are_the_list(
    database: Callable[[], sqlite3.Connection],
    fetch: Fetch,
    add_agent: Add,
    add_session: Add,
    times: list[str],
    limit: int,
) -> None:
    connection = database()
    add_agent(connection)
    for time in times:
        add_session(connection, id=None, created_at=time)
    pages = [
        fetch(connection, sessions.LIST_WITH_LIMIT, limit=limit, offset=offset)
        for offset in range(0, len(times) + 1, limit)
    ]
    assert all(len(page) == limit for page in pages[:-1])
    assert list(chain.from_iterable(pages)) == fetch(connection, sessions.LIST)


def test_a_session_with_its_agent_has_these_columns(
    connection: sqlite3.Connection, fetch: Fetch, add_agent: Add
) -> None:
    add_agent(connection, id="c", name="N", description="D", avatar="A", instructions="I")
    connection.execute(sessions.INSERT, FULL | {"main_agent_id": "c"})
    (row,) = fetch(connection, sessions.GET_SESSION_WITH_AGENT, id="full")
    agent = {"agent_name": "N", "agent_description": "D", "agent_avatar": "A", "agent_instructions": "I"}
    effective = {f"effective_{name}": FULL[name] for name in OVERRIDES}
    assert row == FULL | ADDED | {"main_agent_id": "c"} | agent | effective
    assert fetch(connection, sessions.GET_SESSION_WITH_AGENT, id="other") == []


@pytest.mark.parametrize("column", OVERRIDES)
def test_what_a_session_leaves_null_it_inherits_and_what_it_says_counts(
    connection: sqlite3.Connection, fetch: Fetch, add_agent: Add, add_session: Add, column: str
) -> None:
    inherited, overrides = OVERRIDES[column]
    add_agent(connection, id="c", **{name: value for name, (value, _) in OVERRIDES.items()})
    for override in (None, *overrides):
        id = f"with {override}"
        add_session(connection, id=id, main_agent_id="c", **{column: override})
        (row,) = fetch(connection, sessions.GET_SESSION_WITH_AGENT, id=id)
        expected = {f"effective_{name}": value for name, (value, _) in OVERRIDES.items()}
        expected[f"effective_{column}"] = inherited if override is None else override
        assert {name: row[name] for name in expected} == expected
        assert row[column] == override


def test_what_neither_says_is_null_or_the_default_of_the_agent(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add
) -> None:
    add_session(connection)
    (row,) = fetch(connection, sessions.GET_SESSION_WITH_AGENT, id="s")
    effective = {name: row[f"effective_{name}"] for name in OVERRIDES}
    assert effective == dict.fromkeys(OVERRIDES) | {"model": "m", "permission_mode": "readOnly", "max_steps": 10}


def test_count_exists_and_delete_agree(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add, add_log: Add
) -> None:
    assert fetch(connection, sessions.COUNT) == [{"total": 0}]
    assert fetch(connection, sessions.CHECK_EXISTS, id="s") == []
    add_session(connection)
    add_session(connection, id="t")
    add_log(connection)
    assert fetch(connection, sessions.COUNT) == [{"total": 2}]
    assert len(fetch(connection, sessions.CHECK_EXISTS, id="s")) == 1
    connection.execute(sessions.DELETE, {"id": "s"})
    assert [row["id"] for row in fetch(connection, sessions.LIST)] == ["t"]
    assert fetch(connection, "SELECT count(*) AS total FROM session_logs") == [{"total": 0}]


def test_create_and_change_write_every_column_that_a_caller_may_give(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add
) -> None:
    add_session(connection, id="parent")
    more = {"user_id": "u", "parent_session_id": "parent", "source": "x", "tags_json": "[1]", "metadata_json": "{}"}
    connection.execute(sessions.CREATE, FULL | more | {"started_at": EARLY})
    assert fetch(connection, sessions.GET_BY_ID, id="full") == [FULL | ADDED | more | {"started_at": EARLY}]
    new = {**dict.fromkeys(FULL | more), "id": "full", "main_agent_id": "b", "status": "failed", "name": "New"}
    new |= {"quality_score": 0.5, "user_satisfaction": 1.0, "learning_outcomes_json": "[]", "updated_at": LATE}
    new |= {"started_at": LATE, "ended_at": LATE, "pinned_at": LATE, "archived_at": LATE, "last_activity_at": LATE}
    connection.execute(sessions.CHANGE, {name: value for name, value in new.items() if name != "created_at"})
    assert fetch(connection, sessions.GET_BY_ID, id="full") == [FULL | ADDED | new | {"created_at": EARLY}]
    # The statements that bind fewer columns leave the others alone.
    connection.execute(sessions.UPDATE, FULL)
    assert fetch(connection, sessions.GET_BY_ID, id="full") == [ADDED | new | FULL]


def test_the_count_of_live_sessions_leaves_out_the_hidden_ones(
    connection: sqlite3.Connection, fetch: Fetch, add_session: Add
) -> None:
    assert fetch(connection, sessions.COUNT_LIVE, include_deleted=0) == [{"total": 0}]
    for id in ("s", "t", "u"):
        add_session(connection, id=id)
    connection.execute(sessions.SOFT_DELETE, {"id": "t", "deleted_at": None})
    assert fetch(connection, sessions.COUNT_LIVE, include_deleted=0) == [{"total": 2}]
    assert fetch(connection, sessions.COUNT_LIVE, include_deleted=1) == [{"total": 3}]
