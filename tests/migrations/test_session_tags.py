"""Tags of sessions are in an index of their own, which follows raw SQL."""

from __future__ import annotations

import sqlite3

TAGS = "SELECT tag, session_created, session_id FROM session_tags ORDER BY tag, session_id"
AT, LATER = "2024-05-17T12:30:15.123Z", "2024-05-18T12:30:15.123Z"


def tags(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return [tuple(row) for row in connection.execute(TAGS)]


def test_each_tag_of_a_session_is_there_once_and_follows_what_changes(
    connection: sqlite3.Connection,
) -> None:
    connection.execute(
        'INSERT INTO sessions (id, main_agent_id, created_at, tags_json) SELECT \'q\', id, ?, \'["b", "a", "b", 7, ["c"]]\' FROM agents',
        (AT,),
    )
    connection.execute("INSERT INTO sessions (id, main_agent_id, created_at) SELECT 't', id, ? FROM agents", (AT,))
    assert tags(connection) == [("a", AT, "q"), ("b", AT, "q")]
    connection.execute("UPDATE sessions SET tags_json = '[\"a\"]', created_at = ? WHERE id = 't'", (LATER,))
    connection.execute("UPDATE sessions SET tags_json = '[\"z\"]' WHERE id = 'q'")
    assert tags(connection) == [("a", LATER, "t"), ("z", AT, "q")]
    connection.execute("UPDATE sessions SET created_at = ?", (LATER,))
    connection.execute("UPDATE sessions SET id = 'u' WHERE id = 't'")
    assert tags(connection) == [("a", LATER, "u"), ("z", LATER, "q")]
    connection.execute("UPDATE sessions SET tags_json = NULL WHERE id = 'u'")
    connection.execute("DELETE FROM sessions WHERE id = 'q'")
    assert tags(connection) == []
