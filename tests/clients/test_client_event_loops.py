"""The async client and its loop: never blocked, never mixed up, never waited for when it is gone."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from client_harness import COUNT_TO, FOR_EVER, locked, outside, rows

from agentdb import create_client, create_client_sync
from agentdb.errors import (
    AgentDBError,
    BusyError,
    ClosedError,
    InvalidArgumentError,
    StatementError,
    TransactionActiveError,
)

INSERT = "INSERT INTO t (v) VALUES (?)"


class Gaps:
    """The longest time, in seconds, that the event loop was busy with one thing."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Gaps:
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        return self

    async def _watch(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last - 0.001)
            last = now

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()


async def inserts(client: Any, seconds: float) -> float:
    """The longest of many single INSERTs, in seconds."""
    longest = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        await client.execute(INSERT, [1])
        longest = max(longest, time.perf_counter() - began)
        await asyncio.sleep(0.005)
    return longest


def test_while_a_one_second_select_runs_the_loop_and_the_writers_go_on(path: str) -> None:
    async def attempt() -> tuple[float, float, float]:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v)")
            usual = await inserts(client, 0.3)
            async with Gaps() as gaps:
                reading = asyncio.create_task(client.execute(FOR_EVER))
                beside = await inserts(client, 1)
                assert not reading.done()
                reading.cancel()
                await asyncio.wait((reading,))
            return gaps.longest, beside, usual

    seen = []
    for _ in range(12):  # a busy machine may steal 20 ms now and then, but not every time
        gap, beside, usual = asyncio.run(attempt())
        seen.append((gap, beside, usual))
        if gap < 0.020 and beside < max(10 * usual, 0.05):
            return
    pytest.fail(f"longest gap, longest INSERT beside it, longest INSERT alone: {seen}")


def test_beside_a_long_select_a_thread_writes_at_once(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        (connection,) = client._idle
        read: list[str] = []

        def reading() -> None:
            try:
                client.execute(FOR_EVER)
            except StatementError as error:
                read.append(error.code)

        thread = threading.Thread(target=reading)
        thread.start()
        try:
            while client._idle:
                time.sleep(0)
            longest = 0.0
            for _ in range(50):
                began = time.perf_counter()
                client.execute(INSERT, [1])
                longest = max(longest, time.perf_counter() - began)
            assert thread.is_alive()
        finally:
            while thread.is_alive():
                connection.interrupt()
                thread.join(0.02)
        assert read == ["interrupted"]
        assert longest < 1


def test_a_coroutine_that_is_thrown_away_while_its_begin_is_queued_does_not_keep_the_lock(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            semaphore = threading.Event()
            (thread,) = client._idle
            thread.post(lambda: semaphore.wait(10) and None)
            coroutine: Any = client.transaction().begin().__await__()
            coroutine.send(None)._asyncio_future_blocking = False
            coroutine.close()
            semaphore.set()
            await thread.run(int)
            with outside(path, timeout=0) as connection:
                connection.execute("BEGIN IMMEDIATE")
                assert connection.in_transaction

    asyncio.run(main())


def test_a_coroutine_that_is_thrown_away_while_it_waits_for_its_turn_does_not_take_the_turn_with_it(path: str) -> None:
    async def main() -> None:
        async with create_client(path, busy_timeout=1) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            tx = client.transaction()
            await tx.begin()

            async def wait_and_be_thrown_away() -> None:
                coroutine: Any = client.execute(INSERT, [1]).__await__()
                coroutine.send(None)._asyncio_future_blocking = False
                coroutine.close()

            await asyncio.create_task(wait_and_be_thrown_away(), context=Context())
            await tx.commit()
            assert not client._write_semaphore.in_use
            await asyncio.create_task(client.execute(INSERT, [2]))

    asyncio.run(main())
    assert rows(path) == [(1, 2)]


def test_waiting_for_locks_does_not_block_the_loop(path: str) -> None:
    async def main() -> float:
        async with create_client(path, busy_timeout=0.3) as client:
            await client.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v)")
            with locked(path):
                async with Gaps() as gaps:
                    with pytest.raises(BusyError):
                        await client.execute(INSERT, [1])
            return gaps.longest

    assert min(asyncio.run(main()) for _ in range(3)) < 0.05


def test_opening_a_locked_file_does_not_block_the_loop(path: str) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("BEGIN EXCLUSIVE")
        began = time.perf_counter()
        client = create_client(path, busy_timeout=30)
        assert time.perf_counter() - began < 1
        connection.execute("COMMIT")
        assert asyncio.run(client.execute("SELECT * FROM t")).rows == []
        asyncio.run(client.close())


def test_one_client_serves_one_loop_after_the_other(path: str) -> None:
    client = create_client(path)
    asyncio.run(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))

    async def work() -> None:
        async with client.transaction() as tx:
            await tx.execute(INSERT, [1])
            await tx.commit()
        await asyncio.gather(*[client.execute("SELECT * FROM t") for _ in range(6)])

    for _ in range(3):
        asyncio.run(work())
    asyncio.run(client.close())
    assert len(rows(path)) == 3


