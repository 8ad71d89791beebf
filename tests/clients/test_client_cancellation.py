"""A task cancelled at every await, before and after what it waits for has happened, once and again and again.

After each: all of it happened or nothing, the client is usable at once, and no thread is still working.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from typing import Any

import pytest
from client_harness import FOR_EVER, cancelled_at, locked, outside, rows

from agentdb import create_client
from agentdb.errors import BusyError, ClosedError
from agentdb.operations import Operations, Steps, W, atomic, emit, execute

INSERT = "INSERT INTO t (v) VALUES (?)"


class Notes(Operations[W]):
    @atomic
    def add(self, *values: int) -> Steps[None]:
        for value in values:
            yield from execute(INSERT, [value])
            yield from emit(value)

    @atomic
    def add_twice(self) -> Steps[None]:
        yield from execute(INSERT, [1])
        yield from self.add.steps(2, 3)
        yield from execute(INSERT, [4])


async def in_transaction(client: Any) -> None:
    async with client.transaction() as tx:
        await tx.execute(INSERT, [1])
        await tx.batch([(INSERT, [2]), "SELECT count(*) FROM t", (INSERT, [3])])
        name = await tx.savepoint()
        await tx.execute(INSERT, [99])
        await tx.rollback_to(name)
        name = await tx.savepoint()
        await tx.execute(INSERT, [4])
        await tx.release(name)
        await tx.commit()


async def in_a_plain_with(client: Any) -> None:
    with client.transaction() as tx:
        for value in (1, 2, 3, 4):
            await tx.execute(INSERT, [value])
        await tx.commit()


async def with_async_events(client: Any) -> None:
    async def on_event(_: object) -> None:
        await asyncio.sleep(0)

    await Notes(client, on_event).add(1, 2, 3, 4)


WORK: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "execute": lambda client: client.execute("INSERT INTO t (v) VALUES (1), (2), (3), (4)"),
    "batch": lambda client: client.batch([(INSERT, [value]) for value in (1, 2, 3, 4)]),
    "transaction": in_transaction,
    "plain with": in_a_plain_with,
    "atomic": lambda client: Notes(client).add_twice(),
    "events": with_async_events,
}
WHOLE = [(1,), (2,), (3,), (4,)]


async def settled(client: Any) -> None:
    """What a caller finds who goes on at once: nothing barred, nothing held, nothing running."""
    assert client._owner is None
    assert not client._in_callback
    began = time.monotonic()
    async with client.transaction() as tx:
        await tx.execute("DELETE FROM t WHERE v = 'probe'")
        await tx.commit()
    await client.execute("SELECT 1")
    assert time.monotonic() - began < 1
    assert not client._write_semaphore.in_use
    assert not client._read_semaphore.in_use
    assert set(client._idle) == client._threads
    for thread in client._idle:
        assert thread._jobs.empty()
        assert thread.connection.usable


@pytest.mark.parametrize("place", ["file", "memory"])
@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
@pytest.mark.parametrize("early", [True, False], ids=["early", "late"])
@pytest.mark.parametrize("work", WORK)
def test_cancelled_at_every_await_it_is_all_or_nothing(
    path: str, work: str, early: bool, again: bool, place: str
) -> None:
    async def main() -> set[int]:
        outcomes = set()
        async with create_client(path if place == "file" else ":memory:", busy_timeout=3) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            k = 0
            while True:
                k += 1
                await client.execute("DELETE FROM t")
                done = await cancelled_at(WORK[work](client), k, early=early, again=again)
                await settled(client)
                found = (await client.execute("SELECT v FROM t ORDER BY id")).tuples
                assert found in ([], WHOLE), f"cancelled at await {k}"
                if done is None:
                    assert found == WHOLE
                    return outcomes
                outcomes.add(len(found))

    outcomes = asyncio.run(main())
    assert 0 in outcomes or work in ("execute", "batch"), "it was never cancelled in time; this test proves nothing"


@pytest.mark.parametrize("early", [True, False], ids=["early", "late"])
def test_an_operation_cancelled_inside_the_callers_transaction_is_all_or_nothing_there(path: str, early: bool) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            k = 0
            while True:
                k += 1
                await client.execute("DELETE FROM t")
                async with client.transaction() as tx:
                    await tx.execute(INSERT, ["mine"])
                    done = await cancelled_at(Notes(tx).add(1, 2, 3, 4), k, early=early)
                    with suppress(ClosedError):  # the interrupted statement may have cost it the transaction
                        await tx.commit()
                found = [row[0] for row in (await client.execute("SELECT v FROM t ORDER BY id")).tuples]
                assert found in ([], ["mine"], ["mine", 1, 2, 3, 4]), f"cancelled at await {k}"
                await settled(client)
                if done is None:
                    assert found == ["mine", 1, 2, 3, 4]
                    return

    asyncio.run(main())


@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
def test_opening_a_further_connection_may_be_cancelled(path: str, again: bool) -> None:
    async def main() -> None:
        k = 0
        while True:
            k += 1
            async with create_client(path) as client:
                await client.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v)")
                (thread,) = client._idle
                client._idle.clear()  # as if the first connection were in use
                done = await cancelled_at(client.execute("SELECT 1"), k, again=again)
                client._idle.append(thread)
                await settled(client)
                assert (await client.execute("SELECT count(*) FROM t")).tuples == [(0,)], f"cancelled at await {k}"
                if done is None:
                    assert k > 1
                    return

    asyncio.run(main())


@pytest.mark.parametrize("where", ["read", "write", "transaction", "batch", "memory"])
def test_a_running_statement_is_interrupted(path: str, where: str) -> None:
    async def main() -> None:
        async with create_client(":memory:" if where == "memory" else path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            slow = FOR_EVER if where in ("read", "memory") else f"INSERT INTO t (v) {FOR_EVER}"

            async def work() -> None:
                if where == "transaction":
                    async with client.transaction() as tx:
                        await tx.execute(INSERT, [1])
                        await tx.execute(slow)
                elif where == "batch":
                    await client.batch([(INSERT, [1]), slow])
                else:
                    await client.execute(slow)

            task = asyncio.create_task(work())
            await asyncio.sleep(0.1)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 1
            assert (await client.execute("SELECT count(*) FROM t")).tuples == [(0,)]
            await settled(client)

    asyncio.run(main())


def test_who_waits_for_a_lock_of_another_program_is_cancelled_at_once(path: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=30) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            for work in WORK.values():
                with locked(path):
                    task = asyncio.ensure_future(work(client))
                    await asyncio.sleep(0.05)
                    began = time.monotonic()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    assert time.monotonic() - began < 1
                assert (await client.execute("SELECT count(*) FROM t")).tuples == [(0,)]
                await settled(client)

    asyncio.run(main())


def test_who_waits_to_switch_to_wal_is_cancelled_at_once_and_the_next_one_switches(path: str) -> None:
    async def main() -> None:
        with outside(path) as connection:
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            async with create_client(path, busy_timeout=30) as client:
                connection.execute("BEGIN")
                connection.execute("SELECT * FROM t").fetchall()
                task = asyncio.create_task(client.execute(INSERT, [1]))
                await asyncio.sleep(0.05)
                began = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - began < 1
                connection.execute("COMMIT")
                await client.execute(INSERT, [1])
                assert (await client.execute("PRAGMA journal_mode")).tuples == [("wal",)]

    asyncio.run(main())


def test_who_waits_to_open_a_locked_file_is_cancelled_at_once(path: str) -> None:
    async def main() -> None:
        with outside(path) as connection:
            connection.execute("CREATE TABLE t (v)")
            connection.execute("BEGIN EXCLUSIVE")
            async with create_client(path, busy_timeout=30) as client:
                task = asyncio.create_task(client.execute("SELECT * FROM t"))
                await asyncio.sleep(0.05)
                began = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - began < 1
                connection.execute("COMMIT")
                assert (await client.execute("SELECT * FROM t")).rows == []

    asyncio.run(main())


def test_who_waits_for_another_task_is_cancelled_at_once_and_leaves_the_queue(path: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=30) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            tx = client.transaction()
            await tx.begin()
            tasks = [asyncio.create_task(client.execute(INSERT, [number]), context=Context()) for number in range(5)]
            await asyncio.sleep(0.01)
            tasks[0].cancel()
            tasks[2].cancel()
            await asyncio.sleep(0)
            await tx.commit()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert rows(path, "SELECT v FROM t ORDER BY id") == [(1,), (3,), (4,)]
            await settled(client)

    asyncio.run(main())


def test_one_cancelled_at_the_moment_of_its_turn_passes_it_on(path: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=3) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            tx = client.transaction()
            await tx.begin()
            first = asyncio.create_task(client.execute(INSERT, ["first"]), context=Context())
            second = asyncio.create_task(client.execute(INSERT, ["second"]), context=Context())
            await asyncio.sleep(0.01)
            await tx.commit()  # gives the turn to the first
            first.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
            assert rows(path, "SELECT v FROM t") == [("second",)]
            await settled(client)

    asyncio.run(main())


def test_timeouts_of_asyncio_work(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.execute(FOR_EVER)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.execute(FOR_EVER), 0.05)
            await settled(client)

    asyncio.run(main())


@pytest.mark.parametrize("k", range(1, 4))
def test_closing_may_be_cancelled_and_still_ends_every_thread(path: str, k: int) -> None:
    async def main() -> None:
        before = set(threading.enumerate())
        client = create_client(path)
        await asyncio.gather(*[client.execute("SELECT 1") for _ in range(3)])
        own = set(threading.enumerate()) - before
        assert len(own) == 3
        await cancelled_at(client.close(), k)
        await client.close()
        assert client.closed
        deadline = time.monotonic() + 5
        while own & set(threading.enumerate()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)

    asyncio.run(main())


@pytest.mark.parametrize("work", WORK)
def test_a_coroutine_that_is_thrown_away_half_done_leaves_all_or_nothing(path: str, work: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=3) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            for k in range(1, 40):
                await client.execute("DELETE FROM t")

                async def until(k: int = k) -> bool:
                    """Drives it for k suspensions, then closes it, as a garbage collector does."""
                    coroutine: Any = WORK[work](client).__await__()
                    for _ in range(k):
                        try:
                            future = coroutine.send(None)
                        except StopIteration:
                            return True
                        if future is not None:
                            future._asyncio_future_blocking = False
                            await asyncio.wait((future,))
                    coroutine.close()
                    return False

                done = await asyncio.create_task(until())
                await settled(client)
                found = (await client.execute("SELECT v FROM t ORDER BY id")).tuples
                assert found in ([], WHOLE), f"thrown away at {k}"
                if done:
                    return

    asyncio.run(main())


@pytest.mark.parametrize("work", WORK)
def test_a_coroutine_that_is_thrown_away_while_its_statement_runs_leaves_all_or_nothing(path: str, work: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=3) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            for k in range(1, 40):
                await client.execute("DELETE FROM t")

                async def until(k: int = k) -> bool:
                    coroutine: Any = WORK[work](client).__await__()
                    for number in range(1, k + 1):
                        try:
                            future = coroutine.send(None)
                        except StopIteration:
                            return True
                        if future is not None:
                            future._asyncio_future_blocking = False
                            if number < k:
                                await asyncio.wait((future,))
                    coroutine.close()
                    return False

                done = await asyncio.create_task(until())
                await asyncio.sleep(0.005)
                await settled(client)
                found = (await client.execute("SELECT v FROM t ORDER BY id")).tuples
                assert found in ([], WHOLE), f"thrown away at {k}"
                if done:
                    return

    asyncio.run(main())


def test_after_a_storm_of_cancellations_everything_is_in_order(path: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=10) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")

            async def work(number: int) -> None:
                try:
                    async with asyncio.timeout(0.0005 * (number % 17)):
                        await list(WORK.values())[number % len(WORK)](client)
                except (TimeoutError, BusyError):
                    pass

            await asyncio.gather(*[work(number) for number in range(300)])
            await settled(client)
            counts = (await client.execute("SELECT v, count(*) FROM t GROUP BY v ORDER BY v")).tuples
            assert [value for value, _ in counts] in ([], [1, 2, 3, 4])
            assert len({count for _, count in counts}) <= 1, "parts of transactions"

    asyncio.run(main())
