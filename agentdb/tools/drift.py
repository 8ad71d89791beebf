"""Drift: what a database has that its migrations have not made, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.operations.runners import run
from agentdb.tools.recorded_history import by_table, merged, recorded_sets
from agentdb.tools.replay import replay
from agentdb.tools.schema_objects import differences, read_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place
    from agentdb.engine.migration import Migration
    from agentdb.engine.migration_set import MigrationSet
    from agentdb.tools.schema_objects import Difference


@dataclass(frozen=True)
class Drift:
    """What find_drift() has found.

    differences: thing by thing. problems: migrations that could not be run again, each with its reason; then the comparison
    is not complete. tables: the tracking tables, in the order in which they were made. applied: how many migrations were run
    again.
    """

    differences: tuple[Difference, ...]
    problems: tuple[str, ...]
    tables: tuple[str, ...]
    applied: int

    @property
    def is_clean(self) -> bool:
        """Whether the schema is that of the migrations, as far as these could be run again."""
        return not self.differences

    @property
    def is_complete(self) -> bool:
        """Whether every migration could be run again."""
        return not self.problems and bool(self.tables)

    @property
    def sql(self) -> str:
        """All differences as a script; see Difference.sql."""
        return "\n\n".join([one.sql for one in self.differences])


def find_drift(
    database: Place,
    migrations: Iterable[MigrationSet | ModuleType] = (),
    *,
    ignore: Iterable[str] = (),
    timeout: float = 60.0,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
) -> Drift:
    """Run what a database has recorded again, in memory, and compare the schema with the real one. Opens read-only.

    database: a path or a file: URL. migrations: the application's sets, for Python steps, whose code no database records.
    ignore: patterns of names, as of a shell, that are left out: tables of other programs in the same file. timeout: seconds
    for the run in memory. busy_timeout, on_connect: as of create_client_sync().

    The recorded statements are input: nothing of them can reach another file.

    Raises StorageError, BusyError, InvalidArgumentError.
    """
    registered = by_table(migrations)
    with create_client_sync(database, busy_timeout=busy_timeout, on_connect=on_connect, read_only=True) as client:
        return drift_of(client, registered, ignore=tuple(ignore), timeout=timeout, on_connect=on_connect)


def drift_of(
    client: LocalClient,
    registered: Mapping[str, Sequence[Migration]],
    *,
    ignore: Sequence[str] = (),
    timeout: float = 60.0,
    on_connect: OnConnect | None = None,
) -> Drift:
    """The same for an open client. registered: migrations by tracking table."""
    sets = run(client, recorded_sets(registered))
    while True:
        tables = tuple([one.table for one in sets])
        actual = run(client, read_objects(tables, ignore))
        again = run(client, recorded_sets(registered))
        if again == sets:
            break
        sets = again  # another process has migrated between the two
    applied = merged(sets)
    problems = [f"{one.label}: {one.problem}" for one in applied if one.problem is not None]
    runnable = [one for one in applied if one.migration is not None]
    found = replay(
        [one.migration for one in runnable if one.migration is not None],
        timeout=timeout,
        ignore=ignore,
        on_connect=on_connect,
    )
    problems += [f"{runnable[at].label}: {why}" for at, why in found.failures]
    return Drift(differences(found.schema, actual), tuple(problems), tables, len(runnable) - len(found.failures))
