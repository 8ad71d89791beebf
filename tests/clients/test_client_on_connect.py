"""on_connect: the application's functions, collations and extensions on every connection that agentdb opens."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_harness import Both, in_threads, outside

from agentdb import AgentDB, AsyncAgentDB, create_client_sync
from agentdb.errors import AgentDBError, InvalidArgumentError


def reversed_order(one: str, other: str) -> int:
    return (one < other) - (one > other)


def register(connection: sqlite3.Connection) -> None:
    connection.create_collation("HOST", reversed_order)
    connection.create_function("is_good", 1, lambda text: text != "bad", deterministic=True)


class Counting:
    """Registers, and remembers which connections there were, and whether their schema had been read."""

    def __init__(self) -> None:
        self.connections: list[sqlite3.Connection] = []

    def __call__(self, connection: sqlite3.Connection) -> None:
        self.connections.append(connection)
        register(connection)


SCHEMA = [
    "CREATE TABLE t (v TEXT COLLATE HOST PRIMARY KEY CHECK (is_good(v)))",
    "INSERT INTO t VALUES ('a'), ('c'), ('b')",
]


@pytest.mark.parametrize("place", ["file", "memory"])
def test_every_connection_of_a_client_is_prepared(both: Both, path: str, place: str) -> None:
    client = both.open(path if place == "file" else ":memory:", on_connect=register)
    both(client.batch(SCHEMA))
    in_order = "SELECT v FROM t ORDER BY v"
    assert both(client.execute(in_order)).tuples == [("c",), ("b",), ("a",)]
    if place == "file":
        transaction = both.begin(client)
        if both.is_async:
            assert both(_elsewhere(client, in_order)) == [("c",), ("b",), ("a",)]
        else:
            assert in_threads(lambda: client.execute(in_order).tuples) == [[("c",), ("b",), ("a",)]]
        both(transaction.rollback())
        reader = both.open(path, on_connect=register, read_only=True)
        assert both(reader.execute(in_order)).tuples == [("c",), ("b",), ("a",)]


async def _elsewhere(client: Any, sql: str) -> list[tuple[Any, ...]]:
    import asyncio

    async def read() -> Any:
        return (await client.execute(sql)).tuples

    return await asyncio.create_task(read())  # type: ignore[no-any-return]


def test_it_is_called_before_the_schema_is_read(both: Both, path: str) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")
    seen: list[str] = []

    def traced(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(seen.append)

    both.open(path, on_connect=traced)
    # Whatever agentdb itself runs comes later, and so it is all in the trace.
    assert any("foreign_keys=ON" in sql for sql in seen)
    assert any("synchronous" in sql for sql in seen)


def test_it_cannot_switch_foreign_keys_off_or_change_what_rows_are(both: Both, path: str) -> None:
    def meddling(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.row_factory = sqlite3.Row
        connection.text_factory = bytes
        connection.isolation_level = "DEFERRED"

    client = both.open(path, on_connect=meddling)
    assert both(client.execute("PRAGMA foreign_keys")).tuples == [(1,)]
    both(client.batch(["CREATE TABLE t (v)", "INSERT INTO t VALUES ('x')"]))
    assert both(client.execute("SELECT v FROM t")).tuples == [("x",)]


def raises(_: sqlite3.Connection) -> None:
    raise LookupError("no such thing")


def fails_in_sql(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT unknown()")


def leaves_a_transaction(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")


def closes(connection: sqlite3.Connection) -> None:
    connection.close()


async def is_async(connection: sqlite3.Connection) -> None:
    register(connection)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (raises, "raised LookupError: no such thing"),
        (fails_in_sql, "raised OperationalError: no such function: unknown"),
        (leaves_a_transaction, "left a transaction open"),
        (closes, "closed the connection"),
        (is_async, "is a coroutine function"),
    ],
)
def test_what_goes_wrong_in_it_is_told_with_its_name(
    both: Both, path: str, function: Callable[..., Any], why: str
) -> None:
    with pytest.raises(AgentDBError) as caught:
        both.open(path, on_connect=function)
    assert caught.value.code == "on_connect_failed"
    assert f"{__name__}.{function.__name__} {why}" in caught.value.message
    # Nothing stays open, and nothing was written.
    with outside(path, timeout=0) as connection:
        assert connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall() == [("exclusive",)]
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchall() == [(0,)]


def test_what_is_no_function_is_refused(both: Both, path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="on_connect"):
        both.open(path, on_connect="register")


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "enable_load_extension"), reason="this Python loads no extensions")
def test_extensions_can_be_loaded_in_it_and_not_afterwards(both: Both, path: str) -> None:
    tried: list[str] = []

    def loading(connection: sqlite3.Connection) -> None:
        connection.enable_load_extension(True)
        try:
            connection.load_extension(f"{path}.so")
        except sqlite3.OperationalError as error:
            tried.append(str(error))

    client = both.open(path, on_connect=loading)
    assert "not authorized" not in tried[0]
    with pytest.raises(AgentDBError, match="not authorized"):
        both(client.execute("SELECT load_extension(?)", [f"{path}.so"]))


def test_a_database_takes_it_and_migrates_with_it(path: str) -> None:
    counting = Counting()
    with AgentDB.open(path, on_connect=counting) as db:
        db.client.batch(SCHEMA)
        assert db.client.execute("SELECT v FROM t ORDER BY v").tuples == [("c",), ("b",), ("a",)]
    assert counting.connections


def test_an_async_database_takes_it(both: Both, path: str) -> None:
    async def opened() -> Any:
        async with AsyncAgentDB.open(path, on_connect=register) as db:
            await db.client.batch(SCHEMA)
            return (await db.client.execute("SELECT v FROM t ORDER BY v")).tuples

    if both.is_async:
        assert both(opened()) == [("c",), ("b",), ("a",)]


def test_without_it_the_error_says_what_is_missing(both: Both, path: str) -> None:
    with create_client_sync(path, on_connect=register) as client:
        client.batch(SCHEMA)
    client = both.open(path)
    with pytest.raises(AgentDBError) as caught:
        both(client.execute("SELECT v FROM t ORDER BY v"))
    assert "on_connect" in caught.value.remedy


def test_a_statement_that_runs_elsewhere_finds_it_on_whatever_thread(path: str) -> None:
    threads: set[int] = set()

    def on_this_thread(connection: sqlite3.Connection) -> None:
        threads.add(threading.get_ident())
        register(connection)

    with create_client_sync(path, on_connect=on_this_thread) as client:
        client.batch(SCHEMA)
        with client.transaction():
            in_threads(lambda: client.execute("SELECT v FROM t ORDER BY v"))
    assert len(threads) == 2


# -- copies, where it is missing and where it is there

FOREIGN = {
    "collation of a key": "CREATE TABLE x (a TEXT PRIMARY KEY COLLATE HOST)",
    "collation of a table without rowid": "CREATE TABLE x (a TEXT PRIMARY KEY COLLATE HOST) WITHOUT ROWID",
    "collation of an index": "CREATE TABLE x (a TEXT); CREATE INDEX i ON x (a COLLATE HOST)",
    "function in a CHECK": "CREATE TABLE x (a TEXT CHECK (is_good(a)))",
    "function in an index": "CREATE TABLE x (a TEXT); CREATE INDEX i ON x (is_good(a))",
    "function in a column": "CREATE TABLE x (a TEXT, b AS (is_good(a)) STORED)",
    "both": "CREATE TABLE x (a TEXT PRIMARY KEY COLLATE HOST CHECK (is_good(a))); CREATE TABLE y (b CHECK (is_good(b)))",
}


def made(path: str, ddl: str) -> None:
    with outside(path) as connection:
        register(connection)
        connection.executescript(f"CREATE TABLE own (v); {ddl}")
        connection.execute("INSERT INTO x (a) VALUES ('q'), ('r')")
        connection.execute("INSERT INTO own VALUES (zeroblob(100000))")


@pytest.mark.parametrize("ddl", FOREIGN.values(), ids=FOREIGN)
def test_what_cannot_be_checked_is_noted_and_the_copy_is_whole(
    path: str, tmp_path: Path, ddl: str, caplog: pytest.LogCaptureFixture
) -> None:
    from agentdb import backup

    made(path, ddl)
    with caplog.at_level(logging.WARNING, "agentdb"):
        copy = backup(path, tmp_path / "copy")
    noted = [record for record in caplog.records if "could not be checked" in record.getMessage()]
    assert bool(noted) == ("CHECK" in ddl or "HOST" in ddl)
    assert all("on_connect" in record.getMessage() for record in noted)
    with outside(copy) as connection:
        register(connection)
        assert connection.execute("SELECT a FROM x ORDER BY a COLLATE BINARY").fetchall() == [("q",), ("r",)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("ddl", FOREIGN.values(), ids=FOREIGN)
def test_with_it_all_of_the_copy_is_checked(
    path: str, tmp_path: Path, ddl: str, caplog: pytest.LogCaptureFixture
) -> None:
    from agentdb import backup

    made(path, ddl)
    counting = Counting()
    with caplog.at_level(logging.WARNING, "agentdb"):
        backup(path, tmp_path / "copy", on_connect=counting)
    assert caplog.records == []
    assert len(counting.connections) == 2  # the snapshot, and the copy


def damage_a_table(path: str) -> None:
    with outside(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'own'").fetchone()
    overwrite(path, (root - 1) * 4096, b"\xff" * 100)


def damage_a_value(path: str) -> None:
    """The pages of a long value are a chain; one of them is its end now."""
    whole = Path(path).read_bytes()
    for at in range(4096, len(whole), 4096):
        if whole[at : at + 4] != bytes(4) and whole[at + 4 : at + 4096] == bytes(4092):
            return overwrite(path, at, bytes(4))
    raise AssertionError("there is no such page")


def overwrite(path: str, at: int, what: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(what)


@pytest.mark.parametrize("damage", [damage_a_table, damage_a_value])
@pytest.mark.parametrize("ddl", FOREIGN.values(), ids=FOREIGN)
def test_damage_beside_what_cannot_be_checked_is_still_found(
    path: str, tmp_path: Path, ddl: str, damage: Callable[[str], None]
) -> None:
    from agentdb import backup
    from agentdb.errors import BackupError

    made(path, ddl)
    damage(path)
    with pytest.raises(BackupError) as caught:
        backup(path, tmp_path / "copy")
    assert caught.value.code == "backup_damaged"
