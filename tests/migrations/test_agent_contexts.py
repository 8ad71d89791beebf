from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]
AT = "2024-05-17T12:30:15.123Z"
LATER = "2024-05-18T12:30:15.123Z"


@pytest.fixture(autouse=True)
def context(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agent_contexts", session_id="s", current_agent="planner")


def context_of(connection: sqlite3.Connection, session_id: str = "s") -> tuple[str, int, str | None]:
    sql = "SELECT current_agent, switch_count, last_switch_at FROM agent_contexts WHERE session_id = ?"
    return tuple(connection.execute(sql, (session_id,)).fetchone())


def test_a_switch_and_its_context_change_together_under_raw_sql(connection: sqlite3.Connection, insert: Insert) -> None:
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


@pytest.mark.parametrize(
    "change", ["id = 9", "rowid = 9", "session_id = 't'", "from_agent = 'x'", "to_agent = 'x'", f"switched_at = '{AT}'"]
)
def test_what_happened_never_changes(connection: sqlite3.Connection, insert: Insert, change: str) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a")
    insert(connection, "agent_contexts", session_id="t", current_agent="planner")
    insert(connection, "agent_switches", session_id="s", from_agent="planner", to_agent="coder")
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        connection.execute(f"UPDATE agent_switches SET {change}")
    connection.execute("UPDATE agent_switches SET reason = 'why', metadata_json = '{}'")


def test_nothing_is_replaced(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agent_switches", id=7, session_id="s", from_agent="planner", to_agent="coder")
    with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
        connection.execute("INSERT OR REPLACE INTO agent_contexts (session_id, current_agent) VALUES ('s', 'x')")
    with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
        connection.execute("INSERT OR REPLACE INTO agent_switches (id, session_id, to_agent) VALUES (7, 's', 'x')")
    assert context_of(connection)[:2] == ("coder", 1)


@pytest.mark.parametrize("statement", ["DELETE FROM sessions", "DELETE FROM agents", "DELETE FROM agent_contexts"])
def test_switches_go_with_their_context_and_that_with_its_session(
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
        ("agent_contexts", "current_agent", ""),
        ("agent_contexts", "current_agent", None),
        ("agent_contexts", "switch_count", -1),
        ("agent_contexts", "metadata_json", "null"),
        ("agent_contexts", "metadata_json", "[]"),
        ("agent_contexts", "metadata_json", "{}\0"),
        ("agent_contexts", "last_switch_at", "now"),
        ("agent_contexts", "created_at", "2024-05-17 12:30:15"),
        ("agent_switches", "id", 0),
        ("agent_switches", "session_id", "nowhere"),
        ("agent_switches", "from_agent", ""),
        ("agent_switches", "to_agent", ""),
        ("agent_switches", "to_agent", None),
        ("agent_switches", "metadata_json", "null"),
        ("agent_switches", "switched_at", "2024-02-30T00:00:00.000Z"),
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


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("004"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("005")
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    for _ in range(2):
        execute_all(connection, migration.up)
        insert(connection, "agent_contexts", session_id="s", current_agent="planner")
        insert(connection, "agent_switches", session_id="s", from_agent="planner", to_agent="coder")
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1
