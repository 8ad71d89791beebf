"""messages.in_transcript is generated and part of a UNIQUE constraint: SQLite's own tools and a rebuild keep it right."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from search_index import check_search_index

import agentdb
from agentdb import AgentDB, Migration, Migrator, RebuildTable, create_client_sync
from agentdb.migrations import MIGRATIONS, get_migration

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]
AT = "2024-01-01T00:00:00.000Z"


def fill(connection: sqlite3.Connection, insert: Insert) -> None:
    """In session 's' messages of the transcript, a summary, a removed one, and one in whose place another stands."""
    insert(connection, "agents", id="a", name="n", model="m")
    insert(connection, "sessions", id="s", main_agent_id="a")
    for seq in (1, 2, 3):
        insert(
            connection, "messages", session_id="s", seq=seq, role="user", content=f"no. {seq}", external_id=f"x{seq}"
        )
    insert(connection, "messages", session_id="s", seq=2, role="system", content="in short", is_summary=1)
    connection.execute("UPDATE messages SET removed_at = ? WHERE id = 3", (AT,))
    insert(connection, "messages", session_id="s", seq=3, role="user", content="instead", token_count=5)


@pytest.fixture
def path(tmp_path: Path, insert: Insert) -> Path:
    path = tmp_path / "agents.db"
    AgentDB.open(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    fill(connection, insert)
    connection.close()
    return path


def state(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    tables = ("agents", "sessions", "messages", "sqlite_sequence")
    return [tuple(row) for table in tables for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]


def assert_right(connection: sqlite3.Connection, before: list[tuple[Any, ...]]) -> None:
    """The rows are as they were, the checks find nothing, and the constraint, guards and counters work."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    assert state(connection) == before
    for pragma in ("integrity_check", "quick_check"):
        assert [tuple(row) for row in connection.execute(f"PRAGMA {pragma}")] == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    check_search_index(connection.execute)
    seqs = connection.execute("SELECT id FROM messages WHERE session_id = 's' AND in_transcript = 1 ORDER BY seq")
    assert [row[0] for row in seqs] == [1, 2, 5]
    for statement, match in (
        ("INSERT INTO messages (session_id, seq, role) VALUES ('s', 3, 'user')", "UNIQUE constraint failed"),
        ("UPDATE messages SET removed_at = NULL WHERE id = 3", "UNIQUE constraint failed"),
        ("REPLACE INTO messages (session_id, seq, role) VALUES ('s', 3, 'user')", "never replaced"),
    ):
        with pytest.raises(sqlite3.IntegrityError, match=match):
            connection.execute(statement)
    connection.execute("BEGIN")
    new = connection.execute("INSERT INTO messages (session_id, seq, role) VALUES ('s', 4, 'user') RETURNING id")
    assert new.fetchone()[0] == 6
    assert connection.execute("SELECT last_seq, message_count FROM sessions").fetchone() == (4, 4)
    connection.execute("ROLLBACK")


@pytest.mark.parametrize("statement", ["REINDEX", "REINDEX sqlite_autoindex_messages_1", "VACUUM", "ANALYZE"])
def test_it_stays_right_under(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    before = state(connection)
    connection.execute(statement)
    assert_right(connection, before)
    connection.close()


def test_it_stays_right_in_a_backup_and_in_a_copy_by_vacuum(path: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    before = state(connection)
    connection.execute("VACUUM INTO ?", (str(tmp_path / "vacuumed.db"),))
    agentdb.backup(path, tmp_path / "backup.db")
    memory = sqlite3.connect(":memory:")
    connection.backup(memory)
    copies = [memory, *(sqlite3.connect(tmp_path / name) for name in ("vacuumed.db", "backup.db"))]
    for copy in copies:
        assert_right(copy, before)
        copy.close()
    connection.close()


def test_it_stays_right_in_what_the_shell_dumps_and_reads(path: Path, tmp_path: Path) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("there is no sqlite3 shell here")
    dumped = subprocess.run([shell, path, ".dump"], capture_output=True, check=True).stdout
    copy = tmp_path / "copy.db"
    subprocess.run([shell, copy], input=dumped, capture_output=True, check=True)
    original, connection = sqlite3.connect(path), sqlite3.connect(copy)
    assert_right(connection, state(original))
    original.close()
    connection.close()


def test_a_host_can_rebuild_the_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    before = state(connection)
    connection.close()
    create = get_migration("003").up[0]
    assert isinstance(create, str)
    changed = create.replace("role TEXT NOT NULL CHECK (role <> '')", "role TEXT NOT NULL CHECK (length(role) > 0)")
    assert changed != create
    with create_client_sync(str(path)) as client:
        assert Migrator(client, MIGRATIONS).migrate() == []
        own = [Migration("001", "Roles", RebuildTable("messages", changed))]
        Migrator(client, own, table="host_migrations", backup=False).migrate()
    connection = sqlite3.connect(path)
    sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'messages'").fetchone()[0]
    assert "length(role)" in sql
    assert_right(connection, before)
    connection.close()