def test_in_memory_too(path: str) -> None:
    client = create_client(":memory:")
    asyncio.run(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    asyncio.run(client.execute(INSERT, [1]))
    assert asyncio.run(client.execute("SELECT v FROM t")).tuples == [(1,)]
    asyncio.run(client.close())


@pytest.mark.parametrize("place", ["file", "memory"])
def test_a_transaction_that_a_dead_loop_left_open_is_rolled_back_for_the_next_loop(path: str, place: str) -> None:
    client = create_client(path if place == "file" else ":memory:", busy_timeout=2)
    kept: list[Any] = []

    async def begin() -> None:
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        kept.append(client.transaction())
        await kept[0].execute(INSERT, ["lost"])

    async def use() -> None:
        await client.execute(INSERT, ["kept"])
        assert (await client.execute("SELECT v FROM t")).tuples == [("kept",)]
        for use in (kept[0].execute("SELECT 1"), kept[0].commit()):
            with pytest.raises(ClosedError):
                await use
        kept[0].close()
        await client.execute(INSERT, ["more"])
        assert len((await client.execute("SELECT v FROM t")).tuples) == 2

    asyncio.run(begin())
    asyncio.run(use())
    asyncio.run(use_again(client))
    asyncio.run(client.close())


async def use_again(client: Any) -> None:
    await asyncio.gather(*[client.execute(INSERT, [n]) for n in range(10)], *[client.execute("SELECT 1")] * 1)
    assert not client._write_semaphore.in_use


def test_a_transaction_closed_after_its_loop_is_gone(path: str) -> None:
    client = create_client(path, busy_timeout=2)

    async def begin() -> Any:
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        tx = client.transaction()
        await tx.execute(INSERT, ["lost"])
        return tx

    tx = asyncio.run(begin())
    tx.close()
    asyncio.run(client.execute(INSERT, ["kept"]))
    asyncio.run(client.close())
    assert rows(path, "SELECT v FROM t") == [("kept",)]


def test_a_statement_that_runs_when_its_loop_is_closed_hurts_nobody(path: str) -> None:
    client = create_client(path, busy_timeout=5)
    asyncio.run(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    loop = asyncio.new_event_loop()
    tasks = [
        loop.create_task(client.execute(COUNT_TO.format(500_000))),
        loop.create_task(client.execute(f"INSERT INTO t (v) {COUNT_TO.format(500_000)}")),
        loop.create_task(client.execute(INSERT, ["waits for the one before"])),
    ]
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    asyncio.run(client.execute(INSERT, ["next"]))
    del task, tasks
    gc.collect()
    asyncio.run(use_again(client))
    asyncio.run(client.close())
    assert ("next",) in rows(path, "SELECT v FROM t")


def test_two_loops_at_once_are_refused_and_not_mixed_up(path: str) -> None:
    client = create_client(path)
    asyncio.run(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    other: list[Any] = []

    async def in_another_loop() -> None:
        with pytest.raises(InvalidArgumentError, match="another event loop"):
            await client.execute(INSERT, [1])
        with pytest.raises(InvalidArgumentError):
            async with client.transaction():
                pass
        other.append(True)

    async def main() -> None:
        async with client.transaction() as tx:
            await tx.execute(INSERT, [1])
            await asyncio.to_thread(Context().run, asyncio.run, in_another_loop())
            await tx.commit()
        await client.close()

    asyncio.run(main())
    assert other
    assert rows(path) == [(1, 1)]


def test_made_outside_a_loop_and_begun_inside(path: str) -> None:
    client = create_client(path)
    asyncio.run(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    tx = client.transaction()

    async def main() -> None:
        async with tx:
            await tx.execute(INSERT, [1])
            with pytest.raises(TransactionActiveError):
                await client.execute("SELECT 1")
            await tx.commit()
        with pytest.raises(ClosedError):
            async with tx:
                pass
        await client.close()

    asyncio.run(main())
    assert rows(path) == [(1, 1)]


def test_a_transaction_closed_while_it_begins_does_not_begin(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            tx = client.transaction()
            task = asyncio.create_task(tx.execute(INSERT, [1]))
            await asyncio.sleep(0)
            tx.close()
            with pytest.raises(ClosedError):
                await task
            await client.execute(INSERT, [2])
            assert not client._write_semaphore.in_use

    asyncio.run(main())
    assert rows(path) == [(1, 2)]


def test_what_runs_when_a_transaction_is_closed_is_taken_back_with_it(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            for _ in range(20):
                tx = client.transaction()
                await tx.begin()
                tasks = [asyncio.create_task(tx.execute(INSERT, [n])) for n in range(3)]
                await asyncio.sleep(0)
                tx.close()
                late = asyncio.create_task(tx.execute(INSERT, ["late"]))
                results = await asyncio.gather(*tasks, late, return_exceptions=True)
                assert isinstance(results[-1], ClosedError)
                await client.execute(INSERT, ["between"])
            assert (await client.execute("SELECT count(*) FROM t WHERE v <> 'between'")).tuples == [(0,)]

    asyncio.run(main())


def test_commit_and_rollback_at_once_have_one_winner(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            tx = client.transaction()
            await tx.execute(INSERT, [1])
            results = await asyncio.gather(
                tx.commit(), tx.commit(), tx.rollback(), tx.execute(INSERT, [2]), return_exceptions=True
            )
            assert [type(result) for result in results] == [type(None), ClosedError, type(None), ClosedError]
            await client.execute(INSERT, [3])
            assert [row["v"] for row in await client.execute("SELECT v FROM t")] == [1, 3]

    asyncio.run(main())


def test_a_client_that_is_dropped_ends_its_threads(path: str) -> None:
    before = set(threading.enumerate())

    async def main() -> None:
        client = create_client(path)
        await asyncio.gather(*[client.execute("SELECT 1") for _ in range(3)])

    asyncio.run(main())
    gc.collect()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_no_more_connections_than_readers_and_a_writer(path: str) -> None:
    async def main() -> None:
        async with create_client(path, readers=2) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            work = [client.execute("SELECT * FROM t") for _ in range(30)] + [
                client.execute(INSERT, [1]) for _ in range(30)
            ]
            await asyncio.gather(*work)
            assert len(client._threads) <= 3

    asyncio.run(main())


def test_async_with_closes(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        assert client.closed
        with pytest.raises(AgentDBError):
            await client.execute("SELECT 1")

    asyncio.run(main())
    assert not Path(path + "-wal").exists(), "the last connection was not closed"
