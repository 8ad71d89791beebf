from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from agentdb.queries import agents

Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

# What else an agent has; these statements leave it alone.
ADDED = {"specializations_json": None, "metadata_json": None, "is_default": 0}
EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"
FULL = {
    "id": "full",
    "type": "codex",
    "name": "Name",
    "description": "",
    "avatar": "🤖",
    "instructions": "Do\0it",
    "model": "large",
    "plan_model": "medium",
    "small_model": "",
    "built_in_tools": '["a"]',
    "mcps": "[]",
    "knowledges": "[1, 2]",
    "accessible_paths": '["/"]',
    "configuration": '{"a": null}',
    "permission_mode": "acceptEdits",
    "max_steps": 0,
    "created_at": EARLY,
    "updated_at": LATE,
}


def test_what_is_inserted_is_what_is_read(connection: sqlite3.Connection, fetch: Fetch) -> None:
    connection.execute(agents.INSERT, FULL)
    assert fetch(connection, agents.GET_BY_ID, id="full") == [FULL | ADDED]
    assert fetch(connection, agents.GET_BY_ID, id="other") == []


def test_null_for_a_column_with_a_default_inserts_the_default(
    connection: sqlite3.Connection, fetch: Fetch, add_agent: Add
) -> None:
    add_agent(connection, id=None)
    (row,) = fetch(connection, agents.LIST)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", row["id"])
    assert (row["type"], row["permission_mode"], row["max_steps"]) == ("custom", "readOnly", 10)
    assert row["created_at"] == row["updated_at"] > LATE
    unset = ("description", "plan_model", "built_in_tools", "mcps", "knowledges", "accessible_paths", "configuration")
    assert [row[name] for name in unset] == [None] * len(unset)


def test_the_defaults_of_insert_are_those_of_the_table(
    connection: sqlite3.Connection, fetch: Fetch, add_agent: Add
) -> None:
    add_agent(connection)
    connection.execute("INSERT INTO agents (id, name, model) VALUES ('b', 'n', 'm')")
    one, other = ({**row, "id": 0, "created_at": 0, "updated_at": 0} for row in fetch(connection, agents.LIST))
    assert one == other


def test_generated_ids_differ(connection: sqlite3.Connection, fetch: Fetch, add_agent: Add) -> None:
    for _ in range(100):
        add_agent(connection, id=None)
    assert len({row["id"] for row in fetch(connection, agents.LIST)}) == 100


def test_update_replaces_everything_but_type_and_created_at(connection: sqlite3.Connection, fetch: Fetch) -> None:
    connection.execute(agents.INSERT, FULL)
    connection.execute(agents.INSERT, FULL | {"id": "other"})
    new = {
        "id": "full",
        "name": "New",
        "description": None,
        "avatar": "",
        "instructions": None,
        "model": "m2",
        "plan_model": None,
        "small_model": "s",
        "built_in_tools": None,
        "mcps": '["m"]',
        "knowledges": "[]",
        "accessible_paths": None,
        "configuration": "{}",
        "permission_mode": "bypassPermissions",
        "max_steps": 7,
        "updated_at": "2024-01-03T00:00:00.000Z",
    }
    connection.execute(agents.UPDATE, new)
    assert fetch(connection, agents.GET_BY_ID, id="full") == [new | ADDED | {"type": "codex", "created_at": EARLY}]
    assert fetch(connection, agents.GET_BY_ID, id="other") == [FULL | ADDED | {"id": "other"}]


def test_null_in_update_means_what_it_means_in_insert(connection: sqlite3.Connection, fetch: Fetch) -> None:
    connection.execute(agents.INSERT, FULL)
    connection.execute(agents.UPDATE, {**dict.fromkeys(FULL), "id": "full", "name": "n", "model": "m"})
    (row,) = fetch(connection, agents.GET_BY_ID, id="full")
    assert row.pop("updated_at") > LATE
    kept = {"id": "full", "type": "codex", "name": "n", "model": "m", "created_at": EARLY}
    assert row == dict.fromkeys(row) | ADDED | kept | {"permission_mode": "readOnly", "max_steps": 10}


@pytest.mark.parametrize("column", ["name", "model"])
def test_an_agent_without_a_name_or_model_is_refused(connection: sqlite3.Connection, column: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(agents.INSERT, FULL | {column: None})
    connection.execute(agents.INSERT, FULL)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(agents.UPDATE, FULL | {column: None})


def test_the_list_is_newest_first_with_the_id_as_tie_break(
    connection: sqlite3.Connection, fetch: Fetch, add_agent: Add
) -> None:
    for id, created_at in [("b", EARLY), ("d", EARLY), ("c", LATE), ("a", EARLY)]:
        add_agent(connection, id=id, created_at=created_at)
    assert [row["id"] for row in fetch(connection, agents.LIST)] == ["c", "d", "b", "a"]


def test_count_exists_and_delete_agree(
    connection: sqlite3.Connection, fetch: Fetch, add_agent: Add, add_session: Add
) -> None:
    assert fetch(connection, agents.COUNT) == [{"total": 0}]
    assert fetch(connection, agents.CHECK_EXISTS, id="a") == []
    add_agent(connection)
    add_agent(connection, id="b")
    add_session(connection)
    assert fetch(connection, agents.COUNT) == [{"total": 2}]
    assert len(fetch(connection, agents.CHECK_EXISTS, id="a")) == 1
    connection.execute(agents.DELETE, {"id": "a"})
    assert [row["id"] for row in fetch(connection, agents.LIST)] == ["b"]
    assert fetch(connection, "SELECT count(*) AS total FROM sessions") == [{"total": 0}]


def test_create_and_change_write_every_column_that_a_caller_may_give(
    connection: sqlite3.Connection, fetch: Fetch
) -> None:
    more = {"specializations_json": '["x"]', "metadata_json": "{}"}
    connection.execute(agents.CREATE, FULL | more)
    assert fetch(connection, agents.GET_BY_ID, id="full") == [FULL | ADDED | more]
    new = dict.fromkeys(FULL | more) | {"id": "full", "name": "n", "model": "m", "permission_mode": "readOnly"}
    new |= {"max_steps": 1, "updated_at": LATE}
    connection.execute(agents.CHANGE, {name: new[name] for name in new if name not in ("type", "created_at")})
    kept = {"type": "codex", "created_at": EARLY}
    assert fetch(connection, agents.GET_BY_ID, id="full") == [new | {"is_default": 0} | kept]


def test_one_agent_at_most_is_the_default(connection: sqlite3.Connection, fetch: Fetch, add_agent: Add) -> None:
    for id in ("a", "b"):
        add_agent(connection, id=id)
    assert fetch(connection, agents.GET_DEFAULT) == []
    for id in ("a", "b", "b"):
        connection.execute(agents.CLEAR_DEFAULT, {"id": id})
        connection.execute(agents.SET_DEFAULT, {"id": id})
        assert [row["id"] for row in fetch(connection, agents.GET_DEFAULT)] == [id]
