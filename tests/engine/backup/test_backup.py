"""Before an upgrade of a file there is a verified backup: one for each upgrade, however often it is begun."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from engine_harness import Database, ask, caught, ids, make, outside

import agentdb
from agentdb import AgentDB, AsyncMigrator, Migration, Migrator, create_client, create_client_sync
from agentdb.clients.local.snapshot import Copy, Lock
from agentdb.engine.events import BackedUp, BackingUp
from agentdb.errors import BackupError, BusyError, InvalidArgumentError

ONE, TWO, THREE = make(1), make(2), make(3)
BAD = Migration("002", "bad", ["CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"])


def folder_of(path: Path) -> Path:
    return path.with_name(path.name + ".backups")


def backups(path: Path) -> list[Path]:
    return sorted(folder_of(path).glob("*.backup")) if folder_of(path).exists() else []


def names(path: Path) -> list[str]:
    return [backup.name for backup in backups(path)]


def rows(path: Path | str) -> list[Any]:
    return [x for (x,) in ask(path, "SELECT x FROM t1 ORDER BY x")]


def whole(path: Path | str) -> bool:
    return ask(path, "PRAGMA integrity_check") == [("ok",)]


def upgrade_from_one(db: Database, *more: Migration, **options: Any) -> Any:
    db.migrator([ONE], backup=False).migrate()
    db.execute("INSERT INTO t1 VALUES ('mine')")
    return db.migrator([ONE, *more], **options).migrate()


def test_an_upgrade_leaves_the_database_as_it_was_before(db: Database, path: Path) -> None:
    upgrade_from_one(db, TWO, THREE)
    (backup,) = backups(path)
    assert backup.name == "agents.db.0001.001-003.backup"
    assert whole(backup)
    assert rows(backup) == ["mine"]
    assert ask(backup, "SELECT id FROM migrations") == [("001",)]
    assert sorted(os.listdir(folder_of(path))) == [backup.name, "agents.db.lock"]


def test_a_backup_is_one_plain_file_that_reading_leaves_alone(db: Database, path: Path) -> None:
    upgrade_from_one(db, TWO)
    (backup,) = backups(path)
    before = backup.read_bytes()
    assert ask(backup, "PRAGMA journal_mode") == [("delete",)]
    assert rows(backup) == ["mine"]
    assert backup.read_bytes() == before
    assert len(os.listdir(folder_of(path))) == 2


def test_a_new_file_and_one_with_nothing_pending_make_none(db: Database, path: Path) -> None:
    db.migrator([ONE, TWO]).migrate()
    db.migrator([ONE, TWO]).migrate()
    assert not folder_of(path).exists()


def test_a_dry_run_makes_none(db: Database, path: Path) -> None:
    db.migrator([ONE]).migrate()
    assert ids(db.migrator([ONE, TWO]).migrate(dry_run=True)) == ["002"]
    assert not folder_of(path).exists()


def test_a_database_in_memory_makes_none(open_database: Callable[..., Database], tmp_path: Path) -> None:
    db = open_database(":memory:")
    db.migrator([ONE]).migrate()
    assert ids(db.migrator([ONE, TWO]).migrate()) == ["002"]
    assert list(tmp_path.iterdir()) == []


def test_without_it_nothing_is_written_beside(db: Database, path: Path) -> None:
    upgrade_from_one(db, TWO, backup=False)
    assert not folder_of(path).exists()


def test_a_migration_that_fails_at_every_start_makes_one_backup(db: Database, path: Path) -> None:
    caught(upgrade_from_one, db, BAD)
    for number in range(5):
        db.execute("INSERT INTO t1 VALUES (?)", f"later {number}")
        caught(db.migrator([ONE, BAD]).migrate)
    assert names(path) == ["agents.db.0001.001-002.backup"]
    assert rows(backups(path)[0]) == ["mine"]


def an_hour_later(path: Path) -> None:
    for mark in folder_of(path).glob("*.upgrading"):
        os.utime(mark, (time.time() - 3600,) * 2)


def test_a_crash_loop_of_hours_makes_no_second(db: Database, path: Path) -> None:
    caught(upgrade_from_one, db, BAD)
    before = backups(path)[0].stat().st_ino
    for _ in range(3):
        an_hour_later(path)
        caught(db.migrator([ONE, BAD]).migrate)
        assert os.stat(f"{backups(path)[0]}.upgrading").st_mtime > time.time() - 600  # it is known to be right again
    assert names(path) == ["agents.db.0001.001-002.backup"]
    assert backups(path)[0].stat().st_ino == before
    assert len(os.listdir(folder_of(path))) == 3


def test_what_was_written_between_two_attempts_is_in_the_backup_of_the_second(db: Database, path: Path) -> None:
    caught(upgrade_from_one, db, BAD)
    an_hour_later(path)
    db.execute("INSERT INTO t1 VALUES ('weeks of work')")
    caught(db.migrator([ONE, BAD]).migrate)
    assert names(path) == ["agents.db.0001.001-002.backup", "agents.db.0002.001-002.backup"]
    assert [rows(backup) for backup in backups(path)] == [["mine"], ["mine", "weeks of work"]]
    an_hour_later(path)
    assert ids(db.migrator([ONE, TWO]).migrate()) == ["002"]
    assert len(names(path)) == 2
    assert not list(folder_of(path).glob("*.upgrading"))


def test_a_later_attempt_at_the_rest_has_a_backup_of_what_came_before_it(db: Database, path: Path) -> None:
    caught(upgrade_from_one, db, TWO, Migration("003", "bad", "INSERT INTO nowhere VALUES (1)"))
    an_hour_later(path)
    db.execute("INSERT INTO t1 VALUES ('weeks of work')")
    assert ids(db.migrator([ONE, TWO, THREE]).migrate()) == ["003"]
    assert names(path) == ["agents.db.0001.001-003.backup", "agents.db.0002.002-003.backup"]
    assert rows(backups(path)[1]) == ["mine", "weeks of work"]


def test_the_backup_from_before_any_change_outlives_a_crash_loop_that_gets_on(db: Database, path: Path) -> None:
    numbers = range(2, 7)
    db.migrator([ONE], backup=False).migrate()
    db.execute("INSERT INTO t1 VALUES ('mine')")
    for number in numbers:  # each start gets one further, and then no further
        bad = Migration(f"{number + 1:03}", "bad", "INSERT INTO nowhere VALUES (1)")
        rest = [make(later) for later in range(number + 2, 9)]
        caught(db.migrator([ONE, *map(make, range(2, number + 1)), bad, *rest], keep_backups=1).migrate)
        an_hour_later(path)
    assert "agents.db.0001.001-008.backup" in names(path)
    assert len(names(path)) == 2
    assert ids(db.migrator([make(number) for number in range(1, 9)], keep_backups=1).migrate()) == ["007", "008"]
    db.migrator([make(number) for number in range(1, 10)], keep_backups=1).migrate()
    assert len(names(path)) == 1


def test_what_a_migration_outside_a_transaction_has_done_makes_no_second(db: Database, path: Path) -> None:
    up = ["INSERT INTO t1 VALUES ('half')", "CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"]
    bad = Migration("002", "bad", up, use_transaction=False)
    caught(upgrade_from_one, db, bad)
    for _ in range(5):
        an_hour_later(path)
        caught(db.migrator([ONE, bad]).migrate)
    assert names(path) == ["agents.db.0001.001-002.backup"]
    assert rows(backups(path)[0]) == ["mine"]


def test_a_clock_that_was_set_back_hides_nothing(db: Database, path: Path) -> None:
    caught(upgrade_from_one, db, BAD)
    for mark in folder_of(path).glob("*.upgrading"):
        os.utime(mark, (time.time() + 3600,) * 2)
    db.execute("INSERT INTO t1 VALUES ('weeks of work')")
    caught(db.migrator([ONE, BAD]).migrate)
    assert rows(backups(path)[-1]) == ["mine", "weeks of work"]


def test_the_backup_of_another_file_at_the_same_path_is_not_taken_for_this_one_s(
    open_database: Callable[..., Database], path: Path
) -> None:
    db = open_database()
    caught(upgrade_from_one, db, BAD)
    db.wait(db.client.close())
    for name in os.listdir(path.parent):
        if name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            os.unlink(path.with_name(name))
    other = open_database()
    other.migrator([ONE], backup=False).migrate()
    other.execute("INSERT INTO t1 VALUES ('of the other')")
    caught(other.migrator([ONE, BAD]).migrate)
    assert [rows(backup) for backup in backups(path)] == [["mine"], ["of the other"]]


@pytest.mark.parametrize("damage", [b"", b"no database"])
def test_a_backup_that_was_damaged_since_is_made_anew(db: Database, path: Path, damage: bytes) -> None:
    caught(upgrade_from_one, db, BAD)
    backups(path)[0].write_bytes(damage)
    caught(db.migrator([ONE, BAD]).migrate)
    assert rows(backups(path)[-1]) == ["mine"]
    assert len(names(path)) == 2


def test_an_upgrade_that_is_taken_up_in_its_middle_has_its_backup_already(db: Database, path: Path) -> None:
    bad = Migration("003", "bad", "INSERT INTO nowhere VALUES (1)")
    caught(upgrade_from_one, db, TWO, bad)
    assert ids(db.migrator([ONE, TWO, THREE]).migrate()) == ["003"]
    assert names(path) == ["agents.db.0001.001-003.backup"]


def test_an_upgrade_that_came_to_its_end_and_is_made_again_has_a_backup_of_its_own(db: Database, path: Path) -> None:
    upgrade_from_one(db, TWO)
    db.migrator([ONE, TWO]).rollback_last()
    db.execute("INSERT INTO t1 VALUES ('weeks of work')")
    db.migrator([ONE, TWO]).migrate()
    assert names(path) == [
        "agents.db.0001.001-002.backup",
        "agents.db.0002.002-001.backup",  # before the rollback
        "agents.db.0003.001-002.backup",
    ]
    assert rows(backups(path)[2]) == ["mine", "weeks of work"]


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_the_newest_are_kept_whatever_the_clock_says(db: Database, path: Path, kept: int) -> None:
    folder_of(path).mkdir()
    others = [
        "agents.db",
        "agents.db.1.001-002.backup",
        "other.db.0001.001-002.backup",
        "agents.db.0001.001-002.backup.txt",
    ]
    for name in others:
        (folder_of(path) / name).write_text("somebody's")
    all_of_them = [make(number) for number in range(1, 8)]
    for number in range(1, 8):
        db.migrator(all_of_them[:number], keep_backups=kept).migrate()
        for backup in backups(path):  # the clock goes back by a day at every upgrade
            os.utime(backup, (10**9 - number * 86_400,) * 2)
    ours = [f"agents.db.{number:04}.{number:03}-{number + 1:03}.backup" for number in range(1, 7)][-kept:]
    assert sorted(os.listdir(folder_of(path))) == sorted([*ours, *others, "agents.db.lock"])


def test_a_folder_may_be_named_and_shared_by_databases_of_one_name(
    open_database: Callable[..., Database], tmp_path: Path
) -> None:
    shared = tmp_path / "kept" / "here"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        db = open_database(tmp_path / name / "agents.db")
        db.migrator([ONE]).migrate()
        db.execute("INSERT INTO t1 VALUES (?)", name)
        caught(db.migrator([ONE, BAD], backup_dir=shared).migrate)
    assert sorted(rows(backup)[0] for backup in shared.glob("*.backup")) == ["one", "two"]


def test_migrators_with_tables_of_their_own_have_backups_of_their_own(db: Database, path: Path) -> None:
    host = make(11, up="CREATE TABLE host (x)"), make(12, up="CREATE TABLE more (x)")
    upgrade_from_one(db)
    db.migrator(host[:1], table="host's").migrate()
    caught(db.migrator([ONE, BAD]).migrate)
    db.migrator(host, table="host's").migrate()
    versions = [name.removesuffix(".backup").rpartition(".")[2] for name in names(path)]
    assert versions == ["001-002", "0-011", "011-012"]  # where other tables are, the first one has a backup, too


class InBytes:
    def __fspath__(self) -> bytes:
        return b"x"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("backup", [0, 1, -1, None, "kept", b"x"]),
        ("backup_dir", ["", "a\0b", b"x", 1, object(), InBytes()]),
        ("keep_backups", [0, -1, 1.5, None, True, "3", 10**5000 * -1]),
    ],
)
def test_what_is_no_setting_is_refused(db: Database, name: str, wrong: list[Any]) -> None:
    for value in wrong:
        error = caught(db.migrator, [ONE], **{name: value})
        assert isinstance(error, InvalidArgumentError)
        assert f"{name} is" in error.message


def test_progress_is_told_before_the_first_migration_begins(db: Database, path: Path) -> None:
    db.migrator([ONE]).migrate()
    with outside(path) as connection:
        connection.executemany("INSERT INTO t1 VALUES (?)", [(os.urandom(8000),) for _ in range(1000)])
    events: list[Any] = []
    db.migrator([ONE, TWO], on_event=events.append).migrate()
    told = [type(event).__name__ for event in events]
    assert told[0] == "Planned"
    assert told.index("BackedUp") < told.index("Started")
    progress = [event for event in events if isinstance(event, BackingUp)]
    assert progress[0].done == progress[0].total == 0
    assert [event.done for event in progress] == sorted([event.done for event in progress])
    assert progress[-1].total > 2000
    (done,) = [event for event in events if isinstance(event, BackedUp)]
    assert done.path == progress[-1].path == str(backups(path)[0])


def test_an_event_callback_that_uses_the_database_is_refused_and_harms_nothing(db: Database, path: Path) -> None:
    refused: list[str] = []

    async def use_awaited(event: Any) -> None:
        try:
            await db.client.execute("SELECT 1")
        except agentdb.errors.TransactionActiveError as error:
            refused.append(error.code)

    def use(event: Any) -> Any:
        if not isinstance(event, BackingUp):
            return None
        if db.is_async:
            return use_awaited(event)
        refused.append(caught(db.client.execute, "SELECT 1").code)
        return None

    upgrade_from_one(db, TWO, on_event=use)
    assert set(refused) == {"callback_active"}
    assert len(backups(path)) == 1


@pytest.mark.skipif(os.name == "nt", reason="rights of another kind")
def test_a_backup_may_be_read_by_whom_the_database_may_be_read(db: Database, path: Path) -> None:
    path.chmod(0o600)
    upgrade_from_one(db, TWO)
    assert stat.S_IMODE(backups(path)[0].stat().st_mode) == 0o600


def test_a_damaged_database_is_not_upgraded(db: Database, path: Path) -> None:
    db.migrator([ONE]).migrate()
    with outside(path) as connection:
        connection.execute("CREATE INDEX t1_x ON t1 (x)")
        connection.executemany("INSERT INTO t1 VALUES (?)", [(f"{n:0500}",) for n in range(200)])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 't1_x'")
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 5)
        file.write(b"\xff" * 40)
    error = caught(db.migrator([ONE, TWO]).migrate)
    assert type(error) is BackupError
    assert error.code == "backup_damaged"
    assert ask(path, "SELECT id FROM migrations") == [("001",)]
    assert names(path) == []


def test_rows_that_the_schema_refuses_are_no_damage(db: Database, path: Path) -> None:
    db.migrator([make(1, up="CREATE TABLE t1 (x INTEGER NOT NULL CHECK (x > 0)) STRICT")]).migrate()
    with outside(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("INSERT INTO t1 VALUES (-1)")
    first = make(1, up="CREATE TABLE t1 (x INTEGER NOT NULL CHECK (x > 0)) STRICT")
    assert ids(db.migrator([first, TWO]).migrate()) == ["002"]
    assert rows(backups(path)[0]) == [-1]


def test_a_folder_that_cannot_be_made_stops_the_upgrade(db: Database, path: Path) -> None:
    folder_of(path).write_text("a file")
    error = caught(upgrade_from_one, db, TWO)
    assert (type(error), error.code) == (BackupError, "backup_failed")
    assert str(folder_of(path)) in error.message
    assert ask(path, "SELECT id FROM migrations") == [("001",)]


def test_space_is_asked_for_before_anything_is_written(db: Database, path: Path) -> None:
    upgrade_from_one(db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        os.truncate(f"{path}-wal", 2**43)  # a -wal of 8 TB, on paper
    except OSError as error:
        pytest.skip(f"no such file here: {error}")
    error = caught(db.migrator([ONE, TWO]).migrate)
    os.truncate(f"{path}-wal", 0)
    assert (type(error), error.code) == (BackupError, "backup_no_space")
    assert "MB are free" in error.message
    assert names(path) == []


def test_a_backup_of_another_database_in_the_way_is_never_taken_for_ours(db: Database, path: Path) -> None:
    """A mark without its backup, and a temporary file, as a killed process leaves them."""
    folder_of(path).mkdir()
    (folder_of(path) / "agents.db.0001.001-002.backup.upgrading").touch()
    (folder_of(path) / "agents.db.0007.001-009.backup.upgrading").touch()
    (folder_of(path) / "agents.db.partial").write_bytes(b"half of a copy")
    caught(upgrade_from_one, db, BAD)
    (backup,) = backups(path)
    assert rows(backup) == ["mine"]
    assert sorted(os.listdir(folder_of(path))) == [backup.name, f"{backup.name}.upgrading", "agents.db.lock"]


def test_one_that_waited_while_another_did_the_whole_upgrade_makes_none(path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
    folder_of(path).mkdir()
    waiting = threading.Event()
    done: list[Any] = []

    def start() -> None:
        with create_client_sync(path) as client:
            done.append(Migrator(client, [ONE, TWO], on_event=lambda event: waiting.set()).migrate())

    with outside(folder_of(path) / "agents.db.lock") as lock:
        lock.execute("BEGIN EXCLUSIVE")
        other = threading.Thread(target=start)
        other.start()
        assert waiting.wait(60)  # it has read what is applied, and planned
        with create_client_sync(path) as client:
            assert ids(Migrator(client, [ONE, TWO], backup=False).migrate()) == ["002"]
    other.join(60)
    assert done == [[]]
    assert names(path) == []


def test_a_maker_that_shows_no_sign_of_life_is_not_waited_for_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentdb.engine.backup.copy_task.PATIENCE", 0.3)
    folder_of(path).mkdir()
    with create_client_sync(path, busy_timeout=0.1) as client, outside(folder_of(path) / "agents.db.lock") as lock:
        Migrator(client, [ONE]).migrate()
        lock.execute("BEGIN EXCLUSIVE")
        began = monotonic()
        alive = threading.Thread(target=lambda: [time.sleep(0.1) or lock_file.beat() for _ in range(6)])  # type: ignore[func-returns-value]
        lock_file = Lock(str(folder_of(path) / "agents.db.lock"))
        alive.start()
        error = caught(Migrator(client, [ONE, TWO]).migrate)
        waited = monotonic() - began
        alive.join()
    assert type(error) is BusyError
    assert "makes no progress" in error.message
    assert waited > 0.6  # as long as it was at work it was waited for


def test_a_copy_is_of_the_moment_at_which_it_began(path: Path, tmp_path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
        with client.transaction() as tx:
            for _ in range(1500):
                tx.execute("INSERT INTO t1 VALUES (?)", [os.urandom(8000)])
            tx.commit()
        with Copy(str(path), client.settings) as copy:
            copy.write(str(tmp_path / "copy"), lambda done, total: client.execute("INSERT INTO t1 VALUES (1)") and None)
        assert len(rows(tmp_path / "copy")) == 1500
        assert len(rows(path)) > 1502


def test_a_cancelled_backup_leaves_no_file_and_the_upgrade_undone(path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
        with client.transaction() as tx:
            for _ in range(3000):
                tx.execute("INSERT INTO t1 VALUES (?)", [os.urandom(8000)])
            tx.commit()

    async def cancelled_at_its_first_page() -> None:
        async with create_client(path) as client:
            task: asyncio.Task[Any]

            def cancel(event: Any) -> None:
                if isinstance(event, BackingUp):
                    task.cancel()

            task = asyncio.create_task(AsyncMigrator(client, [ONE, TWO], on_event=cancel).migrate())  # type: ignore[arg-type]
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.execute("SELECT count(*) FROM migrations")).tuples == [(1,)]

    asyncio.run(cancelled_at_its_first_page())
    assert names(path) == []
    assert not (folder_of(path) / "agents.db.partial").exists()
    with create_client_sync(path) as client:
        assert ids(Migrator(client, [ONE, TWO]).migrate()) == ["002"]
    assert len(backups(path)) == 1


def test_ctrl_c_in_the_middle_of_a_backup_leaves_no_file(path: Path) -> None:
    def interrupt(event: Any) -> None:
        if isinstance(event, BackingUp) and event.total:
            raise KeyboardInterrupt

    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
        with pytest.raises(KeyboardInterrupt):
            Migrator(client, [ONE, TWO], on_event=interrupt).migrate()
        assert names(path) == []
        assert not (folder_of(path) / "agents.db.partial").exists()
        assert ids(Migrator(client, [ONE, TWO]).migrate()) == ["002"]


def test_a_symlink_has_its_backups_where_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "agents.db", tmp_path / "link.db"
    with create_client_sync(real) as client:
        Migrator(client, [ONE]).migrate()
    link.symlink_to(real)
    with create_client_sync(link) as client:
        Migrator(client, [ONE, TWO]).migrate()
    assert len(backups(real)) == 1


def test_opening_an_agentdb_of_an_earlier_build_makes_one(path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, agentdb.migrations).migrate(limit=1)
    AgentDB.open(path, backup=False).close()
    assert not folder_of(path).exists()
    with create_client_sync(path) as client:
        Migrator(client, agentdb.migrations, backup=False).rollback(target="001")
    AgentDB.open(path).close()
    assert len(backups(path)) == 1


# -- by hand


def test_a_backup_by_hand_has_a_name_of_its_own_and_is_never_removed(path: Path) -> None:
    all_of_them = [make(number) for number in range(1, 8)]
    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
        by_hand = Path(agentdb.backup(path))
        for number in range(2, 8):
            Migrator(client, all_of_them[:number]).migrate()
    assert by_hand.parent == folder_of(path)
    assert whole(by_hand)
    assert by_hand in backups(path)
    assert len(backups(path)) == 4


def test_a_backup_by_hand_goes_where_it_is_told_and_never_over_a_file(path: Path, tmp_path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
    assert agentdb.backup(path, tmp_path / "copy.db") == str(tmp_path / "copy.db")
    assert agentdb.backup(path, f"{tmp_path}/new/").startswith(f"{tmp_path}/new/agents.db.")
    error = caught(agentdb.backup, path, tmp_path / "copy.db")
    assert (type(error), error.code) == (BackupError, "already_exists")
    assert caught(agentdb.backup, path, path).code == "already_exists"
    assert caught(agentdb.backup, ":memory:").code == "invalid_argument"
    assert caught(agentdb.backup, tmp_path / "missing.db").code == "file_missing"


def test_what_cannot_be_called_with_an_event_is_refused_before_anything_is_done(path: Path, tmp_path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [ONE]).migrate()
    copy = agentdb.backup(path)
    for error in (
        caught(agentdb.backup, path, tmp_path / "copy.db", on_event=5),
        caught(agentdb.restore, database=path, backup=copy, on_event=5),
    ):
        assert isinstance(error, InvalidArgumentError)
        assert "on_event is 5" in error.message
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("to", [5, b"x", "", "a\0b", None.__class__], ids=repr)
def test_what_is_no_place_for_a_backup_is_refused(path: Path, to: Any) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (x)")
    error = caught(agentdb.backup, path, to)
    assert isinstance(error, InvalidArgumentError)
    assert "the place of the backup is" in error.message
