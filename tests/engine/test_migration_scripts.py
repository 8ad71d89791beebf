"""A migration that only creates is one request where nobody hears of it, and everything holds for it all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, not_durable, outside, tables

from agentdb import AsyncMigrator, Migrator, create_client, create_client_sync
from agentdb.errors import BusyError, MigrationError
from agentdb.operations.requests import Script
from agentdb.operations.runners import run, run_async

THREE = [make(1), make(2), make(3)]
ENDLESS = (
    "CREATE TABLE t2 AS WITH RECURSIVE n (x) AS (SELECT begun() UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
)


def acting(steps: Any, number: int, act: Callable[[], object]) -> Generator[Any, Any, Any]:
    """The steps, with somebody else at the file right before the script of that number, counted from 1."""
    count = 0
    try:
        request = next(steps)
        while True:
            if type(request) is Script:
                count += 1
                if count == number:
                    act()
            try:
                answer = yield request
            except BaseException as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as stop:
        assert count >= number, "there was no such script"
        return stop.value


def migrate(db: Database, registered: Any, number: int, act: Callable[[], object], **options: Any) -> Any:
    steps = db.migrator(registered).migrator.migrate.steps(**options)
    return db.wait((run_async if db.is_async else run)(db.client, acting(steps, number, act)))


def elsewhere(path: Path, call: Callable[[Migrator], object], registered: Any = THREE) -> Callable[[], object]:
    def act() -> object:
        with create_client_sync(path, **not_durable(path)) as client:
            return call(Migrator(client, registered))

    return act


@pytest.mark.parametrize("number", [1, 2])
def test_what_another_process_applies_between_plan_and_lock_is_not_run_again(
    db: Database, path: Path, number: int
) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate())
    assert ids(migrate(db, THREE, number, other)) == ["001", "002"][:number]
    assert applied_ids(path) == ["001", "002", "003"]
    assert tables(path) == {"t1", "t2", "t3"}


def test_another_text_under_the_same_number_is_a_mismatch_even_then(db: Database, path: Path) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate(), [THREE[0], make(2, up="CREATE TABLE theirs (x)")])
    error = caught(migrate, db, THREE, 1, other)
    assert type(error) is MigrationError
    assert (error.code, error.migration) == ("checksum_mismatch", THREE[1])
    assert ids(error.results)[:1] == ["001"]
    assert tables(path) == {"t1", "theirs"}


def test_unless_checksums_are_not_to_be_validated(db: Database, path: Path) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate(), [THREE[0], make(2, up="CREATE TABLE theirs (x)")])
    assert ids(migrate(db, THREE, 1, other, validate_checksums=False)) == ["001", "003"]


def test_a_statement_that_fails_is_named_and_takes_its_migration_with_it(db: Database, path: Path) -> None:
    bad = make(2, up=["CREATE TABLE t2 (x)", "CREATE INDEX t2_y ON t2 (y)", "CREATE TABLE t2b (x)"])
    error = caught(db.migrator([THREE[0], bad, THREE[2]]).migrate)
    assert type(error) is MigrationError
    assert (error.migration, error.statement_number) == (bad, 2)
    assert error.statement == "CREATE INDEX t2_y ON t2 (y)"
    assert [result.success for result in error.results] == [True, False]
    assert tables(path) == {"t1"}
    assert applied_ids(path) == ["001"]
    assert db.migrator([THREE[0], THREE[1]]).migrate()[0].success, "the client is as good as before"


def test_its_row_and_its_result_are_those_of_one_that_is_told_of(db: Database, path: Path, tmp_path: Path) -> None:
    registered = [
        make(1),
        make(2, up=["CREATE TABLE t2 (x)", "CREATE VIEW v2 AS SELECT 'é' AS e"], down="DROP TABLE t2"),
        make(3, backward_compatible=True),
    ]
    columns = "SELECT id, description, checksum, up, down, use_transaction, foreign_keys, backward_compatible, "
    columns += "app_version, applied_after, in_progress, note, typeof(execution_time) FROM migrations"
    quiet = db.migrator(registered, app_version="1.2").migrate()
    with Database(db.world, tmp_path / "told.db") as told:
        heard = told.migrator(registered, app_version="1.2", on_event=lambda event: None).migrate()
        assert ask(path, columns) == ask(tmp_path / "told.db", columns)
    assert [result.statements for result in quiet] == [result.statements for result in heard]
    assert all(result.success and result.execution_time > 0 for result in quiet)
    assert all(result.executed_at is not None for result in quiet)


def test_a_lock_that_is_not_to_be_had_is_busy_and_nothing_is_lost(db: Database, path: Path) -> None:
    with outside(path) as other:
        error = caught(migrate, db, THREE, 2, lambda: other.execute("BEGIN IMMEDIATE"))
        assert type(error) is BusyError
    assert applied_ids(path) == ["001", "002"]
    assert ids(db.migrator(THREE).migrate()) == ["003"]


def test_cancelled_while_it_runs_it_is_interrupted_and_taken_back(path: Path) -> None:
    async def main() -> None:
        loop, running = asyncio.get_running_loop(), asyncio.Event()

        def begun() -> int:
            loop.call_soon_threadsafe(running.set)
            return 1

        def register(connection: sqlite3.Connection) -> None:
            connection.create_function("begun", 0, begun)

        async with create_client(path, synchronous="OFF", on_connect=register) as client:
            await AsyncMigrator(client, THREE[:1]).migrate()
            task = asyncio.create_task(AsyncMigrator(client, [THREE[0], make(2, up=ENDLESS)]).migrate())
            await asyncio.wait_for(running.wait(), 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)
            assert (await client.execute("SELECT count(*) FROM t1")).tuples == [(0,)]

    asyncio.run(main())
    assert tables(path) == {"t1"}
    assert applied_ids(path) == ["001"]
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
