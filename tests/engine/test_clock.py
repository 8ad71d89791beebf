"""A clock that goes back: nothing of an upgrade is ordered by time."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, ids, make

import agentdb
from agentdb import Migrator, create_client_sync
from agentdb.engine import migration_run, repair

ALL = [make(number) for number in range(1, 7)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A day earlier each time that it is looked at."""

    class Clock(datetime):
        looks = 0

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            Clock.looks += 1
            return datetime.now(tz) - timedelta(days=cls.looks)

    for module in (migration_run, repair):
        monkeypatch.setattr(module, "datetime", Clock)
    return Clock


def times(path: Path) -> list[str]:
    return [at for (at,) in ask(path, "SELECT applied_at FROM migrations ORDER BY id")]


def test_migrations_go_by_their_numbers(db: Database, path: Path, clock: Any) -> None:
    for last in range(1, 5):
        assert ids(db.migrator(ALL[:last]).migrate()) == [ALL[last - 1].id]
    assert times(path) == sorted(times(path), reverse=True)
    assert len(set(times(path))) == 4  # it went back
    migrator = db.migrator(ALL)
    assert migrator.get_migration_summary().current_version == "004"
    assert migrator.validate_migrations().is_valid
    assert migrator.rollback_last().migration.id == "004"
    assert ids(migrator.rollback(target="001")) == ["003", "002"]
    assert ids(migrator.migrate()) == ["002", "003", "004", "005", "006"]
    assert applied_ids(path) == [migration.id for migration in ALL]


def test_what_was_applied_in_the_future_stays_applied(db: Database, path: Path) -> None:
    db.migrator(ALL[:3]).migrate()
    db.execute("UPDATE migrations SET applied_at = '2999-12-31T23:59:59.999Z' WHERE id = '001'")
    db.execute("UPDATE migrations SET applied_at = '1970-01-01T00:00:00.000Z' WHERE id = '003'")
    migrator = db.migrator(ALL)
    assert migrator.validate_migrations().is_valid
    assert ids(migrator.migrate(limit=1)) == ["004"]
    assert ids(migrator.rollback(limit=2)) == ["004", "003"]
    assert migrator.get_migration_summary().current_version == "002"


def test_the_backups_that_are_kept_are_those_of_the_last_upgrades(db: Database, path: Path, clock: Any) -> None:
    folder = Path(f"{path}.backups")
    for last in range(1, 7):
        db.migrator(ALL[:last]).migrate()
        for backup in folder.glob("*.backup"):  # as if each had been written before the one before it
            os.utime(backup, times=(2e9 - last * 1e6,) * 2)
    kept = sorted(folder.glob("*.backup"))
    assert [backup.name.split(".")[-3:-1] for backup in kept] == [
        ["0003", "003-004"],
        ["0004", "004-005"],
        ["0005", "005-006"],
    ]
    for number, backup in enumerate(kept, 3):
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("SELECT max(id) FROM migrations").fetchone() == (f"{number:03}",)


def test_a_restore_puts_the_last_one_behind_the_others(path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, ALL[:1]).migrate()
    copy = agentdb.backup(path, path.with_name("copy.db"))
    for number in range(1, 4):
        replaced = agentdb.restore(database=path, backup=copy).replaced
        assert replaced == f"{path}.replaced-000{number}"
        os.utime(replaced, times=(2e9 - number * 1e6,) * 2)
