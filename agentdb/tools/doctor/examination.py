"""The doctor: everything that support asks about one database."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.clients.location import check_place
from agentdb.engine.backup.copy_task import file_of
from agentdb.errors import AgentDBError
from agentdb.tools.doctor.contents import look_inside
from agentdb.tools.doctor.report import Check, Repair, Report, without_home
from agentdb.tools.doctor.surroundings import look_around
from agentdb.tools.doctor.treatment import treat
from agentdb.tools.recorded_history import by_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.location import Place
    from agentdb.engine.migration import Migration
    from agentdb.engine.migration_set import MigrationSet


def doctor(
    database: Place,
    migrations: Iterable[MigrationSet | ModuleType] = (),
    *,
    fix: bool = False,
    deep: bool = False,
    backup_dir: str | os.PathLike[str] | None = None,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
) -> Report:
    """Examine a database and its surroundings. It is opened read-only, and a report holds no row and no token.

    database: a path or a file: URL. migrations: the application's sets, to tell what is pending. fix: first do what is safe:
    write the -wal into the file, renew the planner's statistics, rebuild search indexes that disagree with their table, and
    remove files that killed backups and restores have left. deep: integrity_check in place of quick_check, which also
    compares indexes with their tables. backup_dir: where backups are; None: the folder DATABASE.backups. busy_timeout: in
    seconds, as of a client. on_connect: as of a client.

    A database that cannot be opened is a report, too, with the check `opens`.

    Raises StorageError `file_missing`, `is_a_directory`, `cannot_open`; InvalidArgumentError for a database in memory.
    """
    return examine(
        database,
        by_table(migrations),
        fix=fix,
        deep=deep,
        backup_dir=backup_dir,
        busy_timeout=busy_timeout,
        on_connect=on_connect,
    )


def examine(
    database: Place,
    registered: Mapping[str, Sequence[Migration]],
    *,
    fix: bool,
    deep: bool,
    backup_dir: str | os.PathLike[str] | None,
    busy_timeout: float,
    on_connect: OnConnect | None,
) -> Report:
    """The same. registered: migrations by tracking table."""
    path = file_of(database)
    check_place(path, read_only=True)
    repairs: list[Repair] = []
    if fix:
        try:
            with create_client_sync(path, busy_timeout=busy_timeout, on_connect=on_connect) as client:
                repairs += treat(client, path)
        except AgentDBError as error:
            repairs.append(Repair("open", "the file could not be opened for writing", error.message))
    checks = list(look_around(path, None if backup_dir is None else os.fspath(backup_dir)))
    try:
        with create_client_sync(path, busy_timeout=busy_timeout, on_connect=on_connect, read_only=True) as client:
            client.execute("SELECT count(*) FROM sqlite_master")
            checks.append(Check("opens", "ok", "it can be opened"))
            checks += look_inside(client, registered, deep=deep, on_connect=on_connect)
    except AgentDBError as error:
        checks.append(Check("opens", "problem", error.message, {"code": error.code}, error.remedy))
    # An error names the whole path.
    shown = without_home(path)
    told = [replace(check, message=check.message.replace(path, shown)) for check in checks]
    return Report(shown, tuple(told), tuple(repairs))
