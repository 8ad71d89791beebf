"""A file full of rows, made by a build of each earlier version: opened by this one, nothing is lost; and rolled back again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from test_rollbacks import fill, schema

from agentdb import AgentDB, Migrator, create_client_sync
from agentdb.migrations import MIGRATIONS, migrations_up_to

Insert = Callable[..., None]
Rows = dict[str, list[dict[str, Any]]]


def look(path: Path) -> tuple[Rows, list[tuple[str, ...]]]:
    """The rows of every table, and the schema."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        assert [tuple(row) for row in connection.execute("PRAGMA foreign_key_check")] == []
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        listed = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        names = [name for (name,) in listed if name != "migrations"]
        rows = {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1")] for name in names}
        return rows, schema(connection)


def older_file(path: Path, id: str, insert: Insert) -> None:
    with create_client_sync(path) as client:
        Migrator(client, migrations_up_to(id)).migrate()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        fill(connection, insert, logs=30)


def read_all(db: AgentDB, id: str) -> None:
    """Every store reads what the older build wrote, and writes beside it."""
    number = int(id)
    assert [agent.id for agent in db.agents.list().items] == ["a"]
    assert [version.version_number for version in db.agent_versions.list("a").items] == [
        "1.1.0" if number >= 9 else "1.0.0"
    ]
    assert [session.id for session in db.sessions.list().items] == ["s"] * (number >= 2)
    if number < 2:
        db.sessions.create(id="s", main_agent_id="a")
    assert db.session_logs.count("s") == 30 * (number >= 2)
    messages = db.messages.load("s")
    assert [message.content for message in messages] == [
        "gone" if seq == 5 and number >= 6 else f"no. {seq}" for seq in range(1, 11) if number >= 3
    ]
    if messages:
        assert db.messages.search("no. 7").items[0].message.seq == 7
    assert (db.agent_contexts.get("s") is not None) == (number >= 5)
    assert len(db.compactions.history("s").items) == 3 * (number >= 6)
    assert db.session_events.append("s", event_type="new").sequence == (8 if number >= 7 else 1)
    assert len(db.session_metrics.series("s", "x").items) == (number >= 8)
    assert db.module_states.upsert("m", {"new": True}).version == (2 if number >= 10 else 1)
    assert {memory.id for memory in db.memories.list().items} == ({"m", "n"} if number >= 11 else set())
    assert len(db.memories.recall("tea")) == 2 * (number >= 11)
    db.messages.append("s", role="user", content="and on")
    db.memories.create(content="new")


@pytest.mark.parametrize("id", [migration.id for migration in MIGRATIONS[:-1]])
def test_a_file_of_each_earlier_version_is_upgraded_with_every_row_and_rolled_back(
    tmp_path: Path, insert: Insert, id: str
) -> None:
    path = tmp_path / "agents.db"
    older_file(path, id, insert)
    before, older_schema = look(path)
    assert before["agents"]
    with AgentDB.open(path):
        pass
    after, _ = look(path)
    assert after.keys() >= before.keys()
    for table, rows in before.items():
        # A later version may have more columns, and never another value in those that were there.
        assert [{name: row[name] for name in old} for old, row in zip(rows, after[table], strict=True)] == rows, table
    with AgentDB.open(path) as db:
        db.migrator.rollback(target=id)
    assert look(path) == (before, older_schema)
    with AgentDB.open(path) as db:
        read_all(db, id)
