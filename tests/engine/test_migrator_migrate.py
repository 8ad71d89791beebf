"""migrate(): what it runs, returns, records and raises, in both worlds."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, outside, tables

import agentdb
from agentdb import AsyncMigrator, Migration, MigrationSummary, Migrator, create_client, create_client_sync
from agentdb.errors import (
    AgentDBError,
    BusyError,
    ClosedError,
    DatabaseTooNewError,
    InvalidArgumentError,
    InvalidMigrationError,
    MigrationError,
    TransactionActiveError,
)

THREE = [make(1), make(2), make(3)]
FAILING = make(2, up=["CREATE TABLE t2 (x)", "INSERT INTO t1 VALUES (1)", "INSERT INTO nowhere VALUES (1)", "SELECT 1"])


def test_everything_pending_is_applied_in_the_order_of_numbers(db: Database, path: Path) -> None:
    shuffled = [make("10"), make("9"), make("001"), make("2")]
    results = db.migrator(shuffled).migrate()
    assert ids(results) == ["001", "2", "9", "10"]
    assert tables(path) == {"t1", "t2", "t9", "t10"}
    assert applied_ids(path) == ["001", "10", "2", "9"]


def test_a_result_says_what_ran_when_and_for_how_long(db: Database) -> None:
    before = datetime.now(UTC)
    (result,) = db.migrator([make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (1)"])]).migrate()
    assert result.success is True
    assert result.error is None
    assert result.dry_run is False
    assert result.statements == result.migration.up
    assert before <= result.executed_at <= datetime.now(UTC)
    assert result.executed_at.utcoffset() == timedelta(0)
    assert 0 < result.execution_time < 10_000


def test_the_row_records_all_that_a_later_or_earlier_build_needs(db: Database, path: Path) -> None:
    migration = make(
        1, up=["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES ('é')"], down=["DELETE FROM t1", "DROP TABLE t1"]
    )
    (result,) = db.migrator([migration], app_version="1.2.3").migrate()
    with outside(path) as connection:
        cursor = connection.execute("SELECT * FROM migrations")
        row = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))
    recorded_time = row.pop("execution_time")
    assert 0 < recorded_time <= result.execution_time
    assert re.fullmatch("v1:[0-9a-f]{64}", row.pop("schema_fingerprint"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["applied_at"])
    assert datetime.fromisoformat(row["applied_at"]) == result.executed_at.replace(
        microsecond=result.executed_at.microsecond // 1000 * 1000
    )
    assert row == {
        "id": "001",
        "description": "make t1",
        "applied_at": row["applied_at"],
        "checksum": migration.checksum,
        "up": json.dumps(migration.up, ensure_ascii=False),
        "down": json.dumps(migration.down, ensure_ascii=False),
        "use_transaction": 1,
        "foreign_keys": 1,
        "backward_compatible": 0,
        "app_version": "1.2.3",
        "applied_after": None,
        "in_progress": None,
        "note": None,
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 99, 10**30])
def test_limit_applies_so_many_at_the_most(db: Database, limit: int) -> None:
    migrator = db.migrator(THREE)
    assert ids(migrator.migrate(limit=limit)) == ["001", "002", "003"][:limit]
    assert ids(migrator.migrate()) == ["001", "002", "003"][limit:]


def test_target_is_the_last_that_is_applied(db: Database, path: Path) -> None:
    migrator = db.migrator(THREE)
    assert ids(migrator.migrate(target="2")) == ["001", "002"]
    assert migrator.migrate(target="002") == []
    error = caught(migrator.migrate, target="001")
    assert (type(error), error.code) == (InvalidArgumentError, "target_passed")
    assert "002" in error.message
    assert "rollback(target='1')" in error.remedy
    assert applied_ids(path) == ["001", "002"]
    assert ids(migrator.migrate(limit=5, target="0003")) == ["003"]


def test_limit_and_target_together_stop_at_whichever_comes_first(db: Database) -> None:
    migrator = db.migrator(THREE)
    assert ids(migrator.migrate(1, "003")) == ["001"]
    assert ids(migrator.migrate(limit=5, target="002")) == ["002"]


@pytest.mark.parametrize("limit", [0, -1, 1.0, "1", True])
def test_a_bad_limit_is_refused_and_nothing_runs(db: Database, path: Path, limit: Any) -> None:
    for call in (db.migrator(THREE).migrate, db.migrator(THREE).rollback):
        error = caught(call, limit=limit)
        assert type(error) is InvalidArgumentError
        assert error.code == "invalid_argument"
    assert not tables(path)


@pytest.mark.parametrize("target", ["", "x", "-1", "4", "999", 1, "\u0661"])
def test_a_bad_or_unknown_target_is_refused_and_nothing_runs(db: Database, path: Path, target: Any) -> None:
    for call in (db.migrator(THREE).migrate, db.migrator(THREE).rollback):
        assert type(caught(call, target=target)) is InvalidArgumentError
    assert not tables(path)


def test_a_failing_statement_takes_its_migration_back_whole_and_keeps_the_earlier_ones(
    db: Database, path: Path
) -> None:
    migrator = db.migrator([THREE[0], FAILING, THREE[2]])
    error = caught(migrator.migrate)
    assert type(error) is MigrationError
    assert error.code == "statement_failed"
    assert error.migration == FAILING
    assert error.migration_id == "002"
    assert error.statement == "INSERT INTO nowhere VALUES (1)"
    assert error.statement_number == 3
    assert error.engine_code == "SQLITE_ERROR"
    for part in ("002", "make t2", "statement 3 of 4", "no such table: nowhere", "INSERT INTO nowhere VALUES (1)"):
        assert part in str(error)
    assert isinstance(error.__cause__, AgentDBError)
    earlier, failed = error.results
    assert (earlier.migration, earlier.success) == (THREE[0], True)
    assert (failed.migration, failed.success, failed.error) == (FAILING, False, error)
    assert failed.statements == FAILING.up
    assert tables(path) == {"t1"}
    assert ask(path, "SELECT count(*) FROM t1") == [(0,)]
    assert applied_ids(path) == ["001"]


def test_a_second_start_resumes_after_a_failure(db: Database, path: Path) -> None:
    registered = [THREE[0], FAILING, THREE[2]]
    caught(db.migrator(registered).migrate)
    assert caught(db.migrator(registered).migrate).results[0].migration == FAILING
    assert ids(db.migrator(THREE).migrate()) == ["002", "003"]
    assert tables(path) == {"t1", "t2", "t3"}


def test_the_failure_of_the_first_migration_leaves_no_trace(db: Database, path: Path) -> None:
    error = caught(db.migrator([make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO nowhere VALUES (1)"])]).migrate)
    assert ids(error.results) == ["001"]
    assert ask(path, "SELECT name FROM sqlite_master") == []


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO t1 VALUES (NULL)", "not_null"),
        ("INSERT INTO t1 VALUES (1), (1)", "unique"),
        ("INSERT INTO t1 VALUES (-1)", "check"),
        ("CREATE TABLE t1 (x)", "statement_failed"),
        ("CREATE TABEL t9 (x)", "statement_failed"),
        ("SELECT ?", "invalid_argument"),
        ("INSERT INTO c VALUES (99)", "foreign_key"),
        ("VACUUM", "statement_failed"),
    ],
)
def test_a_failure_keeps_the_code_of_its_cause(db: Database, path: Path, sql: str, code: str) -> None:
    tables_ = [
        "CREATE TABLE t1 (x INTEGER NOT NULL UNIQUE CHECK (x > 0))",
        "CREATE TABLE c (y REFERENCES t1 (x))",
    ]
    error = caught(db.migrator([make(1, up=[*tables_, sql])]).migrate)
    assert type(error) is MigrationError
    assert error.code == code
    assert error.statement_number == 3
    assert not tables(path)


@pytest.mark.parametrize("use_transaction", [True, False])
def test_a_migration_that_sqlite_rolls_back_by_itself_leaves_nothing(
    db: Database, path: Path, use_transaction: bool
) -> None:
    first = make(1, up="CREATE TABLE t1 (x UNIQUE)")
    db.migrator([first]).migrate()
    up = ["INSERT INTO t1 VALUES (1)", "INSERT OR ROLLBACK INTO t1 VALUES (1)", "CREATE TABLE t2 (x)"]
    second = make(2, up=up, use_transaction=use_transaction)
    error = caught(db.migrator([first, second]).migrate)
    assert (error.code, error.statement_number) == ("unique", 2)
    assert tables(path) == {"t1"}
    if use_transaction:
        assert ask(path, "SELECT * FROM t1") == []
        assert applied_ids(path) == ["001"]
    mended = make(2)
    if use_transaction:
        assert ids(db.migrator([first, mended]).migrate()) == ["002"]


def test_a_trigger_that_rolls_back_leaves_nothing_either(db: Database, path: Path) -> None:
    up = [
        "CREATE TABLE t1 (x)",
        "CREATE TRIGGER r AFTER INSERT ON t1 BEGIN SELECT RAISE(ROLLBACK, 'not here'); END",
        "INSERT INTO t1 VALUES (1)",
        "CREATE TABLE t2 (x)",
    ]
    error = caught(db.migrator([make(1, up=up)]).migrate)
    assert (error.code, error.statement_number) == ("constraint", 3)
    assert "not here" in error.message
    assert ask(path, "SELECT name FROM sqlite_master") == []


def test_a_constraint_that_fails_at_commit_takes_the_migration_back(db: Database, path: Path) -> None:
    up = [
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t1 (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO t1 VALUES (42)",
    ]
    deferred = make(2, up=up)
    error = caught(db.migrator([make(7, up="CREATE TABLE t7 (x)"), make(1, up="CREATE TABLE a (x)"), deferred]).migrate)
    assert error.code == "foreign_key"
    assert error.migration == deferred
    assert (error.statement, error.statement_number) == (None, None)
    assert "002 (make t2)" in error.message
    assert [result.success for result in error.results] == [True, False]
    assert tables(path) == {"a"}
    assert applied_ids(path) == ["001"]
    assert db.execute("SELECT 1") == [(1,)]


def test_foreign_keys_are_enforced_while_a_migration_runs(db: Database, path: Path) -> None:
    first = make(1, up=["CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)"])
    second = make(
        2, up=["INSERT INTO p VALUES (1), (2)", "INSERT INTO c VALUES (1), (2)", "DELETE FROM p WHERE id = 1"]
    )
    db.migrator([first, second]).migrate()
    assert ask(path, "SELECT p FROM c") == [(2,)]


def deny(*actions: str) -> Callable[..., int]:
    """A sqlite3 authorizer that refuses transaction statements by their names."""
    import sqlite3

    def authorize(action: int, name: str | None, *_: object) -> int:
        refused = action == sqlite3.SQLITE_TRANSACTION and name in actions
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    return authorize


def test_where_rollback_itself_fails_the_caller_sees_the_original_error(
    db: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    db.migrator([THREE[0]]).migrate()
    (connection,) = db.connections()
    connection.set_authorizer(deny("ROLLBACK"))
    error = caught(db.migrator([THREE[0], FAILING]).migrate)
    assert (error.code, error.statement_number) == ("statement_failed", 3)
    assert "no such table: nowhere" in error.message
    assert any("ROLLBACK failed" in record.getMessage() for record in caplog.records)
    # The connection is closed, which rolls back; the client goes on with another one.
    assert tables(path) == {"t1"}
    assert applied_ids(path) == ["001"]
    assert ids(db.migrator(THREE).migrate()) == ["002", "003"]


def test_where_commit_fails_the_migration_is_rolled_back(db: Database, path: Path) -> None:
    db.migrator([THREE[0]]).migrate()
    (connection,) = db.connections()
    connection.set_authorizer(deny("COMMIT"))
    error = caught(db.migrator(THREE).migrate)
    assert type(error) is MigrationError
    assert "COMMIT" in error.message
    connection.set_authorizer(None)
    assert applied_ids(path) == ["001"]
    assert ids(db.migrator(THREE).migrate()) == ["002", "003"]


def test_another_writer_is_waited_for_up_to_the_busy_timeout(db: Database, path: Path) -> None:
    db.migrator([THREE[0]]).migrate()
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        before = datetime.now(UTC)
        error = caught(db.migrator(THREE).migrate)
        waited = (datetime.now(UTC) - before).total_seconds()
    assert type(error) is BusyError
    assert error.code == "busy"
    assert error.results == ()
    assert 0.15 <= waited < 2  # 0.2 is the time-out; the rest is what a busy machine may add
    assert ids(db.migrator(THREE).migrate()) == ["002", "003"]


def test_a_lock_that_is_met_on_the_way_leaves_the_earlier_ones_in_results(db: Database, path: Path) -> None:
    with outside(path) as other:

        def on_event(event: object) -> None:
            if type(event).__name__ == "Applied" and event.result.migration == THREE[1]:  # type: ignore[attr-defined]
                other.execute("BEGIN IMMEDIATE")

        error = caught(db.migrator(THREE, on_event=on_event).migrate)
    assert type(error) is BusyError
    assert [(result.migration, result.success) for result in error.results] == [(THREE[0], True), (THREE[1], True)]
    assert applied_ids(path) == ["001", "002"]


def test_a_lock_that_is_given_back_in_time_is_no_error(open_database: Callable[..., Database], path: Path) -> None:
    import threading

    db = open_database(busy_timeout=10)
    db.migrator([THREE[0]]).migrate()
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.4, lambda: other.execute("COMMIT"))
        timer.start()
        results = db.migrator(THREE).migrate()
        timer.join()
    assert ids(results) == ["002", "003"]
    # The wait is not counted as time that the migration took.
    assert results[0].execution_time < 300
    assert (results[1].executed_at - results[0].executed_at).total_seconds() < 0.3


def test_migrations_come_as_a_module_a_list_a_tuple_a_set_or_a_generator(
    open_database: Callable[..., Database], tmp_path: Path
) -> None:
    module = types.ModuleType("my_migrations")
    module.MIGRATIONS = THREE  # type: ignore[attr-defined]
    sources: list[Any] = [module, list(THREE), tuple(THREE), set(THREE), dict.fromkeys(THREE), iter(THREE)]
    sources.append(migration for migration in reversed(THREE))
    for number, source in enumerate(sources):
        db = open_database(tmp_path / f"{number}.db")
        assert ids(db.migrator(source).migrate()) == ["001", "002", "003"]


def test_the_package_agentdb_migrations_is_such_a_module(db: Database) -> None:
    assert len(db.migrator(agentdb.migrations).migrate()) == len(agentdb.migrations.MIGRATIONS)


def test_migrations_are_registered_later_too_one_by_one_or_many(db: Database) -> None:
    migrator = db.migrator()
    assert migrator.migrate() == []
    migrator.add_migration(THREE[1])
    migrator.add_migrations([THREE[2], THREE[0]])
    assert migrator.migrations == tuple(THREE)
    assert ids(migrator.migrate()) == ["001", "002", "003"]
    migrator.add_migration(make(4))
    assert ids(migrator.migrate()) == ["004"]


@pytest.mark.parametrize(
    "source",
    [None, 1, "migrations", b"x", THREE[0], object(), int, types.ModuleType("empty")],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_source_of_migrations_is_refused(db: Database, source: Any) -> None:
    assert type(caught(db.migrator, source)) is InvalidArgumentError
    assert type(caught(db.migrator().add_migrations, source)) is InvalidArgumentError


@pytest.mark.parametrize("migration", [None, "001", ("001", "d", "SELECT 1"), object(), THREE])
def test_what_is_no_migration_is_refused(db: Database, migration: Any) -> None:
    assert type(caught(db.migrator().add_migration, migration)) is InvalidArgumentError
    assert type(caught(db.migrator, [THREE[0], migration])) is InvalidArgumentError


@pytest.mark.parametrize("twin", ["1", "01", "001"])
def test_one_number_twice_is_refused_and_nothing_of_the_call_is_registered(db: Database, twin: str) -> None:
    migrator = db.migrator([THREE[0]])
    error = caught(migrator.add_migrations, [THREE[1], make(twin, description="the other one")])
    assert type(error) is InvalidMigrationError
    assert error.code == "duplicate_id"
    assert "001 (make t1)" in error.message
    assert f"{twin} (the other one)" in error.message
    assert migrator.migrations == (THREE[0],)
    assert caught(db.migrator, [make("1"), make("01")]).code == "duplicate_id"


def test_an_edited_migration_is_refused_and_nothing_runs(db: Database, path: Path) -> None:
    db.migrator(THREE[:2]).migrate()
    edited = make(1, up="CREATE TABLE t1 (x, y)")
    migrator = db.migrator([edited, *THREE[1:]])
    error = caught(migrator.migrate)
    assert type(error) is MigrationError
    assert error.code == "checksum_mismatch"
    assert error.migration == edited
    assert "001 (make t1)" in error.message
    assert "new migration" in error.remedy
    assert caught(migrator.migrate, dry_run=True).code == "checksum_mismatch"
    assert tables(path) == {"t1", "t2"}
    assert ids(migrator.migrate(validate_checksums=False)) == ["003"]


def test_all_edited_migrations_are_named_at_once(db: Database) -> None:
    db.migrator(THREE).migrate()
    error = caught(db.migrator([make(1, up="SELECT 1"), THREE[1], make(3, up="SELECT 1")]).migrate)
    assert "001" in error.message
    assert "003" in error.message
    assert "002" not in error.message


def test_migrations_that_this_build_does_not_know_are_refused_by_their_ids(db: Database, path: Path) -> None:
    db.migrator([*THREE, make(4)]).migrate()
    migrator = db.migrator([THREE[0], make("5")])
    error = caught(migrator.migrate)
    assert type(error) is DatabaseTooNewError
    assert error.code == "unknown_migration"
    assert error.migration is None
    for id in ("002", "003", "004"):
        assert id in error.message
    assert "rollback" in error.remedy
    assert "t5" not in tables(path)


def test_a_late_migration_is_refused_unless_it_is_allowed(db: Database, path: Path) -> None:
    db.migrator([THREE[0], THREE[2]]).migrate()
    error = caught(db.migrator(THREE).migrate)
    assert (error.code, error.migration) == ("out_of_order", THREE[1])
    assert "allow_out_of_order" in error.remedy
    assert tables(path) == {"t1", "t3"}
    assert ids(db.migrator(THREE, allow_out_of_order=True).migrate()) == ["002"]


def test_a_changed_description_or_down_does_not_stop_anything(db: Database) -> None:
    db.migrator(THREE).migrate()
    changed = [make(1, description="better words"), make(2, down="DROP TABLE IF EXISTS t2"), THREE[2]]
    migrator = db.migrator(changed)
    assert migrator.migrate() == []
    validation = migrator.validate_migrations()
    assert validation.is_valid
    assert validation.errors == ()
    assert [(finding.code, finding.migration_id) for finding in validation.warnings] == [
        ("changed_description", "001"),
        ("changed_down", "002"),
    ]


def test_validate_returns_what_migrate_would_raise(db: Database) -> None:
    db.migrator([*THREE, make(4)]).migrate()
    registered = [make(1, up="SELECT 1"), THREE[1], make("3"), make(6)]
    validation = db.migrator(registered).validate_migrations()
    assert not validation.is_valid
    assert [(finding.code, finding.migration_id) for finding in validation.errors] == [
        ("unknown_migration", "004"),
        ("checksum_mismatch", "001"),
    ]
    assert [finding.code for finding in validation.warnings] == ["gap"]
    assert isinstance(validation.errors, tuple)
    late = db.migrator([make(0), *THREE, make(4)])
    assert [finding.code for finding in late.validate_migrations().errors] == ["out_of_order"]
    allowed = db.migrator([make(0), *THREE, make(4)], allow_out_of_order=True)
    assert allowed.validate_migrations().is_valid


def test_the_summary_of_a_database_on_its_way(db: Database) -> None:
    migrator = db.migrator(THREE)
    assert migrator.get_migration_summary() == MigrationSummary(None, 3, 0, 3, ("001", "002", "003"))
    migrator.migrate(limit=2)
    assert migrator.get_migration_summary() == MigrationSummary("002", 3, 2, 1, ("003",))
    migrator.migrate()
    assert migrator.get_migration_summary() == MigrationSummary("003", 3, 3, 0, ())
    older = db.migrator(THREE[:1])
    assert older.get_migration_summary() == MigrationSummary("003", 1, 3, 0, ())
    edited = db.migrator([make(1, up="SELECT 1"), *THREE[1:]])
    assert edited.get_migration_summary().pending_migrations == 0
    assert db.migrator().get_migration_summary() == MigrationSummary("003", 0, 3, 0, ())


def test_the_summary_compares_ids_as_numbers(db: Database) -> None:
    db.migrator([make("9"), make("10")]).migrate()
    assert db.migrator([make("9"), make("10")]).get_migration_summary().current_version == "10"


@pytest.mark.parametrize("use_transaction", [True, False])
def test_two_migrators_of_one_client_do_not_run_anything_twice(db: Database, use_transaction: bool) -> None:
    one, other = db.migrator(THREE), db.migrator(THREE)
    assert len(one.migrate(use_transaction=use_transaction)) == 3
    assert other.migrate(use_transaction=use_transaction) == []
    assert one.migrate() == []


def test_a_migrator_keeps_working_after_a_rollback_and_another_start(db: Database, path: Path) -> None:
    migrator = db.migrator(THREE)
    for _ in range(3):
        assert len(migrator.migrate()) == 3
        assert len(migrator.rollback(limit=3)) == 3
    assert tables(path) == set()


def test_the_table_migrations_may_be_touched_by_a_migration_only_as_a_whole(db: Database, path: Path) -> None:
    error = caught(db.migrator([THREE[0], make(2, up="DROP TABLE migrations")]).migrate)
    assert error.migration.number == 2
    assert applied_ids(path) == ["001"]


def test_memory_is_a_database_too(open_database: Callable[..., Database]) -> None:
    db = open_database(":memory:")
    migrator = db.migrator(THREE)
    assert len(migrator.migrate()) == 3
    assert migrator.migrate() == []
    assert ids(migrator.rollback(target="001")) == ["003", "002"]
    assert db.execute("SELECT name FROM sqlite_master WHERE name LIKE 't_'") == [("t1",)]


def test_a_closed_client_is_a_closed_error(db: Database) -> None:
    migrator = db.migrator(THREE)
    db.wait(db.client.close())
    for call in (migrator.migrate, migrator.rollback_last, migrator.initialize, migrator.get_migration_summary):
        assert type(caught(call)) is ClosedError


def test_the_owner_of_a_transaction_is_told_so() -> None:
    with create_client_sync(":memory:") as client:
        migrator = Migrator(client, THREE)
        with client.transaction() as transaction:
            for call in (migrator.migrate, migrator.get_migration_summary, migrator.rollback_last):
                assert type(caught(call)) is TransactionActiveError
            assert caught(Migrator, transaction).code == "foreign_client"
        assert len(migrator.migrate()) == 3


async def _inside_a_transaction() -> AgentDBError:
    async with create_client(":memory:") as client:
        migrator = AsyncMigrator(client, THREE)
        async with client.transaction() as transaction:
            assert caught(AsyncMigrator, transaction).code == "foreign_client"
            try:
                await migrator.migrate()
            except AgentDBError as error:
                return error
    raise AssertionError("nothing was raised")


def test_the_task_that_owns_a_transaction_is_told_so() -> None:
    import asyncio

    assert type(asyncio.run(_inside_a_transaction())) is TransactionActiveError


def test_each_world_has_its_own_migrator(db: Database) -> None:
    other = Migrator if db.is_async else AsyncMigrator
    error = caught(other, db.client)
    assert type(error) is InvalidArgumentError
    assert error.code == "wrong_world"
    assert other.__name__ in error.message


@pytest.mark.parametrize(
    "client", [None, "agents.db", Path("agents.db"), object(), 1], ids=lambda value: type(value).__name__
)
def test_what_is_no_client_is_refused(client: Any) -> None:
    for kind in (Migrator, AsyncMigrator):
        error = caught(kind, client)
        assert type(error) is InvalidArgumentError
        assert error.code == "foreign_client"


@pytest.mark.parametrize(
    "options",
    [{"table": table} for table in ["", 5.5, 1, b"t", "a\0b", "sqlite_t", "SQLITE_t", "\ud800"]]
    + [{"app_version": 1}, {"app_version": b"1"}, {"on_event": 1}, {"on_event": "print"}],
    ids=repr,
)
def test_bad_options_are_refused_when_the_migrator_is_made(db: Database, options: dict[str, Any]) -> None:
    error = caught(db.migrator, THREE, **options)
    assert type(error) is InvalidArgumentError
    assert next(iter(options)) in error.message or "table" in error.message


def test_options_are_given_by_name_only(db: Database) -> None:
    with pytest.raises(TypeError):
        type(db.migrator().migrator)(db.client, THREE, "other_table")
    with pytest.raises(TypeError):
        db.migrator(THREE, no_such_option=True)
    with pytest.raises(TypeError):
        db.migrator(THREE).migrate(no_such_option=True)


def test_many_migrations_at_once(db: Database) -> None:
    many = [make(number) for number in range(1, 201)]
    migrator = db.migrator(many)
    assert len(migrator.migrate()) == 200
    assert migrator.migrate() == []
    assert ids(migrator.rollback(limit=150))[-1] == "051"


def test_a_read_only_client_can_ask_but_not_migrate(open_database: Callable[..., Database], path: Path) -> None:
    writer = open_database()
    writer.migrator([THREE[0]]).migrate()
    reader = open_database(read_only=True)
    assert reader.migrator([THREE[0]]).migrate() == []
    assert reader.migrator(THREE).get_migration_summary().pending_migrations == 2
    assert len(reader.migrator(THREE).migrate(dry_run=True)) == 2
    error = caught(reader.migrator(THREE).migrate)
    assert error.code == "read_only"
    assert applied_ids(path) == ["001"]


def test_migration_is_what_the_package_exports() -> None:
    assert agentdb.Migration is Migration
    assert agentdb.Migrator is Migrator
    assert agentdb.AsyncMigrator is AsyncMigrator
