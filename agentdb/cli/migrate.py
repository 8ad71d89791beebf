"""`agentdb migrate`."""

from __future__ import annotations

from typing import Any

import click

from agentdb.cli import interruptible, open_database
from agentdb.cli.options import backup_options, database_options, range_options, upgrade_options
from agentdb.cli.output import Answer, answers
from agentdb.cli.progress import Progress
from agentdb.cli.run_report import report
from agentdb.engine.migration import Migration
from agentdb.engine.migrator import AsyncMigrator, Migrator
from agentdb.engine.results import MigrationResult, MigrationSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect

_VERBS = ("apply", "applied")


@click.command(short_help="Apply what is pending; creates the database where there is none.")
@database_options
@range_options("Apply N migrations at the most.", "Stop after this migration.")
@click.option("--dry-run", is_flag=True, help="Show what would run; open read-only, create nothing.")
@upgrade_options
@backup_options
@answers
def migrate(
    database: str,
    migrations: tuple[Migration, ...],
    table: str,
    busy_timeout: float,
    on_connect: OnConnect | None,
    limit: int | None,
    target: str | None,
    dry_run: bool,
    no_transaction: bool,
    no_checksums: bool,
    allow_out_of_order: bool,
    backups: dict[str, Any],
) -> Answer:
    """Apply the pending migrations to DATABASE, in order, each in a transaction of its own.

    A file that does not exist is created, in a folder that exists. Where a migration fails it is rolled back, the ones
    before it stay applied, and the next run goes on from there. With nothing pending nothing is written.

    Before the first change a verified backup is made of a file that has something applied, one for each upgrade, however often
    it is begun, in the folder DATABASE.backups; the newest three are kept. `agentdb restore` puts one back.

    \b
    JSON
      database, dry_run, current_version, pending (ids that are left),
      backup (the path of the one that was made, or null),
      results: [{id, description, success, executed_at,
                 execution_time (ms), dry_run, statements}]
    """
    rules: dict[str, Any] = {"table": table, "allow_out_of_order": allow_out_of_order}
    extent: dict[str, Any] = {
        "limit": limit,
        "target": target,
        "use_transaction": not no_transaction,
        "validate_checksums": not no_checksums,
    }
    if dry_run:
        with open_database.to_preview(database, busy_timeout, on_connect) as client:
            migrator = Migrator(client, migrations, **rules)
            results = migrator.migrate(dry_run=True, **extent)
            return report(database, results, migrator.get_migration_summary(), verbs=_VERBS, dry_run=True, backup=None)

    progress = Progress()

    async def upgrade() -> tuple[list[MigrationResult], MigrationSummary]:
        async with open_database.to_write(database, busy_timeout, on_connect) as client:
            with progress:
                migrator = AsyncMigrator(client, migrations, on_event=progress, **backups, **rules)
                results = await migrator.migrate(**extent)
            return results, await migrator.get_migration_summary()

    results, summary = interruptible.run(upgrade())
    return report(database, results, summary, verbs=_VERBS, dry_run=False, backup=progress.backup)
