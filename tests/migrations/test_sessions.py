from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]

COUNTERS = ("last_seq", "message_count", "total_tokens", "context_tokens", "compaction_count")


def test_a_session_of_an_agent_gets_the_defaults_and_overrides_nothing(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    connection.execute("DELETE FROM sessions")
    insert(connection, "sessions", main_agent_id="a")
    row = dict(connection.execute("SELECT * FROM sessions").fetchone())
    assert len(row.pop("id")) == 36
    assert row.pop("created_at") == row.pop("updated_at")
    assert row == dict.fromkeys(row) | {"main_agent_id": "a", "status": "idle"} | dict.fromkeys(COUNTERS, 0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", None),
        ("id", ""),
        ("id", "s"),  # taken
        ("main_agent_id", None),
        ("main_agent_id", ""),
        ("main_agent_id", "nobody"),
        ("status", None),
        ("status", ""),
        ("status", "Idle"),
        ("permission_mode", ""),
        ("permission_mode", "readonly"),
        ("max_steps", -1),
        ("max_steps", 1.5),
        ("max_steps", "many"),
        ("name", b"bytes"),
        ("user_id", ""),
        *[(name, "nowhere") for name in ("parent_session_id", "forked_from_id")],
        *[("forked_at_seq", value) for value in (-1, 2**53, 1.5)],
        *[(name, value) for name in ("quality_score", "user_satisfaction") for value in (-0.1, 1.1, "good")],
        *[("learning_outcomes_json", value) for value in ("null", "1", '"x"', "[]\0", "{")],
        *[(name, value) for name in COUNTERS for value in (None, -1, 1.5)],
        *[(name, 2**53) for name in ("last_seq", "total_tokens", "context_tokens")],
    ],
    ids=ascii,
)
def test_sessions_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "sessions", **{"main_agent_id": "a", column: value})


@pytest.mark.parametrize("status", ["idle", "running", "completed", "failed", "stopped"])
@pytest.mark.parametrize("permission_mode", [None, "readOnly", "acceptEdits", "bypassPermissions"])
def test_sessions_accepts_every_status_and_mode(
    connection: sqlite3.Connection, insert: Insert, status: str, permission_mode: str | None
) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a", status=status, permission_mode=permission_mode)
    row = connection.execute("SELECT * FROM sessions WHERE id = 't'").fetchone()
    assert (row["status"], row["permission_mode"]) == (status, permission_mode)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[(name, value) for name in ("quality_score", "user_satisfaction") for value in (0, 0.5, 1, None)],
        *[("learning_outcomes_json", value) for value in ("[]", "{}", None)],
        *[("forked_at_seq", value) for value in (0, 2**53 - 1, None)],
        ("parent_session_id", "s"),
        ("forked_from_id", "s"),
        ("forked_from_id", "t"),
    ],
)
def test_sessions_accepts(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    insert(connection, "sessions", **{"id": "t", "main_agent_id": "a", column: value})
    assert connection.execute(f"SELECT {column} FROM sessions WHERE id = 't'").fetchone()[0] == value


@pytest.mark.parametrize("column", ["parent_session_id", "forked_from_id"])
def test_deleting_a_session_clears_what_refers_to_it_and_keeps_those_sessions(
    connection: sqlite3.Connection, insert: Insert, column: str
) -> None:
    insert(connection, "sessions", **{"id": "t", "main_agent_id": "a", column: "s"})
    connection.execute("DELETE FROM sessions WHERE id = 's'")
    rows = connection.execute(f"SELECT id, {column} FROM sessions").fetchall()
    assert [tuple(row) for row in rows] == [("t", None)]


@pytest.mark.parametrize("table", ["sessions", "agents"])
def test_a_chain_of_parents_of_any_length_can_be_deleted(connection: sqlite3.Connection, table: str) -> None:
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO sessions (id, main_agent_id, parent_session_id, forked_from_id)"
        " SELECT 'c' || i, 'a', CASE WHEN i > 1 THEN 'c' || (i - 1) END, CASE WHEN i > 1 THEN 'c' || (i - 1) END FROM n"
    )
    connection.execute(f"DELETE FROM {table}")
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0


CYCLE = "would make the session its own ancestor"


def add_chain(connection: sqlite3.Connection, insert: Insert, length: int) -> None:
    """Sessions c1 to cN, each the parent of the next."""
    for number in range(1, length + 1):
        parent = f"c{number - 1}" if number > 1 else None
        insert(connection, "sessions", id=f"c{number}", main_agent_id="a", parent_session_id=parent)


@pytest.mark.parametrize("conflict", ["", "OR IGNORE", "OR REPLACE", "OR FAIL"])
@pytest.mark.parametrize("length", [2, 3, 500])
def test_a_session_does_not_become_the_child_of_its_descendant(
    connection: sqlite3.Connection, insert: Insert, length: int, conflict: str
) -> None:
    add_chain(connection, insert, length)
    with pytest.raises(sqlite3.IntegrityError, match=CYCLE):
        connection.execute(f"UPDATE {conflict} sessions SET parent_session_id = 'c{length}' WHERE id = 'c1'")
    connection.execute(f"UPDATE sessions SET parent_session_id = 'c1' WHERE id = 'c{length}'")
    connection.execute("UPDATE sessions SET parent_session_id = NULL WHERE id = 'c2'")
    connection.execute("UPDATE sessions SET parent_session_id = 'c2' WHERE id = 'c1'" if length > 2 else "SELECT 1")


def test_no_session_is_its_own_parent(connection: sqlite3.Connection, insert: Insert) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="parent_session_id_is_another_session"):
        insert(connection, "sessions", id="t", main_agent_id="a", parent_session_id="t")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE sessions SET parent_session_id = id")


def test_one_statement_does_not_close_a_circle_over_several_rows(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    for id in ("x", "y", "z"):
        insert(connection, "sessions", id=id, main_agent_id="a")
    circle = "CASE id WHEN 'x' THEN 'y' WHEN 'y' THEN 'z' ELSE 'x' END"
    with pytest.raises(sqlite3.IntegrityError, match=CYCLE):
        connection.execute(f"UPDATE sessions SET parent_session_id = {circle} WHERE id IN ('x', 'y', 'z')")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("INSERT INTO sessions (id, main_agent_id, parent_session_id) VALUES ('v', 'a', 'w')")
    upsert = "INSERT INTO sessions (id, main_agent_id) VALUES ('x', 'a') ON CONFLICT (id) DO UPDATE SET parent_session_id = 'y'"
    connection.execute(upsert)
    with pytest.raises(sqlite3.IntegrityError, match=CYCLE):
        connection.execute(upsert.replace("('x'", "('y'").replace("= 'y'", "= 'x'"))


@given(changes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5) | st.none()), max_size=30))
def test_whatever_parents_are_set_every_walk_to_a_root_ends(
    populated_database: Open, insert: Insert, changes: list[tuple[int, int | None]]
) -> None:
    connection = populated_database()
    for number in range(6):
        insert(connection, "sessions", id=str(number), main_agent_id="a")
    parents: dict[int, int | None] = dict.fromkeys(range(6))

    def ancestors(number: int | None) -> list[int]:
        return [] if number is None else [number, *ancestors(parents[number])]

    for child, parent in changes:
        args = {"child": str(child), "parent": None if parent is None else str(parent)}
        allowed = child not in ancestors(parent)
        try:
            connection.execute("UPDATE sessions SET parent_session_id = :parent WHERE id = :child", args)
        except sqlite3.IntegrityError:
            assert not allowed
        else:
            assert allowed
            parents[child] = parent
    connection.close()
