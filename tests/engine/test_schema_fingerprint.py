from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdb import AgentDB, Migration, MigrationSet, Migrator, create_client_sync
from agentdb.engine.events import SchemaChanged
from agentdb.errors import AgentDBError

ONE, TWO, THREE = [
    Migration(f"{number:03}", f"t{number}", f"CREATE TABLE t{number} (x)", f"DROP TABLE t{number}")
    for number in (1, 2, 3)
]
FAILS = Migration("003", "fails", "INSERT INTO nowhere VALUES (1)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    assert told(path, ONE) == 0
    return path


def told(path: Path, *migrations: Migration, **more: Any) -> int:
    """How often a run tells that the schema has changed."""
    events: list[Any] = []
    with create_client_sync(path) as client:
        try:
            Migrator(client, migrations, on_event=events.append, **more).migrate()
        except AgentDBError:
            pass
    return len([event for event in events if isinstance(event, SchemaChanged)])


def by_hand(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in statements:
            connection.execute(sql)


@pytest.mark.parametrize(
    "sql",
    ["CREATE INDEX i ON t1 (x)", "CREATE TABLE z (x)", "ALTER TABLE t1 ADD COLUMN y", "CREATE VIEW v AS SELECT 1"],
)
def test_a_change_by_other_means_is_told_where_something_is_pending(path: Path, sql: str) -> None:
    by_hand(path, sql)
    assert told(path, ONE) == 0  # nothing is pending
    assert told(path, ONE, TWO) == 1
    assert told(path, ONE, TWO, THREE) == 0  # the new state is the known one now


def test_rows_statistics_and_the_audit_trail_are_no_change(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    own = [MigrationSet("own", [ONE])]
    with AgentDB.open(path, migrations=own) as db:
        db.audit.enable(["agents"])
        db.agents.create(name="n", model="m")
    by_hand(path, "ANALYZE", "VACUUM")
    events: list[Any] = []
    AgentDB.open(path, migrations=[MigrationSet("own", [ONE, TWO])], on_event=events.append).close()
    assert not any(isinstance(event, SchemaChanged) for event in events)


def test_sets_that_migrate_one_after_the_other_are_no_change_to_each_other(path: Path) -> None:
    assert told(path, TWO, table="other") == 0
    assert told(path, ONE, THREE) == 0


def test_a_run_that_fails_half_way_and_a_rollback_are_no_change(path: Path) -> None:
    assert told(path, ONE, TWO, FAILS) == 0
    assert told(path, ONE, TWO, THREE) == 0
    with create_client_sync(path) as client:
        Migrator(client, [ONE, TWO, THREE]).rollback(target="001")
    assert told(path, ONE, TWO) == 0


def test_where_the_last_run_was_killed_nothing_is_known_and_nothing_told(path: Path) -> None:
    by_hand(path, "INSERT INTO migrations (id, checksum) VALUES ('002', 'manual')", "CREATE TABLE t2 (x)")
    by_hand(path, "UPDATE migrations SET applied_at = '9999-01-01' WHERE id = '002'")
    assert told(path, ONE, TWO, THREE) == 0


def test_a_table_of_an_earlier_build_without_the_column_is_left_alone(path: Path) -> None:
    by_hand(path, "ALTER TABLE migrations DROP COLUMN schema_fingerprint", "CREATE TABLE z (x)")
    assert told(path, ONE, TWO) == 0
