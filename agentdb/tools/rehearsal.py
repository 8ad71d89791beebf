"""A rehearsal: pending migrations on a verified copy of a database, and what they would do to it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from tempfile import mkdtemp
from time import perf_counter
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.engine.backup.copy_task import file_of
from agentdb.engine.backup.on_demand import backup
from agentdb.engine.events import StatementDone, StatementProgress
from agentdb.engine.joint_migrator import JointMigrator
from agentdb.engine.migrator import Migrator
from agentdb.errors import AgentDBError, BackupError, InvalidArgumentError, StorageError
from agentdb.operations.runners import run
from agentdb.sql.statement_tables import quoted
from agentdb.tools.recorded_history import by_table
from agentdb.tools.schema_objects import differences, read_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import ModuleType
    from typing import Any

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place
    from agentdb.engine.migration import Migration
    from agentdb.engine.migration_set import MigrationSet
    from agentdb.engine.results import MigrationResult
    from agentdb.tools.schema_objects import Difference

#: How the folder of a copy is named, behind the name of the database.
INFIX = ".rehearsal-"
_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
    "ORDER BY name"
)


@dataclass(frozen=True)
class TableRows:
    """How many rows a table has. None where the table is not there."""

    table: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal has shown.

    results: one for each migration that ran, with its time in milliseconds. error: what the first one raised that failed;
    what comes behind it did not run. tables: each table with its rows before and after. schema: the change of the schema:
    `unexpected` is new, `missing` is gone. violations: references that lead nowhere, and what quick_check says, after the
    migrations and not before. copy_seconds, migrate_seconds: how long each took. size_before, size_after: bytes of the file.
    wal_peak: bytes of the largest -wal. copy: the path of the copy, where it was kept.
    """

    results: tuple[MigrationResult, ...]
    error: AgentDBError | None
    tables: tuple[TableRows, ...]
    schema: tuple[Difference, ...]
    violations: tuple[str, ...]
    copy_seconds: float
    migrate_seconds: float
    size_before: int
    size_after: int
    wal_peak: int
    copy: str | None

    @property
    def is_good(self) -> bool:
        """Whether every migration ran, and nothing is violated that was not before."""
        return self.error is None and not self.violations

    @property
    def space_needed(self) -> int:
        """Bytes that the real run needs on its disk: the backup, the growth of the file, and the -wal."""
        return self.size_before + max(0, self.size_after - self.size_before) + self.wal_peak


def rehearse(
    database: Place,
    migrations: Iterable[MigrationSet | ModuleType],
    *,
    keep: bool = False,
    folder: str | os.PathLike[str] | None = None,
    on_event: Callable[[Any], None] | None = None,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
) -> Rehearsal:
    """Apply what is pending to a verified copy of a database, and tell what it did. The database itself is only read.

    database: a path or a file: URL; other programs may use it meanwhile. migrations: sets, in the order in which
    AgentDB.open() has them; `agentdb.migrations` is the built-in one. keep: leave the copy where it is. folder: where the
    copy is made, in a folder of its own; None: beside the database. on_event: called with the events of the copy and of the
    migrator. busy_timeout, on_connect: as of a client.

    A migration that fails is no exception: it is `.error` of the answer. A killed rehearsal leaves its folder
    `DATABASE.rehearsal-…`, which `agentdb doctor --fix` removes.

    Raises BackupError `backup_no_space`, StorageError, BusyError, InvalidArgumentError.
    """
    return rehearse_tables(
        database,
        by_table(migrations),
        keep=keep,
        folder=folder,
        on_event=on_event,
        busy_timeout=busy_timeout,
        on_connect=on_connect,
    )


