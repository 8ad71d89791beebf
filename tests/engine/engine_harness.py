"""One test body for both worlds: the same calls on Migrator and on AsyncMigrator, on a real file."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentdb import AsyncMigrator, Migration, Migrator, create_client, create_client_sync
from agentdb.errors import AgentDBError
from agentdb.sql.lexer import split

WORLDS = ("sync", "async")


def not_durable(path: Path | str) -> dict[str, Any]:
    """The options of a client that does not wait for the disk; a server decides that for itself."""
    return {} if str(path).startswith("http:") else {"synchronous": "OFF"}


class Facade:
    """A migrator whose awaitables are waited for, so that a test reads the same in both worlds."""

    def __init__(self, database: Database, migrator: Any) -> None:
        self.migrator = migrator
        self._database = database

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.migrator, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: self._database.wait(attribute(*args, **kwargs))


class Database:
    """A file with a client of one world on it."""

    def __init__(self, world: str, path: Path | str, **settings: Any) -> None:
        self.world = world
        self.path = path
        self.is_async = world.startswith("async")
        self._runner = asyncio.Runner() if self.is_async else None
        settings = {"busy_timeout": 0.2, **not_durable(path), **settings}
        self.client: Any = (create_client if self.is_async else create_client_sync)(path, **settings)

    def wait(self, value: Any) -> Any:
        if self._runner is not None and inspect.isawaitable(value):

            async def waiting() -> Any:
                return await value

            return self._runner.run(waiting())
        return value

    def migrator(self, migrations: Any = (), *, client: Any = None, **options: Any) -> Facade:
        kind = AsyncMigrator if self.is_async else Migrator
        return Facade(self, kind(self.client if client is None else client, migrations, **options))

    def execute(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        return self.wait(self.client.execute(sql, args)).tuples

    def connections(self) -> list[sqlite3.Connection]:
        """The open sqlite3 connections on this file, wherever the client keeps them, to watch what it sends."""
        found = []
        kinds = {sqlite3.Connection, *sqlite3.Connection.__subclasses__()}
        for one in [one for one in gc.get_objects() if type(one) in kinds]:
            try:
                ((_, _, file),) = one.execute("PRAGMA database_list").fetchall()
            except sqlite3.ProgrammingError:  # closed, or of another thread
                continue
            if file and os.path.samefile(file, self.path):
                found.append(one)
        return found

    @contextmanager
    def statements_sent(self) -> Iterator[list[str]]:
        """What SQLite is really asked to do on the client's connection, in the block."""
        sent: list[str] = []
        (connection,) = self.connections()
        connection.set_trace_callback(sent.append)
        try:
            yield sent
        finally:
            connection.set_trace_callback(None)

    def close(self) -> None:
        self.wait(self.client.close())
        if self._runner is not None:
            self._runner.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class OnServer:
    """What another program does on a server, in the manner of a connection of sqlite3."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._transaction: Any = None

    def execute(self, sql: str, args: Any = ()) -> Any:
        rows = []
        if sql.startswith("BEGIN"):
            self._transaction = self._client.transaction()
            self._transaction.execute("SELECT 1")
        elif sql in ("COMMIT", "ROLLBACK"):
            transaction, self._transaction = self._transaction, None
            getattr(transaction, sql.lower())()
        else:
            rows = (self._transaction or self._client).execute(sql, args).tuples

        class Rows:
            fetchall = staticmethod(lambda: rows)
            fetchone = staticmethod(lambda: rows[0] if rows else None)
            __iter__ = staticmethod(lambda: iter(rows))

        return Rows()

    def executemany(self, sql: str, rows: Any) -> None:
        self._client.batch([(sql, row) for row in rows])

    def executescript(self, script: str) -> None:
        for statement in split(script):
            self._client.execute(statement)


@contextmanager
def outside(path: Path | str) -> Iterator[Any]:
    """A plain connection, as another program would have one."""
    if str(path).startswith("http:"):
        with create_client_sync(str(path)) as client:
            yield OnServer(client)
        return
    connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    try:
        yield connection
    finally:
        connection.close()


def ask(path: Path | str, sql: str, *args: Any) -> list[tuple[Any, ...]]:
    with outside(path) as connection:
        return connection.execute(sql, args).fetchall()


def tables(path: Path | str) -> set[str]:
    """The tables that migrations made."""
    rows = ask(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name for (name,) in rows} - {"migrations"}


def applied_ids(path: Path | str, table: str = "migrations") -> list[str]:
    return [id for (id,) in ask(path, f'SELECT id FROM "{table}" ORDER BY id')]


def hand_made_row(path: Path | str, id: str | int, checksum: str = "manual") -> None:
    """The INSERT that people write when they mend a database by hand."""
    with outside(path) as connection:
        connection.execute(
            "INSERT INTO migrations (id, description, applied_at, execution_time, checksum)"
            " VALUES (?, 'by hand', CURRENT_TIMESTAMP, 0, ?)",
            (id, checksum),
        )


def make(number: int | str, *, up: Any = None, down: Any = None, **more: Any) -> Migration:
    """A migration that creates table t<number>; down drops it."""
    name = f"t{int(number)}"
    return Migration(
        str(number) if isinstance(number, str) else f"{number:03}",
        more.pop("description", f"make {name}"),
        up or f"CREATE TABLE {name} (x)",
        f"DROP TABLE {name}" if down is None else down,
        **more,
    )


def caught(call: Callable[..., Any], *args: Any, **kwargs: Any) -> AgentDBError:
    """The agentdb error that a call raises; anything else fails the test."""
    try:
        answer = call(*args, **kwargs)
    except AgentDBError as error:
        return error
    raise AssertionError(f"nothing was raised; the answer is {answer!r}")


def ids(results: Any) -> list[str]:
    return [result.migration.id for result in results]
