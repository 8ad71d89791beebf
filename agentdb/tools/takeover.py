"""A live database that another tool has migrated: what it has applied is recorded, where the schema proves it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.clients.location import check_place
from agentdb.engine import repair
from agentdb.engine.backup.copy_task import file_of
from agentdb.engine.history import History
from agentdb.errors import AgentDBError, MigrationError
from agentdb.operations.requests import atomically, execute
from agentdb.operations.runners import run
from agentdb.sql.statement_tables import quoted
from agentdb.tools.replay import replay
from agentdb.tools.schema_objects import differences, read_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place
    from agentdb.engine.migration import Migration
    from agentdb.operations.requests import Steps
    from agentdb.tools.schema_objects import Difference

_HAS = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE"


@dataclass(frozen=True)
class ForeignHistory:
    """What another tool has recorded in a database.

    tool: its name. table: its tracking table; "" for `PRAGMA user_version`. numbers: the migrations that it has applied; None
    where only their count is known, or only that of the newest. count: how many, in order. newest: all up to this number.
    unfinished: what it has begun and not ended.
    """

    tool: str
    table: str
    numbers: frozenset[int] | None = None
    count: int | None = None
    newest: int | None = None
    unfinished: tuple[str, ...] = ()

    def applied_of(self, migrations: Sequence[Migration]) -> list[Migration]:
        """Those of the migrations that it has applied. Raises MigrationError `takeover_refused` where one is not there."""
        if self.numbers is not None:
            there = {migration.number for migration in migrations}
            # A short id of a folder may have got zeros at its end; see agentdb.engine.layouts.reading.
            padded = {int(str(one).rstrip("0") or 0): one for one in there}
            wanted = {one if one in there else padded.get(int(str(one).rstrip("0") or 0), one) for one in self.numbers}
            missing = sorted(wanted - there)
            if missing:
                raise refused(f"{self.tool} has applied {missing[0]}, which is not among the migrations")
            return [migration for migration in migrations if migration.number in wanted]
        if self.count is not None:
            if self.count > len(migrations):
                raise refused(f"{self.tool} has applied {self.count} migrations, and there are {len(migrations)}")
            return list(migrations[: self.count])
        return [migration for migration in migrations if self.newest is not None and migration.number <= self.newest]


@dataclass(frozen=True)
class Takeover:
    """What take_over() has recorded, or would record. recorded, pending: ids."""

    history: ForeignHistory
    recorded: tuple[str, ...]
    pending: tuple[str, ...]


def refused(why: str, remedy: str | None = None) -> MigrationError:
    """Why nothing was recorded."""
    return MigrationError(f"{why}; nothing was recorded", code="takeover_refused", remedy=remedy)


def take_over(
    database: Place,
    migrations: Iterable[Migration],
    *,
    table: str = "migrations",
    at: str | None = None,
    reason: str | None = None,
    ignore: Iterable[str] = (),
    dry_run: bool = False,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
) -> Takeover:
    """Record what another tool has applied to a database as applied, if the schema is just what these migrations make.

    database: an existing file. migrations: the adopted ones. table: the tracking table that is written. at: the newest applied
    id, where the tool does not know numbers (alembic), or in place of what it has recorded. reason: kept in the tracking table;
    by default it names the tool. ignore: patterns of tables that are not of these migrations. dry_run: only look. busy_timeout,
    on_connect: as of a client.

    The other tool's table stays. No migration is run, and nothing else is written.

    Raises MigrationError `takeover_refused` where there is no such history, where it has something unfinished or something
    that is not among the migrations, and where the schema differs. Raises MigrationError `nothing_to_repair` where the
    tracking table has something already; StorageError, BusyError, InvalidArgumentError.
    """
    listed = sorted(migrations, key=lambda migration: migration.number)
    path = file_of(database)
    check_place(path, read_only=True)
    with create_client_sync(path, busy_timeout=busy_timeout, on_connect=on_connect, read_only=dry_run) as client:
        found = _history(client, at)
        if found.unfinished:
            raise refused(
                f"{found.tool} has begun {found.unfinished[0]} and not ended it", "Let that tool complete it first."
            )
        applied = found.applied_of(listed)
        if not applied:
            raise refused(f"{found.tool} has applied none of these migrations")
        _prove(client, applied, found, table, tuple(ignore), on_connect)
        if not dry_run:
            why = reason or f"taken over from {found.tool}: its history and the schema agree"
            run(client, atomically(_record(History(table), listed, applied, why)))
    ids = {migration.number for migration in applied}
    pending = tuple([migration.id for migration in listed if migration.number not in ids])
    return Takeover(found, tuple([migration.id for migration in applied]), pending)


def _record(history: History, listed: Sequence[Migration], applied: Sequence[Migration], reason: str) -> Steps[None]:
    for migration in applied:
        yield from repair.mark_applied(history, listed, migration.id, reason, None)


def _history(client: LocalClient, at: str | None) -> ForeignHistory:
    found: list[ForeignHistory] = list(run(client, foreign_histories()))
    if at is not None:
        tool = found[0] if found else ForeignHistory("the database", "")
        number = repair.number_of_id(at)
        return ForeignHistory(tool.tool, tool.table, newest=number, unfinished=tool.unfinished)
    if not found:
        raise refused("no history of another tool was found", "Name the newest applied id with at=, or with --at.")
    if len(found) > 1:
        names = " and ".join([f"{one.tool} ({one.table})" for one in found])
        raise refused(f"there are several histories: {names}", "Name the newest applied id with at=, or with --at.")
    if found[0].tool == "alembic":
        raise refused("alembic knows no numbers", "Name the newest applied id with at=, or with --at.")
    return found[0]


def _prove(
    client: LocalClient,
    applied: Sequence[Migration],
    found: ForeignHistory,
    table: str,
    ignore: tuple[str, ...],
    on_connect: OnConnect | None,
) -> None:
    made = replay(applied, ignore=ignore, on_connect=on_connect)
    if made.failures:
        at, why = made.failures[0]
        raise refused(f"migration {applied[at].label} cannot be run again: {why}")
    without = [table, *([found.table] if found.table else []), *run(client, _tables_of_tools())]
    actual = run(client, read_objects(without, ignore))
    differing: tuple[Difference, ...] = differences(made.schema, actual)
    if differing:
        named = ", ".join(map(str, differing[:5])) + (f" and {len(differing) - 5} more" if len(differing) > 5 else "")
        raise refused(
            f"the schema is not that of the {len(applied)} migrations which {found.tool} has applied: {named}",
            "Correct the migrations, or leave out what is not theirs with ignore=, or with --ignore.",
        )


def _tables_of_tools() -> Steps[list[str]]:
    names = []
    for name in _READERS:
        names += [found for (found,) in (yield from execute(_HAS, (name,))).tuples]
    return names


def foreign_histories() -> Steps[tuple[ForeignHistory, ...]]:
    """What other tools have recorded in a database; `PRAGMA user_version` only where there is nothing else."""
    found: list[ForeignHistory] = []
    for name, read in _READERS.items():
        for (table,) in (yield from execute(_HAS, (name,))).tuples:
            try:
                found.append((yield from read(table)))
            except (AgentDBError, TypeError, ValueError) as error:
                raise refused(f"the table {table} is not as that tool makes it: {error}") from error
    if not found:
        version = (yield from execute("PRAGMA user_version")).tuples[0][0]
        if version > 0:
            found.append(ForeignHistory("PRAGMA user_version", "", newest=version))
    return tuple(found)


def _select(columns: str, table: str) -> Steps[list[Any]]:
    return (yield from execute(f"SELECT {columns} FROM {quoted(table)}")).tuples


def _number(text: object) -> int:
    match = re.match(r"[0-9]+", str(text).replace("-", ""))
    if match is None:
        raise ValueError(f"{str(text)[:80]!r} does not begin with a number")
    return int(match[0])


def _diesel(table: str) -> Steps[ForeignHistory]:
    rows = yield from _select("version", table)
    return ForeignHistory("diesel", table, frozenset([_number(version) for (version,) in rows]))


def _sqlx(table: str) -> Steps[ForeignHistory]:
    rows = yield from _select("version, success", table)
    numbers = frozenset([_number(version) for version, success in rows if success])
    return ForeignHistory("sqlx", table, numbers, unfinished=tuple([str(v) for v, success in rows if not success]))


def _goose(table: str) -> Steps[ForeignHistory]:
    rows = yield from _select("version_id, is_applied, id", table)
    last = {_number(version): bool(applied) for version, applied, _ in sorted(rows, key=lambda row: row[2])}
    return ForeignHistory(
        "goose", table, frozenset([version for version, applied in last.items() if applied and version])
    )


def _schema_migrations(table: str) -> Steps[ForeignHistory]:
    columns = {name for (name,) in (yield from execute("SELECT name FROM pragma_table_info(?)", (table,))).tuples}
    if "dirty" not in columns:
        rows = yield from _select("version", table)
        return ForeignHistory("dbmate", table, frozenset([_number(version) for (version,) in rows]))
    rows = yield from _select("version, dirty", table)
    newest = max([_number(version) for version, _ in rows], default=None)
    unfinished = tuple([str(version) for version, dirty in rows if dirty])
    return ForeignHistory("golang-migrate", table, newest=newest, unfinished=unfinished)


def _sql_migrate(table: str) -> Steps[ForeignHistory]:
    rows = yield from _select("id", table)
    return ForeignHistory("sql-migrate", table, frozenset([_number(id) for (id,) in rows]))


def _drizzle(table: str) -> Steps[ForeignHistory]:
    rows = yield from _select("count(*)", table)
    return ForeignHistory("drizzle", table, count=rows[0][0])


def _prisma(table: str) -> Steps[ForeignHistory]:
    rows = yield from _select("migration_name, finished_at, rolled_back_at", table)
    living = [(name, finished) for name, finished, rolled_back in rows if rolled_back is None]
    numbers = frozenset([_number(name) for name, finished in living if finished is not None])
    return ForeignHistory("prisma", table, numbers, unfinished=tuple([name for name, done in living if done is None]))


def _alembic(table: str) -> Steps[ForeignHistory]:
    yield from _select("version_num", table)
    return ForeignHistory("alembic", table)


#: The tracking tables of other tools, and what reads each.
_READERS: dict[str, Callable[[str], Steps[ForeignHistory]]] = {
    "__diesel_schema_migrations": _diesel,
    "_sqlx_migrations": _sqlx,
    "goose_db_version": _goose,
    "schema_migrations": _schema_migrations,
    "gorp_migrations": _sql_migrate,
    "__drizzle_migrations": _drizzle,
    "_prisma_migrations": _prisma,
    "alembic_version": _alembic,
}
