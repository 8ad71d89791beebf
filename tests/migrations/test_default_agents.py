from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]


@pytest.mark.parametrize("statement", ["DELETE FROM agents", "DELETE FROM agents WHERE id = 'a'"])
def test_a_default_agent_stays_under_raw_sql_until_it_is_none(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    insert(connection, "default_agents", agent_id="a")
    with pytest.raises(sqlite3.IntegrityError, match="default agent"):
        connection.execute(statement)
    connection.execute("DELETE FROM default_agents")
    connection.execute(statement)
    assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0


@pytest.mark.parametrize("value", ["", None, "a"])
def test_a_row_that_names_no_agent_or_one_twice_is_refused(
    connection: sqlite3.Connection, insert: Insert, value: object
) -> None:
    insert(connection, "default_agents", agent_id="a")
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "default_agents", agent_id=value)


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("006"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("007")
    insert(connection, "agents", id="a", name="n", model="m")
    for _ in range(2):
        execute_all(connection, migration.up)
        insert(connection, "default_agents", agent_id="a")
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
    connection.execute("DELETE FROM agents")
