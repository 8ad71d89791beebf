"""Clients side by side, as multiples of a raw persistent connection: `python -m benchmarks.clients`.

A point SELECT (four columns by primary key, of 1,000 rows) and a single-row INSERT in autocommit, on a file in WAL.
Each contender has its own process and its own file; a sample is the mean of a batch, so checkpoints are in it; the
figure is the median of the samples. A timing never fails the run: the limits stand beside the ratios, met or missed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from benchmarks import options
from benchmarks.machine import machine_line
from benchmarks.peers import floor
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, Limit, compare, markdown
from benchmarks.worker import elapsed

if TYPE_CHECKING:
    from agentdb.clients.local.async_client import AsyncLocalClient

T = TypeVar("T")

ROWS = 1_000
SELECT = "SELECT id, name, value, created_at FROM item WHERE id = ?"
INSERT = "INSERT INTO entry (name, value, created_at) VALUES (?, ?, ?)"
VALUES = ("a name of usual length", "x" * 100, "2025-01-01T00:00:00.000Z")


def make_file(folder: str) -> str:
    """A file in WAL with a table of 1,000 rows to read and an empty one to write."""
    database = str(Path(folder) / "clients.db")
    connection = floor.connect(database)
    for table in ("item", "entry"):
        connection.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT, created_at TEXT)"
        )
    connection.execute("BEGIN")
    connection.executemany(INSERT.replace("entry", "item"), [VALUES] * ROWS)
    connection.execute("COMMIT")
    connection.close()
    return database


def key(number: int) -> tuple[int]:
    """The primary key to read next: every one of them once in ROWS, out of order."""
    return (number * 389 % ROWS + 1,)


# -- contenders: each answers point_select(count) and single_insert(count) with nanoseconds for all of them


class Raw:
    def __init__(self, folder: str) -> None:
        self._connection = floor.connect(make_file(folder))

    def point_select(self, count: int) -> int:
        execute = self._connection.execute

        def work() -> None:
            for number in range(count):
                execute(SELECT, key(number)).fetchall()

        return elapsed(work)

    def single_insert(self, count: int) -> int:
        execute = self._connection.execute

        def work() -> None:
            for _ in range(count):
                execute(INSERT, VALUES)

        return elapsed(work)

    def close(self) -> None:
        self._connection.close()


class _SyncClient(Protocol):
    def execute(self, stmt: str, args: Any = ...) -> Any: ...
    def close(self) -> None: ...


class _Sync:
    def __init__(self, client: _SyncClient) -> None:
        self._client = client

    def point_select(self, count: int) -> int:
        execute = self._client.execute

        def work() -> None:
            for number in range(count):
                execute(SELECT, key(number)).rows  # noqa: B018 (rows are made when asked for)

        return elapsed(work)

    def single_insert(self, count: int) -> int:
        execute = self._client.execute

        def work() -> None:
            for _ in range(count):
                execute(INSERT, VALUES)

        return elapsed(work)

    def close(self) -> None:
        self._client.close()


class AgentdbSync(_Sync):
    def __init__(self, folder: str) -> None:
        from agentdb import create_client_sync

        super().__init__(create_client_sync(make_file(folder)))


class LibsqlSync(_Sync):
    def __init__(self, folder: str) -> None:
        super().__init__(import_module("libsql_client").create_client_sync(f"file:{make_file(folder)}"))


class _AsyncClient(Protocol):
    def execute(self, stmt: str, args: Any = ...) -> Awaitable[Any]: ...
    def close(self) -> Awaitable[None]: ...


class _Async:
    """A client on an event loop that stays open between the samples."""

    def __init__(self, create: Callable[[], _AsyncClient]) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = self._run(_in_loop(create))

    def point_select(self, count: int) -> int:
        async def work() -> None:
            execute = self._client.execute
            for number in range(count):
                (await execute(SELECT, key(number))).rows  # noqa: B018 (as above)

        return elapsed(lambda: self._run(work()))

    def single_insert(self, count: int) -> int:
        async def work() -> None:
            execute = self._client.execute
            for _ in range(count):
                await execute(INSERT, VALUES)

        return elapsed(lambda: self._run(work()))

    def close(self) -> None:
        self._run(self._client.close())
        self._loop.close()

    def _run(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(work)


async def _in_loop(create: Callable[[], T]) -> T:
    return create()


class AgentdbAsync(_Async):
    def __init__(self, folder: str) -> None:
        from agentdb import create_client

        database = make_file(folder)
        super().__init__(lambda: create_client(database))


class LibsqlAsync(_Async):
    def __init__(self, folder: str) -> None:
        create_client = import_module("libsql_client").create_client
        database = make_file(folder)
        super().__init__(lambda: create_client(f"file:{database}"))


def _nothing() -> None:
    pass


def empty_hop(client: AsyncLocalClient) -> Awaitable[None]:
    """To the async client's worker thread and back, for nothing: what an await costs before any work is done."""
    return client._idle[-1].run(_nothing)


