"""A transaction that runs without foreign keys, and what its connection is afterwards."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from typing import Any

import pytest
from client_harness import Both, cancelled_at, locked, rows

from agentdb import create_client
from agentdb.errors import BusyError, ClosedError, IntegrityError, TransactionActiveError
from agentdb.operations import Operations, Steps, W, atomically, execute, operation

ORPHAN = "INSERT INTO child VALUES (99)"
SCHEMA = ("CREATE TABLE parent (id INTEGER PRIMARY KEY)", "CREATE TABLE child (parent REFERENCES parent)")


class Bodies(Operations[W]):
    @operation
    def unenforced(self, sql: str) -> Steps[None]:
        yield from atomically(execute(sql), foreign_keys=False)  # type: ignore[arg-type]

    @operation
    def unenforced_inside(self) -> Steps[None]:
        yield from atomically(self.unenforced.steps(ORPHAN))


@pytest.fixture
def client(both: Both, path: str) -> Any:
    client = both.open(path, busy_timeout=0.2)
    both(client.batch(SCHEMA))
    return client


def begin_unenforced(both: Both, client: Any) -> Any:
    transaction = client.transaction(foreign_keys=False)
    if both.is_async:
        both(transaction.begin())
    return transaction


def enforces(both: Both, client: Any) -> bool:
    """On every connection that the client has at rest, asked in a way that needs none of its own words."""
    try:
        both(client.execute("INSERT INTO child VALUES (1000)"))
    except IntegrityError:
        return both(client.execute("PRAGMA foreign_keys")).tuples == [(1,)]
    return False


def connections(path: str) -> list[sqlite3.Connection]:
    found = []
    for one in gc.get_objects():
        if issubclass(type(one), sqlite3.Connection):
            try:
                ((_, _, file),) = one.execute("PRAGMA database_list").fetchall()
            except sqlite3.ProgrammingError:
                continue
            if file and os.path.samefile(file, path):
                found.append(one)
    return found


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_foreign_keys_are_off_inside_and_on_again_behind_the_end(both: Both, client: Any, path: str, end: str) -> None:
    transaction = begin_unenforced(both, client)
    assert both(transaction.execute("PRAGMA foreign_keys")).tuples == [(0,)]
    both(transaction.execute(ORPHAN))
    both(getattr(transaction, end)())
    assert rows(path, "SELECT * FROM child") == ([(99,)] if end == "commit" else [])
    assert enforces(both, client)


def test_with_foreign_keys_the_same_row_is_refused(both: Both, client: Any) -> None:
    transaction = both.begin(client)
    with pytest.raises(IntegrityError):
        both(transaction.execute(ORPHAN))
    both(transaction.rollback())


def test_a_commit_that_fails_leaves_them_on(both: Both, client: Any) -> None:
    transaction = begin_unenforced(both, client)
    both(transaction.execute("PRAGMA defer_foreign_keys=ON"))
    both(transaction.execute(ORPHAN))
    # SQLite rolls back behind our back
    with pytest.raises(IntegrityError):
        both(transaction.execute("INSERT OR ROLLBACK INTO parent VALUES (1), (1)"))
    with pytest.raises(ClosedError):
        both(transaction.commit())
    both(transaction.rollback())
    both.settle()
    assert enforces(both, client)


def test_a_lock_that_was_not_to_be_had_leaves_them_on(both: Both, client: Any, path: str) -> None:
    with locked(path), pytest.raises(BusyError):
        begin_unenforced(both, client)
    assert enforces(both, client)


def test_a_transaction_that_is_dropped_leaves_them_on(both: Both, client: Any) -> None:
    begin_unenforced(both, client)
    both.settle()
    assert enforces(both, client)


def test_a_memory_database_keeps_its_rows_and_its_foreign_keys(both: Both) -> None:
    client = both.open(":memory:")
    both(client.batch(SCHEMA))
    transaction = begin_unenforced(both, client)
    both(transaction.execute(ORPHAN))
    both(transaction.commit())
    assert both(client.execute("SELECT * FROM child")).tuples == [(99,)]
    assert enforces(both, client)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_connection_on_which_they_stay_off_never_comes_back(both: Both, client: Any, path: str, end: str) -> None:
    transaction = begin_unenforced(both, client)
    both(transaction.execute("INSERT INTO parent VALUES (5)"))
    (connection,) = connections(path)

    def never_on(action: int, name: str | None, value: str | None, *_: object) -> int:
        switched_on = action == sqlite3.SQLITE_PRAGMA and name == "foreign_keys" and value == "ON"
        return sqlite3.SQLITE_DENY if switched_on else sqlite3.SQLITE_OK

    connection.set_authorizer(never_on)
    both(getattr(transaction, end)())
    both.settle()
    assert enforces(both, client)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    assert rows(path, "SELECT * FROM parent") == ([(5,)] if end == "commit" else [])


def test_where_the_switch_is_ignored_nothing_is_begun(both: Both, client: Any, path: str) -> None:
    (connection,) = connections(path)

    def never_off(action: int, name: str | None, value: str | None, *_: object) -> int:
        switched_off = action == sqlite3.SQLITE_PRAGMA and name == "foreign_keys" and value == "OFF"
        return sqlite3.SQLITE_IGNORE if switched_off else sqlite3.SQLITE_OK

    connection.set_authorizer(never_off)
    with pytest.raises(Exception, match="cannot be switched off"):
        begin_unenforced(both, client)
    connection.set_authorizer(None)
    assert enforces(both, client)


def test_a_body_begins_without_them_only_where_no_transaction_is_open(both: Both, client: Any, path: str) -> None:
    bodies = Bodies(client)
    with pytest.raises(TransactionActiveError, match="cannot be switched off inside"):
        both(bodies.unenforced_inside())
    transaction = both.begin(client)
    with pytest.raises(TransactionActiveError, match="cannot be switched off inside"):
        both(Bodies(transaction).unenforced(ORPHAN))
    both(transaction.rollback())
    assert rows(path, "SELECT * FROM child") == []
    both(bodies.unenforced(ORPHAN))
    assert rows(path, "SELECT * FROM child") == [(99,)]
    assert enforces(both, client)


@pytest.mark.parametrize("early", [True, False])
def test_cancelled_at_every_await_they_are_on_again(path: str, early: bool) -> None:
    async def all_of_it() -> None:
        async with create_client(path) as client:
            await client.batch(SCHEMA)
            k = 1
            while await cancelled_at(Bodies(client).unenforced(ORPHAN), k, early=early) is not None:
                k += 1
                await client.execute("DELETE FROM child")
                assert (await client.execute("PRAGMA foreign_keys")).tuples == [(1,)]
                with pytest.raises(IntegrityError):
                    await client.execute(ORPHAN)
            assert k > 3

    asyncio.run(all_of_it())
