from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest

from agentdb.migrations import get_migration, migrations_up_to

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]

MOST = 2**53 - 1


def totals(connection: sqlite3.Connection) -> tuple[int, int]:
    sql = "SELECT message_count, total_tokens FROM sessions WHERE id = 's'"
    return tuple(connection.execute(sql).fetchone())


def test_counts_beyond_what_a_sum_can_hold_are_refused_under_raw_sql(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    for count in (MOST + 1, 2**63 - 1):
        with pytest.raises(sqlite3.IntegrityError, match="total_tokens would be more than 9007199254740991"):
            insert(connection, "messages", session_id="s", seq=1, role="user", token_count=count)
    insert(connection, "messages", session_id="s", seq=1, role="user", token_count=MOST)
    with pytest.raises(sqlite3.IntegrityError, match="give smaller token counts"):
        insert(connection, "messages", session_id="s", seq=2, role="user", token_count=1)
    insert(connection, "messages", session_id="s", seq=2, role="user", token_count=0)
    with pytest.raises(sqlite3.IntegrityError, match="give smaller token counts"):
        connection.execute("UPDATE messages SET token_count = token_count + 1")
    assert totals(connection) == (2, MOST)


def test_a_total_from_before_that_is_larger_may_go_down_and_the_down_leaves_all_as_it_was(
    empty_database: Callable[[], sqlite3.Connection], insert: Insert, execute_all: ExecuteAll
) -> None:
    connection = empty_database()
    for migration in migrations_up_to("012"):
        execute_all(connection, migration.up)
    before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    for seq, count in enumerate((2**62, 2**62 - 1, 7), 1):
        insert(connection, "messages", session_id="s", seq=seq, role="user", token_count=None)
        connection.execute("UPDATE messages SET token_count = ? WHERE seq = ? AND ? > 7", (count, seq, count))
    migration = get_migration("013")
    for gone in (1, 2):
        execute_all(connection, migration.up)
        connection.execute("DELETE FROM messages WHERE seq = ?", (gone,))
        execute_all(connection, migration.down)
        after = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert totals(connection) == (1, 0)
