"""Clients that libsql-client made, handed to Migrator and AsyncMigrator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libsql_client
import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, outside, tables

from agentdb import AsyncMigrator, Migrator
from agentdb.errors import ClosedError, InvalidArgumentError, MigrationError

THREE = [make(1), make(2), make(3)]
CASCADE = [
    make(1, up=["CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)"]),
    make(2, up=["INSERT INTO p VALUES (1), (2)", "INSERT INTO c VALUES (1), (2)", "DELETE FROM p WHERE id = 1"]),
]


class Borrowing:
    """Their client, and our migrators on it."""

    def __init__(self, db: Database, path: Path) -> None:
        self.db = db
        create = libsql_client.create_client if db.is_async else libsql_client.create_client_sync
        self.client: Any = self._made(create, str(path) if str(path).startswith("http:") else f"file:{path}")

    def _made(self, create: Callable[..., Any], url: str) -> Any:
        async def make_one() -> Any:
            return create(url)

        return self.db.wait(make_one()) if self.db.is_async else create(url)

    def migrator(self, migrations: Any, **options: Any) -> Any:
        return self.db.migrator(migrations, client=self.client, **options)

    def close(self) -> None:
        if not self.client.closed:
            self.db.wait(self.client.close())


@pytest.fixture
def theirs(open_database: Callable[..., Database], path: Path) -> Iterator[Borrowing]:
    borrowing = Borrowing(open_database(":memory:"), path)
    yield borrowing
    borrowing.close()


def test_everything_works_on_their_client(theirs: Borrowing, path: Path) -> None:
    migrator = theirs.migrator(THREE)
    assert ids(migrator.migrate(dry_run=True)) == ["001", "002", "003"]
    assert not path.exists() or path.stat().st_size == 0
    migrator.initialize()
    assert ids(migrator.migrate(limit=2)) == ["001", "002"]
    assert ids(migrator.migrate()) == ["003"]
    assert migrator.migrate() == []
    assert migrator.get_migration_summary().current_version == "003"
    assert migrator.validate_migrations().is_valid
    assert ids([migrator.rollback_last()]) == ["003"]
    assert ids(migrator.rollback(target="001")) == ["002"]
    assert tables(path) == {"t1"}


def test_both_see_the_same_rows(theirs: Borrowing, path: Path) -> None:
    theirs.migrator(THREE).migrate()
    theirs.db.wait(theirs.client.execute("INSERT INTO t1 VALUES (42)"))
    migrator = theirs.migrator([*THREE, make(4, up="INSERT INTO t2 SELECT x FROM t1")])
    migrator.migrate()
    result = theirs.db.wait(theirs.client.execute("SELECT x FROM t2"))
    assert [tuple(row) for row in result.rows] == [(42,)]


def test_foreign_keys_are_enforced_during_the_migration(theirs: Borrowing, path: Path) -> None:
    theirs.migrator(CASCADE).migrate()
    assert ask(path, "SELECT p FROM c") == [(2,)]
    error = caught(theirs.migrator([*CASCADE, make(3, up="INSERT INTO c VALUES (99)")]).migrate)
    assert isinstance(error, MigrationError)
    assert error.code == "foreign_key"


def test_a_failure_is_rolled_back_whole(theirs: Borrowing, path: Path) -> None:
    bad = make(2, up=["CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"])
    error = caught(theirs.migrator([THREE[0], bad]).migrate)
    assert ids(error.results) == ["001", "002"]
    assert tables(path) == {"t1"}
    assert applied_ids(path) == ["001"]


def test_events_are_told(theirs: Borrowing) -> None:
    events: list[object] = []
    theirs.migrator(THREE, on_event=events.append).migrate()
    assert type(events[0]).__name__ == "Planned"
    assert len(events) == 1 + 3 * 3 + 1


def test_a_closed_client_of_theirs_is_a_closed_error(theirs: Borrowing, path: Path) -> None:
    migrator = theirs.migrator(THREE)
    theirs.close()
    for call in (migrator.migrate, migrator.rollback_last, migrator.get_migration_summary):
        assert type(caught(call)) is ClosedError
    assert not path.exists() or tables(path) == set()


def test_their_client_stays_open_and_nothing_of_ours_does(theirs: Borrowing, path: Path) -> None:
    theirs.migrator(THREE).migrate()
    assert not theirs.client.closed
    with outside(path) as other:
        # Only the last connection to a WAL file may leave it.
        assert other.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)


def test_the_other_world_is_refused(theirs: Borrowing) -> None:
    other = Migrator if theirs.db.is_async else AsyncMigrator
    assert caught(other, theirs.client).code == "wrong_world"


def test_a_transaction_of_theirs_is_refused(theirs: Borrowing) -> None:
    transaction = theirs.client.transaction()
    try:
        for kind in (Migrator, AsyncMigrator):
            error = caught(kind, transaction)
            assert type(error) is InvalidArgumentError
            assert error.code == "foreign_client"
    finally:
        theirs.db.wait(transaction.close())


def test_a_writer_does_not_disturb_a_start_with_nothing_pending(theirs: Borrowing, path: Path) -> None:
    theirs.migrator(THREE[:1]).migrate()
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert theirs.migrator(THREE[:1]).migrate() == []


def test_two_of_their_clients_that_start_at_once_apply_each_migration_once(path: Path) -> None:
    import threading

    results: list[Any] = []

    def start() -> None:
        with libsql_client.create_client_sync(f"file:{path}") as client:
            results.append(Migrator(client, THREE).migrate())

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(id for one in results for id in ids(one)) == ["001", "002", "003"]


@pytest.mark.parametrize("url", ["file::memory:", "file:"])
def test_an_in_memory_client_of_theirs_is_refused_with_the_reason(url: str) -> None:
    with libsql_client.create_client_sync(url) as client:
        error = caught(Migrator, client)
    assert type(error) is InvalidArgumentError
    assert error.code == "foreign_client"
    assert "empty database at each call" in error.message
    assert ":memory:" in error.remedy

    async def main() -> None:
        async with libsql_client.create_client(url) as client:
            assert caught(AsyncMigrator, client).code == "foreign_client"

    asyncio.run(main())
