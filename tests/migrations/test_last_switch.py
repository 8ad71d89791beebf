from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]

EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"


def test_the_down_leaves_a_populated_database_as_it_was_before(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for earlier in migrations_up_to("011"):
        execute_all(connection, earlier.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    migration = get_migration("012")
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    insert(connection, "agent_contexts", session_id="s", current_agent="planner")
    for _ in range(2):
        insert(connection, "agent_switches", session_id="s", from_agent="a", to_agent="b", switched_at=EARLY)
        insert(connection, "agent_switches", session_id="s", from_agent="b", to_agent="c", switched_at=LATE)
        execute_all(connection, migration.up)
        connection.execute("DELETE FROM agent_switches WHERE to_agent = 'c'")
        row = connection.execute("SELECT switch_count, last_switch_at FROM agent_contexts").fetchone()
        assert tuple(row) == (1, EARLY)
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
        connection.execute("DELETE FROM agent_switches")
