"""on_event: in order, outside the write lock (statements excepted), and never in the way."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, caught, ids, make, outside, tables

from agentdb import AsyncMigrator, Migrator, create_client, create_client_sync
from agentdb.engine.events import Applied, BackedUp, BackingUp, Finished, Planned, Reverted, Started, StatementDone
from agentdb.errors import AgentDBError, MigrationError, TransactionActiveError

ONE = make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (1)"])
TWO = make(2)


def test_events_of_an_upgrade_come_in_order(db: Database) -> None:
    events: list[Any] = []
    results = db.migrator([ONE, TWO], on_event=events.append).migrate()
    assert events == [
        Planned("up", (ONE, TWO)),
        Started("up", ONE),
        StatementDone("up", ONE, 1, 2),
        StatementDone("up", ONE, 2, 2),
        Applied(results[0]),
        Started("up", TWO),
        StatementDone("up", TWO, 1, 1),
        Applied(results[1]),
        Finished("up", tuple(results)),
    ]


def test_events_of_a_rollback_come_in_order(db: Database) -> None:
    events: list[Any] = []
    migrator = db.migrator([ONE, TWO], on_event=events.append)
    migrator.migrate()
    events.clear()
    results = migrator.rollback(limit=2)
    assert [event for event in events if not isinstance(event, (BackingUp, BackedUp))] == [
        Planned("down", (TWO, ONE)),
        Started("down", TWO),
        Started("down", ONE),  # one transaction
        StatementDone("down", TWO, 1, 1),
        StatementDone("down", ONE, 1, 1),
        Reverted(results[0]),
        Reverted(results[1]),
        Finished("down", tuple(results)),
    ]
    assert {type(event) for event in events[1:-7]} == {BackingUp, BackedUp}
    assert type(events[-8]) is BackedUp


def test_with_nothing_to_do_that_is_what_is_told(db: Database) -> None:
    events: list[Any] = []
    migrator = db.migrator([ONE], on_event=events.append)
    migrator.migrate()
    events.clear()
    migrator.migrate()
    migrator.rollback(target="001")
    assert events == [Planned("up", ()), Finished("up", ()), Planned("down", ()), Finished("down", ())]


def test_after_a_failure_nothing_more_is_told(db: Database) -> None:
    events: list[Any] = []
    bad = make(2, up=["CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"])
    error = caught(db.migrator([ONE, bad, make(3)], on_event=events.append).migrate)
    assert isinstance(error, MigrationError)
    assert events[-2:] == [Started("up", bad), StatementDone("up", bad, 1, 2)]


def test_the_planned_events_match_what_is_then_applied(db: Database) -> None:
    events: list[Any] = []
    results = db.migrator([ONE, TWO, make(3)], on_event=events.append).migrate(limit=2)
    assert events[0] == Planned("up", tuple(result.migration for result in results))


@pytest.mark.parametrize("direction", ["up", "down"])
def test_all_but_the_statements_are_told_outside_the_write_lock(db: Database, path: Path, direction: str) -> None:
    free: list[tuple[str, bool]] = []

    def on_event(event: object) -> None:
        with outside(path) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                free.append((type(event).__name__, True))
            except sqlite3.OperationalError:
                free.append((type(event).__name__, False))

    db.migrator([ONE]).initialize()
    if direction == "down":
        db.migrator([ONE, TWO]).migrate()
        db.migrator([ONE, TWO], on_event=on_event).rollback(limit=2)
        expected = {"Planned": True, "Started": True, "StatementDone": False, "Reverted": True, "Finished": True}
        expected |= {"BackingUp": True, "BackedUp": True}
    else:
        db.migrator([ONE, TWO], on_event=on_event).migrate()
        expected = {"Planned": True, "Started": True, "StatementDone": False, "Applied": True, "Finished": True}
    assert set(free) == set(expected.items())


def test_what_is_told_as_applied_is_committed(db: Database, path: Path) -> None:
    seen: dict[str, list[str]] = {}

    def on_event(event: Any) -> None:
        if isinstance(event, (Applied, Reverted)):
            seen[f"{type(event).__name__} {event.result.migration.id}"] = applied_ids(path)

    migrator = db.migrator([ONE, TWO], on_event=on_event)
    migrator.migrate()
    migrator.rollback(limit=2)
    assert seen == {
        "Applied 001": ["001"],
        "Applied 002": ["001", "002"],
        "Reverted 002": [],
        "Reverted 001": [],
    }


def test_an_exception_in_a_callback_is_logged_and_nothing_else(
    db: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def on_event(event: object) -> None:
        raise RuntimeError(f"the splash screen broke at {type(event).__name__}")

    assert ids(db.migrator([ONE, TWO], on_event=on_event).migrate()) == ["001", "002"]
    assert tables(path) == {"t1", "t2"}
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(records) == 9
    for record in records:
        assert record.name == "agentdb"
        assert record.exc_info is not None
        assert "splash screen" in str(record.exc_info[1])


@pytest.mark.parametrize("kind", [Planned, Started, StatementDone, Applied, Finished])
def test_use_of_the_database_from_a_callback_raises(path: Path, kind: type) -> None:
    raised: list[AgentDBError] = []
    with create_client_sync(path, busy_timeout=5) as client:

        def on_event(event: object) -> None:
            if isinstance(event, kind):
                calls = (
                    lambda: client.execute("SELECT 1"),
                    lambda: client.execute("CREATE TABLE z (x)"),
                    lambda: client.batch(["SELECT 1"]),
                    client.transaction,
                    migrator.migrate,
                    migrator.get_migration_summary,
                    Migrator(client, [ONE]).rollback_last,
                )
                raised.extend(caught(call) for call in calls)

        migrator = Migrator(client, [ONE], on_event=on_event)
        assert len(migrator.migrate()) == 1
        # Afterwards the database may be used again.
        assert client.execute("SELECT 1").tuples == [(1,)]
    assert raised
    for error in raised:
        assert type(error) is TransactionActiveError
        assert error.code == "callback_active"
        assert "callback" in str(error)
    assert tables(path) == {"t1"}


@pytest.mark.parametrize("kind", [Planned, Started, StatementDone, Applied, Finished])
def test_use_of_the_database_from_an_async_callback_raises(path: Path, kind: type) -> None:
    raised: list[AgentDBError] = []

    async def main() -> None:
        async with create_client(path, busy_timeout=5) as client:

            async def on_event(event: object) -> None:
                await asyncio.sleep(0)
                if isinstance(event, kind):
                    for call in (
                        lambda: client.execute("SELECT 1"),
                        lambda: client.execute("CREATE TABLE z (x)"),
                        lambda: client.transaction().execute("SELECT 1"),
                        migrator.migrate,
                    ):
                        try:
                            await call()
                        except AgentDBError as error:
                            raised.append(error)

            migrator = AsyncMigrator(client, [ONE], on_event=on_event)
            assert len(await migrator.migrate()) == 1
            assert (await client.execute("SELECT 1")).tuples == [(1,)]

    asyncio.run(main())
    assert raised
    assert {(type(error), error.code) for error in raised} == {(TransactionActiveError, "callback_active")}
    assert tables(path) == {"t1"}


def test_an_async_callback_is_awaited(path: Path) -> None:
    events: list[object] = []

    async def on_event(event: object) -> None:
        await asyncio.sleep(0)
        events.append(event)

    async def main() -> None:
        async with create_client(path, synchronous="OFF") as client:
            await AsyncMigrator(client, [ONE], on_event=on_event).migrate()

    asyncio.run(main())
    assert [type(event).__name__ for event in events] == [
        "Planned",
        "Started",
        "StatementDone",
        "StatementDone",
        "Applied",
        "Finished",
    ]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_an_async_callback_on_a_sync_migrator_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def on_event(event: object) -> None:
        raise AssertionError("nobody awaits this")

    with create_client_sync(path) as client:
        assert len(Migrator(client, [ONE], on_event=on_event).migrate()) == 1
    assert any("async callback" in str(record.exc_info and record.exc_info[1]) for record in caplog.records)


class Stop(BaseException):
    """What Ctrl-C is."""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Planned, []), (Started, []), (StatementDone, []), (Applied, ["001"]), (Finished, ["001", "002"])],
)
def test_an_interruption_in_a_callback_leaves_each_migration_whole_or_absent(
    db: Database, path: Path, kind: type, expected: list[str]
) -> None:
    def on_event(event: object) -> None:
        if isinstance(event, kind):
            raise Stop

    with pytest.raises(Stop):
        db.migrator([ONE, TWO], on_event=on_event).migrate()
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")  # the lock is free
    assert tables(path) == {f"t{int(id)}" for id in expected}
    assert ids(db.migrator([ONE, TWO]).migrate()) == [id for id in ("001", "002") if id not in expected]


@pytest.mark.parametrize(
    "event",
    [Planned("up", (ONE,)), Started("up", ONE), StatementDone("down", ONE, 1, 2), Finished("down", ())],
    ids=lambda event: type(event).__name__,
)
def test_events_are_values(event: Any) -> None:
    import copy
    import pickle

    for twin in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert twin == event
        assert hash(twin) == hash(event)
    with pytest.raises(AttributeError, match="frozen"):
        event.direction = "sideways"
