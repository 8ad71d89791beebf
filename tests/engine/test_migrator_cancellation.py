"""A cancelled AsyncMigrator leaves each migration whole or absent, and its client usable."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from engine_harness import applied_ids, ask, ids, make, outside, tables

from agentdb import AsyncMigrator, create_client
from agentdb.errors import AgentDBError

THREE = [make(number, up=[f"CREATE TABLE t{number} (x)", f"INSERT INTO t{number} VALUES (1)"]) for number in (1, 2, 3)]
OUTSIDE = make(2, up=["CREATE TABLE IF NOT EXISTS t2 (x)", "INSERT INTO t2 VALUES (1)"], use_transaction=False)


@types.coroutine
def cancelled_at(coroutine: Coroutine[Any, Any, Any], number: int) -> Generator[Any, Any, Any]:
    """Run it, and cancel its task at its await `number`, counted from 0, and at no other."""
    task = asyncio.current_task()
    assert task is not None
    count = 0
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            future = coroutine.send(answer) if error is None else coroutine.throw(error)
        except StopIteration as stop:
            return stop.value
        answer = error = None
        if count == number:
            task.cancel()
        count += 1
        try:
            answer = yield future
        except BaseException as raised:
            error = raised


async def _cancel(path: Path, number: int, call: Callable[[AsyncMigrator], Any], registered: Any, check: Any) -> bool:
    """Whether the call was cancelled, rather than done before its await `number`."""
    async with create_client(path, busy_timeout=2, synchronous="OFF") as client:
        migrator = AsyncMigrator(client, registered)

        async def cancelling() -> Any:
            return await cancelled_at(call(migrator), number)

        task = asyncio.create_task(cancelling())
        await asyncio.wait((task,))
        check(task)
        # Nothing is left behind: no lock, no transaction, no bar.
        with outside(path) as other:
            other.execute("BEGIN IMMEDIATE")
        assert (await client.execute("SELECT 1")).tuples == [(1,)]
        await client.execute("CREATE TABLE IF NOT EXISTS still_usable (x)")
        return task.cancelled()


def at_every_await(path: Path, call: Callable[[AsyncMigrator], Any], registered: Any, check: Any, prepare: Any) -> int:
    """Cancel at the first await, at the second, and so on until the call is through; returns how many there were."""
    for number in range(500):
        for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            name.unlink(missing_ok=True)
        prepare()
        if not asyncio.run(_cancel(path, number, call, registered, check)):
            return number
    raise AssertionError("it never came to an end")


def prepared(path: Path, registered: Any) -> None:
    async def main() -> None:
        async with create_client(path, synchronous="OFF") as client:
            await AsyncMigrator(client, registered).migrate()

    asyncio.run(main())


def whole_or_absent(path: Path) -> list[str]:
    """The ids that are applied, each with its table and its row, and nothing of the others."""
    applied = applied_ids(path) if ask(path, "SELECT 1 FROM sqlite_master WHERE name = 'migrations'") else []
    assert tables(path) - {"still_usable"} == {f"t{int(id)}" for id in applied}
    for id in applied:
        assert ask(path, f"SELECT x FROM t{int(id)}") == [(1,)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    return applied


def test_migrate_cancelled_at_every_await(path: Path) -> None:
    reached: list[int] = []

    def check(task: asyncio.Task[Any]) -> None:
        applied = whole_or_absent(path)
        assert applied == ["001", "002", "003"][: len(applied)]
        reached.append(len(applied))
        if not task.cancelled():
            assert ids(task.result()) == ["001", "002", "003"]

    awaits = at_every_await(path, lambda migrator: migrator.migrate(), THREE, check, lambda: None)
    assert awaits >= 3 * 6
    assert sorted(reached) == reached
    assert set(reached) == {0, 1, 2, 3}


def test_rollback_cancelled_at_every_await(path: Path) -> None:
    reached: list[int] = []

    def check(task: asyncio.Task[Any]) -> None:
        applied = whole_or_absent(path)
        assert applied == ["001", "002", "003"][: len(applied)]
        reached.append(len(applied))
        if not task.cancelled():
            assert ids(task.result()) == ["003", "002"]
            assert applied == ["001"]

    awaits = at_every_await(
        path, lambda migrator: migrator.rollback(limit=2), THREE, check, lambda: prepared(path, THREE)
    )
    assert awaits >= 2 * 5
    assert set(reached) == {3, 1}  # both or none


def test_migrate_outside_a_transaction_cancelled_at_every_await(path: Path) -> None:
    registered = [THREE[0], OUTSIDE]

    def check(task: asyncio.Task[Any]) -> None:
        rows = dict(ask(path, "SELECT id, in_progress FROM migrations")) if tables(path) else {}
        if "002" not in rows:
            assert "t2" not in tables(path)
        elif rows["002"] is None:
            assert ask(path, "SELECT x FROM t2") == [(1,)]
        else:
            assert rows["002"] == "up"  # begun, perhaps done in part: the next start runs it again

    at_every_await(path, lambda migrator: migrator.migrate(), registered, check, lambda: None)


def test_after_any_cancellation_the_next_migrate_finishes(path: Path) -> None:
    number = 0
    for number in range(0, 200, 3):
        path.unlink(missing_ok=True)
        if not asyncio.run(_cancel(path, number, lambda migrator: migrator.migrate(), THREE, lambda task: None)):
            break
        applied = whole_or_absent(path)

        async def finish() -> list[str]:
            async with create_client(path, synchronous="OFF") as client:
                return ids(await AsyncMigrator(client, THREE).migrate())

        assert asyncio.run(finish()) == ["001", "002", "003"][len(applied) :]
        whole_or_absent(path)
    assert number > 10


def test_a_statement_that_takes_long_is_interrupted_and_taken_back(path: Path) -> None:
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    registered = [THREE[0], make(2, up=["CREATE TABLE t2 (x)", endless])]

    async def main() -> None:
        async with create_client(path, synchronous="OFF") as client:
            reached = asyncio.Event()

            def on_event(event: Any) -> None:
                if type(event).__name__ == "StatementDone" and event.migration.number == 2:
                    reached.set()

            task = asyncio.create_task(AsyncMigrator(client, registered, on_event=on_event).migrate())
            await asyncio.wait_for(reached.wait(), 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)
            assert (await client.execute("SELECT count(*) FROM t1")).tuples == [(1,)]

    asyncio.run(main())
    assert whole_or_absent(path) == ["001"]


def test_a_wait_for_the_write_lock_can_be_cancelled(path: Path) -> None:
    prepared(path, THREE[:1])

    async def main() -> None:
        async with create_client(path, busy_timeout=60) as client:
            started = asyncio.Event()

            def on_event(event: Any) -> None:
                if type(event).__name__ == "Started":
                    started.set()

            with outside(path) as other:
                other.execute("BEGIN IMMEDIATE")
                task = asyncio.create_task(AsyncMigrator(client, THREE, on_event=on_event).migrate())
                await asyncio.wait_for(started.wait(), 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.wait_for(task, 10)
            assert len(await AsyncMigrator(client, THREE).migrate()) == 2

    asyncio.run(main())


@pytest.mark.parametrize("migrators", [2, 5])
def test_migrators_gathered_on_one_client_apply_each_migration_once(path: Path, migrators: int) -> None:
    async def main() -> list[Any]:
        async with create_client(path, synchronous="OFF") as client:
            return await asyncio.gather(*(AsyncMigrator(client, THREE).migrate() for _ in range(migrators)))

    results = asyncio.run(main())
    assert sorted(id for one in results for id in ids(one)) == ["001", "002", "003"]
    assert whole_or_absent(path) == ["001", "002", "003"]


def test_one_migrator_gathered_with_itself_applies_each_migration_once(path: Path) -> None:
    async def main() -> list[Any]:
        async with create_client(path, synchronous="OFF") as client:
            migrator = AsyncMigrator(client, THREE)
            return await asyncio.gather(*(migrator.migrate() for _ in range(3)))

    assert sorted(id for one in asyncio.run(main()) for id in ids(one)) == ["001", "002", "003"]


def test_migrators_gathered_on_clients_of_their_own_apply_each_migration_once(path: Path) -> None:
    async def start() -> Any:
        async with create_client(path, synchronous="OFF") as client:
            return await AsyncMigrator(client, THREE).migrate()

    async def main() -> list[Any]:
        return await asyncio.gather(*(start() for _ in range(4)))

    assert sorted(id for one in asyncio.run(main()) for id in ids(one)) == ["001", "002", "003"]
    assert whole_or_absent(path) == ["001", "002", "003"]


def test_rollbacks_gathered_on_one_client_take_each_migration_back_once(path: Path) -> None:
    prepared(path, THREE)

    async def main() -> list[Any]:
        async with create_client(path, synchronous="OFF") as client:
            return await asyncio.gather(*(AsyncMigrator(client, THREE).rollback(limit=3) for _ in range(3)))

    results = asyncio.run(main())
    assert sorted(id for one in results for id in ids(one)) == ["001", "002", "003"]
    assert whole_or_absent(path) == []


def test_a_failure_in_one_of_two_gathered_migrators_is_seen_by_both(path: Path) -> None:
    bad = [THREE[0], make(2, up=["CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"])]

    async def main() -> list[Any]:
        async with create_client(path, synchronous="OFF") as client:
            calls = (AsyncMigrator(client, bad).migrate() for _ in range(2))
            return await asyncio.gather(*calls, return_exceptions=True)

    one, other = asyncio.run(main())
    for error in (one, other):
        assert isinstance(error, AgentDBError)
        assert error.code == "statement_failed"
    assert sorted(id for error in (one, other) for id in ids(error.results)) == ["001", "002", "002"]
    assert whole_or_absent(path) == ["001"]
