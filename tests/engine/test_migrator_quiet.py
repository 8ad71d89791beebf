"""Nothing pending costs nothing, and a dry run writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_harness import Database, ask, caught, ids, make, outside, tables

from agentdb.errors import AgentDBError

THREE = [make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (1)"]), make(2), make(3, down=())]


def migrated(open_database: Callable[..., Database], path: Path, journal_mode: str) -> None:
    """A migrated file in this journal mode, with nobody on it."""
    db = open_database()
    db.migrator(THREE).migrate()
    db.wait(db.client.close())
    with outside(path) as connection:
        assert connection.execute(f"PRAGMA journal_mode={journal_mode}").fetchone() == (journal_mode,)


def footprint(path: Path) -> tuple[bytes, int, int, list[str]]:
    status = os.stat(path)
    return path.read_bytes(), status.st_mtime_ns, status.st_ino, sorted(os.listdir(path.parent))


QUIET: dict[str, Callable[[Database], object]] = {
    "migrate": lambda db: db.migrator(THREE).migrate(),
    "migrate with a target": lambda db: db.migrator(THREE).migrate(target="003"),
    "migrate with a limit": lambda db: db.migrator(THREE).migrate(limit=1),
    "migrate without checksums": lambda db: db.migrator(THREE).migrate(validate_checksums=False),
    "dry run": lambda db: db.migrator([*THREE, make(4)]).migrate(dry_run=True),
    "dry run of rollback": lambda db: db.migrator([*THREE[:2], make(3, up=THREE[2].up)]).rollback(
        limit=2, dry_run=True
    ),
    "dry run of rollback_last": lambda db: db.migrator([*THREE[:2], make(3, up=THREE[2].up)]).rollback_last(
        dry_run=True
    ),
    "rollback to the newest": lambda db: db.migrator(THREE).rollback(target="003"),
    "initialize": lambda db: db.migrator(THREE).initialize(),
    "summary": lambda db: db.migrator(THREE).get_migration_summary(),
    "validate": lambda db: db.migrator(THREE).validate_migrations(),
    "refused migrate": lambda db: caught(db.migrator([make(1, up="SELECT 1")]).migrate),
    "refused rollback": lambda db: caught(db.migrator(THREE).rollback, limit=2),
}


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("what", QUIET)
def test_asking_leaves_the_file_byte_for_byte_as_it_was(
    open_database: Callable[..., Database], path: Path, what: str, journal_mode: str
) -> None:
    migrated(open_database, path, journal_mode)
    before = footprint(path)
    db = open_database()
    QUIET[what](db)
    if journal_mode == "delete":
        assert sorted(os.listdir(path.parent)) == before[3], "no -wal, no -shm, no -journal"
    db.wait(db.client.close())
    assert footprint(path) == before
    assert ask(path, "PRAGMA journal_mode") == [(journal_mode,)]


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("what", QUIET)
def test_asking_takes_no_lock(open_database: Callable[..., Database], path: Path, what: str, journal_mode: str) -> None:
    migrated(open_database, path, journal_mode)
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        # A time-out of zero: whoever wants the write lock fails at once.
        answer = QUIET[what](open_database(busy_timeout=0))
        assert getattr(answer, "code", None) != "busy"


def kinds(sent: list[str]) -> list[str]:
    return [sql.split()[0].upper() for sql in sent]


@pytest.mark.parametrize("number", [1, 3, 50])
def test_nothing_pending_is_one_select(open_database: Callable[..., Database], number: int) -> None:
    registered = [make(one) for one in range(1, number + 1)]
    db = open_database()
    db.migrator(registered).migrate()
    with db.statements_sent() as sent:
        assert db.migrator(registered).migrate() == []
    assert kinds(sent) == ["SELECT"]


def test_without_a_tracking_table_it_is_two(db: Database) -> None:
    with db.statements_sent() as sent:
        assert db.migrator().migrate() == []
        assert kinds(sent) in (["SELECT"], ["SELECT", "SELECT"])


@pytest.mark.parametrize("what", [what for what in QUIET if what != "initialize"])
def test_asking_is_at_most_two_selects(open_database: Callable[..., Database], what: str) -> None:
    db = open_database()
    db.migrator(THREE).migrate()
    with db.statements_sent() as sent:
        QUIET[what](db)
    assert set(kinds(sent)) == {"SELECT"}
    assert len(sent) <= 2


def test_the_number_of_statements_of_a_fresh_start_grows_with_the_migrations_only(
    open_database: Callable[..., Database], tmp_path: Path
) -> None:
    counts = []
    for number in (10, 20, 30):
        db = open_database(tmp_path / f"{number}.db")
        with db.statements_sent() as sent:
            db.migrator([make(one) for one in range(number)]).migrate()
        counts.append(len(sent))
    assert counts[2] - counts[1] == counts[1] - counts[0]
    assert counts[1] - counts[0] <= 10 * 8


def test_a_dry_run_on_a_new_file_writes_nothing_at_all(open_database: Callable[..., Database], path: Path) -> None:
    db = open_database()
    results = db.migrator(THREE).migrate(dry_run=True)
    assert ids(results) == ["001", "002", "003"]
    assert os.listdir(path.parent) in ([], [path.name])
    assert not path.exists() or path.stat().st_size == 0
    assert ask(path, "SELECT * FROM sqlite_master") == []


def test_a_dry_run_on_somebody_elses_file_leaves_it_alone(open_database: Callable[..., Database], path: Path) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = footprint(path)
    db = open_database()
    assert len(db.migrator(THREE).migrate(dry_run=True)) == 3
    assert db.migrator(THREE).rollback(limit=1, dry_run=True) == []
    assert db.migrator(THREE).rollback_last(dry_run=True) is None
    db.wait(db.client.close())
    assert footprint(path) == before


def test_a_dry_run_returns_one_preview_for_each_that_would_run(db: Database) -> None:
    migrator = db.migrator(THREE)
    previews = migrator.migrate(dry_run=True)
    assert [preview.migration for preview in previews] == THREE
    for preview in previews:
        assert preview.dry_run is True
        assert preview.success is True
        assert preview.error is None
        assert preview.executed_at is None
        assert preview.execution_time == 0
        assert preview.statements == preview.migration.up
    assert ids(migrator.migrate(limit=2, dry_run=True)) == ["001", "002"]
    assert ids(migrator.migrate(target="002", dry_run=True)) == ["001", "002"]
    assert ids(migrator.migrate()) == ids(previews)
    assert migrator.migrate(dry_run=True) == []


def test_a_dry_run_of_a_rollback_shows_the_statements_that_would_run(db: Database, path: Path) -> None:
    db.migrator([*THREE[:2], make(3)]).migrate()
    older = db.migrator([THREE[0], make(2, description="other words", down=["DELETE FROM t2", "DROP TABLE t2"])])
    previews = older.rollback(limit=2, dry_run=True)
    assert [(preview.migration.number, preview.statements) for preview in previews] == [
        (3, ("DROP TABLE t3",)),
        (2, ("DELETE FROM t2", "DROP TABLE t2")),
    ]
    assert all(preview.dry_run and preview.success and preview.executed_at is None for preview in previews)
    last = older.rollback_last(dry_run=True)
    assert last == previews[0]
    assert tables(path) == {"t1", "t2", "t3"}


def test_a_dry_run_tells_no_events(db: Database) -> None:
    events: list[object] = []
    migrator = db.migrator(THREE, on_event=events.append)
    migrator.migrate(dry_run=True)
    assert events == []


def test_a_dry_run_refuses_what_the_real_run_would_refuse(db: Database) -> None:
    db.migrator(THREE).migrate()
    for registered in ([make(1, up="SELECT 1"), *THREE[1:]], THREE[:1], [make(0), *THREE]):
        migrator = db.migrator(registered)
        preview: AgentDBError = caught(migrator.migrate, dry_run=True)
        real = caught(migrator.migrate)
        assert (preview.code, str(preview)) == (real.code, str(real))


@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist"])
def test_a_file_of_another_journal_mode_stays_so_while_nothing_is_pending(
    open_database: Callable[..., Database], path: Path, journal_mode: str
) -> None:
    migrated(open_database, path, "delete")
    db = open_database()
    with outside(path) as other:
        other.execute(f"PRAGMA journal_mode={journal_mode}")
        assert db.migrator(THREE).migrate() == []
        assert other.execute("PRAGMA journal_mode").fetchone() == (journal_mode,)
        assert not path.with_name(path.name + "-wal").exists()
        assert ids(db.migrator([*THREE, make(4)]).migrate()) == ["004"]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


def test_with_nothing_pending_migrate_waits_for_no_reader_either(
    open_database: Callable[..., Database], path: Path
) -> None:
    migrated(open_database, path, "wal")
    with outside(path) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM migrations").fetchall()
        assert open_database(busy_timeout=0).migrator(THREE).migrate() == []
