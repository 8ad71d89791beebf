"""Agent contexts and switches: a context says what its switches say."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]
AT = "2024-05-17T12:30:15.123Z"
LATER = "2024-05-18T12:30:15.123Z"


@pytest.fixture(autouse=True)
def context(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agent_contexts", session_id="s", current_agent="planner")


def context_of(connection: sqlite3.Connection) -> tuple[str, int, str | None]:
    sql = "SELECT current_agent, switch_count, last_switch_at FROM agent_contexts WHERE session_id = 's'"
    return tuple(connection.execute(sql).fetchone())


def test_a_context_and_a_switch_get_defaults(connection: sqlite3.Connection, insert: Insert) -> None:
    row = dict(connection.execute("SELECT * FROM agent_contexts").fetchone())
    assert row.pop("created_at") > LATER
    assert row == dict.fromkeys(row) | {"session_id": "s", "current_agent": "planner", "switch_count": 0}
    insert(connection, "agent_switches", session_id="s", to_agent="coder")
    row = dict(connection.execute("SELECT * FROM agent_switches").fetchone())
    assert row.pop("switched_at") > LATER
    assert row == dict.fromkeys(row) | {"id": 1, "session_id": "s", "to_agent": "coder"}


def test_a_switch_and_its_context_change_together(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agent_switches", session_id="s", to_agent="planner", switched_at=AT)
    assert context_of(connection) == ("planner", 0, None)
    insert(connection, "agent_switches", session_id="s", from_agent="planner", to_agent="coder", switched_at=LATER)
    assert context_of(connection) == ("coder", 1, LATER)
    insert(connection, "agent_switches", session_id="s", from_agent="coder", to_agent="tester", switched_at=AT)
    assert context_of(connection) == ("tester", 2, AT)
    connection.execute("DELETE FROM agent_switches WHERE to_agent = 'tester'")
    assert context_of(connection)[1:] == (1, LATER)
    connection.execute("DELETE FROM agent_switches WHERE to_agent = 'planner'")
    assert context_of(connection)[1:] == (1, LATER)
    connection.execute("DELETE FROM agent_switches")
    assert context_of(connection)[1:] == (0, None)


def test_a_switch_that_others_follow_takes_no_time_with_it(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agent_switches", session_id="s", from_agent="a", to_agent="b", switched_at=AT)
    insert(connection, "agent_switches", session_id="s", from_agent="b", to_agent="c", switched_at=LATER)
    connection.execute("UPDATE agent_contexts SET last_switch_at = ?", ("2020-02-02T00:00:00.000Z",))
    connection.execute("DELETE FROM agent_switches WHERE to_agent = 'b'")
    assert context_of(connection)[1:] == (1, "2020-02-02T00:00:00.000Z")


@given(steps=st.lists(st.tuples(st.sampled_from(["first", "switch", "delete"]), st.integers(0, 9)), max_size=20))
def test_a_context_says_what_its_switches_say_after_any_of_them(
    populated_database: Open, insert: Insert, steps: list[tuple[str, int]]
) -> None:
    connection = populated_database()
    insert(connection, "agent_contexts", session_id="s", current_agent="a")
    for number, (step, value) in enumerate(steps, 1):
        if step == "delete":
            connection.execute("DELETE FROM agent_switches WHERE id % 10 = ?", (value,))
        else:
            row: dict[str, Any] = {"to_agent": f"agent {number}", "switched_at": f"2024-01-0{value or 1}T00:00:00.000Z"}
            insert(connection, "agent_switches", session_id="s", from_agent=None if step == "first" else "a", **row)
            assert context_of(connection)[0] == f"agent {number}"
        said = connection.execute(
            "SELECT switched_at FROM agent_switches WHERE from_agent IS NOT NULL ORDER BY id DESC"
        ).fetchall()
        assert context_of(connection)[1:] == (len(said), said[0][0] if said else None)
    connection.close()


def test_replacing_a_context_keeps_its_switches(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agent_switches", session_id="s", from_agent="planner", to_agent="coder")
    connection.execute("INSERT OR REPLACE INTO agent_contexts (session_id, current_agent) VALUES ('s', 'x')")
    assert connection.execute("SELECT count(*) FROM agent_switches").fetchone()[0] == 1


@pytest.mark.parametrize("statement", ["DELETE FROM sessions", "DELETE FROM agents"])
def test_contexts_and_switches_go_with_their_session(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    insert(connection, "agent_switches", session_id="s", from_agent="planner", to_agent="coder")
    connection.execute(statement)
    assert connection.execute("SELECT count(*) FROM agent_contexts").fetchone()[0] == 0
    assert connection.execute("SELECT count(*) FROM agent_switches").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("agent_contexts", "session_id", "nowhere"),
        ("agent_contexts", "session_id", None),
        ("agent_contexts", "session_id", "s"),  # taken
        ("agent_contexts", "current_agent", ""),
        ("agent_contexts", "current_agent", None),
        ("agent_contexts", "switch_count", -1),
        ("agent_contexts", "switch_count", None),
        ("agent_switches", "id", 0),
        ("agent_switches", "session_id", "nowhere"),
        ("agent_switches", "session_id", None),
        ("agent_switches", "from_agent", ""),
        ("agent_switches", "to_agent", ""),
        ("agent_switches", "to_agent", None),
    ],
)
def test_a_row_that_says_nothing_clear_is_refused(
    connection: sqlite3.Connection, insert: Insert, table: str, column: str, value: object
) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a")
    row = (
        {"session_id": "t", "current_agent": "x"} if table == "agent_contexts" else {"session_id": "s", "to_agent": "x"}
    )
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, table, **{**row, column: value})
