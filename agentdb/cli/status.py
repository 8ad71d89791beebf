"""`agentdb status`."""

from __future__ import annotations

from typing import Any

import click

from agentdb.cli import open_database
from agentdb.cli.options import database_options
from agentdb.cli.output import (
    Answer,
    answers,
    as_document,
    finding_document,
    lines_of_findings,
    migration_document,
    milliseconds,
    of_all,
    plain,
)
from agentdb.cli.sets import SelectedSet, of_set
from agentdb.engine.guards.wrong_set import check_set
from agentdb.engine.history import History
from agentdb.engine.history_row import UP, Row
from agentdb.engine.migration import Migration
from agentdb.engine.migrator import Migrator
from agentdb.engine.planner import recorded_number, survey
from agentdb.engine.results import ValidationResult
from agentdb.errors import MigrationError
from agentdb.operations.runners import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient


@click.command(short_help="What is applied, what is pending, and whether the two fit.")
@database_options
@click.option("--check", is_flag=True, help="Exit with 1 also where something is pending; for scripts.")
@answers
def status(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    check: bool,
) -> Answer:
    """Show what DATABASE has applied, what is pending, and what is wrong between it and the migrations.

    Opens read-only: it creates no file and changes none. Pending migrations are no failure (see --check); a database
    that does not fit the migrations is one, and so is a file that does not exist: it has no status.

    \b
    JSON
      database, table, current_version, is_valid,
      applied: [{id, description, applied_at, execution_time (ms),
                 checksum, in_progress}],
      pending: [{id, description}],
      errors, warnings: [{code, message, remedy, migration}]
      of several sets: database, is_valid (of all), and
      sets: [{set, table, and so on, as above}]
    """
    named: list[tuple[str, Answer]] = []
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        for one in sets:
            with of_set(one, sets):
                named.append((one.name, _status(database, client, one, check)))
    return of_all(named, database=database)


def _status(database: str, client: LocalClient, one: SelectedSet, check: bool) -> Answer:
    history = History(one.table)
    rows = run(client, history.read())
    migrator = Migrator(client, one.migrations, table=one.table)
    run(client, check_set(history, migrator.migrations))
    findings = migrator.validate_migrations()
    rows.sort(key=_order)
    applied = [row for row in rows if row.in_progress != UP]
    pending, _ = survey(migrator.migrations, rows, checksums=False)
    version = applied[-1].id if applied else None
    return Answer(
        [
            f"{plain(database)}: {len(applied)} applied, {len(pending)} pending; at {plain(version or 'no migration')}",
            *_table_of(applied, pending),
            *lines_of_findings(findings.errors, findings.warnings),
        ],
        as_document(
            database=database,
            table=one.table,
            current_version=version,
            is_valid=findings.is_valid,
            applied=[_row_document(row) for row in applied],
            pending=[migration_document(migration) for migration in pending],
            errors=[finding_document(finding) for finding in findings.errors],
            warnings=[finding_document(finding) for finding in findings.warnings],
        ),
        _is_good(findings, pending, check),
    )


def _order(row: Row) -> tuple[int, str]:
    """By number; ids that are none, which the findings tell of, before them."""
    try:
        return (recorded_number(row), row.id)
    except MigrationError:
        return (-1, row.id)


def _is_good(findings: ValidationResult, pending: list[Migration], check: bool) -> bool:
    return findings.is_valid and not (check and pending)


def _table_of(applied: list[Row], pending: list[Migration]) -> list[str]:
    cells = [
        (
            plain(row.id),
            "applied",
            str(row.applied_at or ""),
            milliseconds(row.execution_time),
            str(row.description or ""),
        )
        for row in applied
    ]
    cells += [(migration.id, "pending", "", "", migration.description) for migration in pending]
    widths = [max([len(row[column]) for row in cells], default=0) for column in range(4)]
    return [
        f"  {number:>{widths[0]}}  {state}  {plain(at):<{widths[2]}}  {time:>{widths[3]}}  {plain(description)}".rstrip()
        for number, state, at, time, description in cells
    ]


def _row_document(row: Row) -> dict[str, Any]:
    return as_document(
        id=row.id,
        description=row.description,
        applied_at=row.applied_at,
        execution_time=row.execution_time,
        checksum=row.checksum,
        in_progress=row.in_progress,
    )
