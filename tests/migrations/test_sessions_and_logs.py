from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from agentdb.migrations import migrations_up_to

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]

LOG = {"session_id": "s", "role": "agent", "type": "thought", "content": "{}"}

SESSION_COLUMNS = {
    # name: (type, NOT NULL, has a DEFAULT)
    "id": ("TEXT", True, True),
    "name": ("TEXT", False, False),
    "main_agent_id": ("TEXT", True, False),
    "sub_agent_ids": ("TEXT", False, False),
    "user_goal": ("TEXT", False, False),
    "status": ("TEXT", True, True),
    "external_session_id": ("TEXT", False, False),
    "model": ("TEXT", False, False),
    "plan_model": ("TEXT", False, False),
    "small_model": ("TEXT", False, False),
    "built_in_tools": ("TEXT", False, False),
    "mcps": ("TEXT", False, False),
    "knowledges": ("TEXT", False, False),
    "configuration": ("TEXT", False, False),
    "accessible_paths": ("TEXT", False, False),
    "permission_mode": ("TEXT", False, False),
    "max_steps": ("INTEGER", False, False),
    "created_at": ("TEXT", True, True),
    "updated_at": ("TEXT", True, True),
}

LOG_COLUMNS = {
    "id": ("INTEGER", False, False),
    "session_id": ("TEXT", True, False),
    "parent_id": ("INTEGER", False, False),
    "role": ("TEXT", True, False),
    "type": ("TEXT", True, False),
    "content": ("TEXT", True, False),
    "metadata": ("TEXT", False, False),
    "created_at": ("TEXT", True, True),
    "updated_at": ("TEXT", True, True),
}


def count(connection: sqlite3.Connection, table: str) -> int:
    total: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return total


def add_chain(connection: sqlite3.Connection, length: int) -> None:
    """Logs in session 's', each the parent of the next."""
    connection.execute("DELETE FROM session_logs")
    connection.execute("DELETE FROM sqlite_sequence")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO session_logs (id, session_id, parent_id, role, type, content)"
        " SELECT i, 's', nullif(i - 1, 0), 'agent', 'action', '{}' FROM n",
        (length,),
    )
    assert count(connection, "session_logs") == length


def steps_of(connection: sqlite3.Connection, statement: str) -> int:
    """How many hundreds of virtual machine instructions the statement takes."""
    hundreds = 0

    def tick() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    connection.set_progress_handler(tick, 100)
    connection.execute(statement)
    connection.set_progress_handler(None, 100)
    return hundreds


@pytest.fixture
def as_of_002(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: Callable[..., None]
) -> sqlite3.Connection:
    """A database of this migration and the one before: later ones add columns."""
    connection = empty_database()
    for migration in migrations_up_to("002"):
        execute_all(connection, migration.up)
    insert(connection, "agents", id="a", name="n", model="m")
    return connection


@pytest.mark.parametrize(("table", "expected"), [("sessions", SESSION_COLUMNS), ("session_logs", LOG_COLUMNS)])
def test_the_tables_have_exactly_these_columns(
    as_of_002: sqlite3.Connection, table: str, expected: dict[str, tuple[str, bool, bool]]
) -> None:
    columns = {
        row["name"]: (row["type"], bool(row["notnull"]), row["dflt_value"] is not None)
        for row in as_of_002.execute(f"PRAGMA table_info({table})")
    }
    assert columns == expected


def test_a_session_of_an_agent_gets_the_defaults_and_overrides_nothing(
    as_of_002: sqlite3.Connection, insert: Insert
) -> None:
    insert(as_of_002, "sessions", main_agent_id="a")
    row = dict(as_of_002.execute("SELECT * FROM sessions").fetchone())
    assert len(row.pop("id")) == 36
    assert row.pop("created_at") == row.pop("updated_at")
    assert row == dict.fromkeys(row) | {"main_agent_id": "a", "status": "idle"}


def test_a_log_gets_a_number_and_times(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "session_logs", **LOG)
    row = dict(connection.execute("SELECT * FROM session_logs ORDER BY id DESC").fetchone())
    assert row.pop("created_at") == row.pop("updated_at")
    assert row == LOG | {"id": 2, "parent_id": None, "metadata": None}


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
    ],
)
def test_sessions_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "sessions", **{"main_agent_id": "a", column: value})


