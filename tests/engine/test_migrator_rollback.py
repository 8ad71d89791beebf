"""rollback() and rollback_last(): what they take back, and with whose down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, outside, tables

from agentdb import Migration
from agentdb.errors import BusyError, InvalidArgumentError, MigrationError

THREE = [make(1), make(2), make(3)]


@pytest.fixture
def full(db: Database) -> Database:
    db.migrator(THREE).migrate()
    return db


@pytest.mark.parametrize("limit", [1, 2, 3, 99, 10**30])
def test_limit_takes_back_the_newest(full: Database, path: Path, limit: int) -> None:
    assert ids(full.migrator(THREE).rollback(limit=limit)) == ["003", "002", "001"][:limit]
    assert len(tables(path)) == max(0, 3 - limit)


def test_the_target_stays_applied(full: Database, path: Path) -> None:
    migrator = full.migrator(THREE)
    assert ids(migrator.rollback(target="1")) == ["003", "002"]
    assert tables(path) == {"t1"}
    assert migrator.rollback(target="001") == []


def test_limit_and_target_together_stop_at_whichever_comes_first(full: Database) -> None:
    migrator = full.migrator(THREE)
    assert ids(migrator.rollback(1, "001")) == ["003"]
    assert ids(migrator.rollback(limit=5, target="001")) == ["002"]


def test_one_of_the_two_is_required(full: Database, path: Path) -> None:
    for call in (full.migrator(THREE).rollback, lambda: full.migrator(THREE).rollback(dry_run=True)):
        error = caught(call)
        assert type(error) is InvalidArgumentError
        assert "limit or a target" in error.message
    assert len(tables(path)) == 3


@pytest.mark.parametrize("target", ["4", "0", "x", "", 1])
def test_a_target_that_is_not_applied_is_refused(full: Database, path: Path, target: Any) -> None:
    assert type(caught(full.migrator([*THREE, make(4)]).rollback, target=target)) is InvalidArgumentError
    assert len(tables(path)) == 3


def test_rollback_last_takes_back_one_and_none_where_nothing_is_applied(full: Database, path: Path) -> None:
    migrator = full.migrator(THREE)
    for number in (3, 2, 1):
        result = migrator.rollback_last()
        assert result.migration.number == number
        assert result.success
        assert result.statements == (f"DROP TABLE t{number}",)
        assert result.executed_at is not None
    assert migrator.rollback_last() is None
    assert migrator.rollback(limit=3) == []
    assert tables(path) == set()


def test_nothing_was_ever_applied(db: Database, path: Path) -> None:
    assert db.migrator(THREE).rollback_last() is None
    assert db.migrator(THREE).rollback(limit=1) == []
    assert type(caught(db.migrator(THREE).rollback, target="001")) is InvalidArgumentError
    assert ask(path, "SELECT name FROM sqlite_master") == []


def test_the_newest_is_the_highest_number_not_the_last_text(db: Database) -> None:
    migrator = db.migrator([make("9"), make("10"), make("100")])
    migrator.migrate()
    assert ids(migrator.rollback(limit=2)) == ["100", "10"]


def test_a_multi_step_rollback_with_a_missing_down_is_refused_before_the_first_step(db: Database, path: Path) -> None:
    registered = [THREE[0], make(2, down=()), THREE[2]]
    migrator = db.migrator(registered)
    migrator.migrate()
    for call in (
        lambda: migrator.rollback(limit=2),
        lambda: migrator.rollback(target="001"),
        lambda: migrator.rollback(limit=2, dry_run=True),
    ):
        error = caught(call)
        assert type(error) is MigrationError
        assert error.code == "no_down"
        assert error.migration == registered[1]
        assert "002 (make t2)" in error.message
        assert error.results == ()
        assert len(tables(path)) == 3
    assert ids(migrator.rollback(target="002")) == ["003"]
    assert caught(migrator.rollback_last).code == "no_down"


def test_a_down_that_fails_leaves_its_migration_applied_whole(db: Database, path: Path) -> None:
    bad = make(2, down=["DROP TABLE t2", "DROP TABLE nowhere"])
    migrator = db.migrator([THREE[0], bad, THREE[2]])
    migrator.migrate()
    error = caught(migrator.rollback, limit=3)
    assert type(error) is MigrationError
    assert error.code == "statement_failed"
    assert (error.migration, error.statement, error.statement_number) == (bad, "DROP TABLE nowhere", 2)
    assert "rolling back migration 002 (make t2) failed, statement 2 of 2" in error.message
    assert error.message.endswith("; nothing was rolled back")
    assert "begun before" not in error.remedy
    assert [(result.migration.number, result.success) for result in error.results] == [(2, False)]
    assert tables(path) == {"t1", "t2", "t3"}
    assert applied_ids(path) == ["001", "002", "003"]


def test_a_broken_down_can_be_mended_in_the_field(db: Database, path: Path) -> None:
    db.migrator([make(1, down="DROP TABLE nowhere")]).migrate()
    caught(db.migrator([make(1, down="DROP TABLE nowhere")]).rollback_last)
    result = db.migrator([make(1)]).rollback_last()
    assert result.statements == ("DROP TABLE t1",)
    assert tables(path) == set()


def test_an_older_build_takes_back_what_it_has_never_heard_of(full: Database, path: Path) -> None:
    older = full.migrator(THREE[:1])
    assert caught(older.migrate).code == "unknown_migration"
    results = older.rollback(target="001")
    assert ids(results) == ["003", "002"]
    assert [result.migration.description for result in results] == ["make t3", "make t2"]
    assert [result.migration.up for result in results] == [THREE[2].up, THREE[1].up]
    assert results[0].migration.checksum == THREE[2].checksum
    assert tables(path) == {"t1"}
    assert older.migrate() == []


def test_even_a_build_without_any_migration_can(full: Database, path: Path) -> None:
    assert ids(full.migrator().rollback(limit=99)) == ["003", "002", "001"]
    assert tables(path) == set()


def test_where_the_text_was_edited_the_recorded_down_is_used(full: Database, path: Path) -> None:
    edited = make(3, up="CREATE TABLE other (x)", down="DROP TABLE other")
    result = full.migrator([*THREE[:2], edited]).rollback_last()
    assert result.statements == ("DROP TABLE t3",)
    assert "t3" not in tables(path)


def test_where_nothing_but_the_down_was_edited_the_registered_one_is_used(full: Database) -> None:
    assert full.migrator(
        [*THREE[:2], make(3, down=["DELETE FROM t3", "DROP TABLE t3"])]
    ).rollback_last().statements == (
        "DELETE FROM t3",
        "DROP TABLE t3",
    )


def test_a_registered_migration_without_a_down_is_not_taken_back_by_the_recorded_one(full: Database) -> None:
    # The author took the down away on purpose; this very migration is registered, so the registered down counts.
    assert caught(full.migrator([*THREE[:2], make(3, down=())]).rollback_last).code == "no_down"


def test_an_unknown_migration_that_was_recorded_without_a_down_is_refused_by_its_id(db: Database) -> None:
    db.migrator([THREE[0], make(2, down=())]).migrate()
    error = caught(db.migrator(THREE[:1]).rollback_last)
    assert (error.code, error.migration_id) == ("no_down", "002")


def test_a_migration_that_was_applied_as_1_is_taken_back_as_001(db: Database, path: Path) -> None:
    db.migrator([make("1")]).migrate()
    migrator = db.migrator([make("001")])
    assert migrator.migrate() == []
    assert migrator.validate_migrations().is_valid
    assert ids([migrator.rollback_last()]) == ["001"]
    assert applied_ids(path) == []


def test_the_row_is_gone_and_the_migration_can_be_applied_again(full: Database, path: Path) -> None:
    migrator = full.migrator(THREE)
    migrator.rollback_last()
    assert applied_ids(path) == ["001", "002"]
    assert ids(migrator.migrate()) == ["003"]


def test_another_writer_is_waited_for_up_to_the_busy_timeout(full: Database, path: Path) -> None:
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert type(caught(full.migrator(THREE).rollback, limit=2)) is BusyError
    assert len(tables(path)) == 3


def test_the_wait_for_a_lock_is_not_counted_as_time_that_the_rollback_took(
    open_database: Callable[..., Database], path: Path
) -> None:
    db = open_database(busy_timeout=10)
    db.migrator(THREE).migrate()
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.4, lambda: other.execute("COMMIT"))
        timer.start()
        result = db.migrator(THREE).rollback_last()
        timer.join()
    assert result.execution_time < 300


def test_a_lock_that_is_met_at_the_beginning_changes_nothing(full: Database, path: Path) -> None:
    with outside(path) as other:

        def on_event(event: object) -> None:
            if type(event).__name__ == "Started" and not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        error = caught(full.migrator(THREE, on_event=on_event).rollback, limit=3)
    assert type(error) is BusyError
    assert error.results == ()
    assert tables(path) == {"t1", "t2", "t3"}


@pytest.mark.parametrize("options", [{"foreign_keys": False}, {"use_transaction": False}], ids=str)
def test_a_range_that_is_no_one_transaction_is_tried_before_its_first_step(
    db: Database, path: Path, options: dict[str, Any]
) -> None:
    bad = make(2, down=["DROP TABLE t2", "DROP TABLE nowhere"])
    migrator = db.migrator([THREE[0], bad, make(3, down=["DELETE FROM t3", "DROP TABLE t3"], **options)])
    migrator.migrate()
    db.execute("INSERT INTO t3 VALUES ('weeks of work')")
    error = caught(migrator.rollback, limit=3)
    assert error.message.endswith("; nothing was rolled back")
    assert (error.migration, error.statement) == (bad, "DROP TABLE nowhere")
    assert [(result.migration.number, result.success) for result in error.results] == [(2, False)]
    assert applied_ids(path) == ["001", "002", "003"]
    assert ask(path, "SELECT x FROM t3") == [("weeks of work",)]
    assert ids(db.migrator([*THREE[:2], make(3, **options)]).rollback(limit=3)) == ["003", "002", "001"]


def test_where_the_range_is_no_one_transaction_the_earlier_ones_stay_rolled_back(db: Database, path: Path) -> None:
    """What only foreign keys forbid shows when it runs."""
    up = ["CREATE TABLE t2 (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p REFERENCES t2)"]
    bad = make(2, up=[*up, "INSERT INTO t2 VALUES (1)", "INSERT INTO c VALUES (1)"], down=["DELETE FROM t2"])
    migrator = db.migrator([THREE[0], bad, make(3, foreign_keys=False)])
    migrator.migrate()
    error = caught(migrator.rollback, limit=3)
    assert error.message.endswith("; 1 was rolled back before, and stays so")
    assert [(result.migration.number, result.success) for result in error.results] == [(3, True), (2, False)]
    assert applied_ids(path) == ["001", "002"]


def test_the_first_failure_outside_a_transaction_was_not_begun_before(db: Database) -> None:
    bad = make(1, down=["DROP TABLE nowhere"], use_transaction=False)
    db.migrator([bad]).migrate()
    assert "begun before" not in caught(db.migrator([bad]).rollback_last).remedy


def test_a_view_that_the_rollback_would_break_forbids_it(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    db.execute("CREATE VIEW of_the_application AS SELECT x FROM t3")
    db.execute("CREATE VIEW broken_before AS SELECT * FROM nowhere")
    error = caught(db.migrator(THREE).rollback, limit=2)
    assert error.code == "view_broken"
    assert "of_the_application" in error.message
    assert "broken_before" not in error.message
    assert applied_ids(path) == ["001", "002", "003"]
    db.execute("DROP VIEW of_the_application")
    assert ids(db.migrator(THREE).rollback(limit=2)) == ["003", "002"]


def test_what_was_applied_out_of_order_is_rolled_back_in_the_order_of_time(db: Database, path: Path) -> None:
    late = make(2, up=["ALTER TABLE t3 ADD COLUMN y"], down=["ALTER TABLE t3 DROP COLUMN y"])
    db.migrator([THREE[0], THREE[2]]).migrate()
    migrator = db.migrator([THREE[0], late, THREE[2]], allow_out_of_order=True)
    assert ids(migrator.migrate()) == ["002"]
    assert ids([migrator.rollback_last(dry_run=True)]) == ["002"]
    assert ids(migrator.rollback(limit=2)) == ["002", "003"]
    assert applied_ids(path) == ["001"]


def test_the_order_of_those_that_came_late_is_not_the_clock_s(db: Database, path: Path) -> None:
    db.migrator([THREE[0], make(5)]).migrate()
    for late in (4, 2):  # 4 first
        db.migrator(
            [THREE[0], *[make(n) for n in range(late, 5) if n != 3], make(5)], allow_out_of_order=True
        ).migrate()
    with outside(path) as connection:
        connection.execute("UPDATE migrations SET applied_at = '2001-01-01T00:00:00.000Z' WHERE id = '002'")
        connection.execute("UPDATE migrations SET applied_at = '2002-01-01T00:00:00.000Z' WHERE id = '004'")
    every = [THREE[0], make(2), make(3), make(4), make(5)]
    assert ids(db.migrator(every, allow_out_of_order=True).migrate()) == ["003"]
    assert ask(path, "SELECT id, applied_after FROM migrations WHERE applied_after IS NOT NULL ORDER BY id") == [
        ("002", "005.2"),
        ("003", "005.3"),
        ("004", "005.1"),
    ]
    assert ids(db.migrator(every).rollback(target="001")) == ["003", "002", "004", "005"]


def test_a_backup_is_made_before_a_rollback_and_holds_what_goes(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    db.execute("INSERT INTO t3 VALUES ('weeks of work')")
    db.migrator(THREE, backup=False).rollback_last()
    folder = path.with_name(path.name + ".backups")
    assert not folder.exists()
    db.migrator(THREE).migrate()
    db.execute("INSERT INTO t3 VALUES ('weeks of work')")
    assert ids(db.migrator(THREE).rollback(target="001")) == ["003", "002"]
    (backup,) = [one for one in folder.iterdir() if one.name.endswith(".003-001.backup")]
    assert ask(backup, "SELECT x FROM t3") == [("weeks of work",)]


def test_an_older_build_rolls_back_what_it_has_never_heard_of_on_a_fresh_connection(
    open_database: Callable[..., Database], path: Path
) -> None:
    text = Migration(
        "002",
        "words",
        up=["CREATE VIRTUAL TABLE words USING fts5(x)", "CREATE VIRTUAL TABLE boxes USING rtree(id, a, b)"],
        down=["DROP TABLE boxes", "DROP TABLE words"],
    )
    open_database().migrator([THREE[0], text, THREE[2]]).migrate()
    assert ids(open_database().migrator([THREE[0]]).rollback(target="001")) == ["003", "002"]
    assert applied_ids(path) == ["001"]


def test_a_failure_at_commit_leaves_the_migration_applied(db: Database, path: Path) -> None:
    first = make(1, up=["CREATE TABLE p (id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1)"], down="DROP TABLE p")
    up = ["CREATE TABLE t2 (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO t2 VALUES (1)"]
    second = make(2, up=up, down=["DELETE FROM p"])
    migrator = db.migrator([first, second])
    migrator.migrate()
    error = caught(migrator.rollback_last)
    assert error.code == "foreign_key"
    assert error.migration == second
    assert ask(path, "SELECT * FROM p") == [(1,)]
    assert applied_ids(path) == ["001", "002"]


@pytest.mark.parametrize("recorded", ["nonsense", "{}", "[1]", '["COMMIT"]', '["PRAGMA foreign_keys=OFF"]'])
def test_a_recorded_down_that_cannot_be_run_is_refused_and_nothing_is_taken_back(
    open_database: Callable[..., Database], path: Path, recorded: str
) -> None:
    db = open_database()
    db.migrator(THREE).migrate()
    db.execute("UPDATE migrations SET down = ? WHERE id = '002'", recorded)
    error = caught(db.migrator(THREE[:1]).rollback, target="001")
    assert isinstance(error, MigrationError)
    assert error.migration_id == "002"
    assert "t2" in tables(path)
    assert "002" in applied_ids(path)
