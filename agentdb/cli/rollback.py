"""`agentdb rollback`."""

from __future__ import annotations

import sys

import click

from agentdb.cli import interruptible, places
from agentdb.cli.options import database_options, range_options
from agentdb.cli.output import Answer, answers
from agentdb.cli.progress import Progress
from agentdb.cli.runs import agreed, report
from agentdb.engine.migration import Migration, MigrationResult, MigrationSummary
from agentdb.engine.migrator import AsyncMigrator, Migrator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.on_connect import OnConnect

_VERBS = ("take back", "taken back")


@click.command(short_help="Take migrations back, newest first; without options the last one.")
@database_options
@range_options("Take back N migrations at the most.", "Take back all above this one, which stays applied.")
@click.option("--dry-run", is_flag=True, help="Show what would run; open read-only.")
@click.option("--yes", is_flag=True, help="Do not ask. Where stdin is no terminal nothing is asked anyway.")
@answers
def rollback(
    database: str,
    migrations: tuple[Migration, ...],
    table: str,
    busy_timeout: float,
    on_connect: OnConnect | None,
    limit: int | None,
    target: str | None,
    dry_run: bool,
    yes: bool,
) -> Answer:
    """Take applied migrations of DATABASE back, the newest first, each in a transaction of its own.

    Rolling back drops tables, with the rows in them: on a terminal it shows what would run, and asks. A migration that
    this version does not know is taken back with the statements that the database recorded.

    \b
    JSON
      database, dry_run, current_version, pending (ids that are left),
      results: [{id, description, success, executed_at,
                 execution_time (ms), dry_run, statements}]
    """
    if limit is None and target is None:
        limit = 1
    asking = not yes and not dry_run and sys.stdin is not None and sys.stdin.isatty()
    if dry_run or asking:
        with places.to_read(database, busy_timeout, on_connect) as client:
            reader = Migrator(client, migrations, table=table)
            previews = reader.rollback(limit, target, dry_run=True)
            summary = reader.get_migration_summary()
        if dry_run:
            return report(database, previews, summary, verbs=_VERBS, dry_run=True)
        if previews and not agreed(previews):
            return report(database, [], summary, verbs=_VERBS, dry_run=False, good=False)

    async def downgrade() -> tuple[list[MigrationResult], MigrationSummary]:
        async with places.to_write(database, busy_timeout, on_connect, must_exist=True) as client:
            with Progress() as progress:
                migrator = AsyncMigrator(client, migrations, table=table, on_event=progress)
                results = await migrator.rollback(limit, target)
            return results, await migrator.get_migration_summary()

    return report(database, *interruptible.run(downgrade()), verbs=_VERBS, dry_run=False)
