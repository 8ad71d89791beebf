"""A rollback beside other processes, and beside statements that somebody has altered: nothing goes that no backup holds."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, outside, tables

from agentdb import AsyncMigrator, Migration, Migrator, RebuildTable, create_client, create_client_sync
from agentdb.engine.history_row import mark_of
from agentdb.errors import BackupError, StorageError

THREE = [make(number) for number in (1, 2, 3)]


def at(kind: str, act: Callable[[], object], times: int = 1) -> Callable[[Any], None]:
    """An event callback that acts at the first events of a kind, as another process would."""
    seen: list[str] = []

    def on_event(event: Any) -> None:
        if type(event).__name__ == kind and len(seen) < times:
            seen.append(kind)
            act()

    return on_event


def written(path: Path, sql: str) -> Callable[[], None]:
    def write() -> None:
        with outside(path) as other:
            other.execute(sql)

    return write


def upgraded(path: Path, migrations: list[Migration]) -> Callable[[], None]:
    def upgrade() -> None:
        with create_client_sync(path) as client:
            Migrator(client, migrations, backup=False).migrate()

    return upgrade


def held(path: Path, sql: str) -> list[list[Any]]:
    """What each backup before a rollback of 002 has, the oldest first."""
    answers = []
    for backup in sorted(Path(f"{path}.backups").glob("*.002-001.backup")):
        with closing(sqlite3.connect(backup)) as connection:
            answers.append([row[0] for row in connection.execute(sql)])
    return answers


@pytest.mark.parametrize("use_transaction", [True, False])
@pytest.mark.parametrize("times", [1, 10])
def test_what_is_written_behind_the_backup_is_in_another_one(
    db: Database, path: Path, use_transaction: bool, times: int
) -> None:
    registered = [THREE[0], make(2, use_transaction=use_transaction)]
    db.migrator(registered).migrate()
    write = written(path, "INSERT INTO t2 VALUES ('precious')")
    db.migrator(registered, on_event=at("Started", write)).rollback_last()
    assert held(path, "SELECT x FROM t2")[-1] == ["precious"]
    db.migrator(registered).migrate()
    db.migrator(registered, on_event=at("BackedUp", write, times), keep_backups=20).rollback_last()
    assert len(held(path, "SELECT x FROM t2")[-1]) == min(times, 3)  # then one was made under the write lock
    assert "t2" not in tables(path)


def test_a_second_attempt_has_a_backup_of_its_own(db: Database, path: Path) -> None:
    migrator = db.migrator(THREE[:2])
    migrator.migrate()
    with outside(path) as other:
        other.execute("CREATE TABLE host (x REFERENCES t2 (rowid))")
        other.execute("CREATE VIEW of_the_host AS SELECT * FROM t2")
    assert caught(migrator.rollback_last).code == "view_broken"
    written(path, "DROP VIEW of_the_host")()
    written(path, "INSERT INTO t2 VALUES ('precious')")()
    assert ids([migrator.rollback_last()]) == ["002"]
    assert held(path, "SELECT x FROM t2") == [[], ["precious"]]


@pytest.mark.parametrize("extent", [{"limit": 1}, {"target": "001"}])
@pytest.mark.parametrize("use_transaction", [True, False])
@pytest.mark.parametrize("event", ["Started", "BackedUp", "Planned"])
def test_a_migration_that_another_process_applies_meanwhile_stays_and_so_does_all_below(
    db: Database, path: Path, extent: dict[str, Any], use_transaction: bool, event: str
) -> None:
    registered = [THREE[0], make(2, use_transaction=use_transaction), THREE[2]]
    db.migrator(registered[:2]).migrate()
    migrator = db.migrator(registered, on_event=at(event, upgraded(path, registered)))
    error = caught(migrator.rollback, **extent)
    assert error.code == "changed_meanwhile"
    assert applied_ids(path) == ["001", "002", "003"]
    assert tables(path) == {"t1", "t2", "t3"}


def test_a_range_of_several_transactions_that_another_process_has_begun_is_planned_anew(
    db: Database, path: Path
) -> None:
    registered = [THREE[0], make(2, use_transaction=False), THREE[2]]
    db.migrator(registered).migrate()

    def other() -> None:
        with create_client_sync(path) as client:
            Migrator(client, registered).rollback_last()

    assert caught(db.migrator(registered, on_event=at("Planned", other)).rollback, limit=2).code == "changed_meanwhile"
    db.migrator(registered).migrate()
    done = db.migrator(registered, on_event=at("Planned", other)).rollback(target="001")
    assert ids(done) == ["002"]


@pytest.mark.parametrize("kind", ["view", "trigger"])
def test_outside_a_transaction_views_and_triggers_are_checked_too(db: Database, path: Path, kind: str) -> None:
    migrator = db.migrator([THREE[0], make(2, use_transaction=False)])
    migrator.migrate()
    with outside(path) as other:
        if kind == "view":
            other.execute("CREATE VIEW of_the_host AS SELECT x FROM t2")
        else:
            other.execute("CREATE TABLE host (x)")
            other.execute("CREATE TRIGGER of_the_host AFTER INSERT ON host BEGIN INSERT INTO t2 VALUES (1); END")
    error = caught(migrator.rollback_last)
    assert error.code == "view_broken"
    assert error.message.endswith("nothing was rolled back")
    assert applied_ids(path) == ["001", "002"]


def test_however_often_a_rollback_is_begun_the_backup_from_before_stays(db: Database, path: Path) -> None:
    down = ["DROP TABLE t2", "VACUUM INTO '/no/folder'"]
    migrator = db.migrator([THREE[0], make(2, down=down, use_transaction=False)])
    migrator.migrate()
    written(path, "INSERT INTO t2 VALUES ('precious')")()
    for number in range(5):
        caught(migrator.rollback_last)
        written(path, f"INSERT INTO t1 VALUES ({number})")()
    assert held(path, "SELECT x FROM t2") == [["precious"]]


def test_what_was_shown_is_rolled_back_and_nothing_else(db: Database, path: Path) -> None:
    migrator = db.migrator(THREE)
    migrator.migrate(target="002")
    shown = migrator.rollback(limit=1, dry_run=True)
    upgraded(path, THREE)()
    error = caught(migrator.rollback, limit=1, planned=shown)
    assert error.code == "changed_meanwhile"
    assert "003" in error.message
    assert applied_ids(path) == ["001", "002", "003"]
    shown = migrator.rollback(limit=1, dry_run=True)
    assert ids(migrator.rollback(limit=1, planned=shown)) == ["003"]
    for wrong in ("003", [1], 5):
        assert caught(migrator.rollback, limit=1, planned=wrong).code == "invalid_argument"


def test_what_was_rolled_back_and_applied_again_was_applied_last(db: Database, path: Path) -> None:
    db.migrator([THREE[0], THREE[2]]).migrate()
    migrator = db.migrator(THREE, allow_out_of_order=True)
    assert ids(migrator.migrate()) == ["002"]
    assert ids(migrator.rollback(target="002")) == ["003"]
    assert ids(db.migrator(THREE).migrate()) == ["003"]
    assert [ids([db.migrator(THREE).rollback_last()]) for _ in range(3)] == [["003"], ["002"], ["001"]]


def test_a_pragma_in_the_range_does_not_switch_the_trial_off(db: Database, path: Path) -> None:
    first = make(1, down=["INSERT INTO nowhere VALUES (1)"])
    second = make(2, down=["PRAGMA optimize(1)", "DROP TABLE t2"], use_transaction=False)
    migrator = db.migrator([first, second])
    migrator.migrate()
    error = caught(migrator.rollback, limit=2)
    assert error.code == "statement_failed"
    assert applied_ids(path) == ["001", "002"]


def test_the_migration_that_drops_the_table_is_named(db: Database, path: Path) -> None:
    migrator = db.migrator(
        [THREE[0], make(2, up="CREATE TABLE t2 (x INTEGER PRIMARY KEY)"), make(3, use_transaction=False)]
    )
    migrator.migrate()
    with outside(path) as other:
        other.execute("INSERT INTO t2 VALUES (1)")
        other.execute("CREATE TABLE host (x REFERENCES t2)")
        other.execute("INSERT INTO host VALUES (1)")
    error = caught(migrator.rollback, limit=2)
    assert error.code == "dependent_rows"
    assert error.migration_id == "002"
    assert applied_ids(path) == ["001", "002", "003"]


def test_the_remedy_of_a_loss_is_one_for_downs(db: Database) -> None:
    up = ["CREATE TABLE t2 (x INTEGER PRIMARY KEY)", "CREATE TABLE child (x REFERENCES t2 ON DELETE CASCADE)"]
    migrator = db.migrator([THREE[0], make(2, up=up, down="DELETE FROM t2")])
    migrator.migrate()
    db.execute("INSERT INTO t2 VALUES (1)")
    db.execute("INSERT INTO child VALUES (1)")
    error = caught(migrator.rollback_last)
    assert error.code == "data_loss"
    assert "allows_loss" not in error.remedy
    assert "down" in error.remedy


RECORDED = {
    "other rows": ["DELETE FROM migrations", "DROP TABLE t2"],
    "its own row": ["DELETE FROM migrations WHERE id = '002'"],
    "another id": ["UPDATE migrations SET id = '009' WHERE id = '001'"],
    "a column less": ["ALTER TABLE migrations DROP COLUMN app_version", "DROP TABLE t2"],
    "another name": ["ALTER TABLE migrations RENAME TO others"],
    "no table": ["DROP TABLE migrations"],
    "a trigger": [
        "CREATE TRIGGER keep BEFORE DELETE ON migrations BEGIN SELECT RAISE(IGNORE); END",
        "DROP TABLE t2",
    ],
    "a trigger for later": [
        "CREATE TRIGGER more AFTER DELETE ON migrations BEGIN DELETE FROM migrations; END",
        "DROP TABLE t2",
    ],
}


@pytest.mark.parametrize("use_transaction", [1, 0])
@pytest.mark.parametrize("down", RECORDED.values(), ids=RECORDED)
def test_a_recorded_down_changes_no_row_of_the_tracking_table(
    db: Database, path: Path, down: list[str], use_transaction: int
) -> None:
    db.migrator(THREE[:2]).migrate()
    sql = "UPDATE migrations SET checksum = 'v1:other', down = ?, use_transaction = ? WHERE id = '002'"
    with outside(path) as other:
        other.execute(sql, (json.dumps(down), use_transaction))
    before = ask(path, "SELECT id, checksum FROM migrations")
    error = caught(db.migrator([THREE[0]]).rollback, limit=1)
    assert error.code in ("tracking_table_changed", "foreign_table"), error
    if use_transaction:
        assert ask(path, "SELECT id, checksum FROM migrations") == before
        assert tables(path) == {"t1", "t2"}


def test_a_recorded_down_that_only_explains_is_refused(db: Database, path: Path) -> None:
    db.migrator(THREE[:2]).migrate()
    db.execute("UPDATE migrations SET checksum = 'v1:other', down = '[\"EXPLAIN DROP TABLE t2\"]' WHERE id = '002'")
    assert caught(db.migrator([THREE[0]]).rollback, limit=1).code == "recorded_down_refused"
    assert tables(path) == {"t1", "t2"}


def test_a_recorded_rebuild_is_executed_whatever_the_row_says_of_transactions(db: Database, path: Path) -> None:
    rebuilt = Migration(
        "002", "a rebuild", RebuildTable("t1", "CREATE TABLE t1 (x TEXT)"), RebuildTable("t1", "CREATE TABLE t1 (x)")
    )
    db.migrator([THREE[0], rebuilt]).migrate()
    db.execute("UPDATE migrations SET checksum = 'v1:other', use_transaction = 0 WHERE id = '002'")
    db.migrator([THREE[0]]).rollback(limit=1)
    assert "TEXT" not in ask(path, "SELECT sql FROM sqlite_master WHERE name = 't1'")[0][0]


def test_beside_a_recorded_down_a_registered_one_may_do_what_it_always_may(db: Database, path: Path) -> None:
    known = make(2, down=["CREATE TEMP TABLE kept AS SELECT * FROM t2", "DROP TABLE t2", "DROP TABLE temp.kept"])
    db.migrator([THREE[0], known, THREE[2]]).migrate()
    assert ids(db.migrator([THREE[0], known]).rollback(limit=2)) == ["003", "002"]
    assert tables(path) == {"t1"}


def test_the_authorizer_of_the_application_is_there_again_after_a_recorded_down(path: Path) -> None:
    def protect(connection: sqlite3.Connection) -> None:
        def authorize(action: int, first: str | None, *_: object) -> int:
            return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_DELETE and first == "t1" else sqlite3.SQLITE_OK

        connection.set_authorizer(authorize)

    with create_client_sync(path, on_connect=protect) as client:
        Migrator(client, THREE[:2]).migrate()
        Migrator(client, THREE[:1]).rollback(limit=1)
        for call in (client.execute, lambda sql: client.batch([sql])):
            assert caught(call, "DELETE FROM t1").code == "not_allowed"


def test_what_an_interrupted_recorded_down_had_set_is_not_set_again_unconfined(db: Database, path: Path) -> None:
    db.migrator(THREE[:2]).migrate()
    down = '["CREATE TEMP TABLE stolen AS SELECT * FROM t1", "DROP TABLE t2"]'
    with outside(path) as other:
        other.execute(
            "UPDATE migrations SET checksum = 'v1:other', down = ?, use_transaction = 0, in_progress = 'down', "
            "note = 'down: 1 statements done, ' WHERE id = '002'",
            (down,),
        )
        mark = mark_of(("CREATE TEMP TABLE stolen AS SELECT * FROM t1",))
        other.execute("UPDATE migrations SET note = note || ? WHERE id = '002'", (mark,))
    assert caught(db.migrator([THREE[0]]).rollback, limit=1).code == "not_allowed"
    assert db.execute("SELECT count(*) FROM t2") == [(0,)]


def test_a_cancellation_in_the_first_statement_outside_a_transaction_leaves_nothing_begun(path: Path) -> None:
    goes_on = [0]

    def register(connection: sqlite3.Connection) -> None:
        connection.create_function("goes_on", 0, lambda: goes_on[0])

    endless = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE goes_on()) "
        "DELETE FROM t2 WHERE x IN (SELECT i FROM n)"
    )
    registered = [THREE[0], make(2, down=[endless, "DROP TABLE t2"], use_transaction=False)]

    def on_event(event: Any) -> None:
        goes_on[0] = int(type(event).__name__ == "Started")

    async def main() -> None:
        async with create_client(path, on_connect=register) as client:
            migrator = AsyncMigrator(client, registered, on_event=on_event)
            await migrator.migrate()
            goes_on[0] = 0
            task = asyncio.create_task(migrator.rollback_last())
            while ask(path, "SELECT in_progress FROM migrations WHERE id = '002'") != [("down",)]:  # noqa: ASYNC110
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ask(path, "SELECT id, in_progress FROM migrations") == [("001", None), ("002", None)]
            assert await migrator.migrate() == []

    asyncio.run(main())


def test_a_database_that_needs_no_backup_leaves_nothing_to_settle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[object] = []
    monkeypatch.setattr("agentdb.engine.backup.retention.BackupSeries.settle", lambda series: settled.append(series))
    with create_client_sync(":memory:") as client:
        Migrator(client, THREE).migrate()
        assert ids(Migrator(client, THREE).rollback(target="001")) == ["003", "002"]
    assert settled == []
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, THREE).migrate()
        Migrator(client, THREE).rollback(target="001")
    assert settled != []


def test_where_the_backup_cannot_be_begun_it_is_the_backup_that_failed(
    db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.migrator(THREE[:2]).migrate()

    def fail(*_: object) -> None:
        raise StorageError("it cannot be read", code="cannot_open")

    monkeypatch.setattr("agentdb.engine.backup.automatic.Copy", fail)
    error = caught(db.migrator(THREE[:2]).rollback_last)
    assert isinstance(error, BackupError)
    assert applied_ids(path) == ["001", "002"]