def rehearse_tables(
    database: Place,
    sets: Mapping[str, Sequence[Migration]],
    *,
    keep: bool,
    folder: str | os.PathLike[str] | None,
    on_event: Callable[[Any], None] | None,
    busy_timeout: float,
    on_connect: OnConnect | None,
) -> Rehearsal:
    """The same. sets: migrations by tracking table."""
    if not sets:
        raise InvalidArgumentError("rehearse() needs at least one set of migrations")
    path = file_of(database)
    place = _folder_of_copy(path, folder)
    began = perf_counter()
    try:
        copy = backup(
            path, os.path.join(place, "copy.db"), on_event=on_event, busy_timeout=busy_timeout, on_connect=on_connect
        )
        made = perf_counter() - began
        found = _tried(copy, sets, on_event, on_connect, made)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(place, ignore_errors=True)
        return found
    with open(os.path.join(place, "keep"), "wb"):
        pass  # so that the doctor leaves it alone
    return Rehearsal(**{**found.__dict__, "copy": copy})


def _folder_of_copy(path: str, folder: str | os.PathLike[str] | None) -> str:
    above = os.path.dirname(path) if folder is None else os.path.abspath(os.fspath(folder))
    if not os.path.exists(path):
        raise StorageError(f"there is no database at {path}", code="file_missing")
    try:
        return mkdtemp(prefix=f"{os.path.basename(path)[:100]}{INFIX}", dir=above)
    except OSError as error:
        raise BackupError(
            f"no folder for a copy can be made in {above}: {error.strerror}",
            remedy="Name a folder that this user may write, as the folder of the rehearsal.",
        ) from error


def _tried(
    copy: str,
    sets: Mapping[str, Sequence[Migration]],
    on_event: Callable[[Any], None] | None,
    on_connect: OnConnect | None,
    copy_seconds: float,
) -> Rehearsal:
    size_before = os.path.getsize(copy)
    peak = 0

    def watch(event: Any) -> None:
        nonlocal peak
        if isinstance(event, (StatementDone, StatementProgress)):
            peak = max(peak, _size(f"{copy}-wal"))
        if on_event is not None:
            on_event(event)

    error: AgentDBError | None = None
    results: tuple[MigrationResult, ...] = ()
    # The -wal is not cut, so that its size after a migration is the largest that it has had.
    with create_client_sync(copy, on_connect=on_connect, journal_size_limit=-1) as client:
        before = _State(client, sets)
        migrators = [
            Migrator(client, migrations, table=table, backup=False, on_event=watch)
            for table, migrations in sets.items()
        ]
        began = perf_counter()
        try:
            results = tuple(JointMigrator(migrators).migrate())
        except AgentDBError as failed:
            error, results = failed, tuple(failed.results)  # type: ignore[arg-type]
        seconds = perf_counter() - began
        peak = max(peak, _size(f"{copy}-wal"))
        after = _State(client, sets)
        client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    names = sorted({*before.rows, *after.rows})
    return Rehearsal(
        results,
        error,
        tuple([TableRows(name, before.rows.get(name), after.rows.get(name)) for name in names]),
        differences(before.objects, after.objects),
        tuple([line for line in after.violations if line not in before.violations]),
        copy_seconds,
        seconds,
        size_before,
        os.path.getsize(copy),
        peak,
        None,
    )


class _State:
    """Rows, schema and violations of a database at one moment."""

    def __init__(self, client: LocalClient, sets: Mapping[str, Sequence[Migration]]) -> None:
        tracking = {name.lower() for name in sets}
        names = [name for (name,) in client.execute(_TABLES).tuples if name.lower() not in tracking]
        self.rows = {name: _count(client, name) for name in names}
        self.objects = run(client, read_objects(list(sets)))
        counts: dict[str, int] = {}
        for table, _, parent, _ in client.execute("PRAGMA foreign_key_check").tuples:
            what = f"{table} refers to rows of {parent} that are not there"
            counts[what] = counts.get(what, 0) + 1
        self.violations = [f"{count} of: {what}" for what, count in counts.items()]
        self.violations += [line for (line,) in client.execute("PRAGMA quick_check(20)").tuples if line != "ok"]


def _count(client: LocalClient, table: str) -> int:
    return int(client.execute(f"SELECT count(*) FROM {quoted(table)}").tuples[0][0])


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