class Hop:
    """The reference for the async client: an empty hop to its thread, then the sync call."""

    def __init__(self, folder: str) -> None:
        from agentdb import create_client, create_client_sync

        database = make_file(folder)
        self._sync = create_client_sync(database)
        self._loop = asyncio.new_event_loop()
        self._async = self._loop.run_until_complete(_in_loop(lambda: create_client(database)))

    def point_select(self, count: int) -> int:
        async def work() -> None:
            for number in range(count):
                await empty_hop(self._async)
                self._sync.execute(SELECT, key(number)).rows  # noqa: B018 (as above)

        return elapsed(lambda: self._loop.run_until_complete(work()))

    def single_insert(self, count: int) -> int:
        async def work() -> None:
            for _ in range(count):
                await empty_hop(self._async)
                self._sync.execute(INSERT, VALUES)

        return elapsed(lambda: self._loop.run_until_complete(work()))

    def close(self) -> None:
        self._loop.run_until_complete(self._async.close())
        self._loop.close()
        self._sync.close()


# -- the table

RAW, SYNC, ASYNC, HOP = "raw sqlite3", "agentdb", "agentdb async", "hop + agentdb"
CONTENDERS: dict[str, str] = {
    RAW: Raw.__name__,
    SYNC: AgentdbSync.__name__,
    HOP: Hop.__name__,
    ASYNC: AgentdbAsync.__name__,
    "libsql-client": LibsqlSync.__name__,
    "libsql-client async": LibsqlAsync.__name__,
}
OPERATIONS = {"point_select": "point SELECT", "single_insert": "single INSERT"}
LIMITS = {
    "point_select": {SYNC: Limit(2.0), ASYNC: Limit(1.5)},
    "single_insert": {SYNC: Limit(1.5), ASYNC: Limit(5.0)},
}
#: An awaited SELECT is measured against what no async client can do without; everything else against raw.
AGAINST = {"point_select": {ASYNC: HOP}}
BATCH, SLOW_BATCH = 1_000, 200
LEGEND = f"""\
Per operation: the median of the means of batches, and the median of each round's ratio to raw sqlite3 (one open
connection, WAL, synchronous=NORMAL). "{HOP}" awaits an empty hop to the async client's thread, then makes the
sync call: what an awaited call costs at least. libsql-client opens a connection for every call."""


def measure(names: Sequence[str], quick: bool) -> list[Figure]:
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        workers = {}
        absent = []
        for number, name in enumerate(names):
            own = Path(folder) / str(number)
            own.mkdir()
            worker = stack.enter_context(Worker(f"benchmarks.clients:{CONTENDERS[name]}", str(own)))
            if worker.missing is None:
                workers[name] = worker
            else:
                absent.append(name)
        figures = []
        for operation, words in OPERATIONS.items():
            options.progress(words)
            for worker in workers.values():
                worker.ask(operation, 10)  # warms up
            samplers = [_sampler(name, worker, operation, quick) for name, worker in workers.items()]
            figures += compare(words, interleave(samplers), RAW, LIMITS[operation], AGAINST.get(operation))
    return figures + [Figure(case, name, note="not installed") for name in absent for case in OPERATIONS.values()]


def _sampler(name: str, worker: Worker, operation: str, quick: bool) -> Sampler:
    slow = name.startswith("libsql")  # a connection and a full fsync for every call
    batch = 50 if quick else SLOW_BATCH if slow else BATCH
    rounds = (1 if slow else 3) if quick else (7 if slow else 41)
    return Sampler(name, lambda: int(worker.ask(operation, batch)) // batch, rounds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("clients", "Clients, as multiples of a raw persistent sqlite3 connection.", CONTENDERS)
    chosen = parser.parse_args(arguments)
    names = [name for name in CONTENDERS if name == RAW or not chosen.only or name in chosen.only]
    if ASYNC in names and HOP not in names:
        names.insert(names.index(ASYNC), HOP)
    figures = measure(names, chosen.quick)
    table = markdown(figures, "client", RAW, contenders_down=True)
    options.show(figures, machine_line(["libsql-client"]), table, LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
