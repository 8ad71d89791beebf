"""The tracking table: hand-made rows, other people's tables, several migrators in one file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, hand_made_row, ids, make, outside, tables

from agentdb.clients.base import ResultSet
from agentdb.engine.history import History
from agentdb.errors import InvalidArgumentError, MigrationError, StatementError

THREE = [make(1), make(2), make(3)]
FIRST_FIVE = ["id", "description", "applied_at", "execution_time", "checksum"]


def test_initialize_creates_the_table_once(db: Database, path: Path) -> None:
    migrator = db.migrator(THREE)
    assert migrator.initialize() is None
    schema = ask(path, "SELECT sql FROM sqlite_master")
    assert schema
    migrator.initialize()
    db.migrator().initialize()
    assert ask(path, "SELECT sql FROM sqlite_master") == schema
    assert tables(path) == set()
    assert len(migrator.migrate()) == 3


def test_the_columns_are_these_with_the_five_first_and_the_rest_optional(db: Database, path: Path) -> None:
    db.migrator().initialize()
    columns = ask(path, "SELECT name, \"notnull\", dflt_value FROM pragma_table_info('migrations')")
    assert [name for name, *_ in columns][:5] == FIRST_FIVE
    assert [name for name, *_ in columns][5:] == [
        "in_progress",
        "use_transaction",
        "foreign_keys",
        "backward_compatible",
        "app_version",
        "applied_after",
        "note",
        "up",
        "down",
        "schema_fingerprint",
    ]
    assert [name for name, required, default in columns if required and default is None] == ["id"]
    assert ask(path, "SELECT type, pk FROM pragma_table_info('migrations') WHERE name = 'id'") == [("TEXT", 1)]


def test_migrate_creates_the_table_only_when_it_must(db: Database, path: Path) -> None:
    assert db.migrator().migrate() == []
    assert ask(path, "SELECT * FROM sqlite_master") == []
    db.migrator(THREE).migrate(limit=1)
    assert applied_ids(path) == ["001"]


@pytest.mark.parametrize(
    "values",
    [
        "'001', 'by hand', '2026-01-01T00:00:00.000Z', 0.5, 'manual'",
        "'001', 'by hand', CURRENT_TIMESTAMP, 0, 'manual'",
        "1, 'by hand', CURRENT_TIMESTAMP, '12', 'manual'",
        "'1', NULL, NULL, NULL, 'manual'",
        "001, 2, 3, 4, 'manual'",
    ],
)
def test_a_hand_made_insert_of_the_first_five_columns_works(db: Database, path: Path, values: str) -> None:
    migrator = db.migrator(THREE)
    migrator.initialize()
    with outside(path) as connection:
        connection.execute(f"INSERT INTO migrations ({', '.join(FIRST_FIVE)}) VALUES ({values})")
        connection.execute(THREE[0].up[0])
    assert ids(migrator.migrate()) == ["002", "003"]
    validation = migrator.validate_migrations()
    assert validation.is_valid
    assert [finding.code for finding in validation.warnings] == ["manual_row"]
    assert migrator.get_migration_summary().applied_migrations == 3
    assert ids(migrator.rollback(limit=3)) == ["003", "002", "001"]
    assert tables(path) == set()


def test_a_hand_made_row_of_an_unknown_migration_cannot_be_taken_back(db: Database, path: Path) -> None:
    db.migrator(THREE[:1]).migrate()
    hand_made_row(path, 7)
    assert caught(db.migrator(THREE[:1]).migrate).code == "unknown_migration"
    error = caught(db.migrator(THREE[:1]).rollback_last)
    assert (error.code, error.migration_id) == ("no_down", "7")
    assert ids([db.migrator([THREE[0], make("7", down="SELECT 1")]).rollback_last()]) == ["7"]


@pytest.mark.parametrize("checksum", ["", "abc", "v1:", "MANUAL", "v2:" + "0" * 64])
def test_a_hand_made_checksum_that_is_not_manual_has_to_match(db: Database, path: Path, checksum: str) -> None:
    db.migrator(THREE[:1]).migrate()
    hand_made_row(path, "002", checksum)
    error = caught(db.migrator(THREE).migrate)
    assert (error.code, error.migration) == ("checksum_mismatch", THREE[1])


def test_a_hand_made_row_with_the_right_checksum_is_like_any_other(db: Database, path: Path) -> None:
    db.migrator(THREE[:1]).migrate()
    hand_made_row(path, 2, THREE[1].checksum)
    migrator = db.migrator(THREE)
    assert ids(migrator.migrate()) == ["003"]
    assert [finding.code for finding in migrator.validate_migrations().warnings] == ["changed_description"]


@pytest.mark.parametrize(
    "id", ["", "x", "-1", "1.0", " 1", "\xb2", "\u0661", "\uff11", "9" * 40, "9" * 5000], ids=lambda id: repr(id)[:8]
)
def test_an_id_in_the_table_that_is_none_is_an_error_that_names_it(db: Database, path: Path, id: str) -> None:
    db.migrator(THREE[:1]).migrate()
    hand_made_row(path, id)
    migrator = db.migrator(THREE)
    for call in (
        migrator.migrate,
        lambda: migrator.migrate(dry_run=True),
        migrator.rollback_last,
        lambda: migrator.rollback(limit=1),
        migrator.get_migration_summary,
    ):
        error = caught(call)
        assert type(error) is MigrationError
        assert error.code == "bad_id_in_table"
        assert error.migration_id == id
        assert repr(id) in error.message
    validation = migrator.validate_migrations()
    assert [finding.code for finding in validation.errors] == ["bad_id_in_table"]
    assert tables(path) == {"t1"}


def test_one_number_twice_in_the_table_is_an_error_that_names_both(db: Database, path: Path) -> None:
    db.migrator(THREE[:1]).migrate()
    hand_made_row(path, "1")
    migrator = db.migrator(THREE)
    for call in (migrator.migrate, migrator.rollback_last):
        error = caught(call)
        assert error.code == "duplicate_in_table"
        assert "'001'" in error.message
        assert "'1'" in error.message
    assert "duplicate_in_table" in [finding.code for finding in migrator.validate_migrations().errors]
    assert tables(path) == {"t1"}


FOREIGN = [
    "CREATE TABLE migrations (id INTEGER PRIMARY KEY, name TEXT, applied_on TEXT)",
    "CREATE TABLE migrations (version TEXT)",
    "CREATE TABLE Migrations (version TEXT)",
    "CREATE TABLE migrations (id TEXT, description TEXT, applied_at TEXT, execution_time REAL, checksum TEXT)",
    "CREATE VIEW migrations AS SELECT 1 AS one",
    "CREATE TABLE other (x); CREATE INDEX migrations ON other (x)",
]


@pytest.mark.parametrize("script", FOREIGN)
def test_a_table_of_another_shape_is_refused_with_the_option_as_the_remedy(
    db: Database, path: Path, script: str
) -> None:
    with outside(path) as connection:
        connection.executescript(script)
    before = ask(path, "SELECT * FROM sqlite_master")
    migrator = db.migrator(THREE)
    for call in (
        migrator.migrate,
        lambda: migrator.migrate(dry_run=True),
        migrator.initialize,
        migrator.rollback_last,
        migrator.get_migration_summary,
        migrator.validate_migrations,
    ):
        error = caught(call)
        assert type(error) is MigrationError
        assert error.code == "foreign_table"
        assert "'migrations'" in error.message
        assert "table=" in error.remedy
    assert ask(path, "SELECT * FROM sqlite_master") == before
    assert len(db.migrator(THREE, table="agentdb_migrations").migrate()) == 3


def test_a_table_with_our_columns_and_numbers_as_ids_is_not_ours_either(db: Database, path: Path) -> None:
    columns = "id INTEGER PRIMARY KEY, checksum, in_progress, description, up, down, use_transaction, applied_at"
    with outside(path) as connection:
        connection.execute(f"CREATE TABLE migrations ({columns}, execution_time)")
        connection.execute("INSERT INTO migrations (id, checksum) VALUES (1, 7)")
    for call in (
        db.migrator(THREE).migrate,
        db.migrator(THREE).rollback_last,
        db.migrator(THREE).get_migration_summary,
    ):
        assert caught(call).code == "foreign_table"


def test_two_migrators_with_tables_of_their_own_share_a_file(db: Database, path: Path) -> None:
    ours = db.migrator(THREE)
    theirs = db.migrator([make(1, up="CREATE TABLE host (x)", down="DROP TABLE host")], table="host_migrations")
    assert len(ours.migrate()) == 3
    assert len(theirs.migrate()) == 1
    assert ours.migrate() == []
    assert theirs.migrate() == []
    assert applied_ids(path) == ["001", "002", "003"]
    assert applied_ids(path, "host_migrations") == ["001"]
    assert theirs.rollback_last() is not None
    assert theirs.rollback_last() is None
    assert tables(path) == {"t1", "t2", "t3", "host_migrations"}
    assert ours.validate_migrations().is_valid


@pytest.mark.parametrize(
    "table", ["select", "two words", 'quo"te', "a'b", "a:b ?1", "naïve🙂", "x" * 300, "1", "[a]", "a;b"]
)
def test_any_name_of_a_table_works(db: Database, path: Path, table: str) -> None:
    migrator = db.migrator(THREE, table=table)
    migrator.initialize()
    assert len(migrator.migrate()) == 3
    assert migrator.migrate() == []
    assert migrator.rollback_last() is not None
    assert migrator.get_migration_summary().current_version == "002"
    assert ask(path, "SELECT count(*) FROM sqlite_master WHERE name = ?", table) == [(1,)]


def test_the_name_of_the_table_is_compared_as_sqlite_compares_it(db: Database) -> None:
    db.migrator(THREE).migrate()
    assert db.migrator(THREE, table="MIGRATIONS").migrate() == []


def test_a_table_that_another_process_creates_between_two_looks_is_ours() -> None:
    # The steps, with canned answers: the SELECT fails, the table is there, so the SELECT is tried again.
    steps = History("migrations").read()
    first = next(steps)
    look = steps.throw(StatementError("no such table: migrations"))
    assert "sqlite_master" in look.stmt
    again = steps.send(ResultSet(None, [(1,)]))
    assert again.stmt == first.stmt
    with pytest.raises(StopIteration) as end:
        steps.send(ResultSet(None, [("001", "manual", None)]))
    assert [row.id for row in end.value.value] == ["001"]


def test_the_order_of_the_rows_does_not_matter(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    with outside(path) as connection:
        rows = connection.execute("SELECT * FROM migrations ORDER BY id DESC").fetchall()
        connection.execute("DELETE FROM migrations")
        connection.executemany(f"INSERT INTO migrations VALUES ({','.join('?' * len(rows[0]))})", rows)
    assert db.migrator(THREE).migrate() == []
    assert db.migrator(THREE).get_migration_summary().current_version == "003"
    assert ids(db.migrator(THREE).rollback(limit=3)) == ["003", "002", "001"]


def test_a_note_and_the_other_columns_may_be_written_by_people(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    with outside(path) as connection:
        connection.execute("UPDATE migrations SET note = 'checked by hand', app_version = '0.9'")
    assert db.migrator(THREE).migrate() == []


def test_in_progress_is_up_down_or_nothing(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    with outside(path) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE migrations SET in_progress = 'sideways'")


def test_bad_table_names_are_refused_at_once(open_database: Callable[..., Database]) -> None:
    db = open_database(":memory:")
    bad: list[Any] = ["", "sqlite_sequence", "a\0b", 5]
    for table in bad:
        assert type(caught(db.migrator, THREE, table=table)) is InvalidArgumentError
