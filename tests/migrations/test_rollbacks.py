"""Ups and downs on populated tables: each leaves the schema as it was, and what is not its own untouched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import pytest

import agentdb
from agentdb import migrations
from agentdb.migrations import MIGRATIONS, get_migration, migrations_up_to

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]

AT = "2024-01-01T00:00:00.000Z"


def schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    # sqlite_sequence belongs to SQLite: it comes with the first AUTOINCREMENT and cannot be dropped.
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY type, name"
    )
    return [tuple(row) for row in rows]


def rows_of(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]


#: A row of each later table, whose migrations change no row of the tables before them.
LATER: dict[str, dict[str, Any]] = {
    "session_events": {"session_id": "s", "sequence": 1, "event_type": "x", "event_data_json": "[1]"},
    "session_event_sequences": {"session_id": "s", "last_sequence": 7},
    "session_metrics": {"session_id": "s", "metric_type": "x", "metric_value": 1.5},
    "agent_metrics": {"agent_id": "a", "metric_type": "x", "metric_value": 1.5},
    "agent_versions": {"agent_id": "a", "version_number": "1.1.0", "sort_key": "x", "snapshot_json": "{}"},
    "module_states": {"id": "m", "module_id": "m", "version": 1, "state_hash": "0" * 64, "state_json": "{}"},
    "state_transitions": {"state_id": "m", "trigger_type": "x"},
    "memories": {"id": "m", "agent_id": "a", "session_id": "s", "text": "likes tea", "content_json": '"likes tea"'},
    "memory_links": {"memory_id": "m", "related_id": "n"},
    "memory_accesses": {"memory_id": "m"},
    "memory_annotations": {"memory_id": "m", "kind": "verification"},
    "memory_embeddings": {"memory_id": "m", "model": "x", "dimensions": 1, "vector": b"\0\0\x80?"},
    "attachment_contents": {"sha256": "0" * 64, "size": 1},
    "attachment_pieces": {"sha256": "0" * 64, "piece": 0, "data": b"x"},
    "attachments": {"session_id": "s", "sha256": "0" * 64, "name": "a.txt"},
    "audit_log": {"table_name": "gone", "row_key_json": "[1]", "action": "delete", "before_json": "{}"},
    "audit_tables": {"table_name": "gone", "known_since": AT},
}
#: What is empty but in the middle of a statement, a transaction or a migration.
EMPTY = {"audit_actor", "audit_replaced", "audit_snapshot"}


def fill(connection: sqlite3.Connection, insert: Insert, logs: int = 1500) -> None:
    """Rows in each table that is there: a chain of logs, messages of which some are out of the context, an archive."""
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    insert(connection, "agents", id="a", name="n", model="m", is_default=1)
    if "sessions" in tables:
        insert(connection, "sessions", id="s", main_agent_id="a", tags_json='["work"]')
        for id in range(1, logs + 1):
            row = {"id": id, "parent_id": id - 1 or None, "role": "tool", "type": "observation", "content": "{}"}
            insert(connection, "session_logs", session_id="s", **row)
    if "messages" in tables:
        for seq in range(1, 11):
            insert(connection, "messages", session_id="s", seq=seq, role="tool", content=f"no. {seq}", token_count=seq)
    if "agent_contexts" in tables:
        insert(connection, "agent_contexts", session_id="s", current_agent="a")
        insert(connection, "agent_switches", session_id="s", from_agent="a", to_agent="b")
    if "compaction_events" in tables:
        compact(connection, insert)
    for table, row in LATER.items():
        if table in tables:
            if table == "memories":
                insert(connection, table, **{**row, "id": "n", "supersedes_id": None})
            insert(connection, table, **row)


def compact(connection: sqlite3.Connection, insert: Insert) -> None:
    """Event 1 takes messages 1 to 3 out; 2 and 3 prune message 5 twice; a summary, 11, and one of raw SQL, 12."""
    counts = {"original_tokens": 9, "compacted_tokens": 3, "messages_removed": 3, "summary_content": "in short"}
    for strategy in ("summary", "pruning", "pruning"):
        event = {"strategy": strategy, "preserved_message_ids_json": "[]"}
        insert(connection, "compaction_events", session_id="s", **event, **counts)
    for event_id in (2, 3):
        insert(
            connection,
            "message_archive",
            event_id=event_id,
            message_id=5,
            content=f"no. 5 of {event_id}",
            token_count=event_id,
        )
    connection.execute("UPDATE messages SET compaction_event_id = 1 WHERE id <= 3")
    connection.execute("UPDATE messages SET content = 'gone', token_count = 1 WHERE id = 5")
    for id in (11, 12):
        insert(
            connection,
            "messages",
            id=id,
            session_id="s",
            seq=3,
            role="system",
            content="in short",
            is_summary=1,
            token_count=7,
        )
    connection.execute("UPDATE compaction_events SET summary_message_id = 11 WHERE id = 1")


def test_every_table_has_a_row_for_these_tests(connection: sqlite3.Connection, insert: Insert) -> None:
    connection.execute("DELETE FROM agents")
    fill(connection, insert)
    listed = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    assert {name for (name,) in map(tuple, listed) if not rows_of(connection, name)} == EMPTY


@pytest.fixture
def stages(empty_database: Open, execute_all: ExecuteAll) -> list[list[tuple[str, ...]]]:
    """The schema before the first migration and after each."""
    connection = empty_database()
    found = [schema(connection)]
    for migration in MIGRATIONS:
        execute_all(connection, migration.up)
        found.append(schema(connection))
    return found


def test_the_migrations_are_valid_without_an_error_or_a_warning() -> None:
    result = agentdb.validate_migrations(migrations)
    assert result.is_valid
    assert (result.errors, result.warnings) == ((), ())


def test_ups_downs_and_ups_again_on_populated_tables_give_the_same_schema(
    connection: sqlite3.Connection, insert: Insert, execute_all: ExecuteAll, stages: list[list[tuple[str, ...]]]
) -> None:
    connection.execute("DELETE FROM agents")
    for _ in range(2):
        fill(connection, insert)
        for migration, stage in zip(reversed(MIGRATIONS), reversed(stages[:-1]), strict=True):
            execute_all(connection, migration.down)
            assert schema(connection) == stage
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for migration, stage in zip(MIGRATIONS, stages[1:], strict=True):
            execute_all(connection, migration.up)
            assert schema(connection) == stage


@pytest.mark.parametrize("id", [migration.id for migration in MIGRATIONS[1:]])
def test_an_up_keeps_every_row_of_the_version_before_and_its_down_leaves_them_as_they_were(
    empty_database: Open, insert: Insert, execute_all: ExecuteAll, stages: list[list[tuple[str, ...]]], id: str
) -> None:
    connection = empty_database()
    migration = get_migration(id)
    for earlier in migrations_up_to(id)[:-1]:
        execute_all(connection, earlier.up)
    fill(connection, insert)
    tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    kept = [name for name in tables if not name.startswith("sqlite_")]
    before = {name: rows_of(connection, name) for name in kept}
    for _ in range(2):
        execute_all(connection, migration.up)
        assert {name: rows_of(connection, name) for name in kept} == before
        execute_all(connection, migration.down)
        assert {name: rows_of(connection, name) for name in kept} == before
        assert schema(connection) == stages[int(id) - 1]


def test_a_rollback_of_compaction_restores_what_stood_and_keeps_the_summaries_as_removed(
    connection: sqlite3.Connection, insert: Insert, execute_all: ExecuteAll
) -> None:
    connection.execute("DELETE FROM agents")
    fill(connection, insert)
    assert connection.execute("SELECT compaction_count FROM sessions").fetchone()[0] == 3
    before = {row["id"]: row for row in rows_of(connection, "messages")}
    execute_all(connection, get_migration("006").down)
    after = {row["id"]: row for row in rows_of(connection, "messages")}
    assert after.keys() == before.keys()
    for id in (11, 12):
        removed_at = after[id]["removed_at"]
        assert removed_at > AT
        assert after[id] == before[id] | {"removed_at": removed_at}
    restored = {id: before[id] | {"compaction_event_id": None} for id in range(1, 11)}
    restored[5] |= {"content": "no. 5 of 2", "token_count": 2}  # the first original
    assert {id: after[id] for id in range(1, 11)} == restored
    tokens = sum(row["token_count"] for row in restored.values())
    session = rows_of(connection, "sessions")[0]
    assert (session["compaction_count"], session["message_count"], session["last_seq"]) == (0, 10, 10)
    assert (session["total_tokens"], session["context_tokens"]) == (tokens, tokens)
    found = connection.execute("SELECT rowid FROM messages_fts WHERE messages_fts MATCH ?", ('"no. 5 of 2"',))
    assert [row[0] for row in found] == [5]
    execute_all(connection, get_migration("006").up)
    insert(connection, "messages", session_id="s", seq=11, role="user")


def test_a_rollback_of_messages_leaves_no_count_of_them_and_gives_no_seq_again(
    connection: sqlite3.Connection, insert: Insert, execute_all: ExecuteAll
) -> None:
    connection.execute("DELETE FROM agents")
    fill(connection, insert)
    for id in ("006", "005", "004", "003"):
        execute_all(connection, get_migration(id).down)
    (session,) = rows_of(connection, "sessions")
    counters = ("last_seq", "message_count", "total_tokens", "context_tokens", "compaction_count")
    assert [session[name] for name in counters] == [10, 0, 0, 0, 0]
    execute_all(connection, get_migration("003").up)
    connection.execute("INSERT INTO messages (session_id, seq, role) SELECT id, last_seq + 1, 'user' FROM sessions")
    (session,) = rows_of(connection, "sessions")
    assert [session[name] for name in counters] == [11, 1, 0, 0, 0]


def test_a_rollback_of_sessions_keeps_the_agents_and_their_guards(
    connection: sqlite3.Connection, execute_all: ExecuteAll
) -> None:
    before = rows_of(connection, "agents")
    for migration in reversed(MIGRATIONS[1:]):
        execute_all(connection, migration.down)
    assert rows_of(connection, "agents") == before
    with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
        connection.execute("REPLACE INTO agents (id, name, model) VALUES ('a', 'x', 'y')")
    execute_all(connection, get_migration("002").up)
    assert rows_of(connection, "sessions") == []
