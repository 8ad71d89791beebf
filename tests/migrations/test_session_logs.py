from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

Insert = Callable[..., None]

LOG = {"session_id": "s", "role": "agent", "type": "thought", "content": "{}"}


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


def test_a_log_gets_a_number_and_times(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "session_logs", **LOG)
    row = dict(connection.execute("SELECT * FROM session_logs ORDER BY id DESC").fetchone())
    assert row.pop("created_at") == row.pop("updated_at")
    assert row == LOG | {"id": 2, "parent_id": None, "metadata": None}


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


def test_no_log_is_its_own_parent_and_an_id_is_not_given_again(connection: sqlite3.Connection, insert: Insert) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="parent_id_is_another_log"):
        connection.execute("UPDATE session_logs SET parent_id = id")
    connection.execute("DELETE FROM session_logs")
    insert(connection, "session_logs", **LOG)
    assert connection.execute("SELECT max(id) FROM session_logs").fetchone()[0] == 2
