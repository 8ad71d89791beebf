"""Transactions and their owners, in both worlds."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
from client_harness import Both, in_threads, locked, outside, rows

from agentdb import create_client, create_client_sync
from agentdb.errors import (
    BusyError,
    ClosedError,
    IntegrityError,
    StatementError,
    StorageError,
    TransactionActiveError,
)

INSERT = "INSERT INTO t (v) VALUES (?)"


@pytest.fixture
def client(both: Both, path: str) -> Any:
    client = both.open(path, busy_timeout=0.3)
    both(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    return client


def is_usable(both: Both, client: Any) -> bool:
    """At once, to read, to write, and in a transaction."""
    began = time.monotonic()
    before = both(client.execute("SELECT count(*) FROM t")).tuples[0][0]
    both(client.execute(INSERT, ["probe"]))
    transaction = both.begin(client)
    both(transaction.execute("DELETE FROM t WHERE v = 'probe'"))
    both(transaction.commit())
    assert time.monotonic() - began < 0.25
    return both(client.execute("SELECT count(*) FROM t")).tuples == [(before,)]


# -- the end of a transaction


def test_commit_keeps_and_ends(both: Both, client: Any, path: str) -> None:
    transaction = both.begin(client)
    assert transaction.closed is False
    both(transaction.execute(INSERT, [1]))
    assert rows(path) == []
    both(transaction.commit())
    assert transaction.closed is True
    assert rows(path) == [(1, 1)]
    assert is_usable(both, client)


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_rollback_and_close_take_back_and_end_and_may_be_called_twice(
    both: Both, client: Any, path: str, end: str
) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    both(getattr(transaction, end)())
    both(getattr(transaction, end)())
    assert transaction.closed is True
    assert is_usable(both, client)
    assert rows(path) == []


def test_a_finished_transaction_raises_closed_error(both: Both, client: Any) -> None:
    for end in ("commit", "rollback", "close"):
        transaction = both.begin(client)
        both(getattr(transaction, end)())
        for use in (
            lambda tx: tx.execute("SELECT 1"),
            lambda tx: tx.batch(["SELECT 1"]),
            lambda tx: tx.commit(),
            lambda tx: tx.savepoint(),
            lambda tx: tx.release("agentdb_1"),
        ):
            with pytest.raises(ClosedError) as caught:
                both(use(transaction))
            assert caught.value.code == "closed"
        both(transaction.rollback())
        both(transaction.close())
        both(transaction.rollback_to("agentdb_1"))
    assert is_usable(both, client)


def test_a_with_block_takes_back_what_was_not_committed(both: Both, client: Any, path: str) -> None:
    with both.begin(client) as transaction:
        both(transaction.execute(INSERT, [1]))
    assert transaction.closed
    with pytest.raises(LookupError), both.begin(client) as transaction:
        both(transaction.execute(INSERT, [2]))
        raise LookupError
    with both.begin(client) as transaction:
        both(transaction.execute(INSERT, [3]))
        both(transaction.commit())
    assert [row[1] for row in rows(path)] == [3]


def test_a_dropped_transaction_rolls_back_and_says_so(both: Both, client: Any, path: str, caplog: Any) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    del transaction
    both.settle()
    assert "was dropped without commit() or close()" in caplog.text
    assert rows(path) == []
    assert is_usable(both, client)


def test_a_dropped_transaction_in_a_cycle_rolls_back_from_whatever_thread_collects_it(
    both: Both, client: Any, path: str
) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    cycle: list[Any] = [transaction]
    cycle.append(cycle)
    del transaction, cycle
    in_threads(gc.collect)
    both.settle()
    assert rows(path) == []
    assert is_usable(both, client)
    semaphore = client._write_semaphore
    assert (semaphore._free if both.is_async else len(semaphore._tokens)) == 1, "one writer at a time, still"


def test_one_that_never_began_needs_no_end(both: Both, client: Any, caplog: Any) -> None:
    with locked(client.path), pytest.raises(BusyError):
        both.begin(client)
    both.settle()
    assert caplog.text == ""
    assert is_usable(both, client)


def test_a_transaction_reads_its_own_writes_and_others_do_not(both: Both, client: Any, path: str) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    assert both(transaction.execute("SELECT count(*) FROM t")).tuples == [(1,)]
    assert rows(path) == []
    both(transaction.close())


# -- what SQLite ends by itself


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT OR ROLLBACK INTO t (id) VALUES (1)",
        "UPDATE OR ROLLBACK t SET id = 1",
        "DELETE FROM t",  # a trigger says RAISE(ROLLBACK)
    ],
)
def test_a_transaction_that_sqlite_rolled_back_is_lost_and_nothing_is_committed_after_it(
    both: Both, client: Any, path: str, sql: str
) -> None:
    both(client.execute("INSERT INTO t VALUES (1, 1), (2, 2)"))
    both(client.execute("CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ROLLBACK, 'never'); END"))
    for use in (
        lambda tx: tx.execute("INSERT INTO t VALUES (9, 9)"),
        lambda tx: tx.batch(["INSERT INTO t VALUES (9, 9)"]),
        lambda tx: tx.commit(),
        lambda tx: tx.savepoint(),
    ):
        transaction = both.begin(client)
        both(transaction.execute("INSERT INTO t VALUES (8, 8)"))
        with pytest.raises(IntegrityError):
            both(transaction.execute(sql))
        with pytest.raises(ClosedError) as caught:
            both(use(transaction))
        assert caught.value.code == "transaction_lost"
        assert transaction.closed
        with pytest.raises(ClosedError):
            both(use(transaction))
        both(transaction.close())
        assert rows(path) == [(1, 1), (2, 2)]
    both(client.execute("DROP TRIGGER no"))
    assert is_usable(both, client)


def test_a_batch_that_sqlite_rolls_back_shows_the_first_error(both: Both, client: Any, path: str) -> None:
    both(client.execute("INSERT INTO t VALUES (1, 1)"))
    stmts = ["INSERT INTO t VALUES (7, 7)", "INSERT OR ROLLBACK INTO t VALUES (1, 1)", "INSERT INTO t VALUES (8, 8)"]
    with pytest.raises(IntegrityError):
        both(client.batch(stmts))
    transaction = both.begin(client)
    with pytest.raises(IntegrityError):
        both(transaction.batch(stmts))
    with pytest.raises(ClosedError):
        both(transaction.commit())
    assert rows(path) == [(1, 1)]
    assert is_usable(both, client)


def test_a_commit_that_a_deferred_foreign_key_refuses_rolls_back_and_ends(both: Both, client: Any, path: str) -> None:
    both(client.execute("CREATE TABLE c (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)"))
    transaction = both.begin(client)
    both(transaction.execute("INSERT INTO c VALUES (77)"))
    with pytest.raises(IntegrityError) as caught:
        both(transaction.commit())
    assert caught.value.code == "foreign_key"
    assert transaction.closed
    with pytest.raises(IntegrityError):
        both(client.batch(["INSERT INTO t VALUES (1, 1)", "INSERT INTO c VALUES (77)"]))
    assert rows(path, "SELECT * FROM c") == rows(path) == []
    assert is_usable(both, client)


def test_a_full_disk_is_called_that_and_everything_of_the_transaction_is_gone(
    both: Both, client: Any, path: str
) -> None:
    both(client.execute("INSERT INTO t VALUES (1, 'kept')"))
    both(client.execute("PRAGMA max_page_count=20"))
    big = "INSERT INTO t (v) VALUES (zeroblob(200000))"
    for attempt in (lambda: client.execute(big), lambda: client.batch([INSERT.replace("?", "1"), big])):
        with pytest.raises(StorageError) as caught:
            both(attempt())
        assert caught.value.code == "disk_full"
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [2]))
    with pytest.raises(StorageError):
        both(transaction.execute(big))
    both(transaction.close())
    assert rows(path) == [(1, "kept")]
    assert is_usable(both, client)


def test_where_rollback_fails_the_first_error_is_seen_and_the_file_is_as_it_was(
    both: Both, client: Any, path: str
) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    connection = transaction._connection if not both.is_async else transaction._thread.connection
    connection._sqlite.set_authorizer(lambda action, *_: 1 if action == 22 else 0)  # SQLITE_TRANSACTION is denied
    with pytest.raises(StatementError, match="nowhere"), transaction:
        both(transaction.execute("DELETE FROM nowhere"))
    both.settle()
    assert rows(path) == []
    assert is_usable(both, client)


def test_a_connection_that_is_gone_is_an_agentdb_error(both: Both, client: Any, path: str) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    connection = transaction._connection if not both.is_async else transaction._thread.connection
    connection.close()
    with pytest.raises(ClosedError):
        both(transaction.execute(INSERT, [2]))
    both(transaction.close())
    assert rows(path) == []
    assert is_usable(both, client)


# -- savepoints


def test_savepoints_nest(both: Both, client: Any, path: str) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    outer = both(transaction.savepoint())
    both(transaction.execute(INSERT, [2]))
    inner = both(transaction.savepoint())
    both(transaction.execute(INSERT, [3]))
    both(transaction.rollback_to(inner))
    both(transaction.execute(INSERT, [4]))
    both(transaction.release(outer))
    last = both(transaction.savepoint())
    both(transaction.execute(INSERT, [5]))
    both(transaction.rollback_to(last))
    assert len({outer, inner, last}) == 3
    both(transaction.commit())
    assert [row[1] for row in rows(path)] == [1, 2, 4]


def test_a_savepoint_that_cannot_be_rolled_back_takes_the_transaction_with_it(
    both: Both, client: Any, path: str
) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    both(transaction.rollback_to("agentdb_77"))
    with pytest.raises(ClosedError):
        both(transaction.commit())
    assert rows(path) == []
    assert is_usable(both, client)


# -- owners


def beside(client: Any) -> list[Any]:
    return [
        lambda: client.execute("SELECT 1"),
        lambda: client.execute(INSERT, [1]),
        lambda: client.batch(["SELECT 1"]),
        lambda: client.transaction(),
    ]


def test_the_owner_thread_is_refused_the_client_beside_its_transaction(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        with client.transaction() as transaction:
            began = time.monotonic()
            for use in beside(client):
                with pytest.raises(TransactionActiveError) as caught:
                    use()
                assert caught.value.code == "transaction_active"
            assert time.monotonic() - began < 1
            transaction.execute(INSERT, [1])
            transaction.commit()
        for use in beside(client)[:3]:
            use()
        client.transaction().close()


def test_the_owner_task_is_refused_the_client_beside_its_transaction(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            async with client.transaction() as transaction:
                began = time.monotonic()
                for use in beside(client):
                    with pytest.raises(TransactionActiveError) as caught:
                        await use()
                    assert caught.value.code == "transaction_active"
                assert time.monotonic() - began < 1
                await transaction.execute(INSERT, [1])
                await transaction.commit()
            for use in beside(client)[:3]:
                await use()

    asyncio.run(main())


def test_ending_an_ended_transaction_again_does_not_touch_the_one_that_is_open(path: str) -> None:
    with create_client_sync(path, busy_timeout=0.2) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        ended = client.transaction()
        ended.commit()
        with client.transaction() as transaction:
            for end in (ended.rollback, ended.close):
                end()
                with pytest.raises(TransactionActiveError):
                    client.execute("SELECT 1")
                with pytest.raises(TransactionActiveError):
                    in_threads(lambda: client.execute(INSERT, [1]))
            transaction.commit()

    async def main() -> None:
        async with create_client(path) as client:
            ended = client.transaction()
            await ended.begin()
            await ended.commit()
            async with client.transaction():
                await ended.rollback()
                ended.close()
                with pytest.raises(TransactionActiveError):
                    await client.execute("SELECT 1")

    asyncio.run(main())


def test_one_that_asked_for_a_transaction_is_its_owner_also_where_a_helper_task_begins_it(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            with client.transaction() as transaction:
                await asyncio.gather(*[transaction.execute(INSERT, [n]) for n in range(5)])
                with pytest.raises(TransactionActiveError):
                    await client.execute("SELECT 1")
                await transaction.commit()
            assert (await client.execute("SELECT count(*) FROM t")).tuples == [(5,)]

    asyncio.run(main())


def waiting_threads(*works: Callable[[], Any]) -> tuple[threading.Event, list[Future[Any]], ThreadPoolExecutor]:
    """Threads that were started before a transaction, and work once the event is set."""
    go = threading.Event()
    pool = ThreadPoolExecutor(len(works))

    def later(work: Callable[[], Any]) -> Any:
        go.wait(60)
        return work()

    return go, [pool.submit(later, work) for work in works], pool


@pytest.mark.parametrize("place", ["file", "memory"])
def test_other_threads_wait_and_then_are_busy(path: str, place: str) -> None:
    with create_client_sync(path if place == "file" else ":memory:", busy_timeout=0.2) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        uses = [beside(client)[1], beside(client)[3], lambda: client.batch([INSERT.replace("?", "1")])]
        if place == "memory":
            uses.append(beside(client)[0])
        go, futures, pool = waiting_threads(*uses)
        with client.transaction() as transaction:
            transaction.execute(INSERT, [1])
            if place == "file":
                assert in_threads(lambda: client.execute("SELECT count(*) FROM t").tuples) == [[(0,)]]
            began = time.monotonic()
            go.set()
            while not all(future.done() for future in futures):
                time.sleep(0.005)  # waits for nobody: the owner is at work
            assert 0.19 < time.monotonic() - began < 5
            for future in futures:
                assert isinstance(future.exception(), BusyError)
            transaction.commit()
        assert in_threads(lambda: client.execute("SELECT count(*) FROM t").tuples) == [[(1,)]]
        pool.shutdown()


@pytest.mark.parametrize("place", ["file", "memory"])
def test_other_tasks_wait_and_then_are_busy(path: str, place: str) -> None:
    async def main() -> None:
        async with create_client(path if place == "file" else ":memory:", busy_timeout=0.2) as client:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            uses = [beside(client)[1], lambda: client.batch([INSERT.replace("?", "1")]), lambda: begin(client)]
            if place == "memory":
                uses.append(beside(client)[0])
            go = asyncio.Event()

            async def later(use: Callable[[], Any]) -> Any:
                await go.wait()
                return await use()

            before = [asyncio.create_task(later(use)) for use in uses]
            read = asyncio.create_task(later(beside(client)[0])) if place == "file" else None
            async with client.transaction() as transaction:
                await transaction.execute(INSERT, [1])
                began = time.monotonic()
                go.set()
                if read is not None:
                    assert (await read).tuples == [(1,)]
                for task in before:
                    with pytest.raises(BusyError):
                        await task
                assert 0.19 < time.monotonic() - began < 5
                await transaction.commit()

    async def begin(client: Any) -> None:
        async with client.transaction():
            pass

    asyncio.run(main())


# -- who was started inside


def test_a_task_that_was_started_inside_a_transaction_is_refused_at_once(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as client, create_client(":memory:") as other:
            await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            async with client.transaction() as transaction:
                began = time.monotonic()
                for use in beside(client):
                    with pytest.raises(TransactionActiveError) as refused:
                        await asyncio.create_task(run(use))
                    assert refused.value.code == "transaction_active"
                    assert "tx" in refused.value.remedy
                nested = asyncio.create_task(asyncio.wait_for(run(beside(client)[1]), 60))
                with pytest.raises(TransactionActiveError):
                    await asyncio.gather(nested)
                assert time.monotonic() - began < 1
                await asyncio.create_task(run(lambda: other.execute("SELECT 1")))
                await asyncio.create_task(run(lambda: transaction.execute(INSERT, [1])))
                is_ending = asyncio.Event()
                late = asyncio.create_task(after(is_ending, client))
                await asyncio.sleep(0)
                is_ending.set()
                await transaction.commit()
            assert (await late).tuples == [(1,)]
            await asyncio.create_task(run(beside(client)[1]))

    async def run(use: Callable[[], Any]) -> Any:
        return await use()

    async def after(is_ending: asyncio.Event, client: Any) -> Any:
        await is_ending.wait()
        return await client.execute("SELECT count(*) FROM t")

    asyncio.run(main())


@pytest.mark.parametrize("place", ["file", "memory"])
@pytest.mark.parametrize("way", ["join", "result", "wait", "copied context", "pool"])
def test_a_thread_for_which_the_owner_waits_is_refused_at_once(path: str, way: str, place: str) -> None:
    def use(errors: list[BaseException]) -> None:
        try:
            client.execute(INSERT, [1])
        except BaseException as error:
            errors.append(error)

    with create_client_sync(path if place == "file" else ":memory:", busy_timeout=60) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        errors: list[BaseException] = []
        with client.transaction() as transaction:
            began = time.monotonic()
            if way in ("join", "copied context"):
                context = contextvars.copy_context()
                target = context.run if way == "copied context" else use
                thread = threading.Thread(target=target, args=(use, errors) if target is not use else (errors,))
                thread.start()
                thread.join()
            elif way == "pool":
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(use, errors)
            else:
                with ThreadPoolExecutor(1) as pool:
                    future = pool.submit(use, errors)
                    future.result() if way == "result" else wait([future])
            assert time.monotonic() - began < 5
            transaction.execute(INSERT, [2])
            transaction.commit()
        assert [type(error) for error in errors] == [TransactionActiveError]
        assert in_threads(lambda: client.execute("SELECT v FROM t").tuples) == [[(2,)]]


def test_a_thread_for_which_nobody_waits_gets_its_turn_when_the_transaction_has_ended(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        with client.transaction() as transaction:
            thread = threading.Thread(target=client.execute, args=(INSERT, ["other"]))
            thread.start()
            while not client._write_semaphore._waiting:
                time.sleep(0)
            time.sleep(0.15)  # longer than the thread sleeps between two looks at the owner
            transaction.execute(INSERT, ["mine"])
            transaction.commit()
        thread.join()
        assert rows(path, "SELECT v FROM t ORDER BY id") == [("mine",), ("other",)]


def test_other_threads_that_wait_long_enough_get_their_turn(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        transaction = client.transaction()
        thread = threading.Thread(target=client.execute, args=(INSERT, ["other"]))
        thread.start()
        while not client._write_semaphore._waiting:
            time.sleep(0)
        transaction.execute(INSERT, ["mine"])
        transaction.commit()
        thread.join()
        assert rows(path, "SELECT v FROM t ORDER BY id") == [("mine",), ("other",)]


def test_a_thread_that_gets_the_number_of_a_dead_owner_is_not_the_owner(path: str) -> None:
    with create_client_sync(path, busy_timeout=0.1) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        kept: list[Any] = []
        together = threading.Barrier(16)

        def begin() -> int:
            kept.append(client.transaction())
            return threading.get_ident()

        def use() -> int:
            together.wait(60)
            with pytest.raises(BusyError):
                client.execute(INSERT, [1])
            return threading.get_ident()

        (dead,) = in_threads(begin)
        for _ in range(20):  # all at once, so that they share out what numbers are free
            if dead in in_threads(*[use] * 16):
                break
        else:
            pytest.fail("no thread got that number; this test proves nothing")
        kept.pop().close()


def test_a_transaction_may_be_used_by_several_threads_and_stays_one(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        with client.transaction() as transaction:
            in_threads(*[lambda: [transaction.execute(INSERT, [1]) for _ in range(50)]] * 4)
            assert rows(path) == []
            transaction.commit()
        assert len(rows(path)) == 200


def test_a_transaction_that_one_thread_loses_is_not_gone_on_with_by_another(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        client.execute("INSERT INTO t VALUES (1, 'first')")
        for _ in range(30):
            transaction = client.transaction()

            def insert(transaction: Any = transaction) -> None:
                try:
                    while True:
                        transaction.execute(INSERT, ["leaked"])
                except ClosedError:
                    pass

            def lose(transaction: Any = transaction) -> None:
                with pytest.raises(IntegrityError):
                    transaction.execute("INSERT OR ROLLBACK INTO t (id) VALUES (1)")

            in_threads(insert, insert, lose)
        assert rows(path) == [(1, "first")]


def test_the_client_may_be_closed_by_the_owner(path: str) -> None:
    client = create_client_sync(path)
    client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    transaction = client.transaction()
    transaction.execute(INSERT, [1])
    client.close()
    assert transaction.closed
    assert rows(path) == []
    with pytest.raises(ClosedError):
        transaction.execute("SELECT 1")
    with locked(path):
        pass


def test_the_async_client_may_be_closed_by_the_owner(path: str) -> None:
    async def main() -> None:
        client = create_client(path)
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        transaction = client.transaction()
        await transaction.execute(INSERT, [1])
        await client.close()
        assert transaction.closed
        with pytest.raises(ClosedError):
            await transaction.execute("SELECT 1")

    asyncio.run(main())
    assert rows(path) == []


def test_the_client_may_be_closed_by_another_and_the_transaction_ends_at_its_next_use(path: str) -> None:
    client = create_client_sync(path)
    client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    transaction = client.transaction()
    transaction.execute(INSERT, [1])
    in_threads(client.close)
    with pytest.raises(ClosedError, match=r"the client of .* was closed"):
        transaction.commit()
    assert transaction.closed
    assert rows(path) == []
    with locked(path):
        pass


def test_the_async_client_may_be_closed_by_another_task(path: str) -> None:
    async def main() -> None:
        client = create_client(path)
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        transaction = client.transaction()
        await transaction.execute(INSERT, [1])
        await asyncio.create_task(client.close())
        with pytest.raises(ClosedError, match=r"the client of .* was closed"):
            await transaction.commit()
        assert transaction.closed

    asyncio.run(main())
    assert rows(path) == []


def test_who_waits_for_a_client_that_is_closed_meanwhile_gets_closed_error(path: str) -> None:
    client = create_client_sync(path)
    client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    transaction = client.transaction()

    def wait() -> None:
        with pytest.raises(ClosedError):
            client.execute(INSERT, [1])

    def close() -> None:
        while not client._write_semaphore._waiting:
            time.sleep(0)
        client.close()
        transaction.close()

    in_threads(wait, close)
    assert rows(path) == []


def test_tasks_that_wait_for_a_client_that_is_closed_meanwhile_get_closed_error(path: str) -> None:
    async def main() -> None:
        client = create_client(path)
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        transaction = client.transaction()
        await transaction.begin()
        outside = contextvars.Context()  # else it is refused: it is started inside the transaction
        waiting = asyncio.create_task(client.execute(INSERT, [1]), context=outside)
        await asyncio.sleep(0.01)
        await client.close()
        with pytest.raises(ClosedError):
            await waiting

    asyncio.run(main())


def test_a_reader_does_not_wait_for_an_open_transaction(both: Both, client: Any) -> None:
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    sql = "WITH x AS (SELECT count(*) AS n FROM t) SELECT n FROM x"
    if both.is_async:
        assert both(client.execute(sql)).tuples == [(0,)], "another task"
    else:
        assert in_threads(lambda: client.execute(sql).tuples) == [[(0,)]]
    both(transaction.commit())


def test_foreign_keys_are_enforced_on_every_connection(path: str) -> None:
    with create_client_sync(path, readers=5) as client:
        client.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
        client.execute("CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)")
        barrier = threading.Barrier(5)
        taken: list[Any] = []

        def hold() -> None:
            connection = client._take()
            taken.append(connection)
            barrier.wait(10)
            client._give(connection)

        in_threads(*[hold] * 5)
        assert len(set(map(id, taken))) == 5
        for connection in client._idle:
            assert connection.execute("PRAGMA foreign_keys", ()).tuples == [(1,)]
        for _ in range(5):
            with pytest.raises(IntegrityError) as caught:
                client.execute("INSERT INTO c VALUES (1)")
            assert caught.value.code == "foreign_key"
            client._idle.insert(0, client._idle.pop())  # the next one's turn

    async def main() -> None:
        async with create_client(path, readers=5) as client:
            results = await asyncio.gather(*[client.execute("PRAGMA foreign_keys") for _ in range(5)])
            reads = await asyncio.gather(*[client.execute("SELECT * FROM pragma_foreign_keys") for _ in range(5)])
            assert [result.tuples for result in results + reads] == [[(1,)]] * 10
            assert len(client._idle) == 5
            for thread in client._idle:
                assert thread.connection.execute("PRAGMA foreign_keys", ()).tuples == [(1,)]

    asyncio.run(main())


def test_two_clients_of_one_file_take_turns(both: Both, client: Any, path: str) -> None:
    other = both.open(path, busy_timeout=0.2)
    transaction = both.begin(client)
    both(transaction.execute(INSERT, [1]))
    began = time.monotonic()
    with pytest.raises(BusyError) as caught:
        both(other.execute(INSERT, [2]))
    assert 0.15 < time.monotonic() - began < 1
    assert caught.value.engine_code == "SQLITE_BUSY"
    both(transaction.commit())
    both(other.execute(INSERT, [2]))
    assert len(rows(path)) == 2


def test_busy_timeout_zero_does_not_wait(both: Both, path: str) -> None:
    client = both.open(path, busy_timeout=0)
    both(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    with locked(path):
        began = time.monotonic()
        with pytest.raises(BusyError):
            both(client.execute(INSERT, [2]))
        assert time.monotonic() - began < 0.1


def test_a_locked_table_is_not_waited_for_in_a_hot_loop(path: str) -> None:
    with create_client_sync(path, busy_timeout=0.3) as client, outside(path) as connection:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM t").fetchall()
        cpu = time.thread_time()
        with pytest.raises(BusyError):
            client.execute("PRAGMA journal_mode=DELETE")  # answers 'locked' at once
        assert time.thread_time() - cpu < 0.15


def test_writers_of_many_threads_lose_nothing(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")

        def work() -> None:
            for number in range(30):
                if number % 3 == 0:
                    client.execute(INSERT, [number])
                elif number % 3 == 1:
                    client.batch([(INSERT, [number]), "SELECT count(*) FROM t"])
                else:
                    with client.transaction() as transaction:
                        (count,) = transaction.execute("SELECT count(*) FROM t").tuples[0]
                        transaction.execute(INSERT, [count])
                        transaction.commit()
                client.execute("SELECT max(id) FROM t")

        in_threads(*[work] * 8)
        assert client.execute("SELECT count(*) FROM t").tuples == [(240,)]
        assert len(client._idle) <= 5
