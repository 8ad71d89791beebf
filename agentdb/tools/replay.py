"""Migrations run again, in memory, to see the schema that they make."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.engine.migration import Migration
from agentdb.engine.migrator import Migrator
from agentdb.errors import AgentDBError
from agentdb.operations.runners import run
from agentdb.tools.schema_model import created_tables
from agentdb.tools.schema_objects import read_objects

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.tools.schema_objects import Schema

TABLE = "agentdb_replay"
#: Instructions of SQLite's machine between two looks at the time.
_LOOK = 100_000


@dataclass(frozen=True)
class Replay:
    """The schema that migrations make, and those that could not be run: (position in the sequence, why)."""

    schema: Schema
    failures: tuple[tuple[int, str], ...] = ()


def replay(
    migrations: Sequence[Migration],
    *,
    timeout: float = 60.0,
    ignore: Iterable[str] = (),
    on_connect: OnConnect | None = None,
) -> Replay:
    """Run migrations in memory, in this order, whatever their numbers are. One that fails is left out.

    timeout: seconds after which statements are interrupted: recorded statements are input, and may have no end. ignore: as
    of read_objects(). on_connect: as of a client.
    """
    numbered = in_a_row(migrations)
    client = memory_client(timeout, on_connect)
    try:
        Migrator(client, numbered, table=TABLE).migrate()
        return Replay(run(client, read_objects((TABLE,), ignore)))
    except AgentDBError:
        pass
    finally:
        client.close()
    return _one_by_one(numbered, timeout, ignore, on_connect)


def in_a_row(migrations: Sequence[Migration]) -> list[Migration]:
    """Migrations of several sets, or of a database, as those of one set: numbered from 1, without downs.

    Each may lose rows of any of their tables: no database records what allows_loss named, and in memory nothing is lost.
    """
    tables = tuple({name for one in migrations for name in created_tables(one)})
    found = []
    for number, one in enumerate(migrations, 1):
        made = Migration.recorded(str(number), one.description, one.up, (), one.use_transaction, one.foreign_keys)
        made.__dict__["allows_loss"] = tables
        found.append(made)
    return found


def _one_by_one(
    migrations: Sequence[Migration], timeout: float, ignore: Iterable[str], on_connect: OnConnect | None
) -> Replay:
    """The same, where one fails: those behind it are tried all the same, and it is tried again behind them."""
    failures: list[tuple[int, str]] = []
    with memory_client(timeout, on_connect) as client:
        waiting = list(enumerate(migrations))
        while waiting:
            failures = []
            for at, migration in waiting:
                try:
                    Migrator(client, [migration], table=f"{TABLE}_{at}").migrate()
                except AgentDBError as error:
                    failures.append((at, error.message))
            failed = {at for at, _ in failures}
            left = [(at, migration) for at, migration in waiting if at in failed]
            if len(left) == len(waiting):
                break
            waiting = left
        tables = [f"{TABLE}_{at}" for at in range(len(migrations))]
        return Replay(run(client, read_objects(tables, ignore)), tuple(failures))


def memory_client(timeout: float, on_connect: OnConnect | None = None) -> LocalClient:
    """An empty database in memory, whose statements are interrupted when the time is over."""
    end = monotonic() + timeout

    def prepare(connection: sqlite3.Connection) -> None:
        if on_connect is not None:
            on_connect(connection)
        connection.set_progress_handler(lambda: int(monotonic() > end), _LOOK)

    return create_client_sync(":memory:", on_connect=prepare)