@pytest.mark.parametrize("status", ["idle", "running", "completed", "failed", "stopped"])
@pytest.mark.parametrize("permission_mode", [None, "readOnly", "acceptEdits", "bypassPermissions"])
def test_sessions_accepts_every_wire_value(
    connection: sqlite3.Connection, insert: Insert, status: str, permission_mode: str | None
) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a", status=status, permission_mode=permission_mode)
    row = connection.execute("SELECT * FROM sessions WHERE id = 't'").fetchone()
    assert (row["status"], row["permission_mode"]) == (status, permission_mode)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", 1),  # taken
        ("id", "one"),
        ("session_id", None),
        ("session_id", "nowhere"),
        ("parent_id", 0),
        ("parent_id", 99),
        ("parent_id", "first"),
        ("role", None),
        ("role", ""),
        ("role", "assistant"),
        ("type", None),
        ("type", ""),
        ("type", "Message"),
        ("content", None),
        ("content", b"{}"),
    ],
)
def test_session_logs_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    # SQLite calls a text in an INTEGER PRIMARY KEY a datatype mismatch, which is an IntegrityError of sqlite3, too.
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "session_logs", **{**LOG, column: value})


@pytest.mark.parametrize("role", ["user", "agent", "system", "tool"])
@pytest.mark.parametrize("type", ["message", "thought", "action", "observation"])
def test_session_logs_accepts_every_wire_value(
    connection: sqlite3.Connection, insert: Insert, role: str, type: str
) -> None:
    insert(connection, "session_logs", **{**LOG, "role": role, "type": type})
    row = connection.execute("SELECT * FROM session_logs ORDER BY id DESC").fetchone()
    assert (row["role"], row["type"]) == (role, type)


def test_a_parent_in_another_session_is_refused(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "sessions", id="t", main_agent_id="a")
    insert(connection, "session_logs", **{**LOG, "parent_id": 1})
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        insert(connection, "session_logs", **{**LOG, "session_id": "t", "parent_id": 1})
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("UPDATE session_logs SET session_id = 't' WHERE id = 2")


def test_a_log_that_is_a_parent_stays_until_its_children_go(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "session_logs", **{**LOG, "parent_id": 1})
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("DELETE FROM session_logs WHERE id = 1")
    connection.execute("DELETE FROM session_logs WHERE id IN (1, 2)")
    assert count(connection, "session_logs") == 0


def test_a_whole_subtree_goes_in_one_recursive_statement(connection: sqlite3.Connection) -> None:
    add_chain(connection, 5_000)
    connection.execute(
        "DELETE FROM session_logs WHERE id IN (WITH RECURSIVE subtree (id) AS ("
        " SELECT 11 UNION SELECT child.id FROM session_logs AS child JOIN subtree"
        " ON child.session_id = 's' AND child.parent_id = subtree.id) SELECT id FROM subtree)"
    )
    assert count(connection, "session_logs") == 10


def test_deleting_an_agent_takes_its_sessions_and_their_logs_and_nothing_else(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    insert(connection, "agents", id="b", name="n", model="m")
    insert(connection, "sessions", id="t", main_agent_id="b")
    insert(connection, "session_logs", **{**LOG, "session_id": "t"})
    connection.execute("DELETE FROM agents WHERE id = 'a'")
    assert [row["id"] for row in connection.execute("SELECT id FROM sessions")] == ["t"]
    assert [row["session_id"] for row in connection.execute("SELECT session_id FROM session_logs")] == ["t"]


@pytest.mark.parametrize("length", [5_000, 20_000])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM agents WHERE id = 'a'",
        "DELETE FROM sessions WHERE id = 's'",
        "DELETE FROM session_logs WHERE session_id = 's'",
        "DROP TABLE session_logs",
    ],
)
def test_a_chain_of_logs_of_any_length_can_be_deleted(
    connection: sqlite3.Connection, statement: str, length: int
) -> None:
    add_chain(connection, length)
    connection.execute(statement)
    if not statement.startswith("DROP"):
        assert count(connection, "session_logs") == 0
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_work_of_deleting_a_session_grows_with_its_logs_and_no_faster(connection: sqlite3.Connection) -> None:
    add_chain(connection, 5_000)
    one = steps_of(connection, "DELETE FROM sessions WHERE id = 's'")
    connection.execute("INSERT INTO sessions (id, main_agent_id) VALUES ('s', 'a')")
    add_chain(connection, 20_000)
    four = steps_of(connection, "DELETE FROM sessions WHERE id = 's'")
    assert four < 4.2 * one
