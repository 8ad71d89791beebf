"""use_transaction=False: marked before, settled after; what can be in a transaction happens once, VACUUM at least once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, hand_made_row, ids, make, outside, tables

from agentdb import Migrator, create_client_sync
from agentdb.errors import MigrationError

FIRST = make(1)
VACUUM = make(2, up="VACUUM", down="VACUUM", use_transaction=False)


def rows(path: Path) -> list[tuple[Any, ...]]:
    return ask(path, "SELECT id, in_progress FROM migrations ORDER BY id")


def test_vacuum_runs_outside_a_transaction(db: Database, path: Path) -> None:
    migrator = db.migrator([FIRST, VACUUM])
    assert ids(migrator.migrate()) == ["001", "002"]
    assert rows(path) == [("001", None), ("002", None)]
    assert ask(path, "SELECT use_transaction, execution_time > 0 FROM migrations WHERE id = '002'") == [(0, 1)]
    assert migrator.migrate() == []
    assert ids([migrator.rollback_last()]) == ["002"]
    assert rows(path) == [("001", None)]


def test_the_same_migration_inside_a_transaction_is_refused_by_sqlite_and_leaves_nothing(
    db: Database, path: Path
) -> None:
    error = caught(db.migrator([FIRST, make(2, up="VACUUM")]).migrate)
    assert "cannot VACUUM from within a transaction" in error.message
    assert rows(path) == [("001", None)]


def test_an_older_build_knows_from_the_row_that_the_down_runs_outside_a_transaction(db: Database, path: Path) -> None:
    db.migrator([FIRST, VACUUM]).migrate()
    result = db.migrator([FIRST]).rollback_last()
    assert result.migration.use_transaction is False
    assert rows(path) == [("001", None)]


def test_it_is_marked_in_progress_before_and_settled_after(db: Database, path: Path) -> None:
    seen: list[tuple[str, Any]] = []

    def on_event(event: object) -> None:
        if type(event).__name__ in ("StatementDone", "Applied", "Reverted"):
            seen.append((type(event).__name__, rows(path)))

    migration = make(
        1, up=["CREATE TABLE t1 (x)", "SELECT 1"], down=["DROP TABLE t1", "SELECT 2"], use_transaction=False
    )
    migrator = db.migrator([migration], on_event=on_event)
    migrator.migrate()
    migrator.rollback_last()
    assert seen == [
        ("StatementDone", [("001", "up")]),
        ("StatementDone", [("001", "up")]),
        ("Applied", [("001", None)]),
        ("StatementDone", [("001", "down")]),
        ("StatementDone", [("001", "down")]),
        ("Reverted", []),
    ]


HALF = ["CREATE TABLE IF NOT EXISTS t2 (x)", "INSERT INTO t2 VALUES (1)", "INSERT INTO later VALUES (1)"]


def half_way(**more: Any) -> Any:
    return make(2, up=HALF, down=["DROP TABLE t2"], use_transaction=False, **more)


def test_what_fails_half_way_stays_marked_and_goes_on_where_it_stopped(db: Database, path: Path) -> None:
    migrator = db.migrator([FIRST, half_way()])
    error = caught(migrator.migrate)
    assert type(error) is MigrationError
    assert (error.statement_number, error.code) == (3, "statement_failed")
    assert rows(path) == [("001", None), ("002", "up")]
    assert ask(path, "SELECT count(*) FROM t2") == [(1,)]
    summary = migrator.get_migration_summary()
    assert (summary.current_version, summary.applied_migrations, summary.pending_migration_ids) == ("001", 1, ("002",))
    validation = migrator.validate_migrations()
    assert validation.is_valid
    assert [(finding.code, finding.migration_id) for finding in validation.warnings] == [
        ("interrupted_migration", "002")
    ]
    with outside(path) as other:
        other.execute("CREATE TABLE later (x)")
    assert ids(migrator.migrate()) == ["002"]
    assert rows(path) == [("001", None), ("002", None)]
    assert ask(path, "SELECT count(*) FROM t2") == [(1,)]
    assert ask(path, "SELECT note FROM migrations") == [(None,), (None,)]


def test_what_fails_at_its_first_statement_has_done_nothing_and_leaves_no_row(db: Database, path: Path) -> None:
    error = caught(db.migrator([FIRST, make(2, up="INSERT INTO nowhere VALUES (1)", use_transaction=False)]).migrate)
    assert error.statement_number == 1
    assert rows(path) == [("001", None)]


def test_a_repeated_run_that_fails_again_is_still_in_progress(db: Database, path: Path) -> None:
    # Something of it was done in an earlier run: to forget that would be to lose it.
    up = ["CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"]
    migrator = db.migrator([FIRST, make(2, up=up, use_transaction=False)])
    assert caught(migrator.migrate).statement_number == 2
    assert caught(migrator.migrate).statement_number == 2
    assert rows(path) == [("001", None), ("002", "up")]
    assert ids([migrator.rollback_last()]) == ["002"]
    assert tables(path) == {"t1"}


def test_what_is_in_progress_may_be_edited_and_taken_back(db: Database, path: Path) -> None:
    migrator = db.migrator([FIRST, half_way()])
    caught(migrator.migrate)
    mended = make(2, up=HALF[:2], use_transaction=False)
    assert ids(db.migrator([FIRST, mended]).migrate()) == ["002"]
    assert ask(path, "SELECT checksum, in_progress FROM migrations WHERE id = '002'") == [(mended.checksum, None)]


def test_what_is_in_progress_can_be_taken_back_by_a_build_that_does_not_know_it(db: Database, path: Path) -> None:
    caught(db.migrator([FIRST, half_way()]).migrate)
    older = db.migrator([FIRST])
    assert caught(older.migrate).code == "unknown_migration"
    assert ids([older.rollback_last()]) == ["002"]
    assert tables(path) == {"t1"}
    assert rows(path) == [("001", None)]


def test_what_is_in_progress_is_not_late(db: Database, path: Path) -> None:
    with outside(path) as other:
        other.execute("CREATE TABLE later (x)")
    db.migrator([make(3)]).migrate()
    hand_made_row(path, "002")
    with outside(path) as other:
        other.execute("UPDATE migrations SET in_progress = 'up' WHERE id = '002'")
    assert ids(db.migrator([half_way(), make(3)]).migrate()) == ["002"]


def test_what_began_as_2_is_finished_as_002_with_one_row(db: Database, path: Path) -> None:
    caught(db.migrator([FIRST, make("2", up=HALF, use_transaction=False)]).migrate)
    assert rows(path) == [("001", None), ("2", "up")]
    with outside(path) as other:
        other.execute("CREATE TABLE later (x)")
    migrator = db.migrator([FIRST, half_way()])
    assert ids(migrator.migrate()) == ["002"]
    assert rows(path) == [("001", None), ("002", None)]
    assert migrator.migrate() == []


def test_a_build_that_runs_it_in_a_transaction_finishes_it_too(db: Database, path: Path) -> None:
    caught(db.migrator([FIRST, half_way()]).migrate)
    with outside(path) as other:
        other.execute("CREATE TABLE later (x)")
    assert ids(db.migrator([FIRST, make(2, up=HALF)]).migrate()) == ["002"]
    assert rows(path) == [("001", None), ("002", None)]
    assert ask(path, "SELECT count(*) FROM t2") == [(1,)]


def test_an_interrupted_rollback_stops_migrate_until_it_is_finished(db: Database, path: Path) -> None:
    copy = path.parent / "later" / "copy.db"  # the one kind of statement that is not tried before
    bad_down = ["DELETE FROM t2", f"VACUUM INTO '{copy}'", "DROP TABLE t2"]
    second = make(2, down=bad_down, use_transaction=False)
    migrator = db.migrator([FIRST, second, make(3)])
    migrator.migrate(target="002")
    error = caught(migrator.rollback_last)
    assert (error.code, error.statement_number) == ("cannot_open", 2)
    assert error.remedy.endswith("the statements before it stay done, and the next rollback continues here.")
    assert rows(path) == [("001", None), ("002", "down")]
    for call in (migrator.migrate, lambda: migrator.migrate(dry_run=True)):
        error = caught(call)
        assert error.code == "interrupted_rollback"
        assert error.migration_id == "002"
        assert "rollback_last()" in error.remedy
    assert "t3" not in tables(path)
    assert [finding.code for finding in migrator.validate_migrations().errors] == ["interrupted_rollback"]
    copy.parent.mkdir()
    assert ids([migrator.rollback_last()]) == ["002"]
    assert rows(path) == [("001", None)]
    assert ids(migrator.migrate()) == ["002", "003"]


def test_use_transaction_false_for_the_call_runs_everything_outside(db: Database, path: Path) -> None:
    registered = [FIRST, half_way()]
    registered[1] = make(2, up=HALF)
    error = caught(db.migrator(registered).migrate, use_transaction=False)
    assert error.statement_number == 3
    assert rows(path) == [("001", None), ("002", "up")]
    assert ask(path, "SELECT count(*) FROM t2") == [(1,)]


def test_the_row_records_the_flag_of_the_migration_not_of_the_call(db: Database, path: Path) -> None:
    down = ["DROP TABLE t1", "DELETE FROM nowhere"]
    db.migrator([make(1, down=down)]).migrate(use_transaction=False)
    assert ask(path, "SELECT use_transaction FROM migrations") == [(1,)]
    # So a build that never heard of it takes it back in a transaction, as its author meant.
    assert caught(db.migrator().rollback_last).statement_number == 2
    assert tables(path) == {"t1"}
    assert rows(path) == [("001", None)]


def test_use_transaction_true_for_the_call_does_not_force_vacuum_into_one(db: Database) -> None:
    assert ids(db.migrator([FIRST, VACUUM]).migrate(use_transaction=True)) == ["001", "002"]


@pytest.mark.parametrize("statement", [1, 2, 3])
def test_a_process_that_ends_in_the_middle_leaves_it_in_progress(
    open_database: Callable[..., Database], path: Path, statement: int
) -> None:
    class End(BaseException):
        pass

    def on_event(event: Any) -> None:
        if type(event).__name__ == "StatementDone" and event.number == statement:
            raise End

    up = ["CREATE TABLE IF NOT EXISTS t1 (x)", "INSERT INTO t1 VALUES (1)", "INSERT INTO t1 VALUES (2)"]
    migration = make(1, up=up, use_transaction=False)
    db = open_database()
    with pytest.raises(End):
        db.migrator([migration], on_event=on_event).migrate()
    assert rows(path) == [("001", "up")]
    assert ids(db.migrator([migration]).migrate()) == ["001"]
    assert rows(path) == [("001", None)]
    assert ask(path, "SELECT count(*) FROM t1") == [(2,)]
    assert applied_ids(path) == ["001"]


@pytest.mark.parametrize("statement", [1, 2, 3])
def test_two_that_are_at_it_together_do_each_statement_once(
    open_database: Callable[..., Database], path: Path, statement: int
) -> None:
    up = ["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (1)", "VACUUM", "UPDATE t1 SET x = x + 1"]
    migration = make(1, up=up, use_transaction=False)
    found: list[list[str]] = []

    def on_event(event: Any) -> None:
        if type(event).__name__ == "StatementDone" and event.number == statement:
            with create_client_sync(path) as other:
                found.append(ids(Migrator(other, [migration]).migrate()))

    assert open_database().migrator([migration], on_event=on_event).migrate() == []
    assert found == [["001"]]
    assert ask(path, "SELECT x FROM t1") == [(2,)]
    assert rows(path) == [("001", None)]


def test_a_rollback_that_died_goes_on_where_it_stopped(db: Database, path: Path) -> None:
    up = ["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (8)", "CREATE TABLE later (x)"]
    copy = path.parent / "later" / "copy.db"
    down = ["UPDATE t1 SET x = x / 2", f"VACUUM INTO '{copy}'"]
    migrator = db.migrator([make(1, up=up, down=down, use_transaction=False)])
    migrator.migrate()
    for _ in range(2):
        assert caught(migrator.rollback_last).statement_number == 2
    assert ask(path, "SELECT x FROM t1") == [(4,)]
    copy.parent.mkdir()
    assert ids([migrator.rollback_last()]) == ["001"]
    assert rows(path) == []


def test_a_down_outside_a_transaction_leaves_no_rows_of_others_without_their_parents(db: Database, path: Path) -> None:
    up = "CREATE TABLE parents (id INTEGER PRIMARY KEY)"
    migrator = db.migrator([make(1, up=up, down="DROP TABLE parents", use_transaction=False)])
    migrator.migrate()
    with outside(path) as other:
        other.execute("CREATE TABLE children (parent_id INTEGER REFERENCES parents (id))")
        other.execute("INSERT INTO parents VALUES (1)")
        other.execute("INSERT INTO children VALUES (1)")
    assert caught(migrator.rollback_last).code == "dependent_rows"
    assert rows(path) == [("001", None)]
    assert ask(path, "SELECT * FROM children") == [(1,)]


def test_a_corrected_build_goes_on_behind_what_is_done_and_the_same(db: Database, path: Path) -> None:
    up = ["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (1)", "CREATE TABLE t2 (x) bogus"]
    caught(db.migrator([make(1, up=up, use_transaction=False)]).migrate)
    mended = make(1, up=[*up[:2], "CREATE TABLE t2 (x)"], use_transaction=False)
    assert ids(db.migrator([mended]).migrate()) == ["001"]
    assert ask(path, "SELECT x FROM t1") == [(1,)]
    assert ask(path, "SELECT checksum, note FROM migrations") == [(mended.checksum, None)]


def test_a_build_that_would_have_begun_otherwise_is_refused_and_the_one_that_began_goes_on(
    db: Database, path: Path
) -> None:
    up = ["CREATE TABLE t1 (x)", "INSERT INTO later VALUES (1)"]
    first = make(1, up=up, use_transaction=False)
    caught(db.migrator([first]).migrate)
    before = ask(path, "SELECT * FROM migrations")
    other = make(1, up=["CREATE TABLE other (x)", *up], use_transaction=False)
    for migration in (other, make(1, up=other.up)):  # outside a transaction, and in one
        assert caught(db.migrator([migration]).migrate).code == "begun_otherwise"
    assert ask(path, "SELECT * FROM migrations") == before
    with outside(path) as connection:
        connection.execute("CREATE TABLE later (x)")
    assert ids(db.migrator([first]).migrate()) == ["001"]


def test_another_build_that_takes_it_over_is_not_mixed_with_this_one(
    open_database: Callable[..., Database], path: Path
) -> None:
    mine = make(1, up=["CREATE TABLE a (x)", "CREATE TABLE b (x)"], use_transaction=False)
    theirs = make(1, up=["CREATE TABLE n (x)", "INSERT INTO nowhere VALUES (1)"], use_transaction=False)

    def on_event(event: Any) -> None:
        if type(event).__name__ == "StatementDone" and event.number == 1:
            with create_client_sync(path) as other:
                client = Migrator(other, [theirs])
                client.mark_reverted("001", reason="another build is at it")
                caught(client.migrate)

    error = caught(open_database().migrator([mine], on_event=on_event).migrate)
    assert error.code == "begun_otherwise"
    assert tables(path) == {"a", "n"}


def test_a_rollback_that_goes_on_with_another_down_is_refused(db: Database, path: Path) -> None:
    up = ["CREATE TABLE a (x)", "CREATE TABLE b (x)"]
    down = ["DROP TABLE a", "VACUUM INTO '/no/folder'", "DROP TABLE b"]
    migrator = db.migrator([make(1, up=up, down=down, use_transaction=False)])
    migrator.migrate()
    caught(migrator.rollback_last)
    other = make(1, up=up, down=["DROP TABLE IF EXISTS b", "DROP TABLE IF EXISTS a"], use_transaction=False)
    assert caught(db.migrator([other]).rollback_last).code == "begun_otherwise"
    mended = make(1, up=up, down=["DROP TABLE a", "DROP TABLE b"], use_transaction=False)
    assert ids([db.migrator([mended]).rollback_last()]) == ["001"]
    assert tables(path) == set()


def test_a_rollback_that_has_done_nothing_was_not_begun(db: Database, path: Path) -> None:
    up = ["CREATE TABLE a (x)", "INSERT INTO later VALUES (1)"]
    migrator = db.migrator([make(1), make(2, up=up, down="DROP TABLE nowhere", use_transaction=False)])
    caught(migrator.migrate)
    before = ask(path, "SELECT * FROM migrations")
    caught(migrator.rollback_last)
    assert ask(path, "SELECT * FROM migrations") == before
    with outside(path) as connection:
        connection.execute("CREATE TABLE later (x)")
    assert ids(migrator.migrate()) == ["002"]
    caught(migrator.rollback_last)
    assert rows(path) == [("001", None), ("002", None)]
    assert migrator.migrate() == []


def test_what_was_struck_out_and_has_done_nothing_stays_struck_out(db: Database, path: Path) -> None:
    migrator = db.migrator([make(1), make(2, use_transaction=False)])
    migrator.migrate()
    with outside(path) as connection:
        connection.execute("DROP TABLE t2")
    migrator.mark_reverted("002", reason="by hand")
    bad = make(2, up="INSERT INTO nowhere VALUES (1)", use_transaction=False)
    error = caught(db.migrator([make(1), bad]).migrate)
    assert "begun before" not in error.remedy
    assert ids([db.migrator([make(1), bad]).rollback_last(dry_run=True)]) == ["001"]
    assert ids(migrator.migrate()) == ["002"]
