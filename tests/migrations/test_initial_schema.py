from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest

from agentdb.migrations import MIGRATIONS, get_migration

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]

UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

AGENT_COLUMNS = {
    # name: (type, NOT NULL, has a DEFAULT)
    "id": ("TEXT", True, True),
    "type": ("TEXT", True, True),
    "name": ("TEXT", True, False),
    "description": ("TEXT", False, False),
    "avatar": ("TEXT", False, False),
    "instructions": ("TEXT", False, False),
    "model": ("TEXT", True, False),
    "plan_model": ("TEXT", False, False),
    "small_model": ("TEXT", False, False),
    "built_in_tools": ("TEXT", False, False),
    "mcps": ("TEXT", False, False),
    "knowledges": ("TEXT", False, False),
    "accessible_paths": ("TEXT", False, False),
    "configuration": ("TEXT", False, False),
    "permission_mode": ("TEXT", True, True),
    "max_steps": ("INTEGER", True, True),
    "created_at": ("TEXT", True, True),
    "updated_at": ("TEXT", True, True),
}


def schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    # sqlite_sequence belongs to SQLite: it comes with the first AUTOINCREMENT and cannot be dropped.
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY type, name"
    )
    return [tuple(row) for row in rows]


def test_agents_has_exactly_these_columns(connection: sqlite3.Connection) -> None:
    columns = {
        row["name"]: (row["type"], bool(row["notnull"]), row["dflt_value"] is not None)
        for row in connection.execute("PRAGMA table_info(agents)")
    }
    assert columns == AGENT_COLUMNS


def test_every_table_is_strict(connection: sqlite3.Connection) -> None:
    # Virtual tables and those behind them are SQLite's own.
    tables = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    assert {row["name"] for row in tables} >= {"agents", "sessions", "session_logs", "messages"}
    assert [row["name"] for row in tables if not row["strict"]] == []


def test_an_agent_of_a_name_and_a_model_gets_the_defaults(connection: sqlite3.Connection, insert: Insert) -> None:
    connection.execute("DELETE FROM agents")
    before = connection.execute("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')").fetchone()[0]
    insert(connection, "agents", name="n", model="m")
    after = connection.execute("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')").fetchone()[0]
    row = dict(connection.execute("SELECT * FROM agents").fetchone())
    assert UUID_V4.fullmatch(row.pop("id"))
    assert row["created_at"] == row["updated_at"]
    assert before <= row.pop("created_at") <= after
    row.pop("updated_at")
    given = {"type": "custom", "name": "n", "model": "m", "permission_mode": "readOnly", "max_steps": 10}
    assert row == dict.fromkeys(AGENT_COLUMNS.keys() - {"id", "created_at", "updated_at"}) | given


def test_generated_ids_are_uuids_that_differ(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM agents")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO agents (name, model) SELECT 'n', 'm' FROM n"
    )
    ids = {row["id"] for row in connection.execute("SELECT id FROM agents")}
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
        ("type", "claudecode"),
        ("name", None),
        ("model", None),
        ("permission_mode", None),
        ("permission_mode", ""),
        ("permission_mode", "readonly"),
        ("max_steps", None),
        ("max_steps", -1),
        ("max_steps", 1.5),
        ("max_steps", "many"),
        ("name", b"bytes"),
    ],
)
def test_agents_refuses(connection: sqlite3.Connection, insert: Insert, column: str, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "agents", **{"name": "n", "model": "m", column: value})


@pytest.mark.parametrize("type", ["claudeCode", "codex", "custom"])
@pytest.mark.parametrize("permission_mode", ["readOnly", "acceptEdits", "bypassPermissions"])
def test_agents_accepts_every_wire_value(
    connection: sqlite3.Connection, insert: Insert, type: str, permission_mode: str
) -> None:
    insert(connection, "agents", id="b", name="", model="", type=type, permission_mode=permission_mode, max_steps=0)
    row = connection.execute("SELECT * FROM agents WHERE id = 'b'").fetchone()
    assert (row["type"], row["permission_mode"], row["max_steps"]) == (type, permission_mode, 0)


def test_ups_downs_and_ups_again_on_populated_tables_give_the_same_schema(
    empty_database: Open, insert: Insert, execute_all: Callable[..., None]
) -> None:
    connection = empty_database()
    stages = [schema(connection)]
    for migration in MIGRATIONS:
        execute_all(connection, migration.up)
        stages.append(schema(connection))
    for _ in range(2):
        insert(connection, "agents", id="a", name="n", model="m")
        insert(connection, "sessions", id="s", main_agent_id="a")
        parent = None
        for id in range(1, 2001):
            row = {"id": id, "parent_id": parent, "role": "tool", "type": "observation", "content": "{}"}
            insert(connection, "session_logs", session_id="s", **row)
            parent = id
            said = {"role": "tool", "content": f"no. {id}", "token_count": id}
            insert(connection, "messages", session_id="s", seq=id, **said)
        for migration, stage in zip(reversed(MIGRATIONS), reversed(stages[:-1]), strict=True):
            execute_all(connection, migration.down)
            assert schema(connection) == stage
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for migration, stage in zip(MIGRATIONS, stages[1:], strict=True):
            execute_all(connection, migration.up)
            assert schema(connection) == stage


def test_the_agents_survive_when_sessions_are_taken_back(
    connection: sqlite3.Connection, execute_all: Callable[..., None]
) -> None:
    before = [tuple(row) for row in connection.execute("SELECT * FROM agents")]
    execute_all(connection, get_migration("002").down)
    assert [tuple(row) for row in connection.execute("SELECT * FROM agents")] == before
    execute_all(connection, get_migration("002").up)
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0


def test_log_ids_start_again_only_with_the_table(
    connection: sqlite3.Connection, insert: Insert, execute_all: Callable[..., None]
) -> None:
    log = {"session_id": "s", "role": "user", "type": "message", "content": "1"}
    connection.execute("DELETE FROM session_logs")
    insert(connection, "session_logs", **log)
    assert connection.execute("SELECT max(id) FROM session_logs").fetchone()[0] == 2
    execute_all(connection, get_migration("002").down)
    execute_all(connection, get_migration("002").up)
    insert(connection, "sessions", id="s", main_agent_id="a")
    insert(connection, "session_logs", **log)
    assert connection.execute("SELECT max(id) FROM session_logs").fetchone()[0] == 1
