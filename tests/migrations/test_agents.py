from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest

Insert = Callable[..., None]

UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
AGENT = {"name": "n", "model": "m"}


def test_an_agent_of_a_name_and_a_model_gets_the_defaults(connection: sqlite3.Connection, insert: Insert) -> None:
    connection.execute("DELETE FROM agents")
    before = connection.execute("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')").fetchone()[0]
    insert(connection, "agents", **AGENT)
    after = connection.execute("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')").fetchone()[0]
    row = dict(connection.execute("SELECT * FROM agents").fetchone())
    assert UUID_V4.fullmatch(row.pop("id"))
    assert row["created_at"] == row["updated_at"]
    assert before <= row.pop("created_at") <= after
    row.pop("updated_at")
    given = {**AGENT, "type": "custom", "permission_mode": "readOnly", "max_steps": 10, "is_default": 0}
    assert row == dict.fromkeys(row) | given


@pytest.mark.parametrize(("table", "given"), [("agents", AGENT), ("sessions", {"main_agent_id": "a"})])
def test_generated_ids_are_uuids_that_differ(connection: sqlite3.Connection, table: str, given: dict[str, str]) -> None:
    names, marks = ", ".join(given), ", ".join(f":{name}" for name in given)
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        f" INSERT INTO {table} ({names}) SELECT {marks} FROM n",
        given,
    )
    ids = {row["id"] for row in connection.execute(f"SELECT id FROM {table} WHERE length(id) > 1")}
    assert len(ids) == 2000
    assert all(UUID_V4.fullmatch(id) for id in ids)
    assert {id[19] for id in ids} == set("89ab")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", None),
        ("id", ""),
        ("id", "a"),  # taken
        ("type", None),
        ("type", ""),
        ("name", None),
        ("name", b"bytes"),
        ("model", None),
        ("permission_mode", None),
        ("permission_mode", ""),
        ("permission_mode", "readonly"),
        ("max_steps", None),
        ("max_steps", -1),
        ("max_steps", 1.5),
        ("max_steps", "many"),
        ("is_default", None),
        ("is_default", 2),
        ("is_default", -1),
    ],
)
def test_agents_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "agents", **AGENT | {column: value})


@pytest.mark.parametrize("type", ["claudeCode", "codex", "custom", "of a host"])
@pytest.mark.parametrize("permission_mode", ["readOnly", "acceptEdits", "bypassPermissions"])
def test_agents_accepts_every_mode_and_any_type(
    connection: sqlite3.Connection, insert: Insert, type: str, permission_mode: str
) -> None:
    insert(connection, "agents", id="b", name="", model="", type=type, permission_mode=permission_mode, max_steps=0)
    row = connection.execute("SELECT * FROM agents WHERE id = 'b'").fetchone()
    assert (row["type"], row["permission_mode"], row["max_steps"]) == (type, permission_mode, 0)


def test_one_agent_at_most_is_the_default(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "agents", id="b", is_default=1, **AGENT)
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: agents\.is_default"):
        insert(connection, "agents", id="c", is_default=1, **AGENT)
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: agents\.is_default"):
        connection.execute("UPDATE agents SET is_default = 1 WHERE id = 'a'")
    connection.execute("UPDATE agents SET is_default = 0")
    connection.execute("UPDATE agents SET is_default = 1 WHERE id = 'a'")
    connection.execute("UPDATE agents SET is_default = 1 WHERE id = 'a'")


@pytest.mark.parametrize("statement", ["DELETE FROM agents", "DELETE FROM agents WHERE id = 'a'"])
def test_the_default_agent_stays_until_it_is_the_default_no_more(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    insert(connection, "agents", id="b", **AGENT)
    connection.execute("UPDATE agents SET is_default = 1 WHERE id = 'a'")
    with pytest.raises(sqlite3.IntegrityError, match="make another one the default before you delete it"):
        connection.execute(statement)
    assert connection.execute("SELECT count(*) FROM agents").fetchone()[0] == 2
    connection.execute("DELETE FROM agents WHERE id = 'b'")  # not the default one
    connection.execute("UPDATE agents SET is_default = 0")
    connection.execute(statement)
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0


def test_deleting_an_agent_takes_its_sessions_and_their_logs_and_nothing_else(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    insert(connection, "agents", id="b", **AGENT)
    insert(connection, "sessions", id="t", main_agent_id="b")
    insert(connection, "session_logs", session_id="t", role="user", type="message", content="1")
    connection.execute("DELETE FROM agents WHERE id = 'a'")
    assert [row["id"] for row in connection.execute("SELECT id FROM sessions")] == ["t"]
    assert [row["session_id"] for row in connection.execute("SELECT session_id FROM session_logs")] == ["t"]
