"""Two versions of an application on one file, and two applications."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, outside, tables

from agentdb import AgentDB, AsyncAgentDB, Migration
from agentdb.database import APPLICATION_ID
from agentdb.engine.events import NewerSchemaAccepted
from agentdb.errors import DatabaseTooNewError, InvalidArgumentError, StorageError

OLD = [make(1), make(2)]
ADDS = Migration(
    "003", "adds", "ALTER TABLE t1 ADD COLUMN more", "ALTER TABLE t1 DROP COLUMN more", backward_compatible=True
)
MORE = Migration("004", "more", "CREATE TABLE t4 (x)", "DROP TABLE t4", backward_compatible=True)
BREAKS = make(5)


def test_an_older_build_opens_what_is_all_backward_compatible_with_a_warning(db: Database, path: Path) -> None:
    db.migrator([*OLD, ADDS, MORE]).migrate()
    assert ask(path, "SELECT backward_compatible FROM migrations ORDER BY id") == [(0,), (0,), (1,), (1,)]
    events: list[Any] = []
    older = db.migrator(OLD, on_event=events.append)
    before = ask(path, "SELECT * FROM migrations")
    assert older.migrate() == []
    assert [event for event in events if isinstance(event, NewerSchemaAccepted)] == [
        NewerSchemaAccepted(("003", "004"))
    ]
    assert older.migrate(dry_run=True) == []
    assert ask(path, "SELECT * FROM migrations") == before
    result = older.validate_migrations()
    assert result.is_valid
    assert [finding.code for finding in result.warnings] == ["newer_database", "newer_database"]


@pytest.mark.parametrize("newer", [[BREAKS], [ADDS, MORE, BREAKS], [ADDS, BREAKS]])
def test_it_refuses_what_is_not(db: Database, path: Path, newer: list[Migration]) -> None:
    db.migrator([*OLD, *newer]).migrate()
    older = db.migrator(OLD)
    error = caught(older.migrate)
    assert type(error) is DatabaseTooNewError
    assert (error.code, error.migration_id) == ("unknown_migration", "005")
    assert "this build ends at 002" in error.message
    assert "agentdb rollback --target" in error.remedy
    assert not older.validate_migrations().is_valid
    # What it says to do does it, in the build that has never heard of them.
    older.rollback(target="002")
    assert older.migrate() == []


def test_one_that_was_not_brought_to_its_end_is_not_borne(db: Database, path: Path) -> None:
    db.migrator([*OLD, ADDS]).migrate()
    db.execute("UPDATE migrations SET in_progress = 'up' WHERE id = '003'")
    assert type(caught(db.migrator(OLD).migrate)) is DatabaseTooNewError


def test_what_is_edited_is_told_also_where_a_newer_build_was(db: Database) -> None:
    db.migrator([*OLD, ADDS]).migrate()
    assert caught(db.migrator([make(1), make(2, up="CREATE TABLE other (x)")]).migrate).code == "checksum_mismatch"


def test_an_older_build_does_not_apply_below_a_newer_one_in_passing(db: Database) -> None:
    db.migrator([OLD[0], ADDS]).migrate()
    assert caught(db.migrator(OLD).migrate).code == "out_of_order"
    assert ids(db.migrator(OLD, allow_out_of_order=True, backup=False).migrate()) == ["002"]


def test_two_builds_in_turn_on_one_file_lose_nothing(db: Database, path: Path) -> None:
    for round in range(100):
        db.migrator([*OLD, ADDS, MORE]).migrate()
        db.execute("INSERT INTO t1 (x, more) VALUES (?, 'new')", round)
        db.migrator(OLD).migrate()
        db.execute("INSERT INTO t1 (x) VALUES (?)", round)
    assert ask(path, "SELECT count(*), count(more) FROM t1") == [(200, 100)]
    assert applied_ids(path) == ["001", "002", "003", "004"]


def test_with_nothing_newer_a_start_reads_no_more_than_before(db: Database) -> None:
    migrator = db.migrator([*OLD, ADDS])
    migrator.migrate()
    with db.statements_sent() as sent:
        migrator.migrate()
    assert len(sent) == 1


@pytest.mark.parametrize("flag", ["backward_compatible", "foreign_keys"])
@pytest.mark.parametrize("value", [None, 0, 1, "yes"], ids=repr)
def test_a_flag_is_true_or_false(flag: str, value: Any) -> None:
    assert caught(Migration, "001", "x", "VACUUM", **{flag: value}).code == "invalid_migration"


# -- whose file it is


def application_id(path: Path) -> int:
    return int(ask(path, "PRAGMA application_id")[0][0])


def test_a_new_file_is_marked_inside_the_first_migration(db: Database, path: Path) -> None:
    broken = Migration("001", "broken", ("CREATE TABLE x (y)", "SELECT nothing"))
    caught(db.migrator([broken], application_id=77).migrate)
    assert application_id(path) == 0
    db.migrator(OLD, application_id=77).migrate()
    assert application_id(path) == 77
    db.migrator([*OLD, ADDS], application_id=77).migrate()


def test_also_where_the_tracking_table_was_there_and_outside_a_transaction(db: Database, path: Path) -> None:
    migrator = db.migrator([make(1, use_transaction=False)], application_id=77)
    migrator.initialize()
    migrator.migrate()
    assert application_id(path) == 77


def test_without_the_argument_nobody_looks(db: Database, path: Path) -> None:
    db.execute("PRAGMA application_id = 5")
    db.migrator(OLD).migrate()
    assert application_id(path) == 5


def test_a_file_that_has_tables_and_no_mark_is_used_and_not_marked(db: Database, path: Path) -> None:
    db.execute("CREATE TABLE hosts (x)")
    db.migrator(OLD, application_id=77).migrate()
    assert application_id(path) == 0


def test_another_applications_file_is_refused_and_untouched(db: Database, path: Path) -> None:
    with outside(path) as connection:
        connection.execute("PRAGMA application_id = 5")
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    error = caught(db.migrator(OLD, application_id=77).migrate)
    assert (type(error), error.code) == (StorageError, "other_application")
    assert path.read_bytes() == before
    assert tables(path) == {"theirs"}
    assert ask(path, "SELECT count(*) FROM sqlite_master") == [(1,)]


@pytest.mark.parametrize("value", [0, -1, 2**31, "x", True, 1.0], ids=repr)
def test_an_application_id_is_a_positive_number_of_31_bits(db: Database, value: Any) -> None:
    assert type(caught(db.migrator, OLD, application_id=value)) is InvalidArgumentError


def test_the_database_of_agents_has_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    AgentDB.open(path).close()
    assert application_id(path) == APPLICATION_ID
    other = tmp_path / "b.db"
    with sqlite3.connect(other) as connection:
        connection.execute("PRAGMA application_id = 5")
    connection.close()
    with pytest.raises(StorageError, match="another application"):
        AgentDB.open(other)
    AgentDB.open(other, application_id=None).close()
    third = tmp_path / "c.db"
    AgentDB.open(third, application_id=6).close()
    assert application_id(third) == 6


async def _open(path: Path) -> None:
    async with AsyncAgentDB.open(path, application_id=9):
        pass


def test_the_async_one_too(tmp_path: Path) -> None:
    import asyncio

    asyncio.run(_open(tmp_path / "a.db"))
    assert application_id(tmp_path / "a.db") == 9
